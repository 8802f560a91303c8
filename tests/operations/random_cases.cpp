// Random numbers outside training, where each is its mean, and in training as far as differences can tell: the numbers
// stay while they are taken. What the numbers themselves are like is in test_random.cpp.
#include "cases.h"

namespace operations {

namespace {

using Random = std::function<nadir_node(const Scope& scope, const Shape& shape)>;

// The numbers alone, and added to something that tells the batch.
Cases numbers(const std::string& label, double mean, const Random& build) {
  Cases cases;
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{9}, Shape{33}, Shape{2, 3}, Shape{2, 1, 3, 2, 2},
                             Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
    Case c;
    c.label = label;
    c.roundings = 0;
    c.build = [build, shape](const Scope& scope, const Nodes&) { return build(scope, shape); };
    c.reference = [mean, shape](const Arrays&) { return generate(shape, [&](const Index&) { return mean; }); };
    cases.push_back(std::move(c));
  }
  for (const Shape& shape : {Shape{7}, Shape{kBatch}, Shape{kBatch, 3}, Shape{2, 2 * kBatch}}) {
    Case c;
    c.label = label + " and a product";
    c.is_random = true;
    c.operands = {{shape, spread(-3, 3), 0, {}}};
    c.build = [build, shape](const Scope& scope, const Nodes& x) {
      return nadir_mul(scope.graph, build(scope, scope.shape(shape)), nadir_square(scope.graph, x[0]));
    };
    c.reference = [mean](const Arrays& x) {
      return mapped(x[0], [mean](double value) { return mean * value * value; });
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

std::int32_t rank(const Shape& shape) { return static_cast<std::int32_t>(shape.size()); }

}  // namespace

namespace cases {

Cases uniform() {
  return numbers("uniform", 1.25, [](const Scope& scope, const Shape& shape) {
    return nadir_uniform(scope.graph, scope.dtype, shape.data(), rank(shape), "low=-0.5 high=3");
  });
}
Cases normal() {
  return numbers("normal", -0.75, [](const Scope& scope, const Shape& shape) {
    return nadir_normal(scope.graph, scope.dtype, shape.data(), rank(shape), "mean=-0.75 std=2");
  });
}
Cases bernoulli() {
  return numbers("bernoulli", 0.375, [](const Scope& scope, const Shape& shape) {
    return nadir_bernoulli(scope.graph, scope.dtype, shape.data(), rank(shape), 0.375);
  });
}

Cases dropout() {
  Cases cases;
  for (const double probability : {0.0, 0.25, 0.5, 1.0}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{33}, Shape{2, 3}, Shape{2, 1, 3, 2, 2},
                               Shape{kBatch, 3}, Shape{2, kBatch}}) {
      Case c;
      c.label = "dropout of " + std::to_string(probability);
      c.roundings = 0;
      c.is_random = true;
      c.operands = {{shape, spread(-3, 3), 0, {}}};
      c.build = [probability](const Scope& scope, const Nodes& x) {
        return nadir_dropout(scope.graph, x[0], probability);
      };
      c.reference = [](const Arrays& x) { return x[0]; };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

// What all of them are made of.
Cases random() {
  Cases all = uniform();
  append(all, normal());
  append(all, bernoulli());
  return all;
}

}  // namespace cases

}  // namespace operations
