// What each operation becomes.
#include <algorithm>
#include <array>
#include <utility>

#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/reduction.h"
#include "plan/lowering.h"

namespace nadir {

namespace {

Extent product(Extent a, Extent b) noexcept { return {a.factor * b.factor, a.power + b.power}; }

void lower_parameter(Lowering& lowering, NodeIndex index) {
  const Parameter& parameter = *lowering.graph().parameters().find(index);
  lowering.set_view(index, View::dense(block_place(Place::Region::kParameter, parameter), parameter.dtype,
                                       lowering.graph()[index].shape));
}

void lower_extent(Lowering& lowering, NodeIndex index) {
  Step step;
  step.kind = Step::Kind::kExtent;
  step.length = lowering.graph()[index].attributes.as<Extent>();
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

void lower_copy(Lowering& lowering, NodeIndex index, const View& from) {
  Step step;
  step.in[0] = from;
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

LaneId lane_of(const Node& node) noexcept {
  switch (id_of(node)) {
    case OpId::logical_not: return LaneId::logical_not;
    case OpId::where: return LaneId::where;
    case OpId::cast: return static_cast<LaneId>(static_cast<int>(LaneId::cast_f32) + index_of(node.dtype));
    default: return static_cast<LaneId>(node.op->lane);
  }
}

void lower_lane(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  Step step;
  step.lane = lane_of(node);
  step.numbers = node.attributes.as<Numbers>();
  for (std::size_t i = 0; i < node.inputs.size(); ++i) step.in[i] = lowering.operand(node, i);
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

// ------------------------------------------------------------------------------------------------------- products

void transpose(View& view) noexcept {
  std::swap(view.shape[0], view.shape[1]);
  std::swap(view.strides[0], view.strides[1]);
}

// Computes `product`, plus a bias if that is not none, as the value of `result`.
void lower_matmul(Lowering& lowering, NodeIndex result, const Node& product, const View& bias) {
  const auto [transpose_a, transpose_b] = product.attributes.as<MatmulAttributes>();
  Step step;
  step.kind = Step::Kind::kMatmul;
  step.in = {lowering.operand(product, 0), lowering.operand(product, 1), bias};
  if (transpose_a) transpose(step.in[0]);
  if (transpose_b) transpose(step.in[1]);
  const View& b = step.in[1];
  if (b.strides[1] != Extent{1, 0} && !b.shape[1].is_one())
    step.scratch = lowering.new_buffer(b.dtype, b.shape.count());
  const auto to = lowering.destination(result, true);
  step.out = to.view;
  step.accumulate = to.accumulate;
  lowering.emit(step);
}

void lower_add(Lowering& lowering, NodeIndex index) {
  const int product = product_with_bias(lowering.graph(), lowering.analysis(), index);
  if (product < 0) return lower_lane(lowering, index);
  const Node& sum = lowering.graph()[index];
  const Node& repeated = lowering.graph()[sum.inputs[static_cast<std::size_t>(1 - product)]];
  const View row = lowering.dense(lowering.operand(repeated, 0));
  lower_matmul(lowering, index, lowering.graph()[sum.inputs[static_cast<std::size_t>(product)]], row);
}

// ----------------------------------------------------------------------------------------------------- reductions

// The axes of a reduction, with neighbours that are all reduced, or all kept, as one, and those of length 1 left out.
class AxisGroups {
 public:
  AxisGroups(const Shape& shape, AxisSet reduced) noexcept {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis].is_one()) continue;
      const bool is_reduced = reduced.contains(axis);
      const Extent length = shape[axis].extent();
      if (count_ > 0 && at(count_ - 1).is_reduced == is_reduced) {
        at(count_ - 1).length = product(at(count_ - 1).length, length);
      } else {
        at(count_++) = {length, is_reduced};
      }
    }
  }

  int reductions() const noexcept {
    return static_cast<int>(
        std::count_if(groups_.begin(), groups_.begin() + count_, [](const Group& group) { return group.is_reduced; }));
  }

  // The number of elements that are summed into one.
  Extent reduced_length() const noexcept {
    Extent length;
    for (int i = 0; i < count_; ++i) {
      if (groups_[static_cast<std::size_t>(i)].is_reduced)
        length = product(length, groups_[static_cast<std::size_t>(i)].length);
    }
    return length;
  }

  // Takes the last reduced group out and tells a step how to sum over it.
  void take_last_reduced(Step& step) noexcept {
    int last = count_ - 1;
    while (!at(last).is_reduced) --last;
    for (int i = 0; i < count_; ++i) {
      Extent& part = i < last ? step.outer : i == last ? step.length : step.inner;
      part = product(part, at(i).length);
    }
    std::copy(groups_.begin() + last + 1, groups_.begin() + count_, groups_.begin() + last);
    --count_;
  }

 private:
  struct Group {
    Extent length;
    bool is_reduced = false;
  };
  Group& at(int index) noexcept { return groups_[static_cast<std::size_t>(index)]; }

  std::array<Group, kMaxRank> groups_{};
  int count_ = 0;
};

// A sum over one group of axes after the other, the last first; the last sum goes into the result, the others into buffers.
void lower_reduction(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  const View in = lowering.dense(lowering.operand(node, 0));
  AxisGroups groups(in.shape, node.attributes.as<ReductionAttributes>().axes);
  const Extent divisor = id_of(node) == OpId::mean ? groups.reduced_length() : Extent{};

  if (groups.reductions() == 0) return lower_copy(lowering, index, lowering.reshaped(in, node.shape));
  View from = in;
  for (int left = groups.reductions(); left > 0; --left) {
    Step step;
    step.kind = Step::Kind::kSum;
    step.in[0] = from;
    groups.take_last_reduced(step);
    if (left == 1) {
      const auto to = lowering.destination(index, true);
      step.out = to.view;
      step.accumulate = to.accumulate;
      step.divisor = divisor;
    } else {
      step.out = View::dense(lowering.new_buffer(node.dtype, product(step.outer, step.inner)), node.dtype, Shape());
    }
    lowering.emit(step);
    from = step.out;
  }
}

}  // namespace

void lower(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  switch (id_of(node)) {
    case OpId::input: return lowering.set_view(index, View::dense(lowering.add_input(index), node.dtype, node.shape));
    case OpId::param: return lower_parameter(lowering, index);
    case OpId::constant:
      return lowering.set_view(index, View::dense(lowering.add_constant(index), node.dtype, node.shape));
    case OpId::extent: return lower_extent(lowering, index);
    case OpId::broadcast_to: return lowering.set_view(index, lowering.operand(node, 0).broadcast_to(node.shape));
    case OpId::reshape: return lowering.set_view(index, lowering.reshaped(lowering.operand(node, 0), node.shape));
    case OpId::stop_gradient: return lowering.set_view(index, lowering.operand(node, 0));
    case OpId::sum:
    case OpId::mean: return lower_reduction(lowering, index);
    case OpId::matmul: return lower_matmul(lowering, index, node, View{});
    case OpId::add: return lower_add(lowering, index);
    default: return lower_lane(lowering, index);
  }
}

}  // namespace nadir
