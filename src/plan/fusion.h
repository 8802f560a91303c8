// Fusion: elementwise steps over one domain, and reductions of its rows, as one pass. The members run one after another over a
// strip of elements that stays in the L1 cache; what only members read has no place in memory but a register, a strip of
// scratch. Members change neither the arithmetic nor its order, so that fused and unfused steps give the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

inline constexpr std::int64_t kStrip = 2048;  // elements, or a multiple of a row's that is at most that

// How a member finds an operand's elements.
enum class OperandAccess : std::uint8_t {
  kNone,
  kLinear,    // one after another, as the domain's (or the rows')
  kSplat,     // one value for all
  kExpanded,  // any others: they are laid out in a register first
};

struct FusedOperand {
  OperandAccess access = OperandAccess::kNone;
  std::int16_t source = -1;    // the register that holds it; -1: it is in memory
  std::int16_t expanded = -1;  // the register that it is laid out in
  bool is_periodic = false;    // laid out, it is the same for every strip of whole rows
};

struct FusedMember {
  Step step;
  bool is_row = false;         // one value a row
  std::int16_t partials = -1;  // of a sum of all rows: the first of the registers for sums of some of them
  FusedOperand out;
  std::array<FusedOperand, 3> in;
};

struct Fusion {
  explicit Fusion(std::pmr::memory_resource* resource) : members(resource) {}

  std::pmr::vector<FusedMember> members;
  Shape domain;  // without dimensions of length 1
  int row_rank =
      -1;  // so many leading dimensions number the rows; -1: there are none, a strip is any stretch of elements
  bool has_total = false;    // the last member sums all elements
  bool has_columns = false;  // a member sums all rows
  std::int16_t carry = -1;   // of a total of rows: two registers
  int registers = 0;
  std::size_t register_bytes = 0;
  int expansions = 0;
};

// Fuses the plan's steps.
//
//   grouping         which steps belong together
//   recomputation    large values that groups compute again rather than keep
//   registers        a group becomes a step; what only its members read becomes a register
void fuse(Plan& plan, std::pmr::vector<Buffer>& buffers, const Wanted& wanted, std::pmr::memory_resource* resource);

// The shape without dimensions of length 1.
Shape squeezed(const Shape& shape) noexcept;

}  // namespace nadir
