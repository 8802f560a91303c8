// Sessions: making, feeding, running, reading.
#include "session/session.h"

#include <cstring>

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

nadir_session* nadir_session_new(nadir_graph* handle, nadir_node loss, const nadir_node* outputs, int32_t output_count,
                                 int64_t max_batch, const char* options) {
  if (!handle) return nullptr;
  Graph& graph = *unwrap(handle);
  Session* session = nullptr;
  call(graph, "session_new", [&] {
    Options parsed(options);
    const SessionOptions session_options = SessionOptions::parse(parsed);
    if (output_count < 0) fail(Status::kArgument, "output_count is ", output_count, "; wants 0 or more");
    if (!outputs && output_count > 0) fail(Status::kArgument, "outputs is NULL, output_count ", output_count);
    // A node that was never built is explained by the graph's first error.
    const auto node_of = [&](nadir_node node, const char* role) {
      if (node == NADIR_NONE && graph.build_error().status() != Status::kOk) return kNoNode;
      return to_expr(graph, node, role).index();
    };
    std::pmr::vector<NodeIndex> wanted_outputs(&graph.host());
    for (int32_t i = 0; i < output_count; ++i) wanted_outputs.push_back(node_of(outputs[i], "an output"));
    Wanted wanted;
    wanted.loss = loss == NADIR_NONE ? kNoNode : node_of(loss, "loss");
    wanted.outputs = wanted_outputs;
    wanted.max_batch = max_batch;
    session = Session::create(graph, wanted, session_options);
  });
  return wrap(session);
}

void nadir_session_free(nadir_session* session) {
  if (session && unwrap(session)->release()) destroy(unwrap(session));
}

nadir_status nadir_session_status(const nadir_session* session) {
  return session ? wrap(unwrap(session)->error().status()) : NADIR_E_ARGUMENT;
}

const char* nadir_session_error(const nadir_session* session) {
  return session ? unwrap(session)->error().message() : "the session is NULL";
}

nadir_status nadir_session_memory(const nadir_session* handle, const char* part, size_t* bytes) {
  if (!handle || !part || !bytes) return NADIR_E_ARGUMENT;
  const Session& session = *unwrap(handle);
  const struct {
    const char* name;
    size_t bytes;
  } parts[] = {
      {"arena", session.arena_bytes()}, {"gradients", session.gradient_bytes()},
      {"plan", session.plan_bytes()},   {"optimizers", session.optimizer_bytes()},
      {"total", session.total_bytes()}, {"parameters", session.parameter_bytes()},
  };
  for (const auto& known : parts) {
    if (std::strcmp(known.name, part) == 0) {
      *bytes = known.bytes;
      return NADIR_OK;
    }
  }
  return NADIR_E_ARGUMENT;
}

namespace {

Status reject_node(Session& session, const char* function, nadir_node node) noexcept {
  const NodeIndex index = find_node(session.graph(), node);
  if (index == kNoNode) return session.reject(Status::kArgument, function, "the node is none of this session's graph");
  Message message;
  message << "\"" << session.graph()[index].name() << "\" was added after the session was made";
  return session.reject(Status::kState, function, message.view());
}

// Calls a function of the session on a node that it knows.
template <class F>
nadir_status on_node(nadir_session* handle, const char* function, nadir_node node, F f) noexcept {
  if (!handle) return NADIR_E_ARGUMENT;
  Session& session = *unwrap(handle);
  const NodeIndex index = node ^ wrap(session.graph(), 0);  // not small if the tags differ
  if (!session.knows(index)) [[unlikely]]
    return wrap(reject_node(session, function, node));
  return wrap(f(session, index));
}

}  // namespace

nadir_status nadir_session_write(nadir_session* handle, nadir_node input, const void* data, size_t bytes) {
  return on_node(handle, "session_write", input,
                 [&](Session& session, NodeIndex index) { return session.write(index, data, bytes); });
}

nadir_status nadir_session_bind(nadir_session* handle, nadir_node input, const void* data, size_t bytes) {
  return on_node(handle, "session_bind", input,
                 [&](Session& session, NodeIndex index) { return session.bind(index, data, bytes); });
}

nadir_status nadir_session_read(nadir_session* handle, nadir_node node, void* data, size_t bytes) {
  return on_node(handle, "session_read", node,
                 [&](Session& session, NodeIndex index) { return session.read(index, data, bytes); });
}

nadir_status nadir_session_set_training(nadir_session* session, int32_t training) {
  return session ? wrap(unwrap(session)->set_training(training != 0)) : NADIR_E_ARGUMENT;
}

nadir_status nadir_forward(nadir_session* session) {
  return session ? wrap(unwrap(session)->forward()) : NADIR_E_ARGUMENT;
}

nadir_status nadir_zero_grad(nadir_session* session) {
  return session ? wrap(unwrap(session)->zero_grad()) : NADIR_E_ARGUMENT;
}

nadir_status nadir_backward(nadir_session* session) {
  return session ? wrap(unwrap(session)->backward()) : NADIR_E_ARGUMENT;
}

nadir_status nadir_sgd_step(nadir_session* session, double learning_rate) {
  return session ? wrap(unwrap(session)->sgd_step(learning_rate)) : NADIR_E_ARGUMENT;
}

nadir_status nadir_grad_check(nadir_session* handle, const char* options, double* worst) {
  if (!handle) return NADIR_E_ARGUMENT;
  Session& session = *unwrap(handle);
  LastError error;
  Status status = Status::kOk;
  const bool is_done = attempt(error, "grad_check", nullptr, [&] {
    Options parsed(options);
    const Session::GradCheck settings{parsed.number("step", 6e-6), parsed.number("tolerance", 1e-6)};
    parsed.finish();
    if (!(settings.step > 0 && settings.step <= 1)) {
      fail(Status::kArgument, "step is ", settings.step, "; wants over 0 and up to 1");
    }
    if (!(settings.tolerance >= 0)) {
      fail(Status::kArgument, "tolerance is ", settings.tolerance, "; wants 0 or more");
    }
    double largest = 0;
    status = session.grad_check(settings, largest);
    if (worst && (status == Status::kOk || status == Status::kMismatch)) *worst = largest;
  });
  return wrap(is_done ? status : session.reject(error));
}

nadir_status nadir_grad_get(const nadir_session* handle, nadir_node param, void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  const Session& session = *unwrap(handle);
  const Parameter* parameter = find_parameter(session.graph(), param);
  return parameter ? wrap(session.grad_get(*parameter, data, bytes)) : NADIR_E_ARGUMENT;
}

nadir_status nadir_grads_flat_get(const nadir_session* handle, nadir_dtype dtype, void* data, size_t bytes) {
  if (!handle || !is_float_dtype(dtype)) return NADIR_E_ARGUMENT;
  return wrap(unwrap(handle)->grads_get(static_cast<DType>(dtype), data, bytes));
}

nadir_status nadir_grads_flat_set(nadir_session* handle, nadir_dtype dtype, const void* data, size_t bytes) {
  if (!handle) return NADIR_E_ARGUMENT;
  Session& session = *unwrap(handle);
  if (!is_float_dtype(dtype)) {
    return wrap(session.reject(Status::kArgument, "grads_flat_set",
                               "the dtype is none of parameters; wants NADIR_F32 or NADIR_F64"));
  }
  return wrap(session.grads_set(static_cast<DType>(dtype), data, bytes));
}
