// What of a graph a session computes, and when: found out before anything is lowered.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "graph/graph.h"
#include "plan/plan.h"

namespace nadir {

// When a node is computed. Constants depend on the batch alone; backward is what only the gradients need.
enum class Phase : std::uint8_t { kUnneeded, kConstant, kForward, kBackward };

struct ParameterGradient {
  const Parameter* parameter;
  NodeIndex gradient;
};

struct Analysis {
  explicit Analysis(std::pmr::memory_resource* resource)
      : gradients(resource),
        state_updates(resource),
        phases(resource),
        same(resource),
        users(resource),
        is_root(resource),
        absorbed(resource) {}

  std::pmr::vector<ParameterGradient> gradients;       // in the order of the gradients' nodes
  std::pmr::vector<Graph::StateUpdate> state_updates;  // of the states that the loss depends on
  // By node:
  std::pmr::vector<Phase> phases;
  std::pmr::vector<NodeIndex> same;  // the node that computes its value: mostly itself
  std::pmr::vector<std::uint32_t>
      users;                        // how many nodes that compute something have it, or one of its value, as an operand
  std::pmr::vector<bool> is_root;   // its value is the loss or an output
  std::pmr::vector<bool> absorbed;  // computed inside the step of its user

  // The node that computes an operand.
  NodeIndex operand(const Node& node, std::size_t number) const noexcept { return same[node.inputs[number]]; }
  // The gradients that a node is.
  std::span<const ParameterGradient> gradients_from(NodeIndex node) const noexcept;
};

// Adds the gradients of the loss to the graph. Gradients, and users and roots by node, are those of the nodes that compute.
Analysis analyse(Graph& graph, const Wanted& wanted);

// Which operand of a sum is a product that nothing else uses, while the other is a row repeated: a bias, which rides in the
// epilogue of the product. -1 if it is not so.
int product_with_bias(const Graph& graph, const Analysis& analysis, NodeIndex sum);

// Whether a relu is of a product, with a bias or not, that nothing else uses: it rides in the epilogue, too.
bool is_rectified_product(const Graph& graph, const Analysis& analysis, NodeIndex relu);

}  // namespace nadir
