#include "ops/initializers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace nadir {

namespace {

// What goes into an element of a weight [out, in, taps...] and what comes out of one.
struct Fans {
  double in;
  double out;
};

Fans fans_of(const Shape& shape) {
  if (shape.rank() < 2) {
    fail(Status::kShape, "a fan wants a shape of rank 2 or more, [out, in, ...]; given ", shape);
  }
  double taps = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) taps *= static_cast<double>(shape[axis].factor());
  return {static_cast<double>(shape[1].factor()) * taps, static_cast<double>(shape[0].factor()) * taps};
}

double finite(Options& options, const char* key, double otherwise, double least) {
  const double value = options.number(key, otherwise);
  if (!(std::isfinite(value) && value >= least)) {
    fail(Status::kArgument, key, " is ", value, "; wants a finite number", least == 0 ? " of 0 or more" : "");
  }
  return value;
}

// By which activations shrink what goes through them (He et al. 2015, and as PyTorch has it).
double parse_gain(Options& options) {
  enum { kLeakyRelu, kRelu, kTanh, kSigmoid, kLinear, kSelu };
  const int kind =
      options.choice("nonlinearity", {"leaky_relu", "relu", "tanh", "sigmoid", "linear", "selu"}, kLeakyRelu);
  const double a = kind == kLeakyRelu ? finite(options, "a", 0, -std::numeric_limits<double>::max()) : 0;
  switch (kind) {
    case kLeakyRelu: return std::sqrt(2 / (1 + a * a));
    case kRelu: return std::sqrt(2.0);
    case kTanh: return 5.0 / 3;
    case kSelu: return 0.75;
    default: return 1;
  }
}

Initializer spread(bool is_normal, double deviation) {
  if (is_normal) return {Initializer::Kind::kNormal, 0, deviation};
  const double bound = std::sqrt(3.0) * deviation;
  return {Initializer::Kind::kUniform, -bound, bound};
}

// The standard normal distribution function, and its inverse by Newton's method from Acklam-like bisection: it is monotone.
double normal_below(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

double normal_quantile(double p, double low, double high) {
  for (int i = 0; i < 80 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    (normal_below(middle) < p ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

// Rows (or columns, if there are more rows) that are orthonormal, from normal numbers by Gram and Schmidt's process, twice, whose
// signs are those of a decomposition with a positive diagonal: distributed evenly (Saxe, McClelland and Ganguli 2014).
void fill_orthogonal(double* values, std::int64_t rows, std::int64_t columns, double gain, std::uint64_t key) {
  const bool is_wide = rows <= columns;
  const std::int64_t count = is_wide ? rows : columns;
  const std::int64_t length = is_wide ? columns : rows;
  // Vector v has its element e at v * vector_step + e * element_step.
  const std::int64_t vector_step = is_wide ? columns : 1;
  const std::int64_t element_step = is_wide ? 1 : columns;
  for (std::int64_t i = 0; i < rows * columns; ++i) values[i] = standard_normal(key, static_cast<std::uint64_t>(i));
  const auto at = [&](std::int64_t v, std::int64_t e) -> double& { return values[v * vector_step + e * element_step]; };
  for (std::int64_t v = 0; v < count; ++v) {
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t other = 0; other < v; ++other) {
        double dot = 0;
        for (std::int64_t e = 0; e < length; ++e) dot += at(v, e) * at(other, e);
        for (std::int64_t e = 0; e < length; ++e) at(v, e) -= dot * at(other, e);
      }
      double square = 0;
      for (std::int64_t e = 0; e < length; ++e) square += at(v, e) * at(v, e);
      const double factor = 1 / std::sqrt(square);
      for (std::int64_t e = 0; e < length; ++e) at(v, e) *= factor;
    }
  }
  for (std::int64_t i = 0; i < rows * columns; ++i) values[i] *= gain;
}

// f(i) for each element.
template <class F>
void fill(std::byte* values, DType dtype, std::int64_t count, F f) {
  visit_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto* elements = reinterpret_cast<T*>(values);
    for (std::int64_t i = 0; i < count; ++i) elements[i] = f(static_cast<std::uint64_t>(i), T());
  });
}

}  // namespace

