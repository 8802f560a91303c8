// The border: exceptions of the core end here as a status and a message.
#pragma once

#include "handles.h"

namespace nadir::capi {

// A function object by reference, so that what is around the calls is compiled once and not for each lambda.
class Action {
 public:
  template <class F>
  Action(F& f) noexcept : f_(&f), call_([](void* object) { (*static_cast<F*>(object))(); }) {}
  void operator()() const { call_(f_); }

 private:
  void* f_;
  void (*call_)(void*);
};

// Runs f; returns whether it came to its end. What it throws is kept in `error` under the names of the function and of what
// it was to make, which may be null.
bool attempt_action(LastError& error, const char* function, const char* subject, Action f) noexcept;
template <class F>
bool attempt(LastError& error, const char* function, const char* subject, F f) noexcept {
  return attempt_action(error, function, subject, Action(f));
}

// Runs a builder under a transaction: what it adds is kept if it ends, taken back if it fails. Of the failures of builders
// the first is kept.
Status build_action(Graph& graph, const char* function, const char* subject, Action f) noexcept;
template <class F>
Status build(Graph& graph, const char* function, const char* subject, F f) noexcept {
  return build_action(graph, function, subject, Action(f));
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
nadir_status call_action(Graph& graph, const char* function, Action f) noexcept;
template <class F>
nadir_status call(Graph& graph, const char* function, F f) noexcept {
  return call_action(graph, function, Action(f));
}

}  // namespace nadir::capi
