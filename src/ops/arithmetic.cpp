// The gradients of arithmetic.
#include "ops/elementwise.h"

namespace nadir {

// d(-x)/dx = -1
Expr neg_gradient(const Backward& d, int) { return -d.gy; }

// d|x|/dx = sign x, 0 at 0
Expr abs_gradient(const Backward& d, int) { return d.gy * sign(d.x(0)); }

// d(x²)/dx = 2x
Expr square_gradient(const Backward& d, int) { return (2.0 * d.gy) * d.x(0); }

// d√x/dx = 1/(2√x)
Expr sqrt_gradient(const Backward& d, int) { return (0.5 * d.gy) / d.y; }

// d(1/√x)/dx = -1/(2x√x)
Expr rsqrt_gradient(const Backward& d, int) { return -((0.5 * d.gy) * d.y / d.x(0)); }

// d(1/x)/dx = -1/x²
Expr reciprocal_gradient(const Backward& d, int) { return -(d.gy * square(d.y)); }

// These are constant between their jumps.
Expr sign_gradient(const Backward&, int) { return {}; }
Expr floor_gradient(const Backward&, int) { return {}; }
Expr ceil_gradient(const Backward&, int) { return {}; }
Expr round_gradient(const Backward&, int) { return {}; }
Expr trunc_gradient(const Backward&, int) { return {}; }

// d(cx)/dx = c
Expr scale_gradient(const Backward& d, int) { return d.y.node().attributes.as<Numbers>()[0] * d.gy; }

// d(x + c)/dx = 1
Expr add_scalar_gradient(const Backward& d, int) { return d.gy; }

// 1 where x passes, its ends included, else 0
Expr clamp_gradient(const Backward& d, int) {
  const auto [low, high] = d.y.node().attributes.as<Numbers>();
  const Expr x = d.x(0);
  const Expr passes = logical_and(ge(x, filled_like(x, low)), le(x, filled_like(x, high)));
  return where(passes, d.gy, filled_like(x, 0));
}

// d(a + b)/da = d(a + b)/db = 1
Expr add_gradient(const Backward& d, int) { return d.gy; }

// d(a - b)/da = 1, d(a - b)/db = -1
Expr sub_gradient(const Backward& d, int operand) { return operand == 0 ? d.gy : -d.gy; }

// d(ab)/da = b, d(ab)/db = a
Expr mul_gradient(const Backward& d, int operand) { return d.gy * d.x(1 - operand); }

// d(a/b)/da = 1/b, d(a/b)/db = -(a/b)/b
Expr div_gradient(const Backward& d, int operand) { return operand == 0 ? d.gy / d.x(1) : -(d.gy * d.y / d.x(1)); }

// d(x/c)/dx = 1/c
Expr div_scalar_gradient(const Backward& d, int) {
  return scaled(OpId::div_scalar, d.gy, d.y.node().attributes.as<Numbers>());
}

// d(c/x)/dx = -(c/x)/x
Expr scalar_div_gradient(const Backward& d, int) { return -(d.gy * d.y / d.x(0)); }

// Constant between its jumps.
Expr floor_div_gradient(const Backward&, int) { return {}; }
Expr floor_div_scalar_gradient(const Backward&, int) { return {}; }

// d(a - b ⌊a/b⌋)/da = 1, /db = -⌊a/b⌋
Expr mod_gradient(const Backward& d, int operand) { return operand == 0 ? d.gy : -(d.gy * floor_div(d.x(0), d.x(1))); }
Expr mod_scalar_gradient(const Backward& d, int) { return d.gy; }

// 1 to the operand that was chosen, half to each of equals (as PyTorch).
Expr maximum_gradient(const Backward& d, int operand) {
  const Expr mine = d.x(operand);
  const Expr other = d.x(1 - operand);
  return where(lt(mine, other), filled_like(mine, 0), where(eq(mine, other), 0.5 * d.gy, d.gy));
}

Expr minimum_gradient(const Backward& d, int operand) {
  const Expr mine = d.x(operand);
  const Expr other = d.x(1 - operand);
  return where(gt(mine, other), filled_like(mine, 0), where(eq(mine, other), 0.5 * d.gy, d.gy));
}

// A mask has no gradient; what is chosen passes its own on.
Expr where_gradient(const Backward& d, int operand) {
  if (operand == 0) return {};
  const Expr zero = filled_like(d.gy, 0);
  return operand == 1 ? where(d.x(0), d.gy, zero) : where(d.x(0), zero, d.gy);
}

// Between floats the derivative is 1; integers and masks have none.
Expr cast_gradient(const Backward& d, int) {
  const DType from = d.x(0).dtype();
  return is_float(from) && is_float(d.y.dtype()) ? cast(d.gy, from) : Expr();
}

Expr logical_not_gradient(const Backward&, int) { return {}; }
Expr stop_gradient_gradient(const Backward&, int) { return {}; }

}  // namespace nadir
