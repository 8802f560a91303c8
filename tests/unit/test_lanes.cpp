// The elementwise kernels of every instruction set that this processor has, against references written with xtensor and in plain
// C++, bit by bit: over all lengths around a vector's width, misaligned by each element, with extreme values.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>

#include "kernel_support.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

// --------------------------------------------------------------------------------------------------- elementwise

// f applied to each element, by the scalar mathematics of the C++ library.
template <class T, class F>
xt::xarray<T> mapped(xt::xarray<T> x, F f) {
  std::transform(x.begin(), x.end(), x.begin(), f);
  return x;
}

// f applied to each pair of elements.
template <class T, class F>
xt::xarray<T> paired(const xt::xarray<T>& a, const xt::xarray<T>& b, F f) {
  xt::xarray<T> result = a;
  std::transform(a.begin(), a.end(), b.begin(), result.begin(), f);
  return result;
}

// The remainder and the quotient of Python, by its own words: the remainder has the sign of b, and a = quotient * b + remainder.
template <class T>
T remainder_of(T a, T b) {
  const T rest = std::fmod(a, b);
  return rest != 0 && std::signbit(rest) != std::signbit(b) ? rest + b : rest;
}
template <class T>
T quotient_of(T a, T b) {
  if (b == 0) return a / b;
  T quotient = (a - std::fmod(a, b)) / b;
  if (const T rest = std::fmod(a, b); rest != 0 && std::signbit(rest) != std::signbit(b)) quotient -= 1;
  if (quotient == 0) return std::copysign(T(0), a / b) * (std::isnan(a / b) ? a / b : T(1));
  return std::round(quotient);
}

template <class T>
xt::xarray<T> reference(LaneId lane, const xt::xarray<T>& a, const xt::xarray<T>& b, T low, T high) {
  const xt::xarray<T> relu6_of_shifted = mapped(xt::xarray<T>(a + T(3)), [](T x) {
    return x < 0 ? T(0) : x > 6 ? T(6) : x;
  });
  switch (lane) {
    case LaneId::neg: return -a;
    case LaneId::abs: return mapped(a, [](T x) { return std::fabs(x); });
    case LaneId::sign: return mapped(a, [](T x) { return static_cast<T>((x > 0) - (x < 0)); });
    case LaneId::square: return a * a;
    case LaneId::sqrt: return mapped(a, [](T x) { return std::sqrt(x); });
    case LaneId::rsqrt: return mapped(a, [](T x) { return 1 / std::sqrt(x); });
    case LaneId::reciprocal: return T(1) / a;
    case LaneId::floor: return mapped(a, [](T x) { return std::floor(x); });
    case LaneId::ceil: return mapped(a, [](T x) { return std::ceil(x); });
    case LaneId::round: return mapped(a, [](T x) { return std::nearbyint(x); });
    case LaneId::trunc: return mapped(a, [](T x) { return std::trunc(x); });
    case LaneId::relu: return mapped(a, [](T x) { return x < 0 ? T(0) : x; });
    case LaneId::relu6: return mapped(a, [](T x) { return x < 0 ? T(0) : x > 6 ? T(6) : x; });
    case LaneId::softsign: return mapped(a, [](T x) { return x / (1 + std::fabs(x)); });
    case LaneId::hard_sigmoid: return relu6_of_shifted / T(6);
    case LaneId::hard_swish: return a * relu6_of_shifted / T(6);
    case LaneId::scale: return low * a;
    case LaneId::add_scalar: return a + low;
    case LaneId::leaky_relu: return mapped(a, [low](T x) { return x > 0 ? x : low * x; });
    case LaneId::clamp: return mapped(a, [low, high](T x) { return x < low ? low : x > high ? high : x; });
    case LaneId::add: return a + b;
    case LaneId::sub: return a - b;
    case LaneId::mul: return a * b;
    case LaneId::div: return a / b;
    case LaneId::floor_div: return paired(a, b, quotient_of<T>);
    case LaneId::mod: return paired(a, b, remainder_of<T>);
    case LaneId::pow: return paired(a, b, [](T x, T y) { return std::pow(x, y); });
    case LaneId::atan2: return paired(a, b, [](T x, T y) { return std::atan2(x, y); });
    case LaneId::div_scalar: return a / low;
    case LaneId::scalar_div: return low / a;
    case LaneId::floor_div_scalar: return mapped(a, [low](T x) { return quotient_of(x, low); });
    case LaneId::mod_scalar: return mapped(a, [low](T x) { return remainder_of(x, low); });
    case LaneId::pow_scalar: return mapped(a, [low](T x) { return std::pow(x, low); });
    case LaneId::scalar_pow: return mapped(a, [low](T x) { return std::pow(low, x); });
    case LaneId::maximum: return xt::where(a > b, a, xt::where(b > a, b, xt::where(xt::equal(a, b), a, a + b)));
    case LaneId::minimum: return xt::where(a < b, a, xt::where(b < a, b, xt::where(xt::equal(a, b), a, a + b)));
    case LaneId::relu_slope: return paired(a, b, [](T gy, T y) { return y <= 0 ? T(0) : gy; });
    case LaneId::tanh_slope: return a * (T(1) - b * b);
    case LaneId::sigmoid_slope: return a * (b * (T(1) - b));
    case LaneId::copy: return a;
    default: break;  // the transcendental ones are in test_accuracy.cpp
  }
  fail_msg("a lane function without a reference");
  return a;
}

