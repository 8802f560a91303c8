// Slices, joins and indices where they are odd: slices of slices that were set, what nobody reads, indices that are
// outside, numbers that would be wrong if a gradient went to the wrong element.
#include <cstring>

#include "edge.h"

namespace {

using namespace operations;  // NOLINT: a test

// ------------------------------------------------------------------------------------------------------ slice_set

nadir_node set_1d(nadir_graph* g, nadir_node x, std::int64_t start, std::int64_t stop, nadir_node value) {
  return made(g, nadir_slice_set(g, x, 0, start, stop, 1, value));
}

// Adds up with weights 1, 10, 100, … so that a gradient says where an element went.
nadir_node with_powers_of_ten(nadir_graph* g, nadir_node y, std::int64_t length) {
  std::vector<double> weights(static_cast<std::size_t>(length), 1);
  for (std::size_t i = 1; i < weights.size(); ++i) weights[i] = 10 * weights[i - 1];
  return made(g, nadir_mul(g, y, constant(g, NADIR_F64, vector_of(weights))));
}

void later_set_overwrites_an_earlier_one() {
  const Arrays operands = {vector_of({1, 2, 3, 4, 5, 6}), vector_of({10, 20, 30, 40}), vector_of({100, 200, 300, 400})};
  const auto build = [](const Scope& s, const Nodes& x) {
    return set_1d(s.graph, set_1d(s.graph, x[0], 0, 4, x[1]), 2, 6, x[2]);
  };
  require_values(value_of(operands, build), {10, 20, 100, 200, 300, 400}, "two sets");
  const Derived d =
      derive(operands, [&](const Scope& s, const Nodes& x) { return with_powers_of_ten(s.graph, build(s, x), 6); });
  require_values(d.first[0], {0, 0, 0, 0, 0, 0}, "gradient of what was overwritten");
  require_values(d.first[1], {1, 10, 0, 0}, "gradient of the first set");
  require_values(d.first[2], {1e2, 1e3, 1e4, 1e5}, "gradient of the second set");
}

// x itself stays as it was, and both are read.
void a_set_changes_nothing_but_its_result() {
  const Derived d = derive({vector_of({1, 2, 3}), vector_of({7})}, [](const Scope& s, const Nodes& x) {
    const nadir_node changed = set_1d(s.graph, x[0], 1, 2, x[1]);
    const nadir_node both[] = {x[0], changed, x[0]};
    return with_powers_of_ten(s.graph, nadir_concat(s.graph, both, 3, 0), 9);
  });
  require_values(d.y, {1, 20, 300, 1e3, 7e4, 3e5, 1e6, 2e7, 3e8}, "x, its change, and x");
  require_values(d.first[0], {1 + 1e3 + 1e6, 10 + 1e7, 100 + 1e5 + 1e8}, "gradient of x");
  require_values(d.first[1], {1e4}, "gradient of the value");
}

// Intermediate states of a chain are read after it was continued.
void every_link_of_a_chain_can_be_read() {
  const Array y = value_of({array_of({}, {9})}, [](const Scope& s, const Nodes& x) {
    const Shape four = {4};
    nadir_node state = made(s.graph, nadir_full(s.graph, s.dtype, four.data(), 1, 0));
    Nodes states = {state};
    for (std::int64_t i = 0; i < 4; ++i) {
      state = set_1d(s.graph, state, i, i + 1, made(s.graph, nadir_add_scalar(s.graph, x[0], static_cast<double>(i))));
      states.push_back(state);
    }
    return nadir_stack(s.graph, states.data(), 5, 0);
  });
  require_values(y, {0, 0, 0, 0, 9, 0, 0, 0, 9, 10, 0, 0, 9, 10, 11, 0, 9, 10, 11, 12}, "states");
}

// Its own halves change places: what is read must not have been overwritten.
void a_value_may_be_a_slice_of_the_same() {
  const Derived d = derive({vector_of({1, 2, 3, 4})}, [](const Scope& s, const Nodes& x) {
    const nadir_node left = nadir_slice(s.graph, x[0], 0, NADIR_OPEN, 2, 1),
                     right = nadir_slice(s.graph, x[0], 0, 2, NADIR_OPEN, 1);
    return with_powers_of_ten(s.graph, set_1d(s.graph, set_1d(s.graph, x[0], 0, 2, right), 2, 4, left), 4);
  });
  require_values(d.y, {3, 40, 100, 2000}, "halves exchanged");
  require_values(d.first[0], {100, 1000, 1, 10}, "halves exchanged, gradient");
  const Array reversed = value_of({vector_of({1, 2, 3, 4, 5})}, [](const Scope& s, const Nodes& x) {
    return nadir_slice_set(s.graph, x[0], 0, NADIR_OPEN, NADIR_OPEN, -1, x[0]);
  });
  require_values(reversed, {5, 4, 3, 2, 1}, "set backwards by itself");
}

void an_empty_slice_sets_nothing() {
  const Derived d = derive({vector_of({1, 2, 3}), array_of({}, {9})}, [](const Scope& s, const Nodes& x) {
    return with_powers_of_ten(s.graph, set_1d(s.graph, x[0], 2, 1, x[1]), 3);
  });
  require_values(d.y, {1, 20, 300}, "an empty set");
  require_values(d.first[0], {1, 10, 100}, "an empty set, gradient");
  require_values(d.first[1], {0}, "an empty set, gradient of the value");
}

// NaN that was overwritten is gone, and its gradient is 0 and not 0 * NaN.
void overwritten_nan_is_gone() {
  const Derived d = derive({vector_of({kNan, 2}), vector_of({5})}, [](const Scope& s, const Nodes& x) {
    return nadir_square(s.graph, set_1d(s.graph, x[0], 0, 1, x[1]));
  });
  require_values(d.y, {25, 4}, "NaN overwritten");
  require_values(d.first[0], {0, 4}, "NaN overwritten, gradient");
  require_values(d.first[1], {10}, "NaN overwritten, gradient of the value");
}

// A value of shape [2] in a slice [3, 2] is repeated over the rows.
void a_set_broadcasts_its_value() {
  const Derived d = derive({array_of(Shape{3, 4}), vector_of({5, 7})}, [](const Scope& s, const Nodes& x) {
    return nadir_slice_set(s.graph, x[0], 1, 1, NADIR_OPEN, 2, x[1]);
  });
  require_values(d.y, {0, 5, 0, 7, 0, 5, 0, 7, 0, 5, 0, 7}, "columns");
  require_values(d.first[0], {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, "columns, gradient");
  require_values(d.first[1], {3, 3}, "columns, gradient of the value");
}

// --------------------------------------------------------------------------------------------------------- slices

void slices_of_slices_are_slices() {
  const Derived d = derive({vector_of({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})}, [](const Scope& s, const Nodes& x) {
    const nadir_node odd = nadir_slice(s.graph, x[0], 0, 1, NADIR_OPEN, 2);              // 1 3 5 7 9
    const nadir_node turned = nadir_slice(s.graph, odd, 0, NADIR_OPEN, NADIR_OPEN, -1);  // 9 7 5 3 1
    return with_powers_of_ten(s.graph, nadir_slice(s.graph, turned, 0, 1, -1, 2), 2);    // 7 3
  });
  require_values(d.y, {7, 30}, "a slice of a slice");
  require_values(d.first[0], {0, 0, 0, 10, 0, 0, 0, 1, 0, 0}, "a slice of a slice, gradient");
}

// What nobody reads has the gradient 0, and slices that overlap add up.
void gradients_of_overlapping_slices_add_up() {
  const Derived d = derive({vector_of({1, 2, 3, 4, 5})}, [](const Scope& s, const Nodes& x) {
    const nadir_node left = nadir_slice(s.graph, x[0], 0, 0, 3, 1), right = nadir_slice(s.graph, x[0], 0, 1, 4, 1);
    return nadir_mul(s.graph, left, right);
  });
  require_values(d.y, {2, 6, 12}, "neighbours");
  require_values(d.first[0], {2, 1 + 3, 2 + 4, 3, 0}, "neighbours, gradient");
}

void only_a_piece_that_is_read_has_a_gradient() {
  const Derived d = derive({vector_of({1, 2, 3, 4, 5})}, [](const Scope& s, const Nodes& x) {
    const std::int64_t lengths[] = {2, 1, 2};
    nadir_node out[3];
    ok(s.graph, nadir_split(s.graph, x[0], 0, lengths, 3, out));
    return with_powers_of_ten(s.graph, out[2], 2);
  });
  require_values(d.y, {4, 50}, "the last piece");
  require_values(d.first[0], {0, 0, 0, 1, 10}, "the last piece, gradient");
}

// Along the batch, joined and cut again by a graph whose batch is a symbol.
void batches_are_joined_and_cut() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node a = input(g, NADIR_F64, {kBatch, 2}), b = input(g, NADIR_F64, {2 * kBatch, 2});
  const nadir_node both[] = {a, b};
  const nadir_node joined = made(g, nadir_concat(g, both, 2, 0));
  require(shape_of(g, joined) == Shape{3 * kBatch, 2}, "the shape of what was joined");
  const std::int64_t lengths[] = {2 * kBatch, kBatch};
  nadir_node out[2];
  ok(g, nadir_split(g, joined, 0, lengths, 2, out));
  const SessionPtr session = new_session(g, NADIR_NONE, {joined, out[0], out[1]}, 4);
  for (const std::int64_t batch : {2, 0, 1, 4}) {
    const auto rows = static_cast<std::size_t>(batch);
    Array in_a = array_of(Shape{batch, 2}), in_b = array_of(Shape{2 * batch, 2});
    std::vector<double> all;
    for (std::size_t i = 0; i < 2 * rows; ++i) all.push_back(in_a.storage()[i] = static_cast<double>(i));
    for (std::size_t i = 0; i < 4 * rows; ++i) all.push_back(in_b.storage()[i] = 100 + static_cast<double>(i));
    ok(session.get(), write(session.get(), a, NADIR_F64, in_a));
    ok(session.get(), write(session.get(), b, NADIR_F64, in_b));
    ok(session.get(), nadir_forward(session.get()));
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(4 * rows);
    require_values(read(session.get(), g, joined, batch), all, "joined");
    require_values(read(session.get(), g, out[0], batch), {all.begin(), middle}, "the first two thirds");
    require_values(read(session.get(), g, out[1], batch), {middle, all.end()}, "the last third");
  }
}

// ------------------------------------------------------------------------------------------------------- padding

void padding_mirrors_at_most_all_but_one() {
  const Array mirrored = value_of({vector_of({1, 2, 3})}, [](const Scope& s, const Nodes& x) {
    return nadir_pad(s.graph, x[0], 0, 2, 2, "mode=reflect");
  });
  require_values(mirrored, {3, 2, 1, 2, 3, 2, 1}, "reflect");
  const Derived d = derive({vector_of({1, 2, 3})}, [](const Scope& s, const Nodes& x) {
    return with_powers_of_ten(s.graph, nadir_pad(s.graph, x[0], 0, 2, 2, "mode=reflect"), 7);
  });
  require_values(d.first[0], {100 + 1e6, 10 + 1e3 + 1e5, 1 + 1e4}, "reflect, gradient");
  const Derived edges = derive({vector_of({1, 2})}, [](const Scope& s, const Nodes& x) {
    return with_powers_of_ten(s.graph, nadir_pad(s.graph, x[0], 0, 2, 1, "mode=replicate"), 5);
  });
  require_values(edges.y, {1, 10, 100, 2e3, 2e4}, "replicate");
  require_values(edges.first[0], {111, 11000}, "replicate, gradient");
}

void padding_may_be_anything_but_a_number() {
  const Array y = value_of(
      {vector_of({1})}, [](const Scope& s, const Nodes& x) { return nadir_pad(s.graph, x[0], 0, 1, 1, "value=-inf"); });
  require_values(y, {-kInfinity, 1, -kInfinity}, "pad by -inf");
}

// ------------------------------------------------------------------------------------------------------ triangles

// What is left out is 0, were it no number.
void triangles_leave_nan_and_infinity_out() {
  const Array x = array_of({2, 2}, {1, kNan, kInfinity, 4});
  const Derived lower = derive({x}, [](const Scope& s, const Nodes& xs) { return nadir_tril(s.graph, xs[0], 0); });
  require_values(lower.y, {1, 0, kInfinity, 4}, "tril");
  require_values(lower.first[0], {1, 0, 1, 1}, "tril, gradient");
  const Derived upper = derive({x}, [](const Scope& s, const Nodes& xs) { return nadir_triu(s.graph, xs[0], 0); });
  require_values(upper.y, {1, kNan, 0, 4}, "triu");
  require_values(upper.first[0], {1, 1, 0, 1}, "triu, gradient");
}

// -------------------------------------------------------------------------------------------------------- indices

using Chosen = std::function<nadir_node(nadir_graph*, nadir_node x, nadir_node index, nadir_node values)>;

struct Indexed {
  const char* name;
  Chosen build;
  std::vector<double> y;  // of x = 10 20 30 and index 2 0
};

// x is [3], the index [2] and so are the values, 1 and 2.
const std::vector<Indexed>& indexed() {
  static const std::vector<Indexed> all = {
      {"index_select",
       [](nadir_graph* g, nadir_node x, nadir_node index, nadir_node) { return nadir_index_select(g, x, 0, index); },
       {30, 10}},
      {"gather",
       [](nadir_graph* g, nadir_node x, nadir_node index, nadir_node) { return nadir_gather(g, x, 0, index); },
       {30, 10}},
      {"index_add",
       [](nadir_graph* g, nadir_node x, nadir_node index, nadir_node values) {
         return nadir_index_add(g, x, 0, index, values);
       },
       {12, 20, 31}},
      {"scatter_add",
       [](nadir_graph* g, nadir_node x, nadir_node index, nadir_node values) {
         return nadir_scatter_add(g, x, 0, index, values);
       },
       {12, 20, 31}},
  };
  return all;
}

bool says(const char* message, const std::string& part) { return std::strstr(message, part.c_str()) != nullptr; }

// It is answered with the index and the node, nothing can be differentiated, and a good index makes it good.
void indices_outside_are_answered_and_forgiven() {
  for (const Indexed& one : indexed()) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      const GraphPtr graph = new_graph();
      nadir_graph* g = graph.get();
      const nadir_node x = param(g, NADIR_F64, vector_of({10, 20, 30}));
      const nadir_node values = param(g, NADIR_F64, vector_of({1, 2}));
      const nadir_node index = input(g, dtype, {2});
      const nadir_node y = made(g, one.build(g, x, index, values));
      ok(g, nadir_graph_node_set_name(g, y, "chosen"));
      const SessionPtr session = new_session(g, sum_of(g, y), {y});
      std::vector<double> outside = {-1, 3, 2147483647, -2147483648.0};
      if (dtype == NADIR_I64) outside.insert(outside.end(), {4294967296, -4294967296, 0x1p62});
      for (const double bad : outside) {
        for (const bool is_first : {true, false}) {
          const std::string what = std::string(one.name) + " of " + std::to_string(static_cast<std::int64_t>(bad));
          ok(session.get(), write(session.get(), index, dtype, is_first ? vector_of({bad, 0}) : vector_of({2, bad})));
          require(nadir_forward(session.get()) == NADIR_E_ARGUMENT, what + ": not answered");
          const char* message = nadir_session_error(session.get());
          require(says(message, std::to_string(static_cast<std::int64_t>(bad))) && says(message, "chosen"),
                  what + ": " + message);
          require(nadir_backward(session.get()) == NADIR_E_STATE, what + ": differentiated");
          ok(session.get(), write(session.get(), index, dtype, vector_of({2, 0})));
          ok(session.get(), nadir_forward(session.get()));
          ok(session.get(), nadir_backward(session.get()));
          require_values(read(session.get(), g, y), one.y, what + " and then a good one");
        }
      }
    }
  }
}

