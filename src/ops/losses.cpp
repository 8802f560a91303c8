#include "ops/losses.h"

#include <cmath>
#include <limits>

#include "ops/along_axis.h"
#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/leaves.h"
#include "ops/reduction.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum Reduction { kMean, kSum, kNone, kBatchMean };

int parse_reduction(Options& options) { return options.choice("reduction", {"mean", "sum", "none"}, kMean); }

Expr sum_of(Expr x) { return sum(x, AxisSet::all(x.shape().rank()), false); }

Expr reduced(Expr losses, int reduction) {
  if (reduction == kNone) return losses;
  return reduction == kMean ? mean(losses, AxisSet::all(losses.shape().rank()), false) : sum_of(losses);
}

void check_equal_shapes(Expr a, const char* a_role, Expr b, const char* b_role) {
  check_float(a, a_role);
  check_same_dtype(a, b);
  if (a.shape() != b.shape()) fail(Status::kShape, a_role, ' ', a, ", ", b_role, ' ', b, "; wants equal shapes");
}

// A pair of one shape.
Expr difference(Expr prediction, Expr target) {
  check_equal_shapes(prediction, "prediction", target, "target");
  return sub(prediction, target);
}

// An option over `above`, or from it on.
double parse_number(Options& options, const char* key, double otherwise, double least, bool is_open = false) {
  const double value = options.number(key, otherwise);
  if (std::isfinite(value) && (is_open ? value > least : value >= least)) return value;
  fail(Status::kArgument, key, " is ", value, "; wants a finite number ", is_open ? "over " : "of at least ", least);
}

double parse_margin(Options& options, double otherwise) {
  return parse_number(options, "margin", otherwise, -kInfinity);
}

Expr clamp(Expr x, double low, double high) { return scaled(OpId::clamp, x, {low, high}); }

// max(0, x), whose derivative is 1 in the corner: relu's is 0 there, and would keep what starts there from moving.
Expr hinge(Expr x) { return clamp(x, 0, kInfinity); }

// Where x = number.
Expr is(Expr x, double number) { return eq(x, scalar(x.graph(), x.dtype(), number)); }

// d² / 2 up to |d| = `delta`, and on with the slope it has there: c (d - c / 2) with d limited to that as c.
Expr huber(Expr d, double delta) {
  const Expr c = clamp(d, -delta, delta);
  return mul(c, sub(d, scale(c, 0.5)));
}

}  // namespace

Expr mse_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  options.finish();
  return reduced(square(difference(prediction, target)), reduction);
}

Expr l1_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  options.finish();
  return reduced(abs(difference(prediction, target)), reduction);
}

Expr huber_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  const double delta = parse_number(options, "delta", 1, 0, true);
  options.finish();
  return reduced(huber(difference(prediction, target), delta), reduction);
}

Expr smooth_l1_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  const double beta = parse_number(options, "beta", 1, 0);
  options.finish();
  const Expr d = difference(prediction, target);
  return reduced(beta == 0 ? abs(d) : scale(huber(d, beta), 1 / beta), reduction);
}

Expr hinge_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  const double margin = parse_margin(options, 1);
  options.finish();
  check_equal_shapes(prediction, "prediction", target, "target");
  return reduced(hinge(add_scalar(neg(mul(prediction, target)), margin)), reduction);
}

Expr hinge_embedding_loss(Expr x, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  const double margin = parse_margin(options, 1);
  options.finish();
  check_equal_shapes(x, "x", target, "target");
  const Expr zero = scalar(x.graph(), x.dtype(), 0);
  const Expr apart = where(is(target, 1), zero, hinge(add_scalar(neg(x), margin)));
  return reduced(add(apart, where(is(target, -1), zero, x)), reduction);
}

Expr kl_div_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = options.choice("reduction", {"mean", "sum", "none", "batchmean"}, kMean);
  const bool is_log = options.flag("log_target", false);
  options.finish();
  check_equal_shapes(prediction, "prediction", target, "target");
  Expr losses;
  if (is_log) {
    losses = mul(exp(target), sub(target, prediction));
  } else {
    // 0 log 0 = 0
    const Expr one = scalar(target.graph(), target.dtype(), 1);
    losses = mul(target, sub(log(where(is(target, 0), one, target)), prediction));
  }
  if (reduction != kBatchMean) return reduced(losses, reduction);
  const Shape& shape = losses.shape();
  const Expr total = sum_of(losses);
  return shape.is_scalar() ? total : div(total, extent(total.graph(), total.dtype(), shape[0].extent()));
}

// ------------------------------------------------------------------------------------------------------- probabilities

