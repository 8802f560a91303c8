#include "ops/reduction.h"

#include <limits>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

namespace nadir {

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

namespace {

Expr reduction(OpId id, Expr x, AxisSet axes, bool keepdim) {
  return add_node(id, {x}, x.dtype(), reduced_shape(x.shape(), axes, keepdim),
                  Attributes(ReductionAttributes{axes, keepdim}));
}

Expr float_reduction(OpId id, Expr x, AxisSet axes, bool keepdim) {
  check_float(x, "x");
  return reduction(id, x, axes, keepdim);
}

Expr mask_reduction(OpId id, Expr x, AxisSet axes, bool keepdim) {
  check_mask(x, "x");
  return reduction(id, x, axes, keepdim);
}

// Of nothing there is no extreme.
void check_not_empty(Expr x, AxisSet axes) {
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (axes.contains(axis) && x.shape()[axis].factor() == 0) {
      fail(Status::kShape, "x ", x, "; wants a length of at least 1 in dimension ", axis);
    }
  }
}

Expr extreme(OpId id, Expr x, AxisSet axes, bool keepdim) {
  check_not_empty(x, axes);
  return float_reduction(id, x, axes, keepdim);
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

Expr sum(Expr x, AxisSet axes, bool keepdim) { return float_reduction(OpId::sum, x, axes, keepdim); }
Expr mean(Expr x, AxisSet axes, bool keepdim) { return float_reduction(OpId::mean, x, axes, keepdim); }
Expr max(Expr x, AxisSet axes, bool keepdim) { return extreme(OpId::max, x, axes, keepdim); }
Expr min(Expr x, AxisSet axes, bool keepdim) { return extreme(OpId::min, x, axes, keepdim); }
Expr any(Expr x, AxisSet axes, bool keepdim) { return mask_reduction(OpId::any, x, axes, keepdim); }
Expr all(Expr x, AxisSet axes, bool keepdim) { return mask_reduction(OpId::all, x, axes, keepdim); }

void describe_sum(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_mean(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_max(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_min(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_any(Text& text, const Node& node) { describe_reduction(text, node); }
void describe_all(Text& text, const Node& node) { describe_reduction(text, node); }

// d(Σx)/dx = 1
Expr sum_gradient(const Backward& d, int) { return spread(d.gy, d); }

// d(Σx / n)/dx = 1/n
Expr mean_gradient(const Backward& d, int) {
  const Expr n = broadcast_to(count_ratio(d.x(0), d.y), d.gy.shape());
  return spread(d.gy / n, d);
}

// Equal shares to all that are the extreme; a NaN is from the NaNs.
Expr max_gradient(const Backward& d, int) {
  const Expr x = d.x(0);
  const AxisSet axes = d.y.node().attributes.as<ReductionAttributes>().axes;
  const Expr is_extreme = logical_or(eq(x, spread(d.y, d)), is_nan(x));
  const Expr sharers = reshape(sum(cast(is_extreme, x.dtype()), axes, false), d.y.shape());
  return where(is_extreme, spread(d.gy / sharers, d), filled_like(x, 0));
}

Expr min_gradient(const Backward& d, int operand) { return max_gradient(d, operand); }

Expr any_gradient(const Backward&, int) { return {}; }
Expr all_gradient(const Backward&, int) { return {}; }

// ------------------------------------------------------------------------------------------------------ composed

namespace {

// f(x) where x is not 0, else 0, with derivatives of 0 there: for roots, whose derivative at 0 is infinite.
template <class F>
Expr zero_at_zero(Expr x, F f) {
  const Expr zero = filled_like(x, 0);
  const Expr is_zero = eq(x, zero);
  return where(is_zero, zero, f(where(is_zero, filled_like(x, 1), x)));
}

// x with the reduced axes as one, the last.
Expr reduced_axes_last(Expr x, AxisSet axes) {
  PermuteAttributes order{};
  std::size_t count = 0;
  for (const bool reduced : {false, true}) {
    for (int axis = 0; axis < x.shape().rank(); ++axis) {
      if (axes.contains(axis) == reduced) order.axes[count++] = static_cast<std::uint8_t>(axis);
    }
  }
  const Expr permuted = permute(x, order);
  Shape shape = reduced_shape(x.shape(), axes, false);
  const int kept = shape.rank();
  const Dim length = joined(permuted, kept, x.shape().rank());
  if (length.is_batch()) fail(Status::kShape, "x ", x, "; there is no product over the batch");
  append_dim(shape, length, x);
  return reshape(permuted, shape);
}

}  // namespace

// Halves times halves, down to one: each product's gradient is right where factors are 0, which y / x is not.
Expr prod(Expr x, AxisSet axes, bool keepdim) {
  check_float(x, "x");
  const Shape shape = reduced_shape(x.shape(), axes, keepdim);
  if (shape == x.shape()) return x;
  Expr rest = reduced_axes_last(x, axes);
  const int last = rest.shape().rank() - 1;
  Expr odd;  // what had no partner
  std::int64_t length = rest.shape()[last].factor();
  if (length == 0) return broadcast_to(scalar(x.graph(), x.dtype(), 1), shape);
  for (; length > 1; length /= 2) {
    const std::int64_t half = length / 2;
    if (length % 2 == 1) {
      const Expr single = slice(rest, last, length - 1, Dim::constant(1));
      odd = odd.is_none() ? single : mul(odd, single);
    }
    rest = mul(slice(rest, last, 0, Dim::constant(half)), slice(rest, last, half, Dim::constant(half)));
  }
  return reshape(odd.is_none() ? rest : mul(rest, odd), shape);
}

// log Σ exp(x - m) + m, whatever m is: the maximum, so that nothing overflows.
Expr logsumexp(Expr x, AxisSet axes, bool keepdim) {
  check_float(x, "x");
  const Expr greatest = stop_gradient(max(x, axes, true));
  const Expr m = where(is_finite(greatest), greatest, filled_like(greatest, 0));
  const Expr y = add(log(sum(exp(sub(x, m)), axes, true)), m);
  return reshape(y, reduced_shape(x.shape(), axes, keepdim));
}

Expr var(Expr x, AxisSet axes, bool keepdim, double correction) {
  check_float(x, "x");
  const Expr squares = sum(square(sub(x, mean(x, axes, true))), axes, keepdim);
  Extent count;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (!axes.contains(axis)) continue;
    const Extent length = x.shape()[axis].extent();
    count = {count.factor * length.factor, count.power + length.power};
  }
  const Expr freedom = add_scalar(extent(x.graph(), x.dtype(), count), -correction);
  const Expr at_least_0 = scaled(OpId::clamp, freedom, {0, std::numeric_limits<double>::infinity()});
  return div(squares, at_least_0);
}

Expr standard_deviation(Expr x, AxisSet axes, bool keepdim, double correction) {
  return zero_at_zero(var(x, axes, keepdim, correction), [](Expr v) { return sqrt(v); });
}

Expr norm(Expr x, AxisSet axes, bool keepdim, Norm p) {
  check_float(x, "x");
  switch (p) {
    case Norm::kOne: return sum(abs(x), axes, keepdim);
    case Norm::kInfinity: return max(abs(x), axes, keepdim);
    case Norm::kTwo: break;
  }
  return zero_at_zero(sum(square(x), axes, keepdim), [](Expr squares) { return sqrt(squares); });
}

}  // namespace nadir
