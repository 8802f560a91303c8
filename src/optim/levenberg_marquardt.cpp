#include "optim/levenberg_marquardt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "autodiff/gradients.h"
#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/reduction.h"

namespace nadir {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A session for the residuals r and J v. The product with the Jacobian is the derivative, with respect to u, of (Jᵀ u) · v.
struct Derivatives {
  Session* session;
  std::pmr::vector<NodeIndex> tangents;
};

Derivatives compile_derivatives(Session& session, Expr residuals) {
  Graph& graph = session.graph();
  const Graph::Transaction nodes_are_temporary(graph);
  std::pmr::vector<NodeIndex> parameters(&graph.host());
  for (const Parameter& parameter : graph.parameters()) {
    if (session.trains(parameter)) parameters.push_back(parameter.node);
  }
  const Expr upstream = argument(graph, residuals.dtype(), residuals.shape());
  std::pmr::vector<NodeIndex> products(parameters.size(), kNoNode, &graph.host());
  gradients(residuals, upstream, parameters, products);

  Derivatives result{nullptr, std::pmr::vector<NodeIndex>(&graph.host())};
  Expr along;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Expr product(graph, products[i]);
    const Expr tangent = argument(graph, product.dtype(), product.shape());
    result.tangents.push_back(tangent.index());
    const Expr part = sum(mul(product, tangent), AxisSet::all(product.shape().rank()), false);
    along = i == 0 ? part : add(along, part);
  }
  const NodeIndex from = upstream.index();
  NodeIndex directional = kNoNode;
  gradients(along, Expr(), std::span(&from, 1), std::span(&directional, 1));

  const NodeIndex outputs[] = {residuals.index(), directional};
  Wanted wanted;
  wanted.outputs = outputs;
  wanted.max_batch = session.max_batch();
  result.session = Session::create(graph, wanted, {});
  return result;
}

void check_residuals(const Session& session, Expr residuals) {
  if (residuals.dtype() != DType::kF64) {
    fail(Status::kDType, "residuals ", residuals, " are ", name_of(residuals.dtype()), "; wants f64");
  }
  for (const Update& update : session.updates()) {
    if (update.dtype != DType::kF64) fail(Status::kDType, "the session trains parameters of f32; wants f64");
  }
  const Graph& graph = session.graph();
  std::pmr::vector<bool> is_needed(graph.size(), false, &graph.host());
  is_needed[residuals.index()] = true;
  bool is_trained = false;
  for (NodeIndex index = residuals.index() + 1; index-- > 0;) {
    if (!is_needed[index]) continue;
    for (const NodeIndex input : graph[index].inputs) is_needed[input] = true;
    if (id_of(graph[index]) == OpId::input && !session.uses_input(index)) {
      fail(Status::kArgument, "residuals ", residuals, " depend on the input \"", graph[index].name(),
           "\", which the session does not use");
    }
    if (id_of(graph[index]) != OpId::param) continue;
    is_trained = is_trained || session.trains(*graph.parameters().find(index));
  }
  if (!is_trained) fail(Status::kArgument, "residuals ", residuals, " depend on no parameter of the session");
}

}  // namespace

const Setting LevenbergMarquardt::kSettings[] = {{"lambda", 1e-3, 1e-300, 1e300},
                                                 {"max_iter", 20, 1, 1e9, Setting::Kind::kNumber},
                                                 {"up", 10, 1.0000001, 1e9},
                                                 {"down", 10, 1, 1e9},
                                                 {"tolerance_grad", 1e-10, 0, kInfinity},
                                                 {"tolerance_change", 1e-12, 0, kInfinity}};

