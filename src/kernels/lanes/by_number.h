// Elementwise functions of the C library, number by number: they are exact, or nearly so, in every corner, which vectors would take
// many instructions for.
#pragma once

#include "kernels/simd.h"

namespace nadir {
namespace {
namespace lanes {

// What marks them.
struct OfNumbers {
  static constexpr bool kNumbersOnly = true;
};

namespace library {

inline float fmod(float a, float b) { return __builtin_fmodf(a, b); }
inline double fmod(double a, double b) { return __builtin_fmod(a, b); }
inline float floor(float x) { return __builtin_floorf(x); }
inline double floor(double x) { return __builtin_floor(x); }
inline float pow(float a, float b) { return __builtin_powf(a, b); }
inline double pow(double a, double b) { return __builtin_pow(a, b); }
inline float atan2(float a, float b) { return __builtin_atan2f(a, b); }
inline double atan2(double a, double b) { return __builtin_atan2(a, b); }

}  // namespace library

struct mod : OfNumbers {
  template <class T>
  static T at(T a, T b) {
    const T rest = library::fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
};

// (a - rest) / b is a whole number but for rounding.
struct floor_div : OfNumbers {
  template <class T>
  static T at(T a, T b) {
    if (b == 0) return a / b;
    const T rest = library::fmod(a, b);
    const bool is_below = rest != 0 && (rest < 0) != (b < 0);
    const T quotient = (a - rest) / b - (is_below ? T(1) : T(0));
    if (quotient == 0) return T(0) * (a / b);  // with the sign of a / b
    const T below = library::floor(quotient);
    return quotient - below > T(0.5) ? below + 1 : below;
  }
};

struct pow : OfNumbers {
  template <class T>
  static T at(T a, T b) {
    return library::pow(a, b);
  }
};

struct atan2 : OfNumbers {
  template <class T>
  static T at(T a, T b) {
    return library::atan2(a, b);
  }
};

struct mod_scalar : OfNumbers {
  template <class T>
  static T at(T x, T number, T) {
    return mod::at(x, number);
  }
};

struct floor_div_scalar : OfNumbers {
  template <class T>
  static T at(T x, T number, T) {
    return floor_div::at(x, number);
  }
};

struct pow_scalar : OfNumbers {
  template <class T>
  static T at(T x, T number, T) {
    return library::pow(x, number);
  }
};

struct scalar_pow : OfNumbers {
  template <class T>
  static T at(T x, T number, T) {
    return library::pow(number, x);
  }
};

}  // namespace lanes
}  // namespace
}  // namespace nadir
