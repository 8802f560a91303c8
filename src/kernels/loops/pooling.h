// The places of the greatest elements of windows. The first of equals counts, and NaN is greater than anything.
#pragma once

#include "kernels/arguments.h"
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

// a or b, by whether x is beyond y.
template <class V>
V choose_beyond(V x, V y, V a, V b) {
  return choose_greater(x, y, a, choose_equal(x, x, b, choose_equal(y, y, a, b)));
}

// Windows that begin at as many neighbouring positions as a vector has elements, each `count` of the lines `from`, `from` + step, …
// For each, how far the place of its greatest element is from its beginning.
template <class T>
void place_tile(const T* from, std::int64_t lines, std::int64_t step, const ConvAxis& columns, T* places) {
  Pack<T> greatest = Pack<T>::load(from);
  Pack<T> place = Pack<T>::splat(0);
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t tap = 0; tap < columns.taps; ++tap) {
      const std::int64_t distance = line * step + tap * columns.dilation;
      const auto x = Pack<T>::load(from + distance);
      place = choose_beyond(x, greatest, Pack<T>::splat(static_cast<T>(distance)), place);
      greatest = choose_beyond(x, greatest, x, greatest);
    }
  }
  place.store(places);
}

template <class T>
void max_pool_kernel(const Arguments& arguments) noexcept {
  constexpr std::int64_t kWidth = Pack<T>::size;
  const ConvArguments& a = arguments.conv;
  const ConvAxis& rows = a.geometry.rows;
  const ConvAxis& columns = a.geometry.columns;
  const std::int64_t width = columns.in;
  const std::int64_t size = rows.in * width;
  const T* in = static_cast<const T*>(a.a);
  const T* const end = in + a.batch * size;
  auto* out = static_cast<std::int32_t*>(a.out);
  // The first of the windows that a vector can begin with, and the last: they see columns of the image alone. Distances have to be
  // numbers that T has.
  const std::int64_t reach = std::int64_t{columns.taps - 1} * columns.dilation;
  const bool is_regular = columns.taps > 0 && size < std::int64_t{1} << 24;
  const std::int64_t first = is_regular ? (columns.padding + columns.stride - 1) / columns.stride : columns.out;
  const std::int64_t last = is_regular ? (width - 1 - reach + columns.padding) / columns.stride : 0;
  for (; in < end; in += size) {
    for (std::int64_t i = 0; i < rows.out; ++i) {
      const Window down = window_of(rows, i);
      const T* const line = in + down.first * width;
      const std::int64_t lines = (down.last - down.first + down.step - 1) / down.step;
      const std::int64_t step = down.step * width;
      for (std::int64_t j = 0; j < columns.out;) {
        const std::int64_t start = j * columns.stride - columns.padding;
        // A vector may go on in the next line, but has to end in the memory of the images.
        if (j < first || j > last || end - line < (lines - 1) * step + start + reach + kWidth) {
          *out++ = static_cast<std::int32_t>(place_of_greatest(in, width, down, window_of(columns, j++)));
          continue;
        }
        T places[kWidth];
        place_tile(line + start, lines, step, columns, places);
        const std::int32_t from = static_cast<std::int32_t>(line - in + start);
        for (std::int32_t k = 0; k < kWidth && j <= last; k += columns.stride, ++j) {
          *out++ = from + k + static_cast<std::int32_t>(places[k]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace nadir
