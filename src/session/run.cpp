// What a step consists of. Nothing here allocates, throws, waits or calls the system.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/portable.h"
#include "ops/registry.h"
#include "session/session.h"

namespace nadir {

namespace {

using Access = Gate::Access;

}  // namespace

Status Session::refuse_with(Status status, const char* function, std::span<const Piece> pieces) noexcept {
  Message message;
  for (const Piece& piece : pieces) piece.append(message, piece.value);
  error_.set(status, function, nullptr, message.view());
  return status;
}

Status Session::reject(Status status, const char* function, std::string_view message) noexcept {
  return inside(Access::kNone, [=, this] { return refuse(status, function, message); });
}

Status Session::reject(const LastError& error) noexcept {
  return inside(Access::kNone, [&, this] {
    error_.set(error);
    return error.status();
  });
}

// ------------------------------------------------------------------------------------------------------- inputs

Status Session::set_rows(const char* function, Input& input, std::size_t bytes) noexcept {
  const std::string_view name = name_of_node(input.node);
  const Shape& shape = (*graph_)[input.node].shape;
  std::int64_t rows = 0;
  if (input.elements.power == 0) {
    if (bytes != input.row_bytes) {
      return refuse(Status::kArgument, function, "input \"", name, "\" ", shape, ": ", bytes, " bytes given; wants ",
                    input.row_bytes);
    }
  } else {
    if (bytes % input.row_bytes != 0) {
      return refuse(Status::kArgument, function, "input \"", name, "\" ", shape, ": ", bytes,
                    " bytes given; wants a multiple of ", input.row_bytes, ", the bytes of one row");
    }
    if (bytes / input.row_bytes > static_cast<std::size_t>(max_batch_)) {
      return refuse(Status::kShape, function, "input \"", name, "\" ", shape, ": a batch of ", bytes / input.row_bytes,
                    " given; wants at most the session's max_batch, ", max_batch_);
    }
    rows = static_cast<std::int64_t>(bytes / input.row_bytes);
  }
  if (rows != input.rows || !input.is_written) is_resolved_ = false;
  input.rows = rows;
  input.bytes = bytes;
  input.is_written = true;
  return Status::kOk;
}

// What `write` and `bind` have in common. REQUIRES: the caller is inside.
Status Session::accept(const char* function, NodeIndex node, std::size_t bytes, const void* data) noexcept {
  if (slots_[node].kind != Slot::Kind::kInput) {
    if (id_of((*graph_)[node]) == OpId::input) {
      return refuse(Status::kState, function, "input \"", name_of_node(node),
                    "\" is not used: neither the loss nor an output depends on it");
    }
    return refuse(Status::kArgument, function, "\"", name_of_node(node), "\" is no input");
  }
  Input& input = inputs_[slots_[node].index];
  if (!data && bytes > 0)
    return refuse(Status::kArgument, function, "input \"", name_of_node(node), "\": data is NULL, bytes ", bytes);
  if (bytes == input.bytes && input.is_written) return Status::kOk;
  return set_rows(function, input, bytes);
}

// A number of an input that has been written before is written without a detour: a session's owner may do that often.
Status Session::write(NodeIndex node, const void* data, std::size_t bytes) noexcept {
  if (gate_.enter_as_owner(occupancy_, Access::kNone)) [[likely]] {
    const Slot slot = slots_[node];
    const bool is_number = data && is_of_number(bytes);
    const bool is_usual = is_number && is_rewritten(slot, bytes) && error_.status() == Status::kOk;
    if (is_usual) [[likely]] {
      can_go_back_ = false;
      copy_number(inputs_[slot.index].staging, data, bytes);
    }
    gate_.leave_as_owner(occupancy_, Access::kNone);
    if (is_usual) [[likely]]
      return Status::kOk;
  }
  return write_inside(node, data, bytes);
}

Status Session::write_inside(NodeIndex node, const void* data, std::size_t bytes) noexcept {
  return inside(Access::kNone, [=, this] {
    if (!data || !is_rewritten(slots_[node], bytes)) return write_anew("session_write", node, data, bytes);
    can_go_back_ = false;
    copy_some(inputs_[slots_[node].index].staging, data, bytes);
    return done();
  });
}

// A write that changes more than the values, or has to be refused.
Status Session::write_anew(const char* function, NodeIndex node, const void* data, std::size_t bytes) noexcept {
  const Status status = accept(function, node, bytes, data);
  if (status != Status::kOk) return status;
  Input& input = inputs_[slots_[node].index];
  if (input.is_bound) {
    input.is_bound = false;
    input_data_[slots_[node].index] = input.staging;
    is_resolved_ = false;
  }
  input.is_staged = true;
  can_go_back_ = false;
  copy_some(input.staging, data, bytes);
  return done();
}

Status Session::bind(NodeIndex node, const void* data, std::size_t bytes) noexcept {
  return inside(Access::kNone, [=, this] {
    const std::size_t element = size_of((*graph_)[node].dtype);
    if (reinterpret_cast<std::uintptr_t>(data) % element != 0) {
      return refuse(Status::kArgument, "session_bind", "input \"", name_of_node(node),
                    "\": the memory is not aligned to ", element, " bytes, an element's size");
    }
    const Status status = accept("session_bind", node, bytes, data);
    if (status != Status::kOk) return status;
    const std::uint32_t index = slots_[node].index;
    if (input_data_[index] != data) {
      input_data_[index] = static_cast<const std::byte*>(data);
      is_resolved_ = false;
    }
    inputs_[index].is_bound = true;
    inputs_[index].is_staged = false;
    can_go_back_ = false;
    return done();
  });
}

// ------------------------------------------------------------------------------------------------------ forward

// Checks the inputs against each other and resolves the records for their batch.
Status Session::prepare() noexcept {
  const Input* first = nullptr;
  for (const Input& input : inputs_) {
    if (!input.is_written) {
      return refuse(Status::kState, "forward", "input \"", name_of_node(input.node),
                    "\" was never written; wants nadir_session_write or nadir_session_bind");
    }
    if (input.elements.power == 0) continue;
    if (!first) first = &input;
    if (input.rows != first->rows) {
      return refuse(Status::kShape, "forward", "input \"", name_of_node(first->node), "\" has a batch of ", first->rows,
                    ", input \"", name_of_node(input.node), "\" one of ", input.rows, "; wants one batch");
    }
  }
  batch_ = first ? first->rows : max_batch_;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const PlanOutput& output = plan_.outputs[i];
    outputs_[i].bytes = static_cast<std::size_t>(output.count.at(batch_)) * size_of(output.dtype);
  }
  program_.resolve(batch_, memory_, kernels_);
  state_.fault.is_set = false;
  program_.run_constants();
  if (state_.fault.is_set) return refuse_index();
  is_resolved_ = true;
  return Status::kOk;
}

