// Elementwise functions, each named as its operation. V is a vector or a number; the arithmetic is exact to the last bit of
// IEEE 754 either way.
#pragma once

#include "kernels/simd.h"

namespace nadir {
namespace {
namespace lanes {

struct copy {
  template <class V>
  static V at(V x) {
    return x;
  }
};

struct neg {
  template <class V>
  static V at(V x) {
    return -x;
  }
};

struct square {
  template <class V>
  static V at(V x) {
    return x * x;
  }
};

struct scale {
  template <class V>
  static V at(V x, V factor, V) {
    return factor * x;
  }
};

struct add_scalar {
  template <class V>
  static V at(V x, V number, V) {
    return x + number;
  }
};

struct div_scalar {
  template <class V>
  static V at(V x, V number, V) {
    return x / number;
  }
};

struct scalar_div {
  template <class V>
  static V at(V x, V number, V) {
    return number / x;
  }
};

// NaN stays NaN.
struct clamp {
  template <class V>
  static V at(V x, V low, V high) {
    const V raised = choose_less(x, low, low, x);
    return choose_greater(raised, high, high, raised);
  }
};

struct abs {
  template <class V>
  static V at(V x) {
    return absolute(x);
  }
};

// 0 for ±0 and for NaN, as in PyTorch.
struct sign {
  template <class V>
  static V at(V x) {
    const V zero = Width<V>::splat(0);
    const V one = Width<V>::splat(1);
    return choose_greater(x, zero, one, choose_less(x, zero, -one, zero));
  }
};

struct sqrt {
  template <class V>
  static V at(V x) {
    return square_root(x);
  }
};

struct rsqrt {
  template <class V>
  static V at(V x) {
    return Width<V>::splat(1) / square_root(x);
  }
};

struct reciprocal {
  template <class V>
  static V at(V x) {
    return Width<V>::splat(1) / x;
  }
};

struct floor {
  template <class V>
  static V at(V x) {
    return round_down(x);
  }
};

struct ceil {
  template <class V>
  static V at(V x) {
    return round_up(x);
  }
};

struct round {
  template <class V>
  static V at(V x) {
    return round_to_even(x);
  }
};

struct trunc {
  template <class V>
  static V at(V x) {
    return round_to_zero(x);
  }
};

struct add {
  template <class V>
  static V at(V a, V b) {
    return a + b;
  }
};

struct sub {
  template <class V>
  static V at(V a, V b) {
    return a - b;
  }
};

struct mul {
  template <class V>
  static V at(V a, V b) {
    return a * b;
  }
};

struct div {
  template <class V>
  static V at(V a, V b) {
    return a / b;
  }
};

// NaN if either is: a comparison with NaN is false.
struct maximum {
  template <class V>
  static V at(V a, V b) {
    return choose_greater(a, b, a, choose_less(a, b, b, choose_equal(a, b, a, a + b)));
  }
};

struct minimum {
  template <class V>
  static V at(V a, V b) {
    return choose_less(a, b, a, choose_greater(a, b, b, choose_equal(a, b, a, a + b)));
  }
};

}  // namespace lanes
}  // namespace
}  // namespace nadir
