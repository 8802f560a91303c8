// What goes along axes where it is odd: nothing to reduce, one or several of equals, zeros in a product, infinities and
// NaN, numbers whose exponentials overflow.
#include <cmath>

#include "edge.h"

namespace {

using namespace operations;  // NOLINT: a test

const std::vector<nadir_dtype> kFloats = {NADIR_F32, NADIR_F64};

using Reduction = nadir_node (*)(nadir_graph*, nadir_node, const std::int32_t*, std::int32_t, const char*);

Derived along(const Array& x, Reduction build, const Axes& axes = {}, const char* options = nullptr,
              nadir_dtype dtype = NADIR_F64) {
  return derive(
      {x},
      [&](const Scope& s, const Nodes& xs) {
        const auto count = static_cast<std::int32_t>(axes.size());
        return build(s.graph, xs[0], axes.empty() ? nullptr : axes.data(), count, options);
      },
      dtype);
}

Derived reduced(const std::vector<double>& x, Reduction build, const char* options = nullptr,
                nadir_dtype dtype = NADIR_F64) {
  return along(vector_of(x), build, {}, options, dtype);
}

std::string in(const char* name, nadir_dtype dtype) { return std::string(name) + " in " + name_of(dtype); }

// ---------------------------------------------------------------------------------------------- ties and NaN

void equals_share_the_gradient_of_an_extremum() {
  for (const nadir_dtype dtype : kFloats) {
    const Derived greatest = reduced({2, 5, 5, 1}, nadir_max, nullptr, dtype);
    require_values(greatest.y, {5}, in("max", dtype));
    require_values(greatest.first[0], {0, 0.5, 0.5, 0}, in("max, gradient", dtype));
    require_values(greatest.second[0], {0, 0, 0, 0}, in("max, second derivative", dtype));
    require_values(reduced({1, 1, 1, 1}, nadir_max, nullptr, dtype).first[0], {0.25, 0.25, 0.25, 0.25},
                   in("max of equals", dtype));
    const Derived least = reduced({2, 1, 5, 1}, nadir_min, nullptr, dtype);
    require_values(least.y, {1}, in("min", dtype));
    require_values(least.first[0], {0, 0.5, 0, 0.5}, in("min, gradient", dtype));
    // Zeros are equal whatever their sign.
    require_values(reduced({-0.0, 0, -1}, nadir_max, nullptr, dtype).first[0], {0.5, 0.5, 0},
                   in("max of zeros", dtype));
    require_values(reduced({-3, 3, 1}, nadir_norm, "p=inf", dtype).first[0], {-0.5, 0.5, 0},
                   in("norm of equals", dtype));
  }
}

// Each row has its own equals.
void rows_share_among_themselves() {
  const Array x = array_of({2, 3}, {1, 4, 4, 7, 7, 7});
  require_values(along(x, nadir_max, {1}).first[0], {0, 0.5, 0.5, 1.0 / 3, 1.0 / 3, 1.0 / 3}, "max of rows");
  require_values(along(x, nadir_max, {0}).first[0], {0, 0, 0, 1, 1, 1}, "max of columns");
}

void a_length_of_one_has_its_element_as_extremum() {
  require_values(reduced({-3}, nadir_max).y, {-3}, "max of one");
  require_values(reduced({-3}, nadir_max).first[0], {1}, "max of one, gradient");
  require_values(along(array_of({}, {4}), nadir_min).first[0], {1}, "min of a scalar, gradient");
}

// In the middle of a vector as in its rest; gy goes to the NaNs in equal shares.
void nan_is_the_extremum() {
  for (const nadir_dtype dtype : kFloats) {
    for (const Reduction build : {nadir_max, nadir_min}) {
      for (const std::size_t place : {std::size_t{0}, std::size_t{5}, std::size_t{18}}) {
        std::vector<double> x(19, 1), wanted(19, 0);
        x[2] = kInfinity;
        x[3] = -kInfinity;
        x[place] = kNan;
        wanted[place] = 1;
        const Derived d = reduced(x, build, nullptr, dtype);
        require_values(d.y, {kNan}, in("an extremum with NaN", dtype));
        require_values(d.first[0], wanted, in("an extremum with NaN, gradient", dtype));
      }
      require_values(reduced({1, kNan, 3, kNan}, build, nullptr, dtype).first[0], {0, 0.5, 0, 0.5},
                     in("of NaNs, gradient", dtype));
    }
    const Array y = along(array_of({2, 2}, {1, kNan, 3, 2}), nadir_max, {1}, nullptr, dtype).y;
    require_values(y, {kNan, 3}, in("of rows, one with NaN", dtype));
  }
}

void infinities_are_extrema_like_others() {
  for (const nadir_dtype dtype : kFloats) {
    const Derived d = reduced({-kInfinity, -kInfinity}, nadir_max, nullptr, dtype);
    require_values(d.y, {-kInfinity}, in("max", dtype));
    require_values(d.first[0], {0.5, 0.5}, in("max, gradient", dtype));
    require_values(reduced({kInfinity, 1}, nadir_max, nullptr, dtype).y, {kInfinity}, in("max", dtype));
    require_values(reduced({kInfinity, 1}, nadir_min, nullptr, dtype).y, {1}, in("min", dtype));
  }
}

Array place_of(const Array& x, nadir_node (*build)(nadir_graph*, nadir_node, std::int32_t, const char*),
               std::int32_t axis, nadir_dtype dtype) {
  return value_of(
      {x}, [build, axis](const Scope& s, const Nodes& xs) { return build(s.graph, xs[0], axis, nullptr); }, dtype);
}

void places_are_those_of_the_first_of_equals() {
  for (const nadir_dtype dtype : kFloats) {
    require_values(place_of(vector_of({1, 3, 3, 2}), nadir_argmax, 0, dtype), {1}, in("argmax", dtype));
    require_values(place_of(vector_of({1, 0, 3, 0}), nadir_argmin, -1, dtype), {1}, in("argmin", dtype));
    require_values(place_of(vector_of({0, -0.0, 0}), nadir_argmax, 0, dtype), {0}, in("argmax of zeros", dtype));
    require_values(place_of(vector_of({-0.0, 0}), nadir_argmax, 0, dtype), {0}, in("argmax of zeros", dtype));
    require_values(place_of(vector_of({-kInfinity, -kInfinity}), nadir_argmax, 0, dtype), {0},
                   in("argmax of -inf", dtype));
    require_values(place_of(vector_of({kInfinity, kInfinity}), nadir_argmin, 0, dtype), {0},
                   in("argmin of inf", dtype));
    std::vector<double> equal(40, 2);
    require_values(place_of(vector_of(equal), nadir_argmax, 0, dtype), {0}, in("argmax of equals", dtype));
    equal[37] = 3;
    require_values(place_of(vector_of(equal), nadir_argmax, 0, dtype), {37}, in("argmax far out", dtype));
  }
}

// NaN counts as the greatest, and as the least.
void places_of_nan_come_first() {
  for (const nadir_dtype dtype : kFloats) {
    const Array x = array_of({4, 3}, {1, kNan, kInfinity, kNan, kNan, 0, 1, 2, 3, -kInfinity, 5, kNan});
    require_values(place_of(x, nadir_argmax, 1, dtype), {1, 0, 2, 2}, in("argmax", dtype));
    require_values(place_of(x, nadir_argmin, 1, dtype), {1, 0, 0, 2}, in("argmin", dtype));
    require_values(place_of(x, nadir_argmax, 0, dtype), {1, 0, 3}, in("argmax of columns", dtype));
  }
}

// ----------------------------------------------------------------------------------------------------- nothing

void sums_of_nothing_are_neutral() {
  for (const nadir_dtype dtype : kFloats) {
    const Array none = array_of(Shape{0}), rows = array_of(Shape{3, 0});
    require_values(along(none, nadir_sum, {}, nullptr, dtype).y, {0}, in("sum", dtype));
    require_values(along(rows, nadir_sum, {1}, nullptr, dtype).y, {0, 0, 0}, in("sum of rows", dtype));
    require_values(along(rows, nadir_prod, {1}, nullptr, dtype).y, {1, 1, 1}, in("prod of rows", dtype));
    require_values(along(rows, nadir_mean, {1}, nullptr, dtype).y, {kNan, kNan, kNan}, in("mean of rows", dtype));
    require_values(along(rows, nadir_var, {1}, nullptr, dtype).y, {kNan, kNan, kNan}, in("var of rows", dtype));
    require_values(along(rows, nadir_norm, {1}, nullptr, dtype).y, {0, 0, 0}, in("norm of rows", dtype));
    require(along(rows, nadir_sum, {0}, "keepdim=1", dtype).y.shape() == Array::shape_type({1, 0}), "sum of columns");
  }
  const auto mask = [](Reduction build) {
    return value_of(
        {array_of(Shape{2, 0})},
        [build](const Scope& s, const Nodes& x) {
          const std::int32_t last = -1;
          return build(s.graph, x[0], &last, 1, nullptr);
        },
        NADIR_U8);
  };
  require_values(mask(nadir_any), {0, 0}, "any of nothing");
  require_values(mask(nadir_all), {1, 1}, "all of nothing");
}

// Over no length there is no extremum, which is noticed while building; beside one there is, and it is as empty.
void extrema_of_nothing_are_refused() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node none = input(g, NADIR_F64, {0}), rows = input(g, NADIR_F64, {3, 0});
  const std::int32_t first = 0, last = 1;
  const auto refused = [&](nadir_node node, const char* name) {
    require(node == NADIR_NONE && nadir_graph_status(g) == NADIR_E_SHAPE, name);
    require(std::string(nadir_graph_error(g)).find(name) != std::string::npos, nadir_graph_error(g));
    ok(g, nadir_graph_clear_error(g));
  };
  refused(nadir_max(g, none, nullptr, 0, nullptr), "max");
  refused(nadir_min(g, none, nullptr, 0, nullptr), "min");
  refused(nadir_max(g, rows, &last, 1, nullptr), "max");
  refused(nadir_logsumexp(g, rows, &last, 1, nullptr), "logsumexp");
  refused(nadir_norm(g, rows, &last, 1, "p=inf"), "norm");
  refused(nadir_argmax(g, none, 0, nullptr), "argmax");
  refused(nadir_argmin(g, rows, -1, nullptr), "argmin");
  const nadir_node y = made(g, nadir_max(g, rows, &first, 1, nullptr));
  require(shape_of(g, y) == Shape{0}, "max of columns of a [3, 0]");
}

