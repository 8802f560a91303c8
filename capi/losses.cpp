// Losses.
#include "ops/losses.h"

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

nadir_node nadir_mse_loss(nadir_graph* graph, nadir_node prediction, nadir_node target, const char* options) {
  return build_node(graph, "mse_loss", nullptr, [&](Graph& g) {
    Options parsed(options);
    return mse_loss(to_expr(g, prediction, "prediction"), to_expr(g, target, "target"), parsed);
  });
}
