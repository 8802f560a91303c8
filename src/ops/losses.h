// Losses: scalars to be minimised.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// The mean or the sum of (prediction - target)².
Expr mse_loss(Expr prediction, Expr target, Options& options);

}  // namespace nadir
