// Losses.
#include "ops/losses.h"

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

using PairLoss = Expr (*)(Expr, Expr, Options&);
using WeightedLoss = Expr (*)(Expr, Expr, Expr, Options&);

nadir_node build_pair(nadir_graph* graph, const char* function, PairLoss loss, nadir_node a, const char* role,
                      nadir_node b, const char* options) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    const Expr first = to_expr(g, a, role);
    return loss(first, to_expr(g, b, "target"), parsed);
  });
}

nadir_node build_weighted(nadir_graph* graph, const char* function, WeightedLoss loss, nadir_node a, const char* role,
                          nadir_node target, nadir_node weight, const char* weight_role, const char* options) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    const Expr first = to_expr(g, a, role);
    const Expr second = to_expr(g, target, "target");
    return loss(first, second, weight == NADIR_NONE ? Expr() : to_expr(g, weight, weight_role), parsed);
  });
}

}  // namespace

nadir_node nadir_mse_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "mse_loss", mse_loss, prediction, "prediction", target, options);
}

nadir_node nadir_l1_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "l1_loss", l1_loss, prediction, "prediction", target, options);
}

nadir_node nadir_huber_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "huber_loss", huber_loss, prediction, "prediction", target, options);
}

nadir_node nadir_smooth_l1_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "smooth_l1_loss", smooth_l1_loss, prediction, "prediction", target, options);
}

nadir_node nadir_hinge_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "hinge_loss", hinge_loss, prediction, "prediction", target, options);
}

nadir_node nadir_hinge_embedding_loss(nadir_graph* graph, nadir_node x, nadir_node target, const char* options) {
  return build_pair(graph, "hinge_embedding_loss", hinge_embedding_loss, x, "x", target, options);
}

nadir_node nadir_kl_div_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "kl_div_loss", kl_div_loss, prediction, "prediction", target, options);
}

nadir_node nadir_bce_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_pair(graph, "bce_loss", bce_loss, prediction, "prediction", target, options);
}

nadir_node nadir_bce_with_logits_loss(nadir_graph* graph, nadir_node logits, nadir_node target, nadir_node pos_weight,
                                      const char* options) {
  return build_weighted(graph, "bce_with_logits_loss", bce_with_logits_loss, logits, "logits", target, pos_weight,
                        "pos_weight", options);
}

nadir_node nadir_cross_entropy_loss(nadir_graph* graph, nadir_node logits, nadir_node target, nadir_node weight,
                                    const char* options) {
  return build_weighted(graph, "cross_entropy_loss", cross_entropy_loss, logits, "logits", target, weight, "weight",
                        options);
}

nadir_node nadir_nll_loss(nadir_graph* graph, nadir_node log_probabilities, nadir_node target, nadir_node weight,
                          const char* options) {
  return build_weighted(graph, "nll_loss", nll_loss, log_probabilities, "log_probabilities", target, weight, "weight",
                        options);
}

nadir_node nadir_cosine_embedding_loss(nadir_graph* graph, nadir_node a, nadir_node b, nadir_node target,
                                       const char* options) {
  return build_node(graph, "cosine_embedding_loss", nullptr, [&](Graph& g) {
    Options parsed(options);
    const Expr first = to_expr(g, a, "a");
    const Expr second = to_expr(g, b, "b");
    return cosine_embedding_loss(first, second, to_expr(g, target, "target"), parsed);
  });
}

nadir_node nadir_triplet_margin_loss(nadir_graph* graph, nadir_node anchor, nadir_node positive, nadir_node negative,
                                     const char* options) {
  return build_node(graph, "triplet_margin_loss", nullptr, [&](Graph& g) {
    Options parsed(options);
    const Expr first = to_expr(g, anchor, "anchor");
    const Expr second = to_expr(g, positive, "positive");
    return triplet_margin_loss(first, second, to_expr(g, negative, "negative"), parsed);
  });
}
