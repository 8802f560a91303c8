#include "plan/slopes.h"

#include "ops/elementwise.h"
#include "ops/leaves.h"

namespace nadir {

namespace {

class Matcher {
 public:
  Matcher(const Graph& graph, const Analysis& analysis, NodeIndex index) noexcept
      : graph_(graph), analysis_(analysis), index_(index) {}

  std::optional<Slope> match() const {
    const Node& node = graph_[index_];
    if (node.dtype != DType::kF32 && node.dtype != DType::kF64) return std::nullopt;
    if (id_of(node) == OpId::where) return match_relu(node);
    if (id_of(node) != OpId::mul) return std::nullopt;
    return match_product(operand(node, 0), operand(node, 1));
  }

 private:
  NodeIndex operand(const Node& node, std::size_t number) const { return analysis_.operand(node, number); }

  // An operation whose result nobody else needs.
  bool is_inner(NodeIndex index, OpId id) const {
    return id_of(graph_[index]) == id && analysis_.users[index] == 1 && !analysis_.is_root[index] &&
           analysis_.phases[index] == analysis_.phases[index_] && analysis_.gradients_from(index).empty();
  }

  bool is_everywhere(NodeIndex index, double value) const {
    while (id_of(graph_[index]) == OpId::broadcast_to) index = operand(graph_[index], 0);
    const Node& node = graph_[index];
    return id_of(node) == OpId::constant && node.shape.is_scalar() && scalar_value(node) == value;
  }

  // 1 - x: the numbers of the nodes x, -x and -x + 1.
  struct OneMinus {
    NodeIndex x, negated;
  };
  std::optional<OneMinus> one_minus(NodeIndex index) const {
    if (!is_inner(index, OpId::add_scalar) || graph_[index].attributes.as<Numbers>()[0] != 1) return std::nullopt;
    const NodeIndex negated = operand(graph_[index], 0);
    if (!is_inner(negated, OpId::neg)) return std::nullopt;
    return OneMinus{operand(graph_[negated], 0), negated};
  }

  // y <= 0 ? 0 : gy
  std::optional<Slope> match_relu(const Node& node) const {
    const NodeIndex mask = operand(node, 0);
    if (!is_inner(mask, OpId::le) || !is_everywhere(operand(node, 1), 0)) return std::nullopt;
    const NodeIndex y = operand(graph_[mask], 0);
    if (graph_[y].dtype != node.dtype || !is_everywhere(operand(graph_[mask], 1), 0)) return std::nullopt;
    return Slope{LaneId::relu_slope, operand(node, 2), y, {mask, kNoNode, kNoNode}};
  }

  // gy (1 - y²) or gy (y (1 - y))
  std::optional<Slope> match_product(NodeIndex gy, NodeIndex factor) const {
    if (const auto rest = one_minus(factor)) {
      if (!is_inner(rest->x, OpId::square)) return std::nullopt;
      return Slope{LaneId::tanh_slope, gy, operand(graph_[rest->x], 0), {factor, rest->negated, rest->x}};
    }
    if (!is_inner(factor, OpId::mul)) return std::nullopt;
    const NodeIndex y = operand(graph_[factor], 0);
    const NodeIndex difference = operand(graph_[factor], 1);
    const auto rest = one_minus(difference);
    if (!rest || rest->x != y) return std::nullopt;
    return Slope{LaneId::sigmoid_slope, gy, y, {factor, difference, rest->negated}};
  }

  const Graph& graph_;
  const Analysis& analysis_;
  const NodeIndex index_;
};

}  // namespace

std::optional<Slope> slope_of(const Graph& graph, const Analysis& analysis, NodeIndex index) {
  return Matcher(graph, analysis, index).match();
}

}  // namespace nadir
