// A plan with addresses: the records of one session, ready to run. Resolved anew when the batch or an address changes,
// without allocating; a run is a loop over kernel calls.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "plan/fused.h"
#include "plan/plan.h"
#include "plan/resolve.h"
#include "session/profile.h"

namespace nadir {

class Program {
 public:
  // The plan must outlive the program and stay where it is.
  Program(const Plan& plan, std::pmr::memory_resource* resource);

  void resolve(std::int64_t batch, const Memory& memory, const KernelTable& kernels) noexcept;

  // From now on every record is profiled in its place of `profile`, or none if that is empty. It must outlive that.
  void set_profile(std::span<Profiled> profile) noexcept;

  void run_constants() const noexcept { run(constants_); }
  void run_forward() const noexcept { run(forward_); }
  void run_backward(bool accumulate) const noexcept { run(accumulate ? accumulating_backward_ : backward_); }

  // What a plan and its program take.
  static std::size_t bytes(const Plan& plan) noexcept;

 private:
  using Records = std::pmr::vector<Record>;

  static void run(const Records& records) noexcept {
    for (const Record& record : records) record.kernel(record.arguments);
  }

  const Plan& plan_;
  Records constants_;
  Records forward_;
  Records backward_;
  Records accumulating_backward_;
  std::pmr::vector<Nest> nests_;
  std::pmr::vector<FusedProgram> fused_;
  std::span<Profiled> profile_;
};

}  // namespace nadir
