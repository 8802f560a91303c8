// The numbers of the elementwise functions, generated from the list of operations.
#pragma once

namespace nadir {

enum class LaneId : int {
#define UNARY(name) name,
#define SCALED(name) name,
#define BINARY(name) name,
#include "ops/registry.def"
  copy,  // of the planner, not of the graph
};

inline constexpr int kLaneCount = static_cast<int>(LaneId::copy) + 1;

}  // namespace nadir
