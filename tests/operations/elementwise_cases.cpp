// Elementwise operations: at lengths around those of vectors, in ranks up to 8, with and without a batch, at points on
// every side of their kinks but not on them. References are the C library's functions in double.
#include <cmath>
#include <limits>

#include "cases.h"

namespace operations {

namespace {

using Unary = nadir_node (*)(nadir_graph*, nadir_node);
using Binary = nadir_node (*)(nadir_graph*, nadir_node, nadir_node);
using Function = double (*)(double);

// Widths of vectors are 2 to 16: each length is at, below or above one, or several.
const std::vector<Shape> kShapes = {
    {},
    {0},
    {1},
    {3},
    {4},
    {7},
    {8},
    {9},
    {15},
    {16},
    {17},
    {33},
    {2, 3},
    {0, 3},
    {3, 0},
    {3, 1, 4},
    {2, 1, 3, 2},
    {2, 2, 1, 2, 3},
    {kBatch},
    {kBatch, 3},
    {2, kBatch},
    {3 * kBatch, 2},
    {1, 2, 1, 2, 1, 2, 1, 2},
};

// A vector of another length is like that of 17, and a matrix like one of rank 3.
bool is_like_others(const Shape& shape) {
  return (shape.size() == 1 && shape[0] > 0 && shape[0] < 17) || shape.size() == 2;
}

Cases elementwise(const std::string& label, const Samples& samples,
                  const std::function<nadir_node(nadir_graph*, nadir_node)>& build,
                  const std::function<double(double)>& f, const Case& like = {}) {
  Cases cases;
  for (const Shape& shape : kShapes) {
    Case c = like;
    c.label = label;
    c.is_brief = is_like_others(shape) && !has_batch(shape);
    c.operands = {{shape, samples, 0, {}}};
    c.build = [build](const Scope& scope, const Nodes& x) { return build(scope.graph, x[0]); };
    c.reference = [f](const Arrays& x) { return mapped(x[0], f); };
    cases.push_back(std::move(c));
  }
  return cases;
}

Case exact() {
  Case c;
  c.roundings = 0;
  return c;
}

Case stepwise() {
  Case c = exact();
  c.derivatives = Derivatives::kZero;
  return c;
}

// ------------------------------------------------------------------------------------------------------ references

double relu_of(double x) { return x > 0 ? x : 0; }
double relu6_of(double x) { return x < 0 ? 0 : x > 6 ? 6 : x; }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_of(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double elu_of(double alpha, double x) { return x > 0 ? x : alpha * std::expm1(x); }
// With more digits: an error in x / sqrt(2) counts x² times in erfc.
double gelu_of(double x) {
  return static_cast<double>(x * std::erfc(-static_cast<long double>(x) / std::sqrt(2.0L)) / 2);
}
double gelu_tanh_of(double x) {
  const double pi = 3.14159265358979323846;
  return x * sigmoid_of(2 * std::sqrt(2 / pi) * (x + 0.044715 * x * x * x));
}

double floor_div_of(double a, double b) { return std::floor(a / b); }
double mod_of(double a, double b) { return a - b * std::floor(a / b); }

}  // namespace

namespace cases {

// ---------------------------------------------------------------------------------------------------- one operand

Cases neg() {
  return elementwise(
      "neg", spread(-3, 3), nadir_neg, [](double x) { return -x; }, exact());
}
Cases abs() {
  return elementwise(
      "abs", spread(-3, 3, {0}), nadir_abs, [](double x) { return std::fabs(x); }, exact());
}
Cases sign() {
  return elementwise(
      "sign", spread(-3, 3, {0}), nadir_sign, [](double x) { return x > 0 ? 1.0 : -1.0; }, stepwise());
}
Cases square() {
  return elementwise("square", spread(-3, 3), nadir_square, [](double x) { return x * x; });
}
Cases sqrt() {
  return elementwise("sqrt", spread(0.1, 5), nadir_sqrt, [](double x) { return std::sqrt(x); });
}
Cases rsqrt() {
  return elementwise("rsqrt", spread(0.2, 5), nadir_rsqrt, [](double x) { return 1 / std::sqrt(x); });
}
Cases reciprocal() {
  return elementwise("reciprocal", odd_halves(0.75, 5), nadir_reciprocal, [](double x) { return 1 / x; });
}

Cases floor() {
  return elementwise(
      "floor", spread(-3, 3, {-2, -1, 0, 1, 2}), nadir_floor, [](double x) { return std::floor(x); }, stepwise());
}
Cases ceil() {
  return elementwise(
      "ceil", spread(-3, 3, {-2, -1, 0, 1, 2}), nadir_ceil, [](double x) { return std::ceil(x); }, stepwise());
}
Cases round() {
  return elementwise(
      "round", spread(-3, 3, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}), nadir_round,
      [](double x) { return std::nearbyint(x); }, stepwise());
}
Cases trunc() {
  return elementwise(
      "trunc", spread(-3, 3, {-2, -1, 1, 2}), nadir_trunc, [](double x) { return std::trunc(x); }, stepwise());
}

Cases relu() { return elementwise("relu", spread(-3, 3, {0}), nadir_relu, relu_of, exact()); }
Cases relu6() { return elementwise("relu6", spread(-3, 9, {0, 6}), nadir_relu6, relu6_of, exact()); }
Cases softsign() {
  return elementwise("softsign", spread(-3, 3, {0}), nadir_softsign, [](double x) { return x / (1 + std::fabs(x)); });
}
Cases hard_sigmoid() {
  return elementwise("hard_sigmoid", spread(-5, 5, {-3, 3}), nadir_hard_sigmoid,
                     [](double x) { return relu6_of(x + 3) / 6; });
}
Cases hard_swish() {
  return elementwise("hard_swish", spread(-5, 5, {-3, 3}), nadir_hard_swish,
                     [](double x) { return x * relu6_of(x + 3) / 6; });
}

Cases exp() {
  return elementwise("exp", spread(-4, 4), nadir_exp, [](double x) { return std::exp(x); });
}
Cases expm1() {
  return elementwise("expm1", spread(-4, 4), nadir_expm1, [](double x) { return std::expm1(x); });
}
Cases log() {
  return elementwise("log", spread(0.1, 5), nadir_log, [](double x) { return std::log(x); });
}
Cases log1p() {
  return elementwise("log1p", spread(-0.8, 5), nadir_log1p, [](double x) { return std::log1p(x); });
}
Cases log2() {
  return elementwise("log2", spread(0.1, 5), nadir_log2, [](double x) { return std::log2(x); });
}
Cases sin() {
  return elementwise("sin", spread(-7, 7), nadir_sin, [](double x) { return std::sin(x); });
}
Cases cos() {
  return elementwise("cos", spread(-7, 7), nadir_cos, [](double x) { return std::cos(x); });
}
Cases tan() {
  return elementwise("tan", spread(-1.2, 1.2), nadir_tan, [](double x) { return std::tan(x); });
}
Cases asin() {
  return elementwise("asin", spread(-0.9, 0.9), nadir_asin, [](double x) { return std::asin(x); });
}
Cases acos() {
  return elementwise("acos", spread(-0.9, 0.9), nadir_acos, [](double x) { return std::acos(x); });
}
Cases atan() {
  return elementwise("atan", spread(-4, 4), nadir_atan, [](double x) { return std::atan(x); });
}
Cases sinh() {
  return elementwise("sinh", spread(-3, 3), nadir_sinh, [](double x) { return std::sinh(x); });
}
Cases cosh() {
  return elementwise("cosh", spread(-3, 3), nadir_cosh, [](double x) { return std::cosh(x); });
}
Cases tanh() {
  return elementwise("tanh", spread(-3, 3), nadir_tanh, [](double x) { return std::tanh(x); });
}
Cases erf() {
  return elementwise("erf", spread(-3, 3), nadir_erf, [](double x) { return std::erf(x); });
}
Cases erfc() {
  return elementwise("erfc", spread(-3, 6), nadir_erfc, [](double x) { return std::erfc(x); });
}

Cases sigmoid() { return elementwise("sigmoid", spread(-6, 6), nadir_sigmoid, sigmoid_of); }
Cases log_sigmoid() {
  return elementwise("log_sigmoid", spread(-6, 6), nadir_log_sigmoid, [](double x) { return -softplus_of(-x); });
}
Cases silu() {
  return elementwise("silu", spread(-6, 6), nadir_silu, [](double x) { return x * sigmoid_of(x); });
}
Cases gelu() { return elementwise("gelu", spread(-6, 6), nadir_gelu, gelu_of); }
Cases gelu_tanh() { return elementwise("gelu_tanh", spread(-3, 3), nadir_gelu_tanh, gelu_tanh_of); }
Cases mish() {
  return elementwise("mish", spread(-6, 6), nadir_mish, [](double x) { return x * std::tanh(softplus_of(x)); });
}
Cases selu() {
  return elementwise("selu", spread(-4, 4, {0}), nadir_selu,
                     [](double x) { return 1.0507009873554804934 * elu_of(1.6732632423543772848, x); });
}

// ------------------------------------------------------------------------------------------ one operand and numbers

Cases scale() {
  return elementwise(
      "scale by -1.5", spread(-3, 3), [](nadir_graph* g, nadir_node x) { return nadir_scale(g, x, -1.5); },
      [](double x) { return -1.5 * x; });
}
Cases add_scalar() {
  return elementwise(
      "add_scalar 1.25", spread(-3, 3), [](nadir_graph* g, nadir_node x) { return nadir_add_scalar(g, x, 1.25); },
      [](double x) { return x + 1.25; });
}
Cases div_scalar() {
  return elementwise(
      "div_scalar by -1.75", spread(-3, 3), [](nadir_graph* g, nadir_node x) { return nadir_div_scalar(g, x, -1.75); },
      [](double x) { return x / -1.75; });
}
Cases scalar_div() {
  return elementwise(
      "scalar_div 1.75", odd_halves(0.75, 5), [](nadir_graph* g, nadir_node x) { return nadir_scalar_div(g, 1.75, x); },
      [](double x) { return 1.75 / x; });
}
Cases scalar_sub() {
  return elementwise(
      "scalar_sub 1.75", spread(-3, 3), [](nadir_graph* g, nadir_node x) { return nadir_scalar_sub(g, 1.75, x); },
      [](double x) { return 1.75 - x; });
}

// Odd sixteenths over 1.5 or 0.75 are no whole numbers.
Cases floor_div_scalar() {
  Cases all;
  for (const double number : {1.5, -0.75}) {
    append(all, elementwise(
                    "floor_div_scalar by " + std::to_string(number), odd_halves(0.125, 40),
                    [number](nadir_graph* g, nadir_node x) { return nadir_floor_div_scalar(g, x, number); },
                    [number](double x) { return floor_div_of(x, number); }, stepwise()));
  }
  return all;
}
Cases mod_scalar() {
  Cases all;
  for (const double number : {1.5, -0.75}) {
    append(all, elementwise(
                    "mod_scalar by " + std::to_string(number), odd_halves(0.125, 40),
                    [number](nadir_graph* g, nadir_node x) { return nadir_mod_scalar(g, x, number); },
                    [number](double x) { return mod_of(x, number); }, exact()));
  }
  return all;
}

Cases pow_scalar() {
  Cases all;
  for (const double number : {0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 2.5}) {
    const bool is_whole = number == std::floor(number);
    Case like;
    // A power of 0 is 1 whatever x, and its gradient 0.
    if (number == 0) like.derivatives = Derivatives::kZero;
    append(all, elementwise(
                    "pow_scalar to " + std::to_string(number), is_whole ? odd_halves(0.75, 4) : spread(0.2, 4),
                    [number](nadir_graph* g, nadir_node x) { return nadir_pow_scalar(g, x, number); },
                    [number](double x) { return std::pow(x, number); }, like));
  }
  return all;
}
Cases scalar_pow() {
  Cases all;
  for (const double number : {2.0, 0.5, 10.0}) {
    append(all, elementwise(
                    "scalar_pow of " + std::to_string(number), spread(-3, 3),
                    [number](nadir_graph* g, nadir_node x) { return nadir_scalar_pow(g, number, x); },
                    [number](double x) { return std::pow(number, x); }));
  }
  Case one;
  one.derivatives = Derivatives::kZero;
  append(all,
         elementwise(
             "scalar_pow of 1", spread(-3, 3), [](nadir_graph* g, nadir_node x) { return nadir_scalar_pow(g, 1, x); },
             [](double) { return 1.0; }, one));
  return all;
}

Cases leaky_relu() {
  Cases all = elementwise(
      "leaky_relu of 0.125", spread(-3, 3, {0}),
      [](nadir_graph* g, nadir_node x) { return nadir_leaky_relu(g, x, "negative_slope=0.125"); },
      [](double x) { return x > 0 ? x : 0.125 * x; });
  append(all, elementwise(
                  "leaky_relu", spread(-3, 3, {0}),
                  [](nadir_graph* g, nadir_node x) { return nadir_leaky_relu(g, x, nullptr); },
                  [](double x) { return x > 0 ? x : 0.01 * x; }));
  return all;
}
Cases clamp() {
  return elementwise(
      "clamp to -1, 2", spread(-3, 4, {-1, 2}), [](nadir_graph* g, nadir_node x) { return nadir_clamp(g, x, -1, 2); },
      [](double x) { return x < -1  ? -1
                            : x > 2 ? 2
                                    : x; }, exact());
}
Cases elu() {
  Cases all = elementwise(
      "elu of 0.75", spread(-4, 4, {0}), [](nadir_graph* g, nadir_node x) { return nadir_elu(g, x, "alpha=0.75"); },
      [](double x) { return elu_of(0.75, x); });
  append(all, elementwise(
                  "elu", spread(-4, 4, {0}), [](nadir_graph* g, nadir_node x) { return nadir_elu(g, x, nullptr); },
                  [](double x) { return elu_of(1, x); }));
  return all;
}
Cases softplus() {
  Cases all = elementwise(
      "softplus of beta 2 to 5", spread(-3, 5, {2.5}),
      [](nadir_graph* g, nadir_node x) { return nadir_softplus(g, x, "beta=2 threshold=5"); },
      [](double x) { return 2 * x > 5 ? x : softplus_of(2 * x) / 2; });
  append(all, elementwise(
                  "softplus", spread(-6, 6), [](nadir_graph* g, nadir_node x) { return nadir_softplus(g, x, nullptr); },
                  softplus_of));
  return all;
}

}  // namespace cases

// --------------------------------------------------------------------------------------------------- two operands

namespace {

struct Pair {
  Shape a, b;
};

const std::vector<Pair> kPairs = {
    {{}, {}},
    {{0}, {0}},
    {{0}, {1}},
    {{1}, {0}},
    {{0, 3}, {3}},
    {{2, 0}, {2, 1}},
    {{1}, {1}},
    {{3}, {3}},
    {{7}, {7}},
    {{8}, {}},
    {{}, {9}},
    {{15}, {1}},
    {{1}, {16}},
    {{17}, {17}},
    {{33}, {33}},
    {{2, 3}, {3}},
    {{3}, {2, 3}},
    {{2, 1}, {1, 3}},
    {{4}, {3, 1}},
    {{2, 3, 1, 2}, {3, 4, 1}},
    {{2, 1, 3}, {5, 1}},
    {{2, 1, 2, 1, 3}, {1, 2, 1, 2, 1}},
    {{1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1, 1, 1}},
    {{kBatch}, {kBatch}},
    {{kBatch, 3}, {3}},
    {{3}, {kBatch, 3}},
    {{kBatch, 1}, {1, 4}},
    {{kBatch, 3}, {kBatch, 1}},
    {{2, kBatch}, {kBatch}},
    {{}, {2 * kBatch, 2}},
};

Cases elementwise(const std::string& label, const Samples& a, const Samples& b, Binary build,
                  const std::function<double(double, double)>& f, const Case& like = {}) {
  Cases cases;
  for (const Pair& pair : kPairs) {
    Case c = like;
    c.label = label;
    c.is_brief = pair.a.size() == 1 && pair.a[0] > 3 && pair.a[0] < 17;
    c.operands = {{pair.a, a, 0, {}}, {pair.b, b, 0, {}}};
    c.build = [build](const Scope& scope, const Nodes& x) { return build(scope.graph, x[0], x[1]); };
    c.reference = [f](const Arrays& x) { return mapped(x[0], x[1], f); };
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace

namespace cases {

Cases add() {
  return elementwise("add", spread(-3, 3), spread(-2, 5), nadir_add, [](double a, double b) { return a + b; });
}
Cases sub() {
  return elementwise("sub", spread(-3, 3), spread(-2, 5), nadir_sub, [](double a, double b) { return a - b; });
}
Cases mul() {
  return elementwise("mul", spread(-3, 3), spread(-2, 5), nadir_mul, [](double a, double b) { return a * b; });
}
Cases div() {
  return elementwise("div", spread(-3, 3), odd_halves(0.75, 4), nadir_div, [](double a, double b) { return a / b; });
}

// Multiples of a quarter against odd eighths: never equal.
Cases maximum() {
  return elementwise(
      "maximum", in_turn({-1, 0.5, 2, -0.25, 1.25, 0}), odd_halves(0.25, 9), nadir_maximum,
      [](double a, double b) { return a > b ? a : b; }, exact());
}
Cases minimum() {
  return elementwise(
      "minimum", in_turn({-1, 0.5, 2, -0.25, 1.25, 0}), odd_halves(0.25, 9), nadir_minimum,
      [](double a, double b) { return a < b ? a : b; }, exact());
}

// Odd eighths over multiples of a quarter are no whole numbers.
Cases floor_div() {
  return elementwise("floor_div", odd_halves(0.25, 20), in_turn({0.5, -1, 2, 0.75, -1.5, 3, -0.25}), nadir_floor_div,
                     floor_div_of, stepwise());
}
Cases mod() {
  return elementwise("mod", odd_halves(0.25, 20), in_turn({0.5, -1, 2, 0.75, -1.5, 3, -0.25}), nadir_mod, mod_of,
                     exact());
}

Cases pow() {
  return elementwise("pow", spread(0.3, 3), spread(-2, 3), nadir_pow,
                     [](double a, double b) { return std::pow(a, b); });
}
Cases atan2() {
  return elementwise("atan2", odd_halves(0.75, 4), odd_halves(0.625, 4), nadir_atan2,
                     [](double a, double b) { return std::atan2(a, b); });
}

}  // namespace cases

}  // namespace operations
