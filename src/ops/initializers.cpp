#include "ops/initializers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace nadir {

namespace {

double finite(Options& options, const char* key, double otherwise,
              double least = std::numeric_limits<double>::lowest()) {
  const double value = options.number(key, otherwise);
  if (!(std::isfinite(value) && value >= least)) {
    fail(Status::kArgument, key, " is ", value, "; wants a finite number", least == 0 ? ", at least 0" : "");
  }
  return value;
}

double parse_gain(Options& options) { return finite(options, "gain", 1, 0); }

void check_rank(const Shape& shape, const char* what) {
  if (shape.rank() < 2) fail(Status::kShape, what, " wants a shape of rank 2 or more, [out, in, ...]; given ", shape);
}

// How many elements of a weight [out, in, taps...] an output is made of, and how many outputs an input goes into.
struct Fans {
  double in;
  double out;
};

Fans fans_of(const Shape& shape) {
  check_rank(shape, "a fan");
  double taps = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) taps *= static_cast<double>(shape[axis].factor());
  return {static_cast<double>(shape[1].factor()) * taps, static_cast<double>(shape[0].factor()) * taps};
}

// What makes up for an activation that shrinks what goes through it, by torch.nn.init.calculate_gain.
double parse_activation_gain(Options& options) {
  enum { kLeakyRelu, kRelu, kTanh, kSigmoid, kLinear, kSelu };
  switch (options.choice("nonlinearity", {"leaky_relu", "relu", "tanh", "sigmoid", "linear", "selu"}, kLeakyRelu)) {
    case kLeakyRelu: return std::numbers::sqrt2 / std::hypot(1.0, finite(options, "a", 0));
    case kRelu: return std::numbers::sqrt2;
    case kTanh: return 5.0 / 3;
    case kSelu: return 0.75;
    default: return 1;
  }
}

// Of mean 0 and that standard deviation.
Initializer centred(bool is_normal, double deviation) {
  if (is_normal) return {Initializer::Kind::kNormal, 0, deviation};
  const double bound = std::numbers::sqrt3 * deviation;
  return {Initializer::Kind::kUniform, -bound, bound};
}

double normal_below(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

// Further out than that a standard normal number has next to no probability: 1e-299.
constexpr double kFarthest = 37;

// A number of the standard normal distribution between `least` and `greatest`, `share` of what is there below it.
double truncated_normal(double least, double greatest, double share) {
  // On the side of 0 where probabilities are small, and hence exact.
  const double side = least + greatest > 0 ? -1 : 1;
  double x = std::min(side * least, side * greatest);
  const double end = std::max(side * least, side * greatest);
  const double below = normal_below(x);
  const double wanted = std::log(below + (normal_below(end) - below) * share);
  // By Newton's method on the logarithm, which is concave: from the left it comes ever nearer, and not past.
  double step = 0;
  do {
    const double reached = normal_below(x);
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
    step = (wanted - std::log(reached)) * reached / density;
    x += step;
  } while (step > 1e-15 * std::abs(x) && x < end);
  return side * std::min(x, end);
}

// Vectors of normal numbers, made orthogonal and of length `gain` by the process of Gram and Schmidt: distributed evenly, since that
// is the QR decomposition whose R has a positive diagonal (Mezzadri 2007). Twice, which is enough for rounding errors.
void fill_orthogonal(double* vectors, std::int64_t count, std::int64_t length, double gain, std::uint64_t key) {
  const auto dot = [length](const double* a, const double* b) {
    double sum = 0;
    for (std::int64_t i = 0; i < length; ++i) sum += a[i] * b[i];
    return sum;
  };
  for (std::int64_t i = 0; i < count * length; ++i) vectors[i] = standard_normal(key, static_cast<std::uint64_t>(i));
  double* const end = vectors + count * length;
  for (double* v = vectors; v < end; v += length) {
    for (int pass = 0; pass < 2; ++pass) {
      for (const double* earlier = vectors; earlier < v; earlier += length) {
        const double part = dot(v, earlier);
        for (std::int64_t i = 0; i < length; ++i) v[i] -= part * earlier[i];
      }
      const double norm = std::sqrt(dot(v, v));
      for (std::int64_t i = 0; i < length; ++i) v[i] /= norm;
    }
  }
  for (double* v = vectors; v < end; ++v) *v *= gain;
}

}  // namespace