Status Session::compute_with_care() noexcept {
  if (!is_resolved_) {
    const Status status = prepare();
    if (status != Status::kOk) return status;
  }
  if (keeps_weights_ && weights_seen_ != graph_->parameters().version()) {
    program_.run_weights();
    weights_seen_ = graph_->parameters().version();
  }
  state_.step = graph_->parameters().steps();
  state_.fault.is_set = false;
  program_.run_forward();
  return state_.fault.is_set ? refuse_index() : Status::kOk;
}

Status Session::refuse_index() noexcept {
  has_results_ = false;
  has_state_ = false;
  can_go_back_ = false;
  const Fault& fault = state_.fault;
  // Nodes of the gradients are not the host's.
  const std::string_view name = knows(fault.node) ? name_of_node(fault.node) : "a gradient";
  return refuse(Status::kArgument, "forward", '"', name, fault.is_index ? "\" has the index " : "\" has ", fault.value,
                " in row ", fault.row, "; wants ", fault.low, " to ", fault.high);
}

double Session::loss() const noexcept {
  return loss_dtype_ == DType::kF32 ? static_cast<double>(*static_cast<const float*>(loss_))
                                    : *static_cast<const double*>(loss_);
}

bool Session::loss_is_finite() const noexcept { return std::isfinite(loss()); }

