// Members of a fused group that one pass over their rows can do.
#pragma once

#include "kernels/table.h"
#include "plan/fused.h"

namespace nadir {

// Merges a resolved program's operations on f32: chains of sums and products of rows, as far as `rows_kernel` goes, and products with the
// sums of them, and passes with sums of their results. What is between them is not written then. Bits stay. `adds_products` says whether
// there are several strips, so that sums of columns may be of products, `has_carry` whether a total's elements are kept from strip to strip.
void merge(FusedProgram& program, const KernelTable& kernels, bool adds_products, bool has_carry) noexcept;

}  // namespace nadir
