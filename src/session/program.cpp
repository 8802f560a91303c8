#include "session/program.h"

#include <algorithm>

namespace nadir {

namespace {

std::size_t count_nests(const Plan& plan) {
  std::ptrdiff_t count = 0;
  for (const Steps* steps : {&plan.constants, &plan.forward, &plan.backward, &plan.accumulating_backward}) {
    count += std::count_if(steps->begin(), steps->end(), [](const Step& step) { return step.may_nest; });
  }
  return static_cast<std::size_t>(count);
}

}  // namespace

Program::Program(const Plan& plan, std::pmr::memory_resource* resource)
    : plan_(plan),
      constants_(plan.constants.size(), resource),
      forward_(plan.forward.size(), resource),
      backward_(plan.backward.size(), resource),
      accumulating_backward_(plan.accumulating_backward.size(), resource),
      nests_(count_nests(plan), resource),
      fused_(resource) {
  fused_.reserve(plan.fusions.size());
  for (const Fusion& fusion : plan.fusions) {
    fused_.emplace_back(resource);
    fused_.back().ops.resize(fused_ops(fusion));
  }
}

void Program::resolve(std::int64_t batch, const Memory& memory, const KernelTable& kernels) noexcept {
  const Resolution resolution{batch, memory, kernels, plan_.fusions.data(), fused_.data()};
  Nest* nest = nests_.data();
  const auto resolve_all = [&](const Steps& steps, Records& records) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i].resolver(steps[i], resolution, records[i], nest);
      if (steps[i].may_nest) ++nest;
    }
  };
  resolve_all(plan_.constants, constants_);
  resolve_all(plan_.forward, forward_);
  resolve_all(plan_.backward, backward_);
  resolve_all(plan_.accumulating_backward, accumulating_backward_);
  const std::span<Profiled> profile = profile_;
  profile_ = {};  // what it holds are the records of before
  set_profile(profile);
}

std::size_t Program::bytes(const Plan& plan) noexcept {
  const std::size_t steps =
      plan.constants.size() + plan.forward.size() + plan.backward.size() + plan.accumulating_backward.size();
  std::size_t fused = 0;
  for (const Fusion& fusion : plan.fusions) {
    fused += sizeof(Fusion) + sizeof(FusedProgram) + fusion.members.size() * sizeof(FusedMember) +
             fused_ops(fusion) * sizeof(FusedOp);
  }
  return steps * (sizeof(Record) + sizeof(Step)) + count_nests(plan) * sizeof(Nest) + fused;
}

}  // namespace nadir
