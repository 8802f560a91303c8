// Kernels that no instruction set makes faster: they chase indices, carry a value along, or call the C library. Compiled once.
#pragma once

#include "base/dtype.h"
#include "kernels/arguments.h"

namespace nadir {

// ReduceArguments, over masks: whether any element is true, whether all are.
void any_kernel(const Arguments& arguments) noexcept;
void all_kernel(const Arguments& arguments) noexcept;

// ReduceArguments, from floats to i64: where the greatest, or the least, is first.
Kernel argmax_kernel(DType dtype) noexcept;
Kernel argmin_kernel(DType dtype) noexcept;

// ReduceArguments: the sums of all up to an element.
Kernel cumsum_kernel(DType dtype) noexcept;

// IndexArguments: values = the table's elements, of any dtype. Where the index is outside, 0.
Kernel gather_kernel(DType dtype) noexcept;
// IndexArguments: the table's elements += values, of floats. Where the index is outside, nothing.
Kernel scatter_add_kernel(DType dtype) noexcept;

// RandomArguments: from numbers[0] to below numbers[1]; of mean numbers[0] and standard deviation numbers[1]; numbers[1] with
// probability numbers[0], else 0.
// The sum of squares, in f64.
double square_sum(DType dtype, const void* values, std::int64_t count) noexcept;

Kernel check_range_kernel(DType dtype) noexcept;  // not of masks
Kernel uniform_kernel(DType dtype) noexcept;
Kernel normal_kernel(DType dtype) noexcept;
Kernel bernoulli_kernel(DType dtype) noexcept;

}  // namespace nadir
