// Sums, products and passes over parameters, on every instruction set that this processor has, against references written with
// xtensor and in long double. Nothing beyond an array's end may be touched.
#include <algorithm>
#include <array>
#include <cfenv>
#include <cmath>
#include <limits>
#include <vector>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>

#include "kernel_support.h"

namespace {

// --------------------------------------------------------------------------------------------------------- sums

template <class T>
void check_sum(const KernelTable& table, std::size_t outer, std::size_t length, std::size_t inner, bool accumulate) {
  const auto values = tame_samples<T>(outer * length * inner + 1, 5);
  const std::vector<T> before(outer * inner, T(10));
  Guarded<T> out(outer * inner, 1);
  out.fill(before.data());
  Arguments arguments{};
  arguments.sum = {out.data(),
                   values.data(),
                   static_cast<std::int64_t>(outer),
                   static_cast<std::int64_t>(length),
                   static_cast<std::int64_t>(inner),
                   2.0,
                   accumulate,
                   nullptr};
  table.sum[dtype_index<T>()](arguments);

  xt::xarray<double> wanted = xt::zeros<double>({outer, inner});
  if (outer * length * inner > 0) {
    const std::array<std::size_t, 3> shape{outer, length, inner};
    const auto in = xt::adapt(values.data(), outer * length * inner, xt::no_ownership(), shape);
    wanted = xt::sum(xt::xarray<double>(xt::cast<double>(in)), {1}) / 2.0;
  }
  // Every element goes through at most this many additions: leaves of 256, or rows of 32, and a tree over them.
  const double bound =
      static_cast<double>(std::numeric_limits<T>::epsilon()) * 300 * (10 + 4 * std::sqrt(double(length)));
  for (std::size_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < inner; ++i) {
      const double got = static_cast<double>(out.data()[o * inner + i]);
      assert_true(std::fabs(got - (wanted(o, i) + (accumulate ? 10 : 0))) <= bound);
    }
  }
  assert_true(out.guards_hold());
}

void sums_equal_the_reference_for_every_arrangement(void**) {
  for (const KernelTable* table : tables()) {
    for (const std::size_t outer : {0u, 1u, 3u}) {
      for (const std::size_t length : {0u, 1u, 2u, 15u, 64u, 65u, 257u, 1000u}) {
        for (const std::size_t inner : {0u, 1u, 2u, 7u, 16u, 33u}) {
          check_sum<float>(*table, outer, length, inner, false);
          check_sum<double>(*table, outer, length, inner, false);
          check_sum<float>(*table, outer, length, inner, true);
        }
      }
    }
  }
}

void sum_of_a_million_tenths_is_accurate(void**) {
  // A running sum in binary32 is off by about 1 %.
  const std::vector<float> tenths(1000000, 0.1f);
  for (const KernelTable* table : tables()) {
    float total = 0;
    Arguments arguments{};
    arguments.sum = {&total, tenths.data(), 1, 1000000, 1, 1.0, false, nullptr};
    table->sum[0](arguments);
    assert_true(std::fabs(total - 100000.0f) < 0.1f);
  }
}

// The sum of products has the bits of the sum of an array of them.
void check_product_sum(const KernelTable& table, std::size_t outer, std::size_t length) {
  const auto a = tame_samples<float>(outer * length, 6), b = tame_samples<float>(outer * length, 7);
  std::vector<float> products(outer * length), wanted(outer), got(outer);
  for (std::size_t i = 0; i < products.size(); ++i) products[i] = a[i] * b[i];
  const auto rows = static_cast<std::int64_t>(outer), columns = static_cast<std::int64_t>(length);
  Arguments arguments{};
  arguments.sum = {wanted.data(), products.data(), rows, columns, 1, 1.0, false, nullptr};
  table.sum[dtype_index<float>()](arguments);
  arguments.sum = {got.data(), a.data(), rows, columns, 1, 1.0, false, b.data()};
  table.sum[dtype_index<float>()](arguments);
  assert_true(got == wanted);
}

