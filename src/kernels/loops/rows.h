// Several elementwise operations over rows in one pass, each rounded as if it were alone, and sums of their results.
#pragma once

#include "kernels/arguments.h"
#include "kernels/loops/sum.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// A row of a pass. Values that are left out are replaced by what changes no number: x - 0, x * 1, x + -0.
template <class T>
struct Row {
  const T* x;
  const T* y;
  const T* z;
  const T* with;
  T* out;
  T* columns;
  T p, q, s, t;
  bool is_summed;

  Row(const RowsArguments& r, std::int64_t row)
      : x(static_cast<const T*>(r.x) + row * r.length),
        y(row_of(r.multiplied, row)),
        z(row_of(r.second, row)),
        with(row_of(r.with, row)),
        out(r.out ? static_cast<T*>(r.out) + row * r.length : nullptr),
        columns(static_cast<T*>(r.columns)),
        p(value_of(r.taken, row, T(0))),
        q(value_of(r.factor, row, T(1))),
        s(value_of(r.second_factor, row, T(1))),
        t(value_of(r.added, row, T(-0.0))),
        is_summed(r.sums != nullptr) {
    if (r.is_taken_negated) p = -p;
  }

 private:
  static const T* row_of(const RowArray& array, std::int64_t row) {
    return array.from ? static_cast<const T*>(array.from) + row * array.step : nullptr;
  }
  static T value_of(const RowArray& values, std::int64_t row, T otherwise) {
    return values.from ? static_cast<const T*>(values.from)[row * values.step] : otherwise;
  }
};

constexpr bool form_has(unsigned form, unsigned part) { return (form & part) != 0; }

// Computes an element, or a vector of them, and gives what is summed.
template <unsigned kForm, class W, class T>
[[gnu::always_inline]] inline W run_element(const Row<T>& row, std::int64_t i) {
  // An array is there, or of the form that has all it may be.
  const auto has = [](unsigned part, const T* array) {
    return form_has(kForm, part) && (kForm != RowForm::kAll || array);
  };
  W v = Width<W>::load(row.x + i);
  if constexpr (form_has(kForm, RowForm::kTaken)) v = v - Width<W>::splat(row.p);
  if constexpr (form_has(kForm, RowForm::kFactor)) v = v * Width<W>::splat(row.q);
  if (has(RowForm::kMultiplied, row.y)) v = v * Width<W>::load(row.y + i);
  if (has(RowForm::kSecond, row.z)) {
    W z = Width<W>::load(row.z + i);
    if constexpr (form_has(kForm, RowForm::kSecondFactor)) z = z * Width<W>::splat(row.s);
    v = v + z;
  }
  if constexpr (form_has(kForm, RowForm::kAdded)) v = v + Width<W>::splat(row.t);
  if (has(RowForm::kStores, row.out)) Width<W>::store(v, row.out + i);
  if (has(RowForm::kColumns, row.columns)) Width<W>::store(Width<W>::load(row.columns + i) + v, row.columns + i);
  if (has(RowForm::kProducts, row.with)) v = v * Width<W>::load(row.with + i);
  return v;
}

// Elements `first` to `end` - 1, at most kSumLeaf if they are summed, and their sum as sum_leaf() makes it.
template <unsigned kForm, class T>
inline T run_leaf(const Row<T>& shared, std::int64_t first, std::int64_t end) {
  using V = Pack<T>;
  constexpr std::int64_t kWidth = V::size;
  const Row<T> row = shared;  // which no store can change
  const bool is_summed = form_has(kForm, RowForm::kSums) && (kForm != RowForm::kAll || row.is_summed);
  std::int64_t i = first;
  T total = 0;
  if (end - first >= 4 * kWidth || !is_summed) {
    // What is added to -0 is not changed.
    const V nothing = V::splat(T(-0.0));
    V sums[4] = {nothing, nothing, nothing, nothing};
    for (; i + 4 * kWidth <= end; i += 4 * kWidth) {
      const auto add = [&](int j) { sums[j] = sums[j] + run_element<kForm, V>(row, i + j * kWidth); };
      if constexpr (kForm == RowForm::kAll) {
#pragma GCC unroll 1
        for (int j = 0; j < 4; ++j) add(j);
      } else {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) add(j);
      }
    }
    for (; i + kWidth <= end; i += kWidth) sums[0] = sums[0] + run_element<kForm, V>(row, i);
    if (is_summed) total = sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  for (; i < end; ++i) total += run_element<kForm, T>(row, i);
  return total;
}

// The sum of leaves by the tree of sum_contiguous().
template <class T>
[[gnu::noinline]] T sum_of_leaves(const T* leaves, std::int64_t count) {
  if (count <= kSumLeaf) return *leaves;
  const std::int64_t half = sum_half(count);
  return sum_of_leaves(leaves, half) + sum_of_leaves(leaves + half / kSumLeaf, count - half);
}

template <class T>
using RunLeaf = T (*)(const Row<T>&, std::int64_t first, std::int64_t end);

template <class T>
[[gnu::noinline]] void run_rows(const RowsArguments& r, RunLeaf<T> run) {
  for (std::int64_t number = 0; number < r.rows; ++number) {
    const Row<T> row(r, number);
    if (!row.is_summed) {
      run(row, 0, r.length);
      continue;
    }
    T leaves[kMostRowLeaves] = {};
    for (std::int64_t leaf = 0; leaf * kSumLeaf < r.length; ++leaf) {
      const std::int64_t first = leaf * kSumLeaf;
      leaves[leaf] = run(row, first, first + kSumLeaf < r.length ? first + kSumLeaf : r.length);
    }
    T sum = r.length > kSumLeaf ? sum_of_leaves(leaves, r.length) : *leaves;
    if (r.divisor != 1) sum = sum / static_cast<T>(r.divisor);
    static_cast<T*>(r.sums)[number] = sum;
  }
}

template <unsigned kForm, class T>
void rows_kernel(const Arguments& arguments) noexcept {
  const RowsArguments& r = arguments.rows;
  if constexpr (form_has(kForm, RowForm::kSums)) {
    run_rows<T>(r, run_leaf<kForm, T>);
  } else {
    // Short rows are many: nothing is called.
    for (std::int64_t number = 0; number < r.rows; ++number) run_leaf<kForm>(Row<T>(r, number), 0, r.length);
  }
}

template <class T, std::size_t... kForms>
[[gnu::always_inline]] inline void set_rows(Kernel (&kernels)[kRowForms], std::index_sequence<kForms...>) noexcept {
#if defined(__OPTIMIZE_SIZE__)
  ((kernels[kForms] = rows_kernel<RowForm::kAll, T>), ...);
#else
  ((kernels[kForms] = rows_kernel<RowForm::kForms[kForms], T>), ...);
#endif
}

}  // namespace
}  // namespace nadir
