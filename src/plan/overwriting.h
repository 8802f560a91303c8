// Results in the place of operands: an elementwise step may write over what nobody reads after it.
#pragma once

#include <memory_resource>
#include <vector>

#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

// Says of buffers which other one they lie over. The step, or the group's member, that writes the first of a result reads the operand
// for the last time, each element where it writes one of the result's, so that neither strips nor parts meet what others have written.
// REQUIRES: the buffers have their lifetimes.
void overwrite_operands(const Plan& plan, std::pmr::vector<Buffer>& buffers, std::pmr::memory_resource* resource);

}  // namespace nadir
