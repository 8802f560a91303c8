// Kernels inside loops over strided dimensions: lane functions whose operands are not all dense, and products of many matrices.
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
  // Of products: what is run for each of the dimensions' elements, with the addresses of the first.
  Kernel kernel = nullptr;
  MatmulArguments product{};
  // Of a product's indices, the rows', the columns' and the terms' (0, 1, 2): `less` is at most `more`, or the term is 0, or the
  // result not wanted. The same twice: there is no such thing.
  std::uint8_t less = 0, more = 0;

  void append(std::int64_t length, const std::array<std::int64_t, kMostOperands + 1>& operand_strides) noexcept;
  std::int64_t count() const noexcept;
  // Whether a lane function can run over it at once: at most one dimension, with strides 0 or 1.
  bool is_flat() const noexcept;
};

// Runs the lane function of arguments.nest.
void run_nest(const Arguments& arguments) noexcept;

// Runs the products of arguments.nest.nest, with what is 0 or not wanted left out by blocks. Operands are the result, a and b.
void run_products(const Arguments& arguments) noexcept;

}  // namespace nadir
