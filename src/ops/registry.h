// The table of operations.
#pragma once

#include <initializer_list>
#include <span>

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

// Adds a node of at most 2^63 - 1 bytes.
Expr add_node(OpId id, std::span<const Expr> operands, DType dtype, const Shape& shape,
              const Attributes& attributes = {});
Expr add_node(OpId id, std::initializer_list<Expr> operands, DType dtype, const Shape& shape,
              const Attributes& attributes = {});

// What several families check of their arguments. An axis may be negative, and is then counted from the end of `rank`.
int checked_axis(Expr x, int axis, int rank);
inline int checked_axis(Expr x, int axis) { return checked_axis(x, axis, x.shape().rank()); }
// Appends a dimension unless there are as many as may be.
void append_dim(Shape& shape, Dim dim, Expr x);
// A product of lengths, or of a length and a multiple of the batch.
Dim product_of(Dim a, std::int64_t factor, Expr x);
// The dimensions from `first` to `last` - 1 as one.
Dim joined(Expr x, int first, int last);

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
