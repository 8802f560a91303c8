// Elementwise expressions, products and gradients. Most of the elementwise functions are generated from the list of operations.
#include "autodiff/gradients.h"
#include "guard.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

nadir_node build_from(nadir_graph* graph, const char* function, Expr (*builder)(OpId, Expr), OpId id, nadir_node x) {
  return build_node(graph, function, nullptr, [&](Graph& g) { return builder(id, to_expr(g, x, "x")); });
}

nadir_node build_from(nadir_graph* graph, const char* function, Expr (*builder)(OpId, Expr, Expr), OpId id,
                      nadir_node a, nadir_node b) {
  return build_node(graph, function, nullptr,
                    [&](Graph& g) { return builder(id, to_expr(g, a, "a"), to_expr(g, b, "b")); });
}

nadir_node build_scaled(nadir_graph* graph, const char* function, OpId id, nadir_node x, Numbers numbers) {
  return build_node(graph, function, nullptr, [&](Graph& g) { return scaled(id, to_expr(g, x, "x"), numbers); });
}

}  // namespace

#define UNARY(name) \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node x) { return build_from(graph, #name, unary, OpId::name, x); }
#define TEST(name) \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node x) { return build_from(graph, #name, test, OpId::name, x); }
#define BINARY(name)                                                        \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node a, nadir_node b) { \
    return build_from(graph, #name, binary, OpId::name, a, b);              \
  }
#define COMPARE(name)                                                       \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node a, nadir_node b) { \
    return build_from(graph, #name, compare, OpId::name, a, b);             \
  }
#define LOGICAL(name)                                                       \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node a, nadir_node b) { \
    return build_from(graph, #name, logical, OpId::name, a, b);             \
  }
#include "ops/registry.def"

nadir_node nadir_scale(nadir_graph* graph, nadir_node x, double factor) {
  return build_scaled(graph, "scale", OpId::scale, x, {factor, 0});
}

nadir_node nadir_add_scalar(nadir_graph* graph, nadir_node x, double number) {
  return build_scaled(graph, "add_scalar", OpId::add_scalar, x, {number, 0});
}

nadir_node nadir_div_scalar(nadir_graph* graph, nadir_node x, double number) {
  return build_scaled(graph, "div_scalar", OpId::div_scalar, x, {number, 0});
}

nadir_node nadir_scalar_div(nadir_graph* graph, double number, nadir_node x) {
  return build_scaled(graph, "scalar_div", OpId::scalar_div, x, {number, 0});
}

nadir_node nadir_scalar_sub(nadir_graph* graph, double number, nadir_node x) {
  return build_node(graph, "scalar_sub", nullptr,
                    [&](Graph& g) { return add_scalar(neg(to_expr(g, x, "x")), number); });
}

nadir_node nadir_floor_div_scalar(nadir_graph* graph, nadir_node x, double number) {
  return build_scaled(graph, "floor_div_scalar", OpId::floor_div_scalar, x, {number, 0});
}

nadir_node nadir_mod_scalar(nadir_graph* graph, nadir_node x, double number) {
  return build_scaled(graph, "mod_scalar", OpId::mod_scalar, x, {number, 0});
}

nadir_node nadir_pow_scalar(nadir_graph* graph, nadir_node x, double number) {
  return build_node(graph, "pow_scalar", nullptr, [&](Graph& g) { return pow_scalar(to_expr(g, x, "x"), number); });
}

nadir_node nadir_scalar_pow(nadir_graph* graph, double number, nadir_node x) {
  return build_scaled(graph, "scalar_pow", OpId::scalar_pow, x, {number, 0});
}

nadir_node nadir_clamp(nadir_graph* graph, nadir_node x, double low, double high) {
  return build_scaled(graph, "clamp", OpId::clamp, x, {low, high});
}

nadir_node nadir_leaky_relu(nadir_graph* graph, nadir_node x, const char* options) {
  return build_node(graph, "leaky_relu", nullptr, [&](Graph& g) {
    Options parsed(options);
    const double slope = parsed.number("negative_slope", 0.01);
    parsed.finish();
    return scaled(OpId::leaky_relu, to_expr(g, x, "x"), {slope, 0});
  });
}

