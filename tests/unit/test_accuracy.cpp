// How near the transcendental functions come to the truth, in units in the last place, on every instruction set that this
// processor has. The truth is the C library's long double. The bounds are those of docs/accuracy.md; with the argument --table
// the program prints what it measures, as that page has it.
#include <cstdio>

#include "kernel_support.h"

namespace {

using Real = long double;
using Function = Real (*)(Real);

struct Range {
  double low, high;
  bool is_exponent;  // x = ±2^u for u in the range, rather than u itself
};

struct Case {
  LaneId lane;
  const char* name;
  Function truth;
  double bounds[2];  // in units in the last place, f32 and f64
  std::vector<Range> ranges[2];
};

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real softplus(Real x) { return x > 20 ? x : std::log1p(std::exp(x)); }
Real log_sigmoid(Real x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }
Real silu(Real x) { return x * sigmoid(x); }
Real mish(Real x) { return x * std::tanh(x > 50 ? x : std::log1p(std::exp(x))); }
Real gelu(Real x) { return x * std::erfc(-x / std::sqrt(Real(2))) / 2; }
Real gelu_tanh(Real x) {
  constexpr Real kPi = 3.14159265358979323846264338327950288L;
  return x * sigmoid(2 * std::sqrt(2 / kPi) * (x + Real(0.044715L) * x * x * x));
}
Real elu(Real x) { return x > 0 ? x : std::expm1(x); }
Real selu(Real x) {
  const Real scale = 1.0507009873554804934193349852946L, alpha = 1.6732632423543772848170429916717L;
  return scale * (x > 0 ? x : alpha * std::expm1(x));
}

const Range kSmall{-30, 0, true}, kUnit{-1, 1, false}, kUsual{-7, 7, false};
const Range kAll32{-149, 127, true}, kAll64{-1074, 1023, true};
const Range kExp32{-104, 88.8, false}, kExp64{-745.2, 709.8, false};

const std::vector<Case> kCases = {
    {LaneId::exp, "exp", [](Real x) { return std::exp(x); }, {3, 3}, {{kUsual, kExp32}, {kUsual, kExp64}}},
    {LaneId::expm1,
     "expm1",
     [](Real x) { return std::expm1(x); },
     {3, 3},
     {{kUsual, kSmall, kExp32}, {kUsual, kSmall, kExp64}}},
    {LaneId::log,
     "log",
     [](Real x) { return std::log(x); },
     {2, 2},
     {{{0, 10, false}, kAll32}, {{0, 10, false}, kAll64}}},
    {LaneId::log1p,
     "log1p",
     [](Real x) { return std::log1p(x); },
     {2, 2},
     {{{-1, 3, false}, kSmall}, {{-1, 3, false}, kSmall}}},
    {LaneId::log2,
     "log2",
     [](Real x) { return std::log2(x); },
     {2, 2},
     {{{0, 10, false}, kAll32}, {{0, 10, false}, kAll64}}},
    {LaneId::sin,
     "sin",
     [](Real x) { return std::sin(x); },
     {3, 3},
     {{kUsual, {-1e4, 1e4, false}}, {kUsual, {-1e4, 1e4, false}}}},
    {LaneId::cos,
     "cos",
     [](Real x) { return std::cos(x); },
     {3, 3},
     {{kUsual, {-1e4, 1e4, false}}, {kUsual, {-1e4, 1e4, false}}}},
    {LaneId::tan, "tan", [](Real x) { return std::tan(x); }, {3, 3}, {{kUsual}, {kUsual}}},
    {LaneId::asin, "asin", [](Real x) { return std::asin(x); }, {3, 3}, {{kUnit, kSmall}, {kUnit, kSmall}}},
    {LaneId::acos, "acos", [](Real x) { return std::acos(x); }, {3, 3}, {{kUnit}, {kUnit}}},
    {LaneId::atan,
     "atan",
     [](Real x) { return std::atan(x); },
     {3, 3},
     {{kUsual, {-30, 100, true}}, {kUsual, {-30, 100, true}}}},
    {LaneId::sinh,
     "sinh",
     [](Real x) { return std::sinh(x); },
     {3, 3},
     {{kUsual, {-89, 89, false}}, {kUsual, {-710, 710, false}}}},
    {LaneId::cosh,
     "cosh",
     [](Real x) { return std::cosh(x); },
     {3, 3},
     {{kUsual, {-89, 89, false}}, {kUsual, {-710, 710, false}}}},
    {LaneId::tanh, "tanh", [](Real x) { return std::tanh(x); }, {3, 3}, {{kUsual, kSmall}, {kUsual, kSmall}}},
    {LaneId::erf,
     "erf",
     [](Real x) { return std::erf(x); },
     {3, 3},
     {{kUsual, kUnit, kSmall}, {kUsual, kUnit, kSmall}}},
    {LaneId::erfc,
     "erfc",
     [](Real x) { return std::erfc(x); },
     {6, 6},
     {{kUsual, {-1, 10.06, false}}, {kUsual, {-1, 27.23, false}}}},
    {LaneId::sigmoid, "sigmoid", sigmoid, {4, 4}, {{kUsual, {-87, 87, false}}, {kUsual, {-708, 708, false}}}},
    {LaneId::log_sigmoid,
     "log_sigmoid",
     log_sigmoid,
     {4, 4},
     {{kUsual, {-87, 87, false}}, {kUsual, {-708, 708, false}}}},
    {LaneId::silu, "silu", silu, {5, 5}, {{kUsual, {-80, 80, false}}, {kUsual, {-700, 700, false}}}},
    {LaneId::mish, "mish", mish, {8, 8}, {{kUsual, {-40, 80, false}}, {kUsual, {-300, 700, false}}}},
    {LaneId::gelu, "gelu", gelu, {8, 8}, {{kUsual, kSmall, {-14.4, 1, false}}, {kUsual, kSmall, {-38.5, 1, false}}}},
    {LaneId::gelu_tanh, "gelu_tanh", gelu_tanh, {16, 16}, {{{-3, 10, false}, kSmall}, {{-3, 10, false}, kSmall}}},
    {LaneId::softplus, "softplus", softplus, {4, 4}, {{kUsual, {-87, 19, false}}, {kUsual, {-700, 19, false}}}},
    {LaneId::elu, "elu", elu, {3, 3}, {{kUsual, kSmall}, {kUsual, kSmall}}},
    {LaneId::selu, "selu", selu, {4, 4}, {{kUsual, kSmall}, {kUsual, kSmall}}},
};

template <class T>
Real ulp_at(Real value) {
  const T size = std::fabs(static_cast<T>(value));
  const T next = std::nextafter(size, std::numeric_limits<T>::infinity());
  if (std::isinf(next)) return static_cast<Real>(size) - static_cast<Real>(std::nextafter(size, T(0)));
  return static_cast<Real>(next) - static_cast<Real>(size);
}

template <class T>
std::vector<T> apply(const KernelTable& table, LaneId lane, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  const double second = lane == LaneId::softplus ? 20 : 0;
  Arguments arguments{};
  arguments.lane = {y.data(), {x.data()}, static_cast<std::int64_t>(x.size()), 0, {1, second}};
  table.lanes[static_cast<int>(lane)][dtype_index<T>()](arguments);
  return y;
}

// The worst error over a range, relative to the last place of the true value. Where T ends, the ends must agree.
template <class T>
Real worst_error(const KernelTable& table, const Case& c, const Range& range) {
  std::mt19937_64 engine(5);
  std::uniform_real_distribution<double> uniform(range.low, range.high);
  std::vector<T> x(20011);
  for (T& value : x) {
    const double u = uniform(engine);
    value = static_cast<T>(range.is_exponent ? (engine() % 2 == 0 ? 1 : -1) * std::exp2(u) : u);
  }
  const auto y = apply(table, c.lane, x);
  Real worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real truth = c.truth(static_cast<Real>(x[i]));
    const T rounded = static_cast<T>(truth);
    const bool is_special = std::isnan(truth) || std::isinf(rounded) || std::isnan(y[i]) || std::isinf(y[i]);
    if (is_special) {
      const bool near_end = std::isinf(rounded) != std::isinf(y[i]) &&
                            std::fabs(truth) > static_cast<Real>(std::numeric_limits<T>::max()) *
                                                   (1 - 4 * std::numeric_limits<T>::epsilon());
      if (!near_end && !same_bits(rounded, y[i])) {
        fail_msg("%s %s(%.9g) = %.9g", table.isa, c.name, static_cast<double>(x[i]), static_cast<double>(y[i]));
      }
      continue;
    }
    worst = std::max(worst, std::fabs(static_cast<Real>(y[i]) - truth) / ulp_at<T>(truth));
  }
  return worst;
}