Status Session::refuse_loss(const char* function) noexcept {
  has_state_ = false;
  is_skipping_ = options_.skip;
  if (is_skipping_) return done();
  can_go_back_ = false;
  return refuse(Status::kNotFinite, function, "loss \"", name_of_node(plan_.outputs.front().node),
                "\" is NaN or infinite");
}

Status Session::forward() noexcept {
  return inside(Access::kRead, [this] {
    const Status status = compute();
    if (status != Status::kOk) [[unlikely]]
      return status;
    has_results_ = true;
    is_skipping_ = false;
    can_go_back_ = plan_.has_loss;
    has_state_ = state_.is_training;
    parameters_seen_ = graph_->parameters().version();
    if (checks_loss_ && !loss_is_finite()) [[unlikely]]
      return refuse_loss("forward");
    return done();
  });
}

double* Session::fill_input(NodeIndex node) noexcept {
  Input& input = inputs_[slots_[node].index];
  std::memset(input.staging, 0, input.row_bytes);
  input.bytes = input.row_bytes;
  input.is_written = true;
  return reinterpret_cast<double*>(input.staging);
}

Status Session::adopt_inputs(Session& host, const char* function) noexcept {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (!host.uses_input(input.node)) continue;
    const std::uint32_t number = host.slots_[input.node].index;
    const Input& theirs = host.inputs_[number];
    if (!theirs.is_written) {
      return host.refuse(Status::kState, function, "input \"", name_of_node(input.node), "\" was never written");
    }
    if (input_data_[i] != host.input_data_[number] || input.rows != theirs.rows) is_resolved_ = false;
    input_data_[i] = host.input_data_[number];
    input.rows = theirs.rows;
    input.bytes = theirs.bytes;
    input.is_written = true;
  }
  return Status::kOk;
}

std::span<const double> Session::output(std::size_t index) const noexcept {
  return {reinterpret_cast<const double*>(outputs_[index].values), outputs_[index].bytes / sizeof(double)};
}

bool Session::trains(const Parameter& parameter) const noexcept {
  const std::byte* const values = graph_->parameters().values(parameter);
  return parameter.count > 0 && std::any_of(updates_.begin(), updates_.end(), [&](const Update& update) {
           const auto bytes = static_cast<std::size_t>(update.count) * size_of(update.dtype);
           return update.dtype == parameter.dtype && values >= update.values && values < update.values + bytes;
         });
}

Status Session::evaluate_loss(double& loss_now) noexcept {
  can_go_back_ = false;
  has_gradients_ = false;
  const Status status = compute();
  if (status != Status::kOk) return status;
  has_results_ = true;
  has_state_ = state_.is_training;
  loss_now = loss();
  return Status::kOk;
}

Status Session::evaluate(double& loss_now) noexcept {
  const Status status = evaluate_loss(loss_now);
  if (status == Status::kOk) program_.run_backward(false);
  return status;
}

Status Session::set_training(bool training) noexcept {
  return inside(Access::kNone, [=, this] {
    state_.is_training = training;
    can_go_back_ = false;
    return done();
  });
}

// A number among the results has as short a way as one that is written.
Status Session::read(NodeIndex node, void* data, std::size_t bytes) noexcept {
  const Slot slot = slots_[node];
  if (slot.kind == Slot::Kind::kOutput && gate_.enter_as_owner(occupancy_, Access::kNone)) [[likely]] {
    const Output& output = outputs_[slot.index];
    const bool is_number = data && bytes == output.bytes && is_of_number(bytes);
    const bool is_usual = is_number && has_results_ && error_.status() == Status::kOk;
    if (is_usual) [[likely]]
      copy_number(data, output.values, bytes);
    gate_.leave_as_owner(occupancy_, Access::kNone);
    if (is_usual) [[likely]]
      return Status::kOk;
  }
  return read_anything(node, data, bytes);
}