// ------------------------------------------------------------------------------------------------------- products

void products_with_zeros_have_the_others_as_gradient() {
  for (const nadir_dtype dtype : kFloats) {
    const struct {
      std::vector<double> x;
      double y;
      std::vector<double> first, second;  // of the sum of the first ones: sum over j of the product of all but i and j
    } rows[] = {
        {{2, 5, 3}, 30, {15, 6, 10}, {8, 5, 7}},
        {{2, 0, 3}, 0, {0, 6, 0}, {3, 5, 2}},
        {{2, 0, 0}, 0, {0, 0, 0}, {0, 2, 2}},
        {{2, 0, 3, 0}, 0, {0, 0, 0, 0}, {0, 6, 0, 6}},
        {{0, 0, 0}, 0, {0, 0, 0}, {0, 0, 0}},
        {{0}, 0, {1}, {0}},
        {{0, -4}, 0, {-4, 0}, {1, 1}},
        {{-1, 2, 0, 3, 0.5}, 0, {0, 0, -3, 0, 0}, {3, -1.5, 3 - 1.5 - 1 - 6, -1, -6}},
    };
    for (const auto& row : rows) {
      const Derived d = reduced(row.x, nadir_prod, nullptr, dtype);
      require_values(d.y, {row.y}, in("prod", dtype));
      require_values(d.first[0], row.first, in("prod, gradient", dtype));
      require_values(d.second[0], row.second, in("prod, second derivative", dtype), 1e-6);
    }
  }
}