// Whether a lane function makes floats of floats, by exact arithmetic.
bool is_exact(int lane) {
  if (lane >= static_cast<int>(LaneId::exp) && lane <= static_cast<int>(LaneId::selu)) return false;
  if (lane == static_cast<int>(LaneId::elu) || lane == static_cast<int>(LaneId::softplus)) return false;
  switch (static_cast<LaneId>(lane)) {
#define UNARY(name) case LaneId::name:
#define SCALED(name) case LaneId::name:
#define BINARY(name) case LaneId::name:
#define SLOPE(name) case LaneId::name:
#include "ops/registry.def"
    NADIR_SLOPES(SLOPE)
#undef SLOPE
    case LaneId::copy: return true;
    default: return false;
  }
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
  arguments.lane = {out.data(), {left.data(), right.data()}, static_cast<std::int64_t>(count), splat, {0.3, 1.7}};
  table.lanes[lane][dtype_index<T>()](arguments);

  assert_true(out.guards_hold());
  if (count == 0) return;
  const auto wanted = reference<T>(static_cast<LaneId>(lane), operand(a, count, splat & 1u),
                                   operand(b, count, splat & 2u), static_cast<T>(0.3), static_cast<T>(1.7));
  for (std::size_t i = 0; i < count; ++i) {
    if (!same_bits(out.data()[i], wanted(i))) fail_msg("%s lane %d length %zu element %zu", table.isa, lane, count, i);
  }
  assert_true(out.guards_hold());
}

