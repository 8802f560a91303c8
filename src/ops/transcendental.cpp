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

// d(atan2(a, b))/da = b/(a² + b²), /db = -a/(a² + b²)
Expr atan2_gradient(const Backward& d, int operand) {
  const Expr share = d.gy * d.x(1 - operand) / (square(d.x(0)) + square(d.x(1)));
  return operand == 0 ? share : -share;
}

// d(a^b)/da = b a^(b-1), 0 for b = 0; /db = a^b ln a, 0 for a = 0 and b >= 0
Expr pow_gradient(const Backward& d, int operand) {
  const Expr a = d.x(0);
  const Expr b = d.x(1);
  const Expr zero = filled_like(d.gy, 0);
  if (operand == 0) return where(eq(b, zero), zero, d.gy * (b * pow(a, add_scalar(b, -1))));
  return where(logical_and(eq(a, zero), ge(b, zero)), zero, d.gy * (d.y * log(a)));
}

// d(x^c)/dx = c x^(c-1), 0 for c = 0
Expr pow_scalar_gradient(const Backward& d, int) {
  const double c = d.y.node().attributes.as<Numbers>()[0];
  if (c == 0) return {};
  return (c * d.gy) * pow_scalar(d.x(0), c - 1);
}

// d(c^x)/dx = c^x ln c, 0 for c = 0 and x >= 0
Expr scalar_pow_gradient(const Backward& d, int) {
  const double c = d.y.node().attributes.as<Numbers>()[0];
  const Expr gradient = scale(d.gy * d.y, std::log(c));
  if (c != 0) return gradient;
  const Expr zero = filled_like(d.gy, 0);
  return where(ge(d.x(0), zero), zero, gradient);
}

// d(sinh x)/dx = cosh x
Expr sinh_gradient(const Backward& d, int) { return d.gy * cosh(d.x(0)); }

// d(cosh x)/dx = sinh x
Expr cosh_gradient(const Backward& d, int) { return d.gy * sinh(d.x(0)); }

// d(tanh x)/dx = 1 - tanh² x
Expr tanh_gradient(const Backward& d, int) { return d.gy * one_minus(square(d.y)); }

// d(erf x)/dx = 2/√π exp(-x²)
Expr erf_gradient(const Backward& d, int) { return (2 * std::numbers::inv_sqrtpi * d.gy) * exp(neg(square(d.x(0)))); }

// d(erfc x)/dx = -2/√π exp(-x²)
Expr erfc_gradient(const Backward& d, int) { return (-2 * std::numbers::inv_sqrtpi * d.gy) * exp(neg(square(d.x(0)))); }

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

// With the normal distribution Φ and its density φ: d(x Φ(x))/dx = Φ(x) + x φ(x)
Expr gelu_gradient(const Backward& d, int) {
  const Expr x = d.x(0);
  const Expr distribution = scale(erfc(scale(x, -1 / std::numbers::sqrt2)), 0.5);
  const Expr density = scale(exp(scale(square(x), -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return d.gy * (distribution + x * density);
}

// With u = k (x + c x³), s = σ(2u): d(x s)/dx = s + x s (1 - s) 2k (1 + 3c x²)
Expr gelu_tanh_gradient(const Backward& d, int) {
  constexpr double kTwiceK = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  constexpr double kC = 0.044715;
  const Expr x = d.x(0);
  const Expr twice_u = scale(x * add_scalar(scale(square(x), kC), 1), kTwiceK);
  const Expr s = sigmoid(twice_u);
  const Expr slope = scale(add_scalar(scale(square(x), 3 * kC), 1), kTwiceK);
  return d.gy * (s + x * (s * one_minus(s)) * slope);
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
