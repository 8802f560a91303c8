#include "ops/elementwise.h"

#include "ops/shaping.h"

namespace nadir {

Expr unary(OpId id, Expr x) {
  const NodeIndex inputs[] = {x.index()};
  Node node;
  node.op = &op(id);
  node.dtype = x.dtype();
  node.shape = x.shape();
  node.inputs = inputs;
  return {x.graph(), x.graph().add(node, nullptr)};
}

void check_same_dtype(Expr a, Expr b) {
  if (a.dtype() == b.dtype()) return;
  fail(Status::kDType, "\"", a.node().name(), "\" is ", name_of(a.dtype()), ", \"", b.node().name(), "\" is ",
       name_of(b.dtype()), "; wants one dtype");
}

Expr binary(OpId id, Expr a, Expr b) {
  check_same_dtype(a, b);
  const auto shape = broadcast(a.shape(), b.shape());
  if (!shape) fail(Status::kShape, "a ", a, ", b ", b, "; wants shapes that broadcast");
  if (!size_fits(*shape, size_of(a.dtype()))) {
    fail(Status::kShape, "a ", a, ", b ", b, ": the result ", *shape, " has more than 2^63 - 1 bytes");
  }
  const NodeIndex inputs[] = {broadcast_to(a, *shape).index(), broadcast_to(b, *shape).index()};
  Node node;
  node.op = &op(id);
  node.dtype = a.dtype();
  node.shape = *shape;
  node.inputs = inputs;
  return {a.graph(), a.graph().add(node, nullptr)};
}

Expr scale(Expr x, double factor) {
  const NodeIndex inputs[] = {x.index()};
  Node node;
  node.op = &op(OpId::scale);
  node.dtype = x.dtype();
  node.shape = x.shape();
  node.inputs = inputs;
  node.attributes = Attributes(ScaleAttributes{factor});
  return {x.graph(), x.graph().add(node, nullptr)};
}

void describe_scale(Text& text, const Node& node) { text << ", " << node.attributes.as<ScaleAttributes>().factor; }

// d(-x)/dx = -1
Expr neg_gradient(const Backward& d, int) { return -d.gy; }

// d(x²)/dx = 2x
Expr square_gradient(const Backward& d, int) { return (2.0 * d.gy) * d.x(0); }

// d(cx)/dx = c
Expr scale_gradient(const Backward& d, int) { return d.y.node().attributes.as<ScaleAttributes>().factor * d.gy; }

// d(a + b)/da = d(a + b)/db = 1
Expr add_gradient(const Backward& d, int) { return d.gy; }

// d(a - b)/da = 1, d(a - b)/db = -1
Expr sub_gradient(const Backward& d, int operand) { return operand == 0 ? d.gy : -d.gy; }

// d(ab)/da = b, d(ab)/db = a
Expr mul_gradient(const Backward& d, int operand) { return d.gy * d.x(1 - operand); }

// d(a/b)/da = 1/b, d(a/b)/db = -(a/b)/b
Expr div_gradient(const Backward& d, int operand) { return operand == 0 ? d.gy / d.x(1) : -(d.gy * d.y / d.x(1)); }

}  // namespace nadir
