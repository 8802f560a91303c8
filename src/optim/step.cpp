// The steps of optimisers: what a host runs again and again. The rest of optimizer.h is in optimizer.cpp, which is compiled to be
// small.
#include <cmath>

#include "optim/optimizer.h"

namespace nadir {

using Access = Gate::Access;

Status Optimizer::train_step(double& loss) {
  Status status = refuse_in_hook("train_step");
  if (status == Status::kOk) status = session_->zero_grad();
  if (status == Status::kOk) {
    status = session_->forward();
    if (status == Status::kOk || status == Status::kNotFinite) loss = session_->loss();
  }
  if (status == Status::kOk) status = session_->backward();
  return status == Status::kOk ? step("train_step") : status;
}

Status Optimizer::train_steps(const Feed& feed, std::int64_t steps, double* losses, std::int64_t& made) {
  constexpr const char* kFunction = "train_steps";
  made = 0;
  Session::Fed fed[Feed::kMostInputs];
  const std::span<Session::Fed> all(fed, feed.inputs.size());
  const auto give = [&](std::int64_t step) {
    if (step > 0) [[likely]] {
      for (Session::Fed& input : all) Session::feed_next(input);
      return Status::kOk;
    }
    Status status = Status::kOk;
    for (std::size_t i = 0; i < all.size() && status == Status::kOk; ++i) {
      status = session_->feed_first(kFunction, feed.inputs[i], feed.data[i], feed.batch, all[i]);
    }
    return status;
  };
  const auto note = [&](std::int64_t step, double loss) {
    if (losses) losses[step] = loss;
  };
  if (steps_alone() && !has_hook()) {
    return session_->train(kFunction, steps, made, give, note, [&] { return apply(kFunction); });
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    Status status = refuse_in_hook(kFunction);
    if (status == Status::kOk) status = session_->inside(Access::kNone, [&] { return give(step); });
    if (status != Status::kOk) return status;
    double loss = 0;
    status = train_step(loss);
    if (status == Status::kOk || status == Status::kNotFinite) note(step, loss);
    if (status != Status::kOk) return status;
    ++made;
  }
  return Status::kOk;
}

Status Optimizer::refuse_in_hook(const char* function) noexcept {
  if (!is_in_hook_) return Status::kOk;
  return session_->reject(Status::kState, function, "called by the gradient hook, within a step");
}

Status Optimizer::run_hook(const char* function) noexcept {
  const Status status = refuse_in_hook(function);
  if (status != Status::kOk || !hook_.run || !session_->has_gradients()) return status;
  is_in_hook_ = true;
  const std::int32_t answer = hook_.run(hook_.user, reinterpret_cast<nadir_session*>(session_.get()));
  is_in_hook_ = false;
  if (answer == 0) return Status::kOk;
  Message message;
  message << "the gradient hook answered " << answer;
  return session_->reject(Status::kCallback, function, message.view());
}

Settings FirstOrder::settings_of(std::size_t group) const noexcept {
  Settings settings = groups_.front().settings;
  const Settings& own = groups_[group].settings;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    if (!std::isnan(own[i])) settings[i] = own[i];
  }
  return settings;
}

Status FirstOrder::step(const char* function) {
  const Status status = run_hook(function);
  if (status != Status::kOk) return status;
  return session_->update(function, [this, function] { return apply(function); });
}

Status FirstOrder::train_step(double& loss) {
  if (has_hook()) return Optimizer::train_step(loss);
  std::int64_t made = 0;
  return session_->train(
      "train_step", 1, made, [](std::int64_t) { return Status::kOk; }, [&](std::int64_t, double now) { loss = now; },
      [this] { return apply("train_step"); });
}

void FirstOrder::settle() noexcept {
  const bool is_clipped = std::isfinite(common_.clip_value) || std::isfinite(common_.clip_norm);
  is_plain_descent_ = rule_.is_plain_descent && rule_.is_plain_descent(groups_.front().settings) &&
                      groups_.size() == 1 && schedule_.is_flat() && !is_clipped && !common_.maximize &&
                      !vectors_[kAverage] && !is_swapped_;
}

Status FirstOrder::apply(const char* function) noexcept {
  if (!is_plain_descent_) [[unlikely]]
    return apply_rule(function);
  session_->descend(groups_.front().settings[0]);
  steps_ += 1;
  return Status::kOk;
}

Status FirstOrder::apply_rule(const char* function) noexcept {
  if (is_swapped_) {
    return session_->refuse(Status::kState, function,
                            "the parameters are exchanged for their average; call nadir_optimizer_swap_ema");
  }
  if (std::isfinite(common_.clip_value)) session_->clip_value_inside(common_.clip_value);
  if (std::isfinite(common_.clip_norm)) {
    const Status status = session_->clip_norm_inside(function, common_.clip_norm, grad_norm_);
    if (status != Status::kOk || !session_->has_gradients()) return status;
  }

  const KernelTable& kernels = session_->kernel_table();
  Parameters& parameters = session_->graph().parameters();
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    RuleStep step{settings_of(group), 0, steps_ + 1, &groups_[group].mu_product};
    const Schedule::Rate rate = schedule_.at(steps_, step.settings[0], groups_.front().settings[0]);
    step.rate = rate.rate;
    if (!std::isnan(rate.momentum)) step.settings[static_cast<std::size_t>(rule_.momentum)] = rate.momentum;

    RuleArguments rule{};
    rule.sign = common_.maximize ? -1 : 1;
    rule.keep = 1;
    rule.average_keep = common_.ema_decay;
    rule_.fill(step, rule);
    for (const Stretch& stretch : stretches_) {
      if (stretch.group != group) continue;
      const std::byte* const values = parameters.block(stretch.dtype) + stretch.offset;
      session_->share(values, stretch.dtype, stretch.count, [&](std::int64_t first, std::int64_t count) {
        const std::size_t skipped = static_cast<std::size_t>(first) * size_of(stretch.dtype);
        const auto at = [&](Vector which) {
          return vectors_[which] ? vectors_[which] + stretch.slot_offset + skipped : nullptr;
        };
        RuleArguments part = rule;
        part.values = parameters.block(stretch.dtype) + stretch.offset + skipped;
        part.gradients = session_->gradients(stretch.dtype) + stretch.offset + skipped;
        part.first = at(kFirst);
        part.second = at(kSecond);
        part.greatest = at(kGreatest);
        part.velocity = at(kVelocity);
        part.average = at(kAverage);
        part.count = count;
        Arguments arguments;
        arguments.rule = &part;
        kernels.rule[index_of(stretch.dtype)](arguments);
      });
    }
  }
  steps_ += 1;
  return Status::kOk;
}

}  // namespace nadir