template <class T>
void check_added_rows(const KernelTable& table, std::size_t rows, std::size_t length, bool of_products) {
  const auto a = tame_samples<T>(rows * length, 8), b = tame_samples<T>(rows * length, 9);
  const auto before = tame_samples<T>(length, 10);
  std::vector<T> wanted = before;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < length; ++i) {
      const T term = of_products ? a[row * length + i] * b[row * length + i] : a[row * length + i];
      wanted[i] = wanted[i] + term;
    }
  }
  Guarded<T> out(length, 1);
  out.fill(before.data());
  Arguments arguments{};
  arguments.add_rows = {out.data(), a.data(), of_products ? b.data() : nullptr, static_cast<std::int64_t>(rows),
                        static_cast<std::int64_t>(length)};
  table.add_rows[dtype_index<T>()](arguments);
  for (std::size_t i = 0; i < length; ++i) assert_true(out.data()[i] == wanted[i]);
  assert_true(out.guards_hold());
}

// Passes over rows, of all that `parts` has, by each kernel that can: against one number after another.
void check_rows(const KernelTable& table, std::size_t rows, std::size_t length, unsigned parts, bool negates,
                bool repeats) {
  const std::size_t count = rows * length;
  const auto x = tame_samples<float>(count, 11), y = tame_samples<float>(count, 12), z = tame_samples<float>(count, 13);
  const auto with = tame_samples<float>(count, 15), before = tame_samples<float>(length, 16);
  const auto values = tame_samples<float>(4 * rows, 14);
  const auto has = [&](unsigned part) { return (parts & part) != 0; };
  std::vector<float> wanted(count), products(count), wanted_columns = before, wanted_sums(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t at = repeats ? 0 : row;
    for (std::size_t i = 0; i < length; ++i) {
      float v = x[row * length + i];
      if (has(RowForm::kTaken)) v = negates ? v + values[at] : v - values[at];
      if (has(RowForm::kFactor)) v = v * values[rows + at];
      if (has(RowForm::kMultiplied)) v = v * y[at * length + i];
      const float second =
          has(RowForm::kSecondFactor) ? z[at * length + i] * values[2 * rows + at] : z[at * length + i];
      if (has(RowForm::kSecond)) v = v + second;
      if (has(RowForm::kAdded)) v = v + values[3 * rows + at];
      wanted[row * length + i] = v;
      wanted_columns[i] = wanted_columns[i] + v;
      products[row * length + i] = has(RowForm::kProducts) ? v * with[at * length + i] : v;
    }
  }
  const auto signed_rows = static_cast<std::int64_t>(rows), signed_length = static_cast<std::int64_t>(length);
  Arguments arguments{};
  arguments.sum = {wanted_sums.data(), products.data(), signed_rows, signed_length, 1, 3.0, false, nullptr};
  table.sum[dtype_index<float>()](arguments);

  const auto value = [&](unsigned part, std::size_t number) {
    return RowArray{has(part) ? values.data() + number * rows : nullptr, repeats ? 0 : 1};
  };
  const auto array = [&](unsigned part, const std::vector<float>& from) {
    return RowArray{has(part) ? from.data() : nullptr, repeats ? 0 : signed_length};
  };
  const auto same = [](Guarded<float>& got, const std::vector<float>& expected) {
    return got.guards_hold() &&
           (expected.empty() || std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  };
  for (std::size_t form = 0; form < std::size(RowForm::kForms); ++form) {
    if (!RowForm::fits(RowForm::kForms[form], parts)) continue;
    Guarded<float> out(count, 1), columns(length, 1), sums(rows, 1);
    columns.fill(before.data());
    RowsArguments& r = arguments.rows;
    r = {};
    if (has(RowForm::kStores)) r.out = out.data();
    if (has(RowForm::kColumns)) r.columns = columns.data();
    if (has(RowForm::kSums)) r.sums = sums.data();
    r.x = x.data();
    r.taken = value(RowForm::kTaken, 0);
    r.factor = value(RowForm::kFactor, 1);
    r.multiplied = array(RowForm::kMultiplied, y);
    r.second = array(RowForm::kSecond, z);
    r.second_factor = value(RowForm::kSecondFactor, 2);
    r.added = value(RowForm::kAdded, 3);
    r.with = array(RowForm::kProducts, with);
    r.rows = signed_rows;
    r.length = signed_length;
    r.divisor = 3;
    r.is_taken_negated = negates;
    table.rows[form](arguments);
    assert_true(!has(RowForm::kStores) || same(out, wanted));
    assert_true(!has(RowForm::kColumns) || same(columns, wanted_columns));
    assert_true(!has(RowForm::kSums) || same(sums, wanted_sums));
  }
}

void passes_over_rows_have_the_bits_of_their_operations(void**) {
  for (const KernelTable* table : tables()) {
    for (const std::size_t rows : {0u, 1u, 3u}) {
      for (const std::size_t length : {1u, 15u, 16u, 33u, 64u, 100u, 700u}) {
        check_product_sum(*table, rows, length);
        check_added_rows<float>(*table, rows, length, false);
        check_added_rows<float>(*table, rows, length, true);
        check_added_rows<double>(*table, rows, length, false);
        for (unsigned parts = 0; parts <= RowForm::kAll; ++parts) {
          if ((parts & (RowForm::kProducts | RowForm::kSums)) == RowForm::kProducts) continue;
          check_rows(*table, rows, length, parts, parts % 5 == 0 && parts % 2 == 1, parts % 3 == 0);
        }
      }
    }
  }
}

// ----------------------------------------------------------------------------------------------------- products

template <class T>
struct Product {
  std::size_t m, n, k;
  bool transpose_a, transpose_b, has_bias, accumulate;
  bool transpose_out = false, bias_by_row = false, rectifies = false, by_lanes = false;
};

template <class T>
std::vector<T> multiply(const KernelTable& table, const Kernel kernel, const Product<T>& p, const std::vector<T>& a,
                        const std::vector<T>& b, const std::vector<T>& bias) {
  (void)table;
  Guarded<T> out(p.m * p.n, 3);
  const std::vector<T> before(p.m * p.n, T(1));
  out.fill(before.data());
  const auto most_rows = static_cast<std::int64_t>(std::max(p.m, p.n));
  Guarded<T> scratch(static_cast<std::size_t>(product_scratch(most_rows, static_cast<std::int64_t>(p.k))), 1);
  Arguments arguments{};
  MatmulArguments& matmul = arguments.matmul;
  matmul.out = out.data();
  matmul.a = a.data();
  matmul.b = b.data();
  matmul.bias = p.has_bias ? bias.data() : nullptr;
  matmul.scratch = scratch.data();
  const auto m = static_cast<std::int64_t>(p.m), n = static_cast<std::int64_t>(p.n), k = static_cast<std::int64_t>(p.k);
  matmul.m = m;
  matmul.n = n;
  matmul.k = k;
  matmul.a_row = p.transpose_a ? 1 : k;
  matmul.a_column = p.transpose_a ? m : 1;
  matmul.b_row = p.transpose_b ? 1 : n;
  matmul.b_column = p.transpose_b ? k : 1;
  matmul.out_row = p.transpose_out ? 1 : n;
  matmul.out_column = p.transpose_out ? m : 1;
  matmul.bias_by_row = p.bias_by_row;
  matmul.rectifies = p.rectifies;
  matmul.by_lanes = p.by_lanes;
  matmul.accumulate = p.accumulate;
  kernel(arguments);
  assert_true(out.guards_hold());
  assert_true(scratch.guards_hold());
  return {out.data(), out.data() + p.m * p.n};
}

// An element of a product by one column, as it is promised: lane number l takes the terms l, l + width, ..., and halves of the lanes
// are added to halves.
template <class T>
T sum_by_lanes(const KernelTable& table, const Product<T>& p, const T* a, const T* b, bool is_fused,
               const std::vector<T>& bias, std::size_t row) {
  std::vector<T> lanes(static_cast<std::size_t>(table.width[dtype_index<T>()]), T(0));
  for (std::size_t l = 0; l < p.k; ++l) {
    T& lane = lanes[l % lanes.size()];
    lane = is_fused ? std::fma(a[l], b[l], lane) : a[l] * b[l] + lane;
  }
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  const T sum = p.has_bias ? lanes[0] + bias[p.bias_by_row ? row : 0] : lanes[0];
  if (p.rectifies) return sum < 0 ? T(0) : sum;
  return p.accumulate ? T(1) + sum : sum;
}

template <class T>
void check_product(const KernelTable& table, const Product<T>& p) {
  const auto a = tame_samples<T>(p.m * p.k + 1, 7);
  const auto b = tame_samples<T>(p.k * p.n + 1, 8);
  const auto bias = tame_samples<T>(std::max(p.m, p.n) + 1, 9);
  const int dtype = dtype_index<T>();
  const std::string_view isa = table.isa;
  const bool is_fused = isa != "sse2" && isa != "scalar";
  const auto got = multiply(table, table.matmul[dtype], p, a, b, bias);
  const bool is_small = p.k <= kSmallTerms;
  const auto small = is_small ? multiply(table, table.small_matmul[dtype], p, a, b, bias) : got;
  for (std::size_t i = 0; i < p.m; ++i) {
    for (std::size_t j = 0; j < p.n; ++j) {
      long double sum = 0;
      long double size = 1;
      T chain = 0;
      for (std::size_t l = 0; l < p.k; ++l) {
        const long double left = a[p.transpose_a ? l * p.m + i : i * p.k + l];
        const long double right = b[p.transpose_b ? j * p.k + l : l * p.n + j];
        sum += left * right;
        const T x = static_cast<T>(left), y = static_cast<T>(right);
        chain = is_fused ? std::fma(x, y, chain) : x * y + chain;
        size += std::fabs(left * right);
      }
      if (p.has_bias) sum += bias[p.bias_by_row ? i : j];
      if (p.accumulate) sum += 1;
      if (p.rectifies) sum = std::max(sum, 0.0L);
      const std::size_t at = p.transpose_out ? j * p.m + i : i * p.n + j;
      const long double error = std::fabs(sum - static_cast<long double>(got[at]));
      assert_true(error <= static_cast<long double>(std::numeric_limits<T>::epsilon()) * (size + 4) * (p.k + 4));
      if (p.has_bias) chain = chain + bias[p.bias_by_row ? i : j];
      if (p.accumulate) chain = T(1) + chain;
      if (p.rectifies && chain < 0) chain = 0;
      assert_true(same_bits(got[at], chain));
      assert_true(same_bits(small[at], chain));
    }
  }
  if (p.n == 1) {
    const auto column = multiply(table, table.column[dtype], p, a, b, bias);
    for (std::size_t i = 0; i < p.m; ++i) assert_true(same_bits(got[i], column[i]));
    if (p.m == 1 && p.k == 1 && !p.accumulate && !p.rectifies) {
      assert_true(same_bits(got[0], multiply(table, table.number[dtype], p, a, b, bias)[0]));
    }
    if (p.transpose_a && p.m > 1) return;
    Product<T> by_lanes = p;
    by_lanes.by_lanes = true;
    const auto sums = multiply(table, table.column[dtype], by_lanes, a, b, bias);
    for (std::size_t i = 0; i < p.m; ++i) {
      assert_true(same_bits(sums[i], sum_by_lanes(table, p, a.data() + i * p.k, b.data(), is_fused, bias, i)));
    }
  }
}

// Leaves numbers that arithmetic takes long over where the next function has its variables.
[[gnu::noinline]] void dirty_the_stack() {
  volatile std::uint32_t subnormal[4096];
  for (volatile std::uint32_t& word : subnormal) word = 0x00012345;
}

// What lies in lanes without an element must not be computed with: were it subnormal, the product would take ten times as long.
void lanes_without_elements_are_not_computed_with(void**) {
  const auto a = tame_samples<float>(40, 7), b = tame_samples<float>(40, 8), bias = tame_samples<float>(8, 9);
  for (const KernelTable* table : tables()) {
    for (const bool transpose_b : {false, true}) {
      for (const Kernel kernel : {table->small_matmul[0], table->matmul[0]}) {
        std::feclearexcept(FE_ALL_EXCEPT);
        dirty_the_stack();
        multiply<float>(*table, kernel, {4, 3, 5, false, transpose_b, true, false}, a, b, bias);
        assert_int_equal(std::fetestexcept(FE_UNDERFLOW | FE_INVALID | FE_OVERFLOW), 0);
      }
    }
  }
}

void products_equal_the_reference_and_all_paths_agree_to_the_bit(void**) {
  for (const KernelTable* table : tables()) {
    for (const std::size_t m : {0u, 1u, 2u, 3u, 4u, 9u, 10u}) {
      for (const std::size_t n : {0u, 1u, 5u, 8u, 16u, 35u, 70u}) {
        for (const std::size_t k : {0u, 1u, 2u, 4u, 6u, 16u, 33u}) {
          for (unsigned flags = 0; flags < 128; ++flags) {
            const bool rectifies = flags & 64u;
            if (rectifies && (flags & 8u)) continue;
            const bool ta = flags & 1u, tb = flags & 2u, has_bias = flags & 4u, accumulate = flags & 8u;
            const bool transpose_out = flags & 16u, bias_by_row = flags & 32u;
            check_product<float>(*table,
                                 {m, n, k, ta, tb, has_bias, accumulate, transpose_out, bias_by_row, rectifies});
            check_product<double>(*table,
                                  {m, n, k, ta, tb, has_bias, accumulate, transpose_out, bias_by_row, rectifies});
          }
        }
      }
    }
  }
}

// Blocks of terms, rows and columns, and their ends.
void large_products_equal_the_reference_to_the_bit_of_a_single_chain(void**) {
  for (const KernelTable* table : tables()) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      const bool ta = flags & 1u, tb = flags & 2u, transpose_out = flags & 4u, has_bias = flags & 8u;
      check_product<float>(*table, {150, 90, 600, ta, tb, has_bias, false, transpose_out, transpose_out});
      check_product<double>(*table, {133, 41, 300, ta, tb, has_bias, false, transpose_out, transpose_out});
      check_product<float>(*table, {5, 130, 257, ta, tb, has_bias, false, transpose_out, transpose_out});
      check_product<float>(*table, {530, 7, 255, ta, tb, has_bias, true, transpose_out, transpose_out});
    }
  }
}

