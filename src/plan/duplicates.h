// Nodes whose value another node has already, to the bit: equal operations on equal operands, and identities.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "graph/graph.h"

namespace nadir {

// Why a node is wanted, as bits.
enum Demand : std::uint8_t {
  kInForward = 1,  // the loss or an output depends on it, or is it
  kNeeded = 2,     // they or the gradients do
  kRoot = 4,       // it is the loss or an output
};

// By node: the first that has the same value and may stand for it, else itself. What is not needed is itself.
//
// Sources of random numbers differ by their names, and leaves by what the host writes. A value that the backward pass would make
// anew from what is in memory anyway, and at little cost, is not kept for it from the forward pass if it is large.
std::pmr::vector<NodeIndex> find_duplicates(const Graph& graph, const std::pmr::vector<std::uint8_t>& demand,
                                            std::int64_t max_batch);

}  // namespace nadir
