#include "session/program.h"

#include <algorithm>

#include "plan/parts.h"

namespace nadir {

namespace {

// In nanoseconds: a step that takes less is left to one thread, for the others would first have to fetch what it reads.
constexpr double kLeastStep = 20000;

std::size_t count_nests(const Plan& plan) {
  std::ptrdiff_t count = 0;
  for (const Steps* steps :
       {&plan.constants, &plan.weights, &plan.forward, &plan.backward, &plan.accumulating_backward}) {
    count += std::count_if(steps->begin(), steps->end(), [](const Step& step) { return step.may_nest; });
  }
  return static_cast<std::size_t>(count);
}

std::size_t most_calls(const Plan& plan, const Steps& steps) noexcept {
  std::size_t count = 0;
  for (const Step& step : steps) {
    count += step.kind == Step::Kind::kFused ? std::max<std::size_t>(fused_ops(plan.fusions[step.fusion]), 1) : 1;
  }
  return count;
}

}  // namespace

Program::Phase::Phase(const Plan& plan, const Steps& all, std::int32_t threads, std::pmr::memory_resource* resource)
    : steps(all),
      whole(all.size(), resource),
      calls(resource),
      parts(threads > 1 ? all.size() * static_cast<std::size_t>(threads) : 0, resource),
      is_cut(all.size(), false, resource) {
  calls.reserve(most_calls(plan, all));
}

void Program::Phase::list_calls() noexcept {
  calls.clear();
  for (const Record& record : whole) {
    const std::span<const FusedOp> ops = plain_ops(record);
    if (ops.empty()) calls.push_back({record.kernel, &record.arguments});
    for (const FusedOp& op : ops) {
      if (op.kernel) calls.push_back({op.kernel, &op.arguments});
    }
  }
}

Program::Program(const Plan& plan, const Workers& workers, std::pmr::memory_resource* resource)
    : plan_(plan),
      workers_(workers),
      constants_(plan, plan.constants, 1, resource),
      weights_(plan, plan.weights, 1, resource),
      forward_(plan, plan.forward, workers.count(), resource),
      backward_(plan, plan.backward, workers.count(), resource),
      accumulating_backward_(plan, plan.accumulating_backward, workers.count(), resource),
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
  for (Phase* phase : {&constants_, &weights_, &forward_, &backward_, &accumulating_backward_})
    resolve(*phase, resolution, nest);
  const std::span<Profiled> profile = profile_;
  profile_ = {};  // what it holds are the records of before
  set_profile(profile);
}

void Program::resolve(Phase& phase, const Resolution& at, Nest*& nest) noexcept {
  const auto count = static_cast<std::size_t>(workers_.count());
  bool is_any_cut = false;
  for (std::size_t i = 0; i < phase.steps.size(); ++i) {
    Record& record = phase.whole[i];
    phase.steps[i].resolver(phase.steps[i], at, record, nest);
    if (phase.steps[i].may_nest) ++nest;
    if (phase.parts.empty()) continue;
    const double work = can_be_cut(record) ? work_of(record) : 0;
    phase.is_cut[i] = work >= kLeastStep;
    if (!phase.is_cut[i]) continue;
    is_any_cut = true;
    for (std::size_t part = 0; part < count; ++part) {
      phase.parts[i * count + part] = cut(record, static_cast<std::int32_t>(part), workers_.count());
    }
  }
  phase.is_shared = is_any_cut;
  phase.list_calls();
}

void Program::run_shared(const Phase& phase) const noexcept {
  const auto count = static_cast<std::size_t>(workers_.count());
  for (std::size_t i = 0; i < phase.steps.size(); ++i) {
    if (!phase.is_cut[i]) {
      phase.whole[i].kernel(phase.whole[i].arguments);
      continue;
    }
    const auto run_part = [](void* parts, std::int32_t part) noexcept {
      const Record& record = static_cast<const Record*>(parts)[part];
      record.kernel(record.arguments);
    };
    const bool is_profiled = !profile_.empty();
    const std::uint64_t start = is_profiled ? profile_clock() : 0;
    workers_.run(run_part, const_cast<Record*>(&phase.parts[i * count]));
    if (is_profiled) phase.whole[i].arguments.profiled->note(start);
  }
}

std::size_t Program::bytes(const Plan& plan, std::int32_t parts) noexcept {
  const std::size_t steps = plan.constants.size() + plan.weights.size() + plan.forward.size() + plan.backward.size() +
                            plan.accumulating_backward.size();
  std::size_t fused = 0;
  std::size_t calls = 0;
  for (const Steps* list : {&plan.constants, &plan.weights, &plan.forward, &plan.backward, &plan.accumulating_backward})
    calls += most_calls(plan, *list);
  for (const Fusion& fusion : plan.fusions) {
    fused += sizeof(Fusion) + sizeof(FusedProgram) + fusion.members.size() * sizeof(FusedMember) +
             fused_ops(fusion) * sizeof(FusedOp);
  }
  const auto records = static_cast<std::size_t>(parts > 1 ? parts + 1 : 1);
  return steps * (records * sizeof(Record) + sizeof(Step)) + count_nests(plan) * sizeof(Nest) + fused +
         calls * sizeof(Call);
}

}  // namespace nadir
