#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/glob.h"

namespace nadir {

namespace {

using Access = Gate::Access;

constexpr double kInherited = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string_view name_of(const Session& session, const Parameter& parameter) noexcept {
  return session.graph()[parameter.node].name();
}

}  // namespace

// ------------------------------------------------------------------------------------------------------- any optimiser

Optimizer::Optimizer(Session& session, const char* name)
    : session_(Ref<Session>::share(&session)), state_(resource()), schedule_(resource()), name_(name) {
  if (session.updates().empty()) fail(Status::kState, "the session has no loss");
}

Optimizer::~Optimizer() {
  session_->discharge(bytes_);
  if (hook_.destroy) hook_.destroy(hook_.user);
}

void destroy(Optimizer* optimizer) noexcept {
  const Ref<Session> session = optimizer->session_;
  optimizer->end();
}

Status Optimizer::group(const char*, Options&) { fail(Status::kArgument, name_, " has no groups of parameters"); }

Status Optimizer::schedule(const char* name, Options& options) {
  const Momentum momentum = momentum_to_cycle();
  if (momentum == Momentum::kNoRate) fail(Status::kArgument, name_, " has no learning rate for a schedule");
  Schedule next(name, options, resource());
  if (next.cycles_momentum() && momentum != Momentum::kThere) {
    fail(Status::kArgument, "cycle_momentum=1: there is no momentum to cycle");
  }
  return change([&] { schedule_ = std::move(next); });
}

Status Optimizer::report(double measure) {
  if (!schedule_.is_plateau()) fail(Status::kState, "there is no schedule \"plateau\"");
  return change([&] { schedule_.report(measure); });
}

Status Optimizer::swap_average() { fail(Status::kState, "the optimiser keeps no average; make it with ema_decay"); }

Status Optimizer::attach(Session& session) {
  if (&session.graph() != &session_->graph()) fail(Status::kArgument, "the session is of another graph");
  const std::span<const Update> mine = session_->updates();
  const std::span<const Update> others = session.updates();
  const bool are_alike =
      std::equal(mine.begin(), mine.end(), others.begin(), others.end(),
                 [](const Update& a, const Update& b) { return a.values == b.values && a.count == b.count; });
  if (!are_alike) fail(Status::kArgument, "the session's loss depends on other parameters");
  const Ref<Session> before = session_;
  session.charge(bytes_);
  const Status status = change([&] { session_ = Ref<Session>::share(&session); });
  (status == Status::kOk ? *before : session).discharge(bytes_);
  return status;
}

Status Optimizer::set_hook(const GradientHook& hook) noexcept {
  GradientHook before;
  const Status status = change([&] { before = std::exchange(hook_, hook); });
  if (status == Status::kOk && before.destroy) before.destroy(before.user);
  return status;
}

const StateVector* Optimizer::find_state(std::string_view name) const noexcept {
  const auto found =
      std::find_if(state_.begin(), state_.end(), [name](const StateVector& vector) { return vector.name == name; });
  return found == state_.end() ? nullptr : &*found;
}

Status Optimizer::state_get(const StateVector& vector, void* data) const noexcept {
  return session_->inside(Access::kNone, [&] {
    if (vector.count > 0) std::memcpy(data, vector.values, vector.bytes());
    return Status::kOk;
  });
}

Status Optimizer::state_set(const StateVector& vector, const void* data) noexcept {
  return change([&] {
    if (vector.count > 0) std::memcpy(vector.values, data, vector.bytes());
  });
}

void Optimizer::add_numbers(State& state, std::string_view name, std::string_view group, double* values,
                            std::int64_t count) {
  std::pmr::string full(group, state.get_allocator());
  if (!group.empty()) full += '.';
  full += name;
  state.push_back({std::move(full), DType::kF64, reinterpret_cast<std::byte*>(values), count});
}

std::pmr::vector<const Parameter*> Optimizer::parameters() const {
  std::pmr::vector<const Parameter*> reached(resource());
  for (const DType dtype : {DType::kF64, DType::kF32}) {
    for (const Parameter& parameter : session_->graph().parameters()) {
      if (parameter.dtype == dtype && session_->trains(parameter)) reached.push_back(&parameter);
    }
  }
  return reached;
}

void check_rate(const char* role, double rate, double greatest) {
  if (rate >= 0 && rate <= greatest) return;
  fail(Status::kArgument, role, " is ", rate,
       "; wants a number that is not negative, and finite in the parameters' dtype");
}

void check_setting(const Setting& setting, double value) {
  const bool is_whole = setting.kind != Setting::Kind::kFlag || value == 0 || value == 1;
  if (value >= setting.least && value < setting.below && is_whole) return;
  if (std::isinf(setting.below)) {
    fail(Status::kArgument, setting.name, " is ", value, "; wants a finite number of at least ", setting.least);
  }
  fail(Status::kArgument, setting.name, " is ", value, "; wants at least ", setting.least, " and less than ",
       setting.below);
}

void refuse_setting(std::string_view name, std::span<const Setting> settings) {
  Message list;
  for (const Setting& setting : settings) {
    if (setting.kind == Setting::Kind::kNumber) list << (list.view().empty() ? "" : ", ") << setting.name;
  }
  fail(Status::kArgument, "there is no setting \"", name, "\"; wants one of ", list.view());
}

double read_setting(Options& options, const Setting& setting, double otherwise) {
  if (setting.kind == Setting::Kind::kFlag) return options.flag(setting.name, otherwise != 0) ? 1 : 0;
  const std::optional<double> value = options.number(setting.name);
  if (!value) return otherwise;
  check_setting(setting, *value);
  return *value;
}

// --------------------------------------------------------------------------------------------------- first-order rules

namespace {

bool are_equal(const Slots& a, const Slots& b) noexcept {
  return !a.first == !b.first && !a.second == !b.second && !a.greatest == !b.greatest && !a.velocity == !b.velocity;
}

void check_average(double decay) {
  if (!(decay >= 0 && decay <= 1)) fail(Status::kArgument, "ema_decay is ", decay, "; wants 0 to 1");
}

double read_limit(Options& options, const char* name) {
  const double limit = options.number(name, kInfinity);
  if (!(limit >= 0)) fail(Status::kArgument, name, " is ", limit, "; wants a number of 0 or more");
  return limit;
}

}  // namespace

FirstOrder::FirstOrder(Session& session, const Rule& rule, double rate, Options& options)
    : Optimizer(session, rule.function), rule_(rule), groups_(resource()), stretches_(resource()) {
  check_rate("learning rate", rate, session.greatest_rate());
  Settings settings{};
  settings[0] = rate;
  for (std::size_t i = 1; i < rule.settings.size(); ++i) {
    settings[i] = read_setting(options, rule.settings[i], rule.settings[i].otherwise);
  }
  common_.maximize = options.flag("maximize", false);
  common_.clip_norm = read_limit(options, "clip_norm");
  common_.clip_value = read_limit(options, "clip_value");
  const std::optional<double> ema_decay = options.number("ema_decay");
  const bool has_average = ema_decay.has_value();
  if (has_average) check_average(*ema_decay);
  common_.ema_decay = ema_decay.value_or(0);
  options.finish();

  const Slots slots = rule.slots(settings);
  vector_names_ = {slots.first, slots.second, slots.greatest, slots.velocity, has_average ? "ema" : nullptr};
  groups_.push_back({std::pmr::string(resource()), settings});
  stretches_ = describe_stretches(groups_);
  reserve_vectors();
  start_vectors();
  settle();
  state_ = describe_state(groups_);
}

void FirstOrder::reserve_vectors() {
  constexpr std::size_t kAlignment = 64;
  std::size_t bytes = 0;
  for (const Stretch& stretch : stretches_) bytes += static_cast<std::size_t>(stretch.count) * size_of(stretch.dtype);
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const auto kept = std::count_if(vector_names_.begin(), vector_names_.end(), [](const char* name) { return name; });
  charge(bytes * static_cast<std::size_t>(kept));
  block_.emplace(bytes * static_cast<std::size_t>(kept), resource());
  std::byte* next = block_->data();
  for (std::size_t i = 0; i < kVectors; ++i) {
    if (!vector_names_[i]) continue;
    vectors_[i] = next;
    next += bytes;
  }
}

void FirstOrder::start_vectors() noexcept {
  const double second = rule_.second_at_first ? rule_.second_at_first(groups_.front().settings) : 0;
  for (const Stretch& stretch : stretches_) {
    if (vectors_[kAverage]) {
      std::memcpy(vectors_[kAverage] + stretch.slot_offset,
                  session_->graph().parameters().block(stretch.dtype) + stretch.offset,
                  static_cast<std::size_t>(stretch.count) * size_of(stretch.dtype));
    }
    if (second == 0) continue;
    visit_float(stretch.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::fill_n(reinterpret_cast<T*>(vectors_[kSecond] + stretch.slot_offset), stretch.count, static_cast<T>(second));
    });
  }
}

