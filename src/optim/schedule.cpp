#include "optim/schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace nadir {

namespace {

constexpr double kAsItIs = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kOverOne = 1 + std::numeric_limits<double>::epsilon();

// Reads options in [least, most). What has no default has to be given, which is told last: a
// misspelt option is rather named as such.
class Reader {
 public:
  explicit Reader(Options& options) : options_(options) {}

  double number(const char* key, double otherwise, double least = 0, double most = kInfinity) {
    const double value = options_.number(key).value_or(otherwise);
    if (!(value >= least && value < most)) {
      fail(Status::kArgument, "option ", key, "=", value, ": wants at least ", least, ", and less than ", most);
    }
    return value;
  }
  double required_number(const char* key) {
    if (options_.list(key).empty()) return miss(key);
    return number(key, 0);
  }
  double count(const char* key, std::int64_t otherwise, std::int64_t least) {
    return static_cast<double>(options_.integer(key, otherwise, least));
  }
  double required_count(const char* key) {
    const double value = count(key, 0, 1);
    return value == 0 ? miss(key) : value;
  }
  double miss(const char* key) {
    missing_ = key;
    return 0;
  }
  void finish() const {
    options_.finish();
    if (missing_) fail(Status::kArgument, "wants the option ", missing_);
  }

 private:
  Options& options_;
  const char* missing_ = nullptr;
};

void parse_list(std::string_view text, std::pmr::vector<std::int64_t>& numbers) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int64_t value = 0;
    const auto [after, error] = std::from_chars(at, end, value);
    const bool is_last = after == end;
    if (error != std::errc{} || value < 0 || !(is_last || (*after == ',' && after + 1 != end))) {
      fail(Status::kArgument, "option milestones=", text, ": wants numbers of 0 or more with commas");
    }
    numbers.push_back(value);
    at = is_last ? end : after + 1;
  }
}

