#include "plan/resolve.h"

#include <algorithm>

namespace nadir {

namespace {

Nest nest_of(const Step& step, std::int64_t batch) noexcept {
  Nest nest;
  nest.element_sizes = {size_of(step.out.dtype), size_of(step.in[0].dtype), size_of(step.in[1].dtype),
                        size_of(step.in[2].dtype)};
  for (int axis = 0; axis < step.out.shape.rank(); ++axis) {
    const auto stride = [&](const View& view) {
      return view.is_none() ? 0 : view.strides[static_cast<std::size_t>(axis)].at(batch);
    };
    nest.append(step.out.shape[axis].at(batch),
                {stride(step.out), stride(step.in[0]), stride(step.in[1]), stride(step.in[2])});
  }
  return nest;
}

// Lane functions are listed by the dtype of their last operand.
int key_dtype(const Step& step) noexcept {
  std::size_t last = 0;
  while (last + 1 < step.in.size() && !step.in[last + 1].is_none()) ++last;
  return index_of(step.in[last].dtype);
}

}  // namespace

std::byte* Memory::address(const Place& place) const noexcept {
  switch (place.region) {
    case Place::Region::kArena: return arena + place.bytes;
    case Place::Region::kState: return states[place.index] + place.bytes;
    case Place::Region::kParameter: return parameters[place.index] + place.bytes;
    case Place::Region::kGradient: return gradients[place.index] + place.bytes;
    case Place::Region::kInput: return const_cast<std::byte*>(inputs[place.index]) + place.bytes;
    case Place::Region::kNone:
    case Place::Region::kBuffer: break;
  }
  return nullptr;
}

std::byte* Resolution::address(const View& view) const noexcept {
  std::byte* start = memory.address(view.place);
  return start ? start + view.offset.at(batch) * static_cast<std::int64_t>(size_of(view.dtype)) : nullptr;
}

Kernel lane_kernel(const Step& step, const KernelTable& kernels) noexcept {
  return kernels.lanes[static_cast<int>(step.lane)][key_dtype(step)];
}

void resolve_lane(const Step& step, const Resolution& at, Record& record, Nest* storage) noexcept {
  const Kernel kernel = lane_kernel(step, at.kernels);
  LaneArguments lane{};
  std::copy(step.numbers.begin(), step.numbers.end(), lane.numbers);
  const Nest nest = nest_of(step, at.batch);
  lane.count = nest.count();
  // Where there is nothing, a view may begin outside of its memory.
  const auto address = [&](const View& view) {
    return lane.count > 0 ? at.address(view) : at.memory.address(view.place);
  };
  lane.out = address(step.out);
  for (std::size_t i = 0; i < step.in.size(); ++i) lane.in[i] = address(step.in[i]);

  for (std::size_t i = 0; i < nest.element_sizes.size(); ++i) {
    record.element_sizes[i] = static_cast<std::uint8_t>(nest.element_sizes[i]);
  }
  if (lane.count == 0 || nest.is_flat()) {
    record.form = Record::Form::kLane;
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (nest.rank == 1 && nest.strides[i + 1][0] == 0) lane.splat |= 1u << i;
    }
    record.kernel = kernel;
    record.arguments.lane = lane;
    return;
  }
  *storage = nest;
  record.kernel = run_nest;
  // A single dimension is one line.
  record.form = nest.rank > 1 ? Record::Form::kNest : Record::Form::kWhole;
  record.arguments.nest = {lane, kernel, storage, 0, nest.lengths[0], 0};
}

}  // namespace nadir
