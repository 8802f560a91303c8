// Reductions over any axes, and what is computed along one: index of an extreme, cumulative sum, softmax.
#include <algorithm>
#include <array>

#include "kernels/portable.h"
#include "ops/along_axis.h"
#include "ops/reduction.h"
#include "ops/registry.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

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

  // The number of elements that are reduced to one.
  Extent reduced_length() const noexcept {
    Extent length;
    for (int i = 0; i < count_; ++i) {
      if (groups_[static_cast<std::size_t>(i)].is_reduced)
        length = product(length, groups_[static_cast<std::size_t>(i)].length);
    }
    return length;
  }

  // Takes the last reduced group out and tells a step how to reduce it.
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

enum Variant : std::uint8_t { kMax, kMin, kAny, kAll, kArgmax, kArgmin, kCumsum };

Kernel reduction_kernel(const Step& step, const KernelTable& kernels) noexcept {
  const DType dtype = step.in[0].dtype;
  switch (static_cast<Variant>(step.variant)) {
    case kMax: return kernels.max[index_of(dtype)];
    case kMin: return kernels.min[index_of(dtype)];
    case kAny: return any_kernel;
    case kAll: return all_kernel;
    case kArgmax: return argmax_kernel(dtype);
    case kArgmin: return argmin_kernel(dtype);
    case kCumsum: break;
  }
  return cumsum_kernel(dtype);
}

}  // namespace

Kernel extreme_kernel(const Step& step, const KernelTable& kernels) noexcept { return reduction_kernel(step, kernels); }

