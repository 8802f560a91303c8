// What is computed along one axis: the index of an extreme, cumulative sums, softmax.
#pragma once

#include <cstdint>

#include "ops/expr.h"

namespace nadir {

struct AxisAttributes {
  std::int32_t axis;
  bool keepdim;  // of an index
  bool reverse;  // of a cumulative sum: from the end
};

Expr argmax(Expr x, int axis, bool keepdim);
Expr argmin(Expr x, int axis, bool keepdim);
Expr cumsum(Expr x, int axis, bool reverse);
Expr softmax(Expr x, int axis);
Expr log_softmax(Expr x, int axis);

}  // namespace nadir
