// Nodes whose value another node has already, to the bit: equal operations on equal operands, and identities.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "graph/graph.h"

namespace nadir {

// What is wanted of a graph, by node.
struct Demand {
  std::pmr::vector<bool> in_forward;  // the loss and the outputs depend on it
  std::pmr::vector<bool> needed;      // they or the gradients do
  std::pmr::vector<bool> is_root;     // it is one of them
};

// By node: the first that has the same value and may stand for it, else itself. What is not needed is itself.
//
// Sources of random numbers differ by their names, and leaves by what the host writes. A value that the backward pass would make
// anew from what is in memory anyway, and at little cost, is not kept for it from the forward pass if it is large.
std::pmr::vector<NodeIndex> find_duplicates(const Graph& graph, const Demand& demand, std::int64_t max_batch);

}  // namespace nadir