namespace {

void resolve_reduction(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = reduction_kernel(step, at.kernels);
  record.arguments.reduce = {at.address(step.out),     at.address(step.in[0]),  step.outer.at(at.batch),
                             step.length.at(at.batch), step.inner.at(at.batch), step.reverse};
}

// A sum of one element each is a copy.
bool is_copy(const SumArguments& sum) noexcept { return sum.length == 1 && sum.divisor == 1 && !sum.accumulate; }

void resolve_sum(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  SumArguments sum{};
  sum.out = at.address(step.out);
  sum.in = at.address(step.in[0]);
  sum.outer = step.outer.at(at.batch);
  sum.length = step.length.at(at.batch);
  sum.inner = step.inner.at(at.batch);
  sum.divisor = static_cast<double>(step.divisor.at(at.batch));
  sum.accumulate = step.accumulate;
  const int dtype = index_of(step.out.dtype);
  if (is_copy(sum)) {
    record.kernel = at.kernels.lanes[static_cast<int>(LaneId::copy)][dtype];
    record.arguments.lane = {sum.out, {sum.in}, sum.outer * sum.inner, 0, {}};
  } else {
    record.kernel = at.kernels.sum[dtype];
    record.arguments.sum = sum;
  }
}

Step reduction_step(Variant variant) {
  Step step;
  step.resolver = resolve_reduction;
  step.kind = variant == kMax || variant == kMin ? Step::Kind::kExtreme : Step::Kind::kReduction;
  if (step.kind == Step::Kind::kExtreme) step.what = variant == kMax ? "max" : "min";
  step.variant = variant;
  return step;
}

Step sum_step() {
  Step step;
  step.resolver = resolve_sum;
  step.kind = Step::Kind::kSum;
  step.what = "sum";
  return step;
}

// Reduces `from`, which is dense, in as many steps as there are groups; all but the last go to buffers. `finish` is given the
// last one without its result.
template <class Finish>
void reduce_groups(Lowering& lowering, View from, AxisGroups groups, const Step& kind, Finish finish) {
  for (int left = groups.reductions(); left > 0; --left) {
    Step step = kind;
    step.in[0] = from;
    groups.take_last_reduced(step);
    if (left == 1) return finish(step);
    const Extent count = product(step.outer, step.inner);
    step.out = View::dense(lowering.new_buffer(from.dtype, count), from.dtype, Shape());
    lowering.emit(step);
    from = step.out;
  }
}

AxisSet axes_of(const Node& node) noexcept { return node.attributes.as<ReductionAttributes>().axes; }

void lower_sum_or_mean(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  const View in = lowering.dense(lowering.operand(node, 0));
  const AxisGroups groups(in.shape, axes_of(node));
  if (groups.reductions() == 0) {
    const View from = lowering.reshaped(in, node.shape);
    return lowering.emit_lane(LaneId::copy, lowering.destination(index, false).view, from);
  }
  reduce_groups(lowering, in, groups, sum_step(), [&](Step& step) {
    const auto to = lowering.destination(index, true);
    step.out = to.view;
    step.accumulate = to.accumulate;
    step.divisor = id_of(node) == OpId::mean ? groups.reduced_length() : Extent{};
    step.what = node.op->name;
    lowering.emit(step);
  });
}

void lower_extreme(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  const View in = lowering.dense(lowering.operand(node, 0));
  const AxisGroups groups(in.shape, axes_of(node));
  if (groups.reductions() == 0) {
    const View from = lowering.reshaped(in, node.shape);
    const View out = lowering.destination(index, false).view;
    // A mask becomes 0 or 1.
    const bool is_mask = in.dtype == DType::kU8;
    return lowering.emit_lane(is_mask ? LaneId::logical_or : LaneId::copy, out, from, is_mask ? from : View{});
  }
  reduce_groups(lowering, in, groups, reduction_step(variant), [&](Step& step) {
    step.out = lowering.destination(index, false).view;
    lowering.emit(step);
  });
}

// A step along the node's axis.
Step along_axis(const View& in, int axis, Step step) {
  step.in[0] = in;
  step.outer = in.shape.count_over(0, axis);
  step.length = in.shape[axis].extent();
  step.inner = in.shape.count_over(axis + 1, in.shape.rank());
  return step;
}

void lower_along_axis(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  const auto attributes = node.attributes.as<AxisAttributes>();
  const View in = lowering.dense(lowering.operand(node, 0));
  Step step = along_axis(in, attributes.axis, reduction_step(variant));
  step.reverse = attributes.reverse;
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

// Reduces along an axis into a buffer of length 1 along it.
View reduced(Lowering& lowering, const View& in, int axis, const Step& kind) {
  Shape shape = in.shape;
  shape[axis] = Dim::constant(1);
  Step step = along_axis(in, axis, kind);
  step.out = View::dense(lowering.new_buffer(in.dtype, shape.count()), in.dtype, shape);
  lowering.emit(step);
  return step.out;
}

// x - max, of what no exp overflows: the node's view, to be worked on in place.
View lower_distance_to_maximum(Lowering& lowering, NodeIndex index, int axis) {
  const View x = lowering.dense(lowering.operand(lowering.graph()[index], 0));
  const View greatest = reduced(lowering, x, axis, reduction_step(kMax));
  const View y = lowering.destination(index, false).view;
  lowering.emit_lane(LaneId::sub, y, x, greatest.broadcast_to(x.shape));
  return y;
}

int axis_of(const Lowering& lowering, NodeIndex index) noexcept {
  return lowering.graph()[index].attributes.as<AxisAttributes>().axis;
}

}  // namespace

void lower_sum(Lowering& lowering, NodeIndex index) { lower_sum_or_mean(lowering, index); }
void lower_mean(Lowering& lowering, NodeIndex index) { lower_sum_or_mean(lowering, index); }
void lower_max(Lowering& lowering, NodeIndex index) { lower_extreme(lowering, index, kMax); }
void lower_min(Lowering& lowering, NodeIndex index) { lower_extreme(lowering, index, kMin); }
void lower_any(Lowering& lowering, NodeIndex index) { lower_extreme(lowering, index, kAny); }
void lower_all(Lowering& lowering, NodeIndex index) { lower_extreme(lowering, index, kAll); }
void lower_argmax(Lowering& lowering, NodeIndex index) { lower_along_axis(lowering, index, kArgmax); }
void lower_argmin(Lowering& lowering, NodeIndex index) { lower_along_axis(lowering, index, kArgmin); }
void lower_cumsum(Lowering& lowering, NodeIndex index) { lower_along_axis(lowering, index, kCumsum); }

// exp(x - max) / sum of that, each a pass over all.
void lower_softmax(Lowering& lowering, NodeIndex index) {
  const int axis = axis_of(lowering, index);
  const View y = lower_distance_to_maximum(lowering, index, axis);
  lowering.emit_lane(LaneId::exp, y, y);
  lowering.emit_lane(LaneId::div, y, y, reduced(lowering, y, axis, sum_step()).broadcast_to(y.shape));
}

// (x - max) - log(sum of exp(x - max))
void lower_log_softmax(Lowering& lowering, NodeIndex index) {
  const int axis = axis_of(lowering, index);
  const View y = lower_distance_to_maximum(lowering, index, axis);
  const View powers = View::dense(lowering.new_buffer(y.dtype, y.shape.count()), y.dtype, y.shape);
  lowering.emit_lane(LaneId::exp, powers, y);
  const View total = reduced(lowering, powers, axis, sum_step());
  lowering.emit_lane(LaneId::log, total, total);
  lowering.emit_lane(LaneId::sub, y, y, total.broadcast_to(y.shape));
}

}  // namespace nadir
