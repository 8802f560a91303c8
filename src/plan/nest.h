// Elementwise steps whose operands are not all dense: an outer loop over strided dimensions around a lane function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "base/shape.h"
#include "kernels/arguments.h"

namespace nadir {

inline constexpr int kMostOperands = 3;

// Dimensions and strides as numbers, with neighbouring dimensions merged where memory allows. Operand 0 is the result.
struct Nest {
  int rank = 0;
  std::array<std::size_t, kMostOperands + 1> element_sizes{};
  std::array<std::int64_t, kMaxRank> lengths{};
  std::array<std::array<std::int64_t, kMaxRank>, kMostOperands + 1> strides{};  // in elements

  void append(std::int64_t length, const std::array<std::int64_t, kMostOperands + 1>& operand_strides) noexcept;
  std::int64_t count() const noexcept;
  // Whether a lane function can run over it at once: at most one dimension, with strides 0 or 1.
  bool is_flat() const noexcept;
};

// Runs arguments.nest.
void run_nest(const Arguments& arguments) noexcept;

}  // namespace nadir
