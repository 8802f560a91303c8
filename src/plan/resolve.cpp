#include "plan/resolve.h"

#include <algorithm>

namespace nadir {

namespace {

// Products up to this number of multiplications are not worth the setting up of vectors.
constexpr std::int64_t kSmallProduct = 64;

void store_number_f32(const Arguments& arguments) noexcept {
  *static_cast<float*>(arguments.lane.out) = static_cast<float>(arguments.lane.numbers[0]);
}
void store_number_f64(const Arguments& arguments) noexcept {
  *static_cast<double*>(arguments.lane.out) = arguments.lane.numbers[0];
}

Nest nest_of(const Step& step, std::int64_t batch) noexcept {
  Nest nest;
  nest.element_sizes = {size_of(step.out.dtype), size_of(step.in[0].dtype), size_of(step.in[1].dtype),
                        size_of(step.in[2].dtype)};
  for (int axis = 0; axis < step.out.shape.rank(); ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    const auto stride = [&](const View& view) {
      return view.place.region == Place::Region::kNone ? 0 : view.strides[at].at(batch);
    };
    nest.append(step.out.shape[axis].at(batch),
                {stride(step.out), stride(step.in[0]), stride(step.in[1]), stride(step.in[2])});
  }
  return nest;
}

// Lane functions are listed by the dtype of their last operand.
int key_dtype(const Step& step) noexcept {
  std::size_t last = 0;
  while (last + 1 < step.in.size() && step.in[last + 1].place.region != Place::Region::kNone) ++last;
  return index_of(step.in[last].dtype);
}

void resolve_lane(const Step& step, std::int64_t batch, const Memory& memory, Kernel kernel, Record& record,
                  Nest* storage) noexcept {
  LaneArguments lane{};
  lane.out = memory.address(step.out.place);
  std::copy(step.numbers.begin(), step.numbers.end(), lane.numbers);
  for (std::size_t i = 0; i < step.in.size(); ++i) lane.in[i] = memory.address(step.in[i].place);

  const Nest nest = nest_of(step, batch);
  lane.count = nest.count();
  if (lane.count == 0 || nest.is_flat()) {
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (nest.rank == 1 && nest.strides[i + 1][0] == 0) lane.splat |= 1u << i;
    }
    record.kernel = kernel;
    record.arguments.lane = lane;
    return;
  }
  *storage = nest;
  record.kernel = run_nest;
  record.arguments.nest = {lane, kernel, storage};
}

// A sum of one element each is a copy.
bool is_copy(const SumArguments& sum) noexcept { return sum.length == 1 && sum.divisor == 1 && !sum.accumulate; }

void resolve_sum(const Step& step, std::int64_t batch, const Memory& memory, const KernelTable& kernels,
                 Record& record) noexcept {
  SumArguments sum{};
  sum.out = memory.address(step.out.place);
  sum.in = memory.address(step.in[0].place);
  sum.outer = step.outer.at(batch);
  sum.length = step.length.at(batch);
  sum.inner = step.inner.at(batch);
  sum.divisor = static_cast<double>(step.divisor.at(batch));
  sum.accumulate = step.accumulate;
  const int dtype = index_of(step.out.dtype);
  if (is_copy(sum)) {
    record.kernel = kernels.lanes[static_cast<int>(LaneId::copy)][dtype];
    record.arguments.lane = {sum.out, {sum.in}, sum.outer * sum.inner, 0, {}};
  } else {
    record.kernel = kernels.sum[dtype];
    record.arguments.sum = sum;
  }
}

Kernel choose_product(const MatmulArguments& p, const KernelTable& kernels, int dtype) noexcept {
  if (p.m == 1 && p.n == 1) return kernels.dot[dtype];
  constexpr std::int64_t kMost = kSmallProduct;
  const bool is_small = p.m <= kMost && p.n <= kMost && p.k <= kMost && p.m * p.n * p.k <= kMost;
  return (is_small ? kernels.small_matmul : kernels.matmul)[dtype];
}

void resolve_matmul(const Step& step, std::int64_t batch, const Memory& memory, const KernelTable& kernels,
                    Record& record) noexcept {
  const auto& [a, b, bias] = step.in;
  MatmulArguments& product = record.arguments.matmul = {};
  product.out = memory.address(step.out.place);
  product.a = memory.address(a.place);
  product.b = memory.address(b.place);
  product.bias = memory.address(bias.place);
  product.scratch = memory.address(step.scratch);
  product.m = a.shape[0].at(batch);
  product.k = a.shape[1].at(batch);
  product.n = b.shape[1].at(batch);
  product.a_row = a.strides[0].at(batch);
  product.a_column = a.strides[1].at(batch);
  product.b_row = b.strides[0].at(batch);
  product.b_column = b.strides[1].at(batch);
  product.accumulate = step.accumulate;
  record.kernel = choose_product(product, kernels, index_of(step.out.dtype));
}

}  // namespace

std::byte* Memory::address(const Place& place) const noexcept {
  switch (place.region) {
    case Place::Region::kArena: return arena + place.bytes;
    case Place::Region::kParameter: return parameters[place.index] + place.bytes;
    case Place::Region::kGradient: return gradients[place.index] + place.bytes;
    case Place::Region::kInput: return const_cast<std::byte*>(inputs[place.index]) + place.bytes;
    case Place::Region::kNone:
    case Place::Region::kBuffer: break;
  }
  return nullptr;
}

bool may_nest(const Step& step) noexcept {
  if (step.kind != Step::Kind::kLane) return false;
  for (const View& in : step.in) {
    if (in.place.region != Place::Region::kNone && !in.is_dense()) return true;
  }
  return false;
}

void resolve(const Step& step, std::int64_t batch, const Memory& memory, const KernelTable& kernels, Record& record,
             Nest* nest) noexcept {
  switch (step.kind) {
    case Step::Kind::kLane:
      resolve_lane(step, batch, memory, kernels.lanes[static_cast<int>(step.lane)][key_dtype(step)], record, nest);
      return;
    case Step::Kind::kSum: resolve_sum(step, batch, memory, kernels, record); return;
    case Step::Kind::kMatmul: resolve_matmul(step, batch, memory, kernels, record); return;
    case Step::Kind::kExtent:
      record.arguments.lane = {};
      record.arguments.lane.out = memory.address(step.out.place);
      record.arguments.lane.numbers[0] = static_cast<double>(step.length.at(batch));
      record.kernel = step.out.dtype == DType::kF32 ? store_number_f32 : store_number_f64;
      return;
  }
}

}  // namespace nadir
