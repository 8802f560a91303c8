// When a plan needs its buffers.
#pragma once

#include <vector>

#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

// Gives the buffers their lifetimes: steps are numbered in the order of the phases, with both ways to go backward behind the forward
// pass. What `is_kept` says of a buffer outlives all steps. A buffer that no step uses gets no bytes.
void set_lifetimes(const Plan& plan, std::pmr::vector<Buffer>& buffers) noexcept;

}  // namespace nadir
