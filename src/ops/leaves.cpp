#include "ops/leaves.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/random.h"
#include "ops/registry.h"

namespace nadir {

namespace {

Expr leaf(Graph& graph, OpId id, const char* name, DType dtype, const Shape& shape, const void* data = nullptr) {
  Node node;
  node.op = &op(id);
  node.dtype = dtype;
  node.shape = shape;
  node.data = data;
  return {graph, graph.add(node, name)};
}

void check_storage(const char* name, DType dtype, const Shape& shape, bool batch_allowed) {
  const char* shown = name ? name : "";
  if (!batch_allowed && shape.batch_dimensions() > 0)
    fail(Status::kShape, "\"", shown, "\" is ", shape, "; wants no batch");
  if (shape.batch_dimensions() > 1)
    fail(Status::kShape, "\"", shown, "\" is ", shape, "; wants one batch dimension at most");
  if (!size_fits(shape, size_of(dtype)))
    fail(Status::kShape, "\"", shown, "\" ", shape, " has more than 2^63 - 1 bytes");
}

void check_unsealed(const Graph& graph) {
  if (graph.is_sealed()) fail(Status::kState, "the graph has a session; its inputs and parameters are fixed");
}

}  // namespace

Expr input(Graph& graph, const char* name, DType dtype, const Shape& shape) {
  check_unsealed(graph);
  check_storage(name, dtype, shape, true);
  return leaf(graph, OpId::input, name, dtype, shape);
}

Expr argument(Graph& graph, DType dtype, const Shape& shape) { return leaf(graph, OpId::input, nullptr, dtype, shape); }

Expr constant(Graph& graph, const char* name, DType dtype, const Shape& shape, const void* data, std::size_t bytes) {
  check_storage(name, dtype, shape, false);
  const auto wanted = static_cast<std::size_t>(shape.count().factor) * size_of(dtype);
  if (bytes != wanted) {
    fail(Status::kArgument, "constant \"", name ? name : "", "\" ", name_of(dtype), ' ', shape, ": ", bytes,
         " bytes given; wants ", wanted);
  }
  void* copy = graph.pool().allocate(bytes);
  if (bytes > 0) std::memcpy(copy, data, bytes);
  return leaf(graph, OpId::constant, name, dtype, shape, copy);
}

namespace {

Expr stored(Parameters& parameters, OpId id, Graph& graph, const char* name, DType dtype, const Shape& shape,
            const Initializer& initializer) {
  check_unsealed(graph);
  check_storage(name, dtype, shape, false);
  if (!is_float(dtype)) fail(Status::kDType, "a parameter is ", name_of(dtype), "; wants f32 or f64");
  const Expr node = leaf(graph, id, name, dtype, shape);
  const Parameter& parameter = parameters.add(node.index(), dtype, shape.count().factor);
  initialize(parameters.values(parameter), dtype, shape, initializer, random_key(graph.seed(), node.node().name()),
             graph.host());
  return node;
}

}  // namespace

Expr state(Graph& graph, const char* name, DType dtype, const Shape& shape, const Initializer& initializer) {
  return stored(graph.states(), OpId::state, graph, name, dtype, shape, initializer);
}

void update_state(Expr state, Expr value) { state.graph().add_state_update(state.index(), value.index()); }

Expr training(Graph& graph) { return leaf(graph, OpId::training, nullptr, DType::kU8, Shape()); }

Expr param(Graph& graph, const char* name, DType dtype, const Shape& shape, const Initializer& initializer) {
  return stored(graph.parameters(), OpId::param, graph, name, dtype, shape, initializer);
}

Expr extent(Graph& graph, DType dtype, Extent count) {
  if (count.power == 0) return scalar(graph, dtype, static_cast<double>(count.factor));
  Node node;
  node.op = &op(OpId::extent);
  node.dtype = dtype;
  node.attributes = Attributes(count);
  return {graph, graph.add(node, nullptr)};
}

namespace {

// As the operation cast: towards 0, to the nearest that there is, 0 for NaN; a mask is 1 for what is not 0.
template <class T>
T converted(double value) noexcept {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else if constexpr (sizeof(T) == 1) {
    return value != 0;
  } else {
    if (std::isnan(value)) return 0;
    if (value >= -static_cast<double>(Limits::min())) return Limits::max();
    return value <= static_cast<double>(Limits::min()) ? Limits::min() : static_cast<T>(value);
  }
}

}  // namespace

Expr scalar(Graph& graph, DType dtype, double value) {
  return visit(dtype, [&](auto zero) {
    const auto element = converted<decltype(zero)>(value);
    return constant(graph, nullptr, dtype, Shape(), &element, sizeof element);
  });
}

double scalar_value(const Node& node) noexcept {
  return visit(node.dtype, [&](auto zero) {
    std::memcpy(&zero, node.data, sizeof zero);
    return static_cast<double>(zero);
  });
}

void describe_constant(Text& text, const Node& node) {
  if (node.shape.is_scalar()) text << scalar_value(node);
}

void describe_extent(Text& text, const Node& node) {
  const auto count = node.attributes.as<Extent>();
  if (count.factor != 1) text << count.factor << " * ";
  text << "batch";
  if (count.power > 1) text << '^' << count.power;
}

}  // namespace nadir