// A constant is no better, nor an index that only a batch of some size has.
void constant_indices_are_looked_at_too() {
  for (const Indexed& one : indexed()) {
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    const nadir_node x = constant(g, NADIR_F64, vector_of({10, 20, 30})),
                     values = constant(g, NADIR_F64, vector_of({1, 2}));
    const nadir_node index = constant(g, NADIR_I32, vector_of({0, 3}));
    const nadir_node y = made(g, one.build(g, x, index, values));
    SessionPtr session(nadir_session_new(g, NADIR_NONE, &y, 1, 1, nullptr));
    require(session == nullptr || nadir_forward(session.get()) == NADIR_E_ARGUMENT, one.name);
  }
}

void indices_of_a_batch_are_as_many_as_its_rows() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node table = constant(g, NADIR_F64, array_of({3, 2}, {0, 1, 10, 11, 20, 21}));
  const nadir_node index = input(g, NADIR_I32, {kBatch});
  const nadir_node y = made(g, nadir_index_select(g, table, 0, index));
  const SessionPtr session = new_session(g, NADIR_NONE, {y}, 3);
  ok(session.get(), write(session.get(), index, NADIR_I32, vector_of({1, 2, 7})));
  require(nadir_forward(session.get()) == NADIR_E_ARGUMENT, "an index outside in the third row");
  // The rows beyond the batch are not looked at.
  ok(session.get(), write(session.get(), index, NADIR_I32, vector_of({1, 2})));
  ok(session.get(), nadir_forward(session.get()));
  require_values(read(session.get(), g, y, 2), {10, 11, 20, 21}, "two rows");
  ok(session.get(), write(session.get(), index, NADIR_I32, array_of(Shape{0})));
  ok(session.get(), nadir_forward(session.get()));
}

