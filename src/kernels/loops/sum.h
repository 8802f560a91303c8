// Sums. Partial sums are combined in a tree that the shape alone determines, so that the same shape gives the same bits and
// the rounding error grows with the logarithm of the length.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

template <class T>
T sum_leaf(const T* x, std::int64_t count) {
  using V = Pack<T>;
  constexpr std::int64_t kWidth = V::size;
  std::int64_t i = 0;
  T total = 0;
  if (count >= 4 * kWidth) {
    V sums[4] = {V::load(x), V::load(x + kWidth), V::load(x + 2 * kWidth), V::load(x + 3 * kWidth)};
    for (i = 4 * kWidth; i + 4 * kWidth <= count; i += 4 * kWidth) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) sums[j] = sums[j] + V::load(x + i + j * kWidth);
    }
    T lanes[V::size];
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).store(lanes);
    for (int j = 0; j < V::size; ++j) total += lanes[j];
  }
  for (; i < count; ++i) total += x[i];
  return total;
}

template <class T>
T sum_contiguous(const T* x, std::int64_t count) {
  if (count <= kSumLeaf) return sum_leaf(x, count);
  const std::int64_t half = sum_half(count);
  return sum_contiguous(x, half) + sum_contiguous(x + half, count - half);
}

// Neighbouring vectors: as many as make a row's part worth fetching.
template <class T>
struct Block {
  static constexpr int kCount = 4;
  Pack<T> packs[kCount];

  friend Block operator+(Block a, Block b) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) a.packs[i] = a.packs[i] + b.packs[i];
    return a;
  }
  friend Block operator/(Block a, Block b) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) a.packs[i] = a.packs[i] / b.packs[i];
    return a;
  }
};
template <class T>
struct Width<Block<T>> {
  static constexpr int value = Block<T>::kCount * Pack<T>::size;
  static Block<T> load(const T* from) {
    Block<T> block;
#pragma GCC unroll 4
    for (int i = 0; i < Block<T>::kCount; ++i) block.packs[i] = Pack<T>::load(from + i * Pack<T>::size);
    return block;
  }
  static Block<T> splat(T number) {
    Block<T> block;
    for (Pack<T>& pack : block.packs) pack = Pack<T>::splat(number);
    return block;
  }
  static void store(Block<T> block, T* to) {
#pragma GCC unroll 4
    for (int i = 0; i < Block<T>::kCount; ++i) block.packs[i].store(to + i * Pack<T>::size);
  }
};

// The sum of `rows` blocks, vectors or numbers that lie `stride` apart.
template <class V, class T>
V sum_rows(const T* x, std::int64_t rows, std::int64_t stride) {
  if (rows <= kRowsLeaf) {
    V total = Width<V>::splat(0);
    for (std::int64_t row = 0; row < rows; ++row) total = total + Width<V>::load(x + row * stride);
    return total;
  }
  const std::int64_t half = rows_half(rows);
  return sum_rows<V>(x, half, stride) + sum_rows<V>(x + half * stride, rows - half, stride);
}

template <class V, class T>
void finish_sum(V total, const SumArguments& s, T* out) {
  if (s.divisor != 1) total = total / Width<V>::splat(static_cast<T>(s.divisor));
  if (s.accumulate) total = Width<V>::load(out) + total;
  Width<V>::store(total, out);
}

template <class T>
void sum_kernel(const Arguments& arguments) noexcept {
  const SumArguments& s = arguments.sum;
  const T* in = static_cast<const T*>(s.in);
  T* out = static_cast<T*>(s.out);
  if (s.inner == 1) {
    for (std::int64_t o = 0; o < s.outer; ++o) finish_sum(sum_contiguous(in + o * s.length, s.length), s, out + o);
    return;
  }
  for (std::int64_t o = 0; o < s.outer; ++o, in += s.length * s.inner, out += s.inner) {
    std::int64_t i = 0;
    const auto sum_by = [&]<class V>(V*) {
      for (; i + Width<V>::value <= s.inner; i += Width<V>::value) {
        finish_sum(sum_rows<V>(in + i, s.length, s.inner), s, out + i);
      }
    };
    sum_by(static_cast<Block<T>*>(nullptr));
    sum_by(static_cast<Pack<T>*>(nullptr));
    sum_by(static_cast<T*>(nullptr));
  }
}

}  // namespace
}  // namespace nadir
