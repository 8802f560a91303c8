// Elementwise functions, each named as its operation. V is a vector or a number; the arithmetic is exact to the last bit of
// IEEE 754 either way.
#pragma once

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
  static V at(V x, V factor) {
    return factor * x;
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

}  // namespace lanes
}  // namespace
}  // namespace nadir
