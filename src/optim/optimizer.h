// An optimiser: a rule for the parameters that a session's loss depends on, its settings and its state.
//
// Thread safety: a call on an optimiser is a call on its session. What prepares a change may throw and changes nothing; the
// change itself is made inside the session and cannot fail.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "optim/rules.h"
#include "optim/schedule.h"
#include "session/block.h"
#include "session/session.h"

struct nadir_session;  // the host's name of a session

namespace nadir {

// What to run between the backward pass and an update. It owns `user`.
struct GradientHook {
  void* user = nullptr;
  std::int32_t (*run)(void* user, nadir_session* session) = nullptr;
  void (*destroy)(void* user) = nullptr;
};

// The inputs of steps: memory of the host's in which the rows of a step follow those of the step before.
struct Feed {
  static constexpr std::size_t kMostInputs = 64;

  std::span<const NodeIndex> inputs;
  std::span<const void* const> data;
  std::int64_t batch;
};

// A vector of an optimiser's state.
struct StateVector {
  std::pmr::string name;
  DType dtype;
  std::byte* values;
  std::int64_t count;

  std::size_t bytes() const noexcept { return static_cast<std::size_t>(count) * size_of(dtype); }
};

class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer();
  friend void destroy(Optimizer* optimizer) noexcept;

  Session& session() const noexcept { return *session_; }

  virtual Status step(const char* function) = 0;
  // Forward, backward and a step, unless steps do so by themselves.
  virtual Status train_step(double& loss);
  // So many steps, each with the next `batch` rows of the inputs. `losses` may be null; `made` gets the number of steps made.
  Status train_steps(const Feed& feed, std::int64_t steps, double* losses, std::int64_t& made);

  // Throw Error or std::bad_alloc, before anything has changed.
  virtual Status set(std::string_view name, double value) = 0;
  virtual Status group(const char* pattern, Options& options);
  Status schedule(const char* name, Options& options);
  Status report(double measure);
  virtual Status swap_average();
  virtual Status attach(Session& session);

  // False if there is no such setting.
  virtual bool get(std::string_view name, double& value) const noexcept = 0;

  Status set_hook(const GradientHook& hook) noexcept;
  const std::pmr::vector<StateVector>& state() const noexcept { return state_; }
  const StateVector* find_state(std::string_view name) const noexcept;
  Status state_get(const StateVector& vector, void* data) const noexcept;
  Status state_set(const StateVector& vector, const void* data) noexcept;

 protected:
  Optimizer(Session& session, const char* name);

  std::pmr::memory_resource* resource() const noexcept { return &session_->graph().host(); }
  const char* name() const noexcept { return name_; }
  // Runs the hook, outside of the session. From within the hook there is no step.
  Status refuse_in_hook(const char* function) noexcept;
  Status run_hook(const char* function) noexcept;
  // The rest of set(): a change of settings inside the session.
  template <class Change>
  Status change(Change change) noexcept {
    return session_->inside(Gate::Access::kNone, [&] {
      change();
      settle();
      return session_->done();
    });
  }
  using State = std::pmr::vector<StateVector>;
  // Numbers, f64, of the optimiser or a group.
  static void add_numbers(State& state, std::string_view name, std::string_view group, double* values,
                          std::int64_t count);

  // Counts what the optimiser is about to reserve as its session's. Throws if that may not have so much.
  void charge(std::size_t bytes) {
    session_->charge(bytes);
    bytes_ = bytes;
  }
  // The parameters to change, by dtype, in the order of their blocks.
  std::pmr::vector<const Parameter*> parameters() const;

  Ref<Session> session_;
  // Whether there is a learning rate to be scheduled, and a momentum that may go with it.
  enum class Momentum { kNoRate, kNone, kThere };
  virtual Momentum momentum_to_cycle() const noexcept = 0;

  // Settings have changed.
  virtual void settle() noexcept {}
  // What a step of train_steps is made of if all of them can be made inside at once: see Session::train.
  virtual bool steps_alone() const noexcept { return false; }
  virtual Status apply(const char*) noexcept { return Status::kInternal; }
  bool has_hook() const noexcept { return hook_.run || is_in_hook_; }

  State state_;
  Schedule schedule_;
  double steps_ = 0;

 private:
  const char* name_;
  GradientHook hook_;
  std::size_t bytes_ = 0;  // that count as the session's
  bool is_in_hook_ = false;
  virtual void end() noexcept = 0;  // unmakes the object
};

void destroy(Optimizer* optimizer) noexcept;

// Reads a setting, or throws.
double read_setting(Options& options, const Setting& setting, double otherwise);
void check_rate(const char* role, double rate, double greatest);
void check_setting(const Setting& setting, double value);
[[noreturn]] void refuse_setting(std::string_view name, std::span<const Setting> settings);

class FirstOrder final : public Optimizer {
 public:
  // Reads its options. Throws.
  FirstOrder(Session& session, const Rule& rule, double rate, Options& options);

  Status step(const char* function) override;
  Status train_step(double& loss) override;
  Status set(std::string_view name, double value) override;
  Status group(const char* pattern, Options& options) override;
  Status swap_average() override;
  bool get(std::string_view name, double& value) const noexcept override;

 private:
  // Settings of its own; NaN stands for the optimiser's. The first is the optimiser itself.
  struct Group {
    std::pmr::string pattern;
    Settings settings;
    double mu_product = 1;
  };
  // A stretch of parameters of one group, with its vectors.
  struct Stretch {
    DType dtype;
    std::size_t group;
    std::size_t offset;  // in its dtype's block
    std::size_t slot_offset;
    std::int64_t count;
  };
  enum Vector { kFirst, kSecond, kGreatest, kVelocity, kAverage, kVectors };
  // The settings that are of no rule.
  struct Common {
    double clip_norm;
    double clip_value;
    double ema_decay;
    bool maximize;
  };

  void end() noexcept override { unmake(session_->graph().host(), this); }
  Momentum momentum_to_cycle() const noexcept override;
  Settings settings_of(std::size_t group) const noexcept;
  using Groups = std::pmr::vector<Group>;
  using Stretches = std::pmr::vector<Stretch>;
  Stretches describe_stretches(const Groups& groups) const;
  State describe_state(Groups& groups);
  void reserve_vectors();
  void start_vectors() noexcept;
  void settle() noexcept override;
  bool steps_alone() const noexcept override { return true; }
  Status apply(const char* function) noexcept override;
  Status apply_rule(const char* function) noexcept;

  const Rule& rule_;
  Common common_;
  Groups groups_;
  Stretches stretches_;
  std::array<const char*, kVectors> vector_names_{};  // null: not kept
  std::array<std::byte*, kVectors> vectors_{};
  std::optional<Block> block_;
  double grad_norm_ = 0;
  // Gradient descent at a constant rate, which needs no numbers of a step.
  bool is_plain_descent_ = false;
  bool is_swapped_ = false;
};

}  // namespace nadir
