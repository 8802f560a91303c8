// Normalisation: x less its mean, by its deviation, over some of its axes.
#pragma once

#include "base/options.h"
#include "ops/expr.h"
#include "ops/reduction.h"

namespace nadir {

// Over all but the channels, which are dimension 1; in evaluation by running statistics instead. A null name is derived, here
// and below.
Expr batch_norm(const char* name, Expr x, Options& options);
// Over the last `dims` dimensions.
Expr layer_norm(const char* name, Expr x, int dims, Options& options);
Expr rms_norm(const char* name, Expr x, int dims, Options& options);
// Over each of `groups` groups of the channels, which are dimension 1, or over each channel.
Expr group_norm(const char* name, Expr x, std::int64_t groups, Options& options);
Expr instance_norm(const char* name, Expr x, Options& options);

}  // namespace nadir
