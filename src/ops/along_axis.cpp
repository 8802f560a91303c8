#include "ops/along_axis.h"

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/reduction.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

AxisSet only(int axis) {
  AxisSet axes;
  axes.insert(axis);
  return axes;
}

Expr index_of_extreme(OpId id, Expr x, int axis, bool keepdim) {
  check_float(x, "x");
  const int at = checked_axis(x, axis);
  if (x.shape()[at].factor() == 0) fail(Status::kShape, "x ", x, "; wants a length of at least 1 in dimension ", at);
  return add_node(id, {x}, DType::kI64, reduced_shape(x.shape(), only(at), keepdim),
                  Attributes(AxisAttributes{at, keepdim, false}));
}

Expr same_shape(OpId id, Expr x, int axis, bool reverse) {
  check_float(x, "x");
  return add_node(id, {x}, x.dtype(), x.shape(), Attributes(AxisAttributes{checked_axis(x, axis), false, reverse}));
}

AxisAttributes attributes_of(const Backward& d) { return d.y.node().attributes.as<AxisAttributes>(); }

// The sum along y's axis, repeated along it.
Expr repeated_sum(Expr x, const Backward& d) {
  return broadcast_to(sum(x, only(attributes_of(d).axis), true), d.y.shape());
}

void describe_axis(Text& text, const Node& node) {
  const auto attributes = node.attributes.as<AxisAttributes>();
  text << ", axis=" << attributes.axis;
  if (attributes.keepdim) text << ", keepdim=1";
  if (attributes.reverse) text << ", reverse=1";
}

}  // namespace

Expr argmax(Expr x, int axis, bool keepdim) { return index_of_extreme(OpId::argmax, x, axis, keepdim); }
Expr argmin(Expr x, int axis, bool keepdim) { return index_of_extreme(OpId::argmin, x, axis, keepdim); }
Expr cumsum(Expr x, int axis, bool reverse) { return same_shape(OpId::cumsum, x, axis, reverse); }
Expr softmax(Expr x, int axis) { return same_shape(OpId::softmax, x, axis, false); }
Expr log_softmax(Expr x, int axis) { return same_shape(OpId::log_softmax, x, axis, false); }

void describe_argmax(Text& text, const Node& node) { describe_axis(text, node); }
void describe_argmin(Text& text, const Node& node) { describe_axis(text, node); }
void describe_cumsum(Text& text, const Node& node) { describe_axis(text, node); }
void describe_softmax(Text& text, const Node& node) { describe_axis(text, node); }
void describe_log_softmax(Text& text, const Node& node) { describe_axis(text, node); }

Expr argmax_gradient(const Backward&, int) { return {}; }
Expr argmin_gradient(const Backward&, int) { return {}; }

// x[i] is in the sums from i on.
Expr cumsum_gradient(const Backward& d, int) {
  const auto [axis, keepdim, reverse] = attributes_of(d);
  return cumsum(d.gy, axis, !reverse);
}

// dy[i]/dx[j] = y[i] ((i = j) - y[j])
Expr softmax_gradient(const Backward& d, int) { return d.y * (d.gy + -repeated_sum(d.gy * d.y, d)); }

// dy[i]/dx[j] = (i = j) - exp y[j]
Expr log_softmax_gradient(const Backward& d, int) { return d.gy + -(exp(d.y) * repeated_sum(d.gy, d)); }

}  // namespace nadir
