// Profiling: while it is on, a record of a program is one of a kernel that runs the true one, counts it and times it. A program
// that is not profiled has none of this in its way.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "plan/resolve.h"

namespace nadir {

std::uint64_t profile_clock() noexcept;  // nanoseconds

struct Profiled {
  Record record;  // the true one
  std::uint64_t calls = 0;
  std::uint64_t nanoseconds = 0;

  // Counts a call that has begun then.
  void note(std::uint64_t start) noexcept {
    nanoseconds += profile_clock() - start;
    ++calls;
  }
};

// One a record, in the order of a plan's steps.
using Profile = std::pmr::vector<Profiled>;

// What a profile says of a step.
struct StepProfile {
  int phase = 0;
  const char* what = "";
  const char* node = "";
  const char* parameter = nullptr;  // whose gradient it writes
  std::uint64_t calls = 0;
  std::uint64_t nanoseconds = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
};

}  // namespace nadir
