// Convolutions in two dimensions, of any stride, dilation and number of groups, and their two gradients. How images are laid out
// for them stands in base/convolution.h.
//
// The results do not depend on how the work is cut: an element is one chain of multiply_add over channels and, within a
// channel, taps in their order.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

constexpr std::int64_t at_least(std::int64_t value, std::int64_t least) { return value < least ? least : value; }
constexpr std::int64_t at_most(std::int64_t value, std::int64_t most) { return value < most ? value : most; }
// For a divisor over 0.
constexpr std::int64_t divided_up(std::int64_t a, std::int64_t b) { return a <= 0 ? -(-a / b) : (a + b - 1) / b; }

// Copies channels of [rows, columns] into planes, and `slack` zeros after them.
template <class T>
[[gnu::noinline]] void fill_planes(const T* image, std::int64_t channels, std::int64_t height, std::int64_t width,
                                   const PlaneAxis& rows, const PlaneAxis& columns, T* plane, std::int64_t slack) {
  for (std::int64_t c = 0; c < channels; ++c, image += height * width) {
    for (std::int64_t row_phase = 0; row_phase < rows.phases; ++row_phase) {
      for (std::int64_t phase = 0; phase < columns.phases; ++phase) {
        const std::int64_t shift = phase - columns.padding;
        const std::int64_t first = at_most(at_least(divided_up(-shift, columns.stride), 0), columns.length);
        const std::int64_t last = at_least(at_most(divided_up(width - shift, columns.stride), columns.length), first);
        for (std::int64_t r = 0; r < rows.length; ++r, plane += columns.length) {
          const std::int64_t row = r * rows.stride + row_phase - rows.padding;
          const bool is_inside = row >= 0 && row < height;
          const std::int64_t begin = is_inside ? first : columns.length;
          const std::int64_t end = is_inside ? last : columns.length;
          const T* from = image + row * width + shift;
          for (std::int64_t s = 0; s < begin; ++s) plane[s] = 0;
          for (std::int64_t s = begin; s < end; ++s) plane[s] = from[s * columns.stride];
          for (std::int64_t s = end; s < columns.length; ++s) plane[s] = 0;
        }
      }
    }
  }
  for (std::int64_t i = 0; i < slack; ++i) plane[i] = 0;
}

// A tap: where its weight is, and where it meets the plane.
struct Tap {
  std::int64_t weight;
  std::int64_t offset;
};

// The product of weights [m, k, taps] and planes [k], read at the taps' offsets.
template <class T>
struct PlaneProduct {
  const T* weights;
  std::int64_t m, m_step;
  std::int64_t k, k_step;
  const T* planes;
  std::int64_t plane;  // from one to the next
  const Tap* taps;
  std::int64_t tap_count;
};

template <int kRows, int kColumns, class T>
void plane_tile(const PlaneProduct<T>& p, std::int64_t row, std::int64_t at, T* tile) {
  constexpr std::int64_t kWidth = Pack<T>::size;
  Pack<T> totals[kRows][kColumns];
#pragma GCC unroll 8
  for (auto& totals_of_row : totals) {
#pragma GCC unroll 8
    for (auto& total : totals_of_row) total = Pack<T>::splat(0);
  }
  for (std::int64_t k = 0; k < p.k; ++k) {
    const T* const plane = p.planes + k * p.plane + at;
    const T* const weights = p.weights + row * p.m_step + k * p.k_step;
    for (std::int64_t tap = 0; tap < p.tap_count; ++tap) {
      const T* const from = plane + p.taps[tap].offset;
      const T* const weight = weights + p.taps[tap].weight;
      Pack<T> right[kColumns];
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) right[c] = Pack<T>::load(from + c * kWidth);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto left = Pack<T>::splat(weight[r * p.m_step]);
#pragma GCC unroll 8
        for (int c = 0; c < kColumns; ++c) totals[r][c] = multiply_add(left, right[c], totals[r][c]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) totals[r][c].store(tile + (r * kColumns + c) * kWidth);
  }
}

