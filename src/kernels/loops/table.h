// The table of the instruction set that this is compiled for.
#pragma once

#include "kernels/lanes/arithmetic.h"
#include "kernels/loops/elementwise.h"
#include "kernels/loops/matmul.h"
#include "kernels/loops/sum.h"
#include "kernels/loops/update.h"
#include "kernels/table.h"

namespace nadir {
namespace {

constexpr KernelTable make_table(const char* isa) {
  return {
      isa,
      {
#define UNARY(name) {unary_kernel<lanes::name, float>, unary_kernel<lanes::name, double>},
#define SCALED(name) {scaled_kernel<lanes::name, float>, scaled_kernel<lanes::name, double>},
#define BINARY(name) {binary_kernel<lanes::name, float>, binary_kernel<lanes::name, double>},
#include "ops/registry.def"
          {unary_kernel<lanes::copy, float>, unary_kernel<lanes::copy, double>},
      },
      {sum_kernel<float>, sum_kernel<double>},
      {matmul_kernel<float>, matmul_kernel<double>},
      {small_matmul_kernel<float>, small_matmul_kernel<double>},
      {dot_kernel<float>, dot_kernel<double>},
      {sgd_kernel<float>, sgd_kernel<double>},
      {all_finite_kernel<float>, all_finite_kernel<double>},
  };
}

}  // namespace
}  // namespace nadir
