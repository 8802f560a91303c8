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

// Composed.
Expr one_hot(Expr index, std::int64_t classes, DType dtype);
Expr tril(Expr x, std::int64_t diagonal);
Expr triu(Expr x, std::int64_t diagonal);

}  // namespace nadir
