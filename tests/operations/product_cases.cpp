// Matrix products and what is made of them, in all combinations of ranks, transpositions and batches. The references
// are sums in plain loops: xtensor leaves products to BLAS.
#include "cases.h"

namespace operations {

namespace {

// ----------------------------------------------------------------------------------------------------- references

Array transposed(const Array& x, bool really) {
  if (!really || x.dimension() < 2) return x;
  Shape shape = shape_of(x);
  std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return generate(shape, [&](const Index& index) {
    Index in_x = index;
    std::swap(in_x[in_x.size() - 1], in_x[in_x.size() - 2]);
    return at(x, in_x);
  });
}

// The index of an operand's matrix where its leading dimensions are aligned with the result's, and those of length 1
// repeated.
Index matrix_of(const Array& x, const Index& in_y, std::size_t row, std::size_t column) {
  const std::size_t rank = x.dimension();
  Index index(rank, 0);
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    const std::size_t in_result = in_y[in_y.size() - rank + axis];
    index[axis] = x.shape()[axis] == 1 ? 0 : in_result;
  }
  index[rank - 2] = row;
  index[rank - 1] = column;
  return index;
}

Shape product_shape(const Array& a, const Array& b) {
  Shape left = shape_of(a), right = shape_of(b), shape;
  const std::size_t rank = std::max(left.size(), right.size());
  left.insert(left.begin(), rank - left.size(), 1);
  right.insert(right.begin(), rank - right.size(), 1);
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) shape.push_back(left[axis] == 1 ? right[axis] : left[axis]);
  shape.push_back(left[rank - 2]);
  shape.push_back(right[rank - 1]);
  return shape;
}

Array product(Array a, Array b, bool transpose_a, bool transpose_b) {
  const bool is_row = a.dimension() == 1, is_column = b.dimension() == 1;
  if (is_row) a = reshaped(a, {1, shape_of(a)[0]});
  if (is_column) b = reshaped(b, {shape_of(b)[0], 1});
  a = transposed(a, transpose_a && !is_row);
  b = transposed(b, transpose_b && !is_column);
  const std::size_t terms = a.shape().back();
  Array y = generate(product_shape(a, b), [&](const Index& index) {
    const std::size_t row = index[index.size() - 2], column = index[index.size() - 1];
    double sum = 0;
    for (std::size_t k = 0; k < terms; ++k)
      sum += at(a, matrix_of(a, index, row, k)) * at(b, matrix_of(b, index, k, column));
    return sum;
  });
  Shape shape = shape_of(y);
  if (is_row) shape.erase(shape.end() - 2);
  if (is_column) shape.erase(shape.end() - 1);
  return reshaped(y, shape);
}

// ---------------------------------------------------------------------------------------------------------- cases

// Each term and each addition rounds once: of sums of at most 40 terms of a few units each.
Case rounding() {
  Case c;
  c.floor = 1;
  c.roundings = 64;
  return c;
}

Case matmul_case(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b) {
  Case c = rounding();
  const std::string options = std::string(transpose_a ? "transpose_a=1 " : "") + (transpose_b ? "transpose_b=1" : "");
  c.label = "matmul " + options;
  c.operands = {{a, spread(-1, 1), 0, {}}, {b, spread(-1.5, 1), 0, {}}};
  c.build = [options](const Scope& scope, const Nodes& x) {
    return nadir_matmul(scope.graph, x[0], x[1], options.c_str());
  };
  c.reference = [transpose_a, transpose_b](const Arrays& x) { return product(x[0], x[1], transpose_a, transpose_b); };
  return c;
}

Shape turned(Shape shape, bool really) {
  if (really && shape.size() > 1) std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return shape;
}

struct Pair {
  Shape a, b;
};

}  // namespace