Status Session::read_anything(NodeIndex node, void* data, std::size_t bytes) noexcept {
  const Slot::Kind kind = slots_[node].kind;
  const bool is_the_graphs = kind == Slot::Kind::kParameter || kind == Slot::Kind::kState;
  return inside(is_the_graphs ? Access::kRead : Access::kNone, [=, this] { return read_inside(node, data, bytes); });
}

Status Session::read_inside(NodeIndex node, void* data, std::size_t bytes) noexcept {
  const Slot slot = slots_[node];
  const std::byte* from = nullptr;
  std::size_t wanted = 0;
  switch (slot.kind) {
    case Slot::Kind::kNone:
      return refuse(Status::kState, "session_read", '"', name_of_node(node),
                    "\" is neither an input in use, a parameter, the loss nor an output of this session; name it among "
                    "the outputs of nadir_session_new");
    case Slot::Kind::kParameter: {
      const Parameter& parameter = graph_->parameters()[slot.index];
      from = graph_->parameters().values(parameter);
      wanted = parameter.bytes();
      break;
    }
    case Slot::Kind::kState: {
      const Parameter& state = graph_->states()[slot.index];
      from = graph_->states().values(state);
      wanted = state.bytes();
      break;
    }
    case Slot::Kind::kInput:
      if (!inputs_[slot.index].is_written) {
        return refuse(Status::kState, "session_read", "input \"", name_of_node(node), "\" was never written");
      }
      from = input_data_[slot.index];
      wanted = inputs_[slot.index].bytes;
      break;
    case Slot::Kind::kOutput:
      if (!has_results_) {
        return refuse(Status::kState, "session_read", '"', name_of_node(node), "\" has no value before nadir_forward");
      }
      from = outputs_[slot.index].values;
      wanted = outputs_[slot.index].bytes;
      break;
  }
  if (bytes != wanted || (!data && bytes > 0)) {
    return refuse(Status::kArgument, "session_read", '"', name_of_node(node), "\" ", (*graph_)[node].shape, ": ", bytes,
                  " bytes at ", data ? "data" : "NULL", " given; wants ", wanted);
  }
  copy_some(data, from, bytes);
  return done();
}

// ------------------------------------------------------------------------------------- backward and the update

Status Session::zero_grad() noexcept {
  return inside(Access::kNone, [this] {
    if (!plan_.has_loss) [[unlikely]]
      return refuse(Status::kState, "zero_grad", "the session has no loss");
    has_gradients_ = false;
    was_skipped_ = false;
    return done();
  });
}

Status Session::refuse_backward() noexcept {
  const char* reason = "the parameters have changed since the forward pass; call nadir_forward again";
  if (!can_go_back_) reason = "no successful forward pass since the last backward pass or write; call nadir_forward";
  if (!plan_.has_loss) reason = "the session has no loss";
  return refuse(Status::kState, "backward", reason);
}

Status Session::backward() noexcept {
  return inside(Access::kRead, [this] {
    const bool is_current = parameters_seen_ == graph_->parameters().version();
    if (!can_go_back_ || !is_current) [[unlikely]]
      return refuse_backward();
    can_go_back_ = false;
    if (is_skipping_) [[unlikely]] {
      was_skipped_ = true;
      return done();
    }
    program_.run_backward(has_gradients_);
    has_gradients_ = true;
    return done();
  });
}

Status Session::differentiate(const char* function, double& loss_now) noexcept {
  if (!plan_.has_loss) [[unlikely]]
    return refuse_step(function);
  has_gradients_ = false;
  was_skipped_ = false;
  is_skipping_ = false;
  can_go_back_ = false;
  const Status status = compute();
  if (status != Status::kOk) [[unlikely]]
    return status;
  has_results_ = true;
  has_state_ = state_.is_training;
  parameters_seen_ = graph_->parameters().version();
  loss_now = loss();
  if (checks_loss_ && !std::isfinite(loss_now)) [[unlikely]] {
    const Status refusal = refuse_loss("forward");
    was_skipped_ = is_skipping_;
    return refusal;
  }
  program_.run_backward(false);
  has_gradients_ = true;
  return Status::kOk;
}

