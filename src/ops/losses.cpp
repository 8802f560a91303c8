#include "ops/losses.h"

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/reduction.h"

namespace nadir {

Expr mse_loss(Expr prediction, Expr target, Options& options) {
  enum { kMean, kSum };
  const int reduction = options.choice("reduction", {"mean", "sum"}, kMean);
  options.finish();
  check_same_dtype(prediction, target);
  if (prediction.shape() != target.shape()) {
    fail(Status::kShape, "prediction ", prediction, ", target ", target, "; wants equal shapes");
  }
  const Expr squares = square(sub(prediction, target));
  const AxisSet all = AxisSet::all(squares.shape().rank());
  return reduction == kMean ? mean(squares, all, false) : sum(squares, all, false);
}

}  // namespace nadir
