// Layers: what has parameters of its own.
#include "guard.h"
#include "ops/linear.h"

using namespace nadir;
using namespace nadir::capi;

nadir_node nadir_linear_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_features,
                            const char* options) {
  return build_node(graph, "linear_add", name, [&](Graph& g) {
    Options parsed(options);
    return linear(name, to_expr(g, x, "x"), out_features, parsed);
  });
}
