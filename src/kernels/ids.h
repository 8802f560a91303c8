// The numbers of the elementwise functions, generated from the list of operations.
#pragma once

namespace nadir {

enum class LaneId : int {
#define LEAF(name)
#define UNARY(name) name,
#define SCALED(name) name,
#define BINARY(name) name,
#define OTHER(name)
#include "ops/registry.def"
#undef LEAF
#undef UNARY
#undef SCALED
#undef BINARY
#undef OTHER
  copy,  // of the planner, not of the graph
};

inline constexpr int kLaneCount = static_cast<int>(LaneId::copy) + 1;

}  // namespace nadir
