// Limited-memory BFGS (Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989; the line
// search: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6). The order of the computation is
// PyTorch's.
#pragma once

#include "optim/optimizer.h"

namespace nadir {

class Lbfgs final : public Optimizer {
 public:
  // Reads its options. Throws.
  Lbfgs(Session& session, double rate, Options& options);

  Status step(const char* function) override;
  Status train_step(double& loss) override;
  Status set(std::string_view name, double value) override;
  bool get(std::string_view name, double& value) const noexcept override;

 private:
  // Vectors as long as all parameters, in f64. What outlives a step stands first.
  enum Vector {
    kDirection,
    kPreviousGradient,
    kStart,
    kStartDirection,
    kStartGradient,
    kPoint,
    kGradient,
    kTrial,
    kLow,
    kHigh,
    kVectors
  };
  // What outlives a step, besides.
  struct Progress {
    double iterations = 0;
    double length = 0;  // of the last step along the direction
    double scale = 1;   // of the first guess of the inverse Hessian
    double first = 0;   // the oldest difference in the ring, and how many there are
    double kept = 0;
  };
  // A point along the direction.
  struct Trial {
    double length;
    double loss;
    double slope;
    double* gradient;
  };

  Momentum momentum_to_cycle() const noexcept override { return Momentum::kNone; }
  void end() noexcept override { unmake(session_->graph().host(), this); }
  double* vector(int which) noexcept { return numbers() + static_cast<std::size_t>(which) * size_; }
  double* numbers() noexcept { return reinterpret_cast<double*>(block_->data()); }
  // Difference number `index`, from the oldest on: of gradients, of points, and their product.
  double* change_of_gradient(double index) noexcept;
  double* change_of_point(double index) noexcept { return change_of_gradient(index) + size_; }
  double& curvature(double index) noexcept;
  double& factor_of(double index) noexcept;
  std::size_t place(double index) const noexcept;

  Status run(const char* function, double& loss) noexcept;
  // kNotFinite: it led to a loss that is not finite.
  Status iterate(double loss) noexcept;
  void remember() noexcept;
  void find_direction() noexcept;
  Status search(Trial& best, double slope) noexcept;
  Status try_length(Trial& trial) noexcept;
  Status evaluate(double& loss, double* gradient) noexcept;
  void gather_values(double* to) const noexcept;
  void scatter_values(const double* from, double length) noexcept;
  double dot(const double* a, const double* b) const noexcept;
  double greatest(const double* a) const noexcept;

  double rate_;
  double max_iter_;
  double max_eval_;
  double tolerance_grad_;
  double tolerance_change_;
  double history_;
  bool searches_;
  std::size_t size_ = 0;  // of a vector
  std::size_t ring_ =
      0;  // differences that there is room for: what a step adds never replaces what it may have to go back to
  double evaluations_ = 0;  // in this step
  Progress progress_;
  std::optional<Block> block_;
};

}  // namespace nadir
