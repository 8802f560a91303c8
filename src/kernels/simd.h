// The vectors that kernels are written in: xsimd's batch for the instruction set that this file is compiled for, or plain
// numbers in the scalar build.
//
// Included once an instruction set, with its own compiler flags. Everything here and in loops/ and lanes/ therefore has
// internal linkage, xsimd is renamed by a macro of the build, and no inline function of the standard library is called: one
// that is not inlined would be shared with code for other processors.
#pragma once

#include <cstdint>
#include <utility>

#if !defined(NADIR_SCALAR_KERNELS)
#include <xsimd/xsimd.hpp>
#endif

namespace nadir {
namespace {

#if defined(NADIR_SCALAR_KERNELS)

template <class T>
struct Pack {
  static constexpr int size = 1;
  T value;

  static Pack load(const T* from) { return {*from}; }
  static Pack splat(T value) { return {value}; }
  void store(T* to) const { *to = value; }

  friend Pack operator+(Pack a, Pack b) { return {a.value + b.value}; }
  friend Pack operator-(Pack a, Pack b) { return {a.value - b.value}; }
  friend Pack operator*(Pack a, Pack b) { return {a.value * b.value}; }
  friend Pack operator/(Pack a, Pack b) { return {a.value / b.value}; }
  friend Pack operator-(Pack a) { return {-a.value}; }
};

#else

template <class T>
struct Pack {
  using Batch = xsimd::batch<T>;
  static constexpr int size = static_cast<int>(Batch::size);
  Batch value;

  static Pack load(const T* from) { return {Batch::load_unaligned(from)}; }
  static Pack splat(T value) { return {Batch(value)}; }
  void store(T* to) const { value.store_unaligned(to); }