LevenbergMarquardt::LevenbergMarquardt(Session& session, Expr residuals, Options& options)
    : Optimizer(session, "lm_new"), jacobian_(session_), tangents_(resource()) {
  for (std::size_t i = 0; i < kNumbers; ++i) numbers_[i] = read_setting(options, kSettings[i], kSettings[i].otherwise);
  options.finish();
  check_residuals(session, residuals);
  const Derivatives derivatives = compile_derivatives(session, residuals);
  jacobian_ = Ref<Session>::adopt(derivatives.session);
  for (const NodeIndex tangent : derivatives.tangents) tangents_.push_back(jacobian_->fill_input(tangent));

  for (const Update& update : session.updates()) size_ += static_cast<std::size_t>(update.count);
  const Extent elements = residuals.shape().count();
  const double most = static_cast<double>(elements.factor) * std::pow(session.max_batch(), elements.power);
  const double n = static_cast<double>(size_);
  if (n * (n + most) > 1e14)
    fail(Status::kNoMemory, "the Jacobian of ", most, " residuals by ", n, " parameters is too large");
  most_residuals_ = static_cast<std::size_t>(elements.at(session.max_batch()));
  const std::size_t bytes = (kVectors * size_ + 2 * size_ * size_ + (size_ + 1) * most_residuals_) * sizeof(double);
  charge(bytes + jacobian_->total_bytes());
  block_.emplace(bytes, resource());
  add_numbers(state_, "step", {}, &steps_, 1);
  add_numbers(state_, "lambda", {}, &numbers_[kLambda], 1);
}

Status LevenbergMarquardt::set(std::string_view name, double value) {
  for (std::size_t i = 0; i < kNumbers; ++i) {
    if (name != kSettings[i].name) continue;
    check_setting(kSettings[i], value);
    return change([&] { numbers_[i] = value; });
  }
  refuse_setting(name, kSettings);
}

bool LevenbergMarquardt::get(std::string_view name, double& value) const noexcept {
  for (std::size_t i = 0; i < kNumbers; ++i) {
    if (name == kSettings[i].name) return value = numbers_[i], true;
  }
  if (name == "step") return value = steps_, true;
  return false;
}

Status LevenbergMarquardt::attach(Session&) {
  fail(Status::kArgument, "lm_new: the residuals belong to the session; make another optimiser");
}

Status LevenbergMarquardt::step(const char* function) {
  return session_->inside(Gate::Access::kWrite, [&] { return run(function); });
}

Status LevenbergMarquardt::train_step(double& loss) {
  return session_->inside(Gate::Access::kWrite, [&] {
    const Status status = session_->evaluate_loss(loss);
    return status == Status::kOk ? run("train_step") : status;
  });
}

Status LevenbergMarquardt::run(const char* function) noexcept {
  Status status = jacobian_->adopt_inputs(*session_, function);
  if (status != Status::kOk) return status;
  double* next = vector(kStart);
  for (const Update& update : session_->updates()) {
    next = std::copy_n(reinterpret_cast<const double*>(update.values), update.count, next);
  }
  std::memcpy(vector(kValues), vector(kStart), size_ * sizeof(double));
  const double lambda = numbers_[kLambda];
  double squares = 0;
  status = evaluate(vector(kValues), squares);
  if (status == Status::kOk) status = std::isfinite(squares) ? iterate(squares) : Status::kNotFinite;
  if (status != Status::kOk) {
    numbers_[kLambda] = lambda;
    write_values(vector(kStart));
    return session_->refuse(status, function,
                            status == Status::kNotFinite ? "a residual or its derivative is NaN or infinite"
                                                         : jacobian_->error().message());
  }
  write_values(vector(kValues));
  steps_ += 1;
  session_->commit();
  return session_->done();
}

void LevenbergMarquardt::write_values(const double* values) noexcept {
  for (const Update& update : session_->updates()) {
    std::copy_n(values, update.count, reinterpret_cast<double*>(update.values));
    values += update.count;
  }
}

Status LevenbergMarquardt::evaluate(const double* values, double& squares) noexcept {
  write_values(values);
  const Status status = jacobian_->run_alone();
  const auto residuals = jacobian_->output(0);
  squares = 0;
  for (const double r : residuals) squares += r * r;
  return status;
}

