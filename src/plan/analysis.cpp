#include "plan/analysis.h"

#include <algorithm>

#include "autodiff/gradients.h"
#include "base/error.h"
#include "ops/registry.h"
#include "plan/duplicates.h"
#include "plan/slopes.h"

namespace nadir {

namespace {

using Flags = std::pmr::vector<std::uint8_t>;

// Wants what wanted nodes depend on, for the same reasons. With `same`, a node that another stands for needs only that.
void spread(const Graph& graph, Flags& flags, const NodeIndex* same = nullptr) noexcept {
  for (auto index = static_cast<NodeIndex>(graph.size()); index-- > 0;) {
    const auto reasons = static_cast<std::uint8_t>(flags[index] & (kInForward | kNeeded));
    if (reasons == 0) continue;
    const bool stands_for_itself = !same || same[index] == index;
    for (const NodeIndex needed : stands_for_itself ? graph[index].inputs : std::span(same + index, 1))
      flags[needed] |= reasons;
  }
}

void sort_gradients(Analysis& analysis) {
  std::sort(analysis.gradients.begin(), analysis.gradients.end(),
            [](const ParameterGradient& a, const ParameterGradient& b) {
              return a.gradient != b.gradient ? a.gradient < b.gradient : a.parameter < b.parameter;
            });
}

void differentiate(Graph& graph, NodeIndex loss, Analysis& analysis) {
  Flags reached(graph.size(), 0, &graph.host());
  reached[loss] = kNeeded;
  spread(graph, reached);
  std::pmr::vector<NodeIndex> xs(&graph.host());
  for (const Parameter& parameter : graph.parameters()) {
    if (reached[parameter.node] == 0 || parameter.is_frozen) continue;
    xs.push_back(parameter.node);
    analysis.gradients.push_back({&parameter, kNoNode});
  }
  if (xs.empty()) fail(Status::kArgument, "loss \"", graph[loss].name(), "\" depends on no parameter that is trained");
  std::pmr::vector<NodeIndex> out(xs.size(), kNoNode, &graph.host());
  gradients(Expr(graph, loss), Expr(), xs, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    // What is reshaped is in its place already, if it is computed there.
    while (id_of(graph[out[i]]) == OpId::reshape) out[i] = graph[out[i]].inputs[0];
    analysis.gradients[i].gradient = out[i];
  }
}

bool is_constant(const Node& node, const Analysis& analysis) {
  const OpId id = id_of(node);
  if (is_stored(node) || id == OpId::random || id == OpId::training || id == OpId::check_range) {
    return false;
  }
  return std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](NodeIndex input) { return analysis.phases[input] == Phase::kConstant; });
}

void want_gradients(const Analysis& analysis, Flags& flags) noexcept {
  for (const ParameterGradient& gradient : analysis.gradients) flags[gradient.gradient] |= kNeeded;
}

// Why nodes are wanted. So are states that the loss depends on.
Flags demand_of(const Graph& graph, const Wanted& wanted, Analysis& analysis) {
  constexpr std::uint8_t kAsRoot = kRoot | kInForward | kNeeded;
  Flags flags(graph.size(), 0, &graph.host());
  for (const NodeIndex output : wanted.outputs) flags[output] = kAsRoot;
  if (wanted.loss != kNoNode) {
    flags[wanted.loss] = kAsRoot;
    spread(graph, flags);
    for (const auto& update : graph.state_updates()) {
      if (flags[update.state] != 0) analysis.state_updates.push_back(update);
    }
    for (const auto& update : analysis.state_updates) flags[update.value] = kAsRoot;
  }
  want_gradients(analysis, flags);
  spread(graph, flags);
  return flags;
}

// Has nodes that compute the same value computed once.
void merge_duplicates(const Graph& graph, const Flags& demand, std::int64_t max_batch, Analysis& analysis) {
  analysis.same = find_duplicates(graph, demand, max_batch);
  for (ParameterGradient& gradient : analysis.gradients) gradient.gradient = analysis.same[gradient.gradient];
  sort_gradients(analysis);
}

// Leaves out what nothing wants, and tells when the rest is computed.
void assign_phases(const Graph& graph, const Flags& demand, Analysis& analysis) {
  Flags flags(graph.size(), 0, &graph.host());
  analysis.is_root.assign(graph.size(), false);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if ((demand[index] & kRoot) == 0) continue;
    analysis.is_root[analysis.same[index]] = true;
    flags[index] = kInForward | kNeeded;
  }
  want_gradients(analysis, flags);
  spread(graph, flags, analysis.same.data());

  analysis.phases.assign(graph.size(), Phase::kUnneeded);
  analysis.users.assign(graph.size(), 0);
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (flags[index] == 0) continue;
    const NodeIndex same = analysis.same[index];
    if (same != index) {
      analysis.phases[index] = analysis.phases[same];
      continue;
    }
    for (const NodeIndex input : graph[index].inputs) ++analysis.users[analysis.same[input]];
    const Phase later = (flags[index] & kInForward) != 0 ? Phase::kForward : Phase::kBackward;
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

void absorb_rectified(const Graph& graph, Analysis& analysis) {
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (analysis.phases[index] == Phase::kUnneeded || id_of(graph[index]) != OpId::relu) continue;
    if (is_rectified_product(graph, analysis, index)) analysis.absorbed[analysis.operand(graph[index], 0)] = true;
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
  const Flags demand = demand_of(graph, wanted, analysis);
  merge_duplicates(graph, demand, wanted.max_batch, analysis);
  assign_phases(graph, demand, analysis);
  absorb_biases(graph, analysis);
  absorb_rectified(graph, analysis);
  absorb_slopes(graph, analysis);
  return analysis;
}

bool is_rectified_product(const Graph& graph, const Analysis& analysis, NodeIndex relu) {
  const NodeIndex x = analysis.operand(graph[relu], 0);
  if (analysis.users[x] != 1 || analysis.is_root[x] || !analysis.gradients_from(x).empty()) return false;
  if (analysis.phases[x] != analysis.phases[relu]) return false;
  if (id_of(graph[x]) == OpId::matmul) return true;
  return id_of(graph[x]) == OpId::add && product_with_bias(graph, analysis, x) >= 0;
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
