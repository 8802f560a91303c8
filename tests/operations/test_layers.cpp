// What is known of layers besides their values: the parameters that they make and how these start, what a padding learns, what
// dropout does in training, and that each step of a sequence costs the same, however long it is.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "harness.h"

namespace {

using namespace operations;  // NOLINT: a test

constexpr nadir_node kNone = NADIR_NONE;

// ------------------------------------------------------------------------------------------------------- parameters

struct Wanted {
  std::string name;
  Shape shape;
};

// The parameters of a graph, in their order.
void require_params(nadir_graph* g, const std::vector<Wanted>& wanted) {
  require(nadir_param_count(g) == static_cast<std::int32_t>(wanted.size()), "another number of parameters");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const nadir_node param = nadir_param_at(g, static_cast<std::int32_t>(i));
    const std::string name = nadir_graph_node_name(g, param);
    require(name == wanted[i].name, name + " in the place of " + wanted[i].name);
    require(shape_of(g, param) == wanted[i].shape, name + " is " + text_of(shape_of(g, param)));
  }
}

std::vector<float> values_of(nadir_graph* g, const std::string& name) {
  const nadir_node param = made(g, nadir_graph_find(g, name.c_str()));
  std::size_t count = 1;
  for (const std::int64_t length : shape_of(g, param)) count *= static_cast<std::size_t>(length);
  std::vector<float> values(count);
  ok(g, nadir_param_get(g, param, values.data(), count * sizeof(float)));
  return values;
}

void require_all(nadir_graph* g, const std::string& name, float value) {
  for (const float one : values_of(g, name)) require(one == value, name + " starts as something else");
}

// All within the bound, and some near its ends.
void require_uniform(nadir_graph* g, const std::string& name, double bound) {
  double low = 0, high = 0;
  for (const double one : values_of(g, name)) {
    low = std::fmin(low, one);
    high = std::fmax(high, one);
  }
  require(low >= -bound && high <= bound, name + " is out of bounds");
  require(low < -0.8 * bound && high > 0.8 * bound, name + " is all in the middle");
}

void norms_start_as_nothing_but_norms() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F32, {kBatch, 4, 3});
  made(g, nadir_layer_norm_add(g, "layer", x, 2, nullptr));
  made(g, nadir_rms_norm_add(g, "rms", x, 1, nullptr));
  made(g, nadir_group_norm_add(g, "group", x, 2, nullptr));
  made(g, nadir_instance_norm_add(g, "instance", x, "affine=1"));
  made(g, nadir_instance_norm_add(g, "bare", x, nullptr));
  require_params(g, {{"layer.weight", {4, 3}},
                     {"layer.bias", {4, 3}},
                     {"rms.weight", {3}},
                     {"group.weight", {4}},
                     {"group.bias", {4}},
                     {"instance.weight", {4}},
                     {"instance.bias", {4}}});
  for (const char* layer : {"layer", "group", "instance"}) {
    require_all(g, layer + std::string(".weight"), 1);
    require_all(g, layer + std::string(".bias"), 0);
  }
  require_all(g, "rms.weight", 1);
}

void recurrent_layers_make_what_pytorch_makes() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F32, {3, kBatch, 5});
  const char* options = "num_layers=2 bidirectional=1";
  nadir_node h_n = kNone, c_n = kNone;
  const nadir_node y = made(g, nadir_lstm_add(g, "lstm", x, kNone, kNone, kNone, 16, options, &h_n, &c_n));
  require(shape_of(g, y) == Shape{3, kBatch, 32}, "the shape of y");
  require(shape_of(g, h_n) == Shape{4, kBatch, 16} && shape_of(g, c_n) == shape_of(g, h_n), "the shape of states");
  std::vector<Wanted> wanted;
  for (const char* end : {"_l0", "_l0_reverse", "_l1", "_l1_reverse"}) {
    const std::int64_t in = std::strncmp(end, "_l0", 3) == 0 ? 5 : 32;
    wanted.push_back({std::string("lstm.weight_ih") + end, {64, in}});
    wanted.push_back({std::string("lstm.weight_hh") + end, {64, 16}});
    wanted.push_back({std::string("lstm.bias_ih") + end, {64}});
    wanted.push_back({std::string("lstm.bias_hh") + end, {64}});
  }
  for (const Wanted& one : wanted) require_uniform(g, one.name, 0.25);
  made(g, nadir_gru_add(g, "gru", x, kNone, kNone, 4, "bias=0", nullptr));
  wanted.push_back({"gru.weight_ih_l0", {12, 5}});
  wanted.push_back({"gru.weight_hh_l0", {12, 4}});
  made(g, nadir_rnn_add(g, "rnn", x, kNone, kNone, 4, nullptr, nullptr));
  wanted.push_back({"rnn.weight_ih_l0", {4, 5}});
  wanted.push_back({"rnn.weight_hh_l0", {4, 4}});
  wanted.push_back({"rnn.bias_ih_l0", {4}});
  wanted.push_back({"rnn.bias_hh_l0", {4}});
  require_params(g, wanted);
}

