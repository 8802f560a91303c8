// Optimisers: making them, stepping, settings, state.
#include "guard.h"
#include "optim/lbfgs.h"
#include "optim/levenberg_marquardt.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

// Makes an optimiser; `make` is given the session and the options.
template <class Make>
nadir_optimizer* build_optimizer(nadir_session* handle, const char* function, const char* options,
                                 Make make_one) noexcept {
  if (!handle) return nullptr;
  Session& session = *unwrap(handle);
  LastError error;
  Optimizer* optimizer = nullptr;
  attempt(error, function, nullptr, [&] {
    Options parsed(options);
    optimizer = make_one(session, parsed);
  });
  session.reject(error);
  return wrap(optimizer);
}

nadir_optimizer* build_first_order(nadir_session* handle, const Rule& rule, double rate, const char* options) noexcept {
  return build_optimizer(handle, rule.function, options, [&](Session& session, Options& parsed) -> Optimizer* {
    return make<FirstOrder>(session.graph().host(), session, rule, rate, parsed);
  });
}

// Calls a function of the optimiser that may throw.
template <class F>
nadir_status on_optimizer(nadir_optimizer* handle, const char* function, F f) noexcept {
  if (!handle) return NADIR_E_ARGUMENT;
  Optimizer& optimizer = *unwrap(handle);
  LastError error;
  Status status = Status::kOk;
  const bool is_done = attempt(error, function, nullptr, [&] { status = f(optimizer); });
  return wrap(is_done ? status : optimizer.session().reject(error));
}

void check_given(const void* pointer, const char* role) {
  if (!pointer) fail(Status::kArgument, role, " is NULL");
}

}  // namespace

nadir_optimizer* nadir_sgd_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kSgd, learning_rate, options);
}
nadir_optimizer* nadir_adagrad_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kAdagrad, learning_rate, options);
}
nadir_optimizer* nadir_rmsprop_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kRmsprop, learning_rate, options);
}
nadir_optimizer* nadir_adam_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kAdam, learning_rate, options);
}
nadir_optimizer* nadir_adamw_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kAdamW, learning_rate, options);
}
nadir_optimizer* nadir_adamax_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kAdamax, learning_rate, options);
}
nadir_optimizer* nadir_nadam_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kNAdam, learning_rate, options);
}
nadir_optimizer* nadir_radam_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kRAdam, learning_rate, options);
}
nadir_optimizer* nadir_lion_new(nadir_session* session, double learning_rate, const char* options) {
  return build_first_order(session, kLion, learning_rate, options);
}

nadir_optimizer* nadir_lbfgs_new(nadir_session* handle, double learning_rate, const char* options) {
  return build_optimizer(handle, "lbfgs_new", options, [&](Session& session, Options& parsed) -> Optimizer* {
    return make<Lbfgs>(session.graph().host(), session, learning_rate, parsed);
  });
}

nadir_optimizer* nadir_lm_new(nadir_session* handle, nadir_node residuals, const char* options) {
  return build_optimizer(handle, "lm_new", options, [&](Session& session, Options& parsed) -> Optimizer* {
    const Expr node = to_expr(session.graph(), residuals, "residuals");
    return make<LevenbergMarquardt>(session.graph().host(), session, node, parsed);
  });
}

void nadir_optimizer_free(nadir_optimizer* optimizer) {
  if (optimizer) destroy(unwrap(optimizer));
}

nadir_status nadir_train_steps(nadir_optimizer* handle, const nadir_node* inputs, const void* const* data,
                               int32_t input_count, int64_t batch, int64_t steps, double* losses, int64_t* made) {
  int64_t ignored = 0;
  int64_t& count = made ? *made : ignored;
  count = 0;
  return on_optimizer(handle, "train_steps", [&](Optimizer& optimizer) {
    constexpr auto kMostInputs = static_cast<int32_t>(Feed::kMostInputs);
    if (input_count < 0 || input_count > kMostInputs) {
      fail(Status::kArgument, "input_count is ", input_count, "; wants 0 to ", kMostInputs);
    }
    if (batch < 0) fail(Status::kArgument, "batch is ", batch, "; wants 0 or more");
    if (steps < 0) fail(Status::kArgument, "steps is ", steps, "; wants 0 or more");
    if (input_count > 0) {
      check_given(inputs, "inputs");
      check_given(static_cast<const void*>(data), "data");
    }
    const Session& session = optimizer.session();
    NodeIndex nodes[kMostInputs];
    for (int32_t i = 0; i < input_count; ++i) {
      nodes[i] = find_node(session.graph(), inputs[i]);
      if (nodes[i] == kNoNode || !session.knows(nodes[i])) {
        fail(Status::kArgument, "input ", i, " is no node that the session knows");
      }
      check_given(data[i], "an input's data");
    }
    const auto used = static_cast<size_t>(input_count);
    return optimizer.train_steps({{nodes, used}, {data, used}, batch}, steps, losses, count);
  });
}

nadir_status nadir_optimizer_step(nadir_optimizer* optimizer) {
  return optimizer ? wrap(unwrap(optimizer)->step("optimizer_step")) : NADIR_E_ARGUMENT;
}

