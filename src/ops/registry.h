// The table of operations.
#pragma once

#include "graph/op.h"
#include "ops/expr.h"

namespace nadir {

enum class OpId : int {
#define LEAF(name) name,
#define UNARY(name) name,
#define SCALED(name) name,
#define BINARY(name) name,
#define TEST(name) name,
#define COMPARE(name) name,
#define LOGICAL(name) name,
#define OTHER(name) name,
#include "ops/registry.def"
};

const Op& op(OpId id) noexcept;
inline OpId id_of(const Node& node) noexcept { return static_cast<OpId>(node.op->id); }
// Whether its values are stored by the graph or the host, and not computed.
inline bool is_stored(const Node& node) noexcept {
  const OpId id = id_of(node);
  return id == OpId::input || id == OpId::param || id == OpId::state;
}

// Each operation's gradient with respect to one of its operands, given the gradient of its result.
#define UNARY(name) Expr name##_gradient(const Backward& d, int operand);
#define SCALED(name) Expr name##_gradient(const Backward& d, int operand);
#define BINARY(name) Expr name##_gradient(const Backward& d, int operand);
#define OTHER(name)                                     \
  Expr name##_gradient(const Backward& d, int operand); \
  void describe_##name(Text& text, const Node& node);
#include "ops/registry.def"
void describe_constant(Text& text, const Node& node);
void describe_extent(Text& text, const Node& node);
void describe_numbers(Text& text, const Node& node);

}  // namespace nadir
