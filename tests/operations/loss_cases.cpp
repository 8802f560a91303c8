// Losses, with their options and reductions. The references are plain loops over the formulas.
#include <algorithm>
#include <cmath>

#include "cases.h"

namespace operations {

namespace {

using Values = std::vector<double>;
using PairLoss = nadir_node (*)(nadir_graph*, nadir_node, nadir_node, const char*);

const std::vector<std::string> kReductions = {"mean", "sum", "none"};

// What a reduction makes of losses of that shape; `total` is what the mean divides by.
Array reduced(const std::string& reduction, const Shape& shape, const Values& losses, double total) {
  if (reduction == "none") return array_of(shape, losses);
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return array_of({}, {reduction == "mean" ? sum / total : sum});
}

Case loss_case(const std::string& name, const std::string& reduction, const std::string& options) {
  Case c;
  c.label = name + ", " + reduction + ' ' + options;
  c.roundings = 64;
  c.floor = 1;
  // The mean of nothing is NaN.
  if (reduction == "mean") {
    c.batches = {1, 2, 5};
    c.needs_rows = true;
  }
  return c;
}

std::string text_with(const std::string& reduction, const std::string& options) {
  return "reduction=" + reduction + ' ' + options;
}

// A loss of each pair of elements. `target_is_sign`: of the sign of the second operand.
Cases pair_cases(const std::string& name, PairLoss loss, const std::string& options, const Samples& a, const Samples& b,
                 const std::function<double(double, double)>& f, bool target_is_sign = false) {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : {Shape{}, Shape{9}, Shape{2, 3}, Shape{kBatch}, Shape{kBatch, 3}}) {
      Case c = loss_case(name, reduction, options);
      c.operands = {{shape, a, 0, {}}, {shape, b, 0, {}}};
      const std::string text = text_with(reduction, options);
      c.build = [=](const Scope& scope, const Nodes& x) {
        return loss(scope.graph, x[0], target_is_sign ? nadir_sign(scope.graph, x[1]) : x[1], text.c_str());
      };
      c.reference = [=](const Arrays& x) {
        Values losses;
        for (std::size_t i = 0; i < x[0].size(); ++i) {
          const double target = x[1].storage()[i];
          losses.push_back(f(x[0].storage()[i], target_is_sign ? (target > 0 ? 1 : -1) : target));
        }
        return reduced(reduction, shape_of(x[0]), losses, static_cast<double>(losses.size()));
      };
      c.is_brief = shape.size() != 2 || has_batch(shape);
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

// Predictions near 0 and targets that are not: neither near 0 nor near 1.3.
const Samples& near_zero() {
  static const Samples samples = spread(-0.2, 0.2);
  return samples;
}
const Samples& far_and_near() {
  static const Samples samples = in_turn({0.6, -0.75, 3, -2.5, 0.5});
  return samples;
}

double huber_of(double difference, double delta) {
  const double d = std::abs(difference);
  return d <= delta ? d * d / 2 : delta * (d - delta / 2);
}

// ------------------------------------------------------------------------------------------------------------ classes

struct Rows {
  std::size_t outer, classes, inner;

  explicit Rows(const Array& x) : outer(1), classes(0), inner(1) {
    const std::size_t axis = x.dimension() > 1 ? 1 : 0;
    classes = x.shape()[axis];
    if (axis == 1) outer = x.shape()[0];
    for (std::size_t i = axis + 1; i < x.dimension(); ++i) inner *= x.shape()[i];
  }
  // Class c of a row.
  double at(const Array& x, std::size_t row, std::size_t c) const {
    return x.storage()[(row / inner * classes + c) * inner + row % inner];
  }
  std::size_t count() const { return outer * inner; }
};

Shape without_classes(const Shape& shape) {
  Shape rest = shape;
  rest.erase(rest.begin() + (shape.size() > 1 ? 1 : 0));
  return rest;
}

std::vector<double> log_softmax_of(const Rows& rows, const Array& x, std::size_t row) {
  Values values;
  double sum = 0;
  for (std::size_t c = 0; c < rows.classes; ++c) values.push_back(rows.at(x, row, c));
  for (const double value : values) sum += std::exp(value);
  for (double& value : values) value -= std::log(sum);
  return values;
}

const std::vector<Shape> kLogitShapes = {{4}, {3, 4}, {2, 4, 3}, {kBatch, 4}, {kBatch, 4, 2}};
constexpr int kIgnored = 2;

// By labels, one of which may stand for a row that does not count.
Cases label_cases(const std::string& name, bool is_nll) {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : kLogitShapes) {
      for (const bool has_weight : {false, true}) {
        for (const double smoothing : is_nll ? Values{0} : Values{0, 0.25}) {
          for (const bool ignores : {false, true}) {
            if (has_weight != ignores && shape.size() != 2) continue;
            std::string options = ignores ? "ignore_index=" + std::to_string(kIgnored) : "";
            if (smoothing > 0) options += " label_smoothing=0.25";
            Case c = loss_case(name + (has_weight ? " with weights" : ""), reduction, options);
            const nadir_dtype label = has_weight ? NADIR_I32 : NADIR_I64;
            c.operands = {{shape, spread(-1.5, 1.5), 0, {}}};
            c.operands.push_back(index_operand(without_classes(shape), {1, 3, 2, 0, 1}, label));
            if (has_weight) c.operands.push_back({{4}, spread(0.3, 2), 0, {}});
            const std::string text = text_with(reduction, options);
            c.build = [=](const Scope& scope, const Nodes& x) {
              const nadir_node weight = has_weight ? x[2] : NADIR_NONE;
              return is_nll ? nadir_nll_loss(scope.graph, x[0], x[1], weight, text.c_str())
                            : nadir_cross_entropy_loss(scope.graph, x[0], x[1], weight, text.c_str());
            };
            c.reference = [=](const Arrays& x) {
              const Rows rows(x[0]);
              Values losses;
              double total = 0;
              for (std::size_t row = 0; row < rows.count(); ++row) {
                const auto target = static_cast<std::size_t>(x[1].storage()[row]);
                const auto weight = [&](std::size_t k) { return has_weight ? x[2].storage()[k] : 1; };
                if (ignores && target == kIgnored) {
                  losses.push_back(0);
                  continue;
                }
                Values log_p;
                if (is_nll) {
                  for (std::size_t k = 0; k < rows.classes; ++k) log_p.push_back(rows.at(x[0], row, k));
                } else {
                  log_p = log_softmax_of(rows, x[0], row);
                }
                double loss = -(1 - smoothing) * weight(target) * log_p[target];
                for (std::size_t k = 0; k < rows.classes; ++k) {
                  loss -= smoothing / static_cast<double>(rows.classes) * weight(k) * log_p[k];
                }
                losses.push_back(loss);
                total += weight(target);
              }
              return reduced(reduction, shape_of(x[1]), losses, total);
            };
            c.is_brief = !(shape == Shape{3, 4} && has_weight == ignores);
            cases.push_back(std::move(c));
          }
        }
      }
    }
  }
  return cases;
}

// By probabilities.
Cases soft_cases() {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : kLogitShapes) {
      for (const bool has_weight : {false, true}) {
        const double smoothing = has_weight ? 0.25 : 0;
        const std::string options = has_weight ? "label_smoothing=0.25" : "";
        Case c = loss_case("cross_entropy_loss of probabilities", reduction, options);
        c.operands = {{shape, spread(0.05, 0.95), 0, {}}, {shape, spread(0.1, 0.9), 0, {}}};
        if (has_weight) c.operands.push_back({{4}, spread(0.3, 2), 0, {}});
        const std::string text = text_with(reduction, options);
        c.build = [=](const Scope& scope, const Nodes& x) {
          return nadir_cross_entropy_loss(scope.graph, x[0], x[1], has_weight ? x[2] : NADIR_NONE, text.c_str());
        };
        c.reference = [=](const Arrays& x) {
          const Rows rows(x[0]);
          Values losses;
          for (std::size_t row = 0; row < rows.count(); ++row) {
            const Values log_p = log_softmax_of(rows, x[0], row);
            double loss = 0;
            for (std::size_t k = 0; k < rows.classes; ++k) {
              const double target =
                  rows.at(x[1], row, k) * (1 - smoothing) + smoothing / static_cast<double>(rows.classes);
              loss -= (has_weight ? x[2].storage()[k] : 1) * target * log_p[k];
            }
            losses.push_back(loss);
          }
          return reduced(reduction, without_classes(shape_of(x[0])), losses, static_cast<double>(losses.size()));
        };
        c.is_brief = shape != Shape{3, 4};
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

// ----------------------------------------------------------------------------------------------------------- vectors

const std::vector<Shape> kVectorShapes = {{3}, {2, 3}, {kBatch, 4}};

Values row_of(const Array& x, std::size_t row) {
  const std::size_t length = x.shape().back();
  const auto first = x.storage().begin() + static_cast<std::ptrdiff_t>(row * length);
  return {first, first + static_cast<std::ptrdiff_t>(length)};
}

Shape without_last(Shape shape) {
  shape.pop_back();
  return shape;
}

double distance(const Values& a, const Values& b, double p) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(std::abs(a[i] - b[i] + 1e-6), p);
  return std::pow(sum, 1 / p);
}

}  // namespace

namespace cases {

Cases mse_loss() {
  return pair_cases("mse_loss", nadir_mse_loss, "", spread(-1, 1), spread(-1.5, 2),
                    [](double p, double t) { return (p - t) * (p - t); });
}

Cases l1_loss() {
  return pair_cases("l1_loss", nadir_l1_loss, "", near_zero(), far_and_near(),
                    [](double p, double t) { return std::abs(p - t); });
}

Cases huber_loss() {
  Cases cases = pair_cases("huber_loss", nadir_huber_loss, "delta=1.3", near_zero(), far_and_near(),
                           [](double p, double t) { return huber_of(p - t, 1.3); });
  append(cases, pair_cases("huber_loss", nadir_huber_loss, "", near_zero(), in_turn({0.5, 3}),
                           [](double p, double t) { return huber_of(p - t, 1); }));
  return cases;
}

Cases smooth_l1_loss() {
  Cases cases = pair_cases("smooth_l1_loss", nadir_smooth_l1_loss, "beta=1.3", near_zero(), far_and_near(),
                           [](double p, double t) { return huber_of(p - t, 1.3) / 1.3; });
  append(cases, pair_cases("smooth_l1_loss", nadir_smooth_l1_loss, "beta=0", near_zero(), far_and_near(),
                           [](double p, double t) { return std::abs(p - t); }));
  return cases;
}

Cases hinge_loss() {
  return pair_cases("hinge_loss", nadir_hinge_loss, "margin=0.8", in_turn({0.3, 1.7, -0.4, -2.1, 0.5}),
                    in_turn({1, -1, 1.1}), [](double y, double t) { return std::max(0.0, 0.8 - y * t); });
}

Cases hinge_embedding_loss() {
  return pair_cases(
      "hinge_embedding_loss", nadir_hinge_embedding_loss, "margin=0.8", in_turn({0.3, 1.7, -0.4, -2.1}),
      in_turn({1, -1, -2, -0.7, 3}), [](double x, double t) { return t == 1 ? x : std::max(0.0, 0.8 - x); }, true);
}

Cases kl_div_loss() {
  Cases cases = pair_cases("kl_div_loss", nadir_kl_div_loss, "", spread(0.15, 0.95), spread(0.1, 0.9),
                           [](double x, double t) { return t * (std::log(t) - x); });
  append(cases, pair_cases("kl_div_loss", nadir_kl_div_loss, "log_target=1", spread(-2, 0), spread(-2, -0.1),
                           [](double x, double t) { return std::exp(t) * (t - x); }));
  for (const Shape& shape : {Shape{2, 3}, Shape{kBatch, 3}}) {
    Case c = loss_case("kl_div_loss", "mean", "over the batch");
    c.operands = {{shape, spread(0.15, 0.95), 0, {}}, {shape, spread(0.1, 0.9), 0, {}}};
    c.build = [](const Scope& scope, const Nodes& x) {
      return nadir_kl_div_loss(scope.graph, x[0], x[1], "reduction=batchmean");
    };
    c.reference = [](const Arrays& x) {
      double sum = 0;
      for (std::size_t i = 0; i < x[0].size(); ++i) {
        const double t = x[1].storage()[i];
        sum += t * (std::log(t) - x[0].storage()[i]);
      }
      return array_of({}, {sum / static_cast<double>(x[0].shape()[0])});
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

Cases bce_loss() {
  return pair_cases("bce_loss", nadir_bce_loss, "", spread(0.05, 0.95), spread(0.1, 0.9),
                    [](double p, double t) { return -(t * std::log(p) + (1 - t) * std::log1p(-p)); });
}

// Which this loss is made of, among others.
Cases check_range() { return bce_loss(); }

Cases bce_with_logits_loss() {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : {Shape{}, Shape{9}, Shape{2, 3}, Shape{kBatch, 3}}) {
      for (const bool has_weight : {false, true}) {
        if (has_weight && shape.size() != 2) continue;
        Case c = loss_case("bce_with_logits_loss", reduction, has_weight ? "with weights" : "");
        c.operands = {{shape, spread(-3, 3), 0, {}}, {shape, spread(0, 1), 0, {}}};
        if (has_weight) c.operands.push_back({{3}, spread(0.5, 3), 0, {}});
        const std::string text = text_with(reduction, "");
        c.build = [=](const Scope& scope, const Nodes& x) {
          return nadir_bce_with_logits_loss(scope.graph, x[0], x[1], has_weight ? x[2] : NADIR_NONE, text.c_str());
        };
        c.reference = [=](const Arrays& x) {
          Values losses;
          for (std::size_t i = 0; i < x[0].size(); ++i) {
            const double logit = x[0].storage()[i];
            const double t = x[1].storage()[i];
            const double weight = has_weight ? x[2].storage()[i % 3] : 1;
            losses.push_back(t * weight * std::log1p(std::exp(-logit)) + (1 - t) * std::log1p(std::exp(logit)));
          }
          return reduced(reduction, shape_of(x[0]), losses, static_cast<double>(losses.size()));
        };
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

Cases cross_entropy_loss() {
  Cases cases = label_cases("cross_entropy_loss", false);
  append(cases, soft_cases());
  return cases;
}

Cases nll_loss() { return label_cases("nll_loss", true); }

Cases cosine_embedding_loss() {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : kVectorShapes) {
      Case c = loss_case("cosine_embedding_loss", reduction, "margin=-0.9");
      c.operands = {{shape, spread(0.5, 2), 0, {}}, {shape, spread(-2, 1), 0, {}}};
      c.operands.push_back({without_last(shape), in_turn({1, -2, -1, 3}), 0, {}});
      const std::string text = text_with(reduction, "margin=-0.9");
      c.build = [=](const Scope& scope, const Nodes& x) {
        return nadir_cosine_embedding_loss(scope.graph, x[0], x[1], nadir_sign(scope.graph, x[2]), text.c_str());
      };
      c.reference = [=](const Arrays& x) {
        Values losses;
        for (std::size_t row = 0; row < x[2].size(); ++row) {
          const Values a = row_of(x[0], row), b = row_of(x[1], row);
          double dot = 0, aa = 1e-12, bb = 1e-12;
          for (std::size_t i = 0; i < a.size(); ++i) {
            dot += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
          }
          const double cosine = dot / std::sqrt(aa * bb);
          losses.push_back(x[2].storage()[row] > 0 ? 1 - cosine : std::max(0.0, cosine + 0.9));
        }
        return reduced(reduction, shape_of(x[2]), losses, static_cast<double>(losses.size()));
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases triplet_margin_loss() {
  Cases cases;
  for (const std::string& reduction : kReductions) {
    for (const Shape& shape : kVectorShapes) {
      for (const double p : {1.0, 2.0, 3.0}) {
        for (const bool swaps : {false, true}) {
          std::string options = "margin=5 p=" + std::to_string(static_cast<int>(p));
          if (swaps) options += " swap=1";
          Case c = loss_case("triplet_margin_loss", reduction, options);
          c.operands = {
              {shape, spread(0, 1), 0, {}}, {shape, spread(1.5, 2), 0, {}}, {shape, spread(-1.4, -0.4), 0, {}}};
          const std::string text = text_with(reduction, options);
          c.build = [=](const Scope& scope, const Nodes& x) {
            return nadir_triplet_margin_loss(scope.graph, x[0], x[1], x[2], text.c_str());
          };
          c.reference = [=](const Arrays& x) {
            Values losses;
            const std::size_t rows = x[0].size() / x[0].shape().back();
            for (std::size_t row = 0; row < rows; ++row) {
              const Values anchor = row_of(x[0], row), positive = row_of(x[1], row), negative = row_of(x[2], row);
              double far = distance(anchor, negative, p);
              if (swaps) far = std::min(far, distance(positive, negative, p));
              losses.push_back(std::max(0.0, distance(anchor, positive, p) - far + 5));
            }
            return reduced(reduction, without_last(shape_of(x[0])), losses, static_cast<double>(losses.size()));
          };
          c.is_brief = shape != Shape{2, 3} || swaps;
          cases.push_back(std::move(c));
        }
      }
    }
  }
  return cases;
}

}  // namespace cases

}  // namespace operations
