// Graphs: making, asking, dumping.
#include <cstring>

#include "graph/dump.h"
#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

nadir_graph* nadir_graph_new(const nadir_host* handle) {
  Host* lent = const_cast<Host*>(unwrap(handle));
  if (!lent) lent = Host::create(kRuntimeAllocator);
  if (!lent) return nullptr;
  const Ref<Host> host = handle ? Ref<Host>::share(lent) : Ref<Host>::adopt(lent);
  Graph* graph = nullptr;
  LastError error;  // nobody to ask: the only reason is memory
  attempt(error, "graph_new", nullptr, [&] { graph = make<Graph>(*host, host); });
  return wrap(graph);
}

void nadir_graph_free(nadir_graph* graph) {
  if (graph) Ref<Graph>::adopt(unwrap(graph));
}

nadir_status nadir_graph_set_seed(nadir_graph* handle, uint64_t seed) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  return call(graph, "graph_set_seed", [&] {
    if (graph.parameters().size() > 0)
      fail(Status::kState, "the graph has a parameter; set the seed before the first one");
    graph.set_seed(seed);
  });
}

uint64_t nadir_graph_step(const nadir_graph* graph) { return graph ? unwrap(graph)->parameters().steps() : 0; }

nadir_status nadir_graph_set_step(nadir_graph* handle, uint64_t step) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  const GraphEntry entry(graph.gate(), Gate::Access::kWrite);
  if (!entry) return NADIR_E_BUSY;
  return call(graph, "graph_set_step", [&] {
    graph.parameters().set_steps(
        step);  // a new version: a backward pass belongs to the numbers that its forward pass saw
  });
}

nadir_status nadir_graph_status(const nadir_graph* handle) {
  if (!handle) return NADIR_E_ARGUMENT;
  const Graph& graph = *unwrap(handle);
  const Status built = graph.build_error().status();
  return wrap(built != Status::kOk ? built : graph.call_error().status());
}

const char* nadir_graph_error(const nadir_graph* handle) {
  if (!handle) return "the graph is NULL";
  const Graph& graph = *unwrap(handle);
  const bool is_built = graph.build_error().status() == Status::kOk;
  return is_built ? graph.call_error().message() : graph.build_error().message();
}

nadir_status nadir_graph_clear_error(nadir_graph* handle) {
  if (!handle) return NADIR_E_ARGUMENT;
  unwrap(handle)->build_error().clear();
  unwrap(handle)->call_error().clear();
  return NADIR_OK;
}

nadir_node nadir_graph_find(const nadir_graph* handle, const char* name) {
  if (!handle || !name) return NADIR_NONE;
  const Graph& graph = *unwrap(handle);
  const NodeIndex index = graph.find(name);
  return index == kNoNode ? NADIR_NONE : wrap(graph, index);
}

const char* nadir_graph_node_name(const nadir_graph* handle, nadir_node node) {
  if (!handle) return nullptr;
  const NodeIndex index = find_node(*unwrap(handle), node);
  return index == kNoNode ? nullptr : (*unwrap(handle))[index].name().data();
}

nadir_dtype nadir_graph_node_dtype(const nadir_graph* handle, nadir_node node) {
  if (!handle) return 0;
  const NodeIndex index = find_node(*unwrap(handle), node);
  return index == kNoNode ? 0 : static_cast<nadir_dtype>((*unwrap(handle))[index].dtype);
}

nadir_status nadir_graph_node_shape(const nadir_graph* handle, nadir_node node, int64_t* dims, int32_t capacity,
                                    int32_t* rank) {
  if (!handle || !rank) return NADIR_E_ARGUMENT;
  const NodeIndex index = find_node(*unwrap(handle), node);
  if (index == kNoNode) return NADIR_E_ARGUMENT;
  const Shape& shape = (*unwrap(handle))[index].shape;
  *rank = shape.rank();
  if (capacity < shape.rank() || (!dims && shape.rank() > 0)) return NADIR_E_ARGUMENT;
  for (int axis = 0; axis < shape.rank(); ++axis) dims[axis] = from_dim(shape[axis]);
  return NADIR_OK;
}

nadir_status nadir_graph_node_set_name(nadir_graph* handle, nadir_node node, const char* name) {
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  return call(graph, "graph_node_set_name", [&] {
    if (!name) fail(Status::kArgument, "name is NULL");
    const NodeIndex index = to_expr(graph, node, "node").index();
    if (!graph[index].has_derived_name) fail(Status::kState, "\"", graph[index].name(), "\" has its name already");
    graph.set_name(index, name);
  });
}

nadir_status nadir_graph_dump(const nadir_graph* handle, const char* format, char* buffer, size_t capacity,
                              size_t* needed) {
  if (!handle || !format || (!buffer && (capacity > 0 || !needed))) return NADIR_E_ARGUMENT;
  const bool is_text = std::strcmp(format, "text") == 0;
  if (!is_text && std::strcmp(format, "dot") != 0) return NADIR_E_ARGUMENT;
  const auto dump = is_text ? dump_text : dump_dot;
  Text measure(nullptr, 0);
  dump(*unwrap(handle), measure);
  const size_t bytes = measure.size() + 1;
  if (needed) *needed = bytes;
  if (capacity == 0) return NADIR_OK;
  if (capacity < bytes) return NADIR_E_ARGUMENT;
  Text text(buffer, capacity);
  dump(*unwrap(handle), text);
  buffer[text.size()] = '\0';
  return NADIR_OK;
}