void attention_makes_what_pytorch_makes() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F32, {3, kBatch, 16}), key = input(g, NADIR_F32, {5, kBatch, 4}),
                   value = input(g, NADIR_F32, {5, kBatch, 16});
  nadir_node weights = kNone;
  made(g, nadir_multi_head_attention_add(g, "self", x, x, x, kNone, kNone, 4, nullptr, nullptr));
  const char* options = "average_attn_weights=0";
  made(g, nadir_multi_head_attention_add(g, "cross", x, key, value, kNone, kNone, 4, options, &weights));
  require(shape_of(g, weights) == Shape{kBatch, 4, 3, 5}, "the shape of the weights");
  made(g, nadir_multi_head_attention_add(g, "bare", x, x, x, kNone, kNone, 4, "bias=0", nullptr));
  require_params(g, {{"self.in_proj_weight", {48, 16}},
                     {"self.in_proj_bias", {48}},
                     {"self.out_proj.weight", {16, 16}},
                     {"self.out_proj.bias", {16}},
                     {"cross.q_proj_weight", {16, 16}},
                     {"cross.k_proj_weight", {16, 4}},
                     {"cross.v_proj_weight", {16, 16}},
                     {"cross.in_proj_bias", {48}},
                     {"cross.out_proj.weight", {16, 16}},
                     {"cross.out_proj.bias", {16}},
                     {"bare.in_proj_weight", {48, 16}},
                     {"bare.out_proj.weight", {16, 16}}});
  for (const char* layer : {"self", "cross"}) {
    require_all(g, layer + std::string(".in_proj_bias"), 0);
    require_all(g, layer + std::string(".out_proj.bias"), 0);
    require_uniform(g, layer + std::string(".out_proj.weight"), 0.25);
  }
  // sqrt(6 / (fan_in + fan_out))
  require_uniform(g, "self.in_proj_weight", std::sqrt(6.0 / 64));
  require_uniform(g, "cross.q_proj_weight", std::sqrt(6.0 / 32));
  require_uniform(g, "cross.k_proj_weight", std::sqrt(6.0 / 20));
}

void embeddings_start_as_normal_numbers() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  made(g, nadir_embedding_add(g, "words", input(g, NADIR_I32, {kBatch, 2}), 1000, 10, nullptr));
  require_params(g, {{"words.weight", {1000, 10}}});
  double sum = 0, squares = 0;
  for (const double one : values_of(g, "words.weight")) {
    sum += one;
    squares += one * one;
  }
  // Five deviations of these means, of 10,000 numbers.
  require(std::fabs(sum / 1e4) < 0.05, "the mean is " + std::to_string(sum / 1e4));
  require(std::fabs(squares / 1e4 - 1) < 0.07, "the variance is " + std::to_string(squares / 1e4));
}

// ------------------------------------------------------------------------------------------------ what is learned

