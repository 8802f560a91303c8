// Several elementwise operations over rows in one pass, each rounded as if it were alone.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// Where a row of an array is, and what one goes on by from vector to vector: nothing for one vector that serves all.
template <class T>
struct RowSource {
  const T* at;
  std::int64_t step;
};

template <class T>
RowSource<T> row_of(const RowArray& array, std::int64_t row, const Pack<T>& otherwise) {
  if (!array.from) return {reinterpret_cast<const T*>(&otherwise), 0};
  return {static_cast<const T*>(array.from) + row * array.step, 1};
}

template <class T>
T value_of(const RowArray& values, std::int64_t row, T otherwise) {
  return values.from ? static_cast<const T*>(values.from)[row * values.step] : otherwise;
}

// What is left out is replaced by what changes no number: x - 0, x * 1, x + -0.
template <bool kHasArrays, class T>
void rows_kernel(const Arguments& arguments) noexcept {
  using V = Pack<T>;
  const RowsArguments& r = arguments.rows;
  const V one = V::splat(1);
  const V nothing = V::splat(T(-0.0));
  T* out = static_cast<T*>(r.out);
  const T* x = static_cast<const T*>(r.x);
  for (std::int64_t row = 0; row < r.rows; ++row, out += r.length, x += r.length) {
    const T taken = value_of(r.taken, row, T(0));
    const T p = r.is_taken_negated ? -taken : taken;
    const T q = value_of(r.factor, row, T(1));
    const T s = value_of(r.second_factor, row, T(1));
    const T t = value_of(r.added, row, T(-0.0));
    const RowSource<T> y = row_of(r.multiplied, row, one);
    const RowSource<T> z = row_of(r.second, row, nothing);
    std::int64_t i = 0;
    const auto run_by = [&]<class W>(W*) {
      const auto wide = [](T number) { return Width<W>::splat(number); };
      const W wide_p = wide(p), wide_q = wide(q), wide_s = wide(s), wide_t = wide(t);
      for (; i + Width<W>::value <= r.length; i += Width<W>::value) {
        W v = (Width<W>::load(x + i) - wide_p) * wide_q;
        if constexpr (kHasArrays)
          v = v * Width<W>::load(y.at + i * y.step) + Width<W>::load(z.at + i * z.step) * wide_s;
        Width<W>::store(v + wide_t, out + i);
      }
    };
    run_by(static_cast<V*>(nullptr));
    run_by(static_cast<T*>(nullptr));
  }
}

}  // namespace
}  // namespace nadir
