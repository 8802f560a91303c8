// The matrix product. Whatever path an element takes, it is one chain of multiply_add over ascending k, then its bias, then
// what it is added to: all paths give the same bits.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

template <class V, class T>
void finish_product(V total, const MatmulArguments& p, std::int64_t i, std::int64_t j) {
  T* out = static_cast<T*>(p.out) + i * p.n + j;
  if (p.bias) total = total + Width<V>::load(static_cast<const T*>(p.bias) + j);
  if (p.accumulate) total = Width<V>::load(out) + total;
  Width<V>::store(total, out);
}

// kRows rows by kColumns vectors (or numbers) of the result, from row i and column j on. Columns of b are adjacent. The totals stay
// in registers if the loops over them are unrolled, which -O2 of GCC 12 does not do by itself: it is 3.6 times as fast.
template <int kRows, int kColumns, class V, class T>
void product_tile(const MatmulArguments& p, const T* b, std::int64_t b_row, std::int64_t i, std::int64_t j) {
  const T* a = static_cast<const T*>(p.a) + i * p.a_row;
  b += j;
  V totals[kRows][kColumns];
#pragma GCC unroll 8
  for (auto& row : totals) {
#pragma GCC unroll 8
    for (V& total : row) total = Width<V>::splat(0);
  }
  for (std::int64_t l = 0; l < p.k; ++l, a += p.a_column, b += b_row) {
    V right[kColumns];
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) right[c] = Width<V>::load(b + c * Width<V>::value);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V left = Width<V>::splat(a[r * p.a_row]);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) totals[r][c] = multiply_add(left, right[c], totals[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) finish_product<V, T>(totals[r][c], p, i + r, j + c * Width<V>::value);
  }
}

template <int kRows, class T>
void product_rows(const MatmulArguments& p, const T* b, std::int64_t b_row, std::int64_t i) {
  constexpr std::int64_t kWidth = Pack<T>::size;
  std::int64_t j = 0;
  for (; j + 2 * kWidth <= p.n; j += 2 * kWidth) product_tile<kRows, 2, Pack<T>>(p, b, b_row, i, j);
  for (; j + kWidth <= p.n; j += kWidth) product_tile<kRows, 1, Pack<T>>(p, b, b_row, i, j);
  for (; j < p.n; ++j) product_tile<kRows, 1, T>(p, b, b_row, i, j);
}

template <class T>
void matmul_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  const T* b = static_cast<const T*>(p.b);
  std::int64_t b_row = p.b_row;
  if (p.b_column != 1 && p.n > 1) {
    T* copy = static_cast<T*>(p.scratch);
    for (std::int64_t l = 0; l < p.k; ++l) {
      for (std::int64_t j = 0; j < p.n; ++j) copy[l * p.n + j] = b[l * p.b_row + j * p.b_column];
    }
    b = copy;
    b_row = p.n;
  }
  std::int64_t i = 0;
  for (; i + 4 <= p.m; i += 4) product_rows<4>(p, b, b_row, i);
  for (; i < p.m; ++i) product_rows<1>(p, b, b_row, i);
}

template <class T>
T product_at(const MatmulArguments& p, const T* a, const T* b) {
  T total = 0;
  for (std::int64_t l = p.k; l > 0; --l, a += p.a_column, b += p.b_row) total = multiply_add(*a, *b, total);
  return total;
}

template <class T>
void small_matmul_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  const T* a = static_cast<const T*>(p.a);
  for (std::int64_t i = 0; i < p.m; ++i, a += p.a_row) {
    const T* b = static_cast<const T*>(p.b);
    for (std::int64_t j = 0; j < p.n; ++j, b += p.b_column) finish_product<T, T>(product_at(p, a, b), p, i, j);
  }
}

// A result of one element.
template <class T>
void dot_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  finish_product<T, T>(product_at(p, static_cast<const T*>(p.a), static_cast<const T*>(p.b)), p, 0, 0);
}

}  // namespace
}  // namespace nadir
