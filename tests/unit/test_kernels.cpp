// The kernels of every instruction set that this processor has: against references written with xtensor, against the scalar
// ones bit by bit where only exact arithmetic is involved, over all lengths around a vector's width, misaligned by each
// element, and with extreme values. Nothing beyond an array's end may be touched.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xview.hpp>

#include "kernels/table.h"
#include "unit.h"

namespace {

using namespace nadir;

constexpr std::size_t kWidest = 16;  // floats in the widest vector
constexpr std::size_t kLongest = 3 * kWidest + 1;
constexpr std::size_t kGuard = 8;  // elements around an array that must stay as they are

std::vector<const KernelTable*> tables() {
  std::vector<const KernelTable*> found;
  for (const char* isa : {"scalar", "sse2", "avx2", "avx512", "neon"}) {
    if (const KernelTable* table = find_kernels(isa)) found.push_back(table);
  }
  return found;
}

template <class T>
constexpr int dtype_index() {
  return index_of(sizeof(T) == 4 ? DType::kF32 : DType::kF64);
}

// Random numbers, and every so often an extreme one.
template <class T>
std::vector<T> samples(std::size_t count, unsigned seed) {
  using limits = std::numeric_limits<T>;
  const T extremes[] = {T(0),
                        T(-0.0),
                        limits::denorm_min(),
                        -limits::min(),
                        limits::max(),
                        limits::lowest(),
                        limits::infinity(),
                        -limits::infinity(),
                        limits::quiet_NaN(),
                        T(1)};
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, 3);
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = engine() % 4 == 0 ? extremes[engine() % std::size(extremes)] : static_cast<T>(normal(engine));
  }
  return values;
}

template <class T>
std::vector<T> tame_samples(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, 1);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(normal(engine));
  return values;
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

// An array at any misalignment, with guards on both sides.
template <class T>
class Guarded {
 public:
  Guarded(std::size_t count, std::size_t shift)
      : count_(count), shift_(shift), all_(count + 2 * kGuard + shift, T(77)) {}
  T* data() { return all_.data() + kGuard + shift_; }
  void fill(const T* values) { std::copy_n(values, count_, data()); }
  bool guards_hold() {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const bool inside = i >= kGuard + shift_ && i < kGuard + shift_ + count_;
      if (!inside && all_[i] != T(77)) return false;
    }
    return true;
  }

 private:
  std::size_t count_;
  std::size_t shift_;
  std::vector<T> all_;
};

// --------------------------------------------------------------------------------------------------- elementwise

template <class T>
xt::xarray<T> reference(LaneId lane, const xt::xarray<T>& a, const xt::xarray<T>& b, T number) {
  switch (lane) {
    case LaneId::neg: return -a;
    case LaneId::square: return a * a;
    case LaneId::scale: return number * a;
    case LaneId::add: return a + b;
    case LaneId::sub: return a - b;
    case LaneId::mul: return a * b;
    case LaneId::div: return a / b;
    case LaneId::copy: return a;
  }
  fail_msg("a lane function without a reference");
  return a;
}

template <class T>
xt::xarray<T> operand(const std::vector<T>& values, std::size_t count, bool splat) {
  xt::xarray<T> result = xt::empty<T>({count});
  for (std::size_t i = 0; i < count; ++i) result(i) = splat ? values[0] : values[i];
  return result;
}

template <class T>
void check_lane(const KernelTable& table, int lane, std::size_t count, std::size_t shift, unsigned splat) {
  const auto a = samples<T>(count + 1, 1 + static_cast<unsigned>(count));
  const auto b = samples<T>(count + 1, 99 + static_cast<unsigned>(count));
  Guarded<T> left(count + 1, shift), right(count + 1, shift), out(count, shift);
  left.fill(a.data());
  right.fill(b.data());
  Arguments arguments{};
  arguments.lane = {out.data(), {left.data(), right.data()}, static_cast<std::int64_t>(count), splat, 0.3};
  table.lanes[lane][dtype_index<T>()](arguments);

  assert_true(out.guards_hold());
  if (count == 0) return;
  const auto wanted = reference<T>(static_cast<LaneId>(lane), operand(a, count, splat & 1u),
                                   operand(b, count, splat & 2u), static_cast<T>(0.3));
  for (std::size_t i = 0; i < count; ++i) {
    if (!same_bits(out.data()[i], wanted(i))) fail_msg("%s lane %d length %zu element %zu", table.isa, lane, count, i);
  }
  assert_true(out.guards_hold());
}