// J, Jᵀ J and Jᵀ r at the present values, at which the residuals were computed last.
Status LevenbergMarquardt::linearise() noexcept {
  const auto residuals = jacobian_->output(0);
  const std::size_t m = residuals.size();
  double* const kept = column(size_);
  std::copy(residuals.begin(), residuals.end(), kept);
  std::size_t index = 0;
  std::size_t tangent = 0;
  for (const Parameter& parameter : session_->graph().parameters()) {
    if (!session_->trains(parameter)) continue;
    double* const v = tangents_[tangent++];
    for (std::int64_t i = 0; i < parameter.count; ++i) {
      v[i] = 1;
      const Status status = jacobian_->run_alone();
      v[i] = 0;
      if (status != Status::kOk) return status;
      const auto derivative = jacobian_->output(1);
      std::copy(derivative.begin(), derivative.end(), column(index++));
    }
  }
  const auto dot = [m](const double* a, const double* b) {
    double sum = 0;
    for (std::size_t k = 0; k < m; ++k) sum += a[k] * b[k];
    return sum;
  };
  bool is_finite = true;
  for (std::size_t i = 0; i < size_; ++i) {
    vector(kGradient)[i] = dot(column(i), kept);
    is_finite = is_finite && std::isfinite(vector(kGradient)[i]);
    for (std::size_t j = 0; j <= i; ++j) normal()[i * size_ + j] = dot(column(i), column(j));
  }
  return is_finite ? Status::kOk : Status::kNotFinite;
}

// Solves (JᵀJ + lambda diag(JᵀJ)) step = -Jᵀr by Cholesky's factorisation; false if the matrix is not positive definite.
bool LevenbergMarquardt::solve() noexcept {
  const std::size_t n = size_;
  double* const l = factor();
  double* const x = vector(kStep);
  for (std::size_t i = 0; i < n; ++i) {
    const double diagonal = normal()[i * n + i];
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = normal()[i * n + j];
      if (i == j) sum += numbers_[kLambda] * (diagonal > 0 ? diagonal : 1);
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      if (i == j && !(sum > 0)) return false;
      l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    double sum = -vector(kGradient)[i];
    for (std::size_t k = 0; k < i; ++k) sum -= l[i * n + k] * x[k];
    x[i] = sum / l[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    double sum = x[i];
    for (std::size_t k = i + 1; k < n; ++k) sum -= l[k * n + i] * x[k];
    x[i] = sum / l[i * n + i];
  }
  return true;
}

Status LevenbergMarquardt::iterate(double& squares) noexcept {
  constexpr double kGreatestLambda = 1e16;
  constexpr double kLeastLambda = 1e-15;
  const auto greatest = [this](const double* a) {
    double most = 0;
    for (std::size_t i = 0; i < size_; ++i) most = std::max(most, std::abs(a[i]));
    return most;
  };
  double& lambda = numbers_[kLambda];
  for (double iteration = 0; iteration < numbers_[kMaxIter]; ++iteration) {
    Status status = linearise();
    if (status != Status::kOk) return status;
    if (greatest(vector(kGradient)) <= numbers_[kToleranceGrad]) break;
    bool is_better = false;
    double next = 0;
    while (!is_better && lambda <= kGreatestLambda) {
      if (solve()) {
        for (std::size_t i = 0; i < size_; ++i) vector(kTrial)[i] = vector(kValues)[i] + vector(kStep)[i];
        status = evaluate(vector(kTrial), next);
        if (status != Status::kOk) return status;
        is_better = next < squares;
      }
      lambda = is_better ? std::max(lambda / numbers_[kDown], kLeastLambda) : lambda * numbers_[kUp];
    }
    lambda = std::min(lambda, kGreatestLambda);
    if (!is_better) break;
    const bool is_still = squares - next <= numbers_[kToleranceChange] * squares ||
                          greatest(vector(kStep)) <= numbers_[kToleranceChange] * greatest(vector(kValues));
    squares = next;
    std::memcpy(vector(kValues), vector(kTrial), size_ * sizeof(double));
    if (is_still) break;
  }
  return Status::kOk;
}

}  // namespace nadir