Initializer Initializer::parse(Options& options, const Shape& shape) {
  enum {
    kZeros,
    kOnes,
    kValue,
    kUniformly,
    kNormally,
    kTruncatedly,
    kXavierUniform,
    kXavierNormal,
    kKaimingUniform,
    kKaimingNormal,
    kOrthogonally
  };
  constexpr double kMost = std::numeric_limits<double>::max();
  const int kind = options.choice("init",
                                  {"zeros", "ones", "constant", "uniform", "normal", "trunc_normal", "xavier_uniform",
                                   "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"},
                                  kZeros);
  switch (kind) {
    case kOnes: return {Kind::kConstant, 1, 1};
    case kValue: {
      const double value = options.number("value", 0);
      return {Kind::kConstant, value, value};
    }
    case kUniformly: {
      const double low = options.number("low", 0);
      const double high = options.number("high", 1);
      if (!std::isfinite(high - low) || low > high) {
        fail(Status::kArgument, "init=uniform: low ", low, ", high ", high, "; wants finite low <= high");
      }
      return {Kind::kUniform, low, high};
    }
    case kNormally: return {Kind::kNormal, finite(options, "mean", 0, -kMost), finite(options, "std", 1, 0)};
    case kTruncatedly: {
      const double mean = finite(options, "mean", 0, -kMost);
      const double deviation = finite(options, "std", 1, 0);
      const double low = finite(options, "low", -2, -kMost);
      const double high = finite(options, "high", 2, -kMost);
      if (!(deviation > 0 && low < high)) {
        fail(Status::kArgument, "init=trunc_normal: std ", deviation, ", low ", low, ", high ", high,
             "; wants std over 0 and low < high");
      }
      // Beyond that there is nothing to be cut off of.
      if (!(normal_below((high - mean) / deviation) - normal_below((low - mean) / deviation) > 1e-12)) {
        fail(Status::kArgument, "init=trunc_normal: from ", low, " to ", high, " there is next to nothing of mean ",
             mean, " and std ", deviation);
      }
      return {Kind::kTruncated, mean, deviation, low, high};
    }
    case kXavierUniform:
    case kXavierNormal: {
      const double gain = finite(options, "gain", 1, 0);
      const Fans fans = fans_of(shape);
      return spread(kind == kXavierNormal, gain * std::sqrt(2 / (fans.in + fans.out)));
    }
    case kKaimingUniform:
    case kKaimingNormal: {
      const bool by_out = options.choice("fan_mode", {"fan_in", "fan_out"}, 0) == 1;
      const double gain = parse_gain(options);
      const Fans fans = fans_of(shape);
      return spread(kind == kKaimingNormal, gain / std::sqrt(by_out ? fans.out : fans.in));
    }
    case kOrthogonally: {
      const double gain = finite(options, "gain", 1, 0);
      fans_of(shape);
      return {Kind::kOrthogonal, gain};
    }
    default: return {};
  }
}

void initialize(std::byte* values, DType dtype, const Shape& shape, const Initializer& initializer, std::uint64_t key,
                std::pmr::memory_resource& resource) {
  const std::int64_t count = shape.count().factor;
  const double low = initializer.low;
  const double high = initializer.high;
  switch (initializer.kind) {
    case Initializer::Kind::kConstant:
      fill(values, dtype, count, [=](std::uint64_t, auto zero) { return static_cast<decltype(zero)>(low); });
      break;
    case Initializer::Kind::kUniform:
      fill(values, dtype, count, [=](std::uint64_t i, auto zero) {
        using T = decltype(zero);
        const T value = static_cast<T>(low + (high - low) * uniform_01(key, i));
        // Rounding to T may have reached the end, which is excluded.
        const T end = static_cast<T>(high);
        return low < high && value >= end ? std::nextafter(end, static_cast<T>(low)) : value;
      });
      break;
    case Initializer::Kind::kNormal:
      fill(values, dtype, count, [=](std::uint64_t i, auto zero) {
        return static_cast<decltype(zero)>(low + high * standard_normal(key, i));
      });
      break;
    case Initializer::Kind::kTruncated: {
      const double first = (initializer.from - low) / high;
      const double last = (initializer.to - low) / high;
      const double below = normal_below(first);
      const double share = normal_below(last) - below;
      fill(values, dtype, count, [=](std::uint64_t i, auto zero) {
        return static_cast<decltype(zero)>(low +
                                           high * normal_quantile(below + share * uniform_01(key, i), first, last));
      });
      break;
    }
    case Initializer::Kind::kOrthogonal: {
      const std::int64_t rows = shape[0].factor();
      std::pmr::vector<double> matrix(static_cast<std::size_t>(count), &resource);
      if (count > 0) fill_orthogonal(matrix.data(), rows, count / rows, low, key);
      fill(values, dtype, count, [&](std::uint64_t i, auto zero) { return static_cast<decltype(zero)>(matrix[i]); });
      break;
    }
  }
}

}  // namespace nadir
