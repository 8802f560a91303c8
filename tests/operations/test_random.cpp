// Random numbers in training: a function of the seed, the name, the step and the element's index alone, and distributed
// as they are said to be. Outside training each is its mean.
//
// The bounds of the statistics are six standard deviations of what they bound, so that a right generator with another
// stream would pass as well; the numbers are the same in every run.
#include <algorithm>
#include <cmath>

#include "edge.h"

namespace {

using namespace operations;  // NOLINT: a test

constexpr std::int64_t kMany = 100000;
const std::vector<nadir_dtype> kFloats = {NADIR_F32, NADIR_F64};

using Random = std::function<nadir_node(nadir_graph* g, nadir_dtype dtype, const Shape& shape)>;

struct Distribution {
  const char* name;
  Random build;
  double mean;
};

std::int32_t rank(const Shape& shape) { return static_cast<std::int32_t>(shape.size()); }

const std::vector<Distribution>& distributions() {
  static const std::vector<Distribution> all = {
      {"uniform",
       [](nadir_graph* g, nadir_dtype d, const Shape& s) {
         return nadir_uniform(g, d, s.data(), rank(s), "low=-1 high=4");
       },
       1.5},
      {"normal",
       [](nadir_graph* g, nadir_dtype d, const Shape& s) {
         return nadir_normal(g, d, s.data(), rank(s), "mean=2 std=3");
       },
       2},
      {"bernoulli",
       [](nadir_graph* g, nadir_dtype d, const Shape& s) { return nadir_bernoulli(g, d, s.data(), rank(s), 0.25); },
       0.25},
  };
  return all;
}

// A graph with one node of random numbers and a parameter, whose session trains.
struct Lottery {
  GraphPtr graph = new_graph();
  nadir_node p = NADIR_NONE, numbers = NADIR_NONE, loss = NADIR_NONE;
  SessionPtr session;

  Lottery(const Random& build, nadir_dtype dtype, const Shape& shape, const char* name = nullptr,
          std::uint64_t seed = 1) {
    nadir_graph* g = graph.get();
    ok(g, nadir_graph_set_seed(g, seed));
    p = param(g, NADIR_F64, vector_of({1}));
    numbers = made(g, build(g, dtype, shape));
    if (name != nullptr) ok(g, nadir_graph_node_set_name(g, numbers, name));
    loss = sum_of(g, made(g, nadir_square(g, p)));
    session = new_session(g, loss, {numbers});
  }