// Rows at distances that caches are poor at are copied; of an operand read by columns, so many rows at a time.
void copied_rows_of_products_equal_the_reference_to_the_bit(void**) {
  for (const KernelTable* table : tables()) {
    for (const bool transpose_b : {false, true}) {
      check_product<float>(*table, {11, 131, 1024, false, transpose_b, true, false});
      check_product<double>(*table, {11, 131, 512, false, transpose_b, true, false});
      check_product<double>(*table, {kPackedRows + 9, 70, 512, false, transpose_b, true, false});
      check_product<float>(*table, {kPackedRows + 154, 67, 260, true, transpose_b, true, false});
    }
  }
}

// Rows of b that share sets of a cache are copied by the tile that reads them first, and eight rows that are left are two tiles of
// four, also where they become columns of the result. So large an `a` is copied wherever its rows are.
void products_by_tiles_that_pack_equal_the_reference_to_the_bit(void**) {
  for (const KernelTable* table : tables()) {
    for (const std::size_t m : {12u, 20u, 32u, 33u, 56u}) {
      for (unsigned flags = 0; flags < 8; ++flags) {
        const bool ta = flags & 1u, transpose_out = flags & 2u, rectifies = flags & 4u;
        check_product<float>(*table, {m, 1024, 9, ta, false, true, false, transpose_out, transpose_out, rectifies});
        check_product<double>(*table, {m, 512, 9, ta, false, true, false, transpose_out, transpose_out, rectifies});
        check_product<float>(*table, {m, 37, 530, ta, false, true, false, transpose_out, transpose_out, rectifies});
        check_product<float>(*table, {m, 128, 40, ta, false, true, !rectifies, transpose_out, false, rectifies});
      }
    }
    check_product<float>(*table, {700, 70, 400, false, false, true, false});
  }
}

