#include "checks.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace operations {

namespace {

// How the operands come to the operation.
enum class Arrival { kInput, kConstant, kParam, kView };

bool is_float(nadir_dtype dtype) { return dtype == NADIR_F32 || dtype == NADIR_F64; }

nadir_dtype dtype_of(const Operand& operand, nadir_dtype run) { return operand.dtype != 0 ? operand.dtype : run; }

bool is_differentiable(const Operand& operand) { return operand.dtype == 0; }

bool is_zero(const Case& c) { return c.derivatives == Derivatives::kZero || c.derivatives == Derivatives::kHeld; }

bool has_derivatives(const Case& c) {
  return c.derivatives != Derivatives::kUntold &&
         std::any_of(c.operands.begin(), c.operands.end(), is_differentiable) &&
         std::count(c.dtypes.begin(), c.dtypes.end(), NADIR_F64) > 0;
}

std::vector<std::int64_t> batches_of(const Case& c) { return has_batch(c) ? c.batches : std::vector<std::int64_t>{1}; }

// A length of 0 may be refused where a batch of 0 is not.
std::vector<std::int64_t> row_counts_of(const Case& c) {
  std::vector<std::int64_t> counts = batches_of(c);
  if (c.needs_rows) counts.erase(std::remove(counts.begin(), counts.end(), 0), counts.end());
  return counts;
}

// The least and the most of them, where those between are like them.
std::vector<std::int64_t> ends_of(const std::vector<std::int64_t>& counts) {
  if (counts.size() < 2) return counts;
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  return {*least, *most};
}

std::int64_t most_of(const std::vector<std::int64_t>& counts) {
  return *std::max_element(counts.begin(), counts.end());
}

std::string place(const Case& c, nadir_dtype dtype, std::int64_t batch) {
  std::string text = c.label + " of";
  for (const Operand& operand : c.operands) text.append(" ").append(text_of(operand.shape));
  text += std::string(" in ") + name_of(dtype);
  return has_batch(c) ? text + ", batch " + std::to_string(batch) : text;
}

Arrays sampled(const Case& c, std::int64_t batch) {
  Arrays values;
  for (const Operand& operand : c.operands) values.push_back(sampled(operand, batch));
  return values;
}

Arrays differentiable(const Case& c, const Arrays& values) {
  Arrays some;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_differentiable(c.operands[i])) some.push_back(values[i]);
  }
  return some;
}

// What the elements of a result count in the loss, and those of a gradient in the second one.
Samples weights() { return in_turn({0.75, -1.25, 0.5, 1.5, -0.625, 1, 0.875}); }
Samples second_weights() { return in_turn({1.25, -0.5, 0.75, -1, 0.625}); }

Array weights_of(const Shape& shape, const Samples& samples) { return sampled(Operand{shape, samples, 0, {}}, 1); }

// ---------------------------------------------------------------------------------------------------------- graphs

struct Built {
  GraphPtr graph = new_graph();
  nadir_dtype dtype = 0;
  Nodes given;    // to the operation
  Nodes sources;  // what is written or differentiated
  nadir_node y = NADIR_NONE;

  [[nodiscard]] Nodes differentiable(const Case& c) const {
    Nodes nodes;
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
      if (is_differentiable(c.operands[i])) nodes.push_back(sources[i]);
    }
    return nodes;
  }
};

// An input of twice the rows of x, turned about, and the node that reads x in it: every second element of its first
// axis from the end, and then the axes in the opposite order.
nadir_node view_of(nadir_graph* graph, nadir_node source, std::int32_t rank) {
  if (rank == 0) return source;
  Axes axes;
  for (std::int32_t axis = rank; axis-- > 0;) axes.push_back(axis);
  const nadir_node half = nadir_slice(graph, source, 0, NADIR_OPEN, NADIR_OPEN, -2);
  return made(graph, nadir_permute(graph, half, axes.data(), rank));
}

