#include "plan/lowering.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "ops/registry.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

constexpr std::int64_t kMostKept = std::int64_t{1} << 16;  // elements of a copy that outlives all steps

// The names of the lane functions in their order, each ended by 0.
constexpr char kLaneNames[] =
#define UNARY(name) #name "\0"
#define SCALED(name) #name "\0"
#define BINARY(name) #name "\0"
#define TEST(name) #name "\0"
#define COMPARE(name) #name "\0"
#define LOGICAL(name) #name "\0"
#include "ops/registry.def"
#define SLOPE(name) #name "\0"
    NADIR_SLOPES(SLOPE)
#undef SLOPE
        "logical_not\0where\0cast\0cast\0cast\0cast\0cast\0copy";

const char* name_of(LaneId lane) noexcept {
  const char* name = kLaneNames;
  for (int i = 0; i < static_cast<int>(lane); ++i) name += std::strlen(name) + 1;
  return name;
}

}  // namespace

Lowering::Lowering(const Graph& graph, const Wanted& wanted, const Analysis& analysis, Plan& plan)
    : graph_(graph),
      wanted_(wanted),
      analysis_(analysis),
      plan_(plan),
      resource_(&graph.host()),
      views_(graph.size(), View{}, resource_),
      owns_(graph.size(), false, resource_),
      delivered_(resource_),
      buffers_(resource_) {}

void Lowering::run() {
  lower_phase(Phase::kConstant, plan_.constants);
  constants_ = buffers_.size();
  lower_phase(Phase::kForward, plan_.forward);
  keep_outputs();
  if (plan_.has_loss) {
    lower_backward(kOverwriting, plan_.backward);
    lower_backward(kAccumulating, plan_.accumulating_backward);
  }
  keep_constants();
}

// Constants outlive all steps, but for those that only other constants are made from.
void Lowering::keep_constants() noexcept {
  const auto keep_at = [this](const Place& place) {
    if (place.region != Place::Region::kBuffer || place.index >= constants_) return;
    buffers_[place.index].is_kept = true;
  };
  for (const Steps* steps : {&plan_.forward, &plan_.backward, &plan_.accumulating_backward}) {
    for (const Step& step : *steps) {
      for (const View& in : step.in) keep_at(in.place);
    }
  }
  for (const Plan::ConstantData& data : plan_.constant_data) keep_at(data.place);
  for (std::size_t i = 0; i < constants_; ++i) buffers_[i].is_there_first = buffers_[i].is_kept;
}

void Lowering::lower_phase(Phase phase, Steps& steps) {
  steps_ = &steps;
  for (NodeIndex index = 0; index < graph_.size(); ++index) {
    if (analysis_.phases[index] != phase || analysis_.absorbed[index]) continue;
    if (analysis_.same[index] != index) {
      views_[index] = views_[analysis_.same[index]];
      continue;
    }
    current_ = index;
    const Node& node = graph_[index];
    if (!size_fits(node.shape, size_of(node.dtype), wanted_.max_batch)) {
      fail(Status::kNoMemory, '"', node.name(), "\" ", node.shape, " at a batch of ", wanted_.max_batch,
           " has more than 2^63 - 1 bytes");
    }
    lower(*this, index);
    if (phase != Phase::kBackward) continue;
    for (const ParameterGradient& gradient : analysis_.gradients_from(index)) deliver(gradient);
  }
}

void Lowering::lower_backward(Variant variant, Steps& steps) {
  variant_ = variant;
  delivered_.assign(analysis_.gradients.size(), false);
  lower_phase(Phase::kBackward, steps);
  // Those that were there already: constants, parameters, values of the forward pass.
  for (const ParameterGradient& gradient : analysis_.gradients) deliver(gradient);
}

// ---------------------------------------------------------------------------------------------- gradients, outputs

Place block_place(Place::Region region, const Parameter& parameter) noexcept {
  return {region, static_cast<std::uint32_t>(index_of(parameter.dtype)), parameter.byte_offset()};
}

