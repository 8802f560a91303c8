// Operations that only arrange elements: broadcasting, reshaping, permuting.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ops/expr.h"
#include "ops/reduction.h"

namespace nadir {

// x repeated to `shape`; x itself if it has that shape.
Expr broadcast_to(Expr x, const Shape& shape);
// The elements of x in row-major order; x itself if it has that shape. REQUIRES: equally many elements.
Expr reshape(Expr x, const Shape& shape);

// Dimension i of y is dimension axes[i] of x.
struct PermuteAttributes {
  std::array<std::uint8_t, kMaxRank> axes;
};
Expr permute(Expr x, PermuteAttributes order);
Expr permute(Expr x, std::span<const std::int32_t> axes);
Expr transpose(Expr x, int axis_a, int axis_b);

// All dimensions but the last as one. REQUIRES: one at least.
Expr as_matrix(Expr x);
Expr flatten(Expr x, int start_axis, int end_axis);
// Without those of `axes` whose length is 1.
Expr squeeze(Expr x, AxisSet axes);
Expr unsqueeze(Expr x, int axis);

// One value in every element.
Expr full(Graph& graph, DType dtype, const Shape& shape, double value);

}  // namespace nadir
