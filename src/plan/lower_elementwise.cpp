// Elementwise operations: a lane function over operands of any strides.
#include <algorithm>
#include <utility>

#include "ops/elementwise.h"
#include "plan/lowering.h"
#include "plan/resolve.h"
#include "plan/slopes.h"

namespace nadir {

namespace {

// a > b is b < a, to the bit and for NaN: there are no kernels for the former.
bool has_operands_exchanged(const Node& node) noexcept { return id_of(node) == OpId::gt || id_of(node) == OpId::ge; }

LaneId lane_of(const Node& node) noexcept {
  switch (id_of(node)) {
    case OpId::gt: return LaneId::lt;
    case OpId::ge: return LaneId::le;
    case OpId::logical_not: return LaneId::logical_not;
    case OpId::where: return LaneId::where;
    case OpId::cast: return static_cast<LaneId>(static_cast<int>(LaneId::cast_f32) + index_of(node.dtype));
    default: return static_cast<LaneId>(node.op->lane);
  }
}

// A sum of a product and a repeated row is that product with a bias.
// `result` is the sum, or what relu makes of it.
bool lower_biased_product(Lowering& lowering, NodeIndex sum_index, NodeIndex result) {
  const int product = product_with_bias(lowering.graph(), lowering.analysis(), sum_index);
  if (product < 0) return false;
  const Analysis& analysis = lowering.analysis();
  const Node& sum = lowering.graph()[sum_index];
  const Node& repeated = lowering.graph()[analysis.operand(sum, static_cast<std::size_t>(1 - product))];
  const View row = lowering.dense(lowering.operand(repeated, 0));
  const NodeIndex factors = analysis.operand(sum, static_cast<std::size_t>(product));
  lower_product(lowering, result, lowering.graph()[factors], row, result != sum_index);
  return true;
}

bool lower_rectified_product(Lowering& lowering, NodeIndex index) {
  if (!is_rectified_product(lowering.graph(), lowering.analysis(), index)) return false;
  const NodeIndex x = lowering.analysis().operand(lowering.graph()[index], 0);
  if (lower_biased_product(lowering, x, index)) return true;
  lower_product(lowering, index, lowering.graph()[x], View{}, true);
  return true;
}

// One element for all that a step repeats along an axis, since all operands do: the step of a shape without such axes. Then the
// result repeats it, and no pass is made over what is known beforehand. Nothing is changed where the host reads all elements.
bool lower_unrepeated(Lowering& lowering, NodeIndex index, Step& step) {
  const Node& node = lowering.graph()[index];
  const Analysis& analysis = lowering.analysis();
  if (analysis.is_root[index] || !analysis.gradients_from(index).empty()) return false;
  Shape shape = node.shape;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool repeats = std::all_of(step.in.begin(), step.in.begin() + node.inputs.size(), [&](const View& in) {
      return in.strides[static_cast<std::size_t>(axis)].factor == 0;
    });
    if (repeats) shape[axis] = Dim::constant(1);
  }
  if (shape == node.shape) return false;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) step.in[i].shape = shape;
  step.out = View::dense(lowering.new_buffer(node.dtype, shape.count()), node.dtype, shape);
  lowering.emit(step);
  lowering.set_view(index, step.out.broadcast_to(node.shape));
  return true;
}

}  // namespace

void lower_lane(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  if (id_of(node) == OpId::add && lower_biased_product(lowering, index, index)) return;
  if (id_of(node) == OpId::relu && lower_rectified_product(lowering, index)) return;
  if (const auto slope = slope_of(lowering.graph(), lowering.analysis(), index)) {
    const View out = lowering.destination(index, false).view;
    return lowering.emit_lane(slope->lane, out, lowering.view(slope->upstream), lowering.view(slope->result));
  }
  Step step;
  step.resolver = resolve_lane;
  step.kind = Step::Kind::kLane;
  step.lane = lane_of(node);
  step.numbers = node.attributes.as<Numbers>();
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    step.in[i] = lowering.operand(node, i);
    step.may_nest = step.may_nest || !step.in[i].is_dense();
  }
  if (has_operands_exchanged(node)) std::swap(step.in[0], step.in[1]);
  if (lower_unrepeated(lowering, index, step)) return;
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

void lower_logical_not(Lowering& lowering, NodeIndex index) { lower_lane(lowering, index); }
void lower_where(Lowering& lowering, NodeIndex index) { lower_lane(lowering, index); }
void lower_cast(Lowering& lowering, NodeIndex index) { lower_lane(lowering, index); }

void lower_stop_gradient(Lowering& lowering, NodeIndex index) {
  lowering.set_view(index, lowering.operand(lowering.graph()[index], 0));
}

}  // namespace nadir
