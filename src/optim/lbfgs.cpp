#include "optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace nadir {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// What can be changed.
constexpr Setting kSettings[] = {{"lr", 0, 0, kInfinity},
                                 {"max_eval", 25, 1, 1e9},
                                 {"tolerance_grad", 1e-7, 0, kInfinity},
                                 {"tolerance_change", 1e-9, 0, kInfinity}};

// The least point of the cubic with these values and slopes at x1 and x2, within [low, high]; their middle if there is none.
double least_of_cubic(double x1, double f1, double g1, double x2, double f2, double g2, double low,
                      double high) noexcept {
  const double d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2);
  const double square = d1 * d1 - g1 * g2;
  const double d2 = std::sqrt(square);
  const double position = x1 <= x2 ? x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
                                   : x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2));
  if (!(square >= 0) || std::isnan(position)) return (low + high) / 2;
  return std::min(std::max(position, low), high);
}

}  // namespace

Lbfgs::Lbfgs(Session& session, double rate, Options& options) : Optimizer(session, "lbfgs_new"), rate_(rate) {
  check_rate("learning rate", rate, session.greatest_rate());
  max_iter_ = static_cast<double>(options.integer("max_iter", 20, 1));
  max_eval_ = static_cast<double>(options.integer("max_eval", static_cast<std::int64_t>(max_iter_ * 1.25), 1));
  tolerance_grad_ = read_setting(options, kSettings[2], kSettings[2].otherwise);
  tolerance_change_ = read_setting(options, kSettings[3], kSettings[3].otherwise);
  history_ = static_cast<double>(options.integer("history_size", 100, 1));
  searches_ = options.choice("line_search", {"strong_wolfe", "none"}, 0) == 0;
  options.finish();

  for (const Update& update : session.updates()) size_ += static_cast<std::size_t>(update.count);
  const double doubles = static_cast<double>(kVectors) * static_cast<double>(size_) +
                         (history_ + max_iter_) * (2 * static_cast<double>(size_) + 2);
  if (doubles > 1e15)
    fail(Status::kNoMemory, "history_size ", history_, " and max_iter ", max_iter_, " take too much memory");
  ring_ = static_cast<std::size_t>(history_ + max_iter_);
  const std::size_t bytes = (kVectors * size_ + ring_ * (2 * size_ + 2)) * sizeof(double);
  charge(bytes);
  block_.emplace(bytes, resource());

  const auto length = static_cast<std::int64_t>(size_);
  add_numbers(state_, "step", {}, &steps_, 1);
  add_numbers(state_, "schedule", {}, &schedule_.progress().best, 4);
  add_numbers(state_, "progress", {}, &progress_.iterations, sizeof progress_ / sizeof(double));
  add_numbers(state_, "direction", {}, vector(kDirection), length);
  add_numbers(state_, "previous_gradient", {}, vector(kPreviousGradient), length);
  add_numbers(state_, "history", {}, vector(kVectors), static_cast<std::int64_t>(ring_ * (2 * size_ + 1)));
}

Status Lbfgs::set(std::string_view name, double value) {
  double* const targets[] = {&rate_, &max_eval_, &tolerance_grad_, &tolerance_change_};
  for (std::size_t i = 0; i < std::size(kSettings); ++i) {
    if (name != kSettings[i].name) continue;
    if (i == 0) {
      check_rate("lr", value, session_->greatest_rate());
    } else {
      check_setting(kSettings[i], value);
    }
    return change([&] { *targets[i] = value; });
  }
  if (name == "max_iter" || name == "history_size" || name == "line_search") {
    fail(Status::kArgument, name, " is fixed when the optimiser is made");
  }
  refuse_setting(name, kSettings);
}