template <class T>
Real worst_error(const KernelTable& table, const Case& c) {
  Real worst = 0;
  for (const Range& range : c.ranges[dtype_index<T>()]) worst = std::max(worst, worst_error<T>(table, c, range));
  return worst;
}

// Windows has long double sines by an instruction of 1980 that reduces angles with 66 bits of pi: no truth to measure by.
bool has_truth(const Case& c) {
#if defined(_WIN32)
  return c.lane != LaneId::sin && c.lane != LaneId::cos && c.lane != LaneId::tan;
#else
  (void)c;
  return true;
#endif
}

void functions_keep_their_bounds(void**) {
  for (const KernelTable* table : tables()) {
    for (const Case& c : kCases) {
      if (!has_truth(c)) continue;
      const double errors[] = {static_cast<double>(worst_error<float>(*table, c)),
                               static_cast<double>(worst_error<double>(*table, c))};
      for (int i = 0; i < 2; ++i) {
        if (errors[i] > c.bounds[i]) fail_msg("%s %s %s: %.3f ulp", table->isa, c.name, i ? "f64" : "f32", errors[i]);
      }
    }
  }
}

// What limits there are hold exactly: at 0, at the ends, and NaN.
template <class T>
void check_limits(const KernelTable& table) {
  const T inf = std::numeric_limits<T>::infinity();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const struct {
    LaneId lane;
    T x, y;
  } limits[] = {
      {LaneId::exp, 0, 1},           {LaneId::exp, inf, inf},       {LaneId::exp, -inf, 0},
      {LaneId::expm1, 0, 0},         {LaneId::expm1, inf, inf},     {LaneId::expm1, -inf, -1},
      {LaneId::log, 1, 0},           {LaneId::log, 0, -inf},        {LaneId::log, inf, inf},
      {LaneId::log, -1, nan},        {LaneId::log1p, 0, 0},         {LaneId::log1p, -1, -inf},
      {LaneId::log1p, inf, inf},     {LaneId::log2, 8, 3},          {LaneId::log2, 0, -inf},
      {LaneId::log2, inf, inf},      {LaneId::sin, 0, 0},           {LaneId::cos, 0, 1},
      {LaneId::sin, inf, nan},       {LaneId::cos, -inf, nan},      {LaneId::tan, 0, 0},
      {LaneId::asin, 0, 0},          {LaneId::asin, 2, nan},        {LaneId::acos, 1, 0},
      {LaneId::acos, -2, nan},       {LaneId::atan, 0, 0},          {LaneId::sinh, 0, 0},
      {LaneId::sinh, inf, inf},      {LaneId::sinh, -inf, -inf},    {LaneId::cosh, 0, 1},
      {LaneId::cosh, -inf, inf},     {LaneId::tanh, 0, 0},          {LaneId::tanh, inf, 1},
      {LaneId::tanh, -inf, -1},      {LaneId::sigmoid, 0, T(0.5)},  {LaneId::sigmoid, inf, 1},
      {LaneId::sigmoid, -inf, 0},    {LaneId::log_sigmoid, inf, 0}, {LaneId::log_sigmoid, -inf, -inf},
      {LaneId::silu, 0, 0},          {LaneId::silu, inf, inf},      {LaneId::mish, 0, 0},
      {LaneId::mish, inf, inf},      {LaneId::softplus, -inf, 0},   {LaneId::softplus, inf, inf},
      {LaneId::erf, 0, 0},           {LaneId::erf, inf, 1},         {LaneId::erf, -inf, -1},
      {LaneId::erfc, 0, 1},          {LaneId::erfc, inf, 0},        {LaneId::erfc, -inf, 2},
      {LaneId::gelu, 0, 0},          {LaneId::gelu, inf, inf},      {LaneId::gelu_tanh, 0, 0},
      {LaneId::gelu_tanh, inf, inf}, {LaneId::elu, -inf, -1},       {LaneId::elu, inf, inf},
      {LaneId::elu, 0, 0},           {LaneId::exp, -1000, 0},
  };
  for (const auto& limit : limits) {
    const T got = apply<T>(table, limit.lane, {limit.x})[0];
    if (!(got == limit.y) && !(std::isnan(got) && std::isnan(limit.y))) {
      fail_msg("%s lane %d at %g: %g", table.isa, static_cast<int>(limit.lane), static_cast<double>(limit.x),
               static_cast<double>(got));
    }
  }
  for (const Case& c : kCases) {
    if (!std::isnan(apply<T>(table, c.lane, {nan})[0])) fail_msg("%s %s(NaN)", table.isa, c.name);
  }
}

