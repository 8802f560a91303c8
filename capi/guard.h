// The border: exceptions of the core end here as a status and a message.
#pragma once

#include <initializer_list>
#include <new>

#include "handles.h"

namespace nadir::capi {

// Runs f; returns whether it came to its end. What it throws is kept in `error` under the names of the function and of what
// it was to make, which may be null.
template <class F>
bool attempt(LastError& error, const char* function, const char* subject, F f) noexcept {
  try {
    f();
    return true;
  } catch (const Error& e) {
    error.set(e.status, function, subject, e.message.view());
  } catch (const std::bad_alloc&) {
    error.set(Status::kNoMemory, function, subject, "the host's allocator gave no memory");
  } catch (...) {
    error.set(Status::kInternal, function, subject, "an unexpected exception");
  }
  return false;
}

// Runs a builder under a transaction: what it adds is kept if it ends, taken back if it fails. Of the failures of builders
// the first is kept.
template <class F>
Status build(Graph& graph, const char* function, const char* subject, F f) noexcept {
  LastError error;
  if (attempt(error, function, subject, [&] {
        Graph::Transaction transaction(graph);
        f();
        transaction.keep();
        graph.publish();
      })) {
    graph.call_error().clear();
    return Status::kOk;
  }
  if (graph.build_error().status() == Status::kOk) graph.build_error().set(error);
  return error.status();
}

// A builder of one node, named or not: f is given the graph and returns an Expr.
template <class F>
nadir_node build_node(nadir_graph* handle, const char* function, const char* name, F f) noexcept {
  if (!handle) return NADIR_NONE;
  Graph& graph = *unwrap(handle);
  nadir_node result = NADIR_NONE;
  build(graph, function, name, [&] { result = wrap(graph, f(graph).index()); });
  return result;
}

// A call on the graph that is no builder: f may throw. Its failure is kept as the last call's.
template <class F>
nadir_status call(Graph& graph, const char* function, F f) noexcept {
  LastError error;
  if (attempt(error, function, nullptr, f)) {
    graph.call_error().clear();
    return NADIR_OK;
  }
  graph.call_error().set(error);
  return wrap(error.status());
}

}  // namespace nadir::capi
