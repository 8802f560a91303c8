// Copies that are left out: what computes a result writes it where a copy would have taken it.
#pragma once

#include <memory_resource>
#include <vector>

#include "graph/graph.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

// Has products and lane functions write their results in another order, as for the heads of attention, or as a piece of a
// concatenation, if nobody but a copy reads them. After fusion, before buffers have lifetimes.
void leave_out_copies(const Graph& graph, Plan& plan, const std::pmr::vector<Buffer>& buffers,
                      std::pmr::memory_resource* resource);

}  // namespace nadir
