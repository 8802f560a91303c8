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

}  // namespace nadir
