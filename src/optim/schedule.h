// Learning rates as functions of the number of steps, so that a count is all that there is to keep; but for "plateau", which
// depends on what it was told. The formulas stand in the public header.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "base/options.h"

namespace nadir {

class Schedule {
 public:
  explicit Schedule(std::pmr::memory_resource* resource) : milestones_(resource) {}  // the rate as it is
  // A null name: the same. Throws Error.
  Schedule(const char* name, Options& options, std::pmr::memory_resource* resource);

  struct Rate {
    double rate;
    double momentum;  // NaN: as it is
  };
  // Of the step after so many, for a group with the rate `base` of an optimiser with the rate `general`.
  Rate at(double steps, double base, double general) const noexcept;

  bool cycles_momentum() const noexcept { return kind_ == kOneCycle && numbers_[kCyclesMomentum] != 0; }
  // The rate is always what it is set to.
  bool is_flat() const noexcept { return kind_ == kConstant && warmup_ == 0 && numbers_[kTotal] == 0; }
  bool is_plateau() const noexcept { return kind_ == kPlateau; }
  void report(double measure) noexcept;

  // What "plateau" keeps.
  struct Progress {
    double best;
    double bad;         // reports without improvement, in a row
    double cooldown;    // reports to let pass
    double reductions;  // so far
  };
  Progress& progress() noexcept { return progress_; }

 private:
  enum Kind { kConstant, kStep, kMultiStep, kExponential, kPolynomial, kCosine, kRestarts, kOneCycle, kPlateau };
  // Numbers by kind.
  enum { kFactor, kTotal };
  enum { kGamma, kStepSize };
  enum { kPower = 0 };  // and kTotal
  enum { kEtaMin, kPeriod, kGrowth };
  enum {
    kMaxRate,
    kTotalSteps,
    kStartShare,
    kIsLinear,
    kDivisor,
    kFinalDivisor,
    kThreePhase,
    kCyclesMomentum,
    kBase,
    kMax
  };
  enum { kReduction, kPatience, kIsMax, kThreshold, kIsAbsolute, kCooldown, kLeast, kEpsilon };

  Rate one_cycle(double s, double scale) const noexcept;
  double plateau(double base) const noexcept;

  Kind kind_ = kConstant;
  std::array<double, 10> numbers_{};
  std::pmr::vector<std::int64_t> milestones_;
  double interval_ = 1;
  double warmup_ = 0;
  double warmup_start_ = 1;
  Progress progress_{};
};

}  // namespace nadir
