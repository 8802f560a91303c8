// Matrix products.
#pragma once

#include "ops/expr.h"

namespace nadir {

struct MatmulAttributes {
  bool transpose_a;
  bool transpose_b;
};

// y = op(a) · op(b), where op transposes the last two dimensions or not. Leading dimensions broadcast; a vector is a row on the
// left and a column on the right, without transposition.
Expr matmul(Expr a, Expr b, bool transpose_a, bool transpose_b);
Expr dot(Expr a, Expr b);
Expr outer(Expr a, Expr b);

}  // namespace nadir
