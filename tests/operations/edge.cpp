#include "edge.h"

#include <algorithm>

namespace operations {

namespace {

Nodes gradients(nadir_graph* graph, nadir_node y, const Nodes& xs) {
  Nodes out(xs.size(), NADIR_NONE);
  const nadir_node sum = sum_of(graph, y);
  ok(graph, nadir_gradients(graph, sum, NADIR_NONE, xs.data(), static_cast<std::int32_t>(xs.size()), out.data()));
  return out;
}

// Writes what the session has a use for.
void write_all(nadir_session* session, const Nodes& xs, nadir_dtype dtype, const Arrays& operands) {
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const nadir_status status = write(session, xs[i], dtype, operands[i]);
    if (status != NADIR_E_STATE) ok(session, status);
  }
}

Arrays read_all(nadir_session* session, const nadir_graph* graph, const Nodes& nodes) {
  Arrays values;
  for (const nadir_node node : nodes) values.push_back(read(session, graph, node));
  return values;
}

Nodes inputs(nadir_graph* graph, nadir_dtype dtype, const Arrays& operands) {
  Nodes xs;
  for (const Array& operand : operands) xs.push_back(input(graph, dtype, shape_of(operand)));
  return xs;
}

}  // namespace

Derived derive(const Arrays& operands, const Build& build, nadir_dtype dtype) {
  const GraphPtr graph = new_graph();
  const Nodes xs = inputs(graph.get(), dtype, operands);
  const nadir_node y = made(graph.get(), build({graph.get(), dtype, 1}, xs));
  const Nodes first = gradients(graph.get(), y, xs);
  nadir_node sum = NADIR_NONE;
  for (const nadir_node one : first) {
    const nadir_node term = sum_of(graph.get(), one);
    sum = sum == NADIR_NONE ? term : made(graph.get(), nadir_add(graph.get(), sum, term));
  }
  const Nodes second = gradients(graph.get(), sum, xs);
  Nodes outputs = {y};
  for (const Nodes& more : {first, second}) {
    for (const nadir_node node : more) {
      if (std::find(outputs.begin(), outputs.end(), node) == outputs.end()) outputs.push_back(node);
    }
  }
  const SessionPtr session = new_session(graph.get(), NADIR_NONE, outputs);
  write_all(session.get(), xs, dtype, operands);
  ok(session.get(), nadir_forward(session.get()));
  return {read(session.get(), graph.get(), y), read_all(session.get(), graph.get(), first),
          read_all(session.get(), graph.get(), second)};
}

Derived derive(const std::vector<double>& x, Unary build, nadir_dtype dtype) {
  return derive(
      {vector_of(x)}, [build](const Scope& scope, const Nodes& xs) { return build(scope.graph, xs[0]); }, dtype);
}

Derived derive(const std::vector<double>& a, const std::vector<double>& b, Binary build, nadir_dtype dtype) {
  return derive(
      {vector_of(a), vector_of(b)},
      [build](const Scope& scope, const Nodes& xs) { return build(scope.graph, xs[0], xs[1]); }, dtype);
}

Array value_of(const Arrays& operands, const Build& build, nadir_dtype dtype) {
  const GraphPtr graph = new_graph();
  const Nodes xs = inputs(graph.get(), dtype, operands);
  const nadir_node y = made(graph.get(), build({graph.get(), dtype, 1}, xs));
  const SessionPtr session = new_session(graph.get(), NADIR_NONE, {y});
  write_all(session.get(), xs, dtype, operands);
  ok(session.get(), nadir_forward(session.get()));
  return read(session.get(), graph.get(), y);
}

void require_values(const Array& got, const std::vector<double>& wanted, const std::string& what, double tolerance) {
  require_near(got, array_of(shape_of(got), wanted), tolerance, what, 0);
}

}  // namespace operations
