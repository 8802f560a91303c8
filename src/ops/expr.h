// An expression: a node and its graph, with the operators that gradient rules are written in.
//
// The operators need operands of the same shape (gradients broadcast explicitly) and fold what differentiating leaves
// behind: a product with a constant becomes a scale, one with 1 disappears, and arithmetic on a broadcast value is done
// before broadcasting. They fold nodes of the present differentiation alone: see Graph::Folding. The builders of the
// families (elementwise.h, …) build exactly what they are asked for.
#pragma once

#include "base/error.h"
#include "graph/graph.h"

namespace nadir {

class Expr {
 public:
  Expr() = default;
  Expr(Graph& graph, NodeIndex index) noexcept : graph_(&graph), index_(index) {}

  bool is_none() const noexcept { return graph_ == nullptr; }
  Graph& graph() const noexcept { return *graph_; }
  NodeIndex index() const noexcept { return index_; }
  const Node& node() const noexcept { return (*graph_)[index_]; }
  const Shape& shape() const noexcept { return node().shape; }
  DType dtype() const noexcept { return node().dtype; }
  Expr input(int operand) const noexcept { return {*graph_, node().inputs[static_cast<std::size_t>(operand)]}; }

 private:
  Graph* graph_ = nullptr;
  NodeIndex index_ = kNoNode;
};

// "x" is [batch, 3]
inline Text& operator<<(Text& text, const Expr& x) noexcept {
  return text << '"' << x.node().name() << "\" is " << x.shape();
}

// What a gradient rule is given: the operation's result y and the gradient gy of the loss with respect to it.
struct Backward {
  Expr y;
  Expr gy;

  Expr x(int operand) const noexcept { return y.input(operand); }
};

Expr operator+(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr x);
Expr operator*(double factor, Expr x);

// One value in the shape and dtype of another expression.
Expr filled_like(Expr like, double value);

// A constant scalar.
Expr scalar(Graph& graph, DType dtype, double value);

// How many elements of x there are for one of `reduced`, at the actual batch, as a scalar of x's dtype.
Expr count_ratio(Expr x, Expr reduced);

}  // namespace nadir
