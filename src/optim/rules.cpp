#include "optim/rules.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace nadir {

namespace {

using Kind = Setting::Kind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Setting kRate{"lr", 0, 0, kInfinity};
constexpr Setting kBeta1{"beta1", 0.9, 0, 1};
constexpr Setting kBeta2{"beta2", 0.999, 0, 1};
constexpr Setting kEps{"eps", 1e-8, 0, kInfinity};
constexpr Setting kDecay{"weight_decay", 0, 0, kInfinity};

// ----------------------------------------------------------------------------------------------------------------- SGD

namespace sgd {
enum { kLr, kMomentum, kDampening, kWeightDecay, kNesterov };
constexpr Setting kSettings[] = {kRate,
                                 {"momentum", 0, 0, kInfinity},
                                 {"dampening", 0, -kInfinity, kInfinity},
                                 kDecay,
                                 {"nesterov", 0, 0, 2, Kind::kFlag}};

Slots slots(const Settings& s) {
  if (s[kNesterov] != 0 && (s[kMomentum] == 0 || s[kDampening] != 0)) {
    fail(Status::kArgument, "nesterov=1 with momentum ", s[kMomentum], " and dampening ", s[kDampening],
         "; wants a momentum and no dampening");
  }
  return s[kMomentum] != 0 ? Slots{"momentum_buffer"} : Slots{};
}

bool is_plain_descent(const Settings& s) { return s[kMomentum] == 0 && s[kWeightDecay] == 0; }

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  const Settings& s = step.settings;
  a.decay = s[kWeightDecay];
  a.rate = step.rate;
  a.from_gradient = 1;
  if (s[kMomentum] == 0) return;
  const bool is_first = step.count == 1;
  a.first_keep = is_first ? 0 : s[kMomentum];
  a.first_take = is_first ? 1 : 1 - s[kDampening];
  a.from_first = s[kNesterov] != 0 ? s[kMomentum] : 1;
  a.from_gradient = s[kNesterov] != 0 ? 1 : 0;
}
}  // namespace sgd

// ------------------------------------------------------------------------------------------------- Adagrad, RMSprop

namespace adagrad {
enum { kLr, kLrDecay, kWeightDecay, kInitial, kEpsilon };
constexpr Setting kSettings[] = {kRate,
                                 {"lr_decay", 0, 0, kInfinity},
                                 kDecay,
                                 {"initial_accumulator_value", 0, 0, kInfinity, Kind::kFixed},
                                 {"eps", 1e-10, 0, kInfinity}};

Slots slots(const Settings&) { return {nullptr, "sum"}; }

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  const Settings& s = step.settings;
  a.decay = s[kWeightDecay];
  a.second_keep = 1;
  a.second_take = 1;
  a.from_gradient = 1;
  a.root = 1;
  a.epsilon = s[kEpsilon];
  a.rate = step.rate / (1 + (step.count - 1) * s[kLrDecay]);
}

double initial(const Settings& s) { return s[kInitial]; }
}  // namespace adagrad

namespace rmsprop {
enum { kLr, kAlpha, kEpsilon, kWeightDecay, kMomentum, kCentered };
constexpr Setting kSettings[] = {kRate,  {"alpha", 0.99, 0, 1},         kEps,
                                 kDecay, {"momentum", 0, 0, kInfinity}, {"centered", 0, 0, 2, Kind::kFlag}};

Slots slots(const Settings& s) {
  return {s[kCentered] != 0 ? "grad_avg" : nullptr, "square_avg", nullptr,
          s[kMomentum] != 0 ? "momentum_buffer" : nullptr};
}

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  const Settings& s = step.settings;
  a.decay = s[kWeightDecay];
  a.first_keep = a.second_keep = s[kAlpha];
  a.first_take = a.second_take = 1 - s[kAlpha];
  a.from_gradient = 1;
  a.is_centred = s[kCentered] != 0;
  a.root = 1;
  a.epsilon = s[kEpsilon];
  a.velocity_keep = s[kMomentum];
  a.rate = step.rate;
}
}  // namespace rmsprop

// ------------------------------------------------------------------------------------------------- Adam and its kin