namespace cases {

Cases matmul() {
  const std::vector<Pair> shapes = {
      {{1, 1}, {1, 1}},
      {{2, 3}, {3, 4}},
      {{1, 33}, {33, 1}},
      {{4, 1}, {1, 17}},
      {{5, 7}, {7, 8}},
      {{3, 9}, {9, 16}},
      {{9, 4}, {4, 15}},
      {{3, 0}, {0, 2}},
      {{0, 3}, {3, 2}},
      {{2, 3}, {3, 0}},
      {{2, 2, 3}, {2, 3, 4}},
      {{2, 2, 3}, {3, 4}},
      {{2, 3}, {2, 3, 4}},
      {{2, 1, 2, 3}, {3, 3, 4}},
      {{1, 2, 3}, {3, 3, 2}},
      {{2, 1, 2, 3}, {1, 3, 3, 2}},
      {{0, 2, 3}, {3, 4}},
      {{2, 1, 1, 2, 2}, {1, 2, 3, 2, 2}},
      {{1, 2, 1, 1, 2, 1, 2, 2}, {2, 2, 3}},
      {{kBatch, 3}, {3, 4}},
      {{3, kBatch}, {kBatch, 4}},
      {{2, 3}, {3, kBatch}},
      {{kBatch, 2, 3}, {3, 4}},
      {{kBatch, 2, 3}, {kBatch, 3, 2}},
      {{2, 3}, {kBatch, 3, 2}},
      {{2, 1, 2, 3}, {kBatch, 3, 2}},
  };
  Cases cases;
  for (const Pair& pair : shapes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        cases.push_back(
            matmul_case(turned(pair.a, transpose_a), turned(pair.b, transpose_b), transpose_a, transpose_b));
      }
    }
  }
  // A vector is a row on the left and a column on the right.
  const std::vector<Pair> vectors = {
      {{3}, {3}},
      {{17}, {17}},
      {{3}, {3, 4}},
      {{2, 3}, {3}},
      {{3}, {2, 3, 4}},
      {{2, 2, 3}, {3}},
      {{0}, {0}},
      {{3}, {3, 0}},
      {{kBatch, 3}, {3}},
      {{3}, {kBatch, 3, 2}},
      {{kBatch, 2, 3}, {3}},
      {{kBatch}, {kBatch}},
      {{kBatch}, {kBatch, 3}},
  };
  for (const Pair& pair : vectors) cases.push_back(matmul_case(pair.a, pair.b, false, false));
  return cases;
}

Cases dot() {
  Cases cases;
  for (const std::int64_t length : {std::int64_t{0}, std::int64_t{1}, std::int64_t{3}, std::int64_t{8},
                                    std::int64_t{17}, std::int64_t{33}, kBatch, 3 * kBatch}) {
    Case c = rounding();
    c.label = "dot";
    c.operands = {{{length}, spread(-1, 1), 0, {}}, {{length}, spread(-1.5, 1), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_dot(scope.graph, x[0], x[1]); };
    c.reference = [](const Arrays& x) { return product(x[0], x[1], false, false); };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases outer() {
  Cases cases;
  for (const Pair& pair : std::vector<Pair>{
           {{1}, {1}}, {{3}, {4}}, {{9}, {17}}, {{0}, {3}}, {{3}, {0}}, {{kBatch}, {3}}, {{4}, {kBatch}}}) {
    Case c = rounding();
    c.label = "outer";
    c.operands = {{pair.a, spread(-1, 1), 0, {}}, {pair.b, spread(-1.5, 1), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_outer(scope.graph, x[0], x[1]); };
    c.reference = [](const Arrays& x) {
      return generate({shape_of(x[0])[0], shape_of(x[1])[0]},
                      [&](const Index& i) { return at(x[0], {i[0]}) * at(x[1], {i[1]}); });
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases linear() {
  Cases cases;
  for (const Shape& shape : {Shape{3}, Shape{2, 3}, Shape{0, 3}, Shape{5, 9}, Shape{2, 3, 2}, Shape{2, 2, 2, 3},
                             Shape{kBatch, 3}, Shape{2, kBatch, 3}, Shape{kBatch, 2, 4}}) {
    for (const bool has_bias : {true, false}) {
      const std::int64_t in = shape.back(), out = 4;
      Case c = rounding();
      c.label = has_bias ? "linear" : "linear without bias";
      c.operands = {{shape, spread(-1, 1), 0, {}}, {{out, in}, spread(-1.5, 1), 0, "layer.weight"}};
      if (has_bias) c.operands.push_back({{out}, spread(-2, 1), 0, "layer.bias"});
      c.build = [out, has_bias](const Scope& scope, const Nodes& x) {
        return nadir_linear_add(scope.graph, "layer", x[0], out, has_bias ? nullptr : "bias=0");
      };
      c.reference = [has_bias](const Arrays& x) {
        const Array y = product(x[0], x[1], false, true);
        return has_bias ? mapped(y, x[2], [](double a, double b) { return a + b; }) : y;
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace cases

}  // namespace operations
