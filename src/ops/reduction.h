// Reductions over a set of axes.
#pragma once

#include "base/shape.h"
#include "ops/expr.h"

namespace nadir {

class AxisSet {
 public:
  static AxisSet all(int rank) noexcept { return AxisSet((1u << rank) - 1); }
  AxisSet() = default;

  void insert(int axis) noexcept { bits_ |= 1u << axis; }
  void erase(int axis) noexcept { bits_ &= ~(1u << axis); }
  bool is_empty() const noexcept { return bits_ == 0; }
  bool contains(int axis) const noexcept { return (bits_ >> axis & 1u) != 0; }

 private:
  explicit AxisSet(unsigned bits) noexcept : bits_(bits) {}
  unsigned bits_ = 0;
};

struct ReductionAttributes {
  AxisSet axes;
  bool keepdim;
};

Expr sum(Expr x, AxisSet axes, bool keepdim);
Expr mean(Expr x, AxisSet axes, bool keepdim);
Expr max(Expr x, AxisSet axes, bool keepdim);
Expr min(Expr x, AxisSet axes, bool keepdim);
Expr any(Expr x, AxisSet axes, bool keepdim);
Expr all(Expr x, AxisSet axes, bool keepdim);

// Composed of these and of others.
Expr prod(Expr x, AxisSet axes, bool keepdim);
Expr logsumexp(Expr x, AxisSet axes, bool keepdim);
Expr var(Expr x, AxisSet axes, bool keepdim, double correction);
Expr standard_deviation(Expr x, AxisSet axes, bool keepdim, double correction);
enum class Norm { kOne, kTwo, kInfinity };
Expr norm(Expr x, AxisSet axes, bool keepdim, Norm p);

// The shape of a reduction's result.
Shape reduced_shape(const Shape& x, AxisSet axes, bool keepdim);

}  // namespace nadir
