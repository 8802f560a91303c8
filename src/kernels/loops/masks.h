// Elementwise functions whose operands and results differ in type: tests, comparisons, choices, casts.
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

// Of vectors and of numbers.
struct eq {
  template <class V>
  static auto at(V a, V b) {
    return a == b;
  }
};
struct ne {
  template <class V>
  static auto at(V a, V b) {
    return a != b;
  }
};
struct lt {
  template <class V>
  static auto at(V a, V b) {
    return a < b;
  }
};
struct le {
  template <class V>
  static auto at(V a, V b) {
    return a <= b;
  }
};
// a > b is b < a: the planner exchanges the operands.
struct gt {
  static constexpr bool kIsExchanged = true;
};
struct ge {
  static constexpr bool kIsExchanged = true;
};

struct logical_and {
  template <class V>
  static auto at(V a, V b) {
    return (a != 0) & (b != 0);
  }
};
struct logical_or {
  template <class V>
  static auto at(V a, V b) {
    return (a | b) != 0;
  }
};
struct logical_xor {
  template <class V>
  static auto at(V a, V b) {
    return (a != 0) ^ (b != 0);
  }
};
struct logical_not {
  static bool at(Mask a) { return a == 0; }
};

}  // namespace masks

// Vectors of the compiler's own, for what xsimd has no types for: as many masks as there are numbers in a vector.
template <class T>
struct Lanes {
#if defined(NADIR_SCALAR_KERNELS)
  static constexpr std::int64_t kCount = 1;
#else
  static constexpr std::int64_t kCount = static_cast<std::int64_t>(Pack<float>::size * sizeof(float) / sizeof(T));
#endif
  using Numbers [[gnu::vector_size(kCount * sizeof(T))]] = T;
  using Masks [[gnu::vector_size(kCount)]] = Mask;
  using Words [[gnu::vector_size(kCount * 2)]] = std::uint16_t;
  using Doubles [[gnu::vector_size(kCount * 4)]] = std::uint32_t;
  using Quadruples [[gnu::vector_size(kCount * 8)]] = std::uint64_t;
};

// As wide as numbers of type T. By twofold widths: what goes further in one step, GCC takes apart into single elements.
template <class T>
auto widened(typename Lanes<T>::Masks masks) {
  if constexpr (sizeof(T) == 1) {
    return masks;
  } else {
    const auto words = __builtin_convertvector(masks, typename Lanes<T>::Words);
    const auto doubles = __builtin_convertvector(words, typename Lanes<T>::Doubles);
    if constexpr (sizeof(T) == 4) {
      return doubles;
    } else {
      return __builtin_convertvector(doubles, typename Lanes<T>::Quadruples);
    }
  }
}

template <class V, class T>
V load_lanes(const T* from) {
  V lanes;
  __builtin_memcpy(&lanes, from, sizeof(V));
  return lanes;
}
template <class V, class T>
void store_lanes(V lanes, T* to) {
  __builtin_memcpy(to, &lanes, sizeof(V));
}

// An operand's vectors, one after another, or one value for all.
template <class V, class T>
class LanesOf {
 public:
  LanesOf(const T* elements, std::int64_t step) noexcept : elements_(elements), is_splat_(step == 0) {
    T values[sizeof(V) / sizeof(T)];
    for (T& value : values) value = *elements;
    lanes_ = load_lanes<V>(values);
  }
  V at(std::int64_t i) noexcept {
    if (!is_splat_) lanes_ = load_lanes<V>(elements_ + i);
    return lanes_;
  }

 private:
  const T* elements_;
  bool is_splat_;
  V lanes_;
};

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
  const std::int64_t count = l.count;
  const std::int64_t a_step = advance(l, 0);
  const std::int64_t b_step = advance(l, 1);
  std::int64_t i = 0;
  using V = typename Lanes<T>::Numbers;
  if (count >= Lanes<T>::kCount) {
    LanesOf<V, T> x(a, a_step);
    LanesOf<V, T> y(b, b_step);
    for (; i + Lanes<T>::kCount <= count; i += Lanes<T>::kCount) {
      const auto holds = Comparison::at(x.at(i), y.at(i));
      store_lanes(__builtin_convertvector(holds & 1, typename Lanes<T>::Masks), out + i);
    }
  }
  for (; i < count; ++i) out[i] = static_cast<Mask>(Comparison::at(a[i * a_step], b[i * b_step]));
}

// `T` is any type of the elements' size.
template <class T>
void where_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const Mask* mask = static_cast<const Mask*>(l.in[0]);
  const T* a = static_cast<const T*>(l.in[1]);
  const T* b = static_cast<const T*>(l.in[2]);
  const std::int64_t count = l.count;
  const std::int64_t mask_step = advance(l, 0);
  const std::int64_t a_step = advance(l, 1);
  const std::int64_t b_step = advance(l, 2);
  std::int64_t i = 0;
  using V = typename Lanes<T>::Numbers;
  if (count >= Lanes<T>::kCount) {
    LanesOf<typename Lanes<T>::Masks, Mask> m(mask, mask_step);
    LanesOf<V, T> x(a, a_step);
    LanesOf<V, T> y(b, b_step);
    for (; i + Lanes<T>::kCount <= count; i += Lanes<T>::kCount) {
      const V of_a = x.at(i);
      const V of_b = y.at(i);
      store_lanes(widened<T>(m.at(i)) != 0 ? of_a : of_b, out + i);
    }
  }
  for (; i < count; ++i) out[i] = mask[i * mask_step] != 0 ? a[i * a_step] : b[i * b_step];
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
