#include "ops/expr.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

namespace nadir {

namespace {

// Whether x is such a node, and one that may be folded away.
bool is(Expr x, OpId id) { return id_of(x.node()) == id && x.graph().may_fold(x.index()); }

// What x repeats or rearranges, if it is all one value.
Expr unrepeated(Expr x) {
  while ((is(x, OpId::broadcast_to) || is(x, OpId::reshape)) && !x.shape().is_scalar()) x = x.input(0);
  return x;
}

std::optional<double> same_everywhere(Expr x) {
  const Expr source = unrepeated(x);
  if (!is(source, OpId::constant) || !source.shape().is_scalar()) return std::nullopt;
  return scalar_value(source.node());
}

// The positions along an axis that a slice has, or nothing if they cannot be told without the batch.
struct Positions {
  int axis;
  bool in_batches;
  std::int64_t first, last;
};

std::optional<Positions> positions_of(Expr set) {
  const auto at = set.node().attributes.as<SliceAttributes>();
  const Dim length = set.input(1).shape()[at.axis];
  if (length.is_batch() || set.shape()[at.axis].is_batch()) {
    if (at.step != 1 || at.start != 0 || !length.is_batch()) return std::nullopt;
    return Positions{at.axis, true, at.start_batches, at.start_batches + length.factor() - 1};
  }
  const std::int64_t end = at.start + (length.factor() - 1) * at.step;
  return Positions{at.axis, false, std::min(at.start, end), std::max(at.start, end)};
}

// Whether x is 0 but for slices that are set, none of which meets the positions.
bool is_zero_at(Expr x, const Positions& wanted) {
  for (; is(x, OpId::slice_set); x = x.input(0)) {
    const auto here = positions_of(x);
    const bool is_apart = here && here->axis == wanted.axis && here->in_batches == wanted.in_batches &&
                          (here->last < wanted.first || wanted.last < here->first);
    if (!is_apart) return false;
  }
  return same_everywhere(x) == 0.0;
}

// Slices that are set apart, one behind another, and leave nothing between: what is below them does not count.
std::optional<Expr> joined_slices(Expr set) {
  constexpr std::size_t kMost = 8;
  Expr values[kMost];
  std::int64_t starts[kMost];
  std::size_t count = 0;
  const int axis = set.node().attributes.as<SliceAttributes>().axis;
  std::int64_t left = set.shape()[axis].factor();
  if (set.shape()[axis].is_batch()) return std::nullopt;
  for (Expr x = set; is(x, OpId::slice_set); x = x.input(0), ++count) {
    const auto at = x.node().attributes.as<SliceAttributes>();
    if (count == kMost || at.axis != axis || at.step != 1) return std::nullopt;
    std::size_t place = count;
    for (; place > 0 && starts[place - 1] > at.start; --place) {
      starts[place] = starts[place - 1];
      values[place] = values[place - 1];
    }
    starts[place] = at.start;
    values[place] = x.input(1);
    left -= values[place].shape()[axis].factor();
  }
  if (left != 0) return std::nullopt;
  return concat(std::span<const Expr>(values, count), axis);
}

// The sum of two that are 0 but for slices, which lie apart: one is set beside the other. So the gradients of all pieces of a
// value cost one pass over it, not one each.
std::optional<Expr> sum_of_slices(Expr a, Expr b) {
  if (!is(a, OpId::slice_set) || !is(b, OpId::slice_set)) return std::nullopt;
  if (is(a.input(0), OpId::slice_set)) std::swap(a, b);
  const auto wanted = positions_of(a);
  if (!wanted || same_everywhere(a.input(0)) != 0.0 || !is_zero_at(b, *wanted)) return std::nullopt;
  const auto at = a.node().attributes.as<SliceAttributes>();
  const Expr value = a.input(1);
  const Expr set = slice_set(b, {at, value.shape()[at.axis]}, value);
  return joined_slices(set).value_or(set);
}

}  // namespace

Expr filled_like(Expr like, double value) {
  return broadcast_to(scalar(like.graph(), like.dtype(), value), like.shape());
}

Expr operator+(Expr a, Expr b) {
  if (const auto slices = sum_of_slices(a, b)) return *slices;
  return add(a, b);
}

Expr operator*(double factor, Expr x) {
  if (factor == 1) return x;
  if (const auto value = same_everywhere(x)) return filled_like(x, factor * *value);
  if (is(x, OpId::broadcast_to)) return broadcast_to(factor * x.input(0), x.shape());
  return scale(x, factor);
}

Expr operator*(Expr a, Expr b) {
  if (const auto value = same_everywhere(a)) return *value * b;
  if (const auto value = same_everywhere(b)) return *value * a;
  return mul(a, b);
}

Expr operator/(Expr a, Expr b) {
  const auto numerator = same_everywhere(a);
  const auto denominator = same_everywhere(b);
  if (denominator && *denominator == 1) return a;
  if (numerator && denominator) return filled_like(a, *numerator / *denominator);
  // Both may be a scalar repeated, as in the gradient of a mean over the batch.
  const Expr scalar_a = unrepeated(a);
  const Expr scalar_b = unrepeated(b);
  if (!a.shape().is_scalar() && scalar_a.shape().is_scalar() && scalar_b.shape().is_scalar()) {
    return broadcast_to(scalar_a / scalar_b, a.shape());
  }
  return div(a, b);
}

Expr operator-(Expr x) {
  if (const auto value = same_everywhere(x)) return filled_like(x, -*value);
  if (is(x, OpId::broadcast_to)) return broadcast_to(-x.input(0), x.shape());
  return neg(x);
}

Expr count_ratio(Expr x, Expr reduced) {
  const Extent all = x.shape().count();
  const Extent kept = reduced.shape().count();
  // Of nothing, or where nothing is kept, there is nothing to divide: any number will do.
  if (all.factor == 0) return scalar(x.graph(), x.dtype(), 1);
  return extent(x.graph(), x.dtype(), {all.factor / kept.factor, all.power - kept.power});
}

}  // namespace nadir
