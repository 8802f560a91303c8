// Values that are computed again rather than kept.
//
// A large value that a group has at hand, and that others need, costs a pass of memory to write and one to read it. Where a few
// cheap operations make it from one other large value that stays in memory, groups that need it read that one in its place, and
// compute it again. So neither x - mean nor what is made of it is kept for the backward pass.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "plan/grouping.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

// Changes the groups of the phases, `lists`, the steps of each of which are `steps`, and adds buffers.
void recompute(Plan& plan, StepGroups (&lists)[3], Steps* const* steps, std::pmr::vector<Buffer>& buffers,
               std::int64_t max_batch, std::pmr::memory_resource* resource);

}  // namespace nadir