// The padding is 0 at first and has no gradient; another row has one for each place where it went.
void padding_learns_nothing() {
  for (const char* options : {"padding_idx=1", "padding_idx=-2"}) {
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    const nadir_node index = input(g, NADIR_I64, {5});
    const nadir_node y = made(g, nadir_embedding_add(g, "words", index, 3, 2, options));
    const std::vector<float> start = values_of(g, "words.weight");
    require(start[2] == 0 && start[3] == 0 && start[0] != 0 && start[5] != 0, "the start of the rows");
    const SessionPtr session = new_session(g, sum_of(g, y), {y});
    ok(session.get(), write(session.get(), index, NADIR_I64, vector_of({1, 0, 1, 2, 2})));
    ok(session.get(), nadir_forward(session.get()));
    ok(session.get(), nadir_backward(session.get()));
    const Array got = gradient(session.get(), g, nadir_graph_find(g, "words.weight"));
    require_same(got, array_of({3, 2}, {1, 1, 0, 0, 2, 2}), options);
    // A padding that was set to something is read like any row.
    set(g, nadir_graph_find(g, "words.weight"), array_of({3, 2}, {1, 2, 3, 4, 5, 6}));
    ok(session.get(), nadir_forward(session.get()));
    require_same(read(session.get(), g, y), array_of({5, 2}, {3, 4, 1, 2, 3, 4, 5, 6, 5, 6}), options);
  }
}

// At x = 0 the slope of x / sqrt(x² + eps) is 1 / sqrt(eps).
void the_least_mean_square_is_the_epsilon_of_the_dtype() {
  for (const nadir_dtype dtype : {NADIR_F32, NADIR_F64}) {
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    const nadir_node x = param(g, dtype, vector_of({0}));
    const SessionPtr session = new_session(g, sum_of(g, made(g, nadir_rms_norm_add(g, "rms", x, 1, nullptr))), {});
    ok(session.get(), nadir_forward(session.get()));
    ok(session.get(), nadir_backward(session.get()));
    const double wanted = dtype == NADIR_F32 ? std::exp2(11.5) : std::exp2(26);
    require_near(gradient(session.get(), g, x), vector_of({wanted}), 1e-6, name_of(dtype));
  }
}

// ----------------------------------------------------------------------------------------------------------- dropout

Array value(nadir_session* session, nadir_graph* g, nadir_node x, const Array& given, nadir_node y, bool training) {
  ok(session, nadir_session_set_training(session, training ? 1 : 0));
  ok(session, write(session, x, NADIR_F32, given));
  ok(session, nadir_forward(session));
  return read(session, g, y);
}

// With all of a layer dropped the next one sees nothing of x.
void recurrent_layers_drop_between_layers_in_training() {
  for (const char* kind : {"rnn", "gru", "lstm"}) {
    const GraphPtr graph = new_graph();
    nadir_graph* g = graph.get();
    const nadir_node x = input(g, NADIR_F32, {2, 1, 3});
    const char* options = "num_layers=2 dropout=1";
    nadir_node y = kNone, single = kNone;
    if (*kind == 'r') {
      y = nadir_rnn_add(g, "a", x, kNone, kNone, 2, options, nullptr);
      single = nadir_rnn_add(g, "b", x, kNone, kNone, 2, "dropout=1", nullptr);
    } else if (*kind == 'g') {
      y = nadir_gru_add(g, "a", x, kNone, kNone, 2, options, nullptr);
      single = nadir_gru_add(g, "b", x, kNone, kNone, 2, "dropout=1", nullptr);
    } else {
      y = nadir_lstm_add(g, "a", x, kNone, kNone, kNone, 2, options, nullptr, nullptr);
      single = nadir_lstm_add(g, "b", x, kNone, kNone, kNone, 2, "dropout=1", nullptr, nullptr);
    }
    const SessionPtr session = new_session(g, kNone, {made(g, y), made(g, single)});
    const Array one = array_of({2, 1, 3}, {1, 2, -1, 0.5, 1, -2}), two = array_of({2, 1, 3}, {-1, 0, 3, 2, 1, 1});
    const auto y_of = [&](const Array& given, bool training) { return value(session.get(), g, x, given, y, training); };
    require_same(y_of(one, true), y_of(two, true), kind);
    require(!same_bits(y_of(one, false), y_of(two, false)), kind + std::string(" evaluated"));
    require(!same_bits(y_of(one, false), y_of(one, true)), kind + std::string(" is the same in training"));
    // There is nothing behind the last layer to drop.
    require_same(value(session.get(), g, x, one, single, true), value(session.get(), g, x, one, single, false), kind);
  }
}

