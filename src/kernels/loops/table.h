// The table of the instruction set that this is compiled for.
#pragma once

#include "kernels/lanes/activations.h"
#include "kernels/lanes/arithmetic.h"
#include "kernels/lanes/by_number.h"
#include "kernels/lanes/slopes.h"
#include "kernels/lanes/transcendental.h"
#include "kernels/loops/convolution.h"
#include "kernels/loops/elementwise.h"
#include "kernels/loops/extreme.h"
#include "kernels/loops/masks.h"
#include "kernels/loops/matmul.h"
#include "kernels/loops/pooling.h"
#include "kernels/loops/rows.h"
#include "kernels/loops/small_products.h"
#include "kernels/loops/sum.h"
#include "kernels/loops/update.h"
#include "kernels/table.h"

namespace nadir {
namespace {

[[gnu::always_inline]] inline void set(Kernel (&kernels)[kFloatCount], Kernel f32, Kernel f64) noexcept {
  kernels[index_of(DType::kF32)] = f32;
  kernels[index_of(DType::kF64)] = f64;
}

// The kernels of the next lane function, by their dtypes; the table is 0 before.
[[gnu::always_inline]] inline void put(Kernel (*&row)[kDTypeCount], Kernel f32, Kernel f64, Kernel i32 = nullptr,
                                       Kernel i64 = nullptr, Kernel u8 = nullptr) noexcept {
  Kernel(&kernels)[kDTypeCount] = *row++;
  if (f32) kernels[index_of(DType::kF32)] = f32;
  if (f64) kernels[index_of(DType::kF64)] = f64;
  if (i32) kernels[index_of(DType::kI32)] = i32;
  if (i64) kernels[index_of(DType::kI64)] = i64;
  if (u8) kernels[index_of(DType::kU8)] = u8;
}

// Those of a comparison, unless another is put in its place.
template <class Comparison>
[[gnu::always_inline]] inline void put_comparison(Kernel (*&row)[kDTypeCount]) noexcept {
  if constexpr (requires { Comparison::kIsExchanged; }) {
    ++row;
  } else {
    put(row, compare_kernel<Comparison, float>, compare_kernel<Comparison, double>,
        compare_kernel<Comparison, std::int32_t>, compare_kernel<Comparison, std::int64_t>,
        compare_kernel<Comparison, Mask>);
  }
}

// By statements rather than as a constant: that would have to be relocated when the library is loaded, 32 bytes a kernel, for all
// sets, of which one is used. And by such as GCC makes no vectors of addresses of.
#if __has_cpp_attribute(gnu::optimize)
[[gnu::optimize("no-tree-slp-vectorize")]]
#endif
[[gnu::cold]] void
fill_table(KernelTable& table) noexcept {
  table.width[index_of(DType::kF32)] = Pack<float>::size;
  table.width[index_of(DType::kF64)] = Pack<double>::size;
  Kernel(*row)[kDTypeCount] = table.lanes;
#define UNARY(name) put(row, unary_kernel<lanes::name, float>, unary_kernel<lanes::name, double>);
#define SCALED(name) put(row, scaled_kernel<lanes::name, float>, scaled_kernel<lanes::name, double>);
#define BINARY(name) put(row, binary_kernel<lanes::name, float>, binary_kernel<lanes::name, double>);
#define TEST(name) put(row, test_kernel<masks::name, float>, test_kernel<masks::name, double>);
#define COMPARE(name) put_comparison<masks::name>(row);
#define LOGICAL(name) put(row, nullptr, nullptr, nullptr, nullptr, compare_kernel<masks::name, Mask>);
#include "ops/registry.def"
#define SLOPE(name) put(row, binary_kernel<lanes::name, float>, binary_kernel<lanes::name, double>);
  NADIR_SLOPES(SLOPE)
#undef SLOPE
  put(row, nullptr, nullptr, nullptr, nullptr, test_kernel<masks::logical_not, Mask>);
  put(row, where_kernel<std::int32_t>, where_kernel<std::int64_t>, where_kernel<std::int32_t>,
      where_kernel<std::int64_t>, where_kernel<Mask>);
  put(row, nullptr, cast_kernel<float, double>, cast_kernel<float, std::int32_t>, cast_kernel<float, std::int64_t>,
      cast_kernel<float, Mask>);
  put(row, cast_kernel<double, float>, nullptr, cast_kernel<double, std::int32_t>, cast_kernel<double, std::int64_t>,
      cast_kernel<double, Mask>);
  put(row, cast_kernel<std::int32_t, float>, cast_kernel<std::int32_t, double>, nullptr,
      cast_kernel<std::int32_t, std::int64_t>, cast_kernel<std::int32_t, Mask>);
  put(row, cast_kernel<std::int64_t, float>, cast_kernel<std::int64_t, double>, cast_kernel<std::int64_t, std::int32_t>,
      nullptr, cast_kernel<std::int64_t, Mask>);
  put(row, cast_kernel<Mask, float>, cast_kernel<Mask, double>, cast_kernel<Mask, std::int32_t>,
      cast_kernel<Mask, std::int64_t>, nullptr);
  put(row, unary_kernel<lanes::copy, float>, unary_kernel<lanes::copy, double>, copy_kernel<std::int32_t>,
      copy_kernel<std::int64_t>, copy_kernel<Mask>);
  set(table.sum, sum_kernel<float>, sum_kernel<double>);
  set(table.add_rows, add_rows_kernel<float>, add_rows_kernel<double>);
  set_rows<float>(table.rows, std::make_index_sequence<kRowForms>());
  set(table.max, extreme_kernel<lanes::maximum, float>, extreme_kernel<lanes::maximum, double>);
  set(table.min, extreme_kernel<lanes::minimum, float>, extreme_kernel<lanes::minimum, double>);
  set(table.matmul, matmul_kernel<float>, matmul_kernel<double>);
  set(table.small_matmul, small_matmul_kernel<float>, small_matmul_kernel<double>);
  set(table.column, column_kernel<float>, column_kernel<double>);
  set(table.number, number_kernel<float>, number_kernel<double>);
  set(table.conv, conv_kernel<float>, conv_kernel<double>);
  set(table.conv_input, conv_input_kernel<float>, conv_input_kernel<double>);
  set(table.conv_weight, conv_weight_kernel<float>, conv_weight_kernel<double>);
  set(table.max_pool, max_pool_kernel<float>, max_pool_kernel<double>);
  set(table.sgd, sgd_kernel<float>, sgd_kernel<double>);
  set(table.rule, rule_kernel<float>, rule_kernel<double>);
  table.all_finite[index_of(DType::kF32)] = all_finite_kernel<float>;
  table.all_finite[index_of(DType::kF64)] = all_finite_kernel<double>;
}

}  // namespace
}  // namespace nadir