// An index may come of the axis that is the batch, whose length it must not reach.
void indices_into_the_batch_end_with_it() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F64, {kBatch});
  const nadir_node index = input(g, NADIR_I32, {2});
  const nadir_node y = made(g, nadir_index_select(g, x, 0, index));
  const SessionPtr session = new_session(g, NADIR_NONE, {y}, 5);
  ok(session.get(), write(session.get(), x, NADIR_F64, vector_of({1, 2, 3, 4, 5})));
  ok(session.get(), write(session.get(), index, NADIR_I32, vector_of({4, 0})));
  ok(session.get(), nadir_forward(session.get()));
  require_values(read(session.get(), g, y), {5, 1}, "of five");
  ok(session.get(), write(session.get(), x, NADIR_F64, vector_of({1, 2, 3, 4})));
  require(nadir_forward(session.get()) == NADIR_E_ARGUMENT, "of four there is no fifth");
}

// Many to one place, in a step of training: the sum of what went there.
void elements_that_are_chosen_often_get_all_their_gradients() {
  const Array x = array_of({3, 2}, {1, 2, 3, 4, 5, 6});
  const Derived d = derive({x}, [](const Scope& s, const Nodes& xs) {
    const nadir_node index = constant(s.graph, NADIR_I64, vector_of({2, 2, 0, 2}));
    const nadir_node weight = constant(s.graph, s.dtype, array_of({4, 1}, {1, 10, 100, 1000}));
    return nadir_mul(s.graph, nadir_index_select(s.graph, xs[0], 0, index), weight);
  });
  require_values(d.first[0], {100, 100, 0, 0, 1011, 1011}, "index_select, gradient");
  const Derived element = derive({x}, [](const Scope& s, const Nodes& xs) {
    const nadir_node index = constant(s.graph, NADIR_I64, array_of({3, 3}, {0, 0, 1, 1, 1, 1, 0, 1, 0}));
    const nadir_node weight = constant(s.graph, s.dtype, array_of({3, 3}, {1, 10, 100, 1, 10, 100, 1, 10, 100}));
    return nadir_mul(s.graph, nadir_gather(s.graph, xs[0], 1, index), weight);
  });
  require_values(element.first[0], {11, 100, 0, 111, 101, 10}, "gather, gradient");
}

