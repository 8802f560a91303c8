// The gradients of activations. At their kinks they take PyTorch's side.
#include "ops/elementwise.h"

namespace nadir {

namespace {

Expr number(const Backward& d, double value) { return filled_like(d.gy, value); }

}  // namespace

// 0 for x <= 0, which is where y <= 0, else 1; NaN passes its gradient on. By y, x is needed no longer.
Expr relu_gradient(const Backward& d, int) { return where(le(d.y, number(d, 0)), number(d, 0), d.gy); }

// 0 for x <= 0 and x >= 6, else 1
Expr relu6_gradient(const Backward& d, int) {
  const Expr is_cut = logical_or(le(d.x(0), number(d, 0)), ge(d.x(0), number(d, 6)));
  return where(is_cut, number(d, 0), d.gy);
}

// 1 for x > 0, else the slope
Expr leaky_relu_gradient(const Backward& d, int) {
  const double slope = d.y.node().attributes.as<Numbers>()[0];
  return where(gt(d.x(0), number(d, 0)), d.gy, slope * d.gy);
}

// d(x / (1 + |x|))/dx = 1 / (1 + |x|)²
Expr softsign_gradient(const Backward& d, int) { return d.gy / square(add_scalar(abs(d.x(0)), 1)); }

// 1/6 for -3 < x < 3, else 0
Expr hard_sigmoid_gradient(const Backward& d, int) {
  const Expr is_between = logical_and(gt(d.x(0), number(d, -3)), lt(d.x(0), number(d, 3)));
  return where(is_between, (1.0 / 6) * d.gy, number(d, 0));
}

// 0 for x < -3, x/3 + 1/2 up to 3, then 1
Expr hard_swish_gradient(const Backward& d, int) {
  const Expr slope = add_scalar(scale(d.x(0), 1.0 / 3), 0.5);
  const Expr rising = where(le(d.x(0), number(d, 3)), d.gy * slope, d.gy);
  return where(lt(d.x(0), number(d, -3)), number(d, 0), rising);
}

}  // namespace nadir
