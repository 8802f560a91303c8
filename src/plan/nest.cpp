#include "plan/nest.h"

#include <algorithm>
#include <cstring>

namespace nadir {

namespace {

constexpr std::int64_t kStrip = 256;  // elements gathered at a time; three operands of them stay in the L1 cache

void gather(void* to, const std::byte* from, std::int64_t count, std::int64_t stride_bytes, std::size_t size) noexcept {
  auto* out = static_cast<std::byte*>(to);
  for (std::int64_t i = 0; i < count; ++i, out += size, from += stride_bytes) std::memcpy(out, from, size);
}

// One line along the last dimension, with operands as they start.
void run_line(const NestArguments& a, std::byte* const* start) noexcept {
  const Nest& nest = *a.nest;
  const auto last = static_cast<std::size_t>(nest.rank - 1);
  const std::int64_t length = nest.lengths[last];
  alignas(64) std::byte strips[kMostOperands][kStrip * sizeof(double)];
  Arguments line{};
  line.lane = a.lane;
  line.lane.splat = 0;

  bool gathers = false;
  for (std::size_t operand = 1; operand <= kMostOperands; ++operand) {
    if (!a.lane.in[operand - 1]) continue;
    const std::int64_t stride = nest.strides[operand][last];
    if (stride == 0) line.lane.splat |= 1u << (operand - 1);
    gathers = gathers || stride > 1 || stride < 0;
  }
  const std::int64_t strip = gathers ? kStrip : length;
  for (std::int64_t done = 0; done < length; done += strip) {
    line.lane.count = std::min(strip, length - done);
    line.lane.out = start[0] + done * static_cast<std::int64_t>(nest.element_sizes[0]);
    for (std::size_t operand = 1; operand <= kMostOperands; ++operand) {
      if (!a.lane.in[operand - 1]) continue;
      const std::int64_t stride = nest.strides[operand][last] * static_cast<std::int64_t>(nest.element_sizes[operand]);
      const std::byte* from = start[operand] + done * stride;
      line.lane.in[operand - 1] = from;
      if (nest.strides[operand][last] == 0 || nest.strides[operand][last] == 1) continue;
      gather(strips[operand - 1], from, line.lane.count, stride, nest.element_sizes[operand]);
      line.lane.in[operand - 1] = strips[operand - 1];
    }
    a.kernel(line);
  }
}

}  // namespace

void Nest::append(std::int64_t length, const std::array<std::int64_t, kMostOperands + 1>& operand_strides) noexcept {
  if (length == 1) return;
  const auto previous = static_cast<std::size_t>(rank - 1);
  const auto continues = [&](std::size_t operand) {
    return strides[operand][previous] == operand_strides[operand] * length;
  };
  const bool merges = rank > 0 && continues(0) && continues(1) && continues(2) && continues(3);
  const std::size_t at = merges ? previous : static_cast<std::size_t>(rank++);
  lengths[at] = merges ? lengths[at] * length : length;
  for (std::size_t operand = 0; operand <= kMostOperands; ++operand) strides[operand][at] = operand_strides[operand];
}

std::int64_t Nest::count() const noexcept {
  std::int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= lengths[static_cast<std::size_t>(i)];
  return product;
}

bool Nest::is_flat() const noexcept {
  if (rank == 0) return true;
  const auto is_simple = [](const auto& operand) { return operand[0] == 0 || operand[0] == 1; };
  return rank == 1 && std::all_of(strides.begin(), strides.end(), is_simple);
}

void run_nest(const Arguments& arguments) noexcept {
  const NestArguments& a = arguments.nest;
  const Nest& nest = *a.nest;
  std::byte* start[kMostOperands + 1] = {static_cast<std::byte*>(a.lane.out)};
  for (std::size_t i = 0; i < kMostOperands; ++i) {
    start[i + 1] = const_cast<std::byte*>(static_cast<const std::byte*>(a.lane.in[i]));
  }
  const auto advance = [&](std::size_t axis, std::int64_t by) {
    for (std::size_t operand = 0; operand <= kMostOperands; ++operand) {
      if (start[operand])
        start[operand] += by * nest.strides[operand][axis] * static_cast<std::int64_t>(nest.element_sizes[operand]);
    }
  };

  std::array<std::int64_t, kMaxRank> index{};
  while (true) {
    run_line(a, start);
    int axis = nest.rank - 2;
    for (; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      advance(at, 1);
      if (++index[at] < nest.lengths[at]) break;
      advance(at, -nest.lengths[at]);
      index[at] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace nadir