// Parameters that lie side by side, in their block and in the vectors, and are of one group, are updated in one go.
FirstOrder::Stretches FirstOrder::describe_stretches(const Groups& groups) const {
  Stretches stretches(resource());
  std::size_t slot_offset = 0;
  for (const Parameter* parameter : parameters()) {
    std::size_t group = groups.size() - 1;
    while (group > 0 && !matches(groups[group].pattern, name_of(*session_, *parameter))) --group;
    const std::size_t offset = parameter->byte_offset();
    Stretch* const last = stretches.empty() ? nullptr : &stretches.back();
    if (last && last->dtype == parameter->dtype && last->group == group &&
        last->offset + static_cast<std::size_t>(last->count) * size_of(last->dtype) == offset) {
      last->count += parameter->count;
    } else {
      stretches.push_back({parameter->dtype, group, offset, slot_offset, parameter->count});
    }
    slot_offset += parameter->bytes();
  }
  return stretches;
}

FirstOrder::State FirstOrder::describe_state(Groups& groups) {
  State state(resource());
  add_numbers(state, "step", {}, &steps_, 1);
  add_numbers(state, "schedule", {}, &schedule_.progress().best, 4);
  if (rule_.has_product) {
    for (Group& group : groups) add_numbers(state, "mu_product", group.pattern, &group.mu_product, 1);
  }
  std::size_t slot_offset = 0;
  for (const Parameter* parameter : parameters()) {
    for (std::size_t i = 0; i < kVectors; ++i) {
      if (!vectors_[i]) continue;
      std::pmr::string name(name_of(*session_, *parameter), resource());
      name += '.';
      name += vector_names_[i];
      state.push_back({std::move(name), parameter->dtype, vectors_[i] + slot_offset, parameter->count});
    }
    slot_offset += parameter->bytes();
  }
  return state;
}

