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
#include "session/workers.h"

namespace nadir {

class Program {
 public:
  // The plan must outlive the program and stay where it is.
  Program(const Plan& plan, const Workers& workers, std::pmr::memory_resource* resource);

  void resolve(std::int64_t batch, const Memory& memory, const KernelTable& kernels) noexcept;

  // From now on every record is profiled in its place of `profile`, or none if that is empty. It must outlive that.
  void set_profile(std::span<Profiled> profile) noexcept;

  void run_constants() const noexcept { run(constants_); }
  void run_weights() const noexcept { run(weights_); }
  void run_forward() const noexcept { run(forward_); }
  void run_backward(bool accumulate) const noexcept { run(accumulate ? accumulating_backward_ : backward_); }

  // What a plan and its program take.
  static std::size_t bytes(const Plan& plan, std::int32_t parts) noexcept;

 private:
  using Records = std::pmr::vector<Record>;

  struct Call {
    Kernel kernel;
    const Arguments* arguments;
  };

  // The records of a phase. Where there are threads, and enough to do for them, those of large steps are cut into a part for each.
  struct Phase {
    Phase(const Plan& plan, const Steps& all, std::int32_t threads, std::pmr::memory_resource* resource);
    void list_calls() noexcept;

    const Steps& steps;
    Records whole;
    // What one thread calls: the records, or what those of small groups would call in their turn.
    std::pmr::vector<Call> calls;
    Records parts;                  // of step i from i * the number of threads on
    std::pmr::vector<bool> is_cut;  // by step
    bool is_shared = false;         // among threads
  };

  void resolve(Phase& phase, const Resolution& at, Nest*& nest) noexcept;
  void run(const Phase& phase) const noexcept {
    if (phase.is_shared) [[unlikely]]
      return run_shared(phase);
    for (const Call& call : phase.calls) call.kernel(*call.arguments);
  }
  void run_shared(const Phase& phase) const noexcept;

  const Plan& plan_;
  const Workers& workers_;
  Phase constants_;
  Phase weights_;
  Phase forward_;
  Phase backward_;
  Phase accumulating_backward_;
  std::pmr::vector<Nest> nests_;
  std::pmr::vector<FusedProgram> fused_;
  std::span<Profiled> profile_;
};

}  // namespace nadir
