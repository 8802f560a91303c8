// The parameters' values, one by one and as flat vectors.
#include <cstring>

#include "base/glob.h"
#include "base/random.h"
#include "guard.h"
#include "ops/initializers.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

// The entry of a node in a list of the graph's, or null.
const Parameter* find_in(const Graph& graph, const Parameters& list, nadir_node node) noexcept {
  const NodeIndex index = find_node(graph, node);
  return index == kNoNode ? nullptr : list.find(index);
}

nadir_status get_values(const Graph& graph, const Parameters& list, nadir_node node, void* data, size_t bytes) {
  const Parameter* entry = find_in(graph, list, node);
  if (!entry || bytes != entry->bytes() || (!data && bytes > 0)) return NADIR_E_ARGUMENT;
  const GraphEntry inside(graph.gate(), Gate::Access::kRead);
  if (!inside) return NADIR_E_BUSY;
  if (bytes > 0) std::memcpy(data, list.values(*entry), bytes);
  return NADIR_OK;
}

nadir_status set_values(Graph& graph, Parameters& list, const char* function, const char* role, const char* kind,
                        nadir_node handle, const void* data, size_t bytes) {
  const GraphEntry inside(graph.gate(), Gate::Access::kWrite);
  if (!inside) return NADIR_E_BUSY;
  return call(graph, function, [&] {
    const Node& node = to_expr(graph, handle, role).node();
    const Parameter* entry = find_in(graph, list, handle);
    if (!entry) fail(Status::kArgument, "\"", node.name(), "\" is no ", kind);
    if (bytes != entry->bytes() || (!data && bytes > 0)) {
      fail(Status::kArgument, "\"", node.name(), "\" ", name_of(node.dtype), ' ', node.shape, ": ", bytes, " bytes at ",
           data ? "data" : "NULL", " given; wants ", entry->bytes());
    }
    if (bytes > 0) std::memcpy(list.values(*entry), data, bytes);
    graph.parameters().changed();
  });
}

// f(i) for each parameter, by its number, whose name matches. Throws if there is none.
template <class F>
void for_each_match(const Graph& graph, const char* pattern, F f) {
  if (!pattern) fail(Status::kArgument, "pattern is NULL");
  bool is_found = false;
  for (size_t i = 0; i < graph.parameters().size(); ++i) {
    if (!matches(pattern, graph[graph.parameters()[i].node].name())) continue;
    f(i);
    is_found = true;
  }
  if (!is_found) fail(Status::kArgument, "pattern \"", pattern, "\" matches no parameter");
}

}  // namespace

int32_t nadir_param_count(const nadir_graph* graph) {
  return graph ? static_cast<int32_t>(unwrap(graph)->parameters().size()) : 0;
}

nadir_node nadir_param_at(const nadir_graph* handle, int32_t index) {
  if (!handle || index < 0 || index >= nadir_param_count(handle)) return NADIR_NONE;
  const Graph& graph = *unwrap(handle);
  return wrap(graph, graph.parameters()[static_cast<size_t>(index)].node);
}

nadir_status nadir_param_get(const nadir_graph* handle, nadir_node param, void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  return get_values(*unwrap(handle), unwrap(handle)->parameters(), param, data, bytes);
}

nadir_status nadir_param_set(nadir_graph* handle, nadir_node param, const void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  return set_values(*unwrap(handle), unwrap(handle)->parameters(), "param_set", "param", "parameter", param, data,
                    bytes);
}

int32_t nadir_state_count(const nadir_graph* graph) {
  return graph ? static_cast<int32_t>(unwrap(graph)->states().size()) : 0;
}

nadir_node nadir_state_at(const nadir_graph* handle, int32_t index) {
  if (!handle || index < 0 || index >= nadir_state_count(handle)) return NADIR_NONE;
  const Graph& graph = *unwrap(handle);
  return wrap(graph, graph.states()[static_cast<size_t>(index)].node);
}

