#include "session/profile.h"

#include <chrono>

#include "plan/cost.h"
#include "plan/dump.h"
#include "session/session.h"

namespace nadir {

namespace {

void run_profiled(const Arguments& arguments) noexcept {
  Profiled& profiled = *arguments.profiled;
  const std::uint64_t start = profile_clock();
  profiled.record.kernel(profiled.record.arguments);
  profiled.note(start);
}

}  // namespace

std::uint64_t profile_clock() noexcept {
  using std::chrono::nanoseconds;
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<nanoseconds>(time).count());
}

void Program::set_profile(std::span<Profiled> profile) noexcept {
  Profiled* former = profile_.data();
  Profiled* next = profile.data();
  for (Phase* phase : {&constants_, &weights_, &forward_, &backward_, &accumulating_backward_}) {
    for (Record& record : phase->whole) {
      if (former) record = (former++)->record;
      if (!next) continue;
      next->record = record;
      record.kernel = run_profiled;
      record.arguments.profiled = next++;
    }
    phase->list_calls();
  }
  profile_ = profile;
}

std::size_t Session::steps() const noexcept {
  std::size_t steps = 0;
  for (int phase = 0; phase < kPlanPhases; ++phase) steps += steps_of(plan_, phase).size();
  return steps;
}

Status Session::set_profiling(bool on) {
  Profile other(on ? steps() : 0, &graph_->host());
  return inside(Gate::Access::kNone, [&, this] {
    program_.set_profile({});
    is_profiling_ = on;
    profile_.swap(other);
    program_.set_profile(profile_);
    return done();
  });
}

Status Session::profile(std::size_t number, StepProfile& to) const noexcept {
  return inside(Gate::Access::kNone, [&, this] {
    if (number >= steps()) return Status::kArgument;
    if (!is_profiling_) return Status::kState;
    std::size_t index = number;
    int phase = 0;
    while (index >= steps_of(plan_, phase).size()) index -= steps_of(plan_, phase++).size();
    const Step& step = steps_of(plan_, phase)[index];
    const Cost cost = cost_of(plan_, step, batch_ >= 0 ? batch_ : max_batch_);
    const Profiled& profiled = profile_[number];
    const Parameter* const parameter = gradient_of(plan_, owner(), step);
    to.phase = phase;
    to.what = step.what;
    to.node = name_of_origin(owner(), step).data();
    to.parameter = parameter ? name_of_node(parameter->node).data() : nullptr;
    to.calls = profiled.calls;
    to.nanoseconds = profiled.nanoseconds;
    to.bytes = cost.bytes;
    to.flops = cost.flops;
    return Status::kOk;
  });
}

PlanOwner Session::owner() const noexcept { return {*graph_, slots_.size(), max_batch_}; }

void Session::dump(bool is_dot, Text& text) const noexcept {
  (is_dot ? dump_plan_dot : dump_plan_text)(plan_, owner(), text);
}

}  // namespace nadir
