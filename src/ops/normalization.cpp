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

// (x - mean) / sqrt(var + eps) over the axes, with the biased variance.
Expr normalize(Expr x, AxisSet axes, double eps) { return by_deviation(sub(x, mean(x, axes, true)), axes, eps); }

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

Shape by_channel(Expr x) {
  Shape shape = constant_shape({x.shape()[1].factor()});
  while (shape.rank() < x.shape().rank() - 1) shape.append(Dim::constant(1));
  return shape;
}

Expr with_affine(const Layer& layer, Expr x, Expr y) {
  const Shape channels = constant_shape({x.shape()[1].factor()});
  y = mul(y, reshape(layer.param("weight", x.dtype(), channels, kOnes), by_channel(x)));
  return add(y, reshape(layer.param("bias", x.dtype(), channels, kZeros), by_channel(x)));
}

struct Tracking {
  double momentum;
  bool is_on;

  static Tracking parse(Options& options, bool otherwise) {
    const Tracking tracking{options.number("momentum", 0.1), options.flag("track_running_stats", otherwise)};
    if (!(tracking.momentum >= 0 && tracking.momentum <= 1)) {
      fail(Status::kArgument, "momentum is ", tracking.momentum, "; wants 0 to 1");
    }
    return tracking;
  }
};

// In training as normalize(), and a step moves running statistics towards those of the batch, averaged over what is not
// reduced and no channel; in evaluation by the running statistics. Then weight and bias, by channel.
//
// Gradients pass through the mean as a value by channel alone. With c = x - m, where m is the mean without a gradient,
//
//   var = mean(c²) - (mean - m)²,  y = c s - (mean - m) s
//
// hold whatever m is, and so do all their derivatives; mean - m is 0, and the only way to the mean. So the gradient of x takes
// one pass over it, after one for all sums.
Expr normalize_by_running(const Layer& layer, Expr x, AxisSet axes, double eps, double momentum, bool is_affine) {
  const Shape channels = constant_shape({x.shape()[1].factor()});
  const Expr running_mean = layer.state("running_mean", x.dtype(), channels, kZeros);
  const Expr running_var = layer.state("running_var", x.dtype(), channels, kOnes);
  const Expr trains = training(x.graph());
  const Expr batch_mean = mean(x, axes, true);
  const Expr used_mean = where(trains, batch_mean, reshape(running_mean, by_channel(x)));
  const Expr fixed_mean = stop_gradient(used_mean);
  const Expr centred = sub(x, fixed_mean);
  const Expr shift = sub(used_mean, fixed_mean);
  // Of the batch only in training, and used only there.
  const Expr batch_var = sub(mean(square(centred), axes, true), square(shift));
  const Expr used_var = where(trains, batch_var, reshape(running_var, by_channel(x)));
  Expr factor = rsqrt(add_scalar(used_var, eps));
  if (is_affine) factor = mul(factor, reshape(layer.param("weight", x.dtype(), channels, kOnes), by_channel(x)));
  Expr offset = neg(mul(shift, factor));
  if (is_affine) offset = add(reshape(layer.param("bias", x.dtype(), channels, kZeros), by_channel(x)), offset);
  const Expr y = add(mul(centred, factor), offset);

  Extent count{1, 0};
  AxisSet others;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    const Extent extent = x.shape()[axis].extent();
    if (axes.contains(axis)) {
      count = {count.factor * extent.factor, count.power + extent.power};
    } else if (axis != 1) {
      others.insert(axis);
    }
  }
  // A single value has no unbiased variance; its own, 0, is taken.
  const Expr n = extent(x.graph(), x.dtype(), count);
  const Expr unbiased = mul(batch_var, div(n, maximum(add_scalar(n, -1), scalar(x.graph(), x.dtype(), 1))));
  const auto move = [&](Expr running, Expr batch) {
    if (!others.is_empty()) batch = mean(batch, others, true);
    update_state(running, add(scale(running, 1 - momentum), scale(reshape(batch, channels), momentum)));
  };
  move(running_mean, batch_mean);
  move(running_var, unbiased);
  return y;
}

Expr over_channels(const Layer& layer, Expr x, AxisSet axes, double eps, const Tracking& tracking, bool is_affine) {
  if (tracking.is_on) return normalize_by_running(layer, x, axes, eps, tracking.momentum, is_affine);
  const Expr y = normalize(x, axes, eps);
  return is_affine ? with_affine(layer, x, y) : y;
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
  if (is_affine) y = with_affine(layer, x, y);
  return layer.finish(y);
}

}  // namespace

Expr batch_norm(const char* name, Expr x, Options& options) {
  const double eps = parse_eps(options, 1e-5);
  const Tracking tracking = Tracking::parse(options, true);
  const bool is_affine = options.flag("affine", true);
  options.finish();
  channels_of(x, 2);
  AxisSet axes = AxisSet::all(x.shape().rank());
  axes.erase(1);
  const Layer layer(x.graph(), name, "batch_norm");
  return layer.finish(over_channels(layer, x, axes, eps, tracking, is_affine));
}

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
  const Tracking tracking = Tracking::parse(options, false);
  const bool is_affine = options.flag("affine", false);
  options.finish();
  channels_of(x, 3);
  AxisSet axes;
  for (int axis = 2; axis < x.shape().rank(); ++axis) axes.insert(axis);
  const Layer layer(x.graph(), name, "instance_norm");
  return layer.finish(over_channels(layer, x, axes, eps, tracking, is_affine));
}

}  // namespace nadir