Initializer Initializer::parse(Options& options, const Shape& shape) {
  enum {
    kZeros,
    kOnes,
    kValue,
    kUniformly,
    kNormally,
    kTruncated,
    kXavierUniform,
    kXavierNormal,
    kKaimingUniform,
    kKaimingNormal,
    kOrthogonally
  };
  const int init = options.choice("init",
                                  {"zeros", "ones", "constant", "uniform", "normal", "trunc_normal", "xavier_uniform",
                                   "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"},
                                  kZeros);
  switch (init) {
    case kOnes: return {Kind::kConstant, 1};
    case kValue: return {Kind::kConstant, options.number("value", 0)};
    case kUniformly: {
      const double low = options.number("low", 0);
      const double high = options.number("high", 1);
      if (!std::isfinite(high - low) || low > high) {
        fail(Status::kArgument, "init=uniform: low ", low, ", high ", high, "; wants finite low <= high");
      }
      return {Kind::kUniform, low, high};
    }
    case kNormally: {
      const double mean = finite(options, "mean", 0);
      return {Kind::kNormal, mean, finite(options, "std", 1, 0)};
    }
    case kTruncated: {
      const double mean = finite(options, "mean", 0);
      const double deviation = finite(options, "std", 1, 0);
      const double low = finite(options, "low", -2);
      const double high = finite(options, "high", 2);
      const double reach = kFarthest * deviation;
      if (!(low < high && std::max(low, mean - reach) < std::min(high, mean + reach))) {
        fail(Status::kArgument, "init=trunc_normal: mean ", mean, ", std ", deviation, ", low ", low, ", high ", high,
             "; wants low < high and some of them within ", kFarthest, " std of the mean");
      }
      return {Kind::kTruncatedNormal, mean, deviation, low, high};
    }
    case kXavierUniform:
    case kXavierNormal: {
      const double gain = parse_gain(options);
      const Fans fans = fans_of(shape);
      return centred(init == kXavierNormal, gain * std::sqrt(2 / (fans.in + fans.out)));
    }
    case kKaimingUniform:
    case kKaimingNormal: {
      const bool by_out = options.choice("fan_mode", {"fan_in", "fan_out"}, 0) == 1;
      const double gain = parse_activation_gain(options);
      const Fans fans = fans_of(shape);
      return centred(init == kKaimingNormal, gain / std::sqrt(by_out ? fans.out : fans.in));
    }
    case kOrthogonally: {
      const double gain = parse_gain(options);
      check_rank(shape, "init=orthogonal");
      return {Kind::kOrthogonal, gain};
    }
    default: return {};
  }
}

void initialize(std::byte* values, DType dtype, const Shape& shape, const Initializer& initializer, std::uint64_t key,
                std::pmr::memory_resource& resource) {
  using Kind = Initializer::Kind;
  const Kind kind = initializer.kind;
  const double low = initializer.low;
  const double high = initializer.high;
  const std::int64_t count = shape.count().factor;
  if (count == 0) return;
  std::pmr::vector<double> vectors(&resource);
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  if (kind == Kind::kOrthogonal) {
    rows = shape[0].factor();
    columns = count / rows;
    vectors.resize(static_cast<std::size_t>(count));
    fill_orthogonal(vectors.data(), std::min(rows, columns), std::max(rows, columns), low, key);
  }
  const auto value_of = [&](std::int64_t i) {
    const auto index = static_cast<std::uint64_t>(i);
    switch (kind) {
      case Kind::kUniform: return low + (high - low) * uniform_01(key, index);
      case Kind::kNormal: return low + high * standard_normal(key, index);
      case Kind::kTruncatedNormal: {
        const double first = std::max((initializer.least - low) / high, -kFarthest);
        const double last = std::min((initializer.greatest - low) / high, kFarthest);
        const double value = low + high * truncated_normal(first, last, uniform_01(key, index));
        return std::clamp(value, initializer.least, initializer.greatest);
      }
      case Kind::kOrthogonal:
        return vectors[static_cast<std::size_t>(rows <= columns ? i : i % columns * rows + i / columns)];
      default: return low;
    }
  };
  visit_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    auto* elements = reinterpret_cast<T*>(values);
    const bool is_uniform = kind == Kind::kUniform && low < high;
    const T below_high = std::nextafter(static_cast<T>(high), static_cast<T>(low));
    for (std::int64_t i = 0; i < count; ++i) {
      elements[i] = static_cast<T>(value_of(i));
      // Rounding to T may have reached the end, which is excluded.
      if (is_uniform && elements[i] >= static_cast<T>(high)) elements[i] = below_high;
    }
  });
}

}  // namespace nadir