namespace {

// log(p) but -100 for what is less than any number with all its bits.
Expr limited_log(Expr p) {
  const double least =
      p.dtype() == DType::kF32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  const Expr bound = scalar(p.graph(), p.dtype(), least);
  return where(lt(p, bound), scalar(p.graph(), p.dtype(), -100), clamp(log(maximum(p, bound)), -100, 0));
}

// log(1 - p) but -100 for 1.
Expr limited_log_of_rest(Expr p) {
  const double epsilon =
      p.dtype() == DType::kF32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const Expr bound = scalar(p.graph(), p.dtype(), 1 - epsilon / 2);
  return where(gt(p, bound), scalar(p.graph(), p.dtype(), -100), log1p(neg(minimum(p, bound))));
}

Expr as_probability(Expr x) { return check_range(x, {0, 1, std::nan("")}); }

}  // namespace

Expr bce_loss(Expr prediction, Expr target, Options& options) {
  const int reduction = parse_reduction(options);
  options.finish();
  check_equal_shapes(prediction, "prediction", target, "target");
  const Expr p = as_probability(prediction);
  const Expr t = as_probability(target);
  const Expr one = scalar(p.graph(), p.dtype(), 1);
  return reduced(neg(add(mul(t, limited_log(p)), mul(sub(one, t), limited_log_of_rest(p)))), reduction);
}

// (1 - t) x - (1 + (w - 1) t) log(sigmoid(x)), in which nothing overflows.
Expr bce_with_logits_loss(Expr logits, Expr target, Expr pos_weight, Options& options) {
  const int reduction = parse_reduction(options);
  options.finish();
  check_equal_shapes(logits, "logits", target, "target");
  const Expr one = scalar(logits.graph(), logits.dtype(), 1);
  Expr positive = log_sigmoid(logits);
  if (!pos_weight.is_none()) {
    check_same_dtype(logits, pos_weight);
    const Expr weight = broadcast_to(pos_weight, logits.shape());
    positive = mul(positive, add(mul(sub(weight, one), target), one));
  }
  return reduced(sub(mul(sub(one, target), logits), positive), reduction);
}

// ------------------------------------------------------------------------------------------------------------- classes

namespace {

struct Classes {
  int axis;
  std::int64_t count;
};

Classes classes_of(Expr x, const char* role) {
  check_float(x, role);
  const int rank = x.shape().rank();
  const int axis = rank > 1 ? 1 : 0;
  if (rank == 0 || x.shape()[axis].is_batch() || x.shape()[axis].factor() < 1) {
    fail(Status::kShape, role, ' ', x,
         "; wants [classes], [batch, classes] or [batch, classes, ...] with constant classes");
  }
  return {axis, x.shape()[axis].factor()};
}

void check_weight(Expr weight, Expr x, const Classes& classes) {
  if (weight.is_none()) return;
  check_same_dtype(x, weight);
  if (weight.shape().rank() != 1 || weight.shape()[0] != Dim::constant(classes.count)) {
    fail(Status::kShape, "weight ", weight, "; wants [", classes.count, "], one a class");
  }
}

// A weight along the axis of the classes.
Expr along_classes(Expr weight, Expr x, int axis) {
  Shape shape = weight.shape();
  for (int i = axis + 1; i < x.shape().rank(); ++i) shape.append(Dim::constant(1));
  return reshape(weight, shape);
}

double parse_ignored(Options& options) {
  constexpr auto kLeast = std::numeric_limits<std::int32_t>::min();
  return static_cast<double>(options.integer("ignore_index", -100, kLeast));
}

// The negative log-likelihoods of labels, of whose places some may be ignored.
Expr by_label(Expr log_p, const Classes& classes, Expr target, Expr weight, double ignored, double smoothing,
              int reduction) {
  if (target.dtype() != DType::kI32 && target.dtype() != DType::kI64) {
    fail(Status::kDType, "target ", target, " is ", name_of(target.dtype()), "; wants labels of i32 or i64");
  }
  AxisSet class_axis;
  class_axis.insert(classes.axis);
  const Shape places = reduced_shape(log_p.shape(), class_axis, false);
  if (target.shape() != places) {
    fail(Status::kShape, "target ", target, ", logits ", log_p, "; wants labels of the shape ", places);
  }
  const auto number = [&](double value) { return scalar(log_p.graph(), log_p.dtype(), value); };
  const Expr labels = check_range(target, {0, static_cast<double>(classes.count - 1), ignored});
  const Expr counts = logical_not(is(labels, ignored));
  const Expr index = where(counts, labels, scalar(labels.graph(), labels.dtype(), 0));
  const Expr weights = where(counts, weight.is_none() ? number(1) : index_select(weight, 0, index), number(0));
  const Expr picked = squeeze(gather(log_p, classes.axis, unsqueeze(index, classes.axis)), class_axis);
  Expr losses = neg(mul(weights, picked));
  if (smoothing > 0) {
    const Expr weighted = weight.is_none() ? log_p : mul(log_p, along_classes(weight, log_p, classes.axis));
    const Expr spread = sum(weighted, class_axis, false);
    losses = sub(scale(losses, 1 - smoothing), scale(spread, smoothing / static_cast<double>(classes.count)));
  }
  // What is ignored may be infinite.
  losses = where(counts, losses, number(0));
  if (reduction == kNone) return losses;
  const Expr total = sum_of(losses);
  return reduction == kSum ? total : div(total, sum_of(broadcast_to(weights, places)));
}

}  // namespace