Shape source_shape(const Shape& shape) {
  Shape source(shape.rbegin(), shape.rend());
  if (!source.empty()) source[0] *= 2;
  return source;
}

// The values of that input. What must not be read is NaN, or no index.
Array source_values(const Array& x, nadir_dtype dtype) {
  if (x.dimension() == 0) return x;
  const double never = is_float(dtype) ? std::numeric_limits<double>::quiet_NaN() : 99;
  return generate(source_shape(shape_of(x)), [&](const Index& index) {
    if (index[0] % 2 == 0) return never;
    Index in_x(index.rbegin(), index.rend());
    in_x.back() = x.shape().back() - 1 - index[0] / 2;
    return at(x, in_x);
  });
}

nadir_node add_operand(nadir_graph* graph, const Operand& operand, nadir_dtype dtype, std::int64_t batch,
                       Arrival arrival, const Array& values) {
  const Shape shape = with_batch(operand.shape, batch);
  switch (arrival) {
    case Arrival::kConstant: return constant(graph, dtype, values);
    case Arrival::kParam: return is_float(dtype) ? param(graph, dtype, values) : input(graph, dtype, shape);
    case Arrival::kView: return input(graph, dtype, source_shape(shape));
    case Arrival::kInput: return input(graph, dtype, shape);
  }
  throw Failure("no arrival");
}

// The graph of a case with `batch` rows, or NADIR_BATCH. Parameters and constants have their values.
Built build(const Case& c, nadir_dtype dtype, std::int64_t batch, Arrival arrival, const Arrays& values) {
  Built built;
  nadir_graph* graph = built.graph.get();
  built.dtype = dtype;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    const Operand& operand = c.operands[i];
    if (!operand.made.empty()) {
      built.sources.push_back(NADIR_NONE);
      continue;
    }
    const nadir_dtype own = dtype_of(operand, dtype);
    const nadir_node source = add_operand(graph, operand, own, batch, arrival, values[i]);
    const bool is_view = arrival == Arrival::kView;
    built.sources.push_back(source);
    built.given.push_back(is_view ? view_of(graph, source, static_cast<std::int32_t>(operand.shape.size())) : source);
  }
  built.y = made(graph, c.build({graph, dtype, batch}, built.given));
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (c.operands[i].made.empty()) continue;
    built.sources[i] = made(graph, nadir_graph_find(graph, c.operands[i].made.c_str()));
    set(graph, built.sources[i], values[i]);
  }
  return built;
}

// Writes the inputs. One that the session has no use for, as what a gradient does not depend on, is left out.
void write_inputs(const Case& c, const Built& built, nadir_session* session, const Arrays& values, Arrival arrival) {
  if (arrival == Arrival::kConstant) return;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    const nadir_dtype dtype = dtype_of(c.operands[i], built.dtype);
    if (!c.operands[i].made.empty() || (arrival == Arrival::kParam && is_float(dtype))) continue;
    const Array data = arrival == Arrival::kView ? source_values(values[i], dtype) : values[i];
    const nadir_status status = write(session, built.sources[i], dtype, data);
    if (status != NADIR_E_STATE) ok(session, status);
  }
}

Array forward_value(const Case& c, const Built& built, const Arrays& values, Arrival arrival) {
  const SessionPtr session = new_session(built.graph.get(), NADIR_NONE, {built.y});
  write_inputs(c, built, session.get(), values, arrival);
  ok(session.get(), nadir_forward(session.get()));
  return read(session.get(), built.graph.get(), built.y);
}

Array value_by(const Case& c, nadir_dtype dtype, std::int64_t batch, Arrival arrival) {
  const Arrays values = sampled(c, batch);
  const Built built = build(c, dtype, batch, arrival, values);
  return forward_value(c, built, values, arrival);
}

