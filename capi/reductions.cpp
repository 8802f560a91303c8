// Reductions, and what is computed along one axis.
#include "ops/reduction.h"

#include "guard.h"
#include "ops/along_axis.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

// f is given the operand, the axes and keepdim, after `parse` took its options.
template <class Parse, class F>
nadir_node reduce(nadir_graph* graph, const char* function, nadir_node x, const int32_t* axes, int32_t axis_count,
                  const char* options, Parse parse, F f) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    const bool keepdim = parsed.flag("keepdim", false);
    const auto settings = parse(parsed);
    parsed.finish();
    const Expr operand = to_expr(g, x, "x");
    return f(operand, to_axes(operand, axes, axis_count), keepdim, settings);
  });
}

}  // namespace

#define REDUCTION(name)                                                                                   \
  nadir_node nadir_##name(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count,      \
                          const char* options) {                                                          \
    return reduce(                                                                                        \
        graph, #name, x, axes, axis_count, options, [](Options&) { return 0; },                           \
        [](Expr operand, AxisSet set, bool keepdim, int) { return nadir::name(operand, set, keepdim); }); \
  }
REDUCTION(sum)
REDUCTION(mean)
REDUCTION(prod)
REDUCTION(max)
REDUCTION(min)
REDUCTION(logsumexp)
REDUCTION(any)
REDUCTION(all)
#undef REDUCTION

namespace {

double correction(Options& options) { return options.number("correction", 1); }

}  // namespace

nadir_node nadir_var(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count, const char* options) {
  return reduce(graph, "var", x, axes, axis_count, options, correction, var);
}

nadir_node nadir_std(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count, const char* options) {
  return reduce(graph, "std", x, axes, axis_count, options, correction, standard_deviation);
}

nadir_node nadir_norm(nadir_graph* graph, nadir_node x, const int32_t* axes, int32_t axis_count, const char* options) {
  const auto parse = [](Options& parsed) {
    return static_cast<Norm>(parsed.choice("p", {"1", "2", "inf"}, static_cast<int>(Norm::kTwo)));
  };
  return reduce(graph, "norm", x, axes, axis_count, options, parse, norm);
}

namespace {

nadir_node index_of(nadir_graph* graph, const char* function, Expr (*f)(Expr, int, bool), nadir_node x, int32_t axis,
                    const char* options) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    const bool keepdim = parsed.flag("keepdim", false);
    parsed.finish();
    return f(to_expr(g, x, "x"), axis, keepdim);
  });
}

}  // namespace

nadir_node nadir_argmax(nadir_graph* graph, nadir_node x, int32_t axis, const char* options) {
  return index_of(graph, "argmax", argmax, x, axis, options);
}

nadir_node nadir_argmin(nadir_graph* graph, nadir_node x, int32_t axis, const char* options) {
  return index_of(graph, "argmin", argmin, x, axis, options);
}

nadir_node nadir_cumsum(nadir_graph* graph, nadir_node x, int32_t axis, const char* options) {
  return build_node(graph, "cumsum", nullptr, [&](Graph& g) {
    Options parsed(options);
    const bool reverse = parsed.flag("reverse", false);
    parsed.finish();
    return cumsum(to_expr(g, x, "x"), axis, reverse);
  });
}

nadir_node nadir_softmax(nadir_graph* graph, nadir_node x, int32_t axis) {
  return build_node(graph, "softmax", nullptr, [&](Graph& g) { return softmax(to_expr(g, x, "x"), axis); });
}

nadir_node nadir_log_softmax(nadir_graph* graph, nadir_node x, int32_t axis) {
  return build_node(graph, "log_softmax", nullptr, [&](Graph& g) { return log_softmax(to_expr(g, x, "x"), axis); });
}
