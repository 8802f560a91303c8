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

// These two write whole vectors, and so up to a vector too much: what is behind is written afterwards.
template <class T>
void put_zeros(T* to, std::int64_t count) {
  Pack<T>::splat(0).store(to);
  if (count > Pack<T>::size) {
    __builtin_memset(to + Pack<T>::size, 0, static_cast<std::size_t>(count - Pack<T>::size) * sizeof(T));
  }
}

// Elements that lie `stride` apart. None from `end` on is read.
template <class T>
void put_line(T* to, const T* from, std::int64_t count, std::int64_t stride, const T* end) {
  if (stride == 1 && end - from >= count + Pack<T>::size) {
    for (std::int64_t i = 0; i < count; i += Pack<T>::size) Pack<T>::load(from + i).store(to + i);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

// Copies channels of [rows, columns] into planes, and `slack` zeros after them, room for a vector more. The images end at `end`.
template <class T>
[[gnu::noinline]] void fill_planes(const T* image, const T* end, std::int64_t channels, std::int64_t height,
                                   std::int64_t width, const PlaneAxis& rows, const PlaneAxis& columns, T* plane,
                                   std::int64_t slack) {
  const T* const image_end = image + channels * height * width;
  const std::int64_t length = columns.length;
  for (; image < image_end; image += height * width) {
    for (std::int64_t row_phase = 0; row_phase < rows.phases; ++row_phase) {
      for (std::int64_t phase = 0; phase < columns.phases; ++phase) {
        const std::int64_t shift = phase - columns.padding;
        const std::int64_t first = at_most(at_least(divided_up(-shift, columns.stride), 0), length);
        const std::int64_t last = at_least(at_most(divided_up(width - shift, columns.stride), length), first);
        T* const plane_end = plane + rows.length * length;
        std::int64_t row = row_phase - rows.padding;
        const T* from = image + row * width + shift + first * columns.stride;
        put_zeros(plane, first);
        for (; plane < plane_end; plane += length, row += rows.stride, from += rows.stride * width) {
          T* zeros = plane + first;
          if (row >= 0 && row < height) {
            put_line(zeros, from, last - first, columns.stride, end);
            zeros = plane + last;
          }
          // With those before the next line.
          T* const next = plane + length;
          put_zeros(zeros, next - zeros + (next < plane_end ? first : 0));
        }
      }
    }
  }
  put_zeros(plane, slack);
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

// kRows rows of a product from `row` on, at kColumns vectors of positions: element r of vector c goes to to[c] + r * to_step.
template <int kRows, int kColumns, class T>
void plane_tile(const PlaneProduct<T>& p, std::int64_t row, const std::int64_t* at, T* const* to,
                std::int64_t to_step) {
  Pack<T> totals[kRows][kColumns];
#pragma GCC unroll 8
  for (auto& totals_of_row : totals) {
#pragma GCC unroll 8
    for (auto& total : totals_of_row) total = Pack<T>::splat(0);
  }
  for (std::int64_t k = 0; k < p.k; ++k) {
    const T* const plane = p.planes + k * p.plane;
    const T* const weights = p.weights + row * p.m_step + k * p.k_step;
    for (const Tap* tap = p.taps; tap != p.taps + p.tap_count; ++tap) {
      const T* const from = plane + tap->offset;
      const T* const weight = weights + tap->weight;
      Pack<T> right[kColumns];
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) right[c] = Pack<T>::load(from + at[c]);
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
    for (int c = 0; c < kColumns; ++c) totals[r][c].store(to[c] + r * to_step);
  }
}

// Where a product over planes goes. Position (row, column) of it is element row * pitch + column of a plane.
template <class T>
struct Target {
  T* out;
  std::int64_t channel;  // from one to the next
  std::int64_t pitch;
  std::int64_t rows, width;
  std::int64_t row_step, column_step;

  // Whether what is written too much after a line, within the channel, is written again.
  bool is_dense() const { return column_step == 1 && row_step == width; }
  // The number of elements of a plane from the first position to the last.
  std::int64_t length() const { return (rows - 1) * pitch + width; }
};

// Stores a vector that begins at a position and may go on in the next rows. `line` may be read a vector further.
template <class T>
[[gnu::noinline]] void store_line(const Target<T>& to, std::int64_t channel, std::int64_t row, std::int64_t column,
                                  const T* line) {
  constexpr std::int64_t kWidth = Pack<T>::size;
  const std::int64_t count = at_most(kWidth, to.length() - row * to.pitch - column);
  for (std::int64_t done = 0; done < count; ++row, column = 0) {
    const std::int64_t left = at_most(count - done, to.pitch - column);
    const std::int64_t used = at_least(at_most(left, to.width - column), 0);
    const std::int64_t offset = row * to.row_step + column * to.column_step;
    T* const out = to.out + channel * to.channel + offset;
    if (to.is_dense() && offset + kWidth <= to.channel) {
      Pack<T>::load(line + done).store(out);
    } else {
      for (std::int64_t i = 0; i < used; ++i) out[i * to.column_step] = line[done + i];
    }
    done += left;
  }
}

// Vectors lie along a line, from its start; the last one of a line that is long enough ends where the line does. If that would
// leave many of their elements unused, they take all positions of a plane as one line.
template <class T>
[[gnu::noinline, gnu::hot]] void run_planes(const PlaneProduct<T>& p, const Target<T>& to) {
  // So that the totals, a line of vectors and a weight are in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
  constexpr int kRows = 8;
  constexpr int kColumns = 2;
#else
  constexpr int kRows = 4;
  constexpr int kColumns = 3;
#endif
  constexpr std::int64_t kWidth = Pack<T>::size;
  constexpr std::int64_t kTile = kColumns * kWidth;
  T tile[kRows * kTile + kWidth];
  const bool by_lines = to.column_step == 1 && (to.width >= kWidth || to.is_dense()) &&
                        4 * to.rows * divided_up(to.width, kWidth) <= 5 * divided_up(to.length(), kWidth);
  std::int64_t row = 0;
  std::int64_t column = 0;
  while (row < to.rows) {
    std::int64_t rows[kColumns];
    std::int64_t columns[kColumns];
    std::int64_t at[kColumns];
    T* out[kColumns];
    bool is_direct = by_lines;
    for (int c = 0; c < kColumns; ++c) {
      // After the last position, that once more.
      const bool is_over = row >= to.rows;
      rows[c] = is_over ? rows[c - 1] : row;
      columns[c] = is_over ? columns[c - 1] : column;
      at[c] = rows[c] * to.pitch + columns[c];
      const std::int64_t offset = rows[c] * to.row_step + columns[c];
      out[c] = to.out + offset;
      is_direct = is_direct && (to.width >= kWidth || offset + kWidth <= to.channel);
      if (is_over) continue;
      column += kWidth;
      if (!by_lines) {
        for (; column >= to.pitch; column -= to.pitch) ++row;
        if (row == to.rows - 1 && column >= to.width) ++row;
      } else if (column >= to.width) {
        column = 0;
        ++row;
      } else {
        column = at_most(column, to.width - kWidth);
      }
    }
    std::int64_t step = to.channel;
    if (!is_direct) {
      for (int c = 0; c < kColumns; ++c) out[c] = tile + c * kWidth;
      step = kTile;
    }
    for (std::int64_t i = 0; i < p.m;) {
      // The last rows with some before them, which get the same values again.
      const std::int64_t left = p.m - i;
      const int count = p.m >= kRows && left > 4 ? kRows : p.m >= 4 ? 4 : 1;
      i = at_most(i, p.m - count);
      T* first[kColumns];
      for (int c = 0; c < kColumns; ++c) first[c] = is_direct ? out[c] + i * step : out[c];
      if (count == kRows) {
        plane_tile<kRows, kColumns>(p, i, at, first, step);
      } else if (count == 4) {
        plane_tile<4, kColumns>(p, i, at, first, step);
      } else {
        plane_tile<1, kColumns>(p, i, at, first, step);
      }
      for (int r = 0; r < count && !is_direct; ++r) {
        for (int c = 0; c < kColumns; ++c) store_line(to, i + r, rows[c], columns[c], tile + r * kTile + c * kWidth);
      }
      i += count;
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
  char* const first = static_cast<char*>(c.scratch);
  return {static_cast<Tap*>(c.scratch), reinterpret_cast<T*>(first + tap_bytes(c.geometry))};
}

// The taps over planes of an image, in their order.
[[gnu::cold]] inline std::int64_t list_taps(const ConvGeometry& g, Tap* taps) {
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

// The kernels are marked cold, which makes them small, and hot what they call, which takes the time.
template <class T>
[[gnu::cold]] void conv_kernel(const Arguments& arguments) noexcept {
  const ConvArguments& c = arguments.conv;
  const ConvGeometry& g = c.geometry;
  const PlaneAxis rows = image_axis(g.rows);
  const PlaneAxis columns = image_axis(g.columns);
  const ConvScratch<T> scratch = scratch_of<T>(c);
  const std::int64_t taps = list_taps(g, scratch.taps);
  const std::int64_t in_size = std::int64_t{g.in} * g.rows.in * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.rows.out} * g.columns.out;
  const T* const images = static_cast<const T*>(c.a);
  const T* const images_end = images + c.batch * g.groups * in_size;
  for (std::int64_t n = 0; n < c.batch * g.groups; ++n) {
    fill_planes(images + n * in_size, images_end, g.in, g.rows.in, g.columns.in, rows, columns, scratch.planes,
                kConvSlack);
    const T* const weights = static_cast<const T*>(c.b) + n % g.groups * g.out * g.in * taps;
    const PlaneProduct<T> product{
        weights, g.out, g.in * taps, g.in, taps, scratch.planes, plane_size(rows, columns), scratch.taps, taps};
    run_planes(product, {static_cast<T*>(c.out) + n * g.out * out_size, out_size, columns.length, g.rows.out,
                         g.columns.out, g.columns.out, 1});
  }
}

// Positions of one phase: those whose remainder by the stride, with the padding, is `phase`.
struct Positions {
  std::int64_t first, count;  // u, for positions u * stride + phase - padding
};
[[gnu::cold]] inline Positions positions_of(const ConvAxis& axis, std::int64_t phase) {
  const std::int64_t shift = axis.padding - phase;
  const std::int64_t first = at_least(divided_up(shift, axis.stride), 0);
  return {first, at_least(divided_up(axis.in + shift, axis.stride) - first, 0)};
}

template <class T>
[[gnu::cold]] void conv_input_kernel(const Arguments& arguments) noexcept {
  const ConvArguments& c = arguments.conv;
  const ConvGeometry& g = c.geometry;
  const PlaneAxis rows = result_axis(g.rows);
  const PlaneAxis columns = result_axis(g.columns);
  const ConvScratch<T> scratch = scratch_of<T>(c);
  const std::int64_t all_taps = std::int64_t{g.rows.taps} * g.columns.taps;
  const std::int64_t in_size = std::int64_t{g.rows.in} * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.out} * g.rows.out * g.columns.out;
  const T* const results = static_cast<const T*>(c.a);
  const T* const results_end = results + c.batch * g.groups * out_size;
  for (std::int64_t n = 0; n < c.batch * g.groups; ++n) {
    fill_planes(results + n * out_size, results_end, g.out, g.rows.out, g.columns.out, rows, columns, scratch.planes,
                kConvSlack);
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
        run_planes(product, {out + first_row * g.columns.in + first_column, in_size, columns.length, down.count,
                             across.count, std::int64_t{g.rows.stride} * g.columns.in, g.columns.stride});
      }
    }
  }
}

#if defined(NADIR_SCALAR_KERNELS)
template <class T>
T sum_of(Pack<T> v) {
  return v.value;
}
template <class T>
Pack<T> in_register(Pack<T> v) {
  return v;
}
#else
template <class T>
T sum_of(Pack<T> v) {
  return xsimd::hadd(v.value);
}
// GCC 12 loads a vector from memory for each product that it is in, unless it cannot know that it comes from there.
template <class T>
Pack<T> in_register(Pack<T> v) {
#if defined(__x86_64__)
  __asm__("" : "+v"(v.value.data));
#elif defined(__aarch64__)
  __asm__("" : "+w"(v.value.data));
#endif
  return v;
}
#endif

// Results, in lines, and the planes that they were made from, of several images.
template <class T>
struct Lines {
  const T* lines;
  const T* planes;
  std::int64_t images;
  std::int64_t line;         // from a channel's line to the next
  std::int64_t lines_step;   // from an image's lines to the next
  std::int64_t planes_step;  // likewise
  std::int64_t length;       // of a line, as far as it is not 0
};

// sums[r][c] = the products, over all images, of line `row` + r and the planes at offsets[c].
template <int kRows, int kColumns, class T>
[[gnu::noinline, gnu::hot]] void weight_tile(const Lines<T>& l, std::int64_t row, const std::int64_t* offsets,
                                             T* sums) {
  T lanes[kRows * kColumns][Pack<T>::size];
  Pack<T> totals[kRows][kColumns];
#pragma GCC unroll 8
  for (auto& totals_of_row : totals) {
#pragma GCC unroll 8
    for (auto& total : totals_of_row) total = Pack<T>::splat(0);
  }
  for (std::int64_t image = 0; image < l.images; ++image) {
    const T* const lines = l.lines + image * l.lines_step + row * l.line;
    const T* const planes = l.planes + image * l.planes_step;
    for (std::int64_t at = 0; at < l.length; at += Pack<T>::size) {
      Pack<T> right[kColumns];
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) right[c] = in_register(Pack<T>::load(planes + at + offsets[c]));
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const auto left = in_register(Pack<T>::load(lines + at + r * l.line));
#pragma GCC unroll 8
        for (int c = 0; c < kColumns; ++c) totals[r][c] = multiply_add(left, right[c], totals[r][c]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) totals[r][c].store(lanes[r * kColumns + c]);
  }
  for (int i = 0; i < kRows * kColumns; ++i) sums[i] = sum_of(Pack<T>::load(lanes[i]));
}

// Adds to the weights [rows, in, taps] of a group.
template <class T>
[[gnu::noinline]] void add_to_weights(const Lines<T>& l, const ConvGeometry& g, std::int64_t rows, const Tap* taps,
                                      std::int64_t tap_count, std::int64_t plane, T* weights) {
  constexpr int kRows = kLinesAtOnce;
  constexpr int kColumns = 3;
  const std::int64_t weight_step = g.in * tap_count;
  for (std::int64_t row = 0; row < rows; row += kRows) {
    std::int64_t k = 0;
    std::int64_t tap = 0;
    for (std::int64_t column = 0; column < weight_step; column += kColumns) {
      std::int64_t offsets[kColumns];
      for (std::int64_t& offset : offsets) {
        offset = k * plane + taps[tap].offset;
        if (++tap < tap_count) continue;
        tap = 0;
        if (k + 1 < g.in) ++k;
      }
      T sums[kRows * kColumns];
      weight_tile<kRows, kColumns>(l, row, offsets, sums);
      // Rows and columns beyond the last mean nothing.
      for (std::int64_t r = 0; r < kRows && row + r < rows; ++r) {
        T* const to = weights + (row + r) * weight_step + column;
        for (std::int64_t c = 0; c < kColumns && column + c < weight_step; ++c) to[c] += sums[r * kColumns + c];
      }
    }
  }
}

template <class T>
[[gnu::cold]] void conv_weight_kernel(const Arguments& arguments) noexcept {
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
  const std::int64_t most = images_at_once(g);
  T* const lines = scratch.planes + most * planes_step(g);
  Lines<T> l{lines,
             scratch.planes,
             0,
             line_step(g),
             lines_step(g),
             planes_step(g),
             (g.rows.out - 1) * columns.length + g.columns.out};
  const std::int64_t in_size = std::int64_t{g.in} * g.rows.in * g.columns.in;
  const std::int64_t out_size = std::int64_t{g.rows.out} * g.columns.out;
  const T* const images = static_cast<const T*>(c.a);
  const T* const images_end = images + c.batch * g.groups * in_size;
  const T* const results = static_cast<const T*>(c.b);
  const T* const results_end = results + c.batch * g.groups * g.out * out_size;
  T* weights = static_cast<T*>(c.out) + c.first_out * g.in * taps;
  for (std::int64_t group = 0; group < g.groups; ++group, weights += g.out * g.in * taps) {
    for (std::int64_t i = 0; i < c.count_out * g.in * taps; ++i) weights[i] = 0;
    for (std::int64_t n = 0; n < c.batch; n += most) {
      l.images = at_most(most, c.batch - n);
      for (std::int64_t i = 0; i < l.images; ++i) {
        const std::int64_t number = (n + i) * g.groups + group;
        fill_planes(images + number * in_size, images_end, g.in, g.rows.in, g.columns.in, rows, columns,
                    scratch.planes + i * l.planes_step, kConvSlack);
        for (std::int64_t o = 0; o < c.count_out; ++o) {
          fill_planes(results + (number * g.out + c.first_out + o) * out_size, results_end, 1, g.rows.out,
                      g.columns.out, lines_down, lines_across, lines + i * l.lines_step + o * l.line, l.line - line);
        }
      }
      add_to_weights(l, g, c.count_out, scratch.taps, taps, plane, weights);
    }
  }
}

}  // namespace
}  // namespace nadir
