// Convolutions and their gradients.
#include <limits>

#include "kernels/portable.h"
#include "ops/convolution.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

enum Variant : std::uint8_t { kForward, kInput, kWeight };

void resolve_convolution(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  const KernelTable& kernels = at.kernels;
  const Kernel* const table = step.variant == kForward ? kernels.conv
                              : step.variant == kInput ? kernels.conv_input
                                                       : kernels.conv_weight;
  record.kernel = table[index_of(step.out.dtype)];
  record.arguments.conv = {at.address(step.out),    at.address(step.in[0]),
                           at.address(step.in[1]),  at.memory.address(step.scratch),
                           step.count.at(at.batch), step.conv};
}

// In elements of the dtype: the taps, the planes of a group's image, and for the weights' gradient four lines of results.
std::int64_t scratch_size(const ConvGeometry& g, Variant variant, DType dtype) {
  const PlaneAxis rows = variant == kInput ? result_axis(g.rows) : image_axis(g.rows);
  const PlaneAxis columns = variant == kInput ? result_axis(g.columns) : image_axis(g.columns);
  constexpr std::size_t kTapBytes = 2 * sizeof(std::int64_t);
  const double taps =
      double{static_cast<double>(g.rows.taps)} * g.columns.taps * kTapBytes / static_cast<double>(size_of(dtype));
  const double plane = static_cast<double>(rows.phases * columns.phases) * static_cast<double>(rows.length) *
                       static_cast<double>(columns.length);
  double size = taps + (variant == kInput ? g.out : g.in) * plane + kConvSlack;
  if (variant == kWeight)
    size += 4 * (static_cast<double>(g.rows.out) * static_cast<double>(columns.length) + 2 * kConvSlack);
  if (size * 8 > 0x1p60) fail(Status::kNoMemory, "a convolution wants working memory for ", size, " numbers");
  return static_cast<std::int64_t>(size);
}

void lower_convolution(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  Step step;
  step.resolver = resolve_convolution;
  step.variant = variant;
  step.conv = node.attributes.as<ConvGeometry>();
  step.in[0] = lowering.dense(lowering.operand(node, 0));
  step.in[1] = lowering.dense(lowering.operand(node, 1));
  step.count = step.in[0].shape[0].extent();
  step.scratch = lowering.new_buffer(node.dtype, {scratch_size(step.conv, variant, node.dtype), 0});
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

void resolve_pooling(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = max_pool_kernel(step.in[0].dtype);
  record.arguments.conv = {
      at.address(step.out), at.address(step.in[0]), nullptr, nullptr, step.count.at(at.batch), step.conv};
}

}  // namespace

void lower_max_pool_index(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  Step step;
  step.resolver = resolve_pooling;
  step.conv = node.attributes.as<ConvGeometry>();
  step.in[0] = lowering.dense(lowering.operand(node, 0));
  step.count = step.in[0].shape.count_over(0, 2);
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

void lower_conv(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kForward); }
void lower_conv_input(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kInput); }
void lower_conv_weight(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kWeight); }

}  // namespace nadir