// What multiplying all and dividing by one of them would not survive.
void products_of_extremes_have_a_gradient() {
  require_values(reduced({1e200, 1e-200, 1e-200, 3}, nadir_prod).first[0], {0, 3, 3, 1e-200}, "prod", 1e-14);
  require_values(reduced({1e-300, 1e-20, 1e300}, nadir_prod).first[0], {1e280, 1, 1e-320}, "prod", 1e-3);
}

// ------------------------------------------------------------------------------------------------ spreads and norms

void spreads_of_equals_have_no_gradient() {
  for (const nadir_dtype dtype : kFloats) {
    const Derived deviation = reduced({3, 3, 3}, nadir_std, nullptr, dtype);
    require_values(deviation.y, {0}, in("std", dtype));
    require_values(deviation.first[0], {0, 0, 0}, in("std, gradient", dtype));
    require_values(reduced({3}, nadir_std, "correction=0", dtype).first[0], {0}, in("std of one", dtype));
    const Derived norm = reduced({0, 0}, nadir_norm, nullptr, dtype);
    require_values(norm.y, {0}, in("norm", dtype));
    require_values(norm.first[0], {0, 0}, in("norm, gradient", dtype));
    require_values(reduced({0, -2}, nadir_norm, "p=1", dtype).first[0], {0, -1}, in("norm of p=1", dtype));
    const Array rows = array_of({2, 2}, {0, 0, 3, 4});
    require_values(along(rows, nadir_norm, {1}, nullptr, dtype).y, {0, 5}, in("norm of rows", dtype));
    require_values(along(rows, nadir_norm, {1}, nullptr, dtype).first[0], {0, 0, 0.6, 0.8}, in("norm of rows", dtype),
                   1e-6);
  }
}

