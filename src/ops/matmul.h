// The matrix product.
#pragma once

#include "ops/expr.h"

namespace nadir {

struct MatmulAttributes {
  bool transpose_a;
  bool transpose_b;
};

// y = op(a) · op(b), where op transposes or not.
Expr matmul(Expr a, Expr b, bool transpose_a, bool transpose_b);

}  // namespace nadir
