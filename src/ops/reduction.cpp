#include "ops/reduction.h"

#include "ops/elementwise.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

Shape reduced_shape(const Shape& x, AxisSet axes, bool keepdim) {
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!axes.contains(axis)) {
      shape.append(x[axis]);
    } else if (keepdim) {
      shape.append(Dim::constant(1));
    }
  }
  return shape;
}

Expr reduction(OpId id, Expr x, AxisSet axes, bool keepdim) {
  check_float(x, "x");
  const NodeIndex inputs[] = {x.index()};
  Node node;
  node.op = &op(id);
  node.dtype = x.dtype();
  node.shape = reduced_shape(x.shape(), axes, keepdim);
  node.inputs = inputs;
  node.attributes = Attributes(ReductionAttributes{axes, keepdim});
  return {x.graph(), x.graph().add(node, nullptr)};
}

void describe_reduction(Text& text, const Node& node) {
  const auto attributes = node.attributes.as<ReductionAttributes>();
  text << ", axes=[";
  const char* separator = "";
  for (int axis = 0; axis < kMaxRank; ++axis) {
    if (!attributes.axes.contains(axis)) continue;
    text << separator << axis;
    separator = ", ";
  }
  text << ']';
  if (attributes.keepdim) text << ", keepdim=1";
}

// The gradient of a reduction's result, spread over what was reduced.
Expr spread(Expr g, const Backward& d) {
  const Expr x = d.x(0);
  const AxisSet axes = d.y.node().attributes.as<ReductionAttributes>().axes;
  return broadcast_to(reshape(g, reduced_shape(x.shape(), axes, true)), x.shape());
}

}  // namespace

Expr sum(Expr x, AxisSet axes, bool keepdim) { return reduction(OpId::sum, x, axes, keepdim); }
Expr mean(Expr x, AxisSet axes, bool keepdim) { return reduction(OpId::mean, x, axes, keepdim); }

void describe_sum(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_mean(Text& text, const Node& node) { describe_reduction(text, node); }

// d(Σx)/dx = 1
Expr sum_gradient(const Backward& d, int) { return spread(d.gy, d); }

// d(Σx / n)/dx = 1/n
Expr mean_gradient(const Backward& d, int) {
  const Expr n = broadcast_to(count_ratio(d.x(0), d.y), d.gy.shape());
  return spread(d.gy / n, d);
}

}  // namespace nadir
