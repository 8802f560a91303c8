#include "ops/normalization.h"

#include <cmath>
#include <limits>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/layer.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

constexpr Initializer kOnes = {Initializer::Kind::kConstant, 1, 1};
constexpr Initializer kZeros = {};

double parse_eps(Options& options, double otherwise) {
  const double eps = options.number("eps", otherwise);
  if (!(eps >= 0 && std::isfinite(eps))) fail(Status::kArgument, "eps is ", eps, "; wants 0 or more, and finite");
  return eps;
}

// x by the root of its mean square.
Expr by_deviation(Expr x, AxisSet axes, double eps) {
  return mul(x, rsqrt(add_scalar(mean(square(x), axes, true), eps)));
}

// The last `dims` dimensions. Throws unless they are constant.
Shape normalized_shape(Expr x, int dims) {
  const int rank = x.shape().rank();
  if (dims < 1 || dims > rank) {
    fail(Status::kShape, "x ", x, ": normalized_dims is ", dims, "; wants 1 to the rank, ", rank);
  }
  Shape shape;
  for (int axis = rank - dims; axis < rank; ++axis) shape.append(constant_dim(x, "x", axis));
  return shape;
}

Expr over_last(const char* name, const char* kind, Expr x, int dims, Options& options, double eps, bool is_centred) {
  const bool is_affine = options.flag("elementwise_affine", true);
  const bool has_bias = is_centred && options.flag("bias", true);
  options.finish();
  check_float(x, "x");
  const Shape shape = normalized_shape(x, dims);
  const int rank = x.shape().rank();
  AxisSet axes;
  for (int axis = rank - dims; axis < rank; ++axis) axes.insert(axis);

  const Layer layer(x.graph(), name, kind);
  Expr y = is_centred ? normalize(x, axes, eps) : by_deviation(x, axes, eps);
  if (is_affine) y = mul(y, layer.param("weight", x.dtype(), shape, kOnes));
  if (is_affine && has_bias) y = add(y, layer.param("bias", x.dtype(), shape, kZeros));
  return layer.finish(y);
}

// How many channels there are, in dimension 1 of `least_rank` or more. Throws unless all but dimension 0 are constant.
std::int64_t channels_of(Expr x, int least_rank) {
  check_float(x, "x");
  if (x.shape().rank() < least_rank) {
    fail(Status::kShape, "x ", x, "; wants a rank of at least ", least_rank, ", with the channels in dimension 1");
  }
  for (int axis = 1; axis < x.shape().rank(); ++axis) constant_dim(x, "x", axis);
  return x.shape()[1].factor();
}

Expr over_groups(const char* name, const char* kind, Expr x, std::int64_t groups, double eps, bool is_affine) {
  const Shape shape = x.shape();
  Shape grouped;
  grouped.append(shape[0]);
  grouped.append(Dim::constant(groups));
  grouped.append(Dim::constant(joined(x, 1, shape.rank()).factor() / groups));
  AxisSet axes;
  axes.insert(2);

  const Layer layer(x.graph(), name, kind);
  Expr y = reshape(normalize(reshape(x, grouped), axes, eps), shape);
  if (is_affine) {
    const Shape channels = constant_shape({shape[1].factor()});
    Shape by_channel = channels;
    while (by_channel.rank() < shape.rank() - 1) by_channel.append(Dim::constant(1));
    y = mul(y, reshape(layer.param("weight", x.dtype(), channels, kOnes), by_channel));
    y = add(y, reshape(layer.param("bias", x.dtype(), channels, kZeros), by_channel));
  }
  return layer.finish(y);
}

}  // namespace

Expr normalize(Expr x, AxisSet axes, double eps) { return by_deviation(sub(x, mean(x, axes, true)), axes, eps); }

Expr layer_norm(const char* name, Expr x, int dims, Options& options) {
  const double eps = parse_eps(options, 1e-5);
  return over_last(name, "layer_norm", x, dims, options, eps, true);
}

Expr rms_norm(const char* name, Expr x, int dims, Options& options) {
  const double epsilon =
      x.dtype() == DType::kF32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const double eps = parse_eps(options, epsilon);
  return over_last(name, "rms_norm", x, dims, options, eps, false);
}

Expr group_norm(const char* name, Expr x, std::int64_t groups, Options& options) {
  const double eps = parse_eps(options, 1e-5);
  const bool is_affine = options.flag("affine", true);
  options.finish();
  const std::int64_t channels = channels_of(x, 2);
  check_at_least("num_groups", groups, 1);
  if (channels % groups != 0) {
    fail(Status::kShape, "x ", x, ": num_groups is ", groups, "; wants a divisor of the channels, ", channels);
  }
  return over_groups(name, "group_norm", x, groups, eps, is_affine);
}

Expr instance_norm(const char* name, Expr x, Options& options) {
  const double eps = parse_eps(options, 1e-5);
  const bool is_affine = options.flag("affine", false);
  options.finish();
  const std::int64_t channels = channels_of(x, 3);
  return over_groups(name, "instance_norm", x, channels, eps, is_affine);
}

}  // namespace nadir
