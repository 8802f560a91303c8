// The gradients of activations from the gradient of their result and that result, which the planner puts in place of the
// operations that the gradient rules make them of: the same arithmetic in the same order.
#pragma once

#include "kernels/simd.h"

namespace nadir {
namespace {
namespace lanes {

// gy where y > 0, or is NaN; else 0.
struct relu_slope {
  template <class V>
  static V at(V gy, V y) {
    const V zero = Width<V>::splat(0);
    return choose_less_or_equal(y, zero, zero, gy);
  }
};

// gy (1 - y²)
struct tanh_slope {
  template <class V>
  static V at(V gy, V y) {
    return gy * (-(y * y) + Width<V>::splat(1));
  }
};

// gy (y (1 - y))
struct sigmoid_slope {
  template <class V>
  static V at(V gy, V y) {
    return gy * (y * (-y + Width<V>::splat(1)));
  }
};

}  // namespace lanes
}  // namespace
}  // namespace nadir