Status FirstOrder::set(std::string_view name, double value) {
  if (name == "clip_norm" || name == "clip_value") {
    if (!(value >= 0)) fail(Status::kArgument, name, " is ", value, "; wants a number of 0 or more");
    return change([&] { (name == "clip_norm" ? common_.clip_norm : common_.clip_value) = value; });
  }
  if (name == "maximize") {
    check_setting({"maximize", 0, 0, 2, Setting::Kind::kFlag}, value);
    return change([&] { common_.maximize = value != 0; });
  }
  if (name == "ema_decay" && vectors_[kAverage]) {
    check_average(value);
    return change([&] { common_.ema_decay = value; });
  }
  for (std::size_t i = 0; i < rule_.settings.size(); ++i) {
    const Setting& setting = rule_.settings[i];
    if (name != setting.name) continue;
    if (i == 0) {
      check_rate("lr", value, session_->greatest_rate());
    } else {
      check_setting(setting, value);
    }
    Settings settings = groups_.front().settings;
    const Slots slots = rule_.slots(settings);
    settings[i] = value;
    if (setting.kind != Setting::Kind::kNumber || !are_equal(slots, rule_.slots(settings))) {
      fail(Status::kArgument, name, " is fixed when the optimiser is made");
    }
    return change([&] { groups_.front().settings[i] = value; });
  }
  refuse_setting(name, rule_.settings);
}

