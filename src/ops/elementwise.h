// Elementwise operations: y[i] = f(a[i], …).
#pragma once

#include <array>

#include "ops/registry.h"

namespace nadir {

// Builders for the kinds of registry.def. Operands of the latter three are broadcast to their common shape.
Expr unary(OpId id, Expr x);
Expr test(OpId id, Expr x);
Expr binary(OpId id, Expr a, Expr b);
Expr compare(OpId id, Expr a, Expr b);
Expr logical(OpId id, Expr a, Expr b);

#define UNARY(name) \
  inline Expr name(Expr x) { return unary(OpId::name, x); }
#define TEST(name) \
  inline Expr name(Expr x) { return test(OpId::name, x); }
#define BINARY(name) \
  inline Expr name(Expr a, Expr b) { return binary(OpId::name, a, b); }
#define COMPARE(name) \
  inline Expr name(Expr a, Expr b) { return compare(OpId::name, a, b); }
#define LOGICAL(name) \
  inline Expr name(Expr a, Expr b) { return logical(OpId::name, a, b); }
#include "ops/registry.def"

// The numbers of a SCALED operation.
using Numbers = std::array<double, 2>;
Expr scaled(OpId id, Expr x, Numbers numbers);
inline Expr scale(Expr x, double factor) { return scaled(OpId::scale, x, {factor, 0}); }
inline Expr add_scalar(Expr x, double number) { return scaled(OpId::add_scalar, x, {number, 0}); }

Expr pow_scalar(Expr x, double exponent);

Expr logical_not(Expr x);
// y = a where the mask is true, else b; all broadcast to their common shape.
Expr where(Expr mask, Expr a, Expr b);
Expr cast(Expr x, DType dtype);
// y = x, without a gradient.
Expr stop_gradient(Expr x);

}  // namespace nadir