Status Session::feed_first(const char* function, NodeIndex node, const void* data, std::int64_t batch,
                           Fed& fed) noexcept {
  const Slot slot = slots_[node];
  if (slot.kind != Slot::Kind::kInput) return write_anew(function, node, data, 0);  // which is refused
  const Input& input = inputs_[slot.index];
  const auto rows = static_cast<std::size_t>(input.elements.power != 0 ? batch : 1);
  const std::size_t bytes = input.row_bytes * rows;
  fed = {input.staging, static_cast<const std::byte*>(data) + bytes, bytes};
  return write_anew(function, node, data, bytes);
}

void Session::commit_state() noexcept {
  if (!has_state_) return;
  has_state_ = false;
  for (const PlanStateUpdate& update : plan_.state_updates) {
    std::memcpy(memory_.states[static_cast<std::size_t>(index_of(update.dtype))] + update.offset,
                memory_.address(update.value), update.bytes);
  }
}

bool Session::gradients_are_finite() const noexcept {
  return std::all_of(updates_.begin(), updates_.end(), [this](const Update& update) {
    return kernels_.all_finite[index_of(update.dtype)](update.gradients, update.count);
  });
}

Status Session::refuse_gradients(const char* function) noexcept {
  if (options_.skip) return done();
  const Parameters& parameters = graph_->parameters();
  const auto* culprit = std::find_if(parameters.begin(), parameters.end(), [this](const Parameter& parameter) {
    const int dtype = index_of(parameter.dtype);
    return !kernels_.all_finite[dtype](gradients_[dtype].data() + parameter.byte_offset(), parameter.count);
  });
  if (culprit == parameters.end()) {
    return refuse(Status::kNotFinite, function, "the norm of the gradients is more than the greatest number");
  }
  return refuse(Status::kNotFinite, function, "the gradient of \"", name_of_node(culprit->node),
                "\" has an element that is NaN or infinite");
}

Status Session::refuse_step(const char* function) noexcept {
  if (!plan_.has_loss) return refuse(Status::kState, function, "the session has no loss");
  if (was_skipped_) return done();  // as the backward pass was
  return refuse(Status::kState, function, "no gradients: no backward pass since nadir_zero_grad; call nadir_backward");
}

Status Session::refuse_rate(double rate) noexcept {
  if (!plan_.has_loss) return refuse_step("sgd_step");
  return refuse(Status::kArgument, "sgd_step", "learning_rate is ", rate,
                "; wants a number that is not negative, and finite in the parameters' dtype");
}

Status Session::sgd_step(double rate) noexcept {
  if (!(rate >= 0 && rate <= greatest_rate_)) [[unlikely]]
    return inside(Access::kNone, [=, this] { return refuse_rate(rate); });
  return update("sgd_step", [=, this] {
    descend(rate);
    return Status::kOk;
  });
}

// Robbins and Monro, "A Stochastic Approximation Method", 1951.
void Session::descend(double rate) noexcept {
  for (Update& update : updates_) {
    update.descent.update.rate = rate;
    if (is_shared(update.count)) [[unlikely]] {
      descend_together(update);
    } else {
      update.sgd(update.descent);
    }
  }
}

void Session::descend_together(const Update& update) noexcept {
  share(update.values, update.dtype, update.count, [&](std::int64_t first, std::int64_t count) {
    const std::size_t offset = static_cast<std::size_t>(first) * size_of(update.dtype);
    Arguments part = update.descent;
    part.update.values = update.values + offset;
    part.update.gradients = update.gradients + offset;
    part.update.count = count;
    update.sgd(part);
  });
}

Status Session::clip_norm_inside(const char* function, double most, double& norm) noexcept {
  double squares = 0;
  for (const Update& update : updates_) {
    squares += square_sum(update.dtype, update.gradients, update.count);
  }
  norm = std::sqrt(squares);
  if (!std::isfinite(norm) && options_.finite != SessionOptions::Finite::kOff) return refuse_gradients(function);
  const double factor = most / (norm + 1e-6);
  if (factor < 1) change_gradients(LaneId::scale, factor, 0);
  return Status::kOk;
}