bool Lbfgs::get(std::string_view name, double& value) const noexcept {
  const std::pair<std::string_view, double> settings[] = {{"lr", rate_},
                                                          {"current_lr", schedule_.at(steps_, rate_, rate_).rate},
                                                          {"max_iter", max_iter_},
                                                          {"max_eval", max_eval_},
                                                          {"step", steps_},
                                                          {"history_size", history_},
                                                          {"tolerance_grad", tolerance_grad_},
                                                          {"tolerance_change", tolerance_change_}};
  const auto* const found =
      std::find_if(std::begin(settings), std::end(settings), [name](const auto& pair) { return pair.first == name; });
  if (found == std::end(settings)) return false;
  value = found->second;
  return true;
}

// -------------------------------------------------------------------------------------------------------------- vectors

// A ring of [change of the gradient, change of the point], and after it their products.
std::size_t Lbfgs::place(double index) const noexcept {
  return (static_cast<std::size_t>(progress_.first) + static_cast<std::size_t>(index)) % ring_;
}

double* Lbfgs::change_of_gradient(double index) noexcept { return vector(kVectors) + place(index) * 2 * size_; }

double& Lbfgs::curvature(double index) noexcept { return vector(kVectors)[ring_ * 2 * size_ + place(index)]; }

double& Lbfgs::factor_of(double index) noexcept { return (&curvature(index))[ring_]; }

double Lbfgs::dot(const double* a, const double* b) const noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) sum += a[i] * b[i];
  return sum;
}

double Lbfgs::greatest(const double* a) const noexcept {
  double most = 0;
  for (std::size_t i = 0; i < size_; ++i) most = std::max(most, std::abs(a[i]));
  return most;
}

void Lbfgs::gather_values(double* to) const noexcept {
  for (const Update& update : session_->updates()) {
    visit_float(update.dtype, [&](auto zero) {
      to = std::copy_n(reinterpret_cast<const decltype(zero)*>(update.values), update.count, to);
    });
  }
}

// The parameters become from + length * direction.
void Lbfgs::scatter_values(const double* from, double length) noexcept {
  const double* direction = vector(kDirection);
  for (const Update& update : session_->updates()) {
    visit_float(update.dtype, [&](auto zero) {
      using T = decltype(zero);
      T* const values = reinterpret_cast<T*>(update.values);
      for (std::int64_t i = 0; i < update.count; ++i) {
        values[i] = static_cast<T>(length == 0 ? *from : *from + length * *direction);
        ++from;
        ++direction;
      }
    });
  }
}

Status Lbfgs::evaluate(double& loss, double* gradient) noexcept {
  evaluations_ += 1;
  const Status status = session_->evaluate(loss);
  if (status != Status::kOk) return status;
  for (const Update& update : session_->updates()) {
    visit_float(update.dtype, [&](auto zero) {
      gradient = std::copy_n(reinterpret_cast<const decltype(zero)*>(update.gradients), update.count, gradient);
    });
  }
  return Status::kOk;
}

// --------------------------------------------------------------------------------------------------------------- a step

Status Lbfgs::step(const char* function) {
  double ignored = 0;
  return session_->inside(Gate::Access::kWrite, [&] { return run(function, ignored); });
}

Status Lbfgs::train_step(double& loss) {
  return session_->inside(Gate::Access::kWrite, [&] { return run("train_step", loss); });
}

Status Lbfgs::run(const char* function, double& loss) noexcept {
  evaluations_ = 0;
  gather_values(vector(kStart));
  double first = 0;
  Status status = evaluate(first, vector(kGradient));
  if (status != Status::kOk) return status;
  loss = first;
  if (!std::isfinite(first)) return session_->refuse_loss(function);
  if (!std::isfinite(greatest(vector(kGradient)))) return session_->refuse_gradients(function);

  const Progress before = progress_;
  std::memcpy(vector(kStartDirection), vector(kDirection), size_ * sizeof(double));
  std::memcpy(vector(kStartGradient), vector(kPreviousGradient), size_ * sizeof(double));
  if (greatest(vector(kGradient)) > tolerance_grad_) status = iterate(first);
  if (status != Status::kOk) {
    progress_ = before;
    std::memcpy(vector(kDirection), vector(kStartDirection), size_ * sizeof(double));
    std::memcpy(vector(kPreviousGradient), vector(kStartGradient), size_ * sizeof(double));
    scatter_values(vector(kStart), 0);
    return status == Status::kNotFinite ? session_->refuse_loss(function) : status;
  }
  steps_ += 1;
  session_->commit();
  return session_->done();
}

