// Matrix products.
#pragma once

#include "ops/expr.h"

namespace nadir {

// Which matrix of a product, as it is stored, counts on and below its diagonal alone. Above, an operand is 0, and a result
// nobody's concern: 0 or what the product would be.
enum class Lower : std::uint8_t { kNone, kA, kB, kResult };

struct MatmulAttributes {
  bool transpose_a;
  bool transpose_b;
  Lower lower;
};

// y = op(a) · op(b), where op transposes the last two dimensions or not. Leading dimensions broadcast; a vector is a row on the
// left and a column on the right, without transposition.
Expr matmul(Expr a, Expr b, bool transpose_a, bool transpose_b, Lower lower = Lower::kNone);
Expr dot(Expr a, Expr b);
Expr outer(Expr a, Expr b);

}  // namespace nadir