bool FirstOrder::get(std::string_view name, double& value) const noexcept {
  const Settings& settings = groups_.front().settings;
  for (std::size_t i = 0; i < rule_.settings.size(); ++i) {
    if (name == rule_.settings[i].name) return value = settings[i], true;
  }
  if (name == "current_lr") return value = schedule_.at(steps_, settings[0], settings[0]).rate, true;
  if (name == "ema_decay" && vectors_[kAverage]) return value = common_.ema_decay, true;
  if (name == "step") return value = steps_, true;
  if (name == "grad_norm") return value = grad_norm_, true;
  if (name == "maximize") return value = common_.maximize ? 1 : 0, true;
  if (name == "clip_norm") return value = common_.clip_norm, true;
  if (name == "clip_value") return value = common_.clip_value, true;
  return false;
}

Status FirstOrder::group(const char* pattern, Options& options) {
  Settings settings;
  settings.fill(kInherited);
  for (std::size_t i = 0; i < rule_.settings.size(); ++i) {
    const Setting& setting = rule_.settings[i];
    if (setting.kind == Setting::Kind::kNumber) settings[i] = read_setting(options, setting, kInherited);
  }
  options.finish();
  if (!std::isnan(settings[0])) check_rate("lr", settings[0], session_->greatest_rate());
  Settings merged = groups_.front().settings;
  for (std::size_t i = 0; i < merged.size(); ++i) merged[i] = std::isnan(settings[i]) ? merged[i] : settings[i];
  if (!are_equal(rule_.slots(groups_.front().settings), rule_.slots(merged))) {
    fail(Status::kArgument, "momentum is fixed to be 0 or not when the optimiser is made");
  }
  const auto reached = parameters();
  if (std::none_of(reached.begin(), reached.end(),
                   [&](const Parameter* parameter) { return matches(pattern, name_of(*session_, *parameter)); })) {
    fail(Status::kArgument, "pattern \"", pattern, "\" matches no parameter of the optimiser, such as \"",
         name_of(*session_, *reached.front()), '"');
  }

  Groups groups(groups_, resource());
  double mu_product = groups.front().mu_product;
  std::erase_if(groups, [&](const Group& group) {
    const bool is_same = !group.pattern.empty() && group.pattern == pattern;
    if (is_same) mu_product = group.mu_product;
    return is_same;
  });
  groups.push_back({std::pmr::string(pattern, resource()), settings, mu_product});
  Stretches stretches = describe_stretches(groups);
  State state = describe_state(groups);
  return change([&] {
    groups_.swap(groups);
    stretches_.swap(stretches);
    state_.swap(state);
  });
}

Optimizer::Momentum FirstOrder::momentum_to_cycle() const noexcept {
  const bool is_there = rule_.momentum >= 0 && (vectors_[kFirst] || vectors_[kVelocity]);
  return is_there ? Momentum::kThere : Momentum::kNone;
}

Status FirstOrder::swap_average() {
  if (!vectors_[kAverage]) return Optimizer::swap_average();
  return session_->inside(Access::kWrite, [this] {
    Parameters& parameters = session_->graph().parameters();
    for (const Stretch& stretch : stretches_) {
      std::byte* const values = parameters.block(stretch.dtype) + stretch.offset;
      std::swap_ranges(values, values + static_cast<std::size_t>(stretch.count) * size_of(stretch.dtype),
                       vectors_[kAverage] + stretch.slot_offset);
    }
    is_swapped_ = !is_swapped_;
    parameters.changed();
    return session_->done();
  });
}

}  // namespace nadir
