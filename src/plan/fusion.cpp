#include "plan/fusion.h"

#include "plan/grouping.h"
#include "plan/recomputation.h"
#include "plan/registers.h"

namespace nadir {

Shape squeezed(const Shape& shape) noexcept {
  Shape rest;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!shape[axis].is_one()) rest.append(shape[axis]);
  }
  return rest;
}

void fuse(Plan& plan, std::pmr::vector<Buffer>& buffers, const Wanted& wanted, std::pmr::memory_resource* resource) {
  std::pmr::vector<std::pmr::vector<StepGroup>> lists(resource);
  Steps* const steps[] = {&plan.forward, &plan.backward, &plan.accumulating_backward};
  for (const Steps* list : steps) lists.push_back(group(*list, wanted.max_batch, resource));
  recompute(plan, lists, steps, buffers, wanted.max_batch, resource);
  make_fused_steps(plan, lists, steps, buffers, wanted, resource);
}

}  // namespace nadir
