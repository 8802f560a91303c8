// Inputs, parameters and constants.
#include "ops/leaves.h"

#include "guard.h"
#include "ops/shaping.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

const char* checked(const Graph& graph, const char* name) {
  if (name) graph.check_name(name);
  return name;
}

}  // namespace

nadir_node nadir_input_add(nadir_graph* graph, const char* name, nadir_dtype dtype, const int64_t* shape,
                           int32_t rank) {
  return build_node(graph, "input_add", name,
                    [&](Graph& g) { return input(g, checked(g, name), to_dtype(dtype), to_shape(shape, rank)); });
}

nadir_node nadir_param_add(nadir_graph* graph, const char* name, nadir_dtype dtype, const int64_t* shape, int32_t rank,
                           const char* options) {
  return build_node(graph, "param_add", name, [&](Graph& g) {
    Options parsed(options);
    const Shape wanted = to_shape(shape, rank);
    const Initializer initializer = Initializer::parse(parsed, wanted);
    parsed.finish();
    return param(g, checked(g, name), to_dtype(dtype), wanted, initializer);
  });
}

nadir_node nadir_constant_add(nadir_graph* graph, const char* name, nadir_dtype dtype, const int64_t* shape,
                              int32_t rank, const void* data, size_t bytes) {
  return build_node(graph, "constant_add", name, [&](Graph& g) {
    if (!data && bytes > 0) fail(Status::kArgument, "data is NULL, bytes ", bytes);
    return constant(g, checked(g, name), to_dtype(dtype), to_shape(shape, rank), data, bytes);
  });
}

nadir_node nadir_full(nadir_graph* graph, nadir_dtype dtype, const int64_t* shape, int32_t rank, double value) {
  return build_node(graph, "full", nullptr,
                    [&](Graph& g) { return full(g, to_dtype(dtype), to_shape(shape, rank), value); });
}