void variance_of_too_few_is_no_number() {
  for (const nadir_dtype dtype : kFloats) {
    require_values(reduced({3}, nadir_var, nullptr, dtype).y, {kNan}, in("var", dtype));
    require_values(reduced({3}, nadir_std, nullptr, dtype).y, {kNan}, in("std", dtype));
    require_values(reduced({3}, nadir_var, "correction=0", dtype).y, {0}, in("var", dtype));
    require(!std::isfinite(reduced({3, 5}, nadir_var, "correction=2", dtype).y()), in("var over 0", dtype));
    require(!std::isfinite(reduced({3, 5}, nadir_var, "correction=3", dtype).y()), in("var over -1", dtype));
  }
}

// The squares of numbers far from 0 would lose all digits of their difference.
void variance_is_exact_far_from_zero() {
  require_values(reduced({1e8 + 1, 1e8 + 2, 1e8 + 3}, nadir_var).y, {1}, "var in f64", 1e-7);
  require_values(reduced({4096 + 1, 4096 + 2, 4096 + 3}, nadir_var, nullptr, NADIR_F32).y, {1}, "var in f32", 1e-3);
}

// ---------------------------------------------------------------------------------------------- exponentials

nadir_node softmax(nadir_graph* g, nadir_node x) { return nadir_softmax(g, x, 0); }
nadir_node log_softmax(nadir_graph* g, nadir_node x) { return nadir_log_softmax(g, x, 0); }

void exponentials_do_not_overflow() {
  const double log_2 = std::log(2.0);
  for (const nadir_dtype dtype : kFloats) {
    const double tolerance = dtype == NADIR_F32 ? 1e-6 : 1e-14;
    const Derived sums = reduced({1e4, 1e4, -1e4}, nadir_logsumexp, nullptr, dtype);
    require_values(sums.y, {1e4 + log_2}, in("logsumexp", dtype), tolerance);
    require_values(sums.first[0], {0.5, 0.5, 0}, in("logsumexp, gradient", dtype), tolerance);
    require_values(reduced({-1e4, -1e4}, nadir_logsumexp, nullptr, dtype).y, {-1e4 + log_2}, in("logsumexp", dtype),
                   tolerance);
    require_values(derive({1e4, 0, -1e4}, softmax, dtype).y, {1, 0, 0}, in("softmax", dtype));
    require_values(derive({-1e4, -1e4}, softmax, dtype).y, {0.5, 0.5}, in("softmax", dtype));
    require_values(derive({1e4, 0, -1e4}, softmax, dtype).first[0], {0, 0, 0}, in("softmax, gradient", dtype));
    require_values(derive({1e4, 0, -1e4}, log_softmax, dtype).y, {0, -1e4, -2e4}, in("log_softmax", dtype), tolerance);
    // d(sum of log_softmax)/dx = 1 - 3 softmax(x)
    require_values(derive({1e4, 0, -1e4}, log_softmax, dtype).first[0], {-2, 1, 1}, in("log_softmax, gradient", dtype),
                   tolerance);
  }
}

// exp(-inf) is 0, so that a mask of -inf leaves the others alone.
void minus_infinity_counts_nothing() {
  const double log_2 = std::log(2.0);
  for (const nadir_dtype dtype : kFloats) {
    const double tolerance = dtype == NADIR_F32 ? 1e-6 : 1e-14;
    require_values(reduced({-kInfinity, 0, 0}, nadir_logsumexp, nullptr, dtype).y, {log_2}, in("logsumexp", dtype),
                   tolerance);
    require_values(reduced({-kInfinity, 0, 0}, nadir_logsumexp, nullptr, dtype).first[0], {0, 0.5, 0.5},
                   in("logsumexp, gradient", dtype), tolerance);
    require_values(reduced({-kInfinity, -kInfinity}, nadir_logsumexp, nullptr, dtype).y, {-kInfinity},
                   in("logsumexp of nothing", dtype));
    require_values(reduced({kInfinity, 1}, nadir_logsumexp, nullptr, dtype).y, {kInfinity},
                   in("logsumexp of inf", dtype));
    require_values(derive({-kInfinity, 0, 0}, softmax, dtype).y, {0, 0.5, 0.5}, in("softmax", dtype), tolerance);
    require_values(derive({-kInfinity, 0, 0}, softmax, dtype).first[0], {0, 0, 0}, in("softmax, gradient", dtype),
                   tolerance);
    require_values(derive({-kInfinity, 0, 0}, log_softmax, dtype).y, {-kInfinity, -log_2, -log_2},
                   in("log_softmax", dtype), tolerance);
  }
}