void lanes_equal_the_reference_at_every_length_and_alignment(void**) {
  for (const KernelTable* table : tables()) {
    for (int lane = 0; lane < kLaneCount; ++lane) {
      for (std::size_t count = 0; count <= kLongest; ++count) {
        for (unsigned splat = 0; splat < 4; ++splat) {
          check_lane<float>(*table, lane, count, count % kWidest, splat);
          check_lane<double>(*table, lane, count, count % kWidest, splat);
        }
      }
      for (std::size_t shift = 0; shift < kWidest; ++shift) {
        check_lane<float>(*table, lane, kLongest, shift, 0);
        check_lane<double>(*table, lane, kLongest, shift, 0);
      }
    }
  }
}

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
                   accumulate};
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
    arguments.sum = {&total, tenths.data(), 1, 1000000, 1, 1.0, false};
    table->sum[0](arguments);
    assert_true(std::fabs(total - 100000.0f) < 0.1f);
  }
}

// ----------------------------------------------------------------------------------------------------- products

template <class T>
struct Product {
  std::size_t m, n, k;
  bool transpose_a, transpose_b, has_bias, accumulate;
};

template <class T>
std::vector<T> multiply(const KernelTable& table, const Kernel kernel, const Product<T>& p, const std::vector<T>& a,
                        const std::vector<T>& b, const std::vector<T>& bias) {
  (void)table;
  Guarded<T> out(p.m * p.n, 3);
  const std::vector<T> before(p.m * p.n, T(1));
  out.fill(before.data());
  std::vector<T> scratch(p.k * p.n + 1);
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
  matmul.accumulate = p.accumulate;
  kernel(arguments);
  assert_true(out.guards_hold());
  return {out.data(), out.data() + p.m * p.n};
}

template <class T>
void check_product(const KernelTable& table, const Product<T>& p) {
  const auto a = tame_samples<T>(p.m * p.k + 1, 7);
  const auto b = tame_samples<T>(p.k * p.n + 1, 8);
  const auto bias = tame_samples<T>(p.n + 1, 9);
  const int dtype = dtype_index<T>();
  const auto got = multiply(table, table.matmul[dtype], p, a, b, bias);
  const auto small = multiply(table, table.small_matmul[dtype], p, a, b, bias);
  for (std::size_t i = 0; i < p.m; ++i) {
    for (std::size_t j = 0; j < p.n; ++j) {
      long double sum = 0;
      long double size = 1;
      for (std::size_t l = 0; l < p.k; ++l) {
        const long double left = a[p.transpose_a ? l * p.m + i : i * p.k + l];
        const long double right = b[p.transpose_b ? j * p.k + l : l * p.n + j];
        sum += left * right;
        size += std::fabs(left * right);
      }
      if (p.has_bias) sum += bias[j];
      if (p.accumulate) sum += 1;
      const long double error = std::fabs(sum - static_cast<long double>(got[i * p.n + j]));
      assert_true(error <= static_cast<long double>(std::numeric_limits<T>::epsilon()) * (size + 4) * (p.k + 4));
      assert_true(same_bits(got[i * p.n + j], small[i * p.n + j]));
    }
  }
  if (p.m == 1 && p.n == 1) {
    assert_true(same_bits(got[0], multiply(table, table.dot[dtype], p, a, b, bias)[0]));
  }
}

void products_equal_the_reference_and_all_paths_agree_to_the_bit(void**) {
  for (const KernelTable* table : tables()) {
    for (const std::size_t m : {0u, 1u, 3u, 4u, 9u}) {
      for (const std::size_t n : {0u, 1u, 5u, 8u, 16u, 35u, 70u}) {
        for (const std::size_t k : {0u, 1u, 6u, 33u}) {
          for (unsigned flags = 0; flags < 16; ++flags) {
            const bool ta = flags & 1u, tb = flags & 2u, has_bias = flags & 4u, accumulate = flags & 8u;
            check_product<float>(*table, {m, n, k, ta, tb, has_bias, accumulate});
            check_product<double>(*table, {m, n, k, ta, tb, has_bias, accumulate});
          }
        }
      }
    }
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
      cmocka_unit_test(lanes_equal_the_reference_at_every_length_and_alignment),
      cmocka_unit_test(sums_equal_the_reference_for_every_arrangement),
      cmocka_unit_test(sum_of_a_million_tenths_is_accurate),
      cmocka_unit_test(products_equal_the_reference_and_all_paths_agree_to_the_bit),
      cmocka_unit_test(sgd_equals_the_formula_to_the_bit),
      cmocka_unit_test(every_element_that_is_not_finite_is_noticed),
      cmocka_unit_test(unknown_instruction_sets_are_not_found),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
