#include "ops/recurrent.h"

#include <memory_resource>
#include <vector>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/layer.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

namespace nadir {

namespace {

using Exprs = std::pmr::vector<Expr>;

struct Settings {
  Cell cell;
  bool is_relu;
  bool has_bias;
  std::int64_t hidden;

  int gates() const noexcept { return cell == Cell::kRnn ? 1 : cell == Cell::kGru ? 3 : 4; }
};

// What is kept from step to step, [n, hidden] each.
struct State {
  Expr h;
  Expr c;
};

struct Weights {
  Expr ih, hh, bias_ih, bias_hh;

  Weights(const Layer& layer, const Settings& s, Expr x, std::int64_t number, bool is_reverse) {
    const Dim gates = product_of(Dim::constant(s.hidden), s.gates(), x);
    const auto param = [&](const char* part, const Shape& shape) {
      Message name;
      name << part << number << (is_reverse ? "_reverse" : "");
      return layer.param(name.c_str(), x.dtype(), shape, uniform_by_fan(s.hidden));
    };
    ih = param("weight_ih_l", constant_shape({gates.factor(), features_of(x, "x")}));
    hh = param("weight_hh_l", constant_shape({gates.factor(), s.hidden}));
    if (!s.has_bias) return;
    bias_ih = param("bias_ih_l", constant_shape({gates.factor()}));
    bias_hh = param("bias_hh_l", constant_shape({gates.factor()}));
  }
};

// Element `at` along an axis, without the axis.
Expr element(Expr x, int axis, std::int64_t at) {
  AxisSet axes;
  axes.insert(axis);
  return squeeze(slice(x, axis, at, Dim::constant(1)), axes);
}

// The next state, from what the weights make of the input, x, and of the state, h: [n, gates * hidden] each.
State next_state(const Settings& s, Expr x, Expr h, const State& state) {
  const auto gate = [&](Expr gates, int number) { return slice(gates, 1, number * s.hidden, Dim::constant(s.hidden)); };
  if (s.cell == Cell::kGru) {
    const auto sum = [&](int number) { return add(gate(x, number), gate(h, number)); };
    const Expr r = sigmoid(sum(0));
    const Expr z = sigmoid(sum(1));
    const Expr n = tanh(add(gate(x, 2), mul(r, gate(h, 2))));
    return {add(n, mul(z, sub(state.h, n))), {}};
  }
  const Expr gates = add(x, h);
  if (s.cell == Cell::kRnn) return {s.is_relu ? relu(gates) : tanh(gates), {}};
  const Expr kept = mul(sigmoid(gate(gates, 1)), state.c);
  const Expr c = add(kept, mul(sigmoid(gate(gates, 0)), tanh(gate(gates, 2))));
  return {mul(sigmoid(gate(gates, 3)), tanh(c)), c};
}

// One direction of one layer over the sequence x; `state` is the initial one and becomes the final. Appends a result to `ys` for each
// step, in the order of time.
void run_direction(const Settings& s, const Weights& weights, Expr x, Expr mask, int time, bool is_reverse,
                   State& state, Exprs& ys) {
  // All that does not depend on the state is done for all steps at once.
  Expr from_x = matmul(x, weights.ih, false, true);
  const bool is_gru = s.cell == Cell::kGru;
  if (s.has_bias) from_x = add(from_x, is_gru ? weights.bias_ih : add(weights.bias_ih, weights.bias_hh));
  const std::int64_t length = x.shape()[time].factor();
  ys.resize(static_cast<std::size_t>(length));
  for (std::int64_t step = 0; step < length; ++step) {
    const std::int64_t t = is_reverse ? length - 1 - step : step;
    Expr from_h = matmul(state.h, weights.hh, false, true);
    if (s.has_bias && is_gru) from_h = add(from_h, weights.bias_hh);
    State next = next_state(s, element(from_x, time, t), from_h, state);
    if (!mask.is_none()) {
      const Expr here = unsqueeze(element(mask, time, t), 1);
      next.h = where(here, next.h, state.h);
      if (s.cell == Cell::kLstm) next.c = where(here, next.c, state.c);
    }
    state = next;
    ys[static_cast<std::size_t>(t)] = state.h;
  }
}

// x as a sequence of batches: one without a batch gets one of 1.
Expr with_batch(Expr x, bool has_batch, int axis) { return x.is_none() || has_batch ? x : unsqueeze(x, axis); }

void check_shape(Expr given, const char* role, const Shape& wanted) {
  if (given.shape() != wanted) fail(Status::kShape, role, ' ', given, "; wants ", wanted);
}

}  // namespace

RecurrentOutputs recurrent(Cell cell, const char* name, Expr x, const RecurrentInputs& inputs, std::int64_t hidden_size,
                           Options& options) {
  const std::int64_t layers = options.integer("num_layers", 1, 1);
  const bool has_bias = options.flag("bias", true);
  const bool batch_first = options.flag("batch_first", false);
  const bool is_bidirectional = options.flag("bidirectional", false);
  const double probability = parse_dropout(options, "dropout");
  const bool is_relu = cell == Cell::kRnn && options.choice("nonlinearity", {"tanh", "relu"}, 0) == 1;
  options.finish();
  check_float(x, "x");
  check_at_least("hidden_size", hidden_size, 1);
  const int rank = x.shape().rank();
  if (rank != 2 && rank != 3) fail(Status::kShape, "x ", x, "; wants a rank of 2 or 3");
  const bool has_batch = rank == 3;
  const int time = has_batch && batch_first ? 1 : 0;
  const Dim length = constant_dim(x, "x", time);
  features_of(x, "x");

  // The shapes of what may be given, as they are given.
  const std::int64_t directions = is_bidirectional ? 2 : 1;
  Shape state_shape;
  state_shape.append(product_of(Dim::constant(directions), layers, x));
  Shape mask_shape;
  mask_shape.append(length);
  if (has_batch) {
    state_shape.append(x.shape()[1 - time]);
    mask_shape = Shape();
    for (const int axis : {0, 1}) mask_shape.append(x.shape()[axis]);
  }
  state_shape.append(Dim::constant(hidden_size));
  const auto check_state = [&](Expr given, const char* role) {
    if (given.is_none()) return;
    check_same_dtype(x, given);
    check_shape(given, role, state_shape);
  };
  check_state(inputs.h0, "h0");
  check_state(inputs.c0, "c0");
  if (!inputs.mask.is_none()) {
    check_mask(inputs.mask, "mask");
    check_shape(inputs.mask, "mask", mask_shape);
  }

  Graph& graph = x.graph();
  const Settings settings = {cell, is_relu, has_bias, hidden_size};
  const Layer layer(graph, name, cell == Cell::kRnn ? "rnn" : cell == Cell::kGru ? "gru" : "lstm");
  const Expr h0 = with_batch(inputs.h0, has_batch, 1);
  const Expr c0 = with_batch(inputs.c0, has_batch, 1);
  const Expr mask = with_batch(inputs.mask, has_batch, 1);
  Expr y = with_batch(x, has_batch, 1);
  Shape state_of_one;
  state_of_one.append(y.shape()[1 - time]);
  state_of_one.append(Dim::constant(hidden_size));

  Exprs final_h(&graph.host()), final_c(&graph.host()), forward(&graph.host()), backward(&graph.host());
  for (std::int64_t number = 0; number < layers; ++number) {
    if (number > 0 && probability > 0) y = dropout(y, probability);
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const auto initial = [&](Expr given) {
        return given.is_none() ? full(graph, x.dtype(), state_of_one, 0)
                               : element(given, 0, number * directions + direction);
      };
      const bool is_reverse = direction == 1;
      const Weights weights(layer, settings, y, number, is_reverse);
      State state = {initial(h0), cell == Cell::kLstm ? initial(c0) : Expr()};
      run_direction(settings, weights, y, mask, time, is_reverse, state, is_reverse ? backward : forward);
      final_h.push_back(state.h);
      if (cell == Cell::kLstm) final_c.push_back(state.c);
    }
    y = stack(forward, time);
    if (is_bidirectional) {
      const Expr both[] = {y, stack(backward, time)};
      y = concat(both, 2);
    }
    if (!mask.is_none()) y = where(unsqueeze(mask, 2), y, filled_like(y, 0));
  }

  const auto finals = [&](const Exprs& states) { return reshape(stack(states, 0), state_shape); };
  Shape result = x.shape();
  result[rank - 1] = y.shape()[2];
  return {layer.finish(reshape(y, result)), finals(final_h), cell == Cell::kLstm ? finals(final_c) : Expr()};
}

}  // namespace nadir
