// First-order rules: their settings, what they keep for each parameter, and the numbers of a step for the one kernel that runs
// them all, RuleArguments. The formulas stand in the public header.
#pragma once

#include <array>
#include <span>

#include "kernels/arguments.h"

namespace nadir {

// A number that a rule is set by, in [least, below).
struct Setting {
  const char* name;
  double otherwise;
  double least;
  double below;
  enum class Kind { kNumber, kFixed, kFlag } kind = Kind::kNumber;  // all but numbers are for good
};

// By number, in a rule's order. The learning rate is the first.
inline constexpr std::size_t kMostSettings = 8;
using Settings = std::array<double, kMostSettings>;

// The vectors beside a parameter. A null name: none.
struct Slots {
  const char* first = nullptr;
  const char* second = nullptr;
  const char* greatest = nullptr;
  const char* velocity = nullptr;
};

// A step of some parameters.
struct RuleStep {
  Settings settings;
  double rate;         // by the schedule
  double count;        // from 1 on
  double* mu_product;  // of NAdam, to be advanced
};

struct Rule {
  const char* function;
  std::span<const Setting> settings;
  int momentum;  // the setting that a cycle of momentum changes; -1: none
  Slots (*slots)(const Settings& settings);
  void (*fill)(const RuleStep& step, RuleArguments& arguments) noexcept;
  bool has_product = false;                                       // NAdam's
  double (*second_at_first)(const Settings& settings) = nullptr;  // null: 0
  bool (*is_plain_descent)(const Settings& settings) =
      nullptr;  // w = w - rate * gradient, and nothing else; null: never
};

extern const Rule kSgd, kAdagrad, kRmsprop, kAdam, kAdamW, kAdamax, kNAdam, kRAdam, kLion;

}  // namespace nadir
