// From steps to records: addresses and numbers filled in for one batch size and one session's memory.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/table.h"
#include "plan/nest.h"
#include "plan/plan.h"

namespace nadir {

// A kernel call, ready to be made.
struct FusedProgram;

struct Record {
  // How it may be cut into parts.
  enum class Form : std::uint8_t {
    kWhole,
    kLane,
    kProduct,
    kProducts,
    kNest,
    kConvolution,
    kConvolutionInput,
    kConvolutionWeight,
    kPooling,
    kScattering,
    kFused
  };

  Kernel kernel = nullptr;
  Form form = Form::kWhole;
  std::array<std::uint8_t, 4> element_sizes{};  // of the result and the operands
  std::int64_t scratch_step = 0;                // bytes from the scratch of one part to that of the next
  Arguments arguments{};
};

// Where a session's regions lie.
struct Memory {
  std::byte* arena = nullptr;
  std::array<std::byte*, kFloatCount> parameters{};
  std::array<std::byte*, kFloatCount> gradients{};
  std::array<std::byte*, kFloatCount> states{};
  const std::byte* const* inputs = nullptr;
  StepState* state = nullptr;

  std::byte* address(const Place& place) const noexcept;
};

// What steps are resolved for.
struct Resolution {
  std::int64_t batch;
  const Memory& memory;
  const KernelTable& kernels;
  const Fusion* fusions;
  FusedProgram* fused;  // what each of them becomes

  // Of a view's first element; null for none.
  std::byte* address(const View& view) const noexcept;
};

// The kernel of a step that applies a lane function, or finds the extremes of rows.
Kernel lane_kernel(const Step& step, const KernelTable& kernels) noexcept;
Kernel extreme_kernel(const Step& step, const KernelTable& kernels) noexcept;

// A step that applies a lane function: `in` may have any strides.
void resolve_lane(const Step& step, const Resolution& at, Record& record, Nest* storage) noexcept;

}  // namespace nadir
