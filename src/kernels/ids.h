// The numbers of the elementwise functions, generated from the list of operations.
#pragma once

namespace nadir {

// Elementwise functions of the planner, not of the graph: SLOPE(name), a gradient of an activation.
#define NADIR_SLOPES(SLOPE) SLOPE(relu_slope) SLOPE(tanh_slope) SLOPE(sigmoid_slope)

enum class LaneId : int {
#define UNARY(name) name,
#define SCALED(name) name,
#define BINARY(name) name,
#define TEST(name) name,
#define COMPARE(name) name,
#define LOGICAL(name) name,
#include "ops/registry.def"
#define SLOPE(name) name,
  NADIR_SLOPES(SLOPE)
#undef SLOPE
      logical_not,
  where,
  // One a result, by the dtype that is cast from.
  cast_f32,
  cast_f64,
  cast_i32,
  cast_i64,
  cast_u8,
  copy,  // of the planner, not of the graph
};

inline constexpr int kLaneCount = static_cast<int>(LaneId::copy) + 1;

}  // namespace nadir