void attention_drops_weights_in_training() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = input(g, NADIR_F32, {2, 1, 2});
  const nadir_node y = made(g, nadir_multi_head_attention_add(g, "a", x, x, x, kNone, kNone, 1, "dropout=1", nullptr));
  const nadir_node z = made(g, nadir_scaled_dot_product_attention(g, x, x, x, kNone, "dropout_p=1"));
  const nadir_node plain = made(g, nadir_scaled_dot_product_attention(g, x, x, x, kNone, nullptr));
  set(g, nadir_graph_find(g, "a.out_proj.bias"), vector_of({3, -4}));
  const SessionPtr session = new_session(g, kNone, {y, z, plain});
  const Array given = array_of({2, 1, 2}, {1, 2, -1, 0.5});
  require_near(value(session.get(), g, x, given, y, true), array_of({2, 1, 2}, {3, -4, 3, -4}), 0, "in training");
  require_near(value(session.get(), g, x, given, z, true), array_of({2, 1, 2}), 0, "in training");
  require(!same_bits(value(session.get(), g, x, given, y, false), array_of({2, 1, 2}, {3, -4, 3, -4})), "evaluated");
  require_same(value(session.get(), g, x, given, z, false), value(session.get(), g, x, given, plain, false),
               "evaluated");
}

// ------------------------------------------------------------------------------------------------------------- costs

struct Cost {
  double nodes, plan, arena;
};

Cost cost_of(std::int64_t length) {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const nadir_node x = param(g, NADIR_F32, array_of({length, 2, 3}));
  const nadir_node y = made(g, nadir_lstm_add(g, "lstm", x, kNone, kNone, kNone, 4, nullptr, nullptr, nullptr));
  const SessionPtr session = new_session(g, sum_of(g, made(g, nadir_square(g, y))), {});
  // What has no name is called by its number.
  const char* last = nadir_graph_node_name(g, made(g, nadir_neg(g, y)));
  Cost cost = {std::atof(std::strchr(last, '#') + 1), 0, 0};
  std::size_t bytes = 0;
  ok(session.get(), nadir_session_memory(session.get(), "plan", &bytes));
  cost.plan = static_cast<double>(bytes);
  ok(session.get(), nadir_session_memory(session.get(), "arena", &bytes));
  cost.arena = static_cast<double>(bytes);
  return cost;
}

void a_step_costs_the_same_in_a_long_sequence() {
  const Cost some = cost_of(40), twice = cost_of(80), thrice = cost_of(120);
  const auto is_linear = [](double a, double b, double c) { return c - b <= 1.1 * (b - a); };
  require(is_linear(some.nodes, twice.nodes, thrice.nodes), "the nodes are more a step");
  require(is_linear(some.plan, twice.plan, thrice.plan), "the plan is larger a step");
  require(is_linear(some.arena, twice.arena, thrice.arena), "the arena is larger a step");
}