  Array draw() {
    ok(session.get(), nadir_forward(session.get()));
    return read(session.get(), graph.get(), numbers);
  }
};

double share_of_equals(const Array& a, const Array& b) {
  double equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a.storage()[i] == b.storage()[i] ? 1 : 0;
  return equal / static_cast<double>(a.size());
}

// Other numbers: of continuous ones hardly one is alike, of 1 and 0 by chance no more than three quarters.
void require_others(const Array& a, const Array& b, const std::string& what) {
  require(share_of_equals(a, b) < 0.75, what + ": " + std::to_string(100 * share_of_equals(a, b)) + " % are the same");
}

// ---------------------------------------------------------------------------------- what the numbers depend on

void same_seed_name_and_step_give_the_same_numbers() {
  for (const Distribution& one : distributions()) {
    for (const nadir_dtype dtype : kFloats) {
      const std::string what = std::string(one.name) + " in " + name_of(dtype);
      Lottery first(one.build, dtype, {1001}), second(one.build, dtype, {1001});
      const Array numbers = first.draw();
      require_same(first.draw(), numbers, what + ", another pass");
      require_same(second.draw(), numbers, what + ", another graph");
      const SessionPtr other = new_session(first.graph.get(), first.loss, {first.numbers});
      ok(other.get(), nadir_forward(other.get()));
      require_same(read(other.get(), first.graph.get(), first.numbers), numbers, what + ", another session");
    }
  }
}

void another_step_gives_other_numbers_and_the_same_one_the_same() {
  for (const Distribution& one : distributions()) {
    for (const nadir_dtype dtype : kFloats) {
      const std::string what = std::string(one.name) + " in " + name_of(dtype);
      Lottery lottery(one.build, dtype, {1001});
      nadir_graph* g = lottery.graph.get();
      require(nadir_graph_step(g) == 0, "the first step is 0");
      const Array zeroth = lottery.draw();
      ok(g, nadir_graph_set_step(g, 1));
      require(nadir_graph_step(g) == 1, "the step is what it was set to");
      const Array first = lottery.draw();
      require_others(first, zeroth, what + ", the next step");
      // Steps that agree in their lower half are no more alike.
      ok(g, nadir_graph_set_step(g, std::uint64_t{1} << 32));
      require_others(lottery.draw(), zeroth, what + ", 2^32 steps later");
      ok(g, nadir_graph_set_step(g, (std::uint64_t{1} << 63) + 1));
      require_others(lottery.draw(), first, what + ", 2^63 steps later");
      ok(g, nadir_graph_set_step(g, 0));
      require_same(lottery.draw(), zeroth, what + ", back at the first step");
    }
  }
}

void an_update_is_a_step() {
  for (const Distribution& one : distributions()) {
    Lottery lottery(one.build, NADIR_F64, {1001}), other(one.build, NADIR_F64, {1001});
    nadir_session* s = lottery.session.get();
    const Array before = lottery.draw();
    ok(s, nadir_backward(s));
    require_same(lottery.draw(), before, "after a backward pass");
    ok(s, nadir_backward(s));
    ok(s, nadir_sgd_step(s, 0.1));
    require(nadir_graph_step(lottery.graph.get()) == 1, "an update counts");
    const Array after = lottery.draw();
    require_others(after, before, one.name);
    ok(other.graph.get(), nadir_graph_set_step(other.graph.get(), 1));
    require_same(other.draw(), after, std::string(one.name) + ", the step that was set");
  }
}

void another_seed_gives_other_numbers() {
  for (const Distribution& one : distributions()) {
    Lottery first(one.build, NADIR_F64, {1001}), second(one.build, NADIR_F64, {1001}, nullptr, 2);
    Lottery third(one.build, NADIR_F64, {1001}, nullptr, (std::uint64_t{1} << 40) + 1);
    require_others(first.draw(), second.draw(), one.name);
    require_others(first.draw(), third.draw(), one.name);
  }
}

void another_name_gives_other_numbers() {
  for (const Distribution& one : distributions()) {
    Lottery first(one.build, NADIR_F64, {1001}, "a"), second(one.build, NADIR_F64, {1001}, "b"),
        third(one.build, NADIR_F64, {1001}, "a");
    require_others(first.draw(), second.draw(), one.name);
    require_same(first.draw(), third.draw(), one.name);
    // Two nodes of one graph have two names.
    const GraphPtr graph = new_graph();
    const nadir_node a = made(graph.get(), one.build(graph.get(), NADIR_F64, {1001}));
    const nadir_node b = made(graph.get(), one.build(graph.get(), NADIR_F64, {1001}));
    require(a != b, "one node for two draws");
    const SessionPtr session = new_session(graph.get(), NADIR_NONE, {a, b});
    ok(session.get(), nadir_session_set_training(session.get(), 1));
    ok(session.get(), nadir_forward(session.get()));
    require_others(read(session.get(), graph.get(), a), read(session.get(), graph.get(), b), one.name);
  }
}

// A layer that is added elsewhere changes no name that was given.
void a_name_keeps_its_numbers_in_another_graph() {
  for (const Distribution& one : distributions()) {
    Lottery first(one.build, NADIR_F64, {1001}, "noise");
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    ok(g, nadir_graph_set_seed(g, 1));
    const nadir_node x = input(g, NADIR_F64, {3}, "more");
    made(g, nadir_square(g, x));
    const nadir_node numbers = made(g, one.build(g, NADIR_F64, {1001}));
    ok(g, nadir_graph_node_set_name(g, numbers, "noise"));
    const SessionPtr session = new_session(g, NADIR_NONE, {numbers});
    ok(session.get(), nadir_session_set_training(session.get(), 1));
    ok(session.get(), nadir_forward(session.get()));
    require_same(read(session.get(), g, numbers), first.draw(), one.name);
  }
}

void the_index_of_an_element_is_what_counts() {
  for (const Distribution& one : distributions()) {
    for (const nadir_dtype dtype : kFloats) {
      Lottery flat(one.build, dtype, {60}, "n"), shaped(one.build, dtype, {3, 4, 5}, "n"),
          longer(one.build, dtype, {1001}, "n");
      const Array numbers = flat.draw();
      require_same(reshaped(shaped.draw(), {60}), numbers, std::string(one.name) + " in another shape");
      const Array more = longer.draw();
      for (std::size_t i = 0; i < 60; ++i)
        require(same_bits(more(i), numbers(i)), std::string(one.name) + " of a longer one");
    }
  }
}

void a_batch_begins_with_the_numbers_of_a_smaller_one() {
  for (const Distribution& one : distributions()) {
    for (const nadir_dtype dtype : kFloats) {
      const GraphPtr graph = new_graph();
      nadir_graph* g = graph.get();
      const nadir_node x = input(g, dtype, {kBatch, 3});
      const nadir_node numbers = made(g, one.build(g, dtype, {kBatch, 3}));
      const nadir_node y = made(g, nadir_add(g, x, numbers));
      const SessionPtr session = new_session(g, NADIR_NONE, {y}, 50);
      ok(session.get(), nadir_session_set_training(session.get(), 1));
      Array largest;
      for (const std::int64_t batch : {50, 7, 1, 16, 0, 50}) {
        ok(session.get(), write(session.get(), x, dtype, array_of(Shape{batch, 3})));
        ok(session.get(), nadir_forward(session.get()));
        const Array y_now = read(session.get(), g, y, batch);
        if (batch == 50) largest = y_now;
        for (std::size_t i = 0; i < y_now.size(); ++i)
          require(same_bits(y_now.storage()[i], largest.storage()[i]), one.name);
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------- outside training

void outside_training_each_number_is_its_mean() {
  for (const Distribution& one : distributions()) {
    for (const nadir_dtype dtype : kFloats) {
      Lottery lottery(one.build, dtype, {37});
      nadir_session* s = lottery.session.get();
      const Array numbers = lottery.draw();
      require_others(numbers, mapped(numbers, [&](double) { return one.mean; }), one.name);
      ok(s, nadir_session_set_training(s, 0));
      require_values(lottery.draw(), std::vector<double>(37, one.mean), std::string(one.name) + " outside training");
      ok(s, nadir_session_set_training(s, 1));
      require_same(lottery.draw(), numbers, std::string(one.name) + ", training again");
      const SessionPtr predicts = new_session(lottery.graph.get(), NADIR_NONE, {lottery.numbers});
      ok(predicts.get(), nadir_forward(predicts.get()));
      require_values(read(predicts.get(), lottery.graph.get(), lottery.numbers), std::vector<double>(37, one.mean),
                     std::string(one.name) + " without a loss");
    }
  }
}

void another_state_of_training_wants_another_pass() {
  Lottery lottery(distributions()[0].build, NADIR_F64, {3});
  nadir_session* s = lottery.session.get();
  lottery.draw();
  ok(s, nadir_session_set_training(s, 0));
  require(nadir_backward(s) == NADIR_E_STATE, "a backward pass of other numbers");
  require(nadir_session_set_training(nullptr, 0) == NADIR_E_ARGUMENT, "no session");
}

// --------------------------------------------------------------------------------------------------- statistics

struct Moments {
  double mean = 0, variance = 0, lag = 0;  // the greatest correlation of numbers up to 16 apart
};

Moments moments(const Array& x) {
  Moments m;
  const auto n = static_cast<double>(x.size());
  for (const double value : x.storage()) m.mean += value / n;
  for (const double value : x.storage()) m.variance += (value - m.mean) * (value - m.mean) / n;
  for (std::size_t apart = 1; apart <= 16; ++apart) {
    double sum = 0;
    for (std::size_t i = apart; i < x.size(); ++i) sum += (x(i) - m.mean) * (x(i - apart) - m.mean) / n;
    m.lag = std::max(m.lag, std::fabs(sum) / m.variance);
  }
  return m;
}

// The greatest distance of the numbers' distribution from the one wanted, times sqrt(n): over 2 it is one case in 1500.
double kolmogorov_smirnov(const Array& x, const std::function<double(double)>& distribution) {
  std::vector<double> sorted(x.storage().begin(), x.storage().end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double distance = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double wanted = distribution(sorted[i]);
    distance = std::max(
        {distance, std::fabs(wanted - static_cast<double>(i) / n), std::fabs(wanted - static_cast<double>(i + 1) / n)});
  }
  return distance * std::sqrt(n);
}

void uniform_numbers_fill_their_range() {
  for (const nadir_dtype dtype : kFloats) {
    for (const std::uint64_t step : {0, 1, 1000}) {
      Lottery lottery(distributions()[0].build, dtype, {kMany});
      ok(lottery.graph.get(), nadir_graph_set_step(lottery.graph.get(), step));
      const Array x = lottery.draw();
      const Moments m = moments(x);
      const std::string what = std::string("uniform in ") + name_of(dtype);
      const double deviation = 5 / std::sqrt(12.0), root = std::sqrt(static_cast<double>(kMany));
      const auto [least, greatest] = std::minmax_element(x.storage().begin(), x.storage().end());
      require(*least >= -1 && *greatest < 4, what + ": outside");
      require(*least < -1 + 1e-3 && *greatest > 4 - 1e-3, what + ": the ends are missing");
      require(std::fabs(m.mean - 1.5) < 6 * deviation / root, what + ": mean " + std::to_string(m.mean));
      // The variance of a square of a uniform number about its mean is 4/5 of the squared variance.
      require(std::fabs(m.variance - 25.0 / 12) < 6 * std::sqrt(0.8) * (25.0 / 12) / root,
              what + ": variance " + std::to_string(m.variance));
      require(m.lag < 6 / root, what + ": neighbours are correlated");
      const double distance = kolmogorov_smirnov(x, [](double value) { return (value + 1) / 5; });
      require(distance < 2, what + ": distance " + std::to_string(distance));
    }
  }
}

// Far from 0 a number just below the end would round to it.
void uniform_numbers_stay_below_their_end() {
  Lottery lottery([](nadir_graph* g, nadir_dtype d,
                     const Shape& s) { return nadir_uniform(g, d, s.data(), rank(s), "low=1000 high=1001"); },
                  NADIR_F32, {kMany});
  for (std::uint64_t step = 0; step < 5; ++step) {
    ok(lottery.graph.get(), nadir_graph_set_step(lottery.graph.get(), step));
    const Array x = lottery.draw();
    require(*std::max_element(x.storage().begin(), x.storage().end()) < 1001, "uniform reaches its end");
    require(*std::min_element(x.storage().begin(), x.storage().end()) >= 1000, "uniform begins before its start");
  }
}

void normal_numbers_are_normal() {
  for (const nadir_dtype dtype : kFloats) {
    for (const std::uint64_t step : {0, 1, 1000}) {
      Lottery lottery(distributions()[1].build, dtype, {kMany});
      ok(lottery.graph.get(), nadir_graph_set_step(lottery.graph.get(), step));
      const Array x = lottery.draw();
      const Moments m = moments(x);
      const std::string what = std::string("normal in ") + name_of(dtype);
      const double root = std::sqrt(static_cast<double>(kMany));
      double cubes = 0, fourths = 0, farthest = 0;
      for (const double value : x.storage()) {
        const double z = (value - 2) / 3;
        require(std::isfinite(z), what + ": not finite");
        cubes += z * z * z / static_cast<double>(kMany);
        fourths += z * z * z * z / static_cast<double>(kMany);
        farthest = std::max(farthest, std::fabs(z));
      }
      require(std::fabs(m.mean - 2) < 6 * 3 / root, what + ": mean " + std::to_string(m.mean));
      require(std::fabs(m.variance - 9) < 6 * std::sqrt(2.0) * 9 / root,
              what + ": variance " + std::to_string(m.variance));
      require(std::fabs(cubes) < 6 * std::sqrt(15.0) / root, what + ": skew " + std::to_string(cubes));
      require(std::fabs(fourths - 3) < 6 * std::sqrt(96.0) / root, what + ": fourth moment " + std::to_string(fourths));
      require(farthest > 3.5 && farthest < 6.5, what + ": the farthest is at " + std::to_string(farthest));
      require(m.lag < 6 / root, what + ": neighbours are correlated");
      const double distance =
          kolmogorov_smirnov(x, [](double value) { return std::erfc(-(value - 2) / 3 / std::sqrt(2.0)) / 2; });
      require(distance < 2, what + ": distance " + std::to_string(distance));
    }
  }
}

void bernoulli_numbers_are_one_as_often_as_said() {
  for (const nadir_dtype dtype : kFloats) {
    for (const double probability : {0.0, 1e-3, 0.25, 0.5, 0.9, 1.0}) {
      Lottery lottery([probability](nadir_graph* g, nadir_dtype d,
                                    const Shape& s) { return nadir_bernoulli(g, d, s.data(), rank(s), probability); },
                      dtype, {kMany});
      const Array x = lottery.draw();
      const std::string what = "bernoulli of " + std::to_string(probability);
      double ones = 0;
      for (const double value : x.storage()) {
        require(value == 0 || value == 1, what + ": neither 0 nor 1");
        ones += value;
      }
      ones /= static_cast<double>(kMany);
      const double bound = 6 * std::sqrt(probability * (1 - probability) / static_cast<double>(kMany));
      require(std::fabs(ones - probability) <= bound, what + ": " + std::to_string(ones));
    }
  }
}

void options_have_their_defaults() {
  for (const nadir_dtype dtype : kFloats) {
    Lottery uniform(
        [](nadir_graph* g, nadir_dtype d, const Shape& s) { return nadir_uniform(g, d, s.data(), rank(s), nullptr); },
        dtype, {kMany});
    const Array u = uniform.draw();
    const auto [least, greatest] = std::minmax_element(u.storage().begin(), u.storage().end());
    require(*least >= 0 && *least < 1e-3 && *greatest > 1 - 1e-3 && *greatest < 1, "uniform is from 0 to below 1");
    Lottery normal(
        [](nadir_graph* g, nadir_dtype d, const Shape& s) { return nadir_normal(g, d, s.data(), rank(s), nullptr); },
        dtype, {kMany});
    const Moments m = moments(normal.draw());
    require(std::fabs(m.mean) < 0.02 && std::fabs(m.variance - 1) < 0.03, "normal is of mean 0 and deviation 1");
    Lottery narrow([](nadir_graph* g, nadir_dtype d,
                      const Shape& s) { return nadir_uniform(g, d, s.data(), rank(s), "low=3 high=3"); },
                   dtype, {9});
    require_values(narrow.draw(), std::vector<double>(9, 3), "uniform from 3 to 3");
    Lottery sure([](nadir_graph* g, nadir_dtype d,
                    const Shape& s) { return nadir_normal(g, d, s.data(), rank(s), "mean=3 std=0"); },
                 dtype, {9});
    require_values(sure.draw(), std::vector<double>(9, 3), "normal of deviation 0");
  }
}

// Of 2^53 possible numbers hardly two of 1e5 are alike.
void no_number_comes_twice() {
  Lottery lottery(distributions()[0].build, NADIR_F64, {kMany});
  const Array x = lottery.draw();
  std::vector<double> sorted(x.storage().begin(), x.storage().end());
  std::sort(sorted.begin(), sorted.end());
  require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), "a number comes twice");
}

// The numbers of two nodes, and of two steps, know nothing of each other.
void streams_are_not_correlated() {
  Lottery a(distributions()[1].build, NADIR_F64, {kMany}, "a"), b(distributions()[1].build, NADIR_F64, {kMany}, "b");
  const Array first = a.draw(), second = b.draw();
  ok(a.graph.get(), nadir_graph_set_step(a.graph.get(), 1));
  const Array third = a.draw();
  const auto correlation = [](const Array& x, const Array& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += (x(i) - 2) / 3 * (y(i) - 2) / 3 / static_cast<double>(kMany);
    return std::fabs(sum);
  };
  const double bound = 6 / std::sqrt(static_cast<double>(kMany));
  require(correlation(first, second) < bound && correlation(first, third) < bound && correlation(second, third) < bound,
          "correlated");
}

// -------------------------------------------------------------------------------------------------------- dropout

// y = dropout(x) of a parameter, and its gradient: the numbers by which x was multiplied are the gradient's.
void dropout_scales_what_it_keeps_and_its_gradient_alike() {
  for (const nadir_dtype dtype : kFloats) {
    for (const double probability : {0.25, 0.5, 0.9}) {
      const GraphPtr graph = new_graph();
      nadir_graph* g = graph.get();
      Array values = array_of(Shape{kMany});
      for (std::size_t i = 0; i < values.size(); ++i) values(i) = 1 + static_cast<double>(i % 5);
      const nadir_node x = param(g, dtype, values);
      const nadir_node y = made(g, nadir_dropout(g, x, probability));
      const SessionPtr session = new_session(g, sum_of(g, y), {y});
      const std::string what = "dropout of " + std::to_string(probability) + " in " + name_of(dtype);
      Array earlier;
      for (const std::uint64_t step : {0, 1}) {
        ok(g, nadir_graph_set_step(g, step));
        ok(session.get(), nadir_zero_grad(session.get()));
        ok(session.get(), nadir_forward(session.get()));
        ok(session.get(), nadir_backward(session.get()));
        const Array kept = read(session.get(), g, y), factors = gradient(session.get(), g, x);
        const double tolerance = dtype == NADIR_F32 ? 4e-7 : 4e-16;
        double share = 0;
        for (std::size_t i = 0; i < kept.size(); ++i) {
          const bool is_kept = kept(i) != 0;
          share += is_kept ? 1.0 / static_cast<double>(kMany) : 0;
          require(is_near(kept(i), is_kept ? values(i) / (1 - probability) : 0, tolerance),
                  what + ": a value of another scale");
          require(is_near(factors(i), is_kept ? 1 / (1 - probability) : 0, tolerance),
                  what + ": a gradient of another number");
        }
        const double bound = 6 * std::sqrt(probability * (1 - probability) / static_cast<double>(kMany));
        require(std::fabs(share - (1 - probability)) < bound, what + ": kept " + std::to_string(share));
        if (step == 1) require(share_of_equals(kept, earlier) < 0.95, what + ": the same in another step");
        earlier = kept;
      }
    }
  }
}

void dropout_of_all_or_nothing_is_sure() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const Array values = vector_of({1, kNan, -kInfinity, 4, 0.1});
  const nadir_node x = param(g, NADIR_F64, values);
  const nadir_node none = made(g, nadir_dropout(g, x, 0)), all = made(g, nadir_dropout(g, x, 1));
  const nadir_node sum = sum_of(g, made(g, nadir_slice(g, all, 0, 3, 5, 1)));
  const SessionPtr session = new_session(g, sum, {none, all});
  ok(session.get(), nadir_forward(session.get()));
  require_same(read(session.get(), g, none), values, "dropout of 0");
  const Array zeros = read(session.get(), g, all);
  require(zeros(0) == 0 && zeros(3) == 0 && zeros(4) == 0, "dropout of 1");
  ok(session.get(), nadir_backward(session.get()));
  require_values(gradient(session.get(), g, x), {0, 0, 0, 0, 0}, "dropout of 1, gradient");
}

// To the bit, whatever 1 / (1 - probability) would do to a number.
void dropout_outside_training_is_the_identity() {
  for (const nadir_dtype dtype : kFloats) {
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    Array values = vector_of({1.0 / 3, -0.0, kInfinity, kNan, 1e-30, 7});
    const nadir_node x = param(g, dtype, values);
    const nadir_node y = made(g, nadir_dropout(g, x, 0.3));
    const SessionPtr session = new_session(g, sum_of(g, made(g, nadir_slice(g, y, 0, 5, 6, 1))), {y});
    ok(session.get(), nadir_session_set_training(session.get(), 0));
    ok(session.get(), nadir_forward(session.get()));
    const Array in_dtype = read(session.get(), g, x);
    require_same(read(session.get(), g, y), in_dtype, "dropout outside training");
    ok(session.get(), nadir_backward(session.get()));
    require_values(gradient(session.get(), g, x), {0, 0, 0, 0, 0, 1}, "dropout outside training, gradient");
  }
}

// Two layers of one graph drop different elements.
void every_dropout_drops_others() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = param(g, NADIR_F64, mapped(array_of(Shape{1000}), [](double) { return 1.0; }));
  const nadir_node a = made(g, nadir_dropout(g, x, 0.5)), b = made(g, nadir_dropout(g, x, 0.5));
  const SessionPtr session = new_session(g, sum_of(g, made(g, nadir_mul(g, a, b))), {a, b});
  ok(session.get(), nadir_forward(session.get()));
  const double share = share_of_equals(read(session.get(), g, a), read(session.get(), g, b));
  require(share > 0.4 && share < 0.6, "half of the elements are treated alike: " + std::to_string(share));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      OPERATION_TEST(same_seed_name_and_step_give_the_same_numbers),
      OPERATION_TEST(another_step_gives_other_numbers_and_the_same_one_the_same),
      OPERATION_TEST(an_update_is_a_step),
      OPERATION_TEST(another_seed_gives_other_numbers),
      OPERATION_TEST(another_name_gives_other_numbers),
      OPERATION_TEST(a_name_keeps_its_numbers_in_another_graph),
      OPERATION_TEST(the_index_of_an_element_is_what_counts),
      OPERATION_TEST(a_batch_begins_with_the_numbers_of_a_smaller_one),
      OPERATION_TEST(outside_training_each_number_is_its_mean),
      OPERATION_TEST(another_state_of_training_wants_another_pass),
      OPERATION_TEST(uniform_numbers_fill_their_range),
      OPERATION_TEST(uniform_numbers_stay_below_their_end),
      OPERATION_TEST(normal_numbers_are_normal),
      OPERATION_TEST(bernoulli_numbers_are_one_as_often_as_said),
      OPERATION_TEST(options_have_their_defaults),
      OPERATION_TEST(no_number_comes_twice),
      OPERATION_TEST(streams_are_not_correlated),
      OPERATION_TEST(dropout_scales_what_it_keeps_and_its_gradient_alike),
      OPERATION_TEST(dropout_of_all_or_nothing_is_sure),
      OPERATION_TEST(dropout_outside_training_is_the_identity),
      OPERATION_TEST(every_dropout_drops_others),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
