// Reverse-mode differentiation, graph to graph: the gradients are nodes, which can be used and differentiated like any other.
//
// The graph is walked once, from y down to the xs; what several users of a node contribute to its gradient is summed before
// the node is visited, so a shared node costs one visit however many paths lead to it.
#pragma once

#include <span>

#include "ops/expr.h"

namespace nadir {

// out[i] = d(sum(upstream * y)) / d xs[i]. `upstream` may be none for a scalar y.
void gradients(Expr y, Expr upstream, std::span<const NodeIndex> xs, std::span<NodeIndex> out);

}  // namespace nadir
