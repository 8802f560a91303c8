// Products that are small, or by one column: without panels, and with the bits of matmul.h, unless they are told to be added by lanes.
#pragma once

#include "kernels/loops/matmul.h"

namespace nadir {
namespace {

// ------------------------------------------------------------------------------------------------------ small products

template <class T>
[[gnu::always_inline]] inline void finish_product(T total, const MatmulArguments& p, std::int64_t i, std::int64_t j) {
  T* const out = static_cast<T*>(p.out) + i * p.out_row + j * p.out_column;
  if (p.bias) total = total + static_cast<const T*>(p.bias)[p.bias_by_row ? i : j];
  if (p.accumulate) total = *out + total;
  *out = total;
}

// Rows of a product with one column.
template <int kRows, class T>
[[gnu::always_inline]] inline void column_rows(const MatmulArguments& p, std::int64_t i) {
  const T* a = static_cast<const T*>(p.a) + i * p.a_row;
  const T* b = static_cast<const T*>(p.b);
  T totals[kRows] = {};
  for (std::int64_t l = p.k; l > 0; --l, a += p.a_column, b += p.b_row) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r] = multiply_add(a[r * p.a_row], *b, totals[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) finish_product(totals[r], p, i + r, 0);
}

// What is added to a row of a product's columns from j on.
template <class T>
[[gnu::always_inline]] inline Pack<T> row_bias(const MatmulArguments& p, std::int64_t i, std::int64_t j,
                                               std::int64_t count) {
  const T* const bias = static_cast<const T*>(p.bias);
  return p.bias_by_row ? Pack<T>::splat(bias[i]) : load_first(bias + j, count);
}

// Rows whose results do not lie next to each other, or not as whole vectors.
template <class T>
[[gnu::noinline]] void finish_lanes(const T* lanes, std::int64_t rows, std::int64_t columns, const MatmulArguments& p,
                                    std::int64_t i, std::int64_t j) {
  for (const std::int64_t end = i + rows; i < end; ++i, lanes += Pack<T>::size) {
    for (std::int64_t c = 0; c < columns; ++c) finish_product(lanes[c], p, i, j + c);
  }
}

#if defined(NADIR_SCALAR_KERNELS)
template <int kRows, class T>
inline constexpr bool kInterleaves = false;
#else
template <int kRows, class T>
inline constexpr bool kInterleaves = (kRows == 2 || kRows == 4) && Pack<T>::size > 1;

// rows[r][l] to out[l * kRows + r].
template <int kRows, class T>
[[gnu::always_inline]] inline void interleave(Pack<T> (&rows)[kRows]) {
  using Lanes = std::make_integer_sequence<int, Pack<T>::size>;
  const Pack<T> first = interleaved<false>(rows[0], rows[kRows / 2], Lanes());
  const Pack<T> second = interleaved<true>(rows[0], rows[kRows / 2], Lanes());
  if constexpr (kRows == 2) {
    rows[0] = first;
    rows[1] = second;
  } else {
    const Pack<T> third = interleaved<false>(rows[1], rows[3], Lanes());
    const Pack<T> fourth = interleaved<true>(rows[1], rows[3], Lanes());
    rows[0] = interleaved<false>(first, third, Lanes());
    rows[1] = interleaved<true>(first, third, Lanes());
    rows[2] = interleaved<false>(second, fourth, Lanes());
    rows[3] = interleaved<true>(second, fourth, Lanes());
  }
}
#endif

// Part of a vector is loaded and stored as fast as all of it.
#if defined(__AVX512F__)
inline constexpr bool kHasParts = true;
#else
inline constexpr bool kHasParts = false;
#endif

// Rows of a product, of whose columns from j on so many are a vector, or the first lanes of one; of `b` there is a whole one if
// there are no parts.
template <int kRows, class T>
[[gnu::always_inline]] inline void vector_rows(const MatmulArguments& p, const T* b, std::int64_t b_row, std::int64_t i,
                                               std::int64_t j, std::int64_t columns) {
  using V = Pack<T>;
  const std::int64_t count = kHasParts ? columns : std::int64_t{V::size};
  const T* a = static_cast<const T*>(p.a) + i * p.a_row;
  V totals[kRows];
#pragma GCC unroll 4
  for (V& total : totals) total = V::splat(0);
  for (std::int64_t l = p.k; l > 0; --l, a += p.a_column, b += b_row) {
    const V right = load_first(b, count);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r] = multiply_add(V::splat(a[r * p.a_row]), right, totals[r]);
  }
  // Where results lie as vectors: those of a row, or of all rows in turn, if these are few.
  T* out = static_cast<T*>(p.out) + i * p.out_row + j * p.out_column;
  std::int64_t next = p.out_row;
  bool is_in_turn = false;
  if constexpr (kInterleaves<kRows, T>) {
    is_in_turn = p.m == kRows && p.out_row == 1 && p.out_column == kRows && columns == V::size;
  }
  if (!is_in_turn && (p.out_column != 1 || columns < count)) {
    T lanes[kRows * V::size];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r].store(lanes + r * V::size);
    return finish_lanes(lanes, kRows, columns, p, i, j);
  }
  if (p.bias) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r] = totals[r] + row_bias<T>(p, i + r, j, count);
  }
  if constexpr (kInterleaves<kRows, T>) {
    if (is_in_turn) {
      interleave(totals);
      next = V::size;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r, out += next) {
    if (p.accumulate) totals[r] = load_first(out, count) + totals[r];
    store_first(totals[r], out, count);
  }
}

