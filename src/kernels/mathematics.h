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

// c[0] x^(n-1) + … + c[n-1].
template <class T, int n>
Pack<T> polynomial(Pack<T> x, const T (&c)[n]) {
  auto y = Pack<T>::splat(c[0]);
  for (int i = 1; i < n; ++i) y = multiply_add(y, x, Pack<T>::splat(c[i]));
  return y;
}

// Where exp is near the ends of its range.
template <class T>
inline constexpr T kSafeExponent = sizeof(T) == 4 ? 87 : 708;

// xsimd 8.1 overflows and underflows too early: towards the ends, exp(x) = exp(x / 2)².
template <class T>
Pack<T> exp_mended(Pack<T> x) {
  const auto limit = Pack<T>::splat(kSafeExponent<T>);
  const auto half = choose_greater(absolute(x), limit, x * Pack<T>::splat(T(0.5)), x);
  const auto root = raw::exp(half);
  return choose_greater(absolute(x), limit, root * root, root);
}

#if defined(NADIR_SCALAR_KERNELS)

template <class T>
Pack<T> at_most(Pack<T> x, T limit) {
  return choose_greater(x, Pack<T>::splat(limit), Pack<T>::splat(limit), x);
}

template <class T>
Pack<T> exp(Pack<T> x) {
  return exp_mended(x);
}
template <class T>
Pack<T> exp_of_negative(Pack<T> x) {
  return exp(x);
}
using raw::tanh;

#else

// NaN stays: where one of the two is, the instruction's result is the second.
template <class T>
Pack<T> at_most(Pack<T> x, T limit) {
  return {xsimd::min(typename Pack<T>::Batch(limit), x.value)};
}

inline Pack<double> exp(Pack<double> x) { return exp_mended(x); }
inline Pack<double> exp_of_negative(Pack<double> x) { return exp(x); }
using raw::tanh;

// Floats have exp and tanh of our own, by Cephes' polynomials as xsimd's: what they cost is the chain of their products, and
// xsimd 8.1 rounds twice on AVX-512, where one instruction does.

#if !defined(__AVX512F__)
// p 2^k for integers k of -150 to 129 and p of about 1: with subnormal results and overflow.
inline Pack<float> times_power_of_2(Pack<float> p, Pack<float> k) {
  const auto power = [](auto exponent) { return xsimd::bitwise_cast<xsimd::batch<float>>((exponent + 127) << 23); };
  const auto whole = xsimd::to_int(k.value);
  const auto half = whole >> 1;
  return {p.value * power(half) * power(whole - half)};
}
#endif

// The same for k of -126 to 127.
inline Pack<float> times_normal_power_of_2(Pack<float> p, Pack<float> k) {
#if defined(__AVX512F__)
  return {_mm512_scalef_ps(p.value, k.value)};
#else
  return {p.value * xsimd::bitwise_cast<xsimd::batch<float>>((xsimd::to_int(k.value) + 127) << 23)};
#endif
}

// exp(x) = p 2^k with p of about 1, for arguments that are not too large to subtract k log 2 from.
struct Power {
  Pack<float> p, k;
};
inline Power split_exp(Pack<float> x) {
  constexpr float kCoefficients[] = {1.3997796e-3f, 8.3955629e-3f, 4.1665401e-2f, 1.6666277e-1f, 0.5f};
  // What is added has no digits behind the point: the sum is rounded to a whole number.
  const auto whole = Pack<float>::splat(0x1.8p23f);
  const auto k = multiply_add(x, Pack<float>::splat(1.44269504f), whole) - whole;
  auto rest = multiply_add(k, Pack<float>::splat(-0.693359375f), x);
  rest = multiply_add(k, Pack<float>::splat(2.12194440e-4f), rest);
  return {multiply_add(polynomial(rest, kCoefficients), rest * rest, rest) + Pack<float>::splat(1), k};
}

