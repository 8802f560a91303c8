#include "ops/expr.h"

#include <optional>

#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/shaping.h"

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

}  // namespace

Expr filled_like(Expr like, double value) {
  return broadcast_to(scalar(like.graph(), like.dtype(), value), like.shape());
}

Expr operator+(Expr a, Expr b) { return add(a, b); }

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
