// The places of the greatest elements of windows. The first of equals counts, and NaN is greater than anything.
#pragma once

#include "kernels/arguments.h"
#include "kernels/loops/convolution.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

struct Window {
  std::int64_t first, last, step;  // positions from first to below last
};

// Window number i of an axis; without taps, one of `out` windows that share the length.
[[gnu::noinline]] inline Window window_of(const ConvAxis& axis, std::int64_t i) {
  if (axis.taps == 0) return {i * axis.in / axis.out, ((i + 1) * axis.in + axis.out - 1) / axis.out, 1};
  Window window{i * axis.stride - axis.padding, 0, axis.dilation};
  window.last = window.first + std::int64_t{axis.taps - 1} * axis.dilation + 1;
  if (window.last > axis.in) window.last = axis.in;
  while (window.first < 0) window.first += axis.dilation;
  return window;
}

template <class T>
[[gnu::noinline]] std::int64_t place_of_greatest(const T* in, std::int64_t width, const Window& down,
                                                 const Window& across) {
  std::int64_t best = down.first * width + across.first;
  for (std::int64_t p = down.first; p < down.last; p += down.step) {
    for (std::int64_t q = across.first; q < across.last; q += across.step) {
      const std::int64_t at = p * width + q;
      if (in[at] > in[best] || (in[at] != in[at] && in[best] == in[best])) best = at;
    }
  }
  return best;
}

// Where x is beyond `greatest`, it takes its place, and `here` that of `place`.
#if defined(NADIR_SCALAR_KERNELS)
template <class T>
void take_beyond(Pack<T> x, Pack<T> here, Pack<T>& greatest, Pack<T>& place) {
  if (x.value <= greatest.value || greatest.value != greatest.value) return;
  greatest = x;
  place = here;
}
#else
template <class T>
void take_beyond(Pack<T> x, Pack<T> here, Pack<T>& greatest, Pack<T>& place) {
  const auto is_beyond = (!(x.value <= greatest.value)) & (greatest.value == greatest.value);
  place.value = xsimd::select(is_beyond, here.value, place.value);
  greatest.value = xsimd::select(is_beyond, x.value, greatest.value);
}
#endif

// Windows that begin at as many neighbouring positions as a vector has elements, each in `lines` lines from `from` on, `step` apart.
// For each its greatest element, and the place of that less the place of its beginning.
template <class T>
void pool_tile(const T* from, std::int64_t lines, std::int64_t step, const ConvAxis& columns, T* values, T* places) {
  Pack<T> greatest = Pack<T>::load(from);
  Pack<T> place = Pack<T>::splat(0);
  std::int64_t tap = 1;
  for (std::int64_t line = 0; line < lines; ++line, tap = 0) {
    for (; tap < columns.taps; ++tap) {
      const std::int64_t distance = line * step + tap * columns.dilation;
      take_beyond(Pack<T>::load(from + distance), Pack<T>::splat(static_cast<T>(distance)), greatest, place);
    }
  }
  greatest.store(values);
  place.store(places);
}

// Copies every so many-th of a vector's elements, `count` of them.
#if defined(__AVX512F__)
inline std::int64_t steps_of(std::int64_t stride) {
  std::int64_t lanes = 0;
  for (std::int64_t lane = 0; lane < 16; lane += at_least(stride, 1)) lanes |= std::int64_t{1} << lane;
  return lanes;
}
template <class T>
void put_each(const T* from, std::int64_t lanes, std::int64_t count, T* to) {
  const auto first = (1u << count) - 1;
  if constexpr (sizeof(T) == 4) {
    const __m512i all = _mm512_loadu_si512(from);
    const __m512i each = _mm512_maskz_compress_epi32(static_cast<__mmask16>(lanes), all);
    _mm512_mask_storeu_epi32(to, static_cast<__mmask16>(first), each);
  } else {
    const __m512i all = _mm512_loadu_si512(from);
    const __m512i each = _mm512_maskz_compress_epi64(static_cast<__mmask8>(lanes), all);
    _mm512_mask_storeu_epi64(to, static_cast<__mmask8>(first), each);
  }
}
#else
inline std::int64_t steps_of(std::int64_t stride) { return stride; }
template <class T>
void put_each(const T* from, std::int64_t stride, std::int64_t count, T* to) {
  for (std::int64_t k = 0; k < count; ++k, from += stride) to[k] = *from;
}
#endif

// Writes the greatest elements, if they are wanted, and their places.
template <class T>
void max_pool_kernel(const Arguments& arguments) noexcept {
  constexpr std::int64_t kWidth = Pack<T>::size;
  const PoolArguments& a = arguments.pool;
  const ConvAxis& rows = a.rows;
  const ConvAxis& columns = a.columns;
  const std::int64_t width = columns.in;
  const std::int64_t size = rows.in * width;
  const T* in = static_cast<const T*>(a.in);
  const T* const end = in + a.planes * size;
  auto* out = static_cast<std::int32_t*>(a.places);
  T* out_values = static_cast<T*>(a.values);
  // The first of the windows that a vector can begin with, and the last: they see columns of the image alone. Distances have to be
  // numbers that T has.
  const std::int64_t reach = std::int64_t{columns.taps - 1} * columns.dilation;
  const bool is_regular = columns.taps > 0 && size < std::int64_t{1} << 24;
  const std::int64_t first = is_regular ? (columns.padding + columns.stride - 1) / columns.stride : columns.out;
  const std::int64_t last = is_regular ? (width - 1 - reach + columns.padding) / columns.stride : 0;
  const std::int64_t most = (kWidth - 1) / at_least(columns.stride, 1) + 1;  // windows that begin within a vector
  const std::int64_t steps = steps_of(columns.stride);
  T values[kWidth];
  T places[kWidth];
  std::int32_t numbers[16];
  for (; in < end; in += size) {
    for (std::int64_t i = 0; i < rows.out; ++i) {
      const Window down = window_of(rows, i);
      const T* const line = in + down.first * width;
      const std::int64_t lines = (down.last - down.first + down.step - 1) / down.step;
      const std::int64_t step = down.step * width;
      for (std::int64_t j = 0; j < columns.out;) {
        const std::int64_t start = j * columns.stride - columns.padding;
        std::int64_t count = 1;
        // A vector may go on in the next line, but has to end in the memory of the images.
        if (j < first || j > last || end - line < (lines - 1) * step + start + reach + kWidth) {
          const std::int64_t place = place_of_greatest(in, width, down, window_of(columns, j));
          values[0] = in[place];
          numbers[0] = static_cast<std::int32_t>(place);
        } else {
          pool_tile(line + start, lines, step, columns, values, places);
          const auto base = static_cast<std::int32_t>(line - in + start);
          for (std::int32_t k = 0; k < kWidth; ++k) numbers[k] = static_cast<std::int32_t>(places[k]) + base + k;
          count = at_most(most, last - j + 1);
        }
        put_each(numbers, steps, count, out);
        out += count;
        j += count;
        if (!out_values) continue;
        put_each(values, steps, count, out_values);
        out_values += count;
      }
    }
  }
}

}  // namespace
}  // namespace nadir
