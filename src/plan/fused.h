// A fused group with addresses, and how it runs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "kernels/arguments.h"
#include "plan/fusion.h"
#include "plan/resolve.h"

namespace nadir {

// The elements of an operand, in the domain's order, wherever they lie.
struct Expansion {
  int rank = 0;
  std::array<std::int64_t, kMaxRank> lengths{};
  std::array<std::int64_t, kMaxRank> strides{};  // in elements
  std::size_t element_size = 0;
  bool is_of_rows = false;   // it is a value a row, in a register: the row's number in the strip counts
  bool is_periodic = false;  // laid out by the first strip for all
  bool is_in_lines = false;  // not laid out: whoever reads it does so line by line
};

struct FusedOp {
  enum class Kind : std::uint8_t { kNone, kLane, kRows, kSum, kExtreme, kExpand, kTotal, kColumns };

  // An operand of rows. Row number r begins (r / length) * outer_step + (r % length) * step bytes from the first.
  struct RowOperand {
    const std::byte* from = nullptr;  // null: there is none
    std::int64_t length = 0, step = 0, outer_step = 0;
    bool is_register = false;
    bool is_of_rows = false;  // the row's number in the strip counts
    bool is_value = false;    // one for a row
    bool is_linear = false;   // the rows are the domain's
  };
  struct RowOperands {
    enum Number : std::uint8_t { kX, kTaken, kFactor, kMultiplied, kSecond, kSecondFactor, kAdded, kWith, kCount };

    std::array<RowOperand, kCount> all;
    bool is_taken_negated = false;
    bool have(const void* address) const noexcept {
      return std::any_of(all.begin(), all.end(), [&](const RowOperand& operand) { return operand.from == address; });
    }
    RowOperand& operator[](Number number) noexcept { return all[number]; }
    const RowOperand& operator[](Number number) const noexcept { return all[number]; }
  };

  Kind kind = Kind::kLane;
  bool is_row = false;
  LaneId lane = LaneId::copy;
  std::array<std::uint8_t, 4> sizes{};  // of an element of each operand, the result first
  std::uint8_t expanded = 0;            // a bit an operand: an expansion before this operation is of it
  std::uint8_t registers = 0;           // a bit an operand, the result first: it is in scratch
  std::uint8_t lines = 0;  // a bit an operand: it is read line by line, as the expansion before this operation says
  Kernel kernel = nullptr;
  Arguments arguments{};                    // for the first strip, which may be all
  std::array<std::int64_t, 4> advances{};   // bytes from one element (or row) to the next
  bool is_by_rows = false;                  // its lines are rows
  std::array<std::int64_t, 4> row_steps{};  // then: bytes from one row to the next
  Expansion expansion;
  RowOperands rows;               // of kind kRows, whose operand 1 are sums of its rows; or of what may become that
  std::byte* partials = nullptr;  // of a sum of all rows: registers; of kind kRows: those that its results are added to
  bool is_added_to = false;       // of a sum of all rows: by an operation before
  Kernel add = nullptr;
};

struct FusedProgram {
  explicit FusedProgram(std::pmr::memory_resource* resource) : ops(resource) {}

  std::pmr::vector<FusedOp> ops;
  std::int64_t count = 0;   // elements
  std::int64_t rows = 0;    // 0: none
  std::int64_t length = 0;  // of a row
  DType dtype = DType::kF32;
  std::size_t register_bytes = 0;
  std::byte* carry = nullptr;
};

// A step of kind kFused.
void resolve_fused(const Step& step, const Resolution& at, Record& record, Nest*) noexcept;

// How many operations a group has.
std::size_t fused_ops(const Fusion& fusion) noexcept;

// The operations of a record that does nothing but call the kernel of one after the other, those without a kernel left out; else
// none.
std::span<const FusedOp> plain_ops(const Record& record) noexcept;

}  // namespace nadir
