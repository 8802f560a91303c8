// From steps to records: addresses and numbers filled in for one batch size and one session's memory.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/table.h"
#include "plan/nest.h"
#include "plan/plan.h"

namespace nadir {

// A kernel call, ready to be made.
struct Record {
  Kernel kernel = nullptr;
  Arguments arguments{};
};

// Where a session's regions lie.
struct Memory {
  std::byte* arena = nullptr;
  std::array<std::byte*, kFloatCount> parameters{};
  std::array<std::byte*, kFloatCount> gradients{};
  const std::byte* const* inputs = nullptr;

  std::byte* address(const Place& place) const noexcept;
};

// Whether a step may need a Nest, for some batch.
bool may_nest(const Step& step) noexcept;

// `nest` is null unless may_nest; it must stay where it is.
void resolve(const Step& step, std::int64_t batch, const Memory& memory, const KernelTable& kernels, Record& record,
             Nest* nest) noexcept;

}  // namespace nadir