// Rows of whole vectors, of columns from j on: all of them by pairs of vectors, or as many as make tiles of one. Returns how many.
template <int kColumns, class T>
std::int64_t tile_rows(const MatmulArguments& p, const T* b, std::int64_t b_row, std::int64_t j) {
  Tile<T> t{};
  t.a = static_cast<const T*>(p.a);
  t.b = b;
  t.out = static_cast<T*>(p.out) + j;
  t.bias = p.bias ? static_cast<const T*>(p.bias) + j : nullptr;
  t.a_row = p.a_row;
  t.a_column = p.a_column;
  t.b_row = b_row;
  t.out_row = p.out_row;
  t.k = p.k;
  t.accumulate = p.accumulate;
  constexpr std::int64_t kLeast = kColumns == 2 ? 1 : kTileRows;
  std::int64_t left = p.m;
  while (left >= kLeast) {
    const std::int64_t rows = rows_of_tile<T>(left, kColumns == 2);
    run_tile<kColumns>(t, rows);
    t.a += rows * t.a_row;
    t.out += rows * t.out_row;
    left -= rows;
  }
  return p.m - left;
}

// A panel of one vector, as pack_columns() makes it, from the few terms of a turned matrix as well.
template <class T>
void pack_terms(T* panel, const T* from, std::int64_t lanes, std::int64_t lane, std::int64_t step, std::int64_t count) {
#if !defined(NADIR_SCALAR_KERNELS)
  using V = Pack<T>;
  using Lanes = std::make_integer_sequence<int, V::size>;
  const bool is_dense = step == 1 && lane == count && lanes == V::size;
  const auto split = [](V a, V b, V& first, V& second) {
    first = separated<false>(a, b, Lanes());
    second = separated<true>(a, b, Lanes());
  };
  if (is_dense && count == 2) {
    V terms[2];
    split(V::load(from), V::load(from + V::size), terms[0], terms[1]);
    for (int l = 0; l < 2; ++l) terms[l].store(panel + l * V::size);
    return;
  }
  if (is_dense && count == 4) {
    V even[2], odd[2], terms[4];
    for (int half = 0; half < 2; ++half, from += 2 * V::size) {
      split(V::load(from), V::load(from + V::size), even[half], odd[half]);
    }
    split(even[0], even[1], terms[0], terms[2]);
    split(odd[0], odd[1], terms[1], terms[3]);
    for (int l = 0; l < 4; ++l) terms[l].store(panel + l * V::size);
    return;
  }
#endif
  // Where there is nothing are zeros: anything else might be a subnormal number, which takes a hundred times as long.
  pack_columns(panel, Pack<T>::size, from, lanes, lane, step, count);
}

template <class T>
[[gnu::always_inline]] inline void multiply_small(const MatmulArguments& p) {
  constexpr std::int64_t kWidth = Pack<T>::size;
  std::int64_t i = 0;
  if (p.n == 1) {
    for (; i + 4 <= p.m; i += 4) column_rows<4, T>(p, i);
    for (; i < p.m; ++i) column_rows<1, T>(p, i);
    return;
  }
  const bool has_lines = p.out_column == 1 && !p.bias_by_row;
  T packed[kSmallTerms * kWidth];
  std::int64_t columns = 0;
  for (std::int64_t j = 0; j < p.n; j += columns) {
    columns = p.n - j < kWidth ? p.n - j : kWidth;
    const T* b = static_cast<const T*>(p.b) + j * p.b_column;
    std::int64_t b_row = p.b_row;
    if (p.b_column != 1 || (!kHasParts && columns < kWidth)) {
      pack_terms(packed, b, columns, p.b_column, p.b_row, p.k);
      b = packed;
      b_row = kWidth;
    } else if (has_lines && p.n - j >= 2 * kWidth) {
      tile_rows<2>(p, b, b_row, j);
      columns = 2 * kWidth;
      continue;
    }
    i = has_lines && columns == kWidth && p.m >= kTileRows ? tile_rows<1>(p, b, b_row, j) : 0;
    for (; i + 4 <= p.m; i += 4) vector_rows<4>(p, b, b_row, i, j, columns);
    if (i + 2 <= p.m) {
      vector_rows<2>(p, b, b_row, i, j, columns);
      i += 2;
    }
    if (i < p.m) vector_rows<1>(p, b, b_row, i, j, columns);
  }
}

