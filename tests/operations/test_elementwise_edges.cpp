// Elementwise operations where they are odd: at kinks and on both sides of them, at poles, at 0 and at numbers that are
// none.
#include <algorithm>
#include <cmath>

#include "edge.h"

namespace {

using namespace operations;  // NOLINT: a test

const std::vector<nadir_dtype> kFloats = {NADIR_F32, NADIR_F64};

std::string in(const char* name, nadir_dtype dtype) { return std::string(name) + " in " + name_of(dtype); }

// ------------------------------------------------------------------------------------------------------ kinks

struct Kink {
  const char* name;
  Unary build;
  double x, y;
  double before, at, after;  // the gradient
};

nadir_node leaky(nadir_graph* g, nadir_node x) { return nadir_leaky_relu(g, x, "negative_slope=0.25"); }
nadir_node clamped(nadir_graph* g, nadir_node x) { return nadir_clamp(g, x, -1, 2); }
nadir_node elu_half(nadir_graph* g, nadir_node x) { return nadir_elu(g, x, "alpha=0.5"); }
nadir_node softplus_to_2(nadir_graph* g, nadir_node x) { return nadir_softplus(g, x, "threshold=2"); }

constexpr double kScale = 1.0507009873554804934, kAlpha = 1.6732632423543772848;

void kinks_take_the_side_that_is_said() {
  const double sigmoid_2 = 1 / (1 + std::exp(-2.0));
  const Kink kinks[] = {
      {"abs", nadir_abs, 0, 0, -1, 0, 1},
      {"relu", nadir_relu, 0, 0, 0, 0, 1},
      {"relu6", nadir_relu6, 0, 0, 0, 0, 1},
      {"relu6", nadir_relu6, 6, 6, 1, 0, 0},
      {"leaky_relu", leaky, 0, 0, 0.25, 0.25, 1},
      {"clamp", clamped, -1, -1, 0, 1, 1},
      {"clamp", clamped, 2, 2, 1, 1, 0},
      {"elu", elu_half, 0, 0, 0.5, 0.5, 1},
      {"selu", nadir_selu, 0, 0, kScale * kAlpha, kScale * kAlpha, kScale},
      {"softsign", nadir_softsign, 0, 0, 1, 1, 1},
      {"hard_sigmoid", nadir_hard_sigmoid, -3, 0, 0, 0, 1.0 / 6},
      {"hard_sigmoid", nadir_hard_sigmoid, 3, 1, 1.0 / 6, 0, 0},
      {"hard_swish", nadir_hard_swish, -3, 0, 0, -0.5, -0.5},
      {"hard_swish", nadir_hard_swish, 3, 3, 1.5, 1.5, 1},
      // What is left of log(1 + exp(2)) over 2 is a step of the value, too: the value at the point is not the threshold
      // itself.
      {"softplus", softplus_to_2, 2, std::log1p(std::exp(2.0)), sigmoid_2, sigmoid_2, 1},
  };
  for (const nadir_dtype dtype : kFloats) {
    const double tiny = dtype == NADIR_F32 ? 1e-6 : 1e-14;
    const double tolerance = dtype == NADIR_F32 ? 4e-6 : 4e-14;
    for (const Kink& kink : kinks) {
      const double step = tiny * std::max(1.0, std::fabs(kink.x));
      // Enough of them that the kink comes into a vector and into the rest.
      std::vector<double> xs, wanted;
      for (int i = 0; i < 7; ++i) {
        xs.insert(xs.end(), {kink.x - step, kink.x, kink.x + step});
        wanted.insert(wanted.end(), {kink.before, kink.at, kink.after});
      }
      const Derived d = derive(xs, kink.build, dtype);
      require_near(d.first[0], vector_of(wanted), tolerance, in(kink.name, dtype));
      require(is_near(d.y(1), kink.y, tolerance), in(kink.name, dtype) + ": the value at the kink");
    }
  }
}

void steps_have_no_gradient_even_on_them() {
  const std::vector<double> x = {-2.5, -2, -1.5, -0.5, 0, 0.5, 1, 1.5, 2.5, 3};
  const struct {
    const char* name;
    Unary build;
    std::vector<double> y;
  } rows[] = {
      {"floor", nadir_floor, {-3, -2, -2, -1, 0, 0, 1, 1, 2, 3}},
      {"ceil", nadir_ceil, {-2, -2, -1, 0, 0, 1, 1, 2, 3, 3}},
      {"trunc", nadir_trunc, {-2, -2, -1, 0, 0, 0, 1, 1, 2, 3}},
      {"round", nadir_round, {-2, -2, -2, 0, 0, 0, 1, 2, 2, 3}},
      {"sign", nadir_sign, {-1, -1, -1, -1, 0, 1, 1, 1, 1, 1}},
  };
  for (const nadir_dtype dtype : kFloats) {
    for (const auto& row : rows) {
      const Derived d = derive(x, row.build, dtype);
      require_values(d.y, row.y, in(row.name, dtype));
      require_values(d.first[0], std::vector<double>(x.size(), 0), in(row.name, dtype) + ", gradient");
    }
  }
}

// ------------------------------------------------------------------------------------------------------ ties

void equals_share_the_gradient_of_an_extremum_of_two() {
  for (const nadir_dtype dtype : kFloats) {
    const std::vector<double> a = {1, 3, 2, 0, -0.0, kInfinity}, b = {2, -1, 2, 0, 0.0, kInfinity};
    const Derived greatest = derive(a, b, nadir_maximum, dtype);
    require_values(greatest.y, {2, 3, 2, 0, 0, kInfinity}, in("maximum", dtype));
    require_values(greatest.first[0], {0, 1, 0.5, 0.5, 0.5, 0.5}, in("maximum, da", dtype));
    require_values(greatest.first[1], {1, 0, 0.5, 0.5, 0.5, 0.5}, in("maximum, db", dtype));
    const Derived least = derive(a, b, nadir_minimum, dtype);
    require_values(least.y, {1, -1, 2, 0, 0, kInfinity}, in("minimum", dtype));
    require_values(least.first[0], {1, 0, 0.5, 0.5, 0.5, 0.5}, in("minimum, da", dtype));
    require_values(least.first[1], {0, 1, 0.5, 0.5, 0.5, 0.5}, in("minimum, db", dtype));
  }
}

// --------------------------------------------------------------------------------------------------------- NaN

void nan_stays_nan() {
  const struct {
    const char* name;
    Unary build;
  } rows[] = {
      {"neg", nadir_neg},
      {"abs", nadir_abs},
      {"square", nadir_square},
      {"sqrt", nadir_sqrt},
      {"rsqrt", nadir_rsqrt},
      {"reciprocal", nadir_reciprocal},
      {"floor", nadir_floor},
      {"ceil", nadir_ceil},
      {"round", nadir_round},
      {"trunc", nadir_trunc},
      {"relu", nadir_relu},
      {"relu6", nadir_relu6},
      {"softsign", nadir_softsign},
      {"hard_sigmoid", nadir_hard_sigmoid},
      {"hard_swish", nadir_hard_swish},
      {"exp", nadir_exp},
      {"expm1", nadir_expm1},
      {"log", nadir_log},
      {"log1p", nadir_log1p},
      {"log2", nadir_log2},
      {"sin", nadir_sin},
      {"cos", nadir_cos},
      {"tan", nadir_tan},
      {"asin", nadir_asin},
      {"acos", nadir_acos},
      {"atan", nadir_atan},
      {"sinh", nadir_sinh},
      {"cosh", nadir_cosh},
      {"tanh", nadir_tanh},
      {"erf", nadir_erf},
      {"erfc", nadir_erfc},
      {"sigmoid", nadir_sigmoid},
      {"log_sigmoid", nadir_log_sigmoid},
      {"silu", nadir_silu},
      {"gelu", nadir_gelu},
      {"gelu_tanh", nadir_gelu_tanh},
      {"mish", nadir_mish},
      {"selu", nadir_selu},
      {"leaky_relu", leaky},
      {"clamp", clamped},
      {"elu", elu_half},
      {"softplus", softplus_to_2},
  };
  for (const nadir_dtype dtype : kFloats) {
    for (const auto& row : rows) {
      // In a vector and in the rest, and a neighbour stays what it is.
      std::vector<double> x(37, 0.5);
      x[3] = x[36] = kNan;
      const Array y = derive(x, row.build, dtype).y;
      for (std::size_t i = 0; i < x.size(); ++i) {
        require(std::isnan(y(i)) == std::isnan(x[i]), in(row.name, dtype) + ", element " + std::to_string(i));
      }
    }
    require_values(derive(std::vector<double>{kNan, kNan}, nadir_sign, dtype).y, {0, 0}, in("sign", dtype));
    for (const Binary build :
         {nadir_add, nadir_mul, nadir_div, nadir_maximum, nadir_minimum, nadir_floor_div, nadir_mod, nadir_atan2}) {
      require_values(derive({kNan, 2, kNan}, {2, kNan, kNan}, build, dtype).y, {kNan, kNan, kNan}, in("of two", dtype));
    }
  }
}

// ------------------------------------------------------------------------------------------------ poles and domains

struct Pole {
  const char* name;
  Unary build;
  std::vector<double> x, y, first;
};

nadir_node scalar_over(nadir_graph* g, nadir_node x) { return nadir_scalar_div(g, 2, x); }
nadir_node over_zero(nadir_graph* g, nadir_node x) { return nadir_div_scalar(g, x, 0); }

void functions_end_where_they_are_said_to() {
  const Pole poles[] = {
      {"log", nadir_log, {0, -1, kInfinity}, {-kInfinity, kNan, kInfinity}, {kInfinity, -1, 0}},
      {"log2", nadir_log2, {0, -1, 8}, {-kInfinity, kNan, 3}, {kInfinity, -1 / std::log(2.0), 1 / (8 * std::log(2.0))}},
      {"log1p", nadir_log1p, {-1, -2, 0}, {-kInfinity, kNan, 0}, {kInfinity, -1, 1}},
      {"sqrt", nadir_sqrt, {0, -1, kInfinity}, {0, kNan, kInfinity}, {kInfinity, kNan, 0}},
      {"rsqrt", nadir_rsqrt, {0, -1, kInfinity}, {kInfinity, kNan, 0}, {-kInfinity, kNan, 0}},
      {"reciprocal", nadir_reciprocal, {0, -0.0, kInfinity}, {kInfinity, -kInfinity, 0}, {-kInfinity, -kInfinity, 0}},
      {"scalar_div", scalar_over, {0, -0.0, 4}, {kInfinity, -kInfinity, 0.5}, {-kInfinity, -kInfinity, -0.125}},
      {"div_scalar", over_zero, {0, 1, -1}, {kNan, kInfinity, -kInfinity}, {kInfinity, kInfinity, kInfinity}},
      {"asin", nadir_asin, {1, -1, 1.5}, {std::asin(1.0), std::asin(-1.0), kNan}, {kInfinity, kInfinity, kNan}},
      {"acos", nadir_acos, {1, -1, -1.5}, {0, std::acos(-1.0), kNan}, {-kInfinity, -kInfinity, kNan}},
      {"exp", nadir_exp, {-kInfinity, kInfinity, 1e4}, {0, kInfinity, kInfinity}, {0, kInfinity, kInfinity}},
      {"expm1", nadir_expm1, {-kInfinity, -1e4, 0}, {-1, -1, 0}, {0, 0, 1}},
      {"tanh", nadir_tanh, {-kInfinity, kInfinity, 1e4}, {-1, 1, 1}, {0, 0, 0}},
      {"erf", nadir_erf, {-kInfinity, kInfinity, 1e4}, {-1, 1, 1}, {0, 0, 0}},
      {"erfc", nadir_erfc, {-kInfinity, kInfinity, 1e4}, {2, 0, 0}, {0, 0, 0}},
      {"sigmoid", nadir_sigmoid, {-1e4, 1e4, kInfinity}, {0, 1, 1}, {0, 0, 0}},
      {"log_sigmoid", nadir_log_sigmoid, {-1e4, 1e4, kInfinity}, {-1e4, 0, 0}, {1, 0, 0}},
      {"gelu", nadir_gelu, {-1e4, 1e4, 0}, {0, 1e4, 0}, {0, 1, 0.5}},
      {"gelu_tanh", nadir_gelu_tanh, {-1e4, 1e4, 0}, {0, 1e4, 0}, {0, 1, 0.5}},
      {"silu", nadir_silu, {-1e4, 1e4, 0}, {0, 1e4, 0}, {0, 1, 0.5}},
      {"mish", nadir_mish, {-1e4, 1e4, 20}, {0, 1e4, 20}, {0, 1, 1}},
  };
  for (const nadir_dtype dtype : kFloats) {
    for (const Pole& pole : poles) {
      const Derived d = derive(pole.x, pole.build, dtype);
      const double tolerance = dtype == NADIR_F32 ? 2e-6 : 1e-14;
      require_values(d.y, pole.y, in(pole.name, dtype), tolerance);
      require_values(d.first[0], pole.first, in(pole.name, dtype) + ", gradient", tolerance);
    }
  }
}

// Where erfc is nearly 0, and what gelu is made of it, most of the digits are still there.
void tails_keep_their_digits() {
  const std::vector<double> x = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<double> tails, products, minus;
  for (const double value : x) {
    tails.push_back(std::erfc(value));
    minus.push_back(-value);
    products.push_back(-value * static_cast<double>(std::erfc(static_cast<long double>(value) / std::sqrt(2.0L)) / 2));
  }
  require_values(derive(x, nadir_erfc, NADIR_F32).y, tails, "erfc in f32", 2e-6);
  require_values(derive(x, nadir_erfc, NADIR_F64).y, tails, "erfc in f64", 4e-15);
  require_values(derive(minus, nadir_gelu, NADIR_F32).y, products, "gelu in f32", 4e-6);
  require_values(derive(minus, nadir_gelu, NADIR_F64).y, products, "gelu in f64", 1e-14);
}

void division_by_zero_is_that_of_ieee() {
  for (const nadir_dtype dtype : kFloats) {
    const Derived d = derive({1, -1, 0, 1, kInfinity}, {0, 0, 0, kInfinity, kInfinity}, nadir_div, dtype);
    require_values(d.y, {kInfinity, -kInfinity, kNan, 0, kNan}, in("div", dtype));
    require_values(d.first[0], {kInfinity, kInfinity, kInfinity, 0, 0}, in("div, da", dtype));
  }
}

// ------------------------------------------------------------------------------------------- whole parts of quotients

// By C's exact remainder, brought to b's sign.
double mod_of(double a, double b) {
  const double remainder = std::fmod(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

void floor_div_goes_down_and_mod_has_the_sign_of_the_divisor() {
  const std::vector<double> a = {7, -7, 7, -7, 6, -6, 6, 0, 5, 5.5, -5.5},
                            b = {3, 3, -3, -3, 3, 3, -3, 3, kInfinity, 0.5, 0.5};
  for (const nadir_dtype dtype : kFloats) {
    const Derived quotient = derive(a, b, nadir_floor_div, dtype), rest = derive(a, b, nadir_mod, dtype);
    require_values(quotient.y, {2, -3, -3, 2, 2, -2, -2, 0, 0, 11, -11}, in("floor_div", dtype));
    require_values(rest.y, {1, 2, -2, -1, 0, 0, 0, 0, 5, 0, 0}, in("mod", dtype));
    require_values(quotient.first[0], std::vector<double>(a.size(), 0), in("floor_div, da", dtype));
    require_values(quotient.first[1], std::vector<double>(a.size(), 0), in("floor_div, db", dtype));
    require_values(rest.first[0], std::vector<double>(a.size(), 1), in("mod, da", dtype));
    require_values(rest.first[1], {-2, 3, 3, -2, -2, 2, 2, 0, 0, -11, 11}, in("mod, db", dtype));
  }
}

void whole_parts_by_zero_are_no_numbers() {
  for (const nadir_dtype dtype : kFloats) {
    require_values(derive({1, -1, 0}, {0, 0, 0}, nadir_floor_div, dtype).y, {kInfinity, -kInfinity, kNan},
                   in("floor_div", dtype));
    require_values(derive({1, -1, 0, kInfinity}, {0, 0, 0, 2}, nadir_mod, dtype).y, {kNan, kNan, kNan, kNan},
                   in("mod", dtype));
  }
}

// A tenth is a little more than a tenth: ten of them are not in 1. Rounded quotients would say 10.
void quotients_near_whole_numbers_are_exact() {
  const double tenth_f32 = static_cast<double>(0.1F);
  require_values(derive({1}, {0.1}, nadir_floor_div).y, {9}, "1 // 0.1");
  require_values(derive({1}, {0.1}, nadir_mod).y, {std::fmod(1, 0.1)}, "1 mod 0.1");
  require_values(derive({1}, {tenth_f32}, nadir_floor_div, NADIR_F32).y, {9}, "1 // 0.1 in f32");
  require_values(derive({1}, {tenth_f32}, nadir_mod, NADIR_F32).y, {static_cast<double>(std::fmod(1.0F, 0.1F))},
                 "1 mod 0.1 in f32");
  require_values(derive({1e17}, {3}, nadir_mod).y, {1}, "1e17 mod 3");  // as 10 is 1 modulo 3
}

void many_remainders_are_those_of_c() {
  std::vector<double> a, b, quotient, rest;
  for (int i = -300; i < 300; ++i) {
    for (const double divisor : {0.1, -0.3, 0.7, 1e-3, -12.0}) {
      const double dividend = i % 3 == 0 ? i * divisor : i * 0.37 + 0.01;
      a.push_back(dividend);
      b.push_back(divisor);
      rest.push_back(mod_of(dividend, divisor));
      // Rounded, the quotient of what is divisible is a whole number or next to one.
      quotient.push_back(std::nearbyint((dividend - std::fmod(dividend, divisor)) / divisor) -
                         (std::fmod(dividend, divisor) != 0 && (dividend < 0) != (divisor < 0) ? 1 : 0));
    }
  }
  require_values(derive(a, b, nadir_mod).y, rest, "mod");
  require_values(derive(a, b, nadir_floor_div).y, quotient, "floor_div");
}

// --------------------------------------------------------------------------------------------------------- powers

void powers_of_and_to_zero_are_those_of_c() {
  const struct {
    double a, b, y, da, db;
  } rows[] = {
      {0, 0, 1, 0, 0},
      {0, 1, 0, 1, 0},
      {0, 2, 0, 0, 0},
      {0, 3, 0, 0, 0},
      {0, 0.5, 0, kInfinity, 0},
      {0, -1, kInfinity, -kInfinity, -kInfinity},
      {2, 0, 1, 0, std::log(2.0)},
      {kNan, 0, 1, 0, kNan},
      {1, kNan, 1, kNan, 0},
      {1, kInfinity, 1, kInfinity, 0},
      {-2, 3, -8, 12, kNan},
      {-2, 2, 4, -4, kNan},
      {-2, -1, -0.5, -0.25, kNan},
      {-2, 0.5, kNan, kNan, kNan},
      {2, kInfinity, kInfinity, kInfinity, kInfinity},
      {kNan, 2, kNan, kNan, kNan},
  };
  for (const nadir_dtype dtype : kFloats) {
    const double tolerance = dtype == NADIR_F32 ? 1e-6 : 1e-14;
    std::vector<double> a, b, y, da, db;
    for (const auto& row : rows) {
      a.push_back(row.a);
      b.push_back(row.b);
      y.push_back(row.y);
      da.push_back(row.da);
      db.push_back(row.db);
    }
    const Derived d = derive(a, b, nadir_pow, dtype);
    require_values(d.y, y, in("pow", dtype), tolerance);
    require_values(d.first[0], da, in("pow, da", dtype), tolerance);
    require_values(d.first[1], db, in("pow, db", dtype), tolerance);
  }
}

Derived power_of(double number, const std::vector<double>& x, nadir_dtype dtype) {
  return derive(
      {vector_of(x)}, [number](const Scope& s, const Nodes& xs) { return nadir_pow_scalar(s.graph, xs[0], number); },
      dtype);
}

Derived power_to(double number, const std::vector<double>& x, nadir_dtype dtype) {
  return derive(
      {vector_of(x)}, [number](const Scope& s, const Nodes& xs) { return nadir_scalar_pow(s.graph, number, xs[0]); },
      dtype);
}

void powers_by_a_number_have_derivatives_at_zero() {
  const std::vector<double> x = {0, 2, -2};
  const struct {
    double number;
    std::vector<double> y, first, second;
  } rows[] = {
      {0, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}},
      {1, {0, 2, -2}, {1, 1, 1}, {0, 0, 0}},
      {2, {0, 4, 4}, {0, 4, -4}, {2, 2, 2}},
      {3, {0, 8, -8}, {0, 12, 12}, {0, 12, -12}},
  };
  for (const nadir_dtype dtype : kFloats) {
    for (const auto& row : rows) {
      const Derived d = power_of(row.number, x, dtype);
      const std::string what = in("pow_scalar", dtype) + " to " + std::to_string(row.number);
      require_values(d.y, row.y, what, 1e-6);
      require_values(d.first[0], row.first, what + ", gradient", 1e-6);
      require_values(d.second[0], row.second, what + ", second derivative", 1e-6);
    }
    const Derived root = power_of(0.5, {0, 4, -1}, dtype);
    require_values(root.y, {0, 2, kNan}, in("pow_scalar to 0.5", dtype), 1e-6);
    require_values(root.first[0], {kInfinity, 0.25, kNan}, in("pow_scalar to 0.5, gradient", dtype), 1e-6);
    require_values(power_of(0, {kNan, kInfinity}, dtype).y, {1, 1}, in("pow_scalar to 0", dtype));
    require_values(power_of(0, {kNan, kInfinity}, dtype).first[0], {0, 0}, in("pow_scalar to 0, gradient", dtype));
  }
}

void powers_of_a_number_have_derivatives_at_zero() {
  for (const nadir_dtype dtype : kFloats) {
    const Derived zero = power_to(0, {0, 2, -1}, dtype);
    require_values(zero.y, {1, 0, kInfinity}, in("scalar_pow of 0", dtype));
    require_values(zero.first[0], {0, 0, -kInfinity}, in("scalar_pow of 0, gradient", dtype));
    const Derived one = power_to(1, {0, kNan, kInfinity}, dtype);
    require_values(one.y, {1, 1, 1}, in("scalar_pow of 1", dtype));
    const Derived negative = power_to(-2, {3, 2, 0.5}, dtype);
    require_values(negative.y, {-8, 4, kNan}, in("scalar_pow of -2", dtype), 1e-6);
    require_values(negative.first[0], {kNan, kNan, kNan}, in("scalar_pow of -2, gradient", dtype));
  }
}

void angles_are_right_on_the_axes() {
  const double half = std::acos(-1.0) / 2;
  const std::vector<double> a = {0, 1, 0, -1, 0, 0}, b = {1, 0, -1, 0, 0, 2};
  for (const nadir_dtype dtype : kFloats) {
    const Derived d = derive(a, b, nadir_atan2, dtype);
    require_values(d.y, {0, half, 2 * half, -half, 0, 0}, in("atan2", dtype), 1e-6);
    require_values(d.first[0], {1, 0, -1, 0, kNan, 0.5}, in("atan2, da", dtype), 1e-6);
    require_values(d.first[1], {0, -1, 0, 1, kNan, 0}, in("atan2, db", dtype), 1e-6);
  }
  require_values(derive({-0.0}, {-1}, nadir_atan2).y, {-2 * half}, "atan2 under the cut", 1e-14);
}

// A number that f32 does not have is rounded to it first.
void numbers_are_rounded_to_the_dtype() {
  const double rounded = static_cast<double>(0.1F);
  const struct {
    const char* name;
    Build build;
    double y;
  } rows[] = {
      {"scale", [](const Scope& s, const Nodes& x) { return nadir_scale(s.graph, x[0], 0.1); },
       static_cast<double>(3 * 0.1F)},
      {"add_scalar", [](const Scope& s, const Nodes& x) { return nadir_add_scalar(s.graph, x[0], 0.1); },
       static_cast<double>(3 + 0.1F)},
      {"div_scalar", [](const Scope& s, const Nodes& x) { return nadir_div_scalar(s.graph, x[0], 0.1); },
       static_cast<double>(3 / 0.1F)},
      {"scalar_div", [](const Scope& s, const Nodes& x) { return nadir_scalar_div(s.graph, 0.1, x[0]); },
       static_cast<double>(0.1F / 3)},
      {"scalar_sub", [](const Scope& s, const Nodes& x) { return nadir_scalar_sub(s.graph, 0.1, x[0]); },
       static_cast<double>(0.1F - 3)},
      {"mod_scalar", [](const Scope& s, const Nodes& x) { return nadir_mod_scalar(s.graph, x[0], 0.1); },
       std::fmod(3, rounded)},
      {"floor_div_scalar", [](const Scope& s, const Nodes& x) { return nadir_floor_div_scalar(s.graph, x[0], 0.1); },
       std::floor(3 / rounded)},
  };
  for (const auto& row : rows) require_values(value_of({vector_of({3})}, row.build, NADIR_F32), {row.y}, row.name);
}

// ------------------------------------------------------------------------------------------------------- choices

// What was not chosen gets 0, were its gradient NaN; and masks of any value but 0 are true.
void where_keeps_nan_from_what_was_not_chosen() {
  const Derived d = derive({vector_of({1, 4, 0}), vector_of({0, 1, 1})}, [](const Scope& s, const Nodes& x) {
    const nadir_node zero = constant(s.graph, s.dtype, array_of(Shape{}, {0}));
    const nadir_node mask = nadir_gt(s.graph, x[1], zero);
    return nadir_where(s.graph, mask, x[0], nadir_log(s.graph, x[1]));
  });
  require_values(d.y, {-kInfinity, 4, 0}, "where");
  require_values(d.first[0], {0, 1, 1}, "where, da");
  require_values(d.first[1], {kInfinity, 0, 0}, "where, db");
  const Derived nan = derive({vector_of({kNan, 2}), vector_of({3, kNan})}, [](const Scope& s, const Nodes& x) {
    const nadir_node mask = constant(s.graph, NADIR_U8, vector_of({0, 255}));
    return nadir_where(s.graph, mask, x[0], x[1]);
  });
  require_values(nan.y, {3, 2}, "where");
  require_values(nan.first[0], {0, 1}, "where, da");
}

// From f64 to f32 and back, the gradient comes through, rounded like the value.
void casts_between_floats_pass_the_gradient() {
  const Derived d = derive({vector_of({3, 0.1})}, [](const Scope& s, const Nodes& x) {
    const nadir_node weight = constant(s.graph, NADIR_F32, vector_of({1.5, 0.1}));
    const nadir_node single = nadir_cast(s.graph, x[0], NADIR_F32);
    return nadir_cast(s.graph, nadir_mul(s.graph, single, weight), NADIR_F64);
  });
  require_values(d.y, {4.5, static_cast<double>(0.1F * 0.1F)}, "cast");
  require_values(d.first[0], {1.5, static_cast<double>(0.1F)}, "cast, gradient");
  const Derived whole = derive({vector_of({3.7, -1.2})}, [](const Scope& s, const Nodes& x) {
    return nadir_cast(s.graph, nadir_cast(s.graph, x[0], NADIR_I32), s.dtype);
  });
  require_values(whole.y, {3, -1}, "cast to i32");
  require_values(whole.first[0], {0, 0}, "cast to i32, gradient");
}

// d(x * stop(x))/dx = stop(x), which has no derivative of its own.
void stop_gradient_holds_its_operand_fixed() {
  const Derived d = derive({vector_of({3, -2})}, [](const Scope& s, const Nodes& x) {
    return nadir_mul(s.graph, x[0], nadir_stop_gradient(s.graph, x[0]));
  });
  require_values(d.y, {9, 4}, "x * stop(x)");
  require_values(d.first[0], {3, -2}, "x * stop(x), gradient");
  require_values(d.second[0], {0, 0}, "x * stop(x), second derivative");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      OPERATION_TEST(kinks_take_the_side_that_is_said),
      OPERATION_TEST(steps_have_no_gradient_even_on_them),
      OPERATION_TEST(equals_share_the_gradient_of_an_extremum_of_two),
      OPERATION_TEST(nan_stays_nan),
      OPERATION_TEST(functions_end_where_they_are_said_to),
      OPERATION_TEST(tails_keep_their_digits),
      OPERATION_TEST(division_by_zero_is_that_of_ieee),
      OPERATION_TEST(floor_div_goes_down_and_mod_has_the_sign_of_the_divisor),
      OPERATION_TEST(whole_parts_by_zero_are_no_numbers),
      OPERATION_TEST(quotients_near_whole_numbers_are_exact),
      OPERATION_TEST(many_remainders_are_those_of_c),
      OPERATION_TEST(powers_of_and_to_zero_are_those_of_c),
      OPERATION_TEST(powers_by_a_number_have_derivatives_at_zero),
      OPERATION_TEST(powers_of_a_number_have_derivatives_at_zero),
      OPERATION_TEST(angles_are_right_on_the_axes),
      OPERATION_TEST(numbers_are_rounded_to_the_dtype),
      OPERATION_TEST(where_keeps_nan_from_what_was_not_chosen),
      OPERATION_TEST(casts_between_floats_pass_the_gradient),
      OPERATION_TEST(stop_gradient_holds_its_operand_fixed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
