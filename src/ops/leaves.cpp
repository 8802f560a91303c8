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

// REQUIRES: a float dtype.
void fill(std::byte* values, DType dtype, std::int64_t count, const Initializer& initializer, std::uint64_t key) {
  visit_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto* elements = reinterpret_cast<T*>(values);
    const bool is_uniform = initializer.kind == Initializer::Kind::kUniform && initializer.low < initializer.high;
    const T below_high = std::nextafter(static_cast<T>(initializer.high), static_cast<T>(initializer.low));
    for (std::int64_t i = 0; i < count; ++i) {
      double value = initializer.low;
      if (initializer.kind == Initializer::Kind::kUniform) {
        value += (initializer.high - initializer.low) * uniform_01(key, static_cast<std::uint64_t>(i));
      } else if (initializer.kind == Initializer::Kind::kNormal) {
        value += initializer.high * standard_normal(key, static_cast<std::uint64_t>(i));
      }
      elements[i] = static_cast<T>(value);
      // Rounding to T may have reached the end, which is excluded.
      if (is_uniform && elements[i] >= static_cast<T>(initializer.high)) elements[i] = below_high;
    }
  });
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

Initializer Initializer::parse(Options& options) {
  enum { kZeros, kOnes, kConstant, kUniform };
  const int kind = options.choice("init", {"zeros", "ones", "constant", "uniform"}, kZeros);
  const double value = options.number("value", 0);
  const double low = options.number("low", 0);
  const double high = options.number("high", 1);
  if (kind == kUniform) {
    if (!std::isfinite(high - low) || low > high) {
      fail(Status::kArgument, "init=uniform: low ", low, ", high ", high, "; wants finite low <= high");
    }
    return {Kind::kUniform, low, high};
  }
  const double constant = kind == kConstant ? value : kind == kOnes ? 1 : 0;
  return {Kind::kConstant, constant, constant};
}

namespace {

Expr stored(Parameters& parameters, OpId id, Graph& graph, const char* name, DType dtype, const Shape& shape,
            const Initializer& initializer) {
  check_unsealed(graph);
  check_storage(name, dtype, shape, false);
  if (!is_float(dtype)) fail(Status::kDType, "a parameter is ", name_of(dtype), "; wants f32 or f64");
  const Expr node = leaf(graph, id, name, dtype, shape);
  const Parameter& parameter = parameters.add(node.index(), dtype, shape.count().factor);
  fill(parameters.values(parameter), dtype, parameter.count, initializer, random_key(graph.seed(), node.node().name()));
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
