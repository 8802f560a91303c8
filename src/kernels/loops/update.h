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
