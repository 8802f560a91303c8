// Random numbers and dropout.
#include "ops/random.h"

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

nadir_node nadir_uniform(nadir_graph* graph, nadir_dtype dtype, const int64_t* shape, int32_t rank,
                         const char* options) {
  return build_node(graph, "uniform", nullptr, [&](Graph& g) {
    Options parsed(options);
    const double low = parsed.number("low", 0);
    const double high = parsed.number("high", 1);
    parsed.finish();
    return uniform(g, to_dtype(dtype), to_shape(shape, rank), low, high);
  });
}

nadir_node nadir_normal(nadir_graph* graph, nadir_dtype dtype, const int64_t* shape, int32_t rank,
                        const char* options) {
  return build_node(graph, "normal", nullptr, [&](Graph& g) {
    Options parsed(options);
    const double mean = parsed.number("mean", 0);
    const double deviation = parsed.number("std", 1);
    parsed.finish();
    return normal(g, to_dtype(dtype), to_shape(shape, rank), mean, deviation);
  });
}

nadir_node nadir_bernoulli(nadir_graph* graph, nadir_dtype dtype, const int64_t* shape, int32_t rank,
                           double probability) {
  return build_node(graph, "bernoulli", nullptr,
                    [&](Graph& g) { return bernoulli(g, to_dtype(dtype), to_shape(shape, rank), probability); });
}

nadir_node nadir_dropout(nadir_graph* graph, nadir_node x, double probability) {
  return build_node(graph, "dropout", nullptr, [&](Graph& g) { return dropout(to_expr(g, x, "x"), probability); });
}