// In the order of the index, whatever its length: the sum rounds as that of a loop.
void additions_round_in_the_order_of_the_index() {
  std::vector<double> values, numbers;
  float sums[3] = {0.5F, 0.25F, 0.125F};
  for (int i = 0; i < 200; ++i) {
    values.push_back(static_cast<double>(static_cast<float>((i % 7 - 3) * (i % 5 == 0 ? 1e6 : 0.1) + i)));
    numbers.push_back((i * i) % 3);
    sums[(i * i) % 3] += static_cast<float>(values.back());
  }
  const std::vector<double> wanted = {static_cast<double>(sums[0]), static_cast<double>(sums[1]),
                                      static_cast<double>(sums[2])};
  for (const bool is_scatter : {false, true}) {
    const Array y = value_of(
        {vector_of({0.5, 0.25, 0.125}), vector_of(values)},
        [&](const Scope& s, const Nodes& x) {
          const nadir_node index = constant(s.graph, NADIR_I32, vector_of(numbers));
          return is_scatter ? nadir_scatter_add(s.graph, x[0], 0, index, x[1])
                            : nadir_index_add(s.graph, x[0], 0, index, x[1]);
        },
        NADIR_F32);
    require_values(y, wanted, is_scatter ? "scatter_add" : "index_add");
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      OPERATION_TEST(later_set_overwrites_an_earlier_one),
      OPERATION_TEST(a_set_changes_nothing_but_its_result),
      OPERATION_TEST(every_link_of_a_chain_can_be_read),
      OPERATION_TEST(a_value_may_be_a_slice_of_the_same),
      OPERATION_TEST(an_empty_slice_sets_nothing),
      OPERATION_TEST(overwritten_nan_is_gone),
      OPERATION_TEST(a_set_broadcasts_its_value),
      OPERATION_TEST(slices_of_slices_are_slices),
      OPERATION_TEST(gradients_of_overlapping_slices_add_up),
      OPERATION_TEST(only_a_piece_that_is_read_has_a_gradient),
      OPERATION_TEST(batches_are_joined_and_cut),
      OPERATION_TEST(padding_mirrors_at_most_all_but_one),
      OPERATION_TEST(padding_may_be_anything_but_a_number),
      OPERATION_TEST(triangles_leave_nan_and_infinity_out),
      OPERATION_TEST(indices_outside_are_answered_and_forgiven),
      OPERATION_TEST(constant_indices_are_looked_at_too),
      OPERATION_TEST(indices_of_a_batch_are_as_many_as_its_rows),
      OPERATION_TEST(indices_into_the_batch_end_with_it),
      OPERATION_TEST(elements_that_are_chosen_often_get_all_their_gradients),
      OPERATION_TEST(additions_round_in_the_order_of_the_index),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
