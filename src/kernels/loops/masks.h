// Elementwise functions whose operands and results differ in type: tests, comparisons, choices, casts. Plain loops, which
// compilers turn into vectors.
#pragma once

#include "kernels/arguments.h"
#include "kernels/loops/elementwise.h"

namespace nadir {
namespace {

using Mask = std::uint8_t;

namespace masks {

struct is_nan {
  template <class T>
  static bool at(T x) {
    return x != x;
  }
};
struct is_finite {
  template <class T>
  static bool at(T x) {
    return x - x == 0;
  }
};

struct eq {
  template <class T>
  static bool at(T a, T b) {
    return a == b;
  }
};
struct ne {
  template <class T>
  static bool at(T a, T b) {
    return a != b;
  }
};
struct lt {
  template <class T>
  static bool at(T a, T b) {
    return a < b;
  }
};
struct le {
  template <class T>
  static bool at(T a, T b) {
    return a <= b;
  }
};
struct gt {
  template <class T>
  static bool at(T a, T b) {
    return a > b;
  }
};
struct ge {
  template <class T>
  static bool at(T a, T b) {
    return a >= b;
  }
};

struct logical_and {
  static bool at(Mask a, Mask b) { return (a != 0) & (b != 0); }
};
struct logical_or {
  static bool at(Mask a, Mask b) { return (a | b) != 0; }
};
struct logical_xor {
  static bool at(Mask a, Mask b) { return (a != 0) != (b != 0); }
};
struct logical_not {
  static bool at(Mask a) { return a == 0; }
};

}  // namespace masks

template <class Test, class T>
void test_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  Mask* out = static_cast<Mask*>(l.out);
  const T* x = static_cast<const T*>(l.in[0]);
  const std::int64_t step = advance(l, 0);
  for (std::int64_t i = 0; i < l.count; ++i) out[i] = Test::at(x[i * step]);
}

template <class Comparison, class T>
void compare_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  Mask* out = static_cast<Mask*>(l.out);
  const T* a = static_cast<const T*>(l.in[0]);
  const T* b = static_cast<const T*>(l.in[1]);
  if ((l.splat & 3u) == 0) {
    for (std::int64_t i = 0; i < l.count; ++i) out[i] = Comparison::at(a[i], b[i]);
    return;
  }
  const std::int64_t a_step = advance(l, 0);
  const std::int64_t b_step = advance(l, 1);
  for (std::int64_t i = 0; i < l.count; ++i) out[i] = Comparison::at(a[i * a_step], b[i * b_step]);
}

// `T` is any type of the elements' size.
template <class T>
void where_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const Mask* mask = static_cast<const Mask*>(l.in[0]);
  const T* a = static_cast<const T*>(l.in[1]);
  const T* b = static_cast<const T*>(l.in[2]);
  const std::int64_t mask_step = advance(l, 0);
  const std::int64_t a_step = advance(l, 1);
  const std::int64_t b_step = advance(l, 2);
  for (std::int64_t i = 0; i < l.count; ++i) {
    const T left = a[i * a_step];
    const T right = b[i * b_step];
    out[i] = mask[i * mask_step] != 0 ? left : right;
  }
}

template <class T>
void copy_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const T* x = static_cast<const T*>(l.in[0]);
  const std::int64_t step = advance(l, 0);
  for (std::int64_t i = 0; i < l.count; ++i) out[i] = x[i * step];
}

// Towards 0, to the nearest value that there is; NaN becomes 0.
template <class To, class From>
To truncated(From x) {
  constexpr bool kIs32 = sizeof(To) == 4;
  // The powers of two just outside of To's range, which both float types hold exactly.
  constexpr From kEnd = static_cast<From>(kIs32 ? 0x1p31 : 0x1p63);
  constexpr To kGreatest = static_cast<To>(kIs32 ? INT32_MAX : INT64_MAX);
  constexpr To kLeast = static_cast<To>(kIs32 ? INT32_MIN : INT64_MIN);
  if (x != x) return 0;
  if (x >= kEnd) return kGreatest;
  if (x < -kEnd) return kLeast;
  return static_cast<To>(x);
}

template <class T>
struct Kind {
  static constexpr bool is_float = false;
};
template <>
struct Kind<float> {
  static constexpr bool is_float = true;
};
template <>
struct Kind<double> {
  static constexpr bool is_float = true;
};

// A mask is 1 for what is not 0. Integers that are too large keep their lower bits.
template <class To, class From>
To converted(From x) {
  if constexpr (sizeof(To) == 1) {
    return x != 0;
  } else if constexpr (sizeof(From) == 1) {
    return static_cast<To>(x != 0);
  } else if constexpr (Kind<From>::is_float && !Kind<To>::is_float) {
    return truncated<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void cast_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  To* out = static_cast<To*>(l.out);
  const From* x = static_cast<const From*>(l.in[0]);
  const std::int64_t step = advance(l, 0);
  for (std::int64_t i = 0; i < l.count; ++i) out[i] = converted<To>(x[i * step]);
}

}  // namespace
}  // namespace nadir
