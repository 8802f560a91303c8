// The kernels of one instruction set, and the choice among the sets that this build has.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "kernels/arguments.h"
#include "kernels/ids.h"

namespace nadir {

struct KernelTable {
  const char* isa;
  int width[kFloatCount];  // elements of a vector
  // By the dtype of the last operand; null where there is none.
  Kernel lanes[kLaneCount][kDTypeCount];
  Kernel sum[kFloatCount];
  Kernel add_rows[kFloatCount];
  Kernel rows[kRowForms];  // of f32, by RowForm::kForms
  Kernel max[kFloatCount];
  Kernel min[kFloatCount];
  Kernel matmul[kFloatCount];
  // The same bits as matmul, faster for products with few rows, few columns and at most kSmallTerms terms.
  Kernel small_matmul[kFloatCount];
  Kernel column[kFloatCount];  // of products with one column
  Kernel number[kFloatCount];  // of products of two numbers, neither added to the result nor rectified
  Kernel conv[kFloatCount];
  Kernel conv_input[kFloatCount];
  Kernel conv_weight[kFloatCount];
  Kernel max_pool[kFloatCount];
  Kernel sgd[kFloatCount];
  Kernel rule[kFloatCount];
  // Whether no element is NaN or infinite.
  bool (*all_finite[kFloatCount])(const void* values, std::int64_t count) noexcept;
};

// Those of an instruction set; the table is 0 before.
void fill_scalar_kernels(KernelTable& table) noexcept;
void fill_sse2_kernels(KernelTable& table) noexcept;
void fill_avx2_kernels(KernelTable& table) noexcept;
void fill_avx512_kernels(KernelTable& table) noexcept;
void fill_neon_kernels(KernelTable& table) noexcept;

// The best set that this processor has, or the one that the environment variable NADIR_ISA names, if it has that.
// Chosen at the first call; any thread.
const KernelTable& kernels() noexcept;

// The set of that name, or null if this build or processor does not have it.
const KernelTable* find_kernels(const char* isa) noexcept;

// Whether there is any set but the scalar one.
bool has_vector_kernels() noexcept;

}  // namespace nadir
