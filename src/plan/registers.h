// From groups to fused steps: what only a group's members read becomes a register, a strip of scratch.
#pragma once

#include <memory_resource>
#include <vector>

#include "plan/grouping.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

// Replaces the steps of each of the phases, `steps`, by those of its groups, and adds buffers for their registers.
void make_fused_steps(Plan& plan, const StepGroups (&lists)[3], Steps* const* steps, std::pmr::vector<Buffer>& buffers,
                      const Wanted& wanted, std::pmr::memory_resource* resource);

}  // namespace nadir