// ------------------------------------------------------------------------------------------- updates and checks

template <class T>
void check_sgd(const KernelTable& table, std::size_t count, std::size_t shift) {
  const auto values = samples<T>(count, 21);
  const auto gradients = samples<T>(count, 22);
  Guarded<T> w(count, shift), g(count, shift);
  w.fill(values.data());
  g.fill(gradients.data());
  Arguments arguments{};
  arguments.update = {w.data(), g.data(), static_cast<std::int64_t>(count), 0.1};
  table.sgd[dtype_index<T>()](arguments);
  for (std::size_t i = 0; i < count; ++i) {
    const volatile T step = static_cast<T>(0.1) * gradients[i];
    assert_true(same_bits(w.data()[i], static_cast<T>(values[i] - step)));
  }
  assert_true(w.guards_hold() && g.guards_hold());
}

void sgd_equals_the_formula_to_the_bit(void**) {
  for (const KernelTable* table : tables()) {
    for (std::size_t count = 0; count <= kLongest; ++count) {
      check_sgd<float>(*table, count, count % kWidest);
      check_sgd<double>(*table, count, count % kWidest);
    }
  }
}

template <class T>
void check_finiteness(const KernelTable& table) {
  using limits = std::numeric_limits<T>;
  const auto is_finite = [&](const std::vector<T>& values) {
    return table.all_finite[dtype_index<T>()](values.data(), static_cast<std::int64_t>(values.size()));
  };
  for (std::size_t count = 0; count <= kLongest; ++count) {
    std::vector<T> values(count, limits::max());
    assert_true(is_finite(values));
    for (std::size_t at = 0; at < count; ++at) {
      for (const T bad : {limits::infinity(), -limits::infinity(), limits::quiet_NaN()}) {
        values[at] = bad;
        assert_false(is_finite(values));
      }
      values[at] = limits::lowest();
    }
  }
}

