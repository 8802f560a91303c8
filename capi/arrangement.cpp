// Shapes, slices, pieces and indices.
#include <memory_resource>
#include <span>
#include <vector>

#include "guard.h"
#include "ops/building.h"
#include "ops/indexing.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

using namespace nadir;
using namespace nadir::capi;

nadir_node nadir_broadcast_to(nadir_graph* graph, nadir_node x, const int64_t* shape, int32_t rank) {
  return build_node(graph, "broadcast_to", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return broadcast_to(operand, to_shape(shape, rank, operand));
  });
}

nadir_node nadir_reshape(nadir_graph* graph, nadir_node x, const int64_t* shape, int32_t rank) {
  return build_node(graph, "reshape", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return reshape(operand, to_reshape(operand, shape, rank));
  });
}

nadir_node nadir_flatten(nadir_graph* graph, nadir_node x, int32_t start_axis, int32_t end_axis) {
  return build_node(graph, "flatten", nullptr,
                    [&](Graph& g) { return flatten(to_expr(g, x, "x"), start_axis, end_axis); });
}

nadir_node nadir_squeeze(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count) {
  return build_node(graph, "squeeze", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return squeeze(operand, to_axes(operand, axes, axis_count));
  });
}

nadir_node nadir_unsqueeze(nadir_graph* graph, nadir_node x, int32_t axis) {
  return build_node(graph, "unsqueeze", nullptr, [&](Graph& g) { return unsqueeze(to_expr(g, x, "x"), axis); });
}

nadir_node nadir_permute(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count) {
  return build_node(graph, "permute", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return permute(operand, to_span(axes, axis_count, "axes"));
  });
}

nadir_node nadir_transpose(nadir_graph* graph, nadir_node x, int32_t axis_a, int32_t axis_b) {
  return build_node(graph, "transpose", nullptr,
                    [&](Graph& g) { return transpose(to_expr(g, x, "x"), axis_a, axis_b); });
}

nadir_node nadir_flip(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count) {
  return build_node(graph, "flip", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return flip(operand, to_axes(operand, axes, axis_count));
  });
}

// --------------------------------------------------------------------------------------------------- slices, pieces

static_assert(NADIR_OPEN == kOpen);

namespace {

// An end as the core counts it: along the batch, NADIR_BATCH times so many are so many batches.
int64_t to_end(Expr x, int32_t axis, int64_t end) {
  if (!x.shape()[checked_axis(x, axis)].is_batch() || end == NADIR_OPEN) return end;
  if (end % NADIR_BATCH != 0) {
    fail(Status::kShape, "x ", x, ": a slice of the batch ends at ", end, "; wants a multiple of NADIR_BATCH");
  }
  return end / NADIR_BATCH;
}

Slice to_slice(Expr x, int32_t axis, int64_t start, int64_t stop, int64_t step) {
  return Slice::parse(x, axis, to_end(x, axis, start), to_end(x, axis, stop), step);
}

}  // namespace

nadir_node nadir_slice(nadir_graph* graph, nadir_node x, int32_t axis, int64_t start, int64_t stop, int64_t step) {
  return build_node(graph, "slice", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return slice(operand, to_slice(operand, axis, start, stop, step));
  });
}

nadir_node nadir_slice_set(nadir_graph* graph, nadir_node x, int32_t axis, int64_t start, int64_t stop, int64_t step,
                           nadir_node value) {
  return build_node(graph, "slice_set", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return slice_set(operand, to_slice(operand, axis, start, stop, step), to_expr(g, value, "value"));
  });
}

namespace {

std::pmr::vector<Expr> to_exprs(Graph& graph, const nadir_node* xs, int32_t count) {
  if (count < 1) fail(Status::kArgument, "count is ", count, "; wants at least 1");
  if (!xs) fail(Status::kArgument, "xs is NULL, count ", count);
  std::pmr::vector<Expr> exprs(&graph.host());
  for (int32_t i = 0; i < count; ++i) exprs.push_back(to_expr(graph, xs[i], "an x"));
  return exprs;
}

}  // namespace

nadir_node nadir_concat(nadir_graph* graph, const nadir_node* xs, int32_t count, int32_t axis) {
  return build_node(graph, "concat", nullptr, [&](Graph& g) { return concat(to_exprs(g, xs, count), axis); });
}

nadir_node nadir_stack(nadir_graph* graph, const nadir_node* xs, int32_t count, int32_t axis) {
  return build_node(graph, "stack", nullptr, [&](Graph& g) { return stack(to_exprs(g, xs, count), axis); });
}

