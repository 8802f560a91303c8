// Levenberg and Marquardt's method for least squares (Levenberg 1944; Marquardt, "An algorithm for least-squares estimation of
// nonlinear parameters", 1963), for problems of few parameters.
#pragma once

#include "optim/optimizer.h"

namespace nadir {

class LevenbergMarquardt final : public Optimizer {
 public:
  // Reads its options; compiles a session of its own for the residuals and their derivatives. Throws.
  LevenbergMarquardt(Session& session, Expr residuals, Options& options);

  Status step(const char* function) override;
  Status train_step(double& loss) override;
  Status set(std::string_view name, double value) override;
  bool get(std::string_view name, double& value) const noexcept override;
  Status attach(Session& session) override;

 private:
  enum Number { kLambda, kMaxIter, kUp, kDown, kToleranceGrad, kToleranceChange, kNumbers };
  static const Setting kSettings[kNumbers];

  Momentum momentum_to_cycle() const noexcept override { return Momentum::kNoRate; }
  void end() noexcept override { unmake(session_->graph().host(), this); }
  double* vector(std::size_t which) noexcept { return reinterpret_cast<double*>(block_->data()) + which * size_; }
  Status run(const char* function) noexcept;
  Status iterate(double& squares) noexcept;
  // The sum of squares of the residuals, at the parameters that are in `values`.
  Status evaluate(const double* values, double& squares) noexcept;
  Status linearise() noexcept;
  bool solve() noexcept;
  void write_values(const double* values) noexcept;

  std::array<double, kNumbers> numbers_;
  Ref<Session> jacobian_;               // gives the residuals, and J v for a vector v among its inputs
  std::pmr::vector<double*> tangents_;  // the inputs that are v, one a parameter of the model
  std::size_t size_ = 0;                // of all parameters
  std::size_t most_residuals_ = 0;
  // Vectors of parameters: the present ones, those to try, the gradient, the step; then JᵀJ and its factor; then J, a row a
  // parameter, and the residuals.
  enum Vector : std::size_t { kStart, kValues, kTrial, kGradient, kStep, kVectors };
  double* normal() noexcept { return vector(kVectors); }
  double* factor() noexcept { return normal() + size_ * size_; }
  double* column(std::size_t index) noexcept { return factor() + size_ * size_ + index * most_residuals_; }
  std::optional<Block> block_;
};

}  // namespace nadir
