// The comparison of gradients with differences of the loss.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "session/session.h"

namespace nadir {

namespace {

bool is_updated(const Parameter& parameter, const Plan& plan) noexcept {
  return std::any_of(plan.updates.begin(), plan.updates.end(), [&](const UpdateRange& range) {
    return range.dtype == parameter.dtype && parameter.offset >= range.first &&
           parameter.offset + parameter.count <= range.first + range.count && parameter.count > 0;
  });
}

}  // namespace

// What makes a comparison impossible.
Status Session::refuse_grad_check() noexcept {
  if (!plan_.has_loss) return refuse(Status::kState, "grad_check", "the session has no loss");
  if (loss_dtype_ != DType::kF64) {
    return refuse(Status::kDType, "grad_check", "loss \"", name_of_node(plan_.outputs.front().node),
                  "\" is f32; wants f64, whose digits suffice for differences");
  }
  for (const Parameter& parameter : graph_->parameters()) {
    if (parameter.dtype == DType::kF64 || !is_updated(parameter, plan_)) continue;
    return refuse(Status::kDType, "grad_check", "parameter \"", name_of_node(parameter.node),
                  "\" is f32; wants f64, whose digits suffice for differences");
  }
  return Status::kOk;
}

// The loss with a parameter's element moved, which is put back.
double Session::loss_at(double& value, double moved) noexcept {
  const double kept = value;
  value = moved;
  program_.run_forward();
  value = kept;
  return *static_cast<const double*>(loss_);
}

Status Session::compare_gradients(const GradCheck& settings, double& worst) noexcept {
  struct {
    const Parameter* parameter = nullptr;
    std::int64_t element = 0;
    double gradient = 0, difference = 0;
  } found;
  worst = 0;
  for (const Parameter& parameter : graph_->parameters()) {
    if (!is_updated(parameter, plan_)) continue;
    auto* values = reinterpret_cast<double*>(graph_->parameters().values(parameter));
    const auto* gradients =
        reinterpret_cast<const double*>(gradients_[index_of(DType::kF64)].data() + parameter.byte_offset());
    for (std::int64_t i = 0; i < parameter.count && !std::isnan(worst); ++i) {
      const double h = settings.step * std::max(1.0, std::fabs(values[i]));
      const double up = values[i] + h;
      const double down = values[i] - h;
      const double difference = (loss_at(values[i], up) - loss_at(values[i], down)) / (up - down);
      const double error = std::fabs(gradients[i] - difference) / std::max(1.0, std::fabs(difference));
      if (error <= worst) continue;
      worst = error;
      found = {&parameter, i, gradients[i], difference};
    }
  }
  if (worst <= settings.tolerance) return Status::kOk;
  return refuse(Status::kMismatch, "grad_check", "the gradient of \"", name_of_node(found.parameter->node),
                "\", element ", found.element, ", is ", found.gradient, ", by differences ", found.difference,
                ": an error of ", worst, " of max(1, |gradient|); wants at most ", settings.tolerance);
}

Status Session::grad_check(const GradCheck& settings, double& worst) {
  const Block& gradients = gradients_[index_of(DType::kF64)];
  const Block kept(gradients.bytes(), &graph_->host());
  return inside(Gate::Access::kWrite, [&, this] {
    Status status = refuse_grad_check();
    if (status == Status::kOk) status = compute();
    if (status != Status::kOk) return status;
    if (!std::isfinite(*static_cast<const double*>(loss_))) {
      can_go_back_ = false;
      return refuse(Status::kNotFinite, "grad_check", "loss \"", name_of_node(plan_.outputs.front().node),
                    "\" is NaN or infinite");
    }
    if (gradients.bytes() > 0) std::memcpy(kept.data(), gradients.data(), gradients.bytes());
    program_.run_backward(false);
    status = compare_gradients(settings, worst);
    if (gradients.bytes() > 0) std::memcpy(gradients.data(), kept.data(), gradients.bytes());

    program_.run_forward();
    has_results_ = true;
    is_skipping_ = false;
    can_go_back_ = true;
    parameters_seen_ = graph_->parameters().version();
    return status == Status::kOk ? done() : status;
  });
}

}  // namespace nadir