void lanes_equal_the_reference_at_every_length_and_alignment(void**) {
  for (const KernelTable* table : tables()) {
    for (int lane = 0; lane < kLaneCount; ++lane) {
      if (!is_exact(lane)) continue;
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

// The upper halves of vector registers that are in use: an instruction of SSE, as a host's may be the next one, would wait for
// them. 0 where the processor does not tell.
unsigned upper_halves_in_use() {
#if defined(__x86_64__)
  unsigned low = 0, high = 0, leaf = 0, rest = 0;
  if (!__get_cpuid_count(1, 0, &leaf, &rest, &low, &high) || !(low & bit_OSXSAVE)) return 0;
  if (!__get_cpuid_count(0xd, 1, &leaf, &rest, &low, &high) || !(leaf & 4u)) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  return low & 0x44u;  // of ymm and of zmm 0 to 15
#else
  return 0;
#endif
}

// Those of them that the processor knows to be clear once they have been cleared after use.
unsigned upper_halves_told(const KernelTable& table) {
#if defined(__x86_64__)
  const std::string_view isa = table.isa;
  if (isa == "avx2") __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\tvzeroupper" ::: "xmm0");
  if (isa == "avx512") __asm__ volatile("vpternlogd $255, %%zmm0, %%zmm0, %%zmm0\n\tvzeroupper" ::: "xmm0");
#endif
  return table.width[0] > 4 ? ~upper_halves_in_use() : 0;
}

template <class T>
void check_upper_halves(const KernelTable& table, LaneId lane) {
  const unsigned told = upper_halves_told(table);
  const Kernel kernel = table.lanes[static_cast<int>(lane)][dtype_index<T>()];
  if (!kernel) return;
  const auto in = tame_samples<T>(kLongest, 5);
  std::vector<T> out(kLongest);
  for (std::int64_t count = 0; count <= static_cast<std::int64_t>(kLongest); ++count) {
    for (unsigned splat = 0; splat < 4; ++splat) {
      Arguments arguments{};
      arguments.lane = {out.data(), {in.data(), in.data(), in.data()}, count, splat, {0.3, 1.7}};
      kernel(arguments);
      if ((upper_halves_in_use() & told) != 0)
        fail_msg("%s lane %d length %d", table.isa, static_cast<int>(lane), static_cast<int>(count));
    }
  }
}

void upper_halves_of_registers_are_left_clear(void**) {
  for (const KernelTable* table : tables()) {
    for (const LaneId lane : {LaneId::tanh, LaneId::sigmoid, LaneId::exp, LaneId::log, LaneId::erf, LaneId::gelu,
                              LaneId::elu, LaneId::add, LaneId::mul, LaneId::square, LaneId::relu, LaneId::pow}) {
      check_upper_halves<float>(*table, lane);
      check_upper_halves<double>(*table, lane);
    }
  }
}

// ---------------------------------------------------------------------------------------------- masks and casts

// Samples of any type: a few values often, so that equals meet.
template <class T>
std::vector<T> any_samples(std::size_t count, unsigned seed) {
  if constexpr (std::is_floating_point_v<T>) return samples<T>(count, seed);
  std::mt19937_64 engine(seed);
  std::vector<T> values(count);
  for (T& value : values) value = engine() % 2 == 0 ? static_cast<T>(engine() % 3) : static_cast<T>(engine());
  return values;
}

template <class T>
Kernel lane_of(const KernelTable& table, LaneId lane) {
  const DType dtype = std::is_same_v<T, float>          ? DType::kF32
                      : std::is_same_v<T, double>       ? DType::kF64
                      : std::is_same_v<T, std::int32_t> ? DType::kI32
                      : std::is_same_v<T, std::int64_t> ? DType::kI64
                                                        : DType::kU8;
  const Kernel kernel = table.lanes[static_cast<int>(lane)][index_of(dtype)];
  assert_non_null(kernel);
  return kernel;
}

// Runs a lane function on every length and splat and compares with f of the elements.
template <class Out, class A, class B, class C, class F>
void check_mixed(Kernel kernel, F f) {
  for (std::size_t count = 0; count <= kLongest; ++count) {
    for (unsigned splat = 0; splat < 8; ++splat) {
      const auto a = any_samples<A>(count + 1, 11);
      const auto b = any_samples<B>(count + 1, 12);
      const auto c = any_samples<C>(count + 1, 13);
      Guarded<Out> out(count, count % kWidest);
      Arguments arguments{};
      arguments.lane = {out.data(), {a.data(), b.data(), c.data()}, static_cast<std::int64_t>(count), splat, {0, 0}};
      kernel(arguments);
      for (std::size_t i = 0; i < count; ++i) {
        const Out wanted = f(a[splat & 1u ? 0 : i], b[splat & 2u ? 0 : i], c[splat & 4u ? 0 : i]);
        assert_true(std::memcmp(&wanted, out.data() + i, sizeof wanted) == 0 ||
                    (wanted != wanted && out.data()[i] != out.data()[i]));
      }
      assert_true(out.guards_hold());
    }
  }
}

template <class T>
void check_comparisons(const KernelTable& table) {
  using Mask = std::uint8_t;
  const auto check = [&](LaneId lane, auto f) {
    check_mixed<Mask, T, T, Mask>(lane_of<T>(table, lane), [f](T a, T b, Mask) { return static_cast<Mask>(f(a, b)); });
  };
  check(LaneId::eq, [](T a, T b) { return a == b; });
  check(LaneId::ne, [](T a, T b) { return a != b; });
  check(LaneId::lt, [](T a, T b) { return a < b; });
  check(LaneId::le, [](T a, T b) { return a <= b; });
  // The planner exchanges the operands of lt and le for gt and ge.
  assert_null(table.lanes[static_cast<int>(LaneId::gt)][index_of(DType::kF32)]);
  assert_null(table.lanes[static_cast<int>(LaneId::ge)][index_of(DType::kF32)]);
  check_mixed<T, Mask, T, T>(lane_of<T>(table, LaneId::where), [](Mask m, T a, T b) { return m != 0 ? a : b; });
}

void comparisons_and_choices_equal_the_language(void**) {
  for (const KernelTable* table : tables()) {
    check_comparisons<float>(*table);
    check_comparisons<double>(*table);
    check_comparisons<std::int32_t>(*table);
    check_comparisons<std::int64_t>(*table);
    check_comparisons<std::uint8_t>(*table);
  }
}

template <class T>
void check_tests(const KernelTable& table) {
  using Mask = std::uint8_t;
  check_mixed<Mask, T, T, T>(lane_of<T>(table, LaneId::is_nan),
                             [](T x, T, T) { return static_cast<Mask>(std::isnan(x)); });
  check_mixed<Mask, T, T, T>(lane_of<T>(table, LaneId::is_finite),
                             [](T x, T, T) { return static_cast<Mask>(std::isfinite(x)); });
}

void tests_and_logic_equal_the_language(void**) {
  using Mask = std::uint8_t;
  for (const KernelTable* table : tables()) {
    check_tests<float>(*table);
    check_tests<double>(*table);
    const auto check = [&](LaneId lane, auto f) {
      check_mixed<Mask, Mask, Mask, Mask>(lane_of<Mask>(*table, lane),
                                          [f](Mask a, Mask b, Mask) { return static_cast<Mask>(f(a != 0, b != 0)); });
    };
    check(LaneId::logical_and, [](bool a, bool b) { return a && b; });
    check(LaneId::logical_or, [](bool a, bool b) { return a || b; });
    check(LaneId::logical_xor, [](bool a, bool b) { return a != b; });
    check(LaneId::logical_not, [](bool a, bool) { return !a; });
  }
}

template <class To, class From>
To cast_reference(From x) {
  if constexpr (sizeof(To) == 1) return x != 0;
  if constexpr (sizeof(From) == 1) return static_cast<To>(x != 0);
  if constexpr (std::is_floating_point_v<From> && !std::is_floating_point_v<To>) {
    using limits = std::numeric_limits<To>;
    if (std::isnan(x)) return 0;
    const long double whole = std::trunc(static_cast<long double>(x));  // holds 64 bits
    if (whole > static_cast<long double>(limits::max())) return limits::max();
    if (whole < static_cast<long double>(limits::min())) return limits::min();
    return static_cast<To>(whole);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void check_cast(const KernelTable& table, LaneId lane) {
  if constexpr (!std::is_same_v<To, From>) {
    check_mixed<To, From, From, From>(lane_of<From>(table, lane),
                                      [](From x, From, From) { return cast_reference<To>(x); });
  }
}

template <class From>
void check_casts_from(const KernelTable& table) {
  check_cast<float, From>(table, LaneId::cast_f32);
  check_cast<double, From>(table, LaneId::cast_f64);
  check_cast<std::int32_t, From>(table, LaneId::cast_i32);
  check_cast<std::int64_t, From>(table, LaneId::cast_i64);
  check_cast<std::uint8_t, From>(table, LaneId::cast_u8);
}

void casts_saturate_and_masks_are_0_or_1(void**) {
  for (const KernelTable* table : tables()) {
    check_casts_from<float>(*table);
    check_casts_from<double>(*table);
    check_casts_from<std::int32_t>(*table);
    check_casts_from<std::int64_t>(*table);
    check_casts_from<std::uint8_t>(*table);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(lanes_equal_the_reference_at_every_length_and_alignment),
      cmocka_unit_test(upper_halves_of_registers_are_left_clear),
      cmocka_unit_test(comparisons_and_choices_equal_the_language),
      cmocka_unit_test(tests_and_logic_equal_the_language),
      cmocka_unit_test(casts_saturate_and_masks_are_0_or_1),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
