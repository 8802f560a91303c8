#include "ops/random.h"

#include <cmath>

#include "ops/building.h"
#include "ops/elementwise.h"

namespace nadir {

namespace {

void check_probability(double probability) {
  if (!(probability >= 0 && probability <= 1)) {
    fail(Status::kArgument, "probability is ", probability, "; wants 0 to 1");
  }
}

}  // namespace

Expr random(Graph& graph, DType dtype, const Shape& shape, const RandomAttributes& attributes) {
  if (!is_float(dtype)) fail(Status::kDType, "dtype is ", name_of(dtype), "; wants f32 or f64");
  if (!size_fits(shape, size_of(dtype)))
    fail(Status::kShape, "a tensor of shape ", shape, " has more than 2^63 - 1 bytes");
  Node node;
  node.op = &op(OpId::random);
  node.dtype = dtype;
  node.shape = shape;
  node.attributes = Attributes(attributes);
  return {graph, graph.add(node, nullptr)};
}

Expr uniform(Graph& graph, DType dtype, const Shape& shape, double low, double high) {
  if (!std::isfinite(high - low) || low > high) {
    fail(Status::kArgument, "low is ", low, ", high ", high, "; wants finite low <= high");
  }
  return random(graph, dtype, shape, {RandomAttributes::Kind::kUniform, {low, high}, low + (high - low) / 2});
}

Expr normal(Graph& graph, DType dtype, const Shape& shape, double mean, double deviation) {
  if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation < 0) {
    fail(Status::kArgument, "mean is ", mean, ", std ", deviation, "; wants finite numbers, and std of 0 or more");
  }
  return random(graph, dtype, shape, {RandomAttributes::Kind::kNormal, {mean, deviation}, mean});
}

Expr bernoulli(Graph& graph, DType dtype, const Shape& shape, double probability) {
  check_probability(probability);
  return random(graph, dtype, shape, {RandomAttributes::Kind::kBernoulli, {probability, 1}, probability});
}

// Outside training the factors are exactly 1.
Expr dropout(Expr x, double probability) {
  check_float(x, "x");
  check_probability(probability);
  const double kept = 1 - probability;
  const double factor = kept > 0 ? 1 / kept : 0;
  return mul(x, random(x.graph(), x.dtype(), x.shape(), {RandomAttributes::Kind::kBernoulli, {kept, factor}, 1}));
}

Expr random_gradient(const Backward&, int) { return {}; }

void describe_random(Text& text, const Node& node) {
  const auto [kind, numbers, mean] = node.attributes.as<RandomAttributes>();
  constexpr const char* kNames[] = {"uniform", "normal", "bernoulli"};
  text << kNames[static_cast<int>(kind)] << ", " << numbers[0] << ", " << numbers[1];
}

}  // namespace nadir