Expr nll_loss(Expr log_probabilities, Expr target, Expr weight, Options& options) {
  const int reduction = parse_reduction(options);
  const double ignored = parse_ignored(options);
  options.finish();
  const Classes classes = classes_of(log_probabilities, "log_probabilities");
  check_weight(weight, log_probabilities, classes);
  return by_label(log_probabilities, classes, target, weight, ignored, 0, reduction);
}

Expr cross_entropy_loss(Expr logits, Expr target, Expr weight, Options& options) {
  const int reduction = parse_reduction(options);
  const double ignored = parse_ignored(options);
  const double smoothing = options.number("label_smoothing", 0);
  options.finish();
  if (!(smoothing >= 0 && smoothing <= 1)) {
    fail(Status::kArgument, "label_smoothing is ", smoothing, "; wants 0 to 1");
  }
  const Classes classes = classes_of(logits, "logits");
  check_weight(weight, logits, classes);
  const Expr log_p = log_softmax(logits, classes.axis);
  if (!is_float(target.dtype())) return by_label(log_p, classes, target, weight, ignored, smoothing, reduction);

  check_equal_shapes(logits, "logits", target, "target");
  Expr p = as_probability(target);
  if (smoothing > 0) p = add_scalar(scale(p, 1 - smoothing), smoothing / static_cast<double>(classes.count));
  if (!weight.is_none()) p = mul(p, along_classes(weight, logits, classes.axis));
  AxisSet class_axis;
  class_axis.insert(classes.axis);
  return reduced(neg(sum(mul(p, log_p), class_axis, false)), reduction);
}

// ---------------------------------------------------------------------------------------------------------- embeddings

namespace {

void check_vectors(Expr x, const char* role) {
  const int rank = x.shape().rank();
  if (rank < 1 || x.shape()[rank - 1].is_batch()) {
    fail(Status::kShape, role, ' ', x, "; wants vectors along the last dimension, of constant length");
  }
}

AxisSet last_axis(Expr x) {
  AxisSet axes;
  axes.insert(x.shape().rank() - 1);
  return axes;
}

// (sum of |a - b + eps|^p)^(1/p)
Expr distance(Expr a, Expr b, double p, double eps) {
  const Expr d = add_scalar(sub(a, b), eps);
  if (p == 2) return norm(d, last_axis(d), false, Norm::kTwo);
  if (p == 1) return norm(d, last_axis(d), false, Norm::kOne);
  return pow_scalar(sum(pow_scalar(abs(d), p), last_axis(d), false), 1 / p);
}

}  // namespace

Expr cosine_embedding_loss(Expr a, Expr b, Expr target, Options& options) {
  constexpr double kEpsilon = 1e-12;
  const int reduction = parse_reduction(options);
  const double margin = parse_margin(options, 0);
  options.finish();
  check_equal_shapes(a, "a", b, "b");
  check_vectors(a, "a");
  const AxisSet axes = last_axis(a);
  const Expr dot = sum(mul(a, b), axes, false);
  check_same_dtype(a, target);
  if (target.shape() != dot.shape())
    fail(Status::kShape, "target ", target, ", a ", a, "; wants the shape ", dot.shape());
  const auto squares = [&](Expr x) { return add_scalar(sum(square(x), axes, false), kEpsilon); };
  const Expr cosine = mul(dot, rsqrt(mul(squares(a), squares(b))));
  const Expr zero = scalar(a.graph(), a.dtype(), 0);
  const Expr alike = where(is(target, 1), add_scalar(neg(cosine), 1), zero);
  const Expr apart = where(is(target, -1), hinge(add_scalar(cosine, -margin)), zero);
  return reduced(add(alike, apart), reduction);
}

Expr triplet_margin_loss(Expr anchor, Expr positive, Expr negative, Options& options) {
  const int reduction = parse_reduction(options);
  const double margin = parse_margin(options, 1);
  const double p = parse_number(options, "p", 2, 0, true);
  const double eps = parse_number(options, "eps", 1e-6, 0);
  const bool swaps = options.flag("swap", false);
  options.finish();
  check_equal_shapes(anchor, "anchor", positive, "positive");
  check_equal_shapes(anchor, "anchor", negative, "negative");
  check_vectors(anchor, "anchor");
  const Expr near = distance(anchor, positive, p, eps);
  Expr far = distance(anchor, negative, p, eps);
  if (swaps) far = minimum(far, distance(positive, negative, p, eps));
  return reduced(hinge(add_scalar(sub(near, far), margin)), reduction);
}

}  // namespace nadir
