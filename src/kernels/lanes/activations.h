// Activations that need nothing but arithmetic. NaN stays NaN.
#pragma once

#include "kernels/simd.h"

namespace nadir {
namespace {
namespace lanes {

struct relu {
  template <class V>
  static V at(V x) {
    const V zero = Width<V>::splat(0);
    return choose_less(x, zero, zero, x);
  }
};

struct relu6 {
  template <class V>
  static V at(V x) {
    const V six = Width<V>::splat(6);
    const V raised = relu::at(x);
    return choose_greater(raised, six, six, raised);
  }
};

struct leaky_relu {
  template <class V>
  static V at(V x, V slope, V) {
    return choose_greater(x, Width<V>::splat(0), x, slope * x);
  }
};

struct softsign {
  template <class V>
  static V at(V x) {
    return x / (Width<V>::splat(1) + absolute(x));
  }
};

// min(max(x + 3, 0), 6) / 6
struct hard_sigmoid {
  template <class V>
  static V at(V x) {
    return relu6::at(x + Width<V>::splat(3)) / Width<V>::splat(6);
  }
};

struct hard_swish {
  template <class V>
  static V at(V x) {
    return x * relu6::at(x + Width<V>::splat(3)) / Width<V>::splat(6);
  }
};

}  // namespace lanes
}  // namespace
}  // namespace nadir