nadir_status nadir_state_get(const nadir_graph* handle, nadir_node state, void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  return get_values(*unwrap(handle), unwrap(handle)->states(), state, data, bytes);
}

nadir_status nadir_state_set(nadir_graph* handle, nadir_node state, const void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  return set_values(*unwrap(handle), unwrap(handle)->states(), "state_set", "state", "state", state, data, bytes);
}

nadir_status nadir_param_init(nadir_graph* handle, const char* pattern, const char* options) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  const GraphEntry inside(graph.gate(), Gate::Access::kWrite);
  if (!inside) return NADIR_E_BUSY;
  return call(graph, "param_init", [&] {
    Parameters& parameters = graph.parameters();
    const auto numbers = [&](size_t i) { return (parameters[i].bytes() + sizeof(double) - 1) / sizeof(double); };
    size_t total = 0;
    for_each_match(graph, pattern, [&](size_t i) { total += numbers(i); });
    // Into memory of its own first: a failure changes none of them.
    std::pmr::vector<double> values(total, &graph.host());
    double* next = values.data();
    for_each_match(graph, pattern, [&](size_t i) {
      const Node& node = graph[parameters[i].node];
      Options parsed(options);
      const Initializer initializer = Initializer::parse(parsed, node.shape);
      parsed.finish();
      initialize(reinterpret_cast<std::byte*>(next), node.dtype, node.shape, initializer,
                 random_key(graph.seed(), node.name()), graph.host());
      next += numbers(i);
    });
    next = values.data();
    for_each_match(graph, pattern, [&](size_t i) {
      if (parameters[i].count > 0) std::memcpy(parameters.values(parameters[i]), next, parameters[i].bytes());
      next += numbers(i);
    });
    parameters.changed();
  });
}

nadir_status nadir_param_set_trainable(nadir_graph* handle, const char* pattern, int32_t trainable) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  return call(graph, "param_set_trainable", [&] {
    for_each_match(graph, pattern, [&](size_t i) { graph.parameters().set_frozen(i, trainable == 0); });
  });
}

size_t nadir_params_flat_count(const nadir_graph* graph, nadir_dtype dtype) {
  if (!graph || !is_float_dtype(dtype)) return 0;
  const DType type = static_cast<DType>(dtype);
  return unwrap(graph)->parameters().block_bytes(type) / size_of(type);
}

nadir_status nadir_params_flat_get(const nadir_graph* handle, nadir_dtype dtype, void* data, size_t bytes) {
  if (!handle || !is_float_dtype(dtype)) return NADIR_E_ARGUMENT;
  const Graph& graph = *unwrap(handle);
  const DType type = static_cast<DType>(dtype);
  if (bytes != graph.parameters().block_bytes(type) || (!data && bytes > 0)) return NADIR_E_ARGUMENT;
  const GraphEntry entry(graph.gate(), Gate::Access::kRead);
  if (!entry) return NADIR_E_BUSY;
  if (bytes > 0) std::memcpy(data, graph.parameters().block(type), bytes);
  return NADIR_OK;
}

nadir_status nadir_params_flat_set(nadir_graph* handle, nadir_dtype dtype, const void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  const GraphEntry entry(graph.gate(), Gate::Access::kWrite);
  if (!entry) return NADIR_E_BUSY;
  return call(graph, "params_flat_set", [&] {
    if (!is_float_dtype(dtype)) fail(Status::kArgument, "dtype is ", dtype, "; wants NADIR_F32 or NADIR_F64");
    const DType type = static_cast<DType>(dtype);
    const size_t wanted = graph.parameters().block_bytes(type);
    if (bytes != wanted || (!data && bytes > 0)) {
      fail(Status::kArgument, bytes, " bytes of ", name_of(type), " at ", data ? "data" : "NULL", " given; wants ",
           wanted);
    }
    if (bytes > 0) std::memcpy(graph.parameters().block(type), data, bytes);
    graph.parameters().changed();
  });
}
