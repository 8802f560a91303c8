#include "plan/duplicates.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/registry.h"

namespace nadir {

namespace {

constexpr std::int64_t kLarge = std::int64_t{1} << 16;  // elements that are not kept for the backward pass lightly

std::size_t data_bytes(const Node& constant) noexcept {
  return static_cast<std::size_t>(constant.shape.count().factor) * size_of(constant.dtype);
}

bool is_elementwise(const Node& node) noexcept {
  const OpId id = id_of(node);
  return node.op->lane >= 0 || id == OpId::logical_not || id == OpId::where || id == OpId::cast;
}

bool is_arrangement(const Node& node) noexcept {
  const OpId id = id_of(node);
  return id == OpId::broadcast_to || id == OpId::reshape || id == OpId::permute || id == OpId::slice;
}

// Numbers values: nodes of one value get the number of the first.
class Numbering {
 public:
  explicit Numbering(const Graph& graph)
      : graph_(graph),
        values_(graph.size(), &graph.host()),
        table_(std::bit_ceil(2 * graph.size() + 1), kNoNode, &graph.host()) {}

  std::pmr::vector<NodeIndex> run(const std::pmr::vector<std::uint8_t>& demand) {
    for (NodeIndex index = 0; index < graph_.size(); ++index) {
      values_[index] = index;
      if (demand[index] != 0) values_[index] = value_of(index);
    }
    return std::move(values_);
  }

 private:
  NodeIndex value_of(NodeIndex index) {
    const Node& node = graph_[index];
    if (is_stored(node) || id_of(node) == OpId::random) return index;
    const NodeIndex operand = passed_on(node);
    if (operand != kNoNode) return operand;
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = hash_of(node) & mask;
    for (; table_[slot] != kNoNode; slot = (slot + 1) & mask) {
      if (are_equal(graph_[table_[slot]], node)) return table_[slot];
    }
    return table_[slot] = index;
  }

  NodeIndex value(const Node& node, std::size_t operand) const noexcept { return values_[node.inputs[operand]]; }

  // The value of an operand that a node changes nothing of, or kNoNode. A sum with 0 is none: it makes 0 of -0.
  NodeIndex passed_on(const Node& node) const noexcept {
    const auto number = [&] { return node.attributes.as<Numbers>()[0]; };
    switch (id_of(node)) {
      case OpId::stop_gradient: return value(node, 0);
      case OpId::cast: return graph_[node.inputs[0]].dtype == node.dtype ? value(node, 0) : kNoNode;
      case OpId::scale:
      case OpId::div_scalar: return number() == 1 ? value(node, 0) : kNoNode;
      case OpId::neg: {
        const Node& operand = graph_[value(node, 0)];
        return id_of(operand) == OpId::neg ? value(operand, 0) : kNoNode;
      }
      case OpId::mul:
        if (repeats(value(node, 0), 1)) return value(node, 1);
        return repeats(value(node, 1), 1) ? value(node, 0) : kNoNode;
      case OpId::div: return repeats(value(node, 1), 1) ? value(node, 0) : kNoNode;
      default: return kNoNode;
    }
  }

  // Whether a node is a constant number everywhere.
  bool repeats(NodeIndex index, double number) const noexcept {
    while (id_of(graph_[index]) == OpId::broadcast_to || id_of(graph_[index]) == OpId::reshape)
      index = value(graph_[index], 0);
    const Node& node = graph_[index];
    return id_of(node) == OpId::constant && node.shape.is_scalar() && scalar_value(node) == number;
  }

  // Operands whose order makes no difference are numbered in order.
  std::pair<NodeIndex, NodeIndex> first_two(const Node& node) const noexcept {
    const NodeIndex a = value(node, 0);
    const NodeIndex b = value(node, 1);
    const bool commutes = id_of(node) == OpId::add || id_of(node) == OpId::mul;
    return commutes && b < a ? std::pair{b, a} : std::pair{a, b};
  }