double tolerance_of(const Case& c, nadir_dtype dtype) {
  const double epsilon = dtype == NADIR_F32   ? std::numeric_limits<float>::epsilon()
                         : dtype == NADIR_F64 ? std::numeric_limits<double>::epsilon()
                                              : 0;
  return c.roundings * epsilon / 2;
}

// ---------------------------------------------------------------------------------------------------------- losses

// sum(weights * y), of whatever dtype y is.
nadir_node weighted_sum(nadir_graph* graph, nadir_node y, nadir_dtype dtype, nadir_node weights) {
  if (nadir_graph_node_dtype(graph, y) != dtype) y = made(graph, nadir_cast(graph, y, dtype));
  return sum_of(graph, made(graph, nadir_mul(graph, y, weights)));
}

// Half the sum of squares, whose gradient is x itself.
nadir_node half_square(nadir_graph* graph, nadir_node x) {
  return made(graph, nadir_scale(graph, sum_of(graph, made(graph, nadir_square(graph, x))), 0.5));
}

nadir_node plus_squares(nadir_graph* graph, nadir_node loss, const Nodes& params) {
  for (const nadir_node x : params) loss = made(graph, nadir_add(graph, loss, half_square(graph, x)));
  return loss;
}

// A case whose operands are parameters, and its losses.
struct Trained {
  Built built;
  Arrays values;
  Nodes params;
  nadir_node plain = NADIR_NONE;  // sum(weights * y)
};

Trained train(const Case& c, nadir_dtype dtype, std::int64_t batch) {
  Trained t;
  t.values = sampled(c, batch);
  t.built = build(c, dtype, batch, Arrival::kParam, t.values);
  nadir_graph* graph = t.built.graph.get();
  t.params = t.built.differentiable(c);
  const nadir_node weight = constant(graph, dtype, weights_of(shape_of(graph, t.built.y), weights()));
  t.plain = weighted_sum(graph, t.built.y, dtype, weight);
  return t;
}

// The loss whose gradient is checked. Where that is nothing, it could not be told from one that is not computed: half
// the sum of squares adds the parameter itself.
nadir_node loss_of(const Case& c, const Trained& t) {
  return is_zero(c) ? plus_squares(t.built.graph.get(), t.plain, t.params) : t.plain;
}

Nodes gradients_of(nadir_graph* graph, nadir_node loss, const Nodes& xs) {
  Nodes out(xs.size(), NADIR_NONE);
  ok(graph, nadir_gradients(graph, loss, NADIR_NONE, xs.data(), static_cast<std::int32_t>(xs.size()), out.data()));
  return out;
}

// sum(second weights * gradient), over all parameters, and half of their squares, since the gradient may depend on
// none.
nadir_node second_loss(const Trained& t) {
  nadir_graph* graph = t.built.graph.get();
  const Nodes gradients = gradients_of(graph, t.plain, t.params);
  nadir_node loss = NADIR_NONE;
  for (const nadir_node one : gradients) {
    const nadir_node weight = constant(graph, t.built.dtype, weights_of(shape_of(graph, one), second_weights()));
    const nadir_node term = weighted_sum(graph, one, t.built.dtype, weight);
    loss = loss == NADIR_NONE ? term : made(graph, nadir_add(graph, loss, term));
  }
  return plus_squares(graph, loss, t.params);
}

SessionPtr session_for(const Case& c, const Trained& t, nadir_node loss, const Nodes& outputs = {}) {
  SessionPtr session = new_session(t.built.graph.get(), loss, outputs);
  write_inputs(c, t.built, session.get(), t.values, Arrival::kParam);
  return session;
}

void pass(nadir_session* session) {
  ok(session, nadir_forward(session));
  ok(session, nadir_backward(session));
}

Arrays gradients_in(const Trained& t, const nadir_session* session) {
  Arrays gradients;
  for (const nadir_node x : t.params) gradients.push_back(gradient(session, t.built.graph.get(), x));
  return gradients;
}

// ----------------------------------------------------------------------------------- differences of the reference

