// The making of a session: checks, compilation, memory.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "session/session.h"

namespace nadir {

namespace {

constexpr std::int32_t kMostThreads = 256;

// What the environment says; 1 if that is nothing, or no such number.
std::int64_t default_threads() noexcept {
  const char* text = std::getenv("NADIR_THREADS");
  const double number = text ? parse_number(text).value_or(1) : 1;
  const bool is_fit = number >= 1 && number <= kMostThreads && number == std::floor(number);
  return is_fit ? static_cast<std::int64_t>(number) : 1;
}

}  // namespace

SessionOptions SessionOptions::parse(Options& options) {
  SessionOptions parsed;
  parsed.finite = static_cast<Finite>(options.choice("finite", {"loss", "gradients", "off"}, 0));
  parsed.skip = options.choice("not_finite", {"stop", "skip"}, 0) == 1;
  parsed.max_bytes = static_cast<std::size_t>(options.integer("max_bytes", 0, 0));
  const std::int64_t threads = options.integer("threads", default_threads(), 1);
  if (threads > kMostThreads) fail(Status::kArgument, "option threads=", threads, ": wants at most ", kMostThreads);
  parsed.threads = static_cast<std::int32_t>(threads);
  options.finish();
  return parsed;
}

namespace {

void check(const Graph& graph, const Wanted& wanted) {
  if (graph.build_error().status() != Status::kOk)
    fail(graph.build_error().status(), "the graph has an error: ", graph.build_error().message());
  if (wanted.loss == kNoNode && wanted.outputs.empty())
    fail(Status::kArgument, "no loss and no outputs; wants one of them");
  if (wanted.max_batch < 1) fail(Status::kShape, "max_batch is ", wanted.max_batch, "; wants at least 1");
  if (wanted.loss != kNoNode && !is_float(graph[wanted.loss].dtype)) {
    fail(Status::kDType, "loss \"", graph[wanted.loss].name(), "\" is ", name_of(graph[wanted.loss].dtype),
         "; wants f32 or f64");
  }
  if (wanted.loss != kNoNode && !graph[wanted.loss].shape.is_scalar()) {
    fail(Status::kShape, "loss \"", graph[wanted.loss].name(), "\" is ", graph[wanted.loss].shape,
         "; wants a scalar []");
  }
}

std::size_t gradient_block_bytes(const Graph& graph, const Plan& plan, DType dtype) {
  return plan.has_loss ? graph.parameters().block_bytes(dtype) : 0;
}

void check_limit(const Graph& graph, const Plan& plan, std::size_t known_nodes, const SessionOptions& options) {
  const std::size_t gradients =
      gradient_block_bytes(graph, plan, DType::kF32) + gradient_block_bytes(graph, plan, DType::kF64);
  const std::size_t records = Session::plan_bytes(plan, known_nodes, options);
  const std::size_t wanted = plan.arena_bytes + gradients + records;
  if (options.max_bytes == 0 || wanted <= options.max_bytes) return;
  fail(Status::kNoMemory, "the session takes ", wanted, " bytes (arena ", plan.arena_bytes, ", gradients ", gradients,
       ", plan ", records, "); max_bytes allows ", options.max_bytes);
}

void log_summary(const Session& session, const Host& host) {
  if (!host.logs()) return;
  Message message;
  message << "session: arena " << session.arena_bytes() << " bytes, gradients " << session.gradient_bytes()
          << " bytes, kernels " << kernels().isa;
  host.log(LogLevel::kInfo, message.c_str());
}

}  // namespace

Session* Session::create(Graph& graph, const Wanted& wanted, const SessionOptions& options) {
  check(graph, wanted);
  const std::size_t known_nodes = graph.size();
  Session* session = nullptr;
  {
    const Graph::Transaction gradients_are_temporary(graph);
    Wanted all = wanted;
    all.parts = options.threads;
    Plan plan = compile(graph, all);
    check_limit(graph, plan, known_nodes, options);
    session = make<Session>(graph.host(), graph, known_nodes, std::move(plan), wanted.max_batch, options);
  }
  graph.seal();
  log_summary(*session, graph.host());
  return session;
}

void destroy(Session* session) noexcept {
  const Ref<Graph> graph = session->graph_;
  unmake(graph->host(), session);
}

Session::Session(Graph& graph, std::size_t known_nodes, Plan plan, std::int64_t max_batch,
                 const SessionOptions& options)
    : graph_(Ref<Graph>::share(&graph)),
      gate_(graph.gate()),
      kernels_(kernels()),
      options_(options),
      max_batch_(max_batch),
      plan_(std::move(plan)),
      workers_(options.threads, graph.host()),
      program_(plan_, workers_, &graph.host()),
      arena_(plan_.arena_bytes, &graph.host()),
      gradients_{{gradient_block_bytes(graph, plan_, DType::kF32), &graph.host()},
                 {gradient_block_bytes(graph, plan_, DType::kF64), &graph.host()}},
      inputs_(&graph.host()),
      input_data_(&graph.host()),
      outputs_(&graph.host()),
      slots_(&graph.host()),
      updates_(&graph.host()),
      profile_(&graph.host()) {
  memory_.arena = arena_.data();
  memory_.state = &state_;
  state_.is_training = plan_.has_loss;
  keeps_weights_ = !plan_.weights.empty();
  uses_state_ = plan_.uses_state;
  for (int i = 0; i < kFloatCount; ++i) {
    memory_.parameters[static_cast<std::size_t>(i)] = graph.parameters().block(dtype_at(i));
    memory_.gradients[static_cast<std::size_t>(i)] = gradients_[i].data();
    memory_.states[static_cast<std::size_t>(i)] = graph.states().block(dtype_at(i));
  }
  for (const Plan::ConstantData& constant : plan_.constant_data) {
    if (constant.bytes > 0) std::memcpy(memory_.address(constant.place), constant.data, constant.bytes);
  }
  describe_inputs();
  describe_slots(known_nodes);
  describe_updates();
  if (plan_.has_loss) {
    loss_ = memory_.address(plan_.outputs.front().place);
    loss_dtype_ = plan_.outputs.front().dtype;
    checks_loss_ = options_.finite != SessionOptions::Finite::kOff;
    checks_gradients_ = options_.finite == SessionOptions::Finite::kGradients;
  }
}

void Session::describe_updates() {
  greatest_rate_ = std::numeric_limits<double>::max();
  updates_.reserve(plan_.updates.size());
  for (const UpdateRange& range : plan_.updates) {
    const auto dtype = static_cast<std::size_t>(index_of(range.dtype));
    const std::size_t offset = static_cast<std::size_t>(range.first) * size_of(range.dtype);
    if (range.dtype == DType::kF32) greatest_rate_ = std::numeric_limits<float>::max();
    Update update{range.dtype,
                  memory_.parameters[dtype] + offset,
                  memory_.gradients[dtype] + offset,
                  range.count,
                  kernels_.sgd[dtype],
                  {}};
    update.descent.update = {update.values, update.gradients, update.count, 0};
    updates_.push_back(update);
  }
}

void Session::describe_inputs() {
  inputs_.reserve(plan_.inputs.size());
  input_data_.reserve(plan_.inputs.size());
  for (const PlanInput& input : plan_.inputs) {
    const auto row_bytes = static_cast<std::size_t>(input.elements.factor) * size_of(input.dtype);
    std::byte* staging = memory_.address(input.staging);
    inputs_.push_back({input.node, input.elements, row_bytes, staging});
    input_data_.push_back(staging);
  }
  memory_.inputs = input_data_.data();
}

void Session::describe_slots(std::size_t known_nodes) {
  slots_.resize(known_nodes);
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) slots_[inputs_[i].node] = {Slot::Kind::kInput, i};
  outputs_.reserve(plan_.outputs.size());
  for (std::uint32_t i = 0; i < plan_.outputs.size(); ++i) {
    slots_[plan_.outputs[i].node] = {Slot::Kind::kOutput, i};
    outputs_.push_back({memory_.address(plan_.outputs[i].place), 0});
  }
  const Parameters& parameters = graph_->parameters();
  for (std::uint32_t i = 0; i < parameters.size(); ++i) slots_[parameters[i].node] = {Slot::Kind::kParameter, i};
  const Parameters& states = graph_->states();
  for (std::uint32_t i = 0; i < states.size(); ++i) slots_[states[i].node] = {Slot::Kind::kState, i};
}