// For x up to 0; below -104 it is 0. That 0 is chosen and not computed: a product that rounds to it costs an x86 processor 70 ns a
// vector.
inline Pack<float> exp_of_negative(Pack<float> x) {
  const auto least = Pack<float>::splat(-104);
#if defined(__AVX512F__)
  const auto split = split_exp(x);
  const auto counts = _mm512_cmp_ps_mask(x.value, least.value, _CMP_NLT_UQ);
  return {_mm512_maskz_scalef_ps(counts, split.p.value, split.k.value)};
#else
  const auto zero = Pack<float>::splat(0);
  const auto split = split_exp(choose_less(x, least, zero, x));
  return choose_less(x, least, zero, times_power_of_2(split.p, split.k));
#endif
}
inline Pack<float> exp(Pack<float> x) { return exp_of_negative(at_most(x, 89.0f)); }  // exp(89) is infinity

// x + x³ P(x²) near 0, 1 - 2 / (1 + exp(2x)) farther away.
inline Pack<float> tanh(Pack<float> x) {
  constexpr float kCoefficients[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f,
                                     -3.33332819422e-1f};
  const auto one = Pack<float>::splat(1);
  const auto size = absolute(x);
  const auto bounded = at_most(size, 10.0f);  // whose tanh is 1
  const auto split = split_exp(bounded + bounded);
  const auto far = one - Pack<float>::splat(2) / (one + times_normal_power_of_2(split.p, split.k));
  const auto square = x * x;
  const auto near = multiply_add(polynomial(square, kCoefficients) * square, size, size);
  const auto result = choose_less(size, Pack<float>::splat(0.625f), near, far);
  return {result.value ^ (x.value & Pack<float>::Batch(-0.0f))};
}

#endif

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
  const auto e = exp_of_negative(-absolute(x));
  return choose_less(x, Pack<T>::splat(0), e, one) / (one + e);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))
template <class T>
Pack<T> softplus(Pack<T> x) {
  const auto zero = Pack<T>::splat(0);
  return choose_less(x, zero, zero, x) + log1p(exp(-absolute(x)));
}

// The rest belongs to the error function. The polynomials interpolate at Chebyshev's points, computed with 60 digits.
//
// Where erfc, and exp(-x²) with it, is 0.
template <class T>
inline constexpr T kEndOfErfc = sizeof(T) == 4 ? T(10.7) : T(28);

// exp(x²) erfc(x) for 0 <= x <= kEndOfErfc: (1 + 2x) times that is nearly a constant, and smooth in t = (x - k) / (x + k)
// (Shepherd and Laframboise, "Chebyshev Approximation of (1+2x)exp(x²)erfc x in 0 <= x < ∞", 1981).
inline Pack<float> erfc_by_exp(Pack<float> x) {
  constexpr float kCoefficients[] = {-0.00027174899081074921f, -0.00078315653186302883f, 0.0020051188878618047f,
                                     0.0025753633938871831f,   -0.023796845947187269f,   0.068292875373437145f,
                                     -0.11927153559098271f,    0.12964677623083968f,     -0.047562339136747882f,
                                     -0.13562115174978484f,    1.2530080583181953f};
  const auto k = Pack<float>::splat(3);
  const auto one = Pack<float>::splat(1);
  return polynomial((x - k) / (x + k), kCoefficients) / (one + (x + x));
}
inline Pack<double> erfc_by_exp(Pack<double> x) {
  constexpr double kCoefficients[] = {
      1.2637828580421368848e-9,   1.868487385473519148e-9,    -1.4091982822555755139e-8, -1.7999475459031421342e-8,
      1.1005996198640057605e-7,   7.4719527805009710229e-8,   -8.2546997448711613945e-7, 2.9377854943443786635e-7,
      5.709784760966505606e-6,    -1.1222046316669004379e-5,  -2.4399244283129877407e-5, 0.00015062169704678354224,
      -0.00019925668432389152329, -0.00075777329736691463878, 0.0050319699757531763071,  -0.016197734055994488026,
      0.037167515537770254144,    -0.066330365812409508867,   0.093732834998330222703,   -0.10103906603629458845,
      0.06809705425469323556,     0.015379652102619558026,    -0.13962111684056251785,   1.2329951186255525103};
  const auto k = Pack<double>::splat(4);
  const auto one = Pack<double>::splat(1);
  return polynomial((x - k) / (x + k), kCoefficients) / (one + (x + x));
}

