// Pooling over one or two dimensions of an image.
#pragma once

#include <span>

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// The greatest of each window, or their mean.
Expr max_pool(Expr x, std::int64_t kernel_size, int dims, Options& options);
Expr avg_pool(Expr x, std::int64_t kernel_size, int dims, Options& options);
// Over as many windows as `sizes` says, one size a dimension.
Expr adaptive_max_pool(Expr x, std::span<const std::int64_t> sizes);
Expr adaptive_avg_pool(Expr x, std::span<const std::int64_t> sizes);
// The mean over everything but the batch and the channels.
Expr global_avg_pool(Expr x);

}  // namespace nadir