  std::size_t hash_of(const Node& node) const noexcept {
    std::uint64_t hash = static_cast<std::uint64_t>(node.op->id) << 8 | static_cast<std::uint64_t>(node.dtype);
    const auto add = [&hash](std::uint64_t word) { hash = std::rotl((hash ^ word) * 0x9E3779B97F4A7C15u, 29); };
    for (const std::uint64_t word : node.attributes.words()) add(word);
    if (id_of(node) == OpId::constant) {
      std::uint64_t start = 0;
      std::memcpy(&start, node.data, std::min(sizeof start, data_bytes(node)));
      add(start);
    }
    std::size_t next = 0;
    if (node.inputs.size() >= 2) {
      const auto [a, b] = first_two(node);
      add(a);
      add(b);
      next = 2;
    }
    for (; next < node.inputs.size(); ++next) add(value(node, next));
    add(static_cast<std::uint64_t>(node.shape.count().factor));
    return static_cast<std::size_t>(hash ^ hash >> 32);
  }

  bool are_equal(const Node& a, const Node& b) const noexcept {
    if (a.op != b.op || a.dtype != b.dtype || a.shape != b.shape || a.inputs.size() != b.inputs.size()) return false;
    if (a.attributes.words() != b.attributes.words()) return false;
    if (id_of(a) == OpId::constant && std::memcmp(a.data, b.data, data_bytes(a)) != 0) return false;
    std::size_t next = 0;
    if (a.inputs.size() >= 2) {
      if (first_two(a) != first_two(b)) return false;
      next = 2;
    }
    for (; next < a.inputs.size(); ++next) {
      if (value(a, next) != value(b, next)) return false;
    }
    return true;
  }

  const Graph& graph_;
  std::pmr::vector<NodeIndex> values_;  // by node
  std::pmr::vector<NodeIndex> table_;   // of the first nodes of their values, by hash
};

// Says which values of the forward pass the backward pass has at hand, and which it makes anew.
class Choice {
 public:
  Choice(const Graph& graph, const std::pmr::vector<std::uint8_t>& demand, const std::pmr::vector<NodeIndex>& values,
         std::int64_t max_batch)
      : graph_(graph),
        demand_(demand),
        values_(values),
        max_batch_(max_batch),
        is_at_hand_(graph.size(), 0, &graph.host()) {
    for (NodeIndex index = 0; index < graph.size(); ++index) {
      if (demand[index] == 0) continue;
      if (is_stored(graph[index]) || (demand[index] & kRoot) != 0) is_at_hand_[values[index]] = 1;
      if (is_in_forward(values[index])) continue;
      for (const NodeIndex input : graph[index].inputs) note(input);
    }
  }

  bool makes_anew(NodeIndex index) const noexcept {
    const NodeIndex value = values_[index];
    if (is_in_forward(index) || !is_in_forward(value) || is_at_hand_[value] != 0) return false;
    const Node& node = graph_[index];
    if (!is_elementwise(node) || node.shape.count().at(max_batch_) < kLarge) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeIndex input) {
      return is_at_hand_[source(values_[input])] != 0 || graph_[source(input)].shape.count().at(max_batch_) < kLarge;
    });
  }

 private:
  bool is_in_forward(NodeIndex index) const noexcept { return (demand_[index] & kInForward) != 0; }

  // What is arranged anew by a node; the node itself if it arranges nothing.
  NodeIndex source(NodeIndex index) const noexcept {
    while (is_arrangement(graph_[index])) index = values_[graph_[index].inputs[0]];
    return index;
  }

  // A value of the forward pass that a node of the backward pass alone reads.
  void note(NodeIndex input) {
    if (!is_in_forward(input)) return;
    is_at_hand_[values_[input]] = 1;
    is_at_hand_[source(values_[input])] = 1;
  }

  const Graph& graph_;
  const std::pmr::vector<std::uint8_t>& demand_;
  const std::pmr::vector<NodeIndex>& values_;
  const std::int64_t max_batch_;
  std::pmr::vector<std::uint8_t> is_at_hand_;  // by value: it is in memory when the backward pass begins
};

}  // namespace

std::pmr::vector<NodeIndex> find_duplicates(const Graph& graph, const std::pmr::vector<std::uint8_t>& demand,
                                            std::int64_t max_batch) {
  const std::pmr::vector<NodeIndex> values = Numbering(graph).run(demand);
  const Choice choice(graph, demand, values, max_batch);
  std::pmr::vector<NodeIndex> same(values, &graph.host());
  std::pmr::vector<NodeIndex> anew(graph.size(), kNoNode, &graph.host());  // by value: the first that is
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    if (demand[index] == 0 || !choice.makes_anew(index)) continue;
    NodeIndex& first = anew[values[index]];
    if (first == kNoNode) first = index;
    same[index] = first;
  }
  return same;
}

}  // namespace nadir