nadir_node nadir_elu(nadir_graph* graph, nadir_node x, const char* options) {
  return build_node(graph, "elu", nullptr, [&](Graph& g) {
    Options parsed(options);
    const double alpha = parsed.number("alpha", 1);
    parsed.finish();
    return scaled(OpId::elu, to_expr(g, x, "x"), {alpha, 0});
  });
}

nadir_node nadir_softplus(nadir_graph* graph, nadir_node x, const char* options) {
  return build_node(graph, "softplus", nullptr, [&](Graph& g) {
    Options parsed(options);
    const double beta = parsed.number("beta", 1);
    const double threshold = parsed.number("threshold", 20);
    parsed.finish();
    return scaled(OpId::softplus, to_expr(g, x, "x"), {beta, threshold});
  });
}

nadir_node nadir_logical_not(nadir_graph* graph, nadir_node x) {
  return build_node(graph, "logical_not", nullptr, [&](Graph& g) { return logical_not(to_expr(g, x, "x")); });
}

nadir_node nadir_where(nadir_graph* graph, nadir_node mask, nadir_node a, nadir_node b) {
  return build_node(graph, "where", nullptr,
                    [&](Graph& g) { return where(to_expr(g, mask, "mask"), to_expr(g, a, "a"), to_expr(g, b, "b")); });
}

nadir_node nadir_cast(nadir_graph* graph, nadir_node x, nadir_dtype dtype) {
  return build_node(graph, "cast", nullptr, [&](Graph& g) { return cast(to_expr(g, x, "x"), to_dtype(dtype)); });
}

nadir_node nadir_stop_gradient(nadir_graph* graph, nadir_node x) {
  return build_node(graph, "stop_gradient", nullptr, [&](Graph& g) { return stop_gradient(to_expr(g, x, "x")); });
}

nadir_node nadir_matmul(nadir_graph* graph, nadir_node a, nadir_node b, const char* options) {
  return build_node(graph, "matmul", nullptr, [&](Graph& g) {
    Options parsed(options);
    const bool transpose_a = parsed.flag("transpose_a", false);
    const bool transpose_b = parsed.flag("transpose_b", false);
    parsed.finish();
    return matmul(to_expr(g, a, "a"), to_expr(g, b, "b"), transpose_a, transpose_b);
  });
}

nadir_node nadir_dot(nadir_graph* graph, nadir_node a, nadir_node b) {
  return build_node(graph, "dot", nullptr, [&](Graph& g) { return dot(to_expr(g, a, "a"), to_expr(g, b, "b")); });
}

nadir_node nadir_outer(nadir_graph* graph, nadir_node a, nadir_node b) {
  return build_node(graph, "outer", nullptr, [&](Graph& g) { return outer(to_expr(g, a, "a"), to_expr(g, b, "b")); });
}

nadir_status nadir_gradients(nadir_graph* handle, nadir_node y, nadir_node upstream, const nadir_node* xs,
                             int32_t count, nadir_node* out) {
  const auto forget = [&] {
    for (int32_t i = 0; out && i < count; ++i) out[i] = NADIR_NONE;
  };
  if (!handle) {
    forget();
    return NADIR_E_ARGUMENT;
  }
  Graph& graph = *unwrap(handle);
  const Status status = build(graph, "gradients", nullptr, [&] {
    if (!xs || !out) fail(Status::kArgument, xs ? "out" : "xs", " is NULL");
    if (count < 1) fail(Status::kArgument, "count is ", count, "; wants at least 1");
    const Expr of = to_expr(graph, y, "y");
    std::pmr::vector<NodeIndex> with_respect_to(&graph.host());
    for (int32_t i = 0; i < count; ++i) with_respect_to.push_back(to_expr(graph, xs[i], "an x").index());
    std::pmr::vector<NodeIndex> results(with_respect_to.size(), kNoNode, &graph.host());
    const auto first = static_cast<NodeIndex>(graph.size());
    gradients(of, upstream == NADIR_NONE ? Expr() : to_expr(graph, upstream, "upstream"), with_respect_to, results);
    graph.keep_needed(first, results);
    for (int32_t i = 0; i < count; ++i) out[i] = wrap(graph, results[static_cast<size_t>(i)]);
  });
  if (status != Status::kOk) forget();  // not before: `out` may be `xs`
  return wrap(status);
}