double reference_loss(const Case& c, const Arrays& values) {
  const Array y = c.reference(values);
  const Samples weight = weights();
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += weight(i) * y.storage()[i];
  return sum;
}

// Of all elements if they are few, else of some.
std::vector<std::size_t> elements_to_try(std::size_t count) {
  constexpr std::size_t kMost = 24;
  std::vector<std::size_t> elements;
  for (std::size_t i = 0; i < std::min(count, kMost); ++i) {
    elements.push_back(count <= kMost ? i : i * (count - 1) / (kMost - 1));
  }
  return elements;
}

double difference(const Case& c, Arrays& values, std::size_t operand, std::size_t element) {
  double& x = values[operand].storage()[element];
  const double before = x;
  const double h = 6e-6 * std::max(1.0, std::fabs(before));
  x = before + h;
  const double above = reference_loss(c, values);
  x = before - h;
  const double below = reference_loss(c, values);
  x = before;
  return (above - below) / (2 * h);
}

// `gradients` has one for each operand that can be differentiated.
void require_differences(const Case& c, Arrays values, const Arrays& gradients, double tolerance,
                         const std::string& where) {
  std::size_t number = 0;
  for (std::size_t operand = 0; operand < c.operands.size(); ++operand) {
    if (!is_differentiable(c.operands[operand])) continue;
    const Array& got = gradients[number++];
    require(got.shape() == values[operand].shape(), where + ": a gradient of another shape");
    for (const std::size_t i : elements_to_try(got.size())) {
      const double wanted = difference(c, values, operand, i);
      if (is_near(got.storage()[i], wanted, tolerance)) continue;
      throw Failure(where + ", gradient of operand " + std::to_string(operand) + ", element " + std::to_string(i) +
                    ": " + std::to_string(got.storage()[i]) + ", not " + std::to_string(wanted));
    }
  }
}

constexpr double kDifferenceTolerance = 1e-6;
// Some hundred roundings of f32.
constexpr double kSingleTolerance = 2e-5;

// ---------------------------------------------------------------------------------------------------- the gradient

void check_zero_gradient(const Case& c, std::int64_t batch, const std::string& where) {
  const Trained t = train(c, NADIR_F64, batch);
  const Nodes zeros = gradients_of(t.built.graph.get(), t.plain, t.params);
  const SessionPtr session = session_for(c, t, loss_of(c, t), zeros);
  pass(session.get());
  const Arrays got = gradients_in(t, session.get());
  const Arrays params = differentiable(c, t.values);
  for (std::size_t i = 0; i < t.params.size(); ++i) {
    const Array zero = read(session.get(), t.built.graph.get(), zeros[i]);
    require_near(zero, array_of(shape_of(zero)), 0, where + ", gradient");
    require_near(got[i], params[i], 0, where + ", gradient with that of the squares");
  }
}

void check_grad_check(const Case& c, const Trained& t, nadir_node loss, const std::string& where) {
  const SessionPtr session = session_for(c, t, loss);
  double worst = std::numeric_limits<double>::quiet_NaN();
  const nadir_status status = nadir_grad_check(session.get(), nullptr, &worst);
  require(status == NADIR_OK, where + ": " + nadir_status_name(status) + ": " + nadir_session_error(session.get()));
  require(worst <= kDifferenceTolerance, where + ": the worst error is " + std::to_string(worst));
}

Arrays gradients_by_backward(const Case& c, nadir_dtype dtype, std::int64_t batch) {
  const Trained t = train(c, dtype, batch);
  const SessionPtr session = session_for(c, t, loss_of(c, t));
  pass(session.get());
  return gradients_in(t, session.get());
}

}  // namespace