void limits_hold_exactly(void**) {
  for (const KernelTable* table : tables()) {
    check_limits<float>(*table);
    check_limits<double>(*table);
  }
}

// Neither an element's place, nor what is beside it, nor repetition changes its bits.
template <class T>
void check_places(const KernelTable& table, const Case& c) {
  const auto x = tame_samples<T>(kLongest, 3);
  const auto whole = apply(table, c.lane, x);
  for (std::size_t first = 0; first < kLongest; ++first) {
    const auto part = apply(table, c.lane, std::vector<T>(x.begin() + static_cast<std::ptrdiff_t>(first), x.end()));
    for (std::size_t i = 0; i < part.size(); ++i) assert_true(same_bits(part[i], whole[first + i]));
    Guarded<T> out(5, first % kWidest);
    Arguments arguments{};
    const double second = c.lane == LaneId::softplus ? 20 : 0;
    arguments.lane = {out.data(), {&x[first]}, 5, 1, {1, second}};
    table.lanes[static_cast<int>(c.lane)][dtype_index<T>()](arguments);
    for (int i = 0; i < 5; ++i) assert_true(same_bits(out.data()[i], whole[first]));
    assert_true(out.guards_hold());
  }
}

void bits_do_not_depend_on_the_place(void**) {
  for (const KernelTable* table : tables()) {
    for (const Case& c : kCases) {
      check_places<float>(*table, c);
      check_places<double>(*table, c);
    }
  }
}

void print_table() {
  std::printf("| function |");
  for (const KernelTable* table : tables()) std::printf(" %s f32 | %s f64 |", table->isa, table->isa);
  std::printf(" bound f32, f64 |\n|---|");
  for (std::size_t i = 0; i < tables().size(); ++i) std::printf("---:|---:|");
  std::printf("---:|\n");
  for (const Case& c : kCases) {
    std::printf("| %s |", c.name);
    for (const KernelTable* table : tables()) {
      std::printf(" %.2f | %.2f |", static_cast<double>(worst_error<float>(*table, c)),
                  static_cast<double>(worst_error<double>(*table, c)));
    }
    std::printf(" %g, %g |\n", c.bounds[0], c.bounds[1]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--table") == 0) {
    print_table();
    return 0;
  }
  const CMUnitTest tests[] = {
      cmocka_unit_test(functions_keep_their_bounds),
      cmocka_unit_test(limits_hold_exactly),
      cmocka_unit_test(bits_do_not_depend_on_the_place),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
