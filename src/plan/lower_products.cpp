// Matrix products, of one pair of matrices or of many.
#include <utility>

#include "ops/matmul.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

// Products up to this number of multiplications are not worth the setting up of vectors.
constexpr std::int64_t kSmallProduct = 64;

void transpose(View& view) noexcept {
  const int columns = view.shape.rank() - 1;
  std::swap(view.shape[columns - 1], view.shape[columns]);
  std::swap(view.strides[static_cast<std::size_t>(columns - 1)], view.strides[static_cast<std::size_t>(columns)]);
}

Kernel choose_product(const MatmulArguments& p, const KernelTable& kernels, int dtype) noexcept {
  if (p.m == 1 && p.n == 1) return kernels.dot[dtype];
  constexpr std::int64_t kMost = kSmallProduct;
  const bool is_small = p.m <= kMost && p.n <= kMost && p.k <= kMost && p.m * p.n * p.k <= kMost;
  return (is_small ? kernels.small_matmul : kernels.matmul)[dtype];
}

void resolve_product(const Step& step, const Resolution& at, Record& record, Nest* storage) noexcept {
  const auto& [a, b, bias] = step.in;
  const auto row = static_cast<std::size_t>(a.shape.rank() - 2);
  const std::size_t column = row + 1;
  MatmulArguments product{};
  product.out = at.address(step.out);
  product.a = at.address(a);
  product.b = at.address(b);
  product.bias = at.address(bias);
  product.scratch = at.memory.address(step.scratch);
  product.m = a.shape[static_cast<int>(row)].at(at.batch);
  product.k = a.shape[static_cast<int>(column)].at(at.batch);
  product.n = b.shape[static_cast<int>(column)].at(at.batch);
  product.a_row = a.strides[row].at(at.batch);
  product.a_column = a.strides[column].at(at.batch);
  product.b_row = b.strides[row].at(at.batch);
  product.b_column = b.strides[column].at(at.batch);
  product.accumulate = step.accumulate;
  const Kernel kernel = choose_product(product, at.kernels, index_of(step.out.dtype));
  if (row == 0) {
    record.kernel = kernel;
    record.arguments.matmul = product;
    return;
  }
  Nest nest;
  nest.element_sizes.fill(size_of(step.out.dtype));
  for (std::size_t axis = 0; axis < row; ++axis) {
    nest.append(a.shape[static_cast<int>(axis)].at(at.batch),
                {step.out.strides[axis].at(at.batch), a.strides[axis].at(at.batch), b.strides[axis].at(at.batch), 0});
  }
  nest.kernel = kernel;
  nest.product = product;
  *storage = nest;
  record.kernel = run_products;
  record.arguments.nest = {{}, nullptr, storage};
}

}  // namespace

void lower_product(Lowering& lowering, NodeIndex result, const Node& product, const View& bias) {
  const auto [transpose_a, transpose_b] = product.attributes.as<MatmulAttributes>();
  Step step;
  step.resolver = resolve_product;
  step.in = {lowering.operand(product, 0), lowering.operand(product, 1), bias};
  if (transpose_a) transpose(step.in[0]);
  if (transpose_b) transpose(step.in[1]);
  const View& b = step.in[1];
  const int columns = b.shape.rank() - 1;
  if (b.strides[static_cast<std::size_t>(columns)] != Extent{1, 0} && !b.shape[columns].is_one()) {
    step.scratch = lowering.new_buffer(b.dtype, b.shape.count_over(columns - 1, columns + 1));
  }
  step.may_nest = columns > 1;
  const auto to = lowering.destination(result, true);
  step.out = to.view;
  step.accumulate = to.accumulate;
  lowering.emit(step);
}

void lower_matmul(Lowering& lowering, NodeIndex index) {
  lower_product(lowering, index, lowering.graph()[index], View{});
}

}  // namespace nadir