Lowering::Destination Lowering::destination(NodeIndex index, bool can_accumulate) {
  const Node& node = graph_[index];
  const bool is_backward = analysis_.phases[index] == Phase::kBackward;
  const auto mine = is_backward ? analysis_.gradients_from(index) : std::span<const ParameterGradient>{};
  // What is added to a gradient is lost to other users.
  const bool has_other_users = mine.size() > 1 || analysis_.users[index] > 0;
  const bool directly = !mine.empty() && (variant_ == kOverwriting || (can_accumulate && !has_other_users));
  owns_[index] = !directly;
  if (!directly) {
    views_[index] = View::dense(new_buffer(node.dtype, node.shape.count()), node.dtype, node.shape);
    return {views_[index], false};
  }
  delivered_[static_cast<std::size_t>(mine.data() - analysis_.gradients.data())] = true;
  views_[index] = View::dense(block_place(Place::Region::kGradient, *mine[0].parameter), node.dtype, node.shape);
  return {views_[index], variant_ == kAccumulating};
}

void Lowering::deliver(const ParameterGradient& gradient) {
  const auto number = static_cast<std::size_t>(&gradient - analysis_.gradients.data());
  if (delivered_[number]) return;
  delivered_[number] = true;
  const View& from = views_[gradient.gradient];
  if (from.place.region == Place::Region::kNone) fail(Status::kInternal, "a gradient was not lowered");
  const View out = View::dense(block_place(Place::Region::kGradient, *gradient.parameter), from.dtype, from.shape);
  if (variant_ == kOverwriting) {
    emit_lane(LaneId::copy, out, from);
  } else {
    emit_lane(LaneId::add, out, out, from);
  }
}

void Lowering::keep_outputs() {
  if (plan_.has_loss) keep_output(wanted_.loss);
  for (const NodeIndex output : wanted_.outputs) keep_output(output);
  for (const auto& update : analysis_.state_updates) {
    const Parameter& state = *graph_.states().find(update.state);
    plan_.state_updates.push_back({state.dtype, state.byte_offset(), state.bytes(), keep(update.value)});
  }
}

void Lowering::keep_output(NodeIndex index) {
  const Node& node = graph_[index];
  if (is_stored(node) && index != wanted_.loss) return;  // read where it is
  plan_.outputs.push_back({index, keep(index), node.dtype, node.shape.count()});
}

// Has a value in a buffer that nothing else will use.
Place Lowering::keep(NodeIndex index) {
  const Node& node = graph_[index];
  View view = views_[index];
  if (view.place.region != Place::Region::kBuffer || !view.is_dense() || view.offset != Offset()) {
    current_ = index;
    view = View::dense(new_buffer(node.dtype, node.shape.count()), node.dtype, node.shape);
    emit_lane(LaneId::copy, view, views_[index]);
  }
  buffers_[view.place.index].is_kept = true;
  return view.place;
}

// ------------------------------------------------------------------------------------------------ buffers and steps

View Lowering::dense(const View& view) {
  if (view.is_dense()) return view;
  // What depends on the batch alone is laid out when that changes, unless it takes much memory.
  const bool is_constant = view.place.region == Place::Region::kBuffer && view.place.index < constants_;
  if (is_constant && view.shape.count().at(wanted_.max_batch) < kMostKept) return kept_copy(view, plan_.constants);
  const View copy = View::dense(new_buffer(view.dtype, view.shape.count()), view.dtype, view.shape);
  emit_lane(LaneId::copy, copy, view);
  return copy;
}

View Lowering::kept_copy(const View& view, Steps& phase) {
  const View copy = View::dense(new_buffer(view.dtype, view.shape.count()), view.dtype, view.shape);
  Buffer& buffer = buffers_[copy.place.index];
  buffer.is_kept = buffer.is_there_first = true;
  buffer.variants = kBoth;
  Steps* const steps = std::exchange(steps_, &phase);
  emit_lane(LaneId::copy, copy, view);
  steps_ = steps;
  return copy;
}

