// Sums. Partial sums are combined in a tree that the shape alone determines, so that the same shape gives the same bits and
// the rounding error grows with the logarithm of the length.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// Only f32 is in a hurry.
template <class T>
inline constexpr bool kSumsProducts = sizeof(T) == sizeof(float);

// The numbers that are summed: an array's, or the products of two.
template <class T>
struct Terms {
  static constexpr bool kIsOfProducts = false;
  const T* x;

  template <class V>
  V at(std::int64_t i) const {
    return Width<V>::load(x + i);
  }
  Terms from(std::int64_t i) const { return {x + i}; }
};
template <class T>
struct ProductTerms {
  static constexpr bool kIsOfProducts = true;
  const T* x;
  const T* y;

  template <class V>
  V at(std::int64_t i) const {
    return Width<V>::load(x + i) * Width<V>::load(y + i);
  }
  ProductTerms from(std::int64_t i) const { return {x + i, y + i}; }
};

// Halves to halves, down to one.
template <class T>
T sum_of_lanes(Pack<T> pack) {
  T lanes[Pack<T>::size];
  pack.store(lanes);
#pragma GCC unroll 4
  for (int half = Pack<T>::size / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

template <class T, class Source>
T sum_leaf(Source x, std::int64_t count) {
  using V = Pack<T>;
  constexpr std::int64_t kWidth = V::size;
  std::int64_t i = 0;
  T total = 0;
  const auto at = [&](std::int64_t k) { return x.template at<V>(k); };
  if (count >= 4 * kWidth) {
    V sums[4] = {at(0), at(kWidth), at(2 * kWidth), at(3 * kWidth)};
    for (i = 4 * kWidth; i + 4 * kWidth <= count; i += 4 * kWidth) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) sums[j] = sums[j] + at(i + j * kWidth);
    }
    for (; i + kWidth <= count; i += kWidth) sums[0] = sums[0] + at(i);
    total = sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  for (; i < count; ++i) total += x.template at<T>(i);
  return total;
}

template <class T, class Source>
T sum_contiguous(Source x, std::int64_t count) {
  if (count <= kSumLeaf) return sum_leaf<T>(x, count);
  const std::int64_t half = sum_half(count);
  return sum_contiguous<T>(x, half) + sum_contiguous<T>(x.from(half), count - half);
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
    const auto sum_all = [&](auto terms) {
      for (std::int64_t o = 0; o < s.outer; ++o)
        finish_sum(sum_contiguous<T>(terms.from(o * s.length), s.length), s, out + o);
    };
    if constexpr (kSumsProducts<T>) {
      if (s.with) return sum_all(ProductTerms<T>{in, static_cast<const T*>(s.with)});
    }
    return sum_all(Terms<T>{in});
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

template <class T, class Source>
void add_rows(T* out, Source in, const AddRowsArguments& a) {
  std::int64_t i = 0;
  const auto add_by = [&]<class V>(V*) {
    for (; i + Width<V>::value <= a.length; i += Width<V>::value) {
      V total = Width<V>::load(out + i);
      Source at = in.from(i);
      for (std::int64_t row = 0; row < a.rows; ++row, at = at.from(a.length)) total = total + at.template at<V>(0);
      Width<V>::store(total, out + i);
    }
  };
  if constexpr (!Source::kIsOfProducts) add_by(static_cast<Block<T>*>(nullptr));
  add_by(static_cast<Pack<T>*>(nullptr));
  add_by(static_cast<T*>(nullptr));
}

template <class T>
void add_rows_kernel(const Arguments& arguments) noexcept {
  const AddRowsArguments& a = arguments.add_rows;
  const T* in = static_cast<const T*>(a.in);
  T* out = static_cast<T*>(a.out);
  if constexpr (kSumsProducts<T>) {
    if (a.with) return add_rows(out, ProductTerms<T>{in, static_cast<const T*>(a.with)}, a);
  }
  add_rows(out, Terms<T>{in}, a);
}

}  // namespace
}  // namespace nadir