void Session::clip_value_inside(double limit) noexcept { change_gradients(LaneId::clamp, -limit, limit); }

void Session::change_gradients(LaneId lane, double first, double second) noexcept {
  for (const Update& update : updates_) {
    Arguments arguments;
    arguments.lane = {update.gradients, {update.gradients}, update.count, 0, {first, second}};
    kernels_.lanes[static_cast<int>(lane)][index_of(update.dtype)](arguments);
  }
}

Status Session::clip_grad_norm(double most, double& norm) noexcept {
  return inside(Access::kNone, [&, this] {
    if (!plan_.has_loss) return refuse_step("clip_grad_norm");
    if (!(most >= 0)) {
      return refuse(Status::kArgument, "clip_grad_norm", "max_norm is ", most, "; wants a number of 0 or more");
    }
    norm = 0;
    const Status status = has_gradients_ ? clip_norm_inside("clip_grad_norm", most, norm) : Status::kOk;
    return status == Status::kOk ? done() : status;
  });
}

Status Session::clip_grad_value(double limit) noexcept {
  return inside(Access::kNone, [=, this] {
    if (!plan_.has_loss) return refuse_step("clip_grad_value");
    if (!(limit >= 0)) {
      return refuse(Status::kArgument, "clip_grad_value", "limit is ", limit, "; wants a number of 0 or more");
    }
    if (has_gradients_) clip_value_inside(limit);
    return done();
  });
}

// ---------------------------------------------------------------------------------------------------- gradients

namespace {

Status copy_gradients(void* data, const std::byte* gradients, std::size_t bytes, bool are_zero) noexcept {
  if (!are_zero) {
    copy_some(data, gradients, bytes);
  } else if (bytes > 0) {
    std::memset(data, 0, bytes);
  }
  return Status::kOk;
}

}  // namespace

Status Session::grad_get(const Parameter& parameter, void* data, std::size_t bytes) const noexcept {
  return inside(Access::kNone, [&, this] {
    if (!plan_.has_loss) return Status::kState;
    if (bytes != parameter.bytes() || (!data && bytes > 0)) return Status::kArgument;
    const Block& block = gradients_[index_of(parameter.dtype)];
    return copy_gradients(data, block.data() + parameter.byte_offset(), bytes, !has_gradients_);
  });
}

Status Session::grads_get(DType dtype, void* data, std::size_t bytes) const noexcept {
  return inside(Access::kNone, [=, this] {
    if (!plan_.has_loss) return Status::kState;
    const Block& block = gradients_[index_of(dtype)];
    if (bytes != block.bytes() || (!data && bytes > 0)) return Status::kArgument;
    return copy_gradients(data, block.data(), bytes, !has_gradients_);
  });
}

Status Session::grads_set(DType dtype, const void* data, std::size_t bytes) noexcept {
  return inside(Access::kNone, [=, this] {
    if (!plan_.has_loss) return refuse(Status::kState, "grads_flat_set", "the session has no loss");
    const Block& block = gradients_[index_of(dtype)];
    if (bytes != block.bytes() || (!data && bytes > 0)) {
      return refuse(Status::kArgument, "grads_flat_set", bytes, " bytes of ", name_of(dtype), " at ",
                    data ? "data" : "NULL", " given; wants ", block.bytes());
    }
    if (!has_gradients_) {
      for (const Block& other : gradients_) {
        if (other.bytes() > 0) std::memset(other.data(), 0, other.bytes());
      }
    }
    const auto* from = static_cast<const std::byte*>(data);
    for (const UpdateRange& range : plan_.updates) {
      if (range.dtype != dtype) continue;
      const std::size_t first = static_cast<std::size_t>(range.first) * size_of(dtype);
      std::memcpy(block.data() + first, from + first, static_cast<std::size_t>(range.count) * size_of(dtype));
    }
    has_gradients_ = true;
    return done();
  });
}

}  // namespace nadir
