// Maxima and minima: NaN if any element is, infinite of nothing.
#pragma once

#include "kernels/arguments.h"
#include "kernels/lanes/arithmetic.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// What changes nothing: the least of all numbers for a maximum, the greatest for a minimum.
template <class Lane, class T>
T extreme_of_nothing() {
  const T infinity = sizeof(T) == 4 ? T(__builtin_inff()) : T(__builtin_inf());
  return Lane::at(-infinity, infinity) == infinity ? -infinity : infinity;
}

// Halves with halves, down to one. Both halves are vectors that have each element twice.
template <class Lane, class T>
[[gnu::always_inline]] inline T extreme_of_lanes(Pack<T> x) {
#if !defined(NADIR_SCALAR_KERNELS)
  using Lanes = std::make_integer_sequence<int, Pack<T>::size>;
  for (int half = Pack<T>::size / 2; half > 0; half /= 2) {
    x = Lane::at(interleaved<false>(x, x, Lanes()), interleaved<true>(x, x, Lanes()));
  }
#endif
  T lanes[Pack<T>::size];
  x.store(lanes);
  return lanes[0];
}

template <class Lane, class T>
T extreme_contiguous(const T* x, std::int64_t count) {
  using V = Pack<T>;
  T result = extreme_of_nothing<Lane, T>();
  std::int64_t i = 0;
  if (count >= 4 * V::size) {
    V packs[4] = {V::load(x), V::load(x + V::size), V::load(x + 2 * V::size), V::load(x + 3 * V::size)};
    for (i = 4 * V::size; i + 4 * V::size <= count; i += 4 * V::size) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) packs[j] = Lane::at(packs[j], V::load(x + i + j * V::size));
    }
    result = extreme_of_lanes<Lane>(Lane::at(Lane::at(packs[0], packs[1]), Lane::at(packs[2], packs[3])));
  }
  for (; i < count; ++i) result = Lane::at(result, x[i]);
  return result;
}

// The extreme of `rows` vectors (or numbers) that lie `stride` apart.
template <class Lane, class V, class T>
void extreme_rows(T* out, const T* x, std::int64_t rows, std::int64_t stride) {
  V result = Width<V>::splat(extreme_of_nothing<Lane, T>());
  for (std::int64_t row = 0; row < rows; ++row) result = Lane::at(result, Width<V>::load(x + row * stride));
  Width<V>::store(result, out);
}

template <class Lane, class T>
void extreme_kernel(const Arguments& arguments) noexcept {
  const ReduceArguments& r = arguments.reduce;
  const T* in = static_cast<const T*>(r.in);
  T* out = static_cast<T*>(r.out);
  if (r.inner == 1) {
    for (std::int64_t o = 0; o < r.outer; ++o) out[o] = extreme_contiguous<Lane>(in + o * r.length, r.length);
    return;
  }
  for (std::int64_t o = 0; o < r.outer; ++o, in += r.length * r.inner, out += r.inner) {
    std::int64_t i = 0;
    for (; i + Pack<T>::size <= r.inner; i += Pack<T>::size) {
      extreme_rows<Lane, Pack<T>>(out + i, in + i, r.length, r.inner);
    }
    for (; i < r.inner; ++i) extreme_rows<Lane, T>(out + i, in + i, r.length, r.inner);
  }
}

}  // namespace
}  // namespace nadir
