// Losses: how far a prediction is from what was wanted. Formulas and options stand in the public header; `reduction` makes one number
// of a loss for each element or row.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

Expr mse_loss(Expr prediction, Expr target, Options& options);
Expr l1_loss(Expr prediction, Expr target, Options& options);
Expr huber_loss(Expr prediction, Expr target, Options& options);
Expr smooth_l1_loss(Expr prediction, Expr target, Options& options);
Expr hinge_loss(Expr prediction, Expr target, Options& options);
Expr hinge_embedding_loss(Expr x, Expr target, Options& options);
Expr kl_div_loss(Expr prediction, Expr target, Options& options);
Expr bce_loss(Expr prediction, Expr target, Options& options);
// `pos_weight` and `weight` may be none.
Expr bce_with_logits_loss(Expr logits, Expr target, Expr pos_weight, Options& options);
Expr cross_entropy_loss(Expr logits, Expr target, Expr weight, Options& options);
Expr nll_loss(Expr log_probabilities, Expr target, Expr weight, Options& options);
Expr cosine_embedding_loss(Expr a, Expr b, Expr target, Options& options);
Expr triplet_margin_loss(Expr anchor, Expr positive, Expr negative, Options& options);

}  // namespace nadir