// Where elements of a line over planes go: element t is at (t / pitch, t % pitch), and there only as far as `width`.
template <class T>
struct Target {
  T* out;
  std::int64_t channel;  // from one to the next
  std::int64_t pitch, width;
  std::int64_t row_step, column_step;
};

template <class T>
[[gnu::noinline]] void store_line(const Target<T>& to, std::int64_t channel, std::int64_t at, std::int64_t count,
                                  const T* line) {
  std::int64_t row = at / to.pitch;
  std::int64_t column = at - row * to.pitch;
  for (std::int64_t done = 0; done < count; ++row, column = 0) {
    const std::int64_t left = at_most(count - done, to.pitch - column);
    const std::int64_t used = at_least(at_most(left, to.width - column), 0);
    T* out = to.out + channel * to.channel + row * to.row_step + column * to.column_step;
    for (std::int64_t i = 0; i < used; ++i) out[i * to.column_step] = line[done + i];
    done += left;
  }
}

template <class T>
[[gnu::noinline]] void run_planes(const PlaneProduct<T>& p, std::int64_t length, const Target<T>& to) {
  constexpr int kRows = 4;
  constexpr int kColumns = 2;
  constexpr std::int64_t kTile = kColumns * Pack<T>::size;
  T tile[kRows * kTile];
  for (std::int64_t at = 0; at < length; at += kTile) {
    const std::int64_t count = at_most(kTile, length - at);
    std::int64_t row = 0;
    for (; row + kRows <= p.m; row += kRows) {
      plane_tile<kRows, kColumns>(p, row, at, tile);
      for (int r = 0; r < kRows; ++r) store_line(to, row + r, at, count, tile + r * kTile);
    }
    for (; row < p.m; ++row) {
      plane_tile<1, kColumns>(p, row, at, tile);
      store_line(to, row, at, count, tile);
    }
  }
}

template <class T>
struct ConvScratch {
  Tap* taps;
  T* planes;
};

template <class T>
ConvScratch<T> scratch_of(const ConvArguments& c) {
  const std::int64_t taps = std::int64_t{c.geometry.rows.taps} * c.geometry.columns.taps;
  Tap* const first = static_cast<Tap*>(c.scratch);
  return {first, reinterpret_cast<T*>(first + taps)};
}

// The taps over planes of an image, in their order.
inline std::int64_t list_taps(const ConvGeometry& g, Tap* taps) {
  const PlaneAxis rows = image_axis(g.rows);
  const PlaneAxis columns = image_axis(g.columns);
  std::int64_t count = 0;
  for (std::int64_t a = 0; a < g.rows.taps; ++a) {
    const std::int64_t row = a * g.rows.dilation;
    for (std::int64_t b = 0; b < g.columns.taps; ++b, ++count) {
      const std::int64_t column = b * g.columns.dilation;
      const std::int64_t phase = row % g.rows.stride * columns.phases + column % g.columns.stride;
      taps[count] = {count, (phase * rows.length + row / g.rows.stride) * columns.length + column / g.columns.stride};
    }
  }
  return count;
}

template <class T>
void conv_kernel(const Arguments& arguments) noexcept {
  const ConvArguments& c = arguments.conv;
  const ConvGeometry& g = c.geometry;
  const PlaneAxis rows = image_axis(g.rows);
  const PlaneAxis columns = image_axis(g.columns);
  const ConvScratch<T> scratch = scratch_of<T>(c);
  const std::int64_t taps = list_taps(g, scratch.taps);
  const std::int64_t in_size = std::int64_t{g.in} * g.rows.in * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.rows.out} * g.columns.out;
  for (std::int64_t n = 0; n < c.batch * g.groups; ++n) {
    fill_planes(static_cast<const T*>(c.a) + n * in_size, g.in, g.rows.in, g.columns.in, rows, columns, scratch.planes,
                kConvSlack);
    const T* const weights = static_cast<const T*>(c.b) + n % g.groups * g.out * g.in * taps;
    const PlaneProduct<T> product{
        weights, g.out, g.in * taps, g.in, taps, scratch.planes, plane_size(rows, columns), scratch.taps, taps};
    run_planes(
        product, (g.rows.out - 1) * columns.length + g.columns.out,
        {static_cast<T*>(c.out) + n * g.out * out_size, out_size, columns.length, g.columns.out, g.columns.out, 1});
  }
}

