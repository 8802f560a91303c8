#include "plan/analysis.h"

#include <algorithm>

#include "autodiff/gradients.h"
#include "base/error.h"
#include "ops/registry.h"
#include "plan/duplicates.h"
#include "plan/slopes.h"

namespace nadir {

namespace {

// What the roots depend on. With `same`, a node that another stands for needs only that.
std::pmr::vector<bool> reachable_from(std::span<const NodeIndex> roots, const Graph& graph,
                                      const NodeIndex* same = nullptr) {
  std::pmr::vector<bool> reached(graph.size(), false, &graph.host());
  for (const NodeIndex root : roots) reached[root] = true;
  for (auto index = static_cast<NodeIndex>(graph.size()); index-- > 0;) {
    if (!reached[index]) continue;
    const bool stands_for_itself = !same || same[index] == index;
    for (const NodeIndex needed : stands_for_itself ? graph[index].inputs : std::span(same + index, 1))
      reached[needed] = true;
  }
  return reached;
}

void sort_gradients(Analysis& analysis) {
  std::sort(analysis.gradients.begin(), analysis.gradients.end(),
            [](const ParameterGradient& a, const ParameterGradient& b) {
              return a.gradient != b.gradient ? a.gradient < b.gradient : a.parameter < b.parameter;
            });
}

void differentiate(Graph& graph, NodeIndex loss, Analysis& analysis) {
  const auto reached = reachable_from(std::span(&loss, 1), graph);
  std::pmr::vector<NodeIndex> xs(&graph.host());
  for (const Parameter& parameter : graph.parameters()) {
    if (!reached[parameter.node] || parameter.is_frozen) continue;
    xs.push_back(parameter.node);
    analysis.gradients.push_back({&parameter, kNoNode});
  }
  if (xs.empty()) fail(Status::kArgument, "loss \"", graph[loss].name(), "\" depends on no parameter that is trained");
  std::pmr::vector<NodeIndex> out(xs.size(), kNoNode, &graph.host());
  gradients(Expr(graph, loss), Expr(), xs, out);
  for (std::size_t i = 0; i < out.size(); ++i) analysis.gradients[i].gradient = out[i];
}

bool is_constant(const Node& node, const Analysis& analysis) {
  const OpId id = id_of(node);
  if (is_stored(node) || id == OpId::random || id == OpId::training || id == OpId::check_range) {
    return false;
  }
  return std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](NodeIndex input) { return analysis.phases[input] == Phase::kConstant; });
}

// What of the graph is wanted: states that the loss depends on, too.
Demand demand_of(const Graph& graph, const Wanted& wanted, Analysis& analysis) {
  Demand demand{std::pmr::vector<bool>(&graph.host()), std::pmr::vector<bool>(&graph.host()),
                std::pmr::vector<bool>(graph.size(), false, &graph.host())};
  std::pmr::vector<NodeIndex> roots(wanted.outputs.begin(), wanted.outputs.end(), &graph.host());
  if (wanted.loss != kNoNode) {
    roots.push_back(wanted.loss);
    demand.in_forward = reachable_from(roots, graph);
    for (const auto& update : graph.state_updates()) {
      if (!demand.in_forward[update.state]) continue;
      analysis.state_updates.push_back(update);
      roots.push_back(update.value);
    }
  }
  for (const NodeIndex root : roots) demand.is_root[root] = true;
  demand.in_forward = reachable_from(roots, graph);
  for (const ParameterGradient& gradient : analysis.gradients) roots.push_back(gradient.gradient);
  demand.needed = reachable_from(roots, graph);
  return demand;
}

// Has nodes that compute the same value computed once.
void merge_duplicates(const Graph& graph, const Demand& demand, std::int64_t max_batch, Analysis& analysis) {
  analysis.same = find_duplicates(graph, demand, max_batch);
  for (ParameterGradient& gradient : analysis.gradients) gradient.gradient = analysis.same[gradient.gradient];
  sort_gradients(analysis);
  analysis.is_root.assign(graph.size(), false);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (demand.is_root[index]) analysis.is_root[analysis.same[index]] = true;
  }
}

