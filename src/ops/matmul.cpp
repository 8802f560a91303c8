#include "ops/matmul.h"

#include "ops/elementwise.h"

namespace nadir {

Expr matmul(Expr a, Expr b, bool transpose_a, bool transpose_b) {
  check_same_dtype(a, b);
  check_float(a, "a");
  if (a.shape().rank() != 2 || b.shape().rank() != 2) fail(Status::kShape, "a ", a, ", b ", b, "; wants two matrices");
  const Dim a_inner = a.shape()[transpose_a ? 0 : 1];
  const Dim b_inner = b.shape()[transpose_b ? 1 : 0];
  if (a_inner != b_inner) {
    fail(Status::kShape, "a ", a, transpose_a ? " (transposed)" : "", ", b ", b, transpose_b ? " (transposed)" : "",
         "; wants equal inner dimensions");
  }
  const NodeIndex inputs[] = {a.index(), b.index()};
  Node node;
  node.op = &op(OpId::matmul);
  node.dtype = a.dtype();
  node.shape.append(a.shape()[transpose_a ? 1 : 0]);
  node.shape.append(b.shape()[transpose_b ? 0 : 1]);
  node.inputs = inputs;
  node.attributes = Attributes(MatmulAttributes{transpose_a, transpose_b});
  if (!size_fits(node.shape, size_of(node.dtype))) {
    fail(Status::kShape, "a ", a, ", b ", b, ": the product has more than 2^63 - 1 bytes");
  }
  return {a.graph(), a.graph().add(node, nullptr)};
}

void describe_matmul(Text& text, const Node& node) {
  const auto attributes = node.attributes.as<MatmulAttributes>();
  if (attributes.transpose_a) text << ", transpose_a=1";
  if (attributes.transpose_b) text << ", transpose_b=1";
}

// For Y = A·B: dA = dY·Bᵀ and dB = Aᵀ·dY; a transposed operand's gradient is the transpose of that.
Expr matmul_gradient(const Backward& d, int operand) {
  const auto [ta, tb] = d.y.node().attributes.as<MatmulAttributes>();
  const Expr a = d.x(0);
  const Expr b = d.x(1);
  if (operand == 0) return ta ? matmul(b, d.gy, tb, true) : matmul(d.gy, b, false, !tb);
  return tb ? matmul(d.gy, a, true, ta) : matmul(a, d.gy, !ta, false);
}

}  // namespace nadir
