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
  Steps* const steps[] = {&plan.forward, &plan.backward, &plan.accumulating_backward};
  const auto groups_of = [&](int phase) { return group(*steps[phase], wanted.max_batch, resource); };
  StepGroups lists[] = {groups_of(0), groups_of(1), groups_of(2)};
  recompute(plan, lists, steps, buffers, wanted.max_batch, resource);
  make_fused_steps(plan, lists, steps, buffers, wanted, resource);
}

}  // namespace nadir
