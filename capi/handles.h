// What stands behind the C API's handles and node ids.
//
// A handle is the core's object under another name: `unwrap` and `wrap` change the name. A node id holds its number in the
// graph and the graph's tag, so that a node of another graph is noticed.
#pragma once

#include <nadir/nadir.h>

#include <span>

#include "base/host.h"
#include "graph/graph.h"
#include "ops/expr.h"
#include "ops/reduction.h"
#include "optim/optimizer.h"
#include "session/session.h"

namespace nadir::capi {

inline Host* unwrap(nadir_host* host) noexcept { return reinterpret_cast<Host*>(host); }
inline const Host* unwrap(const nadir_host* host) noexcept { return reinterpret_cast<const Host*>(host); }
inline Graph* unwrap(nadir_graph* graph) noexcept { return reinterpret_cast<Graph*>(graph); }
inline const Graph* unwrap(const nadir_graph* graph) noexcept { return reinterpret_cast<const Graph*>(graph); }
inline Session* unwrap(nadir_session* session) noexcept { return reinterpret_cast<Session*>(session); }
inline const Session* unwrap(const nadir_session* session) noexcept {
  return reinterpret_cast<const Session*>(session);
}
inline Optimizer* unwrap(nadir_optimizer* optimizer) noexcept { return reinterpret_cast<Optimizer*>(optimizer); }
inline const Optimizer* unwrap(const nadir_optimizer* optimizer) noexcept {
  return reinterpret_cast<const Optimizer*>(optimizer);
}
inline nadir_host* wrap(Host* host) noexcept { return reinterpret_cast<nadir_host*>(host); }
inline nadir_graph* wrap(Graph* graph) noexcept { return reinterpret_cast<nadir_graph*>(graph); }
inline nadir_session* wrap(Session* session) noexcept { return reinterpret_cast<nadir_session*>(session); }

inline nadir_optimizer* wrap(Optimizer* optimizer) noexcept { return reinterpret_cast<nadir_optimizer*>(optimizer); }

inline nadir_status wrap(Status status) noexcept { return static_cast<nadir_status>(status); }

inline constexpr unsigned kIndexBits = 24;

inline nadir_node wrap(const Graph& graph, NodeIndex index) noexcept { return graph.tag() << kIndexBits | index; }

inline bool is_float_dtype(nadir_dtype dtype) noexcept {
  return is_dtype(dtype) && is_float(static_cast<DType>(dtype));
}

// kNoNode for what is no node of the graph.
inline NodeIndex find_node(const Graph& graph, nadir_node node) noexcept {
  const NodeIndex index = node & ((1u << kIndexBits) - 1);
  return node >> kIndexBits == graph.tag() && index < graph.published() ? index : kNoNode;
}

// The parameter that a node is, or null.
const Parameter* find_parameter(const Graph& graph, nadir_node node) noexcept;

// Arguments as the core knows them. Each throws Error on what it cannot take; `role` names the argument.
Expr to_expr(Graph& graph, nadir_node node, const char* role);
DType to_dtype(nadir_dtype dtype);
// A new shape for x, if that is not none.
Shape to_shape(const int64_t* dims, int32_t rank, Expr x = {});
// One dimension may be -1: what is left of the elements of x.
Shape to_reshape(Expr x, const int64_t* dims, int32_t rank);
// An array that may be NULL if it is empty.
template <class T>
std::span<const T> to_span(const T* values, int32_t count, const char* role) {
  if (count < 0) fail(Status::kArgument, role, ": ", count, " of them; wants 0 or more");
  if (!values && count > 0) fail(Status::kArgument, role, " is NULL, their number ", count);
  return {values, static_cast<size_t>(count)};
}
AxisSet to_axes(Expr x, const int32_t* axes, int32_t count);
int64_t from_dim(Dim dim) noexcept;

}  // namespace nadir::capi