// Positions of one phase: those whose remainder by the stride, with the padding, is `phase`.
struct Positions {
  std::int64_t first, count;  // u, for positions u * stride + phase - padding
};
inline Positions positions_of(const ConvAxis& axis, std::int64_t phase) {
  const std::int64_t shift = axis.padding - phase;
  const std::int64_t first = at_least(divided_up(shift, axis.stride), 0);
  return {first, at_least(divided_up(axis.in + shift, axis.stride) - first, 0)};
}

template <class T>
void conv_input_kernel(const Arguments& arguments) noexcept {
  const ConvArguments& c = arguments.conv;
  const ConvGeometry& g = c.geometry;
  const PlaneAxis rows = result_axis(g.rows);
  const PlaneAxis columns = result_axis(g.columns);
  const ConvScratch<T> scratch = scratch_of<T>(c);
  const std::int64_t all_taps = std::int64_t{g.rows.taps} * g.columns.taps;
  const std::int64_t in_size = std::int64_t{g.rows.in} * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.out} * g.rows.out * g.columns.out;
  for (std::int64_t n = 0; n < c.batch * g.groups; ++n) {
    fill_planes(static_cast<const T*>(c.a) + n * out_size, g.out, g.rows.out, g.columns.out, rows, columns,
                scratch.planes, kConvSlack);
    const T* const weights = static_cast<const T*>(c.b) + n % g.groups * g.out * g.in * all_taps;
    T* const out = static_cast<T*>(c.out) + n * g.in * in_size;
    for (std::int64_t row_phase = 0; row_phase < g.rows.stride; ++row_phase) {
      const Positions down = positions_of(g.rows, row_phase);
      for (std::int64_t phase = 0; phase < g.columns.stride && down.count > 0; ++phase) {
        const Positions across = positions_of(g.columns, phase);
        if (across.count == 0) continue;
        std::int64_t taps = 0;
        for (std::int64_t a = 0; a < g.rows.taps; ++a) {
          if (a * g.rows.dilation % g.rows.stride != row_phase) continue;
          const std::int64_t row = down.first + reach_of(g.rows) - a * g.rows.dilation / g.rows.stride;
          for (std::int64_t b = 0; b < g.columns.taps; ++b) {
            if (b * g.columns.dilation % g.columns.stride != phase) continue;
            const std::int64_t column = across.first + reach_of(g.columns) - b * g.columns.dilation / g.columns.stride;
            scratch.taps[taps++] = {a * g.columns.taps + b, row * columns.length + column};
          }
        }
        const PlaneProduct<T> product{
            weights,      g.in, all_taps, g.out, g.in * all_taps, scratch.planes, plane_size(rows, columns),
            scratch.taps, taps};
        const std::int64_t first_row = down.first * g.rows.stride + row_phase - g.rows.padding;
        const std::int64_t first_column = across.first * g.columns.stride + phase - g.columns.padding;
        run_planes(product, (down.count - 1) * columns.length + across.count,
                   {out + first_row * g.columns.in + first_column, in_size, columns.length, across.count,
                    std::int64_t{g.rows.stride} * g.columns.in, g.columns.stride});
      }
    }
  }
}

