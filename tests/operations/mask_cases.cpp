// Masks and what chooses by them: comparisons in every dtype, logic of masks with several values for true, casts
// between all pairs of dtypes. None changes with its operands but in steps.
#include <cmath>
#include <limits>

#include "cases.h"

namespace operations {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Binary = nadir_node (*)(nadir_graph*, nadir_node, nadir_node);

const std::vector<Shape> kShapes = {
    {}, {0}, {1}, {3}, {8}, {9}, {17}, {33}, {2, 3, 0}, {2, 3, 2}, {2, 1, 2, 1, 3}, {kBatch, 3}, {2, 2 * kBatch}};

struct Pair {
  Shape a, b;
};

const std::vector<Pair> kPairs = {
    {{}, {}},
    {{0}, {1}},
    {{3}, {3}},
    {{16}, {16}},
    {{33}, {33}},
    {{9}, {}},
    {{}, {17}},
    {{2, 3}, {3}},
    {{2, 1}, {1, 3}},
    {{4}, {3, 1}},
    {{0, 2}, {2}},
    {{2, 3, 1, 2}, {4, 1}},
    {{kBatch, 3}, {3}},
    {{1, 3}, {kBatch, 1}},
    {{kBatch}, {kBatch}},
};

Case to_mask(const std::string& label, std::vector<nadir_dtype> dtypes) {
  Case c;
  c.label = label;
  c.result = NADIR_U8;
  c.roundings = 0;
  c.dtypes = std::move(dtypes);
  c.derivatives = Derivatives::kZero;
  return c;
}

Cases tests(const std::string& label, nadir_node (*build)(nadir_graph*, nadir_node), bool (*f)(double)) {
  Cases cases;
  for (const Shape& shape : kShapes) {
    for (const bool is_finite : {true, false}) {
      Case c = to_mask(label, {NADIR_F32, NADIR_F64});
      // What is not finite makes no finite loss.
      if (!is_finite) c.derivatives = Derivatives::kUntold;
      c.operands = {
          {shape, is_finite ? spread(-3, 3) : in_turn({1, kNan, -2, kInfinity, 0, -kInfinity, 1e300}), 0, {}}};
      c.build = [build](const Scope& scope, const Nodes& x) { return build(scope.graph, x[0]); };
      c.reference = [f](const Arrays& x) { return mapped(x[0], [f](double value) { return f(value) ? 1.0 : 0.0; }); };
      if (!is_finite) c.dtypes = {NADIR_F64};
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases pairs(const Case& like, const Samples& a, const Samples& b, Binary build, bool (*f)(double, double)) {
  Cases cases;
  for (const Pair& pair : kPairs) {
    Case c = like;
    c.operands = {{pair.a, a, 0, {}}, {pair.b, b, 0, {}}};
    c.build = [build](const Scope& scope, const Nodes& x) { return build(scope.graph, x[0], x[1]); };
    c.reference = [f](const Arrays& x) {
      return mapped(x[0], x[1], [f](double left, double right) { return f(left, right) ? 1.0 : 0.0; });
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases comparisons(const std::string& label, Binary build, bool (*f)(double, double)) {
  // Equals meet in whole numbers, which every dtype has; a difference steps over none of these.
  Case whole = to_mask(label, {NADIR_I32, NADIR_I64, NADIR_F32, NADIR_F64});
  whole.derivatives = Derivatives::kUntold;
  Cases all = pairs(whole, in_turn({-1, 0, 1, 2, -3}), in_turn({0, 1, -1}), build, f);
  Case masks = to_mask(label + " of masks", {NADIR_U8});
  append(all, pairs(masks, in_turn({0, 1, 1, 0, 1}), in_turn({0, 1}), build, f));
  Case special = whole;
  special.label += " with NaN";
  special.dtypes = {NADIR_F32, NADIR_F64};
  append(all,
         pairs(special, in_turn({kNan, 1, kInfinity, -kInfinity, 0}), in_turn({1, kNan, -0.0, kInfinity}), build, f));
  append(all, pairs(to_mask(label, {NADIR_F32, NADIR_F64}), in_turn({-1, 0, 2, 1}), odd_halves(0.25, 9), build, f));
  return all;
}

Cases logic(const std::string& label, Binary build, bool (*f)(double, double)) {
  return pairs(to_mask(label, {NADIR_U8}), in_turn({0, 1, 2, 0, 255}), in_turn({0, 128, 0, 1}), build, f);
}

// ----------------------------------------------------------------------------------------------------------- casts

double converted(double x, nadir_dtype from, nadir_dtype to) {
  if (from == NADIR_I64 && to == NADIR_I32) {
    return static_cast<double>(static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(x))));
  }
  if (from == NADIR_U8) x = x != 0 ? 1 : 0;
  switch (to) {
    case NADIR_F32: return static_cast<double>(static_cast<float>(x));
    case NADIR_U8: return x != 0 ? 1 : 0;
    case NADIR_F64: return x;
    default: break;
  }
  if (std::isnan(x)) return 0;
  const double end = to == NADIR_I32 ? 2147483648.0 : 9223372036854775808.0;
  const double largest = to == NADIR_I32 ? end - 1 : end;
  return std::trunc(x) >= end ? largest : std::trunc(x) < -end ? -end : std::trunc(x);
}

std::vector<double> values_of(nadir_dtype from) {
  switch (from) {
    case NADIR_F32:
      return {0, -0.75, 1.5, -2.5, 300.25, 3e9, -3e9, 0x1p70, -0x1p70, kNan, kInfinity, -kInfinity, 16777216};
    case NADIR_F64:
      return {0, -0.75, 1.5, -2.5, 300.1, 3e9, -3e9, 1e20, -1e20, kNan, kInfinity, -kInfinity, 0.1, 1e300, 1e-60};
    case NADIR_I32: return {0, 1, -1, 255, 256, 2147483647, -2147483648.0, 16777217};
    case NADIR_I64:
      return {
          0, 1, -1, 255, 256, 2147483647, -2147483648.0, 4294967301, -4294967297, 9007199254740992, -9007199254740991};
    default: return {0, 1, 2, 255};
  }
}

}  // namespace

namespace cases {

Cases is_nan() {
  return tests("is_nan", nadir_is_nan, [](double x) { return std::isnan(x); });
}
Cases is_finite() {
  return tests("is_finite", nadir_is_finite, [](double x) { return std::isfinite(x); });
}

Cases eq() {
  return comparisons("eq", nadir_eq, [](double a, double b) { return a == b; });
}
Cases ne() {
  return comparisons("ne", nadir_ne, [](double a, double b) { return a != b; });
}
Cases lt() {
  return comparisons("lt", nadir_lt, [](double a, double b) { return a < b; });
}
Cases le() {
  return comparisons("le", nadir_le, [](double a, double b) { return a <= b; });
}
Cases gt() {
  return comparisons("gt", nadir_gt, [](double a, double b) { return a > b; });
}
Cases ge() {
  return comparisons("ge", nadir_ge, [](double a, double b) { return a >= b; });
}

Cases logical_and() {
  return logic("logical_and", nadir_logical_and, [](double a, double b) { return a != 0 && b != 0; });
}
Cases logical_or() {
  return logic("logical_or", nadir_logical_or, [](double a, double b) { return a != 0 || b != 0; });
}
Cases logical_xor() {
  return logic("logical_xor", nadir_logical_xor, [](double a, double b) { return (a != 0) != (b != 0); });
}

Cases logical_not() {
  Cases cases;
  for (const Shape& shape : kShapes) {
    Case c = to_mask("logical_not", {NADIR_U8});
    c.operands = {{shape, in_turn({0, 1, 2, 255}), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_logical_not(scope.graph, x[0]); };
    c.reference = [](const Arrays& x) { return mapped(x[0], [](double value) { return value == 0 ? 1.0 : 0.0; }); };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases where() {
  struct Three {
    Shape mask, a, b;
  };
  const std::vector<Three> shapes = {
      {{}, {}, {}},
      {{3}, {3}, {3}},
      {{17}, {17}, {}},
      {{33}, {}, {33}},
      {{}, {9}, {1}},
      {{0}, {1}, {0}},
      {{2, 1}, {3}, {}},
      {{3}, {2, 1}, {2, 3}},
      {{1}, {2, 3}, {2, 1}},
      {{2, 1, 3}, {4, 1}, {2, 4, 1}},
      {{kBatch, 1}, {3}, {kBatch, 3}},
      {{3}, {kBatch, 3}, {1}},
      {{kBatch}, {}, {}},
  };
  Cases cases;
  for (const Three& three : shapes) {
    Case c;
    c.label = "where";
    c.dtypes = kAllDtypes;
    c.roundings = 0;
    c.operands = {
        mask_operand(three.mask), {three.a, in_turn({1, 2, 3, 4, 5}), 0, {}}, {three.b, in_turn({7, 8, 9}), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_where(scope.graph, x[0], x[1], x[2]); };
    c.reference = [](const Arrays& x) {
      // The mask picks one of two sums of which each has everything but the other's values.
      const Array mask = mapped(x[0], [](double value) { return value != 0 ? 1.0 : 0.0; });
      const auto times = [](double a, double b) { return a * b; };
      const Array left = mapped(mask, x[1], times);
      const Array right = mapped(mapped(mask, [](double value) { return 1 - value; }), x[2], times);
      return mapped(left, right, [](double a, double b) { return a + b; });
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases cast() {
  Cases cases;
  for (const nadir_dtype from : kAllDtypes) {
    for (const nadir_dtype to : kAllDtypes) {
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{9}, Shape{33}, Shape{2, 5}, Shape{kBatch, 5}}) {
        Case c;
        c.label = std::string("cast to ") + nadir_dtype_name(to);
        c.dtypes = {from};
        c.result = to;
        c.roundings = 0;
        c.derivatives = Derivatives::kUntold;
        c.operands = {{shape, in_turn(values_of(from)), 0, {}}};
        c.build = [to](const Scope& scope, const Nodes& x) { return nadir_cast(scope.graph, x[0], to); };
        c.reference = [from, to](const Arrays& x) {
          return mapped(x[0], [from, to](double value) { return from == to ? value : converted(value, from, to); });
        };
        cases.push_back(std::move(c));
      }
    }
  }
  // Between floats a cast is smooth but for its rounding, which differences would see; from a float to anything else it
  // is a step.
  Case same;
  same.label = "cast to f64";
  same.dtypes = {NADIR_F64};
  same.roundings = 0;
  same.operands = {{{2, 5}, spread(-3, 3), 0, {}}};
  same.build = [](const Scope& scope, const Nodes& x) { return nadir_cast(scope.graph, x[0], NADIR_F64); };
  same.reference = [](const Arrays& x) { return x[0]; };
  cases.push_back(same);
  for (const nadir_dtype to : {NADIR_I32, NADIR_I64, NADIR_U8}) {
    Case step = same;
    step.label = std::string("cast to ") + nadir_dtype_name(to);
    step.derivatives = Derivatives::kZero;
    step.result = to;
    step.operands = {{{2, 5}, spread(-3, 3, {-2, -1, 0, 1, 2}), 0, {}}};
    step.build = [to](const Scope& scope, const Nodes& x) { return nadir_cast(scope.graph, x[0], to); };
    step.reference = [to](const Arrays& x) {
      return mapped(x[0], [to](double value) { return converted(value, NADIR_F64, to); });
    };
    cases.push_back(step);
  }
  return cases;
}

Cases stop_gradient() {
  Cases cases;
  for (const Shape& shape : kShapes) {
    Case c;
    c.label = "stop_gradient";
    c.roundings = 0;
    c.derivatives = Derivatives::kHeld;
    c.operands = {{shape, spread(-3, 3), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_stop_gradient(scope.graph, x[0]); };
    c.reference = [](const Arrays& x) { return x[0]; };
    cases.push_back(c);
  }
  return cases;
}

}  // namespace cases

}  // namespace operations