template <class T>
void small_matmul_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  multiply_small<T>(p);
  if (p.rectifies) rectify(static_cast<T*>(p.out), p.out_row, p.out_column, p.m, p.n);
}

// -------------------------------------------------------------------------------------------------- products by one column

#if defined(NADIR_SCALAR_KERNELS)
template <int kRows, class T>
void sum_lanes(const Pack<T> (&totals)[kRows], T* sums) {
  for (int r = 0; r < kRows; ++r) sums[r] = totals[r].value;
}
#else
// The sums of the lanes of one vector or of four, halves to halves, at once. The lanes of two vectors are put in turn, and what was
// half a vector apart is added: so each step leaves half as many sums of each.
template <int kRows, class T>
[[gnu::always_inline]] inline void sum_lanes(const Pack<T> (&totals)[kRows], T* sums) {
  using Lanes = std::make_integer_sequence<int, Pack<T>::size>;
  const auto both = [](Pack<T> x, Pack<T> y) {
    return interleaved<false>(x, y, Lanes()) + interleaved<true>(x, y, Lanes());
  };
  T lanes[Pack<T>::size];
  if constexpr (kRows == 4 && Pack<T>::size >= 4) {
    Pack<T> all = both(both(totals[0], totals[2]), both(totals[1], totals[3]));
    for (int left = Pack<T>::size / 4; left > 1; left /= 2) all = both(all, all);
    all.store(lanes);
    for (int r = 0; r < kRows; ++r) sums[r] = lanes[r * (Pack<T>::size / 4)];
  } else {
    for (int r = 0; r < kRows; ++r) {
      Pack<T> all = totals[r];
      for (int left = Pack<T>::size; left > 1; left /= 2) all = both(all, all);
      all.store(lanes);
      sums[r] = lanes[0];
    }
  }
}
#endif

// Rows of a product by one column, all of whose terms lie one after another: by lanes, whose sums are added in the end, for one chain
// of terms would wait for itself.
template <int kRows, class T>
[[gnu::always_inline]] inline void lane_rows(const MatmulArguments& p, std::int64_t i) {
  using V = Pack<T>;
  const T* a = static_cast<const T*>(p.a) + i * p.a_row;
  const T* b = static_cast<const T*>(p.b);
  V totals[kRows];
#pragma GCC unroll 4
  for (V& total : totals) total = V::splat(0);
  for (std::int64_t left = p.k; left > 0; left -= V::size, a += V::size, b += V::size) {
    const V right = load_first(b, left);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r] = multiply_add(load_first(a + r * p.a_row, left), right, totals[r]);
  }
  T sums[kRows];
  sum_lanes(totals, sums);
  for (int r = 0; r < kRows; ++r) finish_product(sums[r], p, i + r, 0);
}

template <class T>
[[gnu::noinline]] void multiply_by_lanes(const MatmulArguments& p) {
  std::int64_t i = 0;
  for (; i + 4 <= p.m; i += 4) lane_rows<4, T>(p, i);
  for (; i < p.m; ++i) lane_rows<1, T>(p, i);
}

template <class T>
[[gnu::noinline]] void multiply_column(const MatmulArguments& p) {
  std::int64_t i = 0;
  for (; i + 4 <= p.m; i += 4) column_rows<4, T>(p, i);
  for (; i < p.m; ++i) column_rows<1, T>(p, i);
}

// A product by one column.
template <class T>
void column_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  p.by_lanes ? multiply_by_lanes<T>(p) : multiply_column<T>(p);
  if (p.rectifies) rectify(static_cast<T*>(p.out), p.out_row, p.out_column, p.m, p.n);
}

// A product of two numbers, which is not added to the result.
template <class T>
void number_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  T total = multiply_add(*static_cast<const T*>(p.a), *static_cast<const T*>(p.b), T(0));
  if (p.bias) total = total + *static_cast<const T*>(p.bias);
  *static_cast<T*>(p.out) = total;
}

}  // namespace
}  // namespace nadir
