// Convolutions and their gradients.
#include <limits>

#include "ops/convolution.h"
#include "ops/registry.h"
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
  record.arguments.conv = {at.address(step.out),
                           at.address(step.in[0]),
                           at.address(step.in[1]),
                           at.memory.address(step.scratch),
                           step.count.at(at.batch),
                           step.conv,
                           0,
                           step.conv.out};
  record.form = step.variant == kForward ? Record::Form::kConvolution
                : step.variant == kInput ? Record::Form::kConvolutionInput
                                         : Record::Form::kConvolutionWeight;
  record.element_sizes.fill(static_cast<std::uint8_t>(size_of(step.out.dtype)));
  record.scratch_step = step.scratch_step;
}

// In elements of the dtype: the taps, and the planes of a group's image; for the weights' gradient planes and lines of several.
std::int64_t scratch_size(const ConvGeometry& g, Variant variant, DType dtype) {
  const PlaneAxis rows = variant == kInput ? result_axis(g.rows) : image_axis(g.rows);
  const PlaneAxis columns = variant == kInput ? result_axis(g.columns) : image_axis(g.columns);
  const double plane = static_cast<double>(rows.phases * columns.phases) * static_cast<double>(rows.length) *
                       static_cast<double>(columns.length);
  double size = (variant == kInput ? g.out : g.in) * plane;
  if (variant == kWeight) size += (g.out + 3.0) * g.rows.out * static_cast<double>(columns.length);
  if (size * 16 > 0x1p60) fail(Status::kNoMemory, "a convolution wants working memory for ", size, " numbers");
  const std::int64_t numbers =
      variant == kWeight ? images_at_once(g) * (planes_step(g) + lines_step(g)) : static_cast<std::int64_t>(size);
  return tap_bytes(g) / static_cast<std::int64_t>(size_of(dtype)) + numbers + kConvSlack;
}

void lower_convolution(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  Step step;
  step.resolver = resolve_convolution;
  step.kind = Step::Kind::kConvolution;
  step.variant = variant;
  step.conv = node.attributes.as<ConvGeometry>();
  step.in[0] = lowering.dense(lowering.operand(node, 0));
  step.in[1] = lowering.dense(lowering.operand(node, 1));
  step.count = step.in[0].shape[0].extent();
  lowering.add_scratch(step, node.dtype, scratch_size(step.conv, variant, node.dtype));
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

// in: the images; what becomes of the values, if anything reads them.
void resolve_pooling(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = at.kernels.max_pool[index_of(step.in[0].dtype)];
  record.form = Record::Form::kPooling;
  record.element_sizes = {sizeof(std::int32_t), static_cast<std::uint8_t>(size_of(step.in[0].dtype))};
  record.arguments.pool = {at.address(step.out),    at.address(step.in[1]), at.address(step.in[0]),
                           step.count.at(at.batch), step.conv.rows,         step.conv.columns};
}

bool is_reshape_of(const Graph& graph, NodeIndex node, NodeIndex original) {
  return id_of(graph[node]) == OpId::reshape && graph[node].inputs[0] == original;
}

// The node that reads the greatest elements of its images by their places, or kNoNode. It must not be lowered twice.
NodeIndex values_of(const Lowering& lowering, NodeIndex places) {
  const Graph& graph = lowering.graph();
  const NodeIndex images = graph[places].inputs[0];
  for (NodeIndex i = places + 1; i < graph.size(); ++i) {
    const Node& node = graph[i];
    if (lowering.analysis().phases[i] == Phase::kForward && id_of(node) == OpId::gather &&
        is_reshape_of(graph, node.inputs[0], images) && is_reshape_of(graph, node.inputs[1], places)) {
      return i;
    }
  }
  return kNoNode;
}

}  // namespace

void lower_max_pool_index(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  Step step;
  step.resolver = resolve_pooling;
  step.kind = Step::Kind::kPooling;
  step.conv = node.attributes.as<ConvGeometry>();
  step.in[0] = lowering.dense(lowering.operand(node, 0));
  step.count = step.in[0].shape.count_over(0, 2);
  step.out = lowering.destination(index, false).view;
  const NodeIndex values = values_of(lowering, index);
  if (values != kNoNode) {
    step.in[1] = lowering.destination(values, false).view;
    step.has_second_result = true;
  }
  lowering.emit(step);
}

void lower_conv(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kForward); }
void lower_conv_input(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kInput); }
void lower_conv_weight(Lowering& lowering, NodeIndex index) { lower_convolution(lowering, index, kWeight); }

}  // namespace nadir
