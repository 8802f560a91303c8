// Operations that only arrange elements: broadcasting and reshaping.
#pragma once

#include "ops/expr.h"

namespace nadir {

// x repeated to `shape`; x itself if it has that shape.
Expr broadcast_to(Expr x, const Shape& shape);
// The elements of x in row-major order; x itself if it has that shape. REQUIRES: equally many elements.
Expr reshape(Expr x, const Shape& shape);

}  // namespace nadir
