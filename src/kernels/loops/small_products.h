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

// Rows whose results do not lie next to each other, or not as whole vectors.
template <class T>
[[gnu::noinline]] void finish_lanes(const T* lanes, std::int64_t rows, const MatmulArguments& p, std::int64_t i) {
  for (const std::int64_t end = i + rows; i < end; ++i, lanes += Pack<T>::size) {
    for (std::int64_t j = 0; j < p.n; ++j) finish_product(lanes[j], p, i, j);
  }
}

// Part of a vector is loaded and stored as fast as all of it.
#if defined(__AVX512F__)
inline constexpr bool kHasParts = true;
#else
inline constexpr bool kHasParts = false;
#endif

// Rows of a product whose columns are one vector, or the first lanes of one; of `b` there is a whole one if there are no parts.
template <int kRows, class T>
[[gnu::always_inline]] inline void vector_rows(const MatmulArguments& p, const T* b, std::int64_t b_row,
                                               std::int64_t i) {
  using V = Pack<T>;
  const std::int64_t count = kHasParts ? p.n : std::int64_t{V::size};
  const T* a = static_cast<const T*>(p.a) + i * p.a_row;
  V totals[kRows];
#pragma GCC unroll 4
  for (V& total : totals) total = V::splat(0);
  for (std::int64_t l = p.k; l > 0; --l, a += p.a_column, b += b_row) {
    const V right = load_first(b, count);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r] = multiply_add(V::splat(a[r * p.a_row]), right, totals[r]);
  }
  if (p.out_column != 1 || p.bias_by_row || p.n < count) {
    T lanes[kRows * V::size];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) totals[r].store(lanes + r * V::size);
    return finish_lanes(lanes, kRows, p, i);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    T* const out = static_cast<T*>(p.out) + (i + r) * p.out_row;
    V total = totals[r];
    if (p.bias) total = total + load_first(static_cast<const T*>(p.bias), count);
    if (p.accumulate) total = load_first(out, count) + total;
    store_first(total, out, count);
  }
}

// As many rows of whole vectors as make tiles. Returns how many those are.
template <class T>
std::int64_t vector_lines(const MatmulArguments& p, const T* b, std::int64_t b_row) {
  Tile<T> t{};
  t.a = static_cast<const T*>(p.a);
  t.b = b;
  t.out = static_cast<T*>(p.out);
  t.bias = static_cast<const T*>(p.bias);
  t.a_row = p.a_row;
  t.a_column = p.a_column;
  t.b_row = b_row;
  t.out_row = p.out_row;
  t.k = p.k;
  t.accumulate = p.accumulate;
  std::int64_t i = 0;
  for (; i + kTileRows <= p.m; i += kTileRows) {
    product_tile<kTileRows, 1>(t);
    t.a += kTileRows * t.a_row;
    t.out += kTileRows * t.out_row;
  }
  return i;
}

template <class T>
[[gnu::always_inline]] inline void multiply_small(const MatmulArguments& p) {
  std::int64_t i = 0;
  if (p.n == 1) {
    for (; i + 4 <= p.m; i += 4) column_rows<4, T>(p, i);
    for (; i < p.m; ++i) column_rows<1, T>(p, i);
    return;
  }
  constexpr std::int64_t kWidth = Pack<T>::size;
  const T* b = static_cast<const T*>(p.b);
  std::int64_t b_row = p.b_row;
  const bool is_line = p.out_column == 1 && !p.bias_by_row && p.n == kWidth;
  T packed[kSmallTerms * kWidth];
  if (p.b_column != 1 || (!kHasParts && p.n < kWidth)) {
    if (p.k >= kWidth) {
      pack_columns(packed, kWidth, b, p.n, p.b_column, p.b_row, p.k);
    } else {
      for (std::int64_t l = 0; l < p.k; ++l) {
        // Where there is nothing are zeros: anything else might be a subnormal number, which takes a hundred times as long.
        for (std::int64_t j = 0; j < kWidth; ++j) {
          packed[l * kWidth + j] = j < p.n ? b[l * p.b_row + j * p.b_column] : T{0};
        }
      }
    }
    b = packed;
    b_row = kWidth;
  }
  if (is_line && p.m >= kTileRows) i = vector_lines(p, b, b_row);
  for (; i + 4 <= p.m; i += 4) vector_rows<4>(p, b, b_row, i);
  for (; i < p.m; ++i) vector_rows<1>(p, b, b_row, i);
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

// A product by one column.
template <class T>
void column_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  std::int64_t i = 0;
  if (p.by_lanes) {
    for (; i + 4 <= p.m; i += 4) lane_rows<4, T>(p, i);
    for (; i < p.m; ++i) lane_rows<1, T>(p, i);
  }
  for (; i + 4 <= p.m; i += 4) column_rows<4, T>(p, i);
  for (; i < p.m; ++i) column_rows<1, T>(p, i);
  if (p.rectifies) rectify(static_cast<T*>(p.out), p.out_row, p.out_column, p.m, p.n);
}

}  // namespace
}  // namespace nadir