nadir_status nadir_split(nadir_graph* handle, nadir_node x, int32_t axis, const int64_t* lengths, int32_t count,
                         nadir_node* out) {
  const auto forget = [&] {
    for (int32_t i = 0; out && i < count; ++i) out[i] = NADIR_NONE;
  };
  forget();
  if (!handle) return NADIR_E_ARGUMENT;
  Graph& graph = *unwrap(handle);
  const Status status = build(graph, "split", nullptr, [&] {
    const Expr operand = to_expr(graph, x, "x");
    if (count < 1) fail(Status::kArgument, "count is ", count, "; wants at least 1");
    if (!lengths || !out) fail(Status::kArgument, lengths ? "out" : "lengths", " is NULL");
    std::pmr::vector<Dim> dims(&graph.host());
    for (int32_t i = 0; i < count; ++i) dims.push_back(to_shape(lengths + i, 1, operand)[0]);
    std::pmr::vector<NodeIndex> pieces(dims.size(), kNoNode, &graph.host());
    split(operand, axis, dims, pieces);
    for (int32_t i = 0; i < count; ++i) out[i] = wrap(graph, pieces[static_cast<size_t>(i)]);
  });
  return wrap(status);
}

nadir_node nadir_pad(nadir_graph* graph, nadir_node x, int32_t axis, int64_t before, int64_t after,
                     const char* options) {
  return build_node(graph, "pad", nullptr, [&](Graph& g) {
    Options parsed(options);
    const auto mode = static_cast<Padding>(parsed.choice("mode", {"constant", "reflect", "replicate"}, 0));
    const double value = parsed.number("value", 0);
    parsed.finish();
    return pad(to_expr(g, x, "x"), axis, before, after, mode, value);
  });
}

nadir_node nadir_repeat(nadir_graph* graph, nadir_node x, const int64_t* repeats, int32_t rank) {
  return build_node(graph, "repeat", nullptr, [&](Graph& g) {
    const Expr operand = to_expr(g, x, "x");
    return repeat(operand, to_span(repeats, rank, "repeats"));
  });
}

nadir_node nadir_roll(nadir_graph* graph, nadir_node x, int32_t axis, int64_t shift) {
  return build_node(graph, "roll", nullptr, [&](Graph& g) { return roll(to_expr(g, x, "x"), axis, shift); });
}

// --------------------------------------------------------------------------------------------------------- indices

nadir_node nadir_index_select(nadir_graph* graph, nadir_node x, int32_t axis, nadir_node index) {
  return build_node(graph, "index_select", nullptr,
                    [&](Graph& g) { return index_select(to_expr(g, x, "x"), axis, to_expr(g, index, "index")); });
}

nadir_node nadir_index_add(nadir_graph* graph, nadir_node x, int32_t axis, nadir_node index, nadir_node values) {
  return build_node(graph, "index_add", nullptr, [&](Graph& g) {
    return index_add(to_expr(g, x, "x"), axis, to_expr(g, index, "index"), to_expr(g, values, "values"));
  });
}

nadir_node nadir_gather(nadir_graph* graph, nadir_node x, int32_t axis, nadir_node index) {
  return build_node(graph, "gather", nullptr,
                    [&](Graph& g) { return gather(to_expr(g, x, "x"), axis, to_expr(g, index, "index")); });
}

nadir_node nadir_scatter_add(nadir_graph* graph, nadir_node x, int32_t axis, nadir_node index, nadir_node values) {
  return build_node(graph, "scatter_add", nullptr, [&](Graph& g) {
    return scatter_add(to_expr(g, x, "x"), axis, to_expr(g, index, "index"), to_expr(g, values, "values"));
  });
}

nadir_node nadir_one_hot(nadir_graph* graph, nadir_node index, int64_t classes, nadir_dtype dtype) {
  return build_node(graph, "one_hot", nullptr,
                    [&](Graph& g) { return one_hot(to_expr(g, index, "index"), classes, to_dtype(dtype)); });
}

nadir_node nadir_tril(nadir_graph* graph, nadir_node x, int64_t diagonal) {
  return build_node(graph, "tril", nullptr, [&](Graph& g) { return tril(to_expr(g, x, "x"), diagonal); });
}

nadir_node nadir_triu(nadir_graph* graph, nadir_node x, int64_t diagonal) {
  return build_node(graph, "triu", nullptr, [&](Graph& g) { return triu(to_expr(g, x, "x"), diagonal); });
}