  friend Pack operator+(Pack a, Pack b) { return {a.value + b.value}; }
  friend Pack operator-(Pack a, Pack b) { return {a.value - b.value}; }
  friend Pack operator*(Pack a, Pack b) { return {a.value * b.value}; }
  friend Pack operator/(Pack a, Pack b) { return {a.value / b.value}; }
  // A flip of the sign bit. (xsimd 8.1 negates by 0 - x on AVX-512, which leaves 0 its sign.)
  friend Pack operator-(Pack a) { return {a.value ^ Batch(T(-0.0))}; }
};

#endif

// a * b + c, rounded once where the instruction set can. Numbers and vectors agree to the bit.
#if defined(__FMA__) || defined(__aarch64__)

inline float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double multiply_add(double a, double b, double c) { return __builtin_fma(a, b, c); }

#if defined(NADIR_SCALAR_KERNELS)
template <class T>
Pack<T> multiply_add(Pack<T> a, Pack<T> b, Pack<T> c) {
  return {multiply_add(a.value, b.value, c.value)};
}
#elif defined(__AVX512F__)
// xsimd 8.1 has no fused product for AVX-512 and NEON: its fma rounds twice there.
inline Pack<float> multiply_add(Pack<float> a, Pack<float> b, Pack<float> c) {
  return {_mm512_fmadd_ps(a.value, b.value, c.value)};
}
inline Pack<double> multiply_add(Pack<double> a, Pack<double> b, Pack<double> c) {
  return {_mm512_fmadd_pd(a.value, b.value, c.value)};
}
#elif defined(__aarch64__)
inline Pack<float> multiply_add(Pack<float> a, Pack<float> b, Pack<float> c) {
  return {vfmaq_f32(c.value, a.value, b.value)};
}
inline Pack<double> multiply_add(Pack<double> a, Pack<double> b, Pack<double> c) {
  return {vfmaq_f64(c.value, a.value, b.value)};
}
#else
template <class T>
Pack<T> multiply_add(Pack<T> a, Pack<T> b, Pack<T> c) {
  return {xsimd::fma(a.value, b.value, c.value)};
}
#endif

#else

template <class V>
V multiply_add(V a, V b, V c) {
  return a * b + c;
}

#endif

// a > b ? x : y and so on, by element; a comparison with NaN is false.
template <class T>
T choose_equal(T a, T b, T x, T y) {
  return a == b ? x : y;
}
template <class T>
T choose_greater(T a, T b, T x, T y) {
  return a > b ? x : y;
}
template <class T>
T choose_less(T a, T b, T x, T y) {
  return a < b ? x : y;
}
template <class T>
T choose_less_or_equal(T a, T b, T x, T y) {
  return a <= b ? x : y;
}

// Rounding to even is by the processor's mode, which is that unless the host has changed it.
inline float absolute(float x) { return __builtin_fabsf(x); }
inline double absolute(double x) { return __builtin_fabs(x); }
inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
inline float round_down(float x) { return __builtin_floorf(x); }
inline double round_down(double x) { return __builtin_floor(x); }
inline float round_up(float x) { return __builtin_ceilf(x); }
inline double round_up(double x) { return __builtin_ceil(x); }
inline float round_to_zero(float x) { return __builtin_truncf(x); }
inline double round_to_zero(double x) { return __builtin_trunc(x); }
inline float round_to_even(float x) { return __builtin_nearbyintf(x); }
inline double round_to_even(double x) { return __builtin_nearbyint(x); }

#if defined(NADIR_SCALAR_KERNELS)

template <class T>
Pack<T> choose_equal(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return a.value == b.value ? x : y;
}
template <class T>
Pack<T> choose_greater(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return a.value > b.value ? x : y;
}
template <class T>
Pack<T> choose_less(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return a.value < b.value ? x : y;
}
template <class T>
Pack<T> choose_less_or_equal(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return a.value <= b.value ? x : y;
}
template <class T>
Pack<T> absolute(Pack<T> x) {
  return {absolute(x.value)};
}
template <class T>
Pack<T> square_root(Pack<T> x) {
  return {square_root(x.value)};
}
template <class T>
Pack<T> round_down(Pack<T> x) {
  return {round_down(x.value)};
}
template <class T>
Pack<T> round_up(Pack<T> x) {
  return {round_up(x.value)};
}
template <class T>
Pack<T> round_to_zero(Pack<T> x) {
  return {round_to_zero(x.value)};
}
template <class T>
Pack<T> round_to_even(Pack<T> x) {
  return {round_to_even(x.value)};
}

#else

template <class T>
Pack<T> choose_equal(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return {xsimd::select(a.value == b.value, x.value, y.value)};
}
template <class T>
Pack<T> choose_greater(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return {xsimd::select(a.value > b.value, x.value, y.value)};
}
template <class T>
Pack<T> choose_less(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return {xsimd::select(a.value < b.value, x.value, y.value)};
}
template <class T>
Pack<T> choose_less_or_equal(Pack<T> a, Pack<T> b, Pack<T> x, Pack<T> y) {
  return {xsimd::select(a.value <= b.value, x.value, y.value)};
}
template <class T>
Pack<T> absolute(Pack<T> x) {
  return {xsimd::abs(x.value)};
}
template <class T>
Pack<T> square_root(Pack<T> x) {
  return {xsimd::sqrt(x.value)};
}
// A rounded number has the sign of the number, also when it is 0, where xsimd 8.1 has lost it on SSE2.
template <class T>
Pack<T> with_sign_of(Pack<T> x, Pack<T> rounded) {
  const typename Pack<T>::Batch sign(T(-0.0));
  return {xsimd::abs(rounded.value) | (x.value & sign)};
}
template <class T>
Pack<T> round_down(Pack<T> x) {
  return with_sign_of(x, {xsimd::floor(x.value)});
}
template <class T>
Pack<T> round_up(Pack<T> x) {
  return with_sign_of(x, {xsimd::ceil(x.value)});
}
template <class T>
Pack<T> round_to_zero(Pack<T> x) {
  return with_sign_of(x, {xsimd::trunc(x.value)});
}
template <class T>
Pack<T> round_to_even(Pack<T> x) {
  return with_sign_of(x, {xsimd::nearbyint(x.value)});
}

#endif

#if !defined(NADIR_SCALAR_KERNELS)

// The elements of two vectors in turn: of their lower halves, or of their upper ones.
template <bool kUpper, class T, int... kLanes>
[[gnu::always_inline]] inline Pack<T> interleaved(Pack<T> a, Pack<T> b, std::integer_sequence<int, kLanes...>) {
  using Register = typename Pack<T>::Batch::register_type;
  constexpr int kWidth = Pack<T>::size;
  const Register x = a.value;
  const Register y = b.value;
  return {typename Pack<T>::Batch(
      Register(__builtin_shufflevector(x, y, (kLanes / 2 + (kUpper ? kWidth / 2 : 0) + (kLanes % 2) * kWidth)...)))};
}

// The elements of two vectors, every other one: from the first on, or from the second.
template <bool kSecond, class T, int... kLanes>
[[gnu::always_inline]] inline Pack<T> separated(Pack<T> a, Pack<T> b, std::integer_sequence<int, kLanes...>) {
  using Register = typename Pack<T>::Batch::register_type;
  const Register x = a.value;
  const Register y = b.value;
  return {typename Pack<T>::Batch(Register(__builtin_shufflevector(x, y, (2 * kLanes + kSecond)...)))};
}

// Transposes as many vectors as one has elements. Interleaving the rows of both halves turns the digits of (row, column) by one
// binary place; as many turns as either has exchange them.
template <class T>
[[gnu::always_inline]] inline void transpose(Pack<T> (&rows)[Pack<T>::size]) {
  constexpr int kWidth = Pack<T>::size;
  using Lanes = std::make_integer_sequence<int, kWidth>;
#pragma GCC unroll 4
  for (int turn = 1; turn < kWidth; turn *= 2) {
    Pack<T> turned[kWidth];
#pragma GCC unroll 16
    for (int r = 0; r < kWidth / 2; ++r) {
      turned[2 * r] = interleaved<false>(rows[r], rows[r + kWidth / 2], Lanes());
      turned[2 * r + 1] = interleaved<true>(rows[r], rows[r + kWidth / 2], Lanes());
    }
#pragma GCC unroll 16
    for (int r = 0; r < kWidth; ++r) rows[r] = turned[r];
  }
}

#else

template <class T>
void transpose(Pack<T> (&)[1]) {}

#endif

// columns[l] is element l of the rows at from[r * row].
template <class T>
[[gnu::always_inline]] inline void load_transposed(Pack<T> (&columns)[Pack<T>::size], const T* from, std::int64_t row) {
#pragma GCC unroll 16
  for (int r = 0; r < Pack<T>::size; ++r) columns[r] = Pack<T>::load(from + r * row);
  transpose(columns);
}

#if defined(__AVX512F__)
// Quarters of rows are put together as they are loaded, which leaves half of the shuffles.
[[gnu::always_inline]] inline void load_transposed(Pack<float> (&columns)[16], const float* from, std::int64_t row) {
  const float* const rows[4] = {from, from + 4 * row, from + 8 * row, from + 12 * row};
#pragma GCC unroll 4
  for (int quarter = 0; quarter < 4; ++quarter) {
    __m512 lines[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const std::int64_t at = r * row + 4 * quarter;
      lines[r] = _mm512_castps128_ps512(_mm_loadu_ps(rows[0] + at));
      lines[r] = _mm512_insertf32x4(lines[r], _mm_loadu_ps(rows[1] + at), 1);
      lines[r] = _mm512_insertf32x4(lines[r], _mm_loadu_ps(rows[2] + at), 2);
      lines[r] = _mm512_insertf32x4(lines[r], _mm_loadu_ps(rows[3] + at), 3);
    }
    const __m512 low = _mm512_unpacklo_ps(lines[0], lines[1]), high = _mm512_unpackhi_ps(lines[0], lines[1]);
    const __m512 low_2 = _mm512_unpacklo_ps(lines[2], lines[3]), high_2 = _mm512_unpackhi_ps(lines[2], lines[3]);
    columns[4 * quarter] = {_mm512_shuffle_ps(low, low_2, 0x44)};
    columns[4 * quarter + 1] = {_mm512_shuffle_ps(low, low_2, 0xee)};
    columns[4 * quarter + 2] = {_mm512_shuffle_ps(high, high_2, 0x44)};
    columns[4 * quarter + 3] = {_mm512_shuffle_ps(high, high_2, 0xee)};
  }
}
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
// All ones in the first `count` lanes.
inline __m256i first_lanes_32(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __m256i first_lanes_64(std::int64_t count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

// The first `count` elements, at most a vector; 0 for the others.
template <class T>
Pack<T> load_first(const T* from, std::int64_t count) {
  if (count >= Pack<T>::size) return Pack<T>::load(from);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from)};
  } else {
    return {_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from)};
  }
#elif defined(__AVX2__)
  // Not number by number: a vector that is read from numbers just stored has to wait for them.
  if constexpr (sizeof(T) == 4) {
    return {_mm256_maskload_ps(from, first_lanes_32(count))};
  } else {
    return {_mm256_maskload_pd(from, first_lanes_64(count))};
  }
#else
  T values[Pack<T>::size];
  for (std::int64_t i = 0; i < Pack<T>::size; ++i) values[i] = i < count ? from[i] : T{0};
  return Pack<T>::load(values);
#endif
}

