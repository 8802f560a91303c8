// Transcendental functions of vectors: xsimd's where they hold what docs/accuracy.md promises, mended where they do not, and the C
// library's in the scalar build. They take vectors alone: the ends of arrays are padded, so that an element's bits do not
// depend on where it lies.
#pragma once

#include "kernels/simd.h"

namespace nadir {
namespace {
namespace math {

// As the instruction set's library has them.
namespace raw {

#if defined(NADIR_SCALAR_KERNELS)
#define NADIR_FUNCTION(name)                                                        \
  inline Pack<float> name(Pack<float> x) { return {__builtin_##name##f(x.value)}; } \
  inline Pack<double> name(Pack<double> x) { return {__builtin_##name(x.value)}; }
#else
#define NADIR_FUNCTION(name)       \
  template <class T>               \
  Pack<T> name(Pack<T> x) {        \
    return {xsimd::name(x.value)}; \
  }
#endif
NADIR_FUNCTION(exp)
NADIR_FUNCTION(expm1)
NADIR_FUNCTION(log)
NADIR_FUNCTION(log1p)
NADIR_FUNCTION(log2)
NADIR_FUNCTION(sin)
NADIR_FUNCTION(cos)
NADIR_FUNCTION(tan)
NADIR_FUNCTION(asin)
NADIR_FUNCTION(acos)
NADIR_FUNCTION(atan)
NADIR_FUNCTION(sinh)
NADIR_FUNCTION(cosh)
NADIR_FUNCTION(tanh)
#undef NADIR_FUNCTION

}  // namespace raw

using raw::acos;
using raw::asin;
using raw::atan;
using raw::cos;
using raw::cosh;
using raw::log1p;
using raw::sin;
using raw::sinh;
using raw::tan;
using raw::tanh;

// Where exp is near the ends of its range.
template <class T>
inline constexpr T kSafeExponent = sizeof(T) == 4 ? 87 : 708;

// xsimd 8.1 overflows and underflows too early: towards the ends, exp(x) = exp(x / 2)².
template <class T>
Pack<T> exp(Pack<T> x) {
  const auto limit = Pack<T>::splat(kSafeExponent<T>);
  const auto half = choose_greater(absolute(x), limit, x * Pack<T>::splat(T(0.5)), x);
  const auto root = raw::exp(half);
  return choose_greater(absolute(x), limit, root * root, root);
}

template <class T>
Pack<T> expm1(Pack<T> x) {
  return choose_greater(x, Pack<T>::splat(kSafeExponent<T>), exp(x), raw::expm1(x));
}

// xsimd 8.1 takes subnormal doubles for something else: they are made normal by 2^54, and the logarithm less by as much.
template <class T>
Pack<T> normalised(Pack<T> x) {
  return choose_less(x, Pack<T>::splat(T(0x1p-1022)), x * Pack<T>::splat(T(0x1p54)), x);
}

template <class T>
Pack<T> log(Pack<T> x) {
  if constexpr (sizeof(T) == 4) {
    return raw::log(x);
  } else {
    const auto less =
        choose_less(x, Pack<T>::splat(0x1p-1022), Pack<T>::splat(54 * 0.6931471805599453), Pack<T>::splat(0));
    return raw::log(normalised(x)) - less;
  }
}

template <class T>
Pack<T> log2(Pack<T> x) {
  if constexpr (sizeof(T) == 4) {
    return raw::log2(x);
  } else {
    const auto less = choose_less(x, Pack<T>::splat(0x1p-1022), Pack<T>::splat(54), Pack<T>::splat(0));
    return raw::log2(normalised(x)) - less;
  }
}

// Without overflow for any x, and to full relative accuracy for negative ones: e = exp(-|x|) is at most 1.
template <class T>
Pack<T> sigmoid(Pack<T> x) {
  const auto one = Pack<T>::splat(1);
  const auto e = exp(-absolute(x));
  return choose_less(x, Pack<T>::splat(0), e, one) / (one + e);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))
template <class T>
Pack<T> softplus(Pack<T> x) {
  const auto zero = Pack<T>::splat(0);
  return choose_less(x, zero, zero, x) + log1p(exp(-absolute(x)));
}

}  // namespace math
}  // namespace
}  // namespace nadir
