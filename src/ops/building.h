// What builders of all families share: adding a node, and checks of arguments, which throw Error.
#pragma once

#include <initializer_list>
#include <span>

#include "ops/registry.h"

namespace nadir {

// Adds a node. REQUIRES: one operand at least. Throws if it has more than 2^63 - 1 bytes.
Expr add_node(OpId id, std::span<const Expr> operands, DType dtype, const Shape& shape,
              const Attributes& attributes = {});
Expr add_node(OpId id, std::initializer_list<Expr> operands, DType dtype, const Shape& shape,
              const Attributes& attributes = {});

// Throw unless the operand, called `role`, has a float dtype, or is a mask; unless two have the same dtype.
void check_float(Expr x, const char* role);
void check_mask(Expr x, const char* role);
void check_same_dtype(Expr a, Expr b);
// Throws if a result of that shape, made from x, has more than 2^63 - 1 bytes.
void check_size(Expr x, const Shape& shape, DType dtype);

// An axis from 0 on. A negative one is counted from the end of `rank`.
int checked_axis(Expr x, int axis, int rank);
inline int checked_axis(Expr x, int axis) { return checked_axis(x, axis, x.shape().rank()); }

// Appends a dimension unless there are as many as may be.
void append_dim(Shape& shape, Dim dim, Expr x);
// A dimension `factor` times as long.
Dim product_of(Dim a, std::int64_t factor, Expr x);
// The dimensions from `first` to `last` - 1 as one.
Dim joined(Expr x, int first, int last);

}  // namespace nadir
