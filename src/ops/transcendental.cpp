// The gradients of exponentials, logarithms and angles, and of the activations made of them.
#include <cmath>
#include <numbers>

#include "ops/elementwise.h"

namespace nadir {

namespace {

// 1 + x and 1 - x
Expr one_plus(Expr x) { return add_scalar(x, 1); }
Expr one_minus(Expr x) { return add_scalar(neg(x), 1); }

}  // namespace

// d(exp x)/dx = exp x
Expr exp_gradient(const Backward& d, int) { return d.gy * d.y; }

// d(exp x - 1)/dx = exp x
Expr expm1_gradient(const Backward& d, int) { return d.gy * one_plus(d.y); }

// d(log x)/dx = 1/x
Expr log_gradient(const Backward& d, int) { return d.gy / d.x(0); }

// d(log(1 + x))/dx = 1/(1 + x)
Expr log1p_gradient(const Backward& d, int) { return d.gy / one_plus(d.x(0)); }

// d(log₂ x)/dx = 1/(x ln 2)
Expr log2_gradient(const Backward& d, int) { return (std::numbers::log2e * d.gy) / d.x(0); }

// d(sin x)/dx = cos x
Expr sin_gradient(const Backward& d, int) { return d.gy * cos(d.x(0)); }

// d(cos x)/dx = -sin x
Expr cos_gradient(const Backward& d, int) { return -(d.gy * sin(d.x(0))); }

// d(tan x)/dx = 1 + tan² x
Expr tan_gradient(const Backward& d, int) { return d.gy * one_plus(square(d.y)); }

// d(asin x)/dx = 1/√(1 - x²)
Expr asin_gradient(const Backward& d, int) { return d.gy * rsqrt(one_minus(square(d.x(0)))); }

// d(acos x)/dx = -1/√(1 - x²)
Expr acos_gradient(const Backward& d, int) { return -(d.gy * rsqrt(one_minus(square(d.x(0))))); }

// d(atan x)/dx = 1/(1 + x²)
Expr atan_gradient(const Backward& d, int) { return d.gy / one_plus(square(d.x(0))); }

// d(sinh x)/dx = cosh x
Expr sinh_gradient(const Backward& d, int) { return d.gy * cosh(d.x(0)); }

// d(cosh x)/dx = sinh x
Expr cosh_gradient(const Backward& d, int) { return d.gy * sinh(d.x(0)); }

// d(tanh x)/dx = 1 - tanh² x
Expr tanh_gradient(const Backward& d, int) { return d.gy * one_minus(square(d.y)); }

// dσ(x)/dx = σ(x) (1 - σ(x))
Expr sigmoid_gradient(const Backward& d, int) { return d.gy * (d.y * one_minus(d.y)); }

// d(log σ(x))/dx = σ(-x)
Expr log_sigmoid_gradient(const Backward& d, int) { return d.gy * sigmoid(neg(d.x(0))); }

// d(x σ(x))/dx = σ(x) + x σ(x) (1 - σ(x))
Expr silu_gradient(const Backward& d, int) {
  const Expr s = sigmoid(d.x(0));
  return d.gy * (s + d.y * one_minus(s));
}

// With t = tanh(softplus x): d(x t)/dx = t + x (1 - t²) σ(x)
Expr mish_gradient(const Backward& d, int) {
  const Expr x = d.x(0);
  const Expr t = tanh(scaled(OpId::softplus, x, {1, 20}));
  return d.gy * (t + x * (one_minus(square(t)) * sigmoid(x)));
}

// 1 for x > 0, else α exp x, which is y + α
Expr elu_gradient(const Backward& d, int) {
  const double alpha = d.y.node().attributes.as<Numbers>()[0];
  return where(gt(d.x(0), filled_like(d.gy, 0)), d.gy, d.gy * add_scalar(d.y, alpha));
}

// λ for x > 0, else λ α exp x, which is y + λ α
Expr selu_gradient(const Backward& d, int) {
  constexpr double kScale = 1.0507009873554804934193349852946;
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  return where(gt(d.x(0), filled_like(d.gy, 0)), kScale * d.gy, d.gy * add_scalar(d.y, kScale * kAlpha));
}

// d(log(1 + exp βx) / β)/dx = σ(βx), and 1 beyond the threshold
Expr softplus_gradient(const Backward& d, int) {
  const auto [beta, threshold] = d.y.node().attributes.as<Numbers>();
  const Expr z = beta * d.x(0);
  return where(gt(z, filled_like(d.gy, threshold)), d.gy, d.gy * sigmoid(z));
}

}  // namespace nadir
