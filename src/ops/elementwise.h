// Elementwise operations: y[i] = f(a[i], …).
#pragma once

#include "ops/registry.h"

namespace nadir {

// y = f(x) for an operation of the kind UNARY.
Expr unary(OpId id, Expr x);
// y = f(a, b) for an operation of the kind BINARY; operands are broadcast to their common shape.
Expr binary(OpId id, Expr a, Expr b);

#define UNARY(name) \
  inline Expr name(Expr x) { return unary(OpId::name, x); }
#define BINARY(name) \
  inline Expr name(Expr a, Expr b) { return binary(OpId::name, a, b); }
#include "ops/registry.def"

struct ScaleAttributes {
  double factor;
};
// y = factor * x.
Expr scale(Expr x, double factor);

// Throws unless both have one dtype.
void check_same_dtype(Expr a, Expr b);

}  // namespace nadir
