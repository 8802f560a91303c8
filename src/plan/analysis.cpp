#include "plan/analysis.h"

#include <algorithm>

#include "autodiff/gradients.h"
#include "base/error.h"
#include "ops/registry.h"
#include "plan/slopes.h"

namespace nadir {

namespace {

std::pmr::vector<bool> reachable_from(std::span<const NodeIndex> roots, const Graph& graph) {
  std::pmr::vector<bool> reached(graph.size(), false, &graph.host());
  for (const NodeIndex root : roots) reached[root] = true;
  for (auto index = static_cast<NodeIndex>(graph.size()); index-- > 0;) {
    if (!reached[index]) continue;
    for (const NodeIndex input : graph[index].inputs) reached[input] = true;
  }
  return reached;
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
  std::sort(analysis.gradients.begin(), analysis.gradients.end(),
            [](const ParameterGradient& a, const ParameterGradient& b) {
              return a.gradient != b.gradient ? a.gradient < b.gradient : a.parameter < b.parameter;
            });
}

bool is_constant(const Node& node, const Analysis& analysis) {
  const OpId id = id_of(node);
  if (is_stored(node) || id == OpId::random || id == OpId::training || id == OpId::check_range) {
    return false;
  }
  return std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](NodeIndex input) { return analysis.phases[input] == Phase::kConstant; });
}

// Leaves out what nothing wants, and tells when the rest is computed.
void assign_phases(const Graph& graph, const Wanted& wanted, Analysis& analysis) {
  std::pmr::vector<NodeIndex> roots(wanted.outputs.begin(), wanted.outputs.end(), &graph.host());
  if (wanted.loss != kNoNode) roots.push_back(wanted.loss);
  analysis.is_root.assign(graph.size(), false);
  for (const NodeIndex root : roots) analysis.is_root[root] = true;
  auto in_forward = reachable_from(roots, graph);
  if (wanted.loss != kNoNode) {
    for (const auto& update : graph.state_updates()) {
      if (!in_forward[update.state]) continue;
      analysis.state_updates.push_back(update);
      analysis.is_root[update.value] = true;
      roots.push_back(update.value);
    }
    in_forward = reachable_from(roots, graph);
  }
  for (const ParameterGradient& gradient : analysis.gradients) roots.push_back(gradient.gradient);
  const auto needed = reachable_from(roots, graph);

  analysis.phases.assign(graph.size(), Phase::kUnneeded);
  analysis.users.assign(graph.size(), 0);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (!needed[index]) continue;
    for (const NodeIndex input : graph[index].inputs) ++analysis.users[input];
    const Phase later = in_forward[index] ? Phase::kForward : Phase::kBackward;
    analysis.phases[index] = is_constant(graph[index], analysis) ? Phase::kConstant : later;
  }
}

void absorb_biases(const Graph& graph, Analysis& analysis) {
  analysis.absorbed.assign(graph.size(), false);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (analysis.phases[index] == Phase::kUnneeded || id_of(graph[index]) != OpId::add) continue;
    const int product = product_with_bias(graph, analysis, index);
    if (product >= 0) analysis.absorbed[graph[index].inputs[static_cast<std::size_t>(product)]] = true;
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
  assign_phases(graph, wanted, analysis);
  absorb_biases(graph, analysis);
  absorb_slopes(graph, analysis);
  return analysis;
}

int product_with_bias(const Graph& graph, const Analysis& analysis, NodeIndex sum) {
  for (const std::size_t operand : {0u, 1u}) {
    const NodeIndex product = graph[sum].inputs[operand];
    const Node& repeated = graph[graph[sum].inputs[1 - operand]];
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
