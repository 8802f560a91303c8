// What arranges elements: views where strides can tell it, copies of slices where not.
#include "ops/registry.h"
#include "ops/shaping.h"
#include "ops/slicing.h"
#include "plan/lowering.h"

namespace nadir {

namespace {

View slice_of(const View& view, const SliceAttributes& slice, Dim length) noexcept {
  return view.sliced(slice.axis, slice.start, slice.start_batches, slice.step, length);
}

}  // namespace

void lower_broadcast_to(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  lowering.set_view(index, lowering.operand(node, 0).broadcast_to(node.shape));
}

void lower_reshape(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  lowering.set_view(index, lowering.reshaped(lowering.operand(node, 0), node.shape));
}

void lower_permute(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  lowering.set_view(index, lowering.operand(node, 0).permuted(node.attributes.as<PermuteAttributes>().axes));
}

void lower_slice(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  const auto slice = node.attributes.as<SliceAttributes>();
  lowering.set_view(index, slice_of(lowering.operand(node, 0), slice, node.shape[slice.axis]));
}

void lower_slice_set(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  const auto slice = node.attributes.as<SliceAttributes>();
  const View& value = lowering.operand(node, 1);
  const View out = lowering.writable_copy(index);
  lowering.emit_lane(LaneId::copy, slice_of(out, slice, value.shape[slice.axis]), value);
}

void lower_concat(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  const int axis = node.attributes.as<ConcatAttributes>().axis;
  const View out = lowering.destination(index, false).view;
  std::int64_t start = 0;
  std::int64_t batches = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const View& piece = lowering.operand(node, i);
    const Dim length = piece.shape[axis];
    lowering.emit_lane(LaneId::copy, out.sliced(axis, start, batches, 1, length), piece);
    (length.is_batch() ? batches : start) += length.factor();
  }
}

}  // namespace nadir
