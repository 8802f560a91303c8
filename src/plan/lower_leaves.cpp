// Inputs, parameters and constants are views of where they lie; extents are numbers that depend on the batch.
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

template <class T>
void store_number(const Arguments& arguments) noexcept {
  *static_cast<T*>(arguments.lane.out) = static_cast<T>(arguments.lane.numbers[0]);
}

void resolve_extent(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.arguments.lane = {};
  record.arguments.lane.out = at.address(step.out);
  record.arguments.lane.numbers[0] = static_cast<double>(step.length.at(at.batch));
  record.kernel = step.out.dtype == DType::kF32 ? store_number<float> : store_number<double>;
}

void store_training(const Arguments& arguments) noexcept {
  *static_cast<std::uint8_t*>(arguments.random.out) = arguments.random.state->is_training;
}

void resolve_training(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = store_training;
  record.arguments.random = {};
  record.arguments.random.out = at.address(step.out);
  record.arguments.random.state = at.memory.state;
}

}  // namespace

void lower_input(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  lowering.set_view(index, View::dense(lowering.add_input(index), node.dtype, node.shape));
}

void lower_param(Lowering& lowering, NodeIndex index) {
  const Parameter& parameter = *lowering.graph().parameters().find(index);
  lowering.set_view(index, View::dense(block_place(Place::Region::kParameter, parameter), parameter.dtype,
                                       lowering.graph()[index].shape));
}

void lower_state(Lowering& lowering, NodeIndex index) {
  const Parameter& state = *lowering.graph().states().find(index);
  lowering.set_view(index,
                    View::dense(block_place(Place::Region::kState, state), state.dtype, lowering.graph()[index].shape));
}

void lower_training(Lowering& lowering, NodeIndex index) {
  lowering.use_state();
  Step step;
  step.resolver = resolve_training;
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

void lower_constant(Lowering& lowering, NodeIndex index) {
  const Node& node = lowering.graph()[index];
  lowering.set_view(index, View::dense(lowering.add_constant(index), node.dtype, node.shape));
}

void lower_extent(Lowering& lowering, NodeIndex index) {
  Step step;
  step.resolver = resolve_extent;
  step.length = lowering.graph()[index].attributes.as<Extent>();
  step.out = lowering.destination(index, false).view;
  lowering.emit(step);
}

}  // namespace nadir