void check_values(const Case& c) {
  for (const std::int64_t batch : row_counts_of(c)) {
    const Array wanted = c.reference(sampled(c, batch));
    for (const nadir_dtype dtype : c.dtypes) {
      const Arrays values = sampled(c, batch);
      const Built built = build(c, dtype, batch, Arrival::kInput, values);
      const std::string where = place(c, dtype, batch);
      const nadir_dtype result = c.result != 0 ? c.result : dtype;
      require(nadir_graph_node_dtype(built.graph.get(), built.y) == result, where + ": a result of another dtype");
      const Array got = forward_value(c, built, values, Arrival::kInput);
      require_near(got, wanted, tolerance_of(c, result), where, c.floor);
    }
  }
}

void check_arrivals(const Case& c) {
  if (c.is_brief) return;
  const std::int64_t batch = most_of(batches_of(c));
  for (const nadir_dtype dtype : c.dtypes) {
    const Array wanted = value_by(c, dtype, batch, Arrival::kInput);
    const std::string where = place(c, dtype, batch);
    require_same(value_by(c, dtype, batch, Arrival::kConstant), wanted, where + ", of constants");
    if (is_float(dtype)) require_same(value_by(c, dtype, batch, Arrival::kParam), wanted, where + ", of parameters");
    require_same(value_by(c, dtype, batch, Arrival::kView), wanted, where + ", of views");
  }
}

void check_gradient(const Case& c) {
  if (!has_derivatives(c)) return;
  for (const std::int64_t batch : ends_of(row_counts_of(c))) {
    const std::string where = place(c, NADIR_F64, batch);
    if (is_zero(c)) check_zero_gradient(c, batch, where);
    if (c.derivatives == Derivatives::kHeld) continue;
    const Trained t = train(c, NADIR_F64, batch);
    check_grad_check(c, t, loss_of(c, t), where);
    if (c.is_random || is_zero(c)) continue;
    const Arrays got = gradients_by_backward(c, NADIR_F64, batch);
    require_differences(c, t.values, got, kDifferenceTolerance, where);
    if (std::count(c.dtypes.begin(), c.dtypes.end(), NADIR_F32) == 0) continue;
    const Arrays single = gradients_by_backward(c, NADIR_F32, batch);
    for (std::size_t i = 0; i < got.size(); ++i) {
      require_near(single[i], got[i], kSingleTolerance, place(c, NADIR_F32, batch) + ", gradient");
    }
  }
}

void check_second_derivative(const Case& c) {
  if (c.is_brief || !has_derivatives(c)) return;
  for (const std::int64_t batch : ends_of(row_counts_of(c))) {
    const Trained t = train(c, NADIR_F64, batch);
    check_grad_check(c, t, second_loss(t), place(c, NADIR_F64, batch) + ", second derivative");
  }
}

void check_accumulation(const Case& c) {
  if (c.is_brief || !has_derivatives(c)) return;
  const std::int64_t batch = most_of(batches_of(c));
  for (const nadir_dtype dtype : c.dtypes) {
    if (!is_float(dtype)) continue;
    const std::string where = place(c, dtype, batch);
    const Trained t = train(c, dtype, batch);
    const SessionPtr session = session_for(c, t, loss_of(c, t));
    pass(session.get());
    const Arrays once = gradients_in(t, session.get());
    pass(session.get());
    const Arrays twice = gradients_in(t, session.get());
    ok(session.get(), nadir_zero_grad(session.get()));
    pass(session.get());
    const Arrays again = gradients_in(t, session.get());
    for (std::size_t i = 0; i < once.size(); ++i) {
      require_near(twice[i], Array(2 * once[i]), 0, where + ", two passes");
      require_same(again[i], once[i], where + ", a pass after zero_grad");
    }
  }
}

// ------------------------------------------------------------------------------------------------------ repetition