void every_element_that_is_not_finite_is_noticed(void**) {
  for (const KernelTable* table : tables()) {
    check_finiteness<float>(*table);
    check_finiteness<double>(*table);
  }
}

void unknown_instruction_sets_are_not_found(void**) {
  assert_null(find_kernels("altivec"));
  assert_null(find_kernels(""));
  assert_non_null(find_kernels("scalar"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(sums_equal_the_reference_for_every_arrangement),
      cmocka_unit_test(sum_of_a_million_tenths_is_accurate),
      cmocka_unit_test(passes_over_rows_have_the_bits_of_their_operations),
      cmocka_unit_test(lanes_without_elements_are_not_computed_with),
      cmocka_unit_test(products_equal_the_reference_and_all_paths_agree_to_the_bit),
      cmocka_unit_test(large_products_equal_the_reference_to_the_bit_of_a_single_chain),
      cmocka_unit_test(copied_rows_of_products_equal_the_reference_to_the_bit),
      cmocka_unit_test(products_by_tiles_that_pack_equal_the_reference_to_the_bit),
      cmocka_unit_test(sgd_equals_the_formula_to_the_bit),
      cmocka_unit_test(every_element_that_is_not_finite_is_noticed),
      cmocka_unit_test(unknown_instruction_sets_are_not_found),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