#if !defined(__AVX512F__)
// Less than a vector, by halves, quarters and so on, as many as there are: GCC 12 makes a call of memcpy of a loop.
template <class T>
[[gnu::always_inline]] inline void store_part(Pack<T> pack, T* to, std::int64_t count) {
  T values[Pack<T>::size];
  pack.store(values);
  const T* from = values;
#pragma GCC unroll 4
  for (int part = Pack<T>::size / 2; part > 0; part /= 2) {
    if ((count & part) == 0) continue;
    __builtin_memcpy(to, from, sizeof(T) * static_cast<std::size_t>(part));
    to += part;
    from += part;
  }
}

// Less than a vector. Out of line: many functions have it for the ends of arrays, beside a long loop.
template <class T>
[[gnu::noinline]] Pack<T> load_few_of_ones(const T* from, std::int64_t count) {
#if defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m256i lanes = first_lanes_32(count);
    return {_mm256_blendv_ps(_mm256_set1_ps(1), _mm256_maskload_ps(from, lanes), _mm256_castsi256_ps(lanes))};
  } else {
    const __m256i lanes = first_lanes_64(count);
    return {_mm256_blendv_pd(_mm256_set1_pd(1), _mm256_maskload_pd(from, lanes), _mm256_castsi256_pd(lanes))};
  }
