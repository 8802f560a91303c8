// A table of vectors that are learned, read by index.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// A null name is derived.
Expr embedding(const char* name, Expr index, std::int64_t rows, std::int64_t columns, Options& options);

}  // namespace nadir