// Leaves out what nothing wants, and tells when the rest is computed.
void assign_phases(const Graph& graph, const Demand& demand, Analysis& analysis) {
  std::pmr::vector<NodeIndex> roots(&graph.host());
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (demand.is_root[index]) roots.push_back(index);
  }
  const auto in_forward = reachable_from(roots, graph, analysis.same.data());
  for (const ParameterGradient& gradient : analysis.gradients) roots.push_back(gradient.gradient);
  const auto needed = reachable_from(roots, graph, analysis.same.data());

  analysis.phases.assign(graph.size(), Phase::kUnneeded);
  analysis.users.assign(graph.size(), 0);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (!needed[index]) continue;
    const NodeIndex same = analysis.same[index];
    if (same != index) {
      analysis.phases[index] = analysis.phases[same];
      continue;
    }
    for (const NodeIndex input : graph[index].inputs) ++analysis.users[analysis.same[input]];
    const Phase later = in_forward[index] ? Phase::kForward : Phase::kBackward;
    analysis.phases[index] = is_constant(graph[index], analysis) ? Phase::kConstant : later;
  }
}

void absorb_biases(const Graph& graph, Analysis& analysis) {
  analysis.absorbed.assign(graph.size(), false);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (analysis.phases[index] == Phase::kUnneeded || id_of(graph[index]) != OpId::add) continue;
    if (analysis.same[index] != index) continue;
    const int product = product_with_bias(graph, analysis, index);
    if (product >= 0) analysis.absorbed[analysis.operand(graph[index], static_cast<std::size_t>(product))] = true;
  }
}

void absorb_slopes(const Graph& graph, Analysis& analysis) {
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (analysis.phases[index] == Phase::kUnneeded) continue;
    const auto slope = slope_of(graph, analysis, index);
    if (!slope) continue;
    for (const NodeIndex inner : slope->inner) {
      if (inner != kNoNode) analysis.absorbed[inner] = true;
    }
  }
}

}  // namespace

std::span<const ParameterGradient> Analysis::gradients_from(NodeIndex node) const noexcept {
  const auto [first, last] =
      std::equal_range(gradients.begin(), gradients.end(), ParameterGradient{nullptr, node},
                       [](const ParameterGradient& a, const ParameterGradient& b) { return a.gradient < b.gradient; });
  return {first, last};
}

Analysis analyse(Graph& graph, const Wanted& wanted) {
  Analysis analysis(&graph.host());
  if (wanted.loss != kNoNode) differentiate(graph, wanted.loss, analysis);
  const Demand demand = demand_of(graph, wanted, analysis);
  merge_duplicates(graph, demand, wanted.max_batch, analysis);
  assign_phases(graph, demand, analysis);
  absorb_biases(graph, analysis);
  absorb_slopes(graph, analysis);
  return analysis;
}

int product_with_bias(const Graph& graph, const Analysis& analysis, NodeIndex sum) {
  for (const std::size_t operand : {0u, 1u}) {
    const NodeIndex product = analysis.operand(graph[sum], operand);
    const Node& repeated = graph[analysis.operand(graph[sum], 1 - operand)];
    if (id_of(graph[product]) != OpId::matmul || analysis.users[product] != 1 || analysis.is_root[product]) continue;
    if (!analysis.gradients_from(product).empty()) continue;  // it is delivered, too
    if (analysis.phases[product] != analysis.phases[sum] || id_of(repeated) != OpId::broadcast_to) continue;
    const Shape& row = graph[repeated.inputs[0]].shape;
    const Dim columns = graph[sum].shape[graph[sum].shape.rank() - 1];
    const bool is_row = row.count() == columns.extent() && (row.is_scalar() || row[row.rank() - 1] == columns);
    if (is_row) return static_cast<int>(operand);
  }
  return -1;
}

}  // namespace nadir
