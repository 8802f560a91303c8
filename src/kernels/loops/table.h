// The table of the instruction set that this is compiled for.
#pragma once

#include "kernels/lanes/activations.h"
#include "kernels/lanes/arithmetic.h"
#include "kernels/lanes/by_number.h"
#include "kernels/lanes/transcendental.h"
#include "kernels/loops/convolution.h"
#include "kernels/loops/elementwise.h"
#include "kernels/loops/extreme.h"
#include "kernels/loops/masks.h"
#include "kernels/loops/matmul.h"
#include "kernels/loops/pooling.h"
#include "kernels/loops/rows.h"
#include "kernels/loops/sum.h"
#include "kernels/loops/update.h"
#include "kernels/table.h"

namespace nadir {
namespace {

constexpr KernelTable make_table(const char* isa) {
  return {
      isa,
      {Pack<float>::size, Pack<double>::size},
      {
#define UNARY(name) {unary_kernel<lanes::name, float>, unary_kernel<lanes::name, double>},
#define SCALED(name) {scaled_kernel<lanes::name, float>, scaled_kernel<lanes::name, double>},
#define BINARY(name) {binary_kernel<lanes::name, float>, binary_kernel<lanes::name, double>},
#define TEST(name) {test_kernel<masks::name, float>, test_kernel<masks::name, double>},
#define COMPARE(name)                                                                                                  \
  {compare_kernel<masks::name, float>, compare_kernel<masks::name, double>, compare_kernel<masks::name, std::int32_t>, \
   compare_kernel<masks::name, std::int64_t>, compare_kernel<masks::name, Mask>},
#define LOGICAL(name) {nullptr, nullptr, nullptr, nullptr, compare_kernel<masks::name, Mask>},
#include "ops/registry.def"
          {nullptr, nullptr, nullptr, nullptr, test_kernel<masks::logical_not, Mask>},
          {where_kernel<std::int32_t>, where_kernel<std::int64_t>, where_kernel<std::int32_t>,
           where_kernel<std::int64_t>, where_kernel<Mask>},
          {nullptr, cast_kernel<float, double>, cast_kernel<float, std::int32_t>, cast_kernel<float, std::int64_t>,
           cast_kernel<float, Mask>},
          {cast_kernel<double, float>, nullptr, cast_kernel<double, std::int32_t>, cast_kernel<double, std::int64_t>,
           cast_kernel<double, Mask>},
          {cast_kernel<std::int32_t, float>, cast_kernel<std::int32_t, double>, nullptr,
           cast_kernel<std::int32_t, std::int64_t>, cast_kernel<std::int32_t, Mask>},
          {cast_kernel<std::int64_t, float>, cast_kernel<std::int64_t, double>, cast_kernel<std::int64_t, std::int32_t>,
           nullptr, cast_kernel<std::int64_t, Mask>},
          {cast_kernel<Mask, float>, cast_kernel<Mask, double>, cast_kernel<Mask, std::int32_t>,
           cast_kernel<Mask, std::int64_t>, nullptr},
          {unary_kernel<lanes::copy, float>, unary_kernel<lanes::copy, double>, copy_kernel<std::int32_t>,
           copy_kernel<std::int64_t>, copy_kernel<Mask>},
      },
      {sum_kernel<float>, sum_kernel<double>},
      {add_rows_kernel<float>, add_rows_kernel<double>},
      {rows_kernel<false, float>, rows_kernel<true, float>},
      {extreme_kernel<lanes::maximum, float>, extreme_kernel<lanes::maximum, double>},
      {extreme_kernel<lanes::minimum, float>, extreme_kernel<lanes::minimum, double>},
      {matmul_kernel<float>, matmul_kernel<double>},
      {small_matmul_kernel<float>, small_matmul_kernel<double>},
      {dot_kernel<float>, dot_kernel<double>},
      {conv_kernel<float>, conv_kernel<double>},
      {conv_input_kernel<float>, conv_input_kernel<double>},
      {conv_weight_kernel<float>, conv_weight_kernel<double>},
      {max_pool_kernel<float>, max_pool_kernel<double>},
      {sgd_kernel<float>, sgd_kernel<double>},
      {rule_kernel<float>, rule_kernel<double>},
      {all_finite_kernel<float>, all_finite_kernel<double>},
  };
}

}  // namespace
}  // namespace nadir