namespace {

void check_repeated_values(const Case& c, nadir_dtype dtype, std::int64_t batch) {
  const std::string where = place(c, dtype, batch);
  const Arrays values = sampled(c, batch);
  const Built built = build(c, dtype, batch, Arrival::kInput, values);
  const SessionPtr session = new_session(built.graph.get(), NADIR_NONE, {built.y});
  write_inputs(c, built, session.get(), values, Arrival::kInput);
  ok(session.get(), nadir_forward(session.get()));
  const Array first = read(session.get(), built.graph.get(), built.y);
  ok(session.get(), nadir_forward(session.get()));
  require_same(read(session.get(), built.graph.get(), built.y), first, where + ", another pass");
  require_same(forward_value(c, built, values, Arrival::kInput), first, where + ", another session");
  require_same(value_by(c, dtype, batch, Arrival::kInput), first, where + ", another graph");
}

void check_repeated_gradients(const Case& c, nadir_dtype dtype, std::int64_t batch) {
  const std::string where = place(c, dtype, batch);
  const Trained t = train(c, dtype, batch);
  const nadir_node loss = loss_of(c, t);
  const SessionPtr one = session_for(c, t, loss);
  const SessionPtr other = session_for(c, t, loss);
  pass(one.get());
  pass(other.get());
  const Arrays first = gradients_in(t, one.get());
  const Arrays second = gradients_in(t, other.get());
  const Arrays third = gradients_by_backward(c, dtype, batch);
  for (std::size_t i = 0; i < first.size(); ++i) {
    require_same(second[i], first[i], where + ", gradient in another session");
    require_same(third[i], first[i], where + ", gradient in another graph");
  }
}

}  // namespace

void check_repetition(const Case& c) {
  if (c.is_brief) return;
  const std::int64_t batch = most_of(batches_of(c));
  for (const nadir_dtype dtype : c.dtypes) {
    check_repeated_values(c, dtype, batch);
    if (has_derivatives(c) && is_float(dtype)) check_repeated_gradients(c, dtype, batch);
  }
}

// ------------------------------------------------------------------------------------- some of the operands

namespace {

// The case with all operands but one as inputs that have no gradient.
Case alone(Case c, std::size_t operand) {
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (i != operand && is_differentiable(c.operands[i])) c.operands[i].dtype = NADIR_F64;
  }
  c.dtypes = {NADIR_F64};
  return c;
}

// What view_of reads in a source.
Array seen_in(const Array& source) {
  if (source.dimension() == 0) return source;
  Shape shape = shape_of(source);
  shape[0] /= 2;
  std::reverse(shape.begin(), shape.end());
  return generate(shape, [&](const Index& index) {
    Index in_source(index.rbegin(), index.rend());
    in_source[0] = source.shape()[0] - 1 - 2 * in_source[0];
    return at(source, in_source);
  });
}

// The case whose operands are views of larger ones. The elements that are read are those of the case; the others have
// no part.
Case viewed(const Case& c) {
  Case larger = c;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    const Operand& operand = c.operands[i];
    if (!is_differentiable(operand) || !operand.made.empty()) continue;
    larger.operands[i].shape = source_shape(operand.shape);
  }
  larger.build = [c](const Scope& scope, Nodes nodes) {
    std::size_t given = 0;
    for (const Operand& operand : c.operands) {
      if (!operand.made.empty()) continue;
      nadir_node& node = nodes[given++];
      if (!is_differentiable(operand)) continue;
      node = view_of(scope.graph, node, static_cast<std::int32_t>(operand.shape.size()));
    }
    return c.build(scope, nodes);
  };
  larger.reference = [c](Arrays values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool is_view = is_differentiable(c.operands[i]) && c.operands[i].made.empty();
      if (is_view) values[i] = seen_in(values[i]);
    }
    return c.reference(values);
  };
  larger.label += " of views,";
  larger.batches = {most_of(c.batches)};
  larger.dtypes = {NADIR_F64};
  return larger;
}