#else
  T values[Pack<T>::size];
  for (std::int64_t i = 0; i < Pack<T>::size; ++i) values[i] = i < count ? from[i] : T{1};
  return Pack<T>::load(values);
#endif
}
template <class T>
[[gnu::noinline]] void store_few(Pack<T> pack, T* to, std::int64_t count) {
  store_part(pack, to, count);
#if defined(__AVX__)
  // As at the end of every function that uses whole registers; GCC 12 leaves it out where it was called with one. The host's next
  // instruction of SSE would wait for the upper halves.
  _mm256_zeroupper();
#endif
}
#endif

// The same with 1 for the others, of which every function is defined.
template <class T>
Pack<T> load_first_of_ones(const T* from, std::int64_t count) {
  if (count >= Pack<T>::size) return Pack<T>::load(from);
#if defined(__AVX512F__)
  const Pack<T> ones = Pack<T>::splat(1);
  if constexpr (sizeof(T) == 4) {
    return {_mm512_mask_loadu_ps(ones.value, static_cast<__mmask16>((1u << count) - 1), from)};
  } else {
    return {_mm512_mask_loadu_pd(ones.value, static_cast<__mmask8>((1u << count) - 1), from)};
  }
#else
  return load_few_of_ones(from, count);
#endif
}

template <class T>
void store_first(Pack<T> pack, T* to, std::int64_t count) {
  if (count >= Pack<T>::size) return pack.store(to);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), pack.value);
  } else {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), pack.value);
  }
#else
  store_part(pack, to, count);
#endif
}

// The same out of line for less than a vector, where that takes many instructions.
template <class T>
void store_first_outside(Pack<T> pack, T* to, std::int64_t count) {
#if defined(__AVX512F__)
  store_first(pack, to, count);
#else
  if (count >= Pack<T>::size) return pack.store(to);
  store_few(pack, to, count);
#endif
}

// One interface for a vector and for a single number, so that the ends of arrays run the same code.
template <class V>
struct Width;
template <class T>
struct Width<Pack<T>> {
  using Number = T;
  static constexpr int value = Pack<T>::size;
  static Pack<T> load(const T* from) { return Pack<T>::load(from); }
  static Pack<T> splat(T number) { return Pack<T>::splat(number); }
  static void store(Pack<T> v, T* to) { v.store(to); }
};
template <>
struct Width<float> {
  using Number = float;
  static constexpr int value = 1;
  static float load(const float* from) { return *from; }
  static float splat(float number) { return number; }
  static void store(float v, float* to) { *to = v; }
};
template <>
struct Width<double> {
  using Number = double;
  static constexpr int value = 1;
  static double load(const double* from) { return *from; }
  static double splat(double number) { return number; }
  static void store(double v, double* to) { *to = v; }
};

}  // namespace
}  // namespace nadir
