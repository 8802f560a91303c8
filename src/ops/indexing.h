// Elements by index. Reading and adding are each other's gradients.
#pragma once

#include <cstdint>

#include "ops/expr.h"

namespace nadir {

struct IndexAttributes {
  std::int32_t axis;
};

// Slices of x by an index of any shape, which takes the place of the axis.
Expr index_select(Expr x, int axis, Expr index);
Expr index_add(Expr x, int axis, Expr index, Expr values);
// Elements of x by an index whose dimensions but the axis are x's.
Expr gather(Expr x, int axis, Expr index);
Expr scatter_add(Expr x, int axis, Expr index, Expr values);

// x itself; a forward pass in which an element is outside of [low, high], and neither `allowed` nor NaN, fails.
struct RangeAttributes {
  double low;
  double high;
  double allowed;  // NaN: none
};
Expr check_range(Expr x, const RangeAttributes& range);

// Composed.
Expr one_hot(Expr index, std::int64_t classes, DType dtype);
Expr tril(Expr x, std::int64_t diagonal);
Expr triu(Expr x, std::int64_t diagonal);

}  // namespace nadir