// The case in which one node is given in two places.
Case shared(const Case& c, std::size_t place, std::size_t other) {
  Case once = c;
  once.label += " of one node twice,";
  once.operands.erase(once.operands.begin() + static_cast<std::ptrdiff_t>(other));
  once.build = [c, place, other](const Scope& scope, Nodes nodes) {
    nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(other), nodes[place]);
    return c.build(scope, nodes);
  };
  once.reference = [c, place, other](Arrays values) {
    values.insert(values.begin() + static_cast<std::ptrdiff_t>(other), values[place]);
    return c.reference(values);
  };
  return once;
}

}  // namespace

void check_each_alone(const Case& c) {
  if (c.is_brief || !has_derivatives(c) || std::count_if(c.operands.begin(), c.operands.end(), is_differentiable) < 2)
    return;
  for (std::size_t operand = 0; operand < c.operands.size(); ++operand) {
    const bool is_of_layer = !c.operands[operand].made.empty();
    if (is_differentiable(c.operands[operand]) && !is_of_layer) check_gradient(alone(c, operand));
  }
}

void check_viewed(const Case& c) {
  // Other elements would come to other places, where a case may have chosen them by their number.
  if (c.is_brief || !has_derivatives(c)) return;
  check_gradient(viewed(c));
}

void check_shared(const Case& c) {
  if (c.is_brief) return;
  for (std::size_t place = 0; place < c.operands.size(); ++place) {
    for (std::size_t other = place + 1; other < c.operands.size(); ++other) {
      const Operand &a = c.operands[place], &b = c.operands[other];
      if (a.shape != b.shape || a.dtype != b.dtype || !a.made.empty() || !b.made.empty()) continue;
      const Case once = shared(c, place, other);
      check_values(once);
      check_gradient(once);
      check_second_derivative(once);
      check_batches(once);
    }
  }
}

// ------------------------------------------------------------------------------------------------ a symbolic batch

