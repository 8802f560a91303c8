// The fully connected layer.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// y = x · weightᵀ + bias. A null name is derived.
Expr linear(const char* name, Expr x, std::int64_t out_features, Options& options);

}  // namespace nadir