View Lowering::reshaped(const View& view, const Shape& shape) {
  if (const auto result = view.reshaped(shape)) return *result;
  return *dense(view).reshaped(shape);
}

Place Lowering::new_buffer(DType dtype, Extent count) {
  const auto bytes = byte_count(count, wanted_.max_batch, size_of(dtype));
  if (!bytes) {
    fail(Status::kNoMemory, '"', graph_[current_].name(), "\" ", graph_[current_].shape, " at a batch of ",
         wanted_.max_batch, " has more than 2^63 - 1 bytes");
  }
  Buffer buffer;
  buffer.bytes = static_cast<std::size_t>(*bytes);
  buffer.variants = variant_;
  buffers_.push_back(buffer);
  return {Place::Region::kBuffer, static_cast<std::uint32_t>(buffers_.size() - 1), 0};
}

void Lowering::add_scratch(Step& step, DType dtype, std::int64_t count) {
  const auto bytes = byte_count({count, 0}, 1, size_of(dtype));
  if (!bytes || *bytes > std::numeric_limits<std::int64_t>::max() / (2 * wanted_.parts)) {
    fail(Status::kNoMemory, '"', graph_[current_].name(), "\" wants working memory for ", count, " numbers a thread");
  }
  step.scratch_step = static_cast<std::int64_t>(aligned(static_cast<std::size_t>(*bytes)));
  step.scratch = new_buffer(DType::kU8, {step.scratch_step * wanted_.parts, 0});
}

Place Lowering::add_input(NodeIndex index) {
  const Node& node = graph_[index];
  const Place staging = new_buffer(node.dtype, node.shape.count());
  // It may be written long before it is used.
  buffers_[staging.index].is_kept = buffers_[staging.index].is_there_first = true;
  plan_.inputs.push_back({index, node.dtype, node.shape.count(), staging});
  return {Place::Region::kInput, static_cast<std::uint32_t>(plan_.inputs.size() - 1), 0};
}

Place Lowering::add_constant(NodeIndex index) {
  const Node& node = graph_[index];
  const Place place = new_buffer(node.dtype, node.shape.count());
  const auto bytes = static_cast<std::size_t>(node.shape.count().factor) * size_of(node.dtype);
  plan_.constant_data.push_back({place, node.data, bytes});
  return place;
}

void Lowering::emit(const Step& step) {
  steps_->push_back(step);
  Step& emitted = steps_->back();
  emitted.origin = current_;
  if (step.kind == Step::Kind::kLane) {
    emitted.what = name_of(step.lane);
  } else if (!step.what) {
    emitted.what = graph_[current_].op->name;
  }
}

void Lowering::emit_lane(LaneId lane, const View& out, const View& a, const View& b) {
  Step step;
  step.resolver = resolve_lane;
  step.kind = Step::Kind::kLane;
  step.lane = lane;
  step.out = out;
  step.in = {a, b, View{}};
  step.may_nest = !out.is_dense() || !a.is_dense() || (!b.is_none() && !b.is_dense());
  emit(step);
}

// Whether only the node that is being lowered will read a node's buffer.
bool Lowering::may_overwrite(NodeIndex index) const noexcept {
  return owns_[index] && analysis_.users[index] == 1 && !analysis_.is_root[index] &&
         analysis_.gradients_from(index).empty() && analysis_.phases[index] == analysis_.phases[current_];
}

View Lowering::writable_copy(NodeIndex index) {
  const NodeIndex original = graph_[index].inputs[0];
  if (may_overwrite(original)) {
    owns_[index] = true;
    views_[index] = views_[original];
  } else {
    const View from = views_[original];
    emit_lane(LaneId::copy, destination(index, false).view, from);
  }
  return views_[index];
}

}  // namespace nadir