namespace adam {
enum { kLr, kB1, kB2, kEpsilon, kWeightDecay, kAmsgrad };
constexpr Setting kAmsgradFlag{"amsgrad", 0, 0, 2, Kind::kFlag};
constexpr Setting kSettings[] = {kRate, kBeta1, kBeta2, kEps, kDecay, kAmsgradFlag};
constexpr Setting kDecoupled[] = {kRate, kBeta1, kBeta2, kEps, {"weight_decay", 0.01, 0, kInfinity}, kAmsgradFlag};

Slots slots(const Settings& s) { return {"exp_avg", "exp_avg_sq", s[kAmsgrad] != 0 ? "max_exp_avg_sq" : nullptr}; }
Slots slots_of_two(const Settings&) { return {"exp_avg", "exp_avg_sq"}; }

// What has not yet come in from all the steps before the first, in the averages.
double correction(double beta, double count) noexcept { return 1 - std::pow(beta, count); }

void fill_moments(const RuleStep& step, RuleArguments& a) noexcept {
  const Settings& s = step.settings;
  a.first_keep = s[kB1];
  a.first_take = 1 - s[kB1];
  a.second_keep = s[kB2];
  a.second_take = 1 - s[kB2];
  a.from_first = 1;
  a.root = 1 / std::sqrt(correction(s[kB2], step.count));
  a.epsilon = s[kEpsilon];
  a.rate = step.rate / correction(s[kB1], step.count);
}

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  fill_moments(step, a);
  a.decay = step.settings[kWeightDecay];
}

void fill_decoupled(const RuleStep& step, RuleArguments& a) noexcept {
  fill_moments(step, a);
  a.keep = 1 - step.rate * step.settings[kWeightDecay];
}
}  // namespace adam

namespace adamax {
enum { kLr, kB1, kB2, kEpsilon, kWeightDecay };
constexpr Setting kSettings[] = {kRate, kBeta1, kBeta2, kEps, kDecay};

Slots slots(const Settings&) { return {"exp_avg", "exp_inf"}; }

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  adam::fill(step, a);
  a.second_keep = step.settings[kB2];
  a.uses_maximum = true;
}
}  // namespace adamax

namespace nadam {
enum { kLr, kB1, kB2, kEpsilon, kWeightDecay, kMomentumDecay };
constexpr Setting kSettings[] = {kRate, kBeta1, kBeta2, kEps, kDecay, {"momentum_decay", 0.004, 0, kInfinity}};

double momentum_at(const Settings& s, double count) noexcept {
  return s[kB1] * (1 - 0.5 * std::pow(0.96, count * s[kMomentumDecay]));
}

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  adam::fill(step, a);
  const double now = momentum_at(step.settings, step.count);
  const double next = momentum_at(step.settings, step.count + 1);
  *step.mu_product *= now;
  a.from_first = next / (1 - *step.mu_product * next);
  a.from_gradient = (1 - now) / (1 - *step.mu_product);
  a.rate = step.rate;
}
}  // namespace nadam

namespace radam {
void fill(const RuleStep& step, RuleArguments& a) noexcept {
  adam::fill(step, a);
  const double beta2 = step.settings[adam::kB2];
  const double corrected = adam::correction(beta2, step.count);
  const double longest = 2 / (1 - beta2) - 1;
  const double length = longest - 2 * step.count * (1 - corrected) / corrected;
  if (length > 5) {
    a.rate *= std::sqrt(corrected * (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
    a.root = 1;
  } else {  // d = m
    a.root = 0;
    a.epsilon = 1;
  }
}
}  // namespace radam

namespace lion {
enum { kLr, kB1, kB2, kWeightDecay };
constexpr Setting kSettings[] = {kRate, kBeta1, {"beta2", 0.99, 0, 1}, kDecay};

Slots slots(const Settings&) { return {"exp_avg"}; }

void fill(const RuleStep& step, RuleArguments& a) noexcept {
  const Settings& s = step.settings;
  a.first_keep = s[kB2];
  a.first_take = 1 - s[kB2];
  a.uses_sign = true;
  a.from_first = s[kB1];
  a.from_gradient = 1 - s[kB1];
  a.keep = 1 - step.rate * s[kWeightDecay];
  a.rate = step.rate;
}
}  // namespace lion

}  // namespace

const Rule kSgd{"sgd_new", sgd::kSettings, sgd::kMomentum, sgd::slots,
                sgd::fill, false,          nullptr,        sgd::is_plain_descent};
const Rule kAdagrad{"adagrad_new", adagrad::kSettings, -1, adagrad::slots, adagrad::fill, false, adagrad::initial};
const Rule kRmsprop{"rmsprop_new", rmsprop::kSettings, rmsprop::kMomentum, rmsprop::slots, rmsprop::fill};
const Rule kAdam{"adam_new", adam::kSettings, adam::kB1, adam::slots, adam::fill};
const Rule kAdamW{"adamw_new", adam::kDecoupled, adam::kB1, adam::slots, adam::fill_decoupled};
const Rule kAdamax{"adamax_new", adamax::kSettings, adamax::kB1, adamax::slots, adamax::fill};
const Rule kNAdam{"nadam_new", nadam::kSettings, nadam::kB1, adam::slots_of_two, nadam::fill, true};
const Rule kRAdam{"radam_new", adamax::kSettings, adam::kB1, adam::slots_of_two, radam::fill};
const Rule kLion{"lion_new", lion::kSettings, lion::kB1, lion::slots, lion::fill};

}  // namespace nadir