nadir_status nadir_train_step(nadir_optimizer* optimizer, double* loss) {
  if (!optimizer) return NADIR_E_ARGUMENT;
  double ignored = 0;
  return wrap(unwrap(optimizer)->train_step(loss ? *loss : ignored));
}

nadir_status nadir_optimizer_group(nadir_optimizer* handle, const char* pattern, const char* options) {
  return on_optimizer(handle, "optimizer_group", [&](Optimizer& optimizer) {
    check_given(pattern, "pattern");
    Options parsed(options);
    return optimizer.group(pattern, parsed);
  });
}

nadir_status nadir_optimizer_set(nadir_optimizer* handle, const char* setting, double value) {
  return on_optimizer(handle, "optimizer_set", [&](Optimizer& optimizer) {
    check_given(setting, "setting");
    return optimizer.set(setting, value);
  });
}

nadir_status nadir_optimizer_get(const nadir_optimizer* optimizer, const char* setting, double* value) {
  if (!optimizer || !setting || !value) return NADIR_E_ARGUMENT;
  return unwrap(optimizer)->get(setting, *value) ? NADIR_OK : NADIR_E_ARGUMENT;
}

nadir_status nadir_optimizer_schedule(nadir_optimizer* handle, const char* schedule, const char* options) {
  return on_optimizer(handle, "optimizer_schedule", [&](Optimizer& optimizer) {
    Options parsed(options);
    return optimizer.schedule(schedule, parsed);
  });
}

nadir_status nadir_optimizer_report(nadir_optimizer* handle, double measure) {
  return on_optimizer(handle, "optimizer_report", [&](Optimizer& optimizer) { return optimizer.report(measure); });
}

nadir_status nadir_optimizer_swap_ema(nadir_optimizer* handle) {
  return on_optimizer(handle, "optimizer_swap_ema", [](Optimizer& optimizer) { return optimizer.swap_average(); });
}

nadir_status nadir_optimizer_set_hook(nadir_optimizer* handle, const nadir_gradient_hook* hook) {
  return on_optimizer(handle, "optimizer_set_hook", [&](Optimizer& optimizer) {
    if (!hook) return optimizer.set_hook({});
    if (hook->struct_size != sizeof *hook) {
      fail(Status::kArgument, "struct_size is ", hook->struct_size, "; wants ", sizeof *hook);
    }
    check_given(reinterpret_cast<const void*>(hook->run), "run");
    return optimizer.set_hook({hook->user, hook->run, hook->destroy});
  });
}

nadir_status nadir_optimizer_attach(nadir_optimizer* handle, nadir_session* session) {
  return on_optimizer(handle, "optimizer_attach", [&](Optimizer& optimizer) {
    check_given(session, "session");
    return optimizer.attach(*unwrap(session));
  });
}

int32_t nadir_optimizer_state_count(const nadir_optimizer* optimizer) {
  return optimizer ? static_cast<int32_t>(unwrap(optimizer)->state().size()) : 0;
}

const char* nadir_optimizer_state_name(const nadir_optimizer* optimizer, int32_t index) {
  if (index < 0 || index >= nadir_optimizer_state_count(optimizer)) return nullptr;
  return unwrap(optimizer)->state()[static_cast<size_t>(index)].name.c_str();
}

nadir_status nadir_optimizer_state_info(const nadir_optimizer* optimizer, const char* name, nadir_dtype* dtype,
                                        size_t* count) {
  if (!optimizer || !name || !dtype || !count) return NADIR_E_ARGUMENT;
  const StateVector* vector = unwrap(optimizer)->find_state(name);
  if (!vector) return NADIR_E_ARGUMENT;
  *dtype = static_cast<nadir_dtype>(vector->dtype);
  *count = static_cast<size_t>(vector->count);
  return NADIR_OK;
}

nadir_status nadir_optimizer_state_get(const nadir_optimizer* optimizer, const char* name, void* data, size_t bytes) {
  if (!optimizer || !name) return NADIR_E_ARGUMENT;
  const StateVector* vector = unwrap(optimizer)->find_state(name);
  if (!vector || bytes != vector->bytes() || !data) return NADIR_E_ARGUMENT;
  return wrap(unwrap(optimizer)->state_get(*vector, data));
}

nadir_status nadir_optimizer_state_set(nadir_optimizer* handle, const char* name, const void* data, size_t bytes) {
  return on_optimizer(handle, "optimizer_state_set", [&](Optimizer& optimizer) {
    check_given(name, "name");
    const StateVector* vector = optimizer.find_state(name);
    if (!vector) fail(Status::kArgument, "there is no state \"", name, '"');
    if (bytes != vector->bytes() || !data) {
      fail(Status::kArgument, '"', name, "\": ", bytes, " bytes at ", data ? "data" : "NULL", " given; wants ",
           vector->bytes());
    }
    return optimizer.state_set(*vector, data);
  });
}

nadir_status nadir_clip_grad_norm(nadir_session* session, double max_norm, double* norm) {
  if (!session) return NADIR_E_ARGUMENT;
  double ignored = 0;
  return wrap(unwrap(session)->clip_grad_norm(max_norm, norm ? *norm : ignored));
}

nadir_status nadir_clip_grad_value(nadir_session* session, double limit) {
  return session ? wrap(unwrap(session)->clip_grad_value(limit)) : NADIR_E_ARGUMENT;
}