namespace {

// A case in one graph for every batch size: its inputs, those of the weights, and what is read.
struct Symbolic {
  Built built;
  Nodes xs;
  nadir_node weight = NADIR_NONE;
  Nodes second_weight, gradients, second_gradients;
  SessionPtr session;
};

void differentiate(const Case& c, Symbolic& s) {
  nadir_graph* graph = s.built.graph.get();
  const nadir_dtype dtype = s.built.dtype;
  s.xs = s.built.differentiable(c);
  s.weight = input(graph, dtype, shape_of(graph, s.built.y));
  const nadir_node loss = weighted_sum(graph, s.built.y, dtype, s.weight);
  s.gradients = gradients_of(graph, loss, s.xs);
  nadir_node second = NADIR_NONE;
  for (const nadir_node one : s.gradients) {
    s.second_weight.push_back(input(graph, dtype, shape_of(graph, one)));
    const nadir_node term = weighted_sum(graph, one, dtype, s.second_weight.back());
    second = second == NADIR_NONE ? term : made(graph, nadir_add(graph, second, term));
  }
  s.second_gradients = gradients_of(graph, second, s.xs);
}

Symbolic symbolic(const Case& c, nadir_dtype dtype) {
  Symbolic s;
  s.built = build(c, dtype, kBatch, Arrival::kInput, sampled(c, 1));
  Nodes outputs = {s.built.y};
  if (has_derivatives(c) && is_float(dtype)) {
    differentiate(c, s);
    outputs.insert(outputs.end(), s.gradients.begin(), s.gradients.end());
    outputs.insert(outputs.end(), s.second_gradients.begin(), s.second_gradients.end());
  }
  std::sort(outputs.begin(), outputs.end());
  outputs.erase(std::unique(outputs.begin(), outputs.end()), outputs.end());
  const std::int64_t largest = *std::max_element(c.batches.begin(), c.batches.end());
  s.session = new_session(s.built.graph.get(), NADIR_NONE, outputs, std::max<std::int64_t>(largest, 1));
  return s;
}

void write_weights(const Symbolic& s, nadir_node node, const Samples& samples, std::int64_t batch) {
  const Shape shape = with_batch(shape_of(s.built.graph.get(), node), batch);
  const nadir_status status = write(s.session.get(), node, s.built.dtype, weights_of(shape, samples));
  if (status != NADIR_E_STATE) ok(s.session.get(), status);
}

Arrays read_all(const Symbolic& s, const Nodes& nodes, std::int64_t batch) {
  Arrays values;
  for (const nadir_node node : nodes) values.push_back(read(s.session.get(), s.built.graph.get(), node, batch));
  return values;
}

// The second derivative of a graph with its rows written down, less the parameters themselves.
Arrays second_derivative(const Case& c, std::int64_t batch) {
  const Trained t = train(c, NADIR_F64, batch);
  const SessionPtr session = session_for(c, t, second_loss(t));
  pass(session.get());
  Arrays second = gradients_in(t, session.get());
  const Arrays params = differentiable(c, t.values);
  for (std::size_t i = 0; i < second.size(); ++i) second[i] -= params[i];
  return second;
}

void check_symbolic_gradients(const Case& c, const Symbolic& s, const Arrays& values, std::int64_t batch,
                              const std::string& where) {
  const bool is_single = s.built.dtype == NADIR_F32;
  const Arrays gradients = read_all(s, s.gradients, batch);
  if (is_zero(c)) {
    for (const Array& zero : gradients) require_near(zero, array_of(shape_of(zero)), 0, where + ", gradient");
    return;
  }
  require_differences(c, values, gradients, is_single ? 1e-4 : kDifferenceTolerance, where);
  if (is_single || (c.needs_rows && batch == 0) || c.is_random) return;
  const Arrays second = read_all(s, s.second_gradients, batch);
  const Arrays wanted = second_derivative(c, batch);
  for (std::size_t i = 0; i < second.size(); ++i) {
    require_near(second[i], wanted[i], 1e-10, where + ", second derivative");
  }
}

Arrays run_batch(const Case& c, const Symbolic& s, std::int64_t batch) {
  write_inputs(c, s.built, s.session.get(), sampled(c, batch), Arrival::kInput);
  if (s.weight != NADIR_NONE) write_weights(s, s.weight, weights(), batch);
  for (const nadir_node weight : s.second_weight) write_weights(s, weight, second_weights(), batch);
  ok(s.session.get(), nadir_forward(s.session.get()));
  Nodes outputs = {s.built.y};
  outputs.insert(outputs.end(), s.gradients.begin(), s.gradients.end());
  outputs.insert(outputs.end(), s.second_gradients.begin(), s.second_gradients.end());
  return read_all(s, outputs, batch);
}

// What run_batch has read is right.
void check_batch(const Case& c, const Symbolic& s, std::int64_t batch, const Array& y) {
  const std::string where = "symbolic " + place(c, s.built.dtype, batch);
  const Arrays values = sampled(c, batch);
  const nadir_dtype result = c.result != 0 ? c.result : s.built.dtype;
  require_near(y, c.reference(values), tolerance_of(c, result), where, c.floor);
  if (s.weight != NADIR_NONE) check_symbolic_gradients(c, s, values, batch, where);
}

}  // namespace

void check_batches(const Case& c) {
  if (!has_batch(c)) return;
  for (const nadir_dtype dtype : c.dtypes) {
    const Symbolic s = symbolic(c, dtype);
    std::vector<Arrays> results;
    for (auto batch = c.batches.rbegin(); batch != c.batches.rend(); ++batch) {
      results.push_back(run_batch(c, s, *batch));
      check_batch(c, s, *batch, results.back().front());
    }
    // Up again: what a smaller batch left behind is nowhere in a larger one.
    for (const std::int64_t batch : c.batches) {
      const Arrays again = run_batch(c, s, batch);
      const Arrays& before = results.back();
      for (std::size_t i = 0; i < again.size(); ++i) {
        require_same(again[i], before[i], "symbolic " + place(c, dtype, batch) + ", once more");
      }
      results.pop_back();
    }
  }
}

}  // namespace operations
