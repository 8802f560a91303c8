#include "ops/shaping.h"

#include <utility>

#include "ops/building.h"
#include "ops/reduction.h"

namespace nadir {

namespace {

Expr shaped(OpId id, Expr x, const Shape& shape) { return add_node(id, {x}, x.dtype(), shape); }

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
  return shaped(OpId::broadcast_to, x, shape);
}

Expr reshape(Expr x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check_size(x, shape, x.dtype());
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
  // The sum of what is negated is the negated sum, which is less to negate.
  const bool is_negated = id_of(d.gy.node()) == OpId::neg && d.gy.graph().may_fold(d.gy.index());
  const Expr gy = is_negated ? d.gy.input(0) : d.gy;
  const Expr gx = reshape(sum(gy, repeated_axes(x.shape(), d.y.shape()), false), x.shape());
  return is_negated ? -gx : gx;
}

Expr reshape_gradient(const Backward& d, int) { return reshape(d.gy, d.x(0).shape()); }

// ---------------------------------------------------------------------------------------------------- permutations

Expr permute(Expr x, PermuteAttributes order) {
  Shape shape;
  bool is_same = true;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    const int from = order.axes[static_cast<std::size_t>(axis)];
    shape.append(x.shape()[from]);
    is_same = is_same && from == axis;
  }
  return is_same ? x : add_node(OpId::permute, {x}, x.dtype(), shape, Attributes(order));
}

Expr permute(Expr x, std::span<const std::int32_t> axes) {
  const int rank = x.shape().rank();
  if (static_cast<int>(axes.size()) != rank)
    fail(Status::kShape, "x ", x, ": ", axes.size(), " axes given; wants ", rank);
  PermuteAttributes order{};
  AxisSet seen;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = checked_axis(x, axes[i]);
    if (seen.contains(axis)) fail(Status::kShape, "axis ", axes[i], " is given twice; x ", x);
    seen.insert(axis);
    order.axes[i] = static_cast<std::uint8_t>(axis);
  }
  return permute(x, order);
}

Expr transpose(Expr x, int axis_a, int axis_b) {
  PermuteAttributes order{};
  for (std::size_t i = 0; i < order.axes.size(); ++i) order.axes[i] = static_cast<std::uint8_t>(i);
  std::swap(order.axes[static_cast<std::size_t>(checked_axis(x, axis_a))],
            order.axes[static_cast<std::size_t>(checked_axis(x, axis_b))]);
  return permute(x, order);
}

void describe_permute(Text& text, const Node& node) {
  const auto order = node.attributes.as<PermuteAttributes>();
  text << ", axes=[";
  for (int axis = 0; axis < node.shape.rank(); ++axis) {
    text << (axis > 0 ? ", " : "") << static_cast<int>(order.axes[static_cast<std::size_t>(axis)]);
  }
  text << ']';
}

Expr permute_gradient(const Backward& d, int) {
  const auto order = d.y.node().attributes.as<PermuteAttributes>();
  PermuteAttributes inverse{};
  for (int axis = 0; axis < d.y.shape().rank(); ++axis) {
    inverse.axes[static_cast<std::size_t>(order.axes[static_cast<std::size_t>(axis)])] =
        static_cast<std::uint8_t>(axis);
  }
  return permute(d.gy, inverse);
}

// --------------------------------------------------------------------------------------------- shapes by their axes

Expr flatten(Expr x, int start_axis, int end_axis) {
  if (x.shape().is_scalar()) return unsqueeze(x, 0);
  const int first = checked_axis(x, start_axis);
  const int last = checked_axis(x, end_axis);
  if (first > last) fail(Status::kShape, "x ", x, ": start_axis ", start_axis, " is behind end_axis ", end_axis);
  Shape shape;
  for (int axis = 0; axis < first; ++axis) shape.append(x.shape()[axis]);
  shape.append(joined(x, first, last + 1));
  for (int axis = last + 1; axis < x.shape().rank(); ++axis) shape.append(x.shape()[axis]);
  return reshape(x, shape);
}

Expr as_matrix(Expr x) {
  const int last = x.shape().rank() - 1;
  Shape matrix;
  matrix.append(joined(x, 0, last));
  matrix.append(x.shape()[last]);
  return reshape(x, matrix);
}

Expr squeeze(Expr x, AxisSet axes) {
  Shape shape;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (!axes.contains(axis) || !x.shape()[axis].is_one()) shape.append(x.shape()[axis]);
  }
  return reshape(x, shape);
}

Expr unsqueeze(Expr x, int axis) {
  const int at = checked_axis(x, axis, x.shape().rank() + 1);
  Shape shape;
  for (int old = 0; old <= x.shape().rank(); ++old) {
    if (old == at) append_dim(shape, Dim::constant(1), x);
    if (old < x.shape().rank()) append_dim(shape, x.shape()[old], x);
  }
  return reshape(x, shape);
}

Expr full(Graph& graph, DType dtype, const Shape& shape, double value) {
  return broadcast_to(scalar(graph, dtype, value), shape);
}

}  // namespace nadir