Status Lbfgs::iterate(double loss) noexcept {
  double* const gradient = vector(kGradient);
  const double rate = schedule_.at(steps_, rate_, rate_).rate;
  for (double iteration = 1; iteration <= max_iter_; ++iteration) {
    progress_.iterations += 1;
    if (progress_.iterations > 1) remember();
    find_direction();
    std::memcpy(vector(kPreviousGradient), gradient, size_ * sizeof(double));
    const double previous_loss = loss;
    progress_.length = rate;
    if (progress_.iterations == 1) {
      double sum = 0;
      for (std::size_t i = 0; i < size_; ++i) sum += std::abs(gradient[i]);
      progress_.length = std::min(1.0, 1 / sum) * rate;
    }
    const double slope = dot(gradient, vector(kDirection));
    if (slope > -tolerance_change_) break;

    gather_values(vector(kPoint));
    Trial next{progress_.length, loss, slope, gradient};
    if (searches_) {
      const Status status = search(next, slope);
      if (status != Status::kOk) return status;
      if (next.gradient != gradient) std::memcpy(gradient, next.gradient, size_ * sizeof(double));
      progress_.length = next.length;
      loss = next.loss;
      scatter_values(vector(kPoint), next.length);
    } else if (iteration == max_iter_) {
      scatter_values(vector(kPoint), next.length);
    } else {
      const Status status = try_length(next);
      if (status != Status::kOk) return status;
      if (!std::isfinite(next.loss + next.slope)) return Status::kNotFinite;
      loss = next.loss;
    }
    const bool is_flat = greatest(gradient) <= tolerance_grad_;
    const bool is_still = greatest(vector(kDirection)) * std::abs(progress_.length) <= tolerance_change_;
    if (evaluations_ >= max_eval_ || is_flat || is_still || std::abs(loss - previous_loss) < tolerance_change_) break;
  }
  return Status::kOk;
}

// Takes in how the gradient has changed along the last step.
void Lbfgs::remember() noexcept {
  const double* gradient = vector(kGradient);
  const double* previous = vector(kPreviousGradient);
  const double* direction = vector(kDirection);
  double* const y = change_of_gradient(progress_.kept);
  double* const s = y + size_;
  for (std::size_t i = 0; i < size_; ++i) {
    y[i] = gradient[i] - previous[i];
    s[i] = direction[i] * progress_.length;
  }
  const double ys = dot(y, s);
  if (!(ys > 1e-10)) return;
  curvature(progress_.kept) = 1 / ys;
  progress_.scale = ys / dot(y, y);
  if (progress_.kept < history_) {
    progress_.kept += 1;
  } else {
    progress_.first = static_cast<double>(place(1));
  }
}

// -(the approximate inverse Hessian) · gradient, by two loops over the differences.
void Lbfgs::find_direction() noexcept {
  double* const d = vector(kDirection);
  const double* gradient = vector(kGradient);
  for (std::size_t i = 0; i < size_; ++i) d[i] = -gradient[i];
  if (progress_.iterations == 1) return;
  const auto add = [&](double factor, const double* v) {
    for (std::size_t i = 0; i < size_; ++i) d[i] += factor * v[i];
  };
  for (double k = progress_.kept; k-- > 0;) {
    const double factor = dot(change_of_point(k), d) * curvature(k);
    add(-factor, change_of_gradient(k));
    factor_of(k) = factor;
  }
  for (std::size_t i = 0; i < size_; ++i) d[i] *= progress_.scale;
  for (double k = 0; k < progress_.kept; ++k) {
    const double back = dot(change_of_gradient(k), d) * curvature(k);
    add(factor_of(k) - back, change_of_point(k));
  }
}