double cosine(double from, double to, double share) noexcept {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

Schedule::Schedule(const char* name, Options& options, std::pmr::memory_resource* resource) : milestones_(resource) {
  constexpr const char* kNames[] = {"constant",        "step",      "multi_step", "exponential", "polynomial", "cosine",
                                    "cosine_restarts", "one_cycle", "plateau"};
  if (name) {
    const auto* const found = std::find_if(std::begin(kNames), std::end(kNames),
                                           [name](const char* known) { return !std::strcmp(known, name); });
    if (found == std::end(kNames)) {
      Message list;
      for (const char* known : kNames) list << (list.view().empty() ? "" : ", ") << known;
      fail(Status::kArgument, "there is no schedule \"", name, "\"; wants one of ", list.view());
    }
    kind_ = static_cast<Kind>(found - kNames);
  }
  Reader read(options);
  const auto set = [this](int index, double value) { numbers_[static_cast<std::size_t>(index)] = value; };
  switch (kind_) {
    case kConstant:
      set(kFactor, read.number("factor", 1));
      set(kTotal, read.count("total_iters", 0, 0));
      break;
    case kStep:
      set(kStepSize, read.required_count("step_size"));
      set(kGamma, read.number("gamma", 0.1));
      break;
    case kMultiStep:
      parse_list(options.list("milestones"), milestones_);
      if (milestones_.empty()) read.miss("milestones");
      std::sort(milestones_.begin(), milestones_.end());
      set(kGamma, read.number("gamma", 0.1));
      break;
    case kExponential: set(kGamma, read.required_number("gamma")); break;
    case kPolynomial:
      set(kTotal, read.required_count("total_iters"));
      set(kPower, read.number("power", 1));
      break;
    case kCosine:
      set(kPeriod, read.required_count("t_max"));
      set(kEtaMin, read.number("eta_min", 0));
      break;
    case kRestarts:
      set(kPeriod, read.required_count("t_0"));
      set(kGrowth, read.count("t_mult", 1, 1));
      set(kEtaMin, read.number("eta_min", 0));
      break;
    case kOneCycle:
      set(kMaxRate, read.required_number("max_lr"));
      set(kTotalSteps, read.required_count("total_steps"));
      set(kStartShare, read.number("pct_start", 0.3, 0, kOverOne));
      set(kIsLinear, options.choice("anneal", {"cos", "linear"}, 0));
      set(kDivisor, read.number("div_factor", 25, 1e-300));
      set(kFinalDivisor, read.number("final_div_factor", 1e4, 1e-300));
      set(kThreePhase, options.flag("three_phase", false));
      set(kCyclesMomentum, options.flag("cycle_momentum", true));
      set(kBase, read.number("base_momentum", 0.85, 0, 1));
      set(kMax, read.number("max_momentum", 0.95, 0, 1));
      break;
    case kPlateau:
      set(kReduction, read.number("factor", 0.1, 0, 1));
      set(kPatience, read.count("patience", 10, 0));
      set(kIsMax, options.choice("mode", {"min", "max"}, 0));
      set(kThreshold, read.number("threshold", 1e-4));
      set(kIsAbsolute, options.choice("threshold_mode", {"rel", "abs"}, 0));
      set(kCooldown, read.count("cooldown", 0, 0));
      set(kLeast, read.number("min_lr", 0));
      set(kEpsilon, read.number("eps", 1e-8));
      progress_.best = numbers_[kIsMax] != 0 ? -kInfinity : kInfinity;
      break;
  }
  interval_ = read.count("interval", 1, 1);
  warmup_ = read.count("warmup", 0, 0);
  warmup_start_ = read.number("warmup_start", 1.0 / 3, 0, kOverOne);
  read.finish();
}

// The parts between these steps, with the values at them: up, down and, with three phases, further down.
Schedule::Rate Schedule::one_cycle(double s, double scale) const noexcept {
  const auto& n = numbers_;
  const double last = n[kTotalSteps] - 1;
  const double top = n[kMaxRate] * scale;
  const double start = top / n[kDivisor];
  const double finish = start / n[kFinalDivisor];
  const double peak = n[kStartShare] * n[kTotalSteps] - 1;
  struct Part {
    double end, from, to, momentum_from, momentum_to;
  };
  const double low = n[kBase];
  const double high = n[kMax];
  const bool has_three = n[kThreePhase] != 0;
  const Part up{peak, start, top, high, low};
  const Part down{has_three ? 2 * peak : last, top, has_three ? start : finish, low, high};
  const Part tail{last, start, finish, high, high};
  s = std::min(s, last);
  const bool is_up = s <= up.end;
  const bool is_down = !is_up && (s <= down.end || !has_three);
  const Part& part = is_up ? up : is_down ? down : tail;
  const double before = is_up ? 0 : is_down ? up.end : down.end;
  const double share = (s - before) / (part.end - before);
  Rate rate{};
  if (n[kIsLinear] != 0) {
    rate = {part.from + (part.to - part.from) * share,
            part.momentum_from + (part.momentum_to - part.momentum_from) * share};
  } else {
    rate = {cosine(part.from, part.to, share), cosine(part.momentum_from, part.momentum_to, share)};
  }
  if (n[kCyclesMomentum] == 0) rate.momentum = kAsItIs;
  return rate;
}

double Schedule::plateau(double base) const noexcept {
  double rate = base;
  for (double i = 0; i < progress_.reductions; ++i) {
    const double reduced = std::max(rate * numbers_[kReduction], numbers_[kLeast]);
    if (!(rate - reduced > numbers_[kEpsilon])) break;
    rate = reduced;
  }
  return rate;
}

Schedule::Rate Schedule::at(double steps, double base, double general) const noexcept {
  const auto& n = numbers_;
  if (steps < warmup_) return {base * (warmup_start_ + (1 - warmup_start_) * steps / warmup_), kAsItIs};
  const double s = std::floor((steps - warmup_) / interval_);
  double rate = base;
  switch (kind_) {
    case kConstant:
      if (s < n[kTotal]) rate *= n[kFactor];
      break;
    case kStep: rate *= std::pow(n[kGamma], std::floor(s / n[kStepSize])); break;
    case kMultiStep: {
      const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), static_cast<std::int64_t>(s));
      rate *= std::pow(n[kGamma], static_cast<double>(passed - milestones_.begin()));
      break;
    }
    case kExponential: rate *= std::pow(n[kGamma], s); break;
    case kPolynomial: rate *= std::pow(1 - std::min(s, n[kTotal]) / n[kTotal], n[kPower]); break;
    case kCosine: rate = cosine(base, n[kEtaMin], s / n[kPeriod]); break;
    case kRestarts: {
      double period = n[kPeriod];
      double within = s;
      if (n[kGrowth] == 1) {
        within = std::fmod(s, period);
      } else {
        for (; within >= period; period *= n[kGrowth]) within -= period;
      }
      rate = cosine(base, n[kEtaMin], within / period);
      break;
    }
    case kOneCycle: return one_cycle(s, base == general ? 1 : base / general);
    case kPlateau: rate = plateau(base); break;
  }
  return {rate, kAsItIs};
}

void Schedule::report(double measure) noexcept {
  const auto& n = numbers_;
  Progress& p = progress_;
  const double sign = n[kIsMax] != 0 ? 1 : -1;
  const double bar = n[kIsAbsolute] != 0 ? p.best + sign * n[kThreshold] : p.best * (1 + sign * n[kThreshold]);
  if (sign * measure > sign * bar) {
    p.best = measure;
    p.bad = 0;
  } else {
    p.bad += 1;
  }
  if (p.cooldown > 0) {
    p.cooldown -= 1;
    p.bad = 0;
  }
  if (p.bad > n[kPatience]) {
    p.reductions += 1;
    p.cooldown = n[kCooldown];
    p.bad = 0;
  }
}

}  // namespace nadir