// exp(-factor x²) for 0 <= x < 64, where rounding x² would cost digits: x² = s + (h² - s) + (x - h)(x + h), with s = x² rounded
// and h = x to so few digits that h² is exact.
template <class T>
Pack<T> exp_of_square(Pack<T> x, T factor) {
  const auto grid = Pack<T>::splat(sizeof(T) == 4 ? T(0x1p-7) : T(0x1p-20));
  const auto per_grid = Pack<T>::splat(sizeof(T) == 4 ? T(0x1p7) : T(0x1p20));
  const auto h = round_to_even(x * per_grid) * grid;
  const auto s = x * x;
  const auto rest = (h * h - s) + (x - h) * (x + h);
  const auto e = exp(-(Pack<T>::splat(factor) * s));
  return e - e * (Pack<T>::splat(factor) * rest);
}

// erf(x) / x as a function of x², for |x| <= 1.
inline Pack<float> erf_by_x(Pack<float> square) {
  constexpr float kCoefficients[] = {7.8758750626854883411e-5f, -0.00080168642871658695f, 0.005189087423433974f,
                                     -0.026854212010626412f,    0.11283594715160218f,     -0.37612626666720331f,
                                     1.128379165848350946f};
  return polynomial(square, kCoefficients);
}
inline Pack<double> erf_by_x(Pack<double> square) {
  constexpr double kCoefficients[] = {5.9571761477489114044e-11, -1.137284885679167367e-9,   1.4659775274047435814e-8,
                                      -1.6350312701054695011e-7, 1.6461000484121368033e-6,   -1.4925595266831181565e-5,
                                      0.00012055331111642710923, -0.00085483269808337899052, 0.0052239776248180144673,
                                      -0.026866170645076793248,  0.11283791670954878666,     -0.37612638903183748056,
                                      1.1283791670955125738};
  return polynomial(square, kCoefficients);
}

// erf for |x| <= 1.
template <class T>
Pack<T> erf_near_0(Pack<T> x) {
  return x * erf_by_x(at_most(x * x, T(1)));
}

// erfc for x >= 0.
template <class T>
Pack<T> erfc_above_0(Pack<T> x) {
  const auto bounded = at_most(x, kEndOfErfc<T>);
  return exp_of_square(bounded, T(1)) * erfc_by_exp(bounded);
}

template <class T>
Pack<T> erfc(Pack<T> x) {
  const auto size = absolute(x);
  const auto tail = erfc_above_0(size);
  const auto far = choose_less(x, Pack<T>::splat(0), Pack<T>::splat(2) - tail, tail);
  return choose_greater(size, Pack<T>::splat(T(0.5)), far, Pack<T>::splat(1) - erf_near_0(x));
}

template <class T>
Pack<T> erf(Pack<T> x) {
  const auto one = Pack<T>::splat(1);
  const auto size = absolute(x);
  const auto far = one - erfc_above_0(size);
  const auto signed_far = choose_less(x, Pack<T>::splat(0), -far, far);
  return choose_greater(size, one, signed_far, erf_near_0(x));
}

// x times the normal distribution at x, erfc(-x / √2) / 2. Below 0, what is small comes last.
template <class T>
Pack<T> gelu(Pack<T> x) {
  constexpr T kEnd = sizeof(T) == 4 ? T(15) : T(39);
  const auto one = Pack<T>::splat(1);
  const auto size = at_most(absolute(x), kEnd);
  const auto scaled = at_most(size * Pack<T>::splat(T(0.70710678118654752440)), kEndOfErfc<T>);
  const auto power = exp_of_square(size, T(0.5));
  const auto half = Pack<T>::splat(T(0.5)) * erfc_by_exp(scaled);
  return choose_less(x, Pack<T>::splat(0), x * half * power, x * (one - half * power));
}

}  // namespace math
}  // namespace
}  // namespace nadir