// The loss and gradient at a length along the direction.
Status Lbfgs::try_length(Trial& trial) noexcept {
  scatter_values(vector(kPoint), trial.length);
  const Status status = evaluate(trial.loss, trial.gradient);
  if (status != Status::kOk) return status;
  trial.slope = dot(trial.gradient, vector(kDirection));
  return Status::kOk;
}

// Finds a length that meets the strong Wolfe conditions, if it can.
Status Lbfgs::search(Trial& best, double slope) noexcept {
  constexpr double kDecrease = 1e-4;
  constexpr double kCurvature = 0.9;
  constexpr double kChange = 1e-9;
  constexpr int kMost = 25;
  const double loss = best.loss;
  const double reach = greatest(vector(kDirection));
  // Four vectors change hands between the trials.
  Trial start{0, loss, slope, vector(kGradient)};
  Trial trial{best.length, 0, 0, vector(kTrial)};
  Trial low = start;
  Trial high{};
  double* spare[] = {vector(kLow), vector(kHigh)};
  int spares = 2;
  const auto give_back = [&](const Trial& old) {
    if (old.gradient != start.gradient) spare[spares++] = old.gradient;
  };
  const auto attempt = [&](double length) {
    trial.length = length;
    const Status status = try_length(trial);
    // What is not a number is too far.
    if (!std::isfinite(trial.loss + trial.slope)) trial.loss = kInfinity;
    return status;
  };

  Status status = attempt(best.length);
  if (status != Status::kOk) return status;
  bool is_found = false;
  bool is_bracketed = false;
  int tries = 0;
  for (; tries < kMost; ++tries) {
    const bool rises = trial.loss > loss + kDecrease * trial.length * slope || (tries > 1 && trial.loss >= low.loss);
    is_found = !rises && std::abs(trial.slope) <= -kCurvature * slope;
    is_bracketed = !is_found && (rises || trial.slope >= 0);
    if (is_found || is_bracketed) break;
    const double next = least_of_cubic(low.length, low.loss, low.slope, trial.length, trial.loss, trial.slope,
                                       trial.length + 0.01 * (trial.length - low.length), trial.length * 10);
    give_back(low);
    low = trial;
    trial.gradient = spare[--spares];
    status = attempt(next);
    if (status != Status::kOk) return status;
  }
  if (is_found) {
    best = trial;
    return Status::kOk;
  }
  if (!is_bracketed) {
    give_back(low);
    low = start;
  }
  high = trial;
  trial.gradient = spare[--spares];

  // Between `low`, the better one, and `high`.
  if (high.loss < low.loss) std::swap(low, high);
  bool is_stuck = false;
  while (tries < kMost && std::abs(high.length - low.length) * reach >= kChange) {
    const double least = std::min(low.length, high.length);
    const double most = std::max(low.length, high.length);
    double next = least_of_cubic(low.length, low.loss, low.slope, high.length, high.loss, high.slope, least, most);
    const double margin = 0.1 * (most - least);
    if (std::min(most - next, next - least) < margin) {
      if (is_stuck || next >= most || next <= least) {
        next = std::abs(next - most) < std::abs(next - least) ? most - margin : least + margin;
        is_stuck = false;
      } else {
        is_stuck = true;
      }
    } else {
      is_stuck = false;
    }
    status = attempt(next);
    if (status != Status::kOk) return status;
    ++tries;
    Trial* replaced = &low;
    if (trial.loss > loss + kDecrease * next * slope || trial.loss >= low.loss) {
      replaced = &high;
    } else if (std::abs(trial.slope) <= -kCurvature * slope) {
      is_found = true;
    } else if (trial.slope * (high.length - low.length) >= 0) {
      std::swap(low, high);  // so that the better one becomes the other end
    }
    give_back(*replaced);
    *replaced = trial;
    trial.gradient = spare[--spares];
    if (is_found) break;
    if (high.loss < low.loss) std::swap(low, high);
  }
  best = low;
  return Status::kOk;
}

}  // namespace nadir
