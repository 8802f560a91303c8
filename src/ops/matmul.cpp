#include "ops/matmul.h"

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

Shape leading(const Shape& shape) {
  Shape result;
  for (int axis = 0; axis + 2 < shape.rank(); ++axis) result.append(shape[axis]);
  return result;
}

Shape with_matrix(Shape shape, Dim rows, Dim columns) {
  shape.append(rows);
  shape.append(columns);
  return shape;
}

// The product of matrices whose leading dimensions are the same.
Expr product_of_matrices(Expr a, Expr b, bool transpose_a, bool transpose_b, Lower lower = Lower::kNone) {
  const int columns = a.shape().rank() - 1;
  const Shape shape = with_matrix(leading(a.shape()), a.shape()[columns - (transpose_a ? 0 : 1)],
                                  b.shape()[columns - (transpose_b ? 1 : 0)]);
  return add_node(OpId::matmul, {a, b}, a.dtype(), shape,
                  Attributes(MatmulAttributes{transpose_a, transpose_b, lower}));
}

// One matrix for all of a: its rows are those of one tall matrix.
Expr product_with_matrix(Expr a, Expr b, bool transpose_b) {
  const Expr y = product_of_matrices(as_matrix(a), b, false, transpose_b);
  Shape result = a.shape();
  result[result.rank() - 1] = y.shape()[1];
  return reshape(y, result);
}

void check_vectors(Expr a, Expr b) {
  check_same_dtype(a, b);
  check_float(a, "a");
  if (a.shape().rank() != 1 || b.shape().rank() != 1) fail(Status::kShape, "a ", a, ", b ", b, "; wants two vectors");
}

Expr as_row(Expr x) { return reshape(x, with_matrix(Shape(), Dim::constant(1), x.shape()[0])); }
Expr as_column(Expr x) { return reshape(x, with_matrix(Shape(), x.shape()[0], Dim::constant(1))); }

}  // namespace

Expr matmul(Expr a, Expr b, bool transpose_a, bool transpose_b, Lower lower) {
  check_same_dtype(a, b);
  check_float(a, "a");
  const int rank_a = a.shape().rank();
  const int rank_b = b.shape().rank();
  if (rank_a == 0 || rank_b == 0) fail(Status::kShape, "a ", a, ", b ", b, "; wants vectors or matrices");
  transpose_a = transpose_a && rank_a > 1;
  transpose_b = transpose_b && rank_b > 1;
  const Dim a_inner = a.shape()[transpose_a ? rank_a - 2 : rank_a - 1];
  const Dim b_inner = b.shape()[rank_b == 1 ? 0 : transpose_b ? rank_b - 1 : rank_b - 2];
  if (a_inner != b_inner) {
    fail(Status::kShape, "a ", a, transpose_a ? " (transposed)" : "", ", b ", b, transpose_b ? " (transposed)" : "",
         "; wants equal inner dimensions");
  }
  const Expr left = rank_a == 1 ? as_row(a) : a;
  const Expr right = rank_b == 1 ? as_column(b) : b;
  const Shape leading_a = leading(left.shape());
  const Shape leading_b = leading(right.shape());
  const auto common = broadcast(leading_a, leading_b);
  if (!common) fail(Status::kShape, "a ", a, ", b ", b, "; wants leading dimensions that broadcast");

  Expr y;
  const bool is_tall = right.shape().rank() == 2 && left.shape().rank() > 2 && lower == Lower::kNone;
  if (is_tall && !transpose_a && leading_a.batch_dimensions() < 2) {
    y = product_with_matrix(left, right, transpose_b);
  } else {
    const auto repeated = [&](Expr x) {
      const int columns = x.shape().rank() - 1;
      return broadcast_to(x, with_matrix(*common, x.shape()[columns - 1], x.shape()[columns]));
    };
    y = product_of_matrices(repeated(left), repeated(right), transpose_a, transpose_b, lower);
  }
  Shape shape;
  for (int axis = 0; axis < y.shape().rank(); ++axis) {
    const bool is_of_vector =
        (rank_a == 1 && axis == y.shape().rank() - 2) || (rank_b == 1 && axis == y.shape().rank() - 1);
    if (!is_of_vector) shape.append(y.shape()[axis]);
  }
  return reshape(y, shape);
}

Expr dot(Expr a, Expr b) {
  check_vectors(a, b);
  return matmul(a, b, false, false);
}

Expr outer(Expr a, Expr b) {
  check_vectors(a, b);
  return product_of_matrices(as_column(a), as_row(b), false, false);
}

void describe_matmul(Text& text, const Node& node) {
  const auto attributes = node.attributes.as<MatmulAttributes>();
  if (attributes.transpose_a) text << ", transpose_a=1";
  if (attributes.transpose_b) text << ", transpose_b=1";
  if (attributes.lower != Lower::kNone) text << ", lower=" << static_cast<int>(attributes.lower);
}

// For Y = A·B: dA = dY·Bᵀ and dB = Aᵀ·dY; a transposed operand's gradient is the transpose of that. What counts below its
// diagonal alone does so in these too, or its gradient does.
Expr matmul_gradient(const Backward& d, int operand) {
  const auto attributes = d.y.node().attributes.as<MatmulAttributes>();
  const bool ta = attributes.transpose_a;
  const bool tb = attributes.transpose_b;
  const Lower lower = attributes.lower;
  // Where it is in the product of first and second, which are dY and the other operand or the other way round.
  const Lower wanted = operand == 0 ? Lower::kA : Lower::kB;
  const auto lower_if = [&](bool gy_is_first) {
    if (lower == Lower::kNone || lower == wanted) return lower == wanted ? Lower::kResult : Lower::kNone;
    return (lower == Lower::kResult) == gy_is_first ? Lower::kA : Lower::kB;
  };
  const Expr a = d.x(0);
  const Expr b = d.x(1);
  if (operand == 0) {
    return ta ? product_of_matrices(b, d.gy, tb, true, lower_if(false))
              : product_of_matrices(d.gy, b, false, !tb, lower_if(true));
  }
  return tb ? product_of_matrices(d.gy, a, true, ta, lower_if(true))
            : product_of_matrices(a, d.gy, !ta, false, lower_if(false));
}

}  // namespace nadir
