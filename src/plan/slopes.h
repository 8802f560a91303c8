// Gradients of activations, which gradient rules make of several operations: one step computes them.
#pragma once

#include <array>
#include <optional>

#include "plan/analysis.h"

namespace nadir {

struct Slope {
  LaneId lane;
  NodeIndex upstream;                                         // gy
  NodeIndex result;                                           // y
  std::array<NodeIndex, 3> inner{kNoNode, kNoNode, kNoNode};  // what is computed on the way and nobody else needs
};

// What the node computes, if it is such a gradient.
std::optional<Slope> slope_of(const Graph& graph, const Analysis& analysis, NodeIndex index);

}  // namespace nadir
