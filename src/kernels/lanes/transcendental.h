// Elementwise functions beyond arithmetic, of vectors alone.
#pragma once

#include "kernels/mathematics.h"

namespace nadir {
namespace {
namespace lanes {

// What marks them.
struct OfPacks {
  static constexpr bool kPacksOnly = true;
};

struct exp : OfPacks {
  template <class V>
  static V at(V x) {
    return math::exp(x);
  }
};

struct expm1 : OfPacks {
  template <class V>
  static V at(V x) {
    return math::expm1(x);
  }
};

struct log : OfPacks {
  template <class V>
  static V at(V x) {
    return math::log(x);
  }
};

struct log1p : OfPacks {
  template <class V>
  static V at(V x) {
    return math::log1p(x);
  }
};

struct log2 : OfPacks {
  template <class V>
  static V at(V x) {
    return math::log2(x);
  }
};

struct sin : OfPacks {
  template <class V>
  static V at(V x) {
    return math::sin(x);
  }
};

struct cos : OfPacks {
  template <class V>
  static V at(V x) {
    return math::cos(x);
  }
};

struct tan : OfPacks {
  template <class V>
  static V at(V x) {
    return math::tan(x);
  }
};

struct asin : OfPacks {
  template <class V>
  static V at(V x) {
    return math::asin(x);
  }
};

struct acos : OfPacks {
  template <class V>
  static V at(V x) {
    return math::acos(x);
  }
};

struct atan : OfPacks {
  template <class V>
  static V at(V x) {
    return math::atan(x);
  }
};

struct sinh : OfPacks {
  template <class V>
  static V at(V x) {
    return math::sinh(x);
  }
};

struct cosh : OfPacks {
  template <class V>
  static V at(V x) {
    return math::cosh(x);
  }
};

struct tanh : OfPacks {
  template <class V>
  static V at(V x) {
    return math::tanh(x);
  }
};

struct sigmoid : OfPacks {
  template <class V>
  static V at(V x) {
    return math::sigmoid(x);
  }
};

// min(x, 0) - log(1 + exp(-|x|))
struct log_sigmoid : OfPacks {
  template <class V>
  static V at(V x) {
    return -math::softplus(-x);
  }
};

struct silu : OfPacks {
  template <class V>
  static V at(V x) {
    return x * math::sigmoid(x);
  }
};

// tanh(log(1 + w)) = n / (n + 2) with w = exp(x), n = w (w + 2); beyond 20 it is 1.
struct mish : OfPacks {
  template <class V>
  static V at(V x) {
    const V two = Width<V>::splat(2);
    const V limit = Width<V>::splat(20);
    const V w = math::exp(choose_greater(x, limit, limit, x));
    const V n = w * (w + two);
    return choose_greater(x, limit, x, x * (n / (n + two)));
  }
};

struct erf : OfPacks {
  template <class V>
  static V at(V x) {
    return math::erf(x);
  }
};

struct erfc : OfPacks {
  template <class V>
  static V at(V x) {
    return math::erfc(x);
  }
};

struct gelu : OfPacks {
  template <class V>
  static V at(V x) {
    return math::gelu(x);
  }
};

// x (1 + tanh u) / 2 = x σ(2u)
struct gelu_tanh : OfPacks {
  template <class V>
  static V at(V x) {
    using T = typename Width<V>::Number;
    const V twice_root = Width<V>::splat(T(1.5957691216057307117597842397375));  // 2 √(2/π)
    const V cube = Width<V>::splat(T(0.044715)) * (x * x * x);
    return x * math::sigmoid(twice_root * (x + cube));
  }
};

struct elu : OfPacks {
  template <class V>
  static V at(V x, V alpha, V) {
    return choose_greater(x, Width<V>::splat(0), x, alpha * math::expm1(x));
  }
};

// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
struct selu : OfPacks {
  template <class V>
  static V at(V x) {
    using T = typename Width<V>::Number;
    const V scale = Width<V>::splat(T(1.0507009873554804934193349852946));
    const V alpha = Width<V>::splat(T(1.6732632423543772848170429916717));
    return scale * choose_greater(x, Width<V>::splat(0), x, alpha * math::expm1(x));
  }
};

struct softplus : OfPacks {
  template <class V>
  static V at(V x, V beta, V threshold) {
    const V z = beta * x;
    return choose_greater(z, threshold, x, math::softplus(z) / beta);
  }
};

}  // namespace lanes
}  // namespace
}  // namespace nadir
