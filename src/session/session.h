// A session: a compiled plan of one graph, with its memory and its gradients.
//
// The states of a step. `forward` turns inputs into results; `backward` needs a forward pass of the same parameters and inputs
// that no other backward pass has used; an update needs gradients. A call that finds its state missing says so and changes
// nothing. Forward and backward may fail and write only the arena and the gradients; an update cannot fail once begun.
//
// Thread safety: every function that answers a Status enters the graph's gate first, and answers kBusy if it may not. What
// the others tell is fixed when the session is made, but for error(), which belongs to the last call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/gate.h"
#include "base/options.h"
#include "base/ref.h"
#include "graph/graph.h"
#include "plan/parts.h"
#include "plan/plan.h"
#include "session/block.h"
#include "session/profile.h"
#include "session/program.h"
#include "session/update.h"

namespace nadir {

struct PlanOwner;

// What to do about values that are NaN or infinite.
struct SessionOptions {
  enum class Finite : std::uint8_t { kLoss, kGradients, kOff };

  Finite finite = Finite::kLoss;
  bool skip = false;          // rather than stop
  std::size_t max_bytes = 0;  // of the session and its optimisers; 0: no limit
  std::int32_t threads = 1;

  static SessionOptions parse(Options& options);
};

// A call of memcpy costs more than a number.
constexpr bool is_of_number(std::size_t bytes) noexcept { return bytes == sizeof(float) || bytes == sizeof(double); }
inline void copy_number(void* to, const void* from, std::size_t bytes) noexcept {
  bytes == sizeof(float) ? std::memcpy(to, from, sizeof(float)) : std::memcpy(to, from, sizeof(double));
}
inline void copy_some(void* to, const void* from, std::size_t bytes) noexcept {
  if (is_of_number(bytes)) {
    copy_number(to, from, bytes);
  } else if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

class Session : public RefCounted {
 public:
  // Compiles. Leaves the graph sealed, and otherwise as it was. Throws Error or std::bad_alloc.
  static Session* create(Graph& graph, const Wanted& wanted, const SessionOptions& options);
  friend void destroy(Session* session) noexcept;

  Graph& graph() const noexcept { return *graph_; }
  const LastError& error() const noexcept { return error_; }
  // Whether it knows a node: it existed when the session was made.
  bool knows(NodeIndex node) const noexcept { return node < slots_.size(); }

  // REQUIRES: nodes are known.
  Status write(NodeIndex node, const void* data, std::size_t bytes) noexcept;
  Status bind(NodeIndex node, const void* data, std::size_t bytes) noexcept;
  Status read(NodeIndex node, void* data, std::size_t bytes) noexcept;

  Status forward() noexcept;
  Status backward() noexcept;
  Status zero_grad() noexcept;
  Status sgd_step(double rate) noexcept;
  Status clip_grad_norm(double most, double& norm) noexcept;
  Status clip_grad_value(double limit) noexcept;
  Status set_training(bool training) noexcept;

  struct GradCheck {
    double step;
    double tolerance;
  };
  // Compares gradients with central differences; the largest error goes to `worst`. Throws std::bad_alloc, before anything.
  Status grad_check(const GradCheck& settings, double& worst);

  Status grad_get(const Parameter& parameter, void* data, std::size_t bytes) const noexcept;
  Status grads_get(DType dtype, void* data, std::size_t bytes) const noexcept;
  Status grads_set(DType dtype, const void* data, std::size_t bytes) noexcept;

  // Keeps a failure that was found before entering, unless someone is inside.
  Status reject(Status status, const char* function, std::string_view message) noexcept;
  Status reject(const LastError& error) noexcept;

  // The plan, as src/plan/dump.h writes it. Any thread.
  void dump(bool is_dot, Text& text) const noexcept;
  // The steps of the plan.
  std::size_t steps() const noexcept;
  // Counts and times the steps from now on, from 0, or no longer. Throws std::bad_alloc, before anything.
  Status set_profiling(bool on);
  Status profile(std::size_t number, StepProfile& to) const noexcept;

  std::size_t arena_bytes() const noexcept { return arena_.bytes(); }
  std::size_t gradient_bytes() const noexcept;
  std::size_t plan_bytes() const noexcept { return plan_bytes(plan_, slots_.size(), options_); }
  // Of its optimisers, which count as the session's, too. Any thread.
  std::size_t optimizer_bytes() const noexcept { return optimizer_bytes_.load(std::memory_order_relaxed); }
  // The graph's, of parameters and state.
  std::size_t parameter_bytes() const noexcept;
  // All of these but the graph's.
  std::size_t total_bytes() const noexcept {
    return arena_bytes() + gradient_bytes() + plan_bytes() + optimizer_bytes();
  }
  // Takes over an optimiser's memory. Throws if that is more than the session may have.
  void charge(std::size_t bytes);
  void discharge(std::size_t bytes) noexcept { optimizer_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  static std::size_t plan_bytes(const Plan& plan, std::size_t known_nodes, const SessionOptions& options) noexcept;

  // For optimisers. The stretches of parameters that the loss depends on.
  std::span<const Update> updates() const noexcept { return updates_; }
  const KernelTable& kernel_table() const noexcept { return kernels_; }
  std::byte* gradients(DType dtype) noexcept { return gradients_[index_of(dtype)].data(); }
  double greatest_rate() const noexcept { return greatest_rate_; }
  bool has_gradients() const noexcept { return has_gradients_; }
  double loss() const noexcept;

  std::int64_t max_batch() const noexcept { return max_batch_; }
  bool uses_input(NodeIndex node) const noexcept { return knows(node) && slots_[node].kind == Slot::Kind::kInput; }
  // Whether the loss depends on the parameter, which is not frozen.
  bool trains(const Parameter& parameter) const noexcept;

  // Calls `body` inside the gate. The owner's way in is short; everybody else's is not worth a place in the caller.
  template <class Body>
  Status inside(Gate::Access access, Body body) const noexcept {
    Entry entry = Entry::kAsOwner;
    if (!gate_.enter_as_owner(occupancy_, access)) [[unlikely]] {
      entry = gate_.enter(occupancy_, access);
      if (entry == Entry::kRefused) return Status::kBusy;
    }
    const Status status = body();
    if (entry == Entry::kAsOwner) [[likely]] {
      gate_.leave_as_owner(occupancy_, access);
    } else {
      gate_.leave(occupancy_, access, entry);
    }
    return status;
  }
  // Calls `change`, which changes parameters or refuses, if there are gradients that may be used.
  template <class Change>
  Status update(const char* function, Change change) noexcept {
    return inside(Gate::Access::kWrite, [&, this] {
      if (!has_gradients_) return refuse_step(function);
      if (checks_gradients_ && !gradients_are_finite()) return refuse_gradients(function);
      return commit_if(change);
    });
  }
  // Whole steps, one after another, by one call: `feed(step)` gives the inputs of a step and may refuse; `change` updates the
  // parameters or refuses. The loss of a step goes where `note(step, loss)` puts it. How many steps were made is added to `made`.
  // From one step to the next the caller stays inside; other readers of the graph are kept out of the updates alone.
  template <class Feed, class Note, class Change>
  Status train(const char* function, std::int64_t steps, std::int64_t& made, Feed feed, Note note,
               Change change) noexcept {
    Entry entry = Entry::kAsOwner;
    if (!gate_.enter_as_owner(occupancy_, Gate::Access::kRead)) [[unlikely]] {
      entry = gate_.enter(occupancy_, Gate::Access::kRead);
      if (entry == Entry::kRefused) return Status::kBusy;
    }
    Status status = Status::kOk;
    for (std::int64_t step = 0; step < steps && status == Status::kOk; ++step) {
      status = feed(step);
      if (status != Status::kOk) break;
      double loss_now = 0;
      status = differentiate(function, loss_now);
      if (status == Status::kOk || status == Status::kNotFinite) note(step, loss_now);
      if (status != Status::kOk) break;
      if (!was_skipped_) [[likely]] {
        if (!gate_.upgrade(entry)) [[unlikely]] {
          status = Status::kBusy;
          break;
        }
        status = checks_gradients_ && !gradients_are_finite() ? refuse_gradients(function) : commit_if(change);
        gate_.downgrade(entry);
      }
      made += status == Status::kOk;
    }
    if (entry == Entry::kAsOwner) [[likely]] {
      gate_.leave_as_owner(occupancy_, Gate::Access::kRead);
    } else {
      gate_.leave(occupancy_, Gate::Access::kRead, entry);
    }
    return status;
  }
  // An input whose values of one step after another lie one after the other.
  struct Fed {
    std::byte* to;
    const std::byte* next;  // of the step to come
    std::size_t bytes;      // of a step
  };
  // Gives an input the values of a step, of `batch` rows, and tells where those of the following steps go; the others are given
  // by feed_next(), while the session is not left. Inside.
  Status feed_first(const char* function, NodeIndex node, const void* data, std::int64_t batch, Fed& fed) noexcept;
  static void feed_next(Fed& fed) noexcept {
    copy_some(fed.to, fed.next, fed.bytes);
    fed.next += fed.bytes;
  }
  // A session of the library's own, which never enters: its host is inside of another one of the same graph. Fills an input
  // without a batch with 0, to be changed in place; has the other inputs where `host` has them; computes; a result.
  double* fill_input(NodeIndex node) noexcept;
  Status adopt_inputs(Session& host, const char* function) noexcept;
  Status run_alone() noexcept { return compute(); }
  std::span<const double> output(std::size_t index) const noexcept;
  // Inside. Makes a forward and a backward pass of its own.
  Status evaluate(double& loss) noexcept;
  Status evaluate_loss(double& loss) noexcept;  // forward alone
  template <class... Pieces>
  [[gnu::cold]] Status refuse(Status status, const char* function, const Pieces&... pieces) noexcept {
    const Piece list[] = {Piece(pieces)...};
    return refuse_with(status, function, list);
  }
  Status done() noexcept {
    if (error_.status() != Status::kOk) [[unlikely]]
      error_.clear();
    return Status::kOk;
  }
  // Calls change(first, count) for parts of a stretch of parameters, by all threads if it is enough work for them: each parameter
  // is cut, as the product that made its gradient was, so that a thread finds that in its own cache. Inside.
  template <class Change>
  void share(const std::byte* values, DType dtype, std::int64_t elements, Change change) const noexcept {
    if (!is_shared(elements)) return change(std::int64_t{0}, elements);
    struct Job {
      const Session& session;
      const std::byte* values;
      DType dtype;
      std::int64_t elements;
      Change& change;
    } job{*this, values, dtype, elements, change};
    const auto run_part = [](void* context, std::int32_t part) noexcept {
      const Job& shared = *static_cast<const Job*>(context);
      const Parameters& parameters = shared.session.graph_->parameters();
      for (const Parameter& parameter : parameters) {
        if (parameter.dtype != shared.dtype) continue;
        const std::int64_t before =
            (parameters.values(parameter) - shared.values) / static_cast<std::int64_t>(size_of(parameter.dtype));
        if (before < 0 || before >= shared.elements) continue;
        const Range range = part_of(parameter.count, 64, part, shared.session.workers_.count());
        if (range.count > 0) shared.change(before + range.first, range.count);
      }
    };
    workers_.run(run_part, &job);
  }
  // Whether so many elements are enough work for several threads.
  bool is_shared(std::int64_t elements) const noexcept { return workers_.count() > 1 && elements >= kLeastShared; }
  // w = w - rate * gradient, by all threads if it is enough work. Inside.
  void descend(double rate) noexcept;
  Status clip_norm_inside(const char* function, double most, double& norm) noexcept;
  void clip_value_inside(double limit) noexcept;
  // The refusals answer kOk if the host wants to go on.
  [[gnu::cold]] Status refuse_loss(const char* function) noexcept;
  [[gnu::cold]] Status refuse_gradients(const char* function) noexcept;
  // The parameters have been changed by a step.
  void commit() noexcept {
    if (!plan_.state_updates.empty()) [[unlikely]]
      commit_state();
    graph_->parameters().stepped();
  }

  // By make() alone; the plan was compiled for `graph`, which had `known_nodes` nodes of its own.
  Session(Graph& graph, std::size_t known_nodes, Plan plan, std::int64_t max_batch, const SessionOptions& options);

 private:
  static constexpr std::int64_t kLeastShared = 1 << 17;  // elements to update by several threads

  // An input's values: in the arena, or the host's.
  struct Input {
    NodeIndex node;
    Extent elements;
    std::size_t row_bytes;  // for one of the batch, or all
    std::byte* staging;
    std::int64_t rows = 0;
    std::size_t bytes = 0;
    bool is_written = false;
    bool is_bound = false;
    bool is_staged = false;  // written: another write of as many bytes changes nothing but the values
  };
  // A result, of the batch that was computed last.
  struct Output {
    const std::byte* values;
    std::size_t bytes;
  };
  // What a node is to the host.
  struct Slot {
    enum class Kind : std::uint32_t { kNone, kInput, kOutput, kParameter, kState } kind = Kind::kNone;
    std::uint32_t index = 0;
  };

  PlanOwner owner() const noexcept;
  std::string_view name_of_node(NodeIndex node) const noexcept { return (*graph_)[node].name(); }
  void describe_inputs();
  void describe_slots(std::size_t known_nodes);
  void describe_updates();

  [[gnu::cold]] Status refuse_with(Status status, const char* function, std::span<const Piece> pieces) noexcept;
  // Whether a write of so many bytes changes nothing but an input's values.
  bool is_rewritten(const Slot& slot, std::size_t bytes) const noexcept {
    return slot.kind == Slot::Kind::kInput && inputs_[slot.index].is_staged && inputs_[slot.index].bytes == bytes;
  }
  [[gnu::noinline]] Status write_inside(NodeIndex node, const void* data, std::size_t bytes) noexcept;
  Status write_anew(const char* function, NodeIndex node, const void* data, std::size_t bytes) noexcept;
  Status accept(const char* function, NodeIndex node, std::size_t bytes, const void* data) noexcept;
  Status set_rows(const char* function, Input& input, std::size_t bytes) noexcept;
  Status prepare() noexcept;
  // Runs the forward pass of the present inputs, parameters and step.
  Status compute() noexcept {
    const bool has_stale_weights = keeps_weights_ && weights_seen_ != graph_->parameters().version();
    if (!is_resolved_ || uses_state_ || has_stale_weights) [[unlikely]]
      return compute_with_care();
    program_.run_forward();
    return Status::kOk;
  }
  Status compute_with_care() noexcept;
  Status refuse_index() noexcept;
  Status refuse_grad_check() noexcept;
  Status compare_gradients(const GradCheck& settings, double& worst) noexcept;
  double loss_at(double& value, double moved) noexcept;
  [[gnu::noinline]] Status read_anything(NodeIndex node, void* data, std::size_t bytes) noexcept;
  Status read_inside(NodeIndex node, void* data, std::size_t bytes) noexcept;
  Status refuse_backward() noexcept;
  // zero_grad, forward and backward; sets `was_skipped_` where the loss was not finite and the host wants to go on.
  Status differentiate(const char* function, double& loss_now) noexcept;
  [[gnu::noinline]] void descend_together(const Update& update) noexcept;
  template <class Change>
  Status commit_if(Change change) noexcept {
    const Status status = change();
    if (status != Status::kOk) return status;
    commit();
    return done();
  }
  Status refuse_rate(double rate) noexcept;
  [[gnu::cold]] Status refuse_step(const char* function) noexcept;
  [[gnu::cold]] void commit_state() noexcept;
  void change_gradients(LaneId lane, double first, double second) noexcept;
  bool loss_is_finite() const noexcept;
  bool gradients_are_finite() const noexcept;

  Ref<Graph> graph_;
  Gate& gate_;
  mutable Occupancy occupancy_;
  const KernelTable& kernels_;
  const SessionOptions options_;
  const std::int64_t max_batch_;
  const Plan plan_;
  const Workers workers_;
  Program program_;
  Block arena_;
  Block gradients_[kFloatCount];
  StepState state_;
  Memory memory_;
  std::pmr::vector<Input> inputs_;
  std::pmr::vector<const std::byte*> input_data_;
  std::pmr::vector<Output> outputs_;
  std::pmr::vector<Slot> slots_;  // by node
  std::pmr::vector<Update> updates_;
  Profile profile_;  // empty unless it is on
  const void* loss_ = nullptr;
  DType loss_dtype_ = DType::kF32;
  bool checks_loss_ = false;
  bool checks_gradients_ = false;
  double greatest_rate_ = 0;  // that is finite in every dtype to update

  std::atomic<std::size_t> optimizer_bytes_{0};

  std::int64_t batch_ = -1;            // of the records
  std::uint64_t parameters_seen_ = 0;  // the version that the last forward pass used
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  std::uint64_t weights_seen_ = kNever;  // the version that the plan's weights were computed for
  bool keeps_weights_ = false;           // the plan has some
  bool uses_state_ = false;              // there are kernels that read or change the state
  bool is_resolved_ = false;
  bool has_results_ = false;    // a forward pass was made
  bool has_state_ = false;      // the last forward pass trained, and its state may be committed
  bool was_skipped_ = false;    // a backward pass was, since the last zero_grad
  bool can_go_back_ = false;    // one that no backward pass has used, of the present inputs
  bool has_gradients_ = false;  // else they count as zero, whatever they hold
  bool is_profiling_ = false;
  bool is_skipping_ = false;  // the last forward pass had a loss that is not finite, and the host wants to go on
  LastError error_;
};

}  // namespace nadir