// Rows long enough to be read where they lie, more of them than a strip has, and so many elements that the backward pass computes
// again what it needs: against the formula, for the sum of y * g.
void layer_norm_of_long_rows_is_the_formula(std::int64_t rows, std::int64_t columns) {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const std::int64_t shape[] = {rows, columns};
  const nadir_node x = made(g, nadir_param_add(g, "x", NADIR_F64, shape, 2, nullptr));
  const nadir_node y = made(g, nadir_layer_norm_add(g, "norm", x, 1, "eps=0.25"));
  const nadir_node factor = made(g, nadir_input_add(g, "g", NADIR_F64, shape, 2));
  const nadir_node loss = sum_of(g, made(g, nadir_mul(g, y, factor)));
  const SessionPtr session = new_session(g, loss, {});
  const auto m = static_cast<std::size_t>(rows);
  const auto n = static_cast<std::size_t>(columns);
  const auto samples = [](std::size_t count, double step) {
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(step * static_cast<double>(i + 1));
    return values;
  };
  const std::vector<double> xs = samples(m * n, 1.7), gs = samples(m * n, 0.9), ws = samples(n, 0.3),
                            bs = samples(n, 0.7);
  const auto set = [&](nadir_node param, const std::vector<double>& values) {
    ok(g, nadir_param_set(g, param, values.data(), values.size() * sizeof(double)));
  };
  const nadir_node w = made(g, nadir_graph_find(g, "norm.weight"));
  const nadir_node b = made(g, nadir_graph_find(g, "norm.bias"));
  set(x, xs);
  set(w, ws);
  set(b, bs);
  ok(session.get(), nadir_session_write(session.get(), factor, gs.data(), gs.size() * sizeof(double)));
  ok(session.get(), nadir_zero_grad(session.get()));
  ok(session.get(), nadir_forward(session.get()));
  ok(session.get(), nadir_backward(session.get()));
  // Once more, to be added.
  ok(session.get(), nadir_forward(session.get()));
  ok(session.get(), nadir_backward(session.get()));

  double sum = 0;
  std::vector<double> dx(m * n), dw(n), db(n);
  for (std::size_t i = 0; i < m; ++i) {
    const double* const row = &xs[i * n];
    double mean = 0, var = 0, h_mean = 0, hz_mean = 0;
    for (std::size_t j = 0; j < n; ++j) mean += row[j] / static_cast<double>(n);
    for (std::size_t j = 0; j < n; ++j) var += (row[j] - mean) * (row[j] - mean) / static_cast<double>(n);
    const double scale = 1 / std::sqrt(var + 0.25);
    for (std::size_t j = 0; j < n; ++j) {
      const double z = (row[j] - mean) * scale, upstream = gs[i * n + j];
      sum += (z * ws[j] + bs[j]) * upstream;
      dw[j] += 2 * upstream * z;
      db[j] += 2 * upstream;
      h_mean += upstream * ws[j] / static_cast<double>(n);
      hz_mean += upstream * ws[j] * z / static_cast<double>(n);
    }
    for (std::size_t j = 0; j < n; ++j) {
      const double z = (row[j] - mean) * scale;
      dx[i * n + j] = 2 * scale * (gs[i * n + j] * ws[j] - h_mean - z * hz_mean);
    }
  }
  double found = 0;
  ok(session.get(), nadir_session_read(session.get(), loss, &found, sizeof found));
  require(std::fabs(found - sum) < 1e-9, "the sum is " + std::to_string(found));
  const auto require_gradient = [&](nadir_node param, const std::vector<double>& wanted, const char* name) {
    std::vector<double> gradient(wanted.size());
    ok(session.get(), nadir_grad_get(session.get(), param, gradient.data(), gradient.size() * sizeof(double)));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      require(std::fabs(gradient[i] - wanted[i]) < 1e-9, name + (" is wrong at " + std::to_string(i)));
    }
  };
  require_gradient(x, dx, "the gradient of x");
  require_gradient(w, dw, "that of the weight");
  require_gradient(b, db, "that of the bias");
}

void layer_norm_is_right_whatever_the_strips() {
  layer_norm_of_long_rows_is_the_formula(3, 40);
  layer_norm_of_long_rows_is_the_formula(101, 37);   // strips that are no leaves of the sum
  layer_norm_of_long_rows_is_the_formula(260, 256);  // computed again
  layer_norm_of_long_rows_is_the_formula(331, 300);
  layer_norm_of_long_rows_is_the_formula(40, 2048);
  layer_norm_of_long_rows_is_the_formula(33, 2100);  // longer than a strip
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      OPERATION_TEST(norms_start_as_nothing_but_norms),
      OPERATION_TEST(recurrent_layers_make_what_pytorch_makes),
      OPERATION_TEST(attention_makes_what_pytorch_makes),
      OPERATION_TEST(embeddings_start_as_normal_numbers),
      OPERATION_TEST(padding_learns_nothing),
      OPERATION_TEST(the_least_mean_square_is_the_epsilon_of_the_dtype),
      OPERATION_TEST(recurrent_layers_drop_between_layers_in_training),
      OPERATION_TEST(attention_drops_weights_in_training),
      OPERATION_TEST(a_step_costs_the_same_in_a_long_sequence),
      OPERATION_TEST(layer_norm_is_right_whatever_the_strips),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
