#include "ops/shaping.h"

#include "ops/reduction.h"
#include "ops/registry.h"

namespace nadir {

namespace {

Expr shaped(OpId id, Expr x, const Shape& shape) {
  const NodeIndex inputs[] = {x.index()};
  Node node;
  node.op = &op(id);
  node.dtype = x.dtype();
  node.shape = shape;
  node.inputs = inputs;
  return {x.graph(), x.graph().add(node, nullptr)};
}

void check_size(Expr x, const Shape& shape) {
  if (size_fits(shape, size_of(x.dtype()))) return;
  fail(Status::kShape, "x ", x, ": a tensor of shape ", shape, " has more than 2^63 - 1 bytes");
}

// The axes along which x was repeated to get `shape`: the leading ones that it lacks and those where its length is 1.
AxisSet repeated_axes(const Shape& x, const Shape& shape) {
  AxisSet axes;
  const int shift = shape.rank() - x.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis < shift || x[axis - shift] != shape[axis]) axes.insert(axis);
  }
  return axes;
}

}  // namespace

Expr broadcast_to(Expr x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const auto common = broadcast(x.shape(), shape);
  if (!common || *common != shape) fail(Status::kShape, "x ", x, "; wants a shape that broadcasts to ", shape);
  check_size(x, shape);
  return shaped(OpId::broadcast_to, x, shape);
}

Expr reshape(Expr x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check_size(x, shape);
  if (x.shape().count() != shape.count()) {
    fail(Status::kShape, "x ", x, "; wants a shape of as many elements, not ", shape);
  }
  return shaped(OpId::reshape, x, shape);
}

void describe_broadcast_to(Text&, const Node&) {}  // the result's shape says it
void describe_reshape(Text&, const Node&) {}

// An element that was used many times gets the sum of its gradients.
Expr broadcast_to_gradient(const Backward& d, int) {
  const Expr x = d.x(0);
  return reshape(sum(d.gy, repeated_axes(x.shape(), d.y.shape()), false), x.shape());
}

Expr reshape_gradient(const Backward& d, int) { return reshape(d.gy, d.x(0).shape()); }

}  // namespace nadir