void Session::charge(std::size_t bytes) {
  const std::size_t before = optimizer_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  const std::size_t others = arena_bytes() + gradient_bytes() + plan_bytes() + before;
  if (options_.max_bytes == 0 || others + bytes <= options_.max_bytes) return;
  discharge(bytes);
  fail(Status::kNoMemory, "the optimiser takes ", bytes, " bytes beside the ", others,
       " of its session; the session's max_bytes allows ", options_.max_bytes);
}

std::size_t Session::gradient_bytes() const noexcept { return gradients_[0].bytes() + gradients_[1].bytes(); }

std::size_t Session::parameter_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    bytes += graph_->parameters().block_bytes(dtype) + graph_->states().block_bytes(dtype);
  }
  return bytes;
}

std::size_t Session::plan_bytes(const Plan& plan, std::size_t known_nodes, const SessionOptions& options) noexcept {
  return sizeof(Session) + Program::bytes(plan, options.threads) +
         plan.inputs.size() * (sizeof(Input) + sizeof(PlanInput)) + plan.outputs.size() * sizeof(PlanOutput) +
         plan.updates.size() * (sizeof(Update) + sizeof(UpdateRange)) +
         plan.state_updates.size() * sizeof(PlanStateUpdate) + plan.constant_data.size() * sizeof(Plan::ConstantData) +
         known_nodes * sizeof(Slot);
}

}  // namespace nadir