// inf less inf, and NaN, make a row of NaN, and no other.
void one_row_of_nan_is_no_other() {
  const Array x = array_of({3, 2}, {kInfinity, 0, 1, 1, kNan, 0});
  for (const nadir_dtype dtype : kFloats) {
    const Array y = value_of(
        {x}, [](const Scope& s, const Nodes& xs) { return nadir_softmax(s.graph, xs[0], 1); }, dtype);
    require_values(y, {kNan, kNan, 0.5, 0.5, kNan, kNan}, in("softmax", dtype));
    const Array sums = value_of(
        {x},
        [](const Scope& s, const Nodes& xs) {
          const std::int32_t last = 1;
          return nadir_logsumexp(s.graph, xs[0], &last, 1, nullptr);
        },
        dtype);
    require_values(sums, {kInfinity, 1 + std::log(2.0), kNan}, in("logsumexp", dtype), 1e-6);
  }
}

void softmax_sums_to_one() {
  std::vector<double> x;
  for (int i = 0; i < 1000; ++i) x.push_back(std::sin(i) * 30);
  for (const nadir_dtype dtype : kFloats) {
    const Array y = derive(x, softmax, dtype).y;
    double sum = 0;
    for (const double value : y.storage()) sum += value;
    require(is_near(sum, 1, dtype == NADIR_F32 ? 1e-5 : 1e-13), in("softmax", dtype));
  }
}

// ----------------------------------------------------------------------------------------------------- sums

// The largest finite sum, and the one step too far.
void sums_overflow_to_infinity() {
  const double largest = std::numeric_limits<double>::max();
  require_values(reduced({largest / 2, largest / 2}, nadir_sum).y, {largest}, "sum");
  require_values(reduced({largest, largest}, nadir_sum).y, {kInfinity}, "sum");
  require_values(reduced({kInfinity, -kInfinity}, nadir_sum).y, {kNan}, "sum");
}

// In this order: the partial sums round as those of a loop.
void running_sums_round_in_order() {
  std::vector<double> x, forwards, backwards;
  for (int i = 0; i < 50; ++i) x.push_back(static_cast<double>(static_cast<float>(std::sin(i) * std::pow(10, i % 7))));
  float sum = 0;
  for (const double value : x) forwards.push_back(static_cast<double>(sum += static_cast<float>(value)));
  sum = 0;
  backwards.resize(x.size());
  for (std::size_t i = x.size(); i-- > 0;) backwards[i] = static_cast<double>(sum += static_cast<float>(x[i]));
  const auto sums = [&](const char* options) {
    return value_of(
        {vector_of(x)}, [options](const Scope& s, const Nodes& xs) { return nadir_cumsum(s.graph, xs[0], 0, options); },
        NADIR_F32);
  };
  require_values(sums(nullptr), forwards, "cumsum");
  require_values(sums("reverse=1"), backwards, "cumsum, reverse");
}

void infinity_spoils_the_running_sum_from_there_on() {
  const Array y = value_of({vector_of({1, kInfinity, 2, -kInfinity, 3})},
                           [](const Scope& s, const Nodes& x) { return nadir_cumsum(s.graph, x[0], 0, nullptr); });
  require_values(y, {1, kInfinity, kInfinity, kNan, kNan}, "cumsum");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      OPERATION_TEST(equals_share_the_gradient_of_an_extremum),
      OPERATION_TEST(rows_share_among_themselves),
      OPERATION_TEST(a_length_of_one_has_its_element_as_extremum),
      OPERATION_TEST(nan_is_the_extremum),
      OPERATION_TEST(infinities_are_extrema_like_others),
      OPERATION_TEST(places_are_those_of_the_first_of_equals),
      OPERATION_TEST(places_of_nan_come_first),
      OPERATION_TEST(sums_of_nothing_are_neutral),
      OPERATION_TEST(extrema_of_nothing_are_refused),
      OPERATION_TEST(products_with_zeros_have_the_others_as_gradient),
      OPERATION_TEST(products_of_extremes_have_a_gradient),
      OPERATION_TEST(spreads_of_equals_have_no_gradient),
      OPERATION_TEST(variance_of_too_few_is_no_number),
      OPERATION_TEST(variance_is_exact_far_from_zero),
      OPERATION_TEST(exponentials_do_not_overflow),
      OPERATION_TEST(minus_infinity_counts_nothing),
      OPERATION_TEST(one_row_of_nan_is_no_other),
      OPERATION_TEST(softmax_sums_to_one),
      OPERATION_TEST(sums_overflow_to_infinity),
      OPERATION_TEST(running_sums_round_in_order),
      OPERATION_TEST(infinity_spoils_the_running_sum_from_there_on),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
