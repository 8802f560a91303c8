// Pooling.
#include "ops/pooling.h"

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

using Pool = Expr (*)(Expr, std::int64_t, int, Options&);
using AdaptivePool = Expr (*)(Expr, std::span<const std::int64_t>);

nadir_node build_pool(nadir_graph* graph, const char* function, Pool pool, nadir_node x, int64_t kernel_size, int dims,
                      const char* options) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    return pool(to_expr(g, x, "x"), kernel_size, dims, parsed);
  });
}

nadir_node build_adaptive(nadir_graph* graph, const char* function, AdaptivePool pool, nadir_node x,
                          std::span<const std::int64_t> sizes) {
  return build_node(graph, function, nullptr, [&](Graph& g) { return pool(to_expr(g, x, "x"), sizes); });
}

}  // namespace

nadir_node nadir_max_pool1d(nadir_graph* graph, nadir_node x, int64_t kernel_size, const char* options) {
  return build_pool(graph, "max_pool1d", max_pool, x, kernel_size, 1, options);
}

nadir_node nadir_max_pool2d(nadir_graph* graph, nadir_node x, int64_t kernel_size, const char* options) {
  return build_pool(graph, "max_pool2d", max_pool, x, kernel_size, 2, options);
}

nadir_node nadir_avg_pool1d(nadir_graph* graph, nadir_node x, int64_t kernel_size, const char* options) {
  return build_pool(graph, "avg_pool1d", avg_pool, x, kernel_size, 1, options);
}

nadir_node nadir_avg_pool2d(nadir_graph* graph, nadir_node x, int64_t kernel_size, const char* options) {
  return build_pool(graph, "avg_pool2d", avg_pool, x, kernel_size, 2, options);
}

nadir_node nadir_adaptive_max_pool1d(nadir_graph* graph, nadir_node x, int64_t out_length) {
  const std::int64_t sizes[] = {out_length};
  return build_adaptive(graph, "adaptive_max_pool1d", adaptive_max_pool, x, sizes);
}

nadir_node nadir_adaptive_max_pool2d(nadir_graph* graph, nadir_node x, int64_t out_height, int64_t out_width) {
  const std::int64_t sizes[] = {out_height, out_width};
  return build_adaptive(graph, "adaptive_max_pool2d", adaptive_max_pool, x, sizes);
}

nadir_node nadir_adaptive_avg_pool1d(nadir_graph* graph, nadir_node x, int64_t out_length) {
  const std::int64_t sizes[] = {out_length};
  return build_adaptive(graph, "adaptive_avg_pool1d", adaptive_avg_pool, x, sizes);
}

nadir_node nadir_adaptive_avg_pool2d(nadir_graph* graph, nadir_node x, int64_t out_height, int64_t out_width) {
  const std::int64_t sizes[] = {out_height, out_width};
  return build_adaptive(graph, "adaptive_avg_pool2d", adaptive_avg_pool, x, sizes);
}

nadir_node nadir_global_avg_pool(nadir_graph* graph, nadir_node x) {
  return build_node(graph, "global_avg_pool", nullptr, [&](Graph& g) { return global_avg_pool(to_expr(g, x, "x")); });
}
