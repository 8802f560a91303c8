// Passes over parameters and gradients.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

template <class V, class T>
void sgd_at(T* values, const T* gradients, T rate) {
  const V step = Width<V>::splat(rate) * Width<V>::load(gradients);
  Width<V>::store(Width<V>::load(values) - step, values);
}

template <class T>
void sgd_kernel(const Arguments& arguments) noexcept {
  const UpdateArguments& u = arguments.update;
  T* values = static_cast<T*>(u.values);
  const T* gradients = static_cast<const T*>(u.gradients);
  const T rate = static_cast<T>(u.rate);
  std::int64_t i = 0;
  for (; i + Pack<T>::size <= u.count; i += Pack<T>::size) sgd_at<Pack<T>>(values + i, gradients + i, rate);
  for (; i < u.count; ++i) sgd_at<T>(values + i, gradients + i, rate);
}

// The numbers of a rule, in the width that they are used in.
template <class V>
struct Rule {
  using T = typename Width<V>::Number;

  explicit Rule(const RuleArguments& r)
      : sign(splat(r.sign)),
        decay(splat(r.decay)),
        first_keep(splat(r.first_keep)),
        first_take(splat(r.first_take)),
        second_keep(splat(r.second_keep)),
        second_take(splat(r.second_take)),
        from_first(splat(r.from_first)),
        from_gradient(splat(r.from_gradient)),
        root(splat(r.root)),
        epsilon(splat(r.epsilon)),
        velocity_keep(splat(r.velocity_keep)),
        keep(splat(r.keep)),
        rate(splat(r.rate)),
        average_keep(splat(r.average_keep)),
        average_take(splat(1 - r.average_keep)) {}

  static V splat(double number) { return Width<V>::splat(static_cast<T>(number)); }
  static V load(const void* from, std::int64_t i) { return Width<V>::load(static_cast<const T*>(from) + i); }
  static void store(V v, void* to, std::int64_t i) { Width<V>::store(v, static_cast<T*>(to) + i); }

  // At element i on. The branches are the same for every element. `is_plain`: Adam's way through them, known beforehand.
  template <bool is_plain>
  void apply(const RuleArguments& r, std::int64_t i) const {
    const V zero = splat(0);
    const V w = load(r.values, i);
    V g = load(r.gradients, i);
    if constexpr (!is_plain) g = sign * g;
    if (!is_plain && r.decay != 0) g = g + decay * w;
    V d = from_gradient * g;
    V m = zero;
    if (is_plain || r.first) {
      const V before = load(r.first, i);
      m = first_keep * before + first_take * g;
      store(m, r.first, i);
      if constexpr (is_plain) {
        d = m;
      } else {
        d = from_first * (r.uses_sign ? before : m) + d;
      }
    }
    if (!is_plain && r.uses_sign) {
      const V one = splat(1);
      d = choose_greater(d, zero, one, choose_less(d, zero, -one, d));
    }
    if (is_plain || r.second) {
      V v = second_keep * load(r.second, i);
      if (!is_plain && r.uses_maximum) {
        const V size = absolute(g) + epsilon;
        v = choose_less(v, size, size, v);
        store(v, r.second, i);
        d = d / v;
      } else {
        v = v + second_take * (g * g);
        store(v, r.second, i);
        if (!is_plain && r.is_centred) v = v - m * m;
        if (!is_plain && r.greatest) {
          const V before = load(r.greatest, i);
          v = choose_less(before, v, v, before);
          store(v, r.greatest, i);
        }
        d = d / (root * square_root(v) + epsilon);
      }
    }
    if (!is_plain && r.velocity) {
      d = velocity_keep * load(r.velocity, i) + d;
      store(d, r.velocity, i);
    }
    const V after = keep * w - rate * d;
    store(after, r.values, i);
    if (!is_plain && r.average) {
      store(average_keep * load(r.average, i) + average_take * after, r.average, i);
    }
  }

  V sign, decay, first_keep, first_take, second_keep, second_take, from_first, from_gradient, root, epsilon,
      velocity_keep, keep, rate, average_keep, average_take;
};

template <bool is_plain, class T>
[[gnu::noinline]] void run_rule(const RuleArguments& r) {
  std::int64_t i = 0;
  const Rule<Pack<T>> packed(r);
  for (; i + Pack<T>::size <= r.count; i += Pack<T>::size) packed.template apply<is_plain>(r, i);
  const Rule<T> single(r);
  for (; i < r.count; ++i) single.template apply<is_plain>(r, i);
}

template <class T>
void rule_kernel(const Arguments& arguments) noexcept {
  const RuleArguments& r = *arguments.rule;
  const bool is_adam = r.first && r.second && !r.greatest && !r.velocity && !r.average && !r.is_centred &&
                       !r.uses_maximum && !r.uses_sign && r.sign == 1 && r.decay == 0 && r.from_first == 1 &&
                       r.from_gradient == 0;
  is_adam ? run_rule<true, T>(r) : run_rule<false, T>(r);
}

// x * 0 is 0 for a finite x and NaN otherwise.
template <class T>
bool all_finite_kernel(const void* values, std::int64_t count) noexcept {
  const T* x = static_cast<const T*>(values);
  const auto zero = Pack<T>::splat(0);
  auto zeros = zero;
  std::int64_t i = 0;
  for (; i + Pack<T>::size <= count; i += Pack<T>::size) zeros = zeros + Pack<T>::load(x + i) * zero;
  T lanes[Pack<T>::size];
  zeros.store(lanes);
  T total = 0;
  for (const T lane : lanes) total += lane;
  for (; i < count; ++i) total += x[i] * T{0};
  return total == 0;
}

}  // namespace
}  // namespace nadir