// weights[r][c] += the products of lines r of the result and taps c over a plane, for kRows and kColumns of them.
template <int kRows, int kColumns, class T>
void weight_tile(const T* lines, std::int64_t line, const T* plane, const Tap* taps, std::int64_t length, T* weights,
                 std::int64_t weight_step) {
  constexpr std::int64_t kWidth = Pack<T>::size;
  Pack<T> totals[kRows][kColumns];
#pragma GCC unroll 8
  for (auto& totals_of_row : totals) {
#pragma GCC unroll 8
    for (auto& total : totals_of_row) total = Pack<T>::splat(0);
  }
  for (std::int64_t at = 0; at < length; at += kWidth) {
    Pack<T> right[kColumns];
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) right[c] = Pack<T>::load(plane + taps[c].offset + at);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto left = Pack<T>::load(lines + r * line + at);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) totals[r][c] = multiply_add(left, right[c], totals[r][c]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      T lanes[kWidth];
      totals[r][c].store(lanes);
      T sum = 0;
      for (const T lane : lanes) sum += lane;
      weights[r * weight_step + taps[c].weight] += sum;
    }
  }
}

template <int kRows, class T>
[[gnu::noinline]] void weight_rows(const T* lines, std::int64_t line, const T* plane, const Tap* taps,
                                   std::int64_t tap_count, std::int64_t length, T* weights, std::int64_t weight_step) {
  std::int64_t tap = 0;
  for (; tap + 3 <= tap_count; tap += 3) {
    weight_tile<kRows, 3>(lines, line, plane, taps + tap, length, weights, weight_step);
  }
  for (; tap < tap_count; ++tap) {
    weight_tile<kRows, 1>(lines, line, plane, taps + tap, length, weights, weight_step);
  }
}

template <class T>
void conv_weight_kernel(const Arguments& arguments) noexcept {
  const ConvArguments& c = arguments.conv;
  const ConvGeometry& g = c.geometry;
  const PlaneAxis rows = image_axis(g.rows);
  const PlaneAxis columns = image_axis(g.columns);
  const PlaneAxis lines_down = plain_axis(g.rows, 0);
  const PlaneAxis lines_across = plain_axis(g.columns, columns.length);
  const ConvScratch<T> scratch = scratch_of<T>(c);
  const std::int64_t taps = list_taps(g, scratch.taps);
  const std::int64_t plane = plane_size(rows, columns);
  const std::int64_t line = plane_size(lines_down, lines_across);
  T* const lines = scratch.planes + g.in * plane + kConvSlack;
  const std::int64_t length = (g.rows.out - 1) * columns.length + g.columns.out;
  const std::int64_t in_size = std::int64_t{g.in} * g.rows.in * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.out} * g.rows.out * g.columns.out;
  const std::int64_t weight_step = g.in * taps;
  T* const out = static_cast<T*>(c.out);
  for (std::int64_t i = 0; i < g.groups * g.out * weight_step; ++i) out[i] = 0;
  for (std::int64_t n = 0; n < c.batch * g.groups; ++n) {
    fill_planes(static_cast<const T*>(c.a) + n * in_size, g.in, g.rows.in, g.columns.in, rows, columns, scratch.planes,
                kConvSlack);
    T* weights = out + n % g.groups * g.out * weight_step;
    constexpr int kRows = 4;
    for (std::int64_t o = 0; o < g.out; o += kRows) {
      // Few lines at a time, with zeros after each as far as a vector may go.
      const std::int64_t count = at_most(kRows, g.out - o);
      const std::int64_t step = line + kConvSlack;
      for (std::int64_t r = 0; r < count; ++r) {
        fill_planes(static_cast<const T*>(c.b) + n * out_size + (o + r) * g.rows.out * g.columns.out, 1, g.rows.out,
                    g.columns.out, lines_down, lines_across, lines + r * step, kConvSlack);
      }
      for (std::int64_t k = 0; k < g.in; ++k) {
        T* const to = weights + o * weight_step + k * taps;
        const T* const from = scratch.planes + k * plane;
        if (count == kRows) {
          weight_rows<kRows>(lines, step, from, scratch.taps, taps, length, to, weight_step);
        } else {
          for (std::int64_t r = 0; r < count; ++r) {
            weight_rows<1>(lines + r * step, step, from, scratch.taps, taps, length, to + r * weight_step, weight_step);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace nadir
