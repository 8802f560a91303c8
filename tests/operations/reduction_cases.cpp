// What goes along axes: over one, several or all of them, kept or not, over lengths of 0 and 1, over the batch and
// beside it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <xtensor/xmanipulation.hpp>
#include <xtensor/xmath.hpp>

#include "cases.h"

namespace operations {

namespace {

using Builder = nadir_node (*)(nadir_graph*, nadir_node, const std::int32_t*, std::int32_t, const char*);
using Positions = std::vector<std::size_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Over {
  Shape shape;
  Axes axes;
};

const std::vector<Over> kOver = {
    {{}, {}},
    {{1}, {0}},
    {{3}, {}},
    {{4}, {0}},
    {{7}, {-1}},
    {{8}, {}},
    {{9}, {0}},
    {{15}, {0}},
    {{16}, {0}},
    {{17}, {0}},
    {{33}, {0}},
    {{130}, {0}},
    {{0}, {0}},
    {{0, 3}, {0}},
    {{0, 3}, {1}},
    {{3, 0}, {}},
    {{2, 3}, {}},
    {{2, 3}, {0}},
    {{2, 3}, {1}},
    {{2, 17}, {-1}},
    {{17, 2}, {-2}},
    {{3, 1}, {1}},
    {{2, 3, 4}, {0}},
    {{2, 3, 4}, {1}},
    {{2, 3, 4}, {2}},
    {{2, 3, 4}, {0, 2}},
    {{2, 3, 4}, {-1, -2}},
    {{2, 3, 2, 3}, {1, 3}},
    {{2, 3, 2, 3}, {0, 3}},
    {{2, 1, 3, 2}, {1}},
    {{2, 2, 1, 2, 3}, {4, 0, 2}},
    {{1, 2, 1, 2, 1, 2, 1, 2}, {1, 4, 7}},
    {{kBatch}, {}},
    {{kBatch, 3}, {}},
    {{kBatch, 3}, {0}},
    {{kBatch, 3}, {1}},
    {{2, kBatch, 3}, {1}},
    {{2, kBatch, 3}, {0, 2}},
    {{2, kBatch, 3}, {-1, -2}},
    {{2 * kBatch, 2}, {0}},
};

// The axes as xtensor wants them, all if there are none.
Positions positions(const Axes& axes, std::size_t rank) {
  Positions result;
  for (const std::int32_t axis : axes) result.push_back(axis_of(axis, rank));
  for (std::size_t axis = 0; axes.empty() && axis < rank; ++axis) result.push_back(axis);
  std::sort(result.begin(), result.end());
  return result;
}

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim) {
  const Positions over = positions(axes, shape.size());
  Shape result;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (std::find(over.begin(), over.end(), axis) == over.end()) {
      result.push_back(shape[axis]);
    } else if (keepdim) {
      result.push_back(1);
    }
  }
  return result;
}

// How many elements go into one of the result.
std::int64_t terms(const Over& over, std::int64_t batch) {
  const Shape shape = with_batch(over.shape, batch);
  std::int64_t count = 1;
  for (const std::size_t axis : positions(over.axes, shape.size())) count *= shape[axis];
  return count;
}

bool is_over_batch(const Over& over) {
  const Positions axes = positions(over.axes, over.shape.size());
  return std::any_of(axes.begin(), axes.end(), [&](std::size_t axis) { return over.shape[axis] < 0; });
}

// What a reduction makes of a tensor that is not empty, and of no terms.
struct Meaning {
  std::function<Array(const Array&, const Positions&)> fold;
  double of_nothing;
};

Array reduced(const Array& x, const Axes& axes, bool keepdim, const Meaning& meaning) {
  const Shape shape = reduced_shape(shape_of(x), axes, keepdim);
  if (x.size() == 0) return mapped(array_of(shape), [&](double) { return meaning.of_nothing; });
  if (x.dimension() == 0) return reshaped(meaning.fold(reshaped(x, {1}), {0}), shape);
  return reshaped(meaning.fold(x, positions(axes, x.dimension())), shape);
}

// xtensor 0.24 evaluates at once wrongly where nothing is left of the axes: these are evaluated by assignment.
Array sum_over(const Array& x, const Positions& axes) { return xt::sum(x, axes); }
Array prod_over(const Array& x, const Positions& axes) { return xt::prod(x, axes); }
Array max_over(const Array& x, const Positions& axes) { return xt::amax(x, axes); }
Array min_over(const Array& x, const Positions& axes) { return xt::amin(x, axes); }
Array mean_over(const Array& x, const Positions& axes) {
  const Array sum = sum_over(x, axes);
  return sum / (static_cast<double>(x.size()) / static_cast<double>(sum.size()));
}
Array squares_over(const Array& x, const Positions& axes) { return sum_over(xt::square(x), axes); }
Array magnitudes_over(const Array& x, const Positions& axes) { return sum_over(xt::abs(x), axes); }
Array largest_over(const Array& x, const Positions& axes) { return max_over(xt::abs(x), axes); }
Array length_over(const Array& x, const Positions& axes) { return xt::sqrt(squares_over(x, axes)); }
Array log_sum_over(const Array& x, const Positions& axes) { return xt::log(sum_over(xt::exp(x), axes)); }

// The sum of (x - mean)² over (terms - correction), the mean kept as an axis of 1 to be broadcast.
Array variance_over(const Array& x, const Positions& axes, double correction) {
  const Array mean = mean_over(x, axes);
  Shape kept = shape_of(x);
  for (const std::size_t axis : axes) kept[axis] = 1;
  const Array deviations = mapped(x, reshaped(mean, kept), [](double a, double b) { return a - b; });
  const double count = static_cast<double>(x.size()) / static_cast<double>(mean.size());
  return squares_over(deviations, axes) / std::max(0.0, count - correction);  // NaN or infinite for too few
}

Array truth(const Array& x) {
  return mapped(x, [](double value) { return value != 0 ? 1.0 : 0.0; });
}

// ---------------------------------------------------------------------------------------------------------- cases

struct Traits {
  Samples samples = spread(-3, 3, {0});
  std::int64_t fewest = 0;  // terms of which there are derivatives
  bool of_nothing = true;   // a length of 0 is allowed
  bool of_batch = true;
  bool is_relative = false;  // an error is relative to the value rather than to the number of terms
};

// Of the lengths around those of vectors, 17 stands for all.
bool is_like_others(const Shape& shape) { return shape.size() == 1 && shape[0] > 3 && shape[0] != 17; }

Case reduction(const std::string& label, const std::string& options, Builder build, const Meaning& meaning,
               const Over& over, bool keepdim, const Traits& traits) {
  Case c;
  const std::string all_options = options + (keepdim ? " keepdim=1" : "");
  c.label = label + " " + all_options;
  c.operands = {{over.shape, traits.samples, 0, {}}};
  c.build = [build, axes = over.axes, all_options](const Scope& scope, const Nodes& x) {
    const std::int32_t* data = axes.empty() ? nullptr : axes.data();
    return build(scope.graph, x[0], data, static_cast<std::int32_t>(axes.size()), all_options.c_str());
  };
  c.reference = [axes = over.axes, keepdim, meaning](const Arrays& x) { return reduced(x[0], axes, keepdim, meaning); };
  // The tree has a rounding a level, of the sum of the magnitudes; a product one a factor.
  const auto count = static_cast<double>(terms(over, 5));
  c.roundings = traits.is_relative ? std::max(16.0, 2 * count) : 32;
  c.floor = traits.is_relative ? 0 : std::max(1.0, count);
  c.needs_rows = !traits.of_nothing && is_over_batch(over);
  c.is_brief = is_like_others(over.shape);
  return c;
}

// A case of the batches with enough terms for derivatives, and one of the others.
void add(Cases& cases, const Case& like, const Over& over, std::int64_t fewest) {
  Case enough = like, too_few = like;
  enough.batches.clear();
  too_few.batches.clear();
  for (const std::int64_t batch : like.batches)
    (terms(over, batch) >= fewest ? enough : too_few).batches.push_back(batch);
  too_few.derivatives = Derivatives::kUntold;
  if (!enough.batches.empty()) cases.push_back(std::move(enough));
  if (!too_few.batches.empty()) cases.push_back(std::move(too_few));
}

// Those that differ from others by an option.
Cases in_brief(Cases cases) {
  for (Case& c : cases) c.is_brief = true;
  return cases;
}

Cases reductions(const std::string& label, const std::string& options, Builder build, const Meaning& meaning,
                 const Traits& traits) {
  Cases cases;
  bool keepdim = false;
  for (const Over& over : kOver) {
    if (!traits.of_nothing && terms(over, 1) == 0) continue;
    if (!traits.of_batch && is_over_batch(over)) continue;
    add(cases, reduction(label, options, build, meaning, over, keepdim, traits), over, traits.fewest);
    keepdim = !keepdim;  // each with one, and all with both below
    if (over.shape.size() > 1)
      add(cases, reduction(label, options, build, meaning, over, keepdim, traits), over, traits.fewest);
  }
  return cases;
}

Cases of_masks(const std::string& label, Builder build, const Meaning& meaning) {
  Cases cases;
  for (const Samples& samples : {in_turn({0, 1, 0, 255, 0}), in_turn({0}), in_turn({1, 2, 255})}) {
    Traits traits;
    traits.samples = samples;
    for (Case& c : reductions(label, "", build, meaning, traits)) {
      c.dtypes = {NADIR_U8};
      c.roundings = 0;
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace

namespace cases {

Cases sum() { return reductions("sum", "", nadir_sum, {sum_over, 0}, {}); }

Cases mean() {
  Traits traits;
  traits.fewest = 1;
  return reductions("mean", "", nadir_mean, {mean_over, kNan}, traits);
}

Cases prod() {
  Traits traits;
  traits.of_batch = false;
  traits.fewest = 1;  // of nothing it is 1, which depends on nothing
  traits.is_relative = true;
  traits.samples = spread(0.6, 1.5);
  Cases all = reductions("prod", "", nadir_prod, {prod_over, 1}, traits);
  // Signs, one zero and several: what the others make is the gradient of a zero.
  for (const std::vector<double>& values :
       {std::vector<double>{-1.5, 0.5, 2, -0.25, 1.25}, std::vector<double>{1.5, 0, 2, -1, 0.5, 3, -2},
        std::vector<double>{1.5, 0, -2, 0, 3}}) {
    for (const Over& over :
         {Over{{5}, {0}}, Over{{9}, {}}, Over{{2, 5}, {1}}, Over{{5, 2}, {0}}, Over{{2, 2, 3}, {0, 2}}}) {
      traits.samples = in_turn(values);
      Case c = reduction("prod", "", nadir_prod, {prod_over, 1}, over, false, traits);
      c.roundings = 32;
      all.push_back(std::move(c));
    }
  }
  return all;
}

Cases max() {
  Traits traits;
  traits.of_nothing = false;
  Cases all = reductions("max", "", nadir_max, {max_over, -kInfinity}, traits);
  for (Case& c : all) c.roundings = 0;
  return all;
}
Cases min() {
  Traits traits;
  traits.of_nothing = false;
  Cases all = reductions("min", "", nadir_min, {min_over, kInfinity}, traits);
  for (Case& c : all) c.roundings = 0;
  return all;
}

Cases var() {
  Cases all;
  for (const int correction : {1, 0, 2}) {
    Traits traits;
    traits.fewest = correction + 1;
    const Meaning meaning = {
        [correction](const Array& x, const Positions& axes) { return variance_over(x, axes, correction); }, kNan};
    const std::string options = correction == 1 ? "" : "correction=" + std::to_string(correction);
    Cases some = reductions("var", options, nadir_var, meaning, traits);
    append(all, correction == 2 ? in_brief(std::move(some)) : std::move(some));
  }
  return all;
}
Cases std() {
  Cases all;
  for (const int correction : {1, 0}) {
    Traits traits;
    traits.fewest = 2;
    const Meaning meaning = {[correction](const Array& x, const Positions& axes) {
                               return Array(xt::sqrt(variance_over(x, axes, correction)));
                             },
                             kNan};
    append(all, reductions("std", correction == 1 ? "" : "correction=0", nadir_std, meaning, traits));
  }
  return all;
}

Cases norm() {
  Cases all = reductions("norm", "", nadir_norm, {length_over, 0}, {});
  append(all, in_brief(reductions("norm", "p=2", nadir_norm, {length_over, 0}, {})));
  append(all, reductions("norm", "p=1", nadir_norm, {magnitudes_over, 0}, {}));
  Traits traits;
  traits.of_nothing = false;
  Cases largest = reductions("norm", "p=inf", nadir_norm, {largest_over, 0}, traits);
  for (Case& c : largest) {
    c.roundings = 0;
    // What the largest of a batch of 0 is, is not said.
    c.batches.erase(std::remove(c.batches.begin(), c.batches.end(), 0), c.batches.end());
  }
  append(all, std::move(largest));
  return all;
}

Cases logsumexp() {
  Traits traits;
  traits.of_nothing = false;
  return reductions("logsumexp", "", nadir_logsumexp, {log_sum_over, -kInfinity}, traits);
}

Cases any() {
  return of_masks("any", nadir_any,
                  {[](const Array& x, const Positions& axes) { return max_over(truth(x), axes); }, 0});
}
Cases all() {
  return of_masks("all", nadir_all,
                  {[](const Array& x, const Positions& axes) { return min_over(truth(x), axes); }, 1});
}

}  // namespace cases

// ---------------------------------------------------------------------------------------------------- along an axis

namespace {

struct Along {
  Shape shape;
  std::int32_t axis;
};

const std::vector<Along> kAlong = {
    {{1}, 0},
    {{3}, 0},
    {{4}, -1},
    {{7}, 0},
    {{8}, 0},
    {{9}, 0},
    {{15}, 0},
    {{16}, 0},
    {{17}, 0},
    {{33}, 0},
    {{130}, 0},
    {{0}, 0},
    {{0, 3}, 1},
    {{3, 0}, 0},
    {{2, 3}, 0},
    {{2, 3}, 1},
    {{2, 17}, -1},
    {{17, 2}, -2},
    {{3, 1}, 1},
    {{2, 3, 4}, 0},
    {{2, 3, 4}, 1},
    {{2, 3, 4}, 2},
    {{2, 3, 2, 3}, 2},
    {{2, 2, 1, 2, 3}, 3},
    {{1, 2, 1, 2, 1, 2, 1, 2}, 5},
    {{kBatch}, 0},
    {{kBatch, 3}, 0},
    {{kBatch, 3}, 1},
    {{2, kBatch, 3}, 1},
    {{2, kBatch, 3}, -1},
    {{2 * kBatch, 2}, 0},
};

Array along_axis(const Array& x, std::int32_t axis, const std::function<void(std::vector<double>&)>& f) {
  const std::size_t position = axis_of(axis, x.dimension());
  Shape starts = shape_of(x);
  const auto length = static_cast<std::size_t>(starts[position]);
  Array y = x;
  if (x.size() == 0) return y;
  starts[position] = 1;
  for_each_index(starts, [&](const Index& start) {
    std::vector<double> row;
    Index index = start;
    for (std::size_t i = 0; i < length; ++i) {
      index[position] = i;
      row.push_back(at(x, index));
    }
    f(row);
    for (std::size_t i = 0; i < length; ++i) {
      index[position] = i;
      at(y, index) = row[i];
    }
  });
  return y;
}

using Extremum = nadir_node (*)(nadir_graph*, nadir_node, std::int32_t, const char*);

// The first place of the best of equals along the axis.
Cases places(const std::string& label, Extremum build, bool is_max) {
  Cases cases;
  for (const Along& along : kAlong) {
    const bool is_over_batch = along.shape[axis_of(along.axis, along.shape.size())] < 0;
    if (along.shape[axis_of(along.axis, along.shape.size())] == 0) continue;
    for (const bool has_equals : {false, true}) {
      for (const bool keepdim : {false, true}) {
        if (keepdim && along.shape.size() < 2) continue;
        Case c;
        c.label = label;
        c.result = NADIR_I64;
        c.roundings = 0;
        c.needs_rows = is_over_batch;
        // A difference would choose among equals.
        c.derivatives = has_equals ? Derivatives::kUntold : Derivatives::kZero;
        c.operands = {{along.shape, has_equals ? in_turn({1, 2, -1, 2, -1, 0}) : spread(-3, 3), 0, {}}};
        c.build = [build, axis = along.axis, keepdim](const Scope& scope, const Nodes& x) {
          return build(scope.graph, x[0], axis, keepdim ? "keepdim=1" : nullptr);
        };
        c.reference = [is_max, axis = along.axis, keepdim](const Arrays& x) {
          const Shape shape = reduced_shape(shape_of(x[0]), {axis}, keepdim);
          if (x[0].size() == 0) return array_of(shape);
          const Array places = along_axis(x[0], axis, [is_max](std::vector<double>& row) {
            const auto best =
                is_max ? std::max_element(row.begin(), row.end()) : std::min_element(row.begin(), row.end());
            std::fill(row.begin(), row.end(), static_cast<double>(best - row.begin()));
          });
          return reshaped(max_over(places, {axis_of(axis, x[0].dimension())}), shape);
        };
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

Array softmax_of(const Array& x, std::int32_t axis) {
  return along_axis(x, axis, [](std::vector<double>& row) {
    const Array powers = xt::exp(vector_of(row));
    const double sum = xt::sum(powers)();
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = powers(i) / sum;
  });
}

}  // namespace

namespace cases {

Cases argmax() { return places("argmax", nadir_argmax, true); }
Cases argmin() { return places("argmin", nadir_argmin, false); }

Cases cumsum() {
  Cases cases;
  std::vector<Along> along = kAlong;
  along.push_back({{0, 3}, 0});
  for (const Along& one : along) {
    for (const bool is_reverse : {false, true}) {
      Case c;
      c.label = is_reverse ? "cumsum, reverse" : "cumsum";
      c.is_brief = is_like_others(one.shape);
      c.operands = {{one.shape, spread(-3, 3), 0, {}}};
      c.roundings = 128;  // a rounding a term, in the order of the terms
      c.floor = 3;
      c.build = [axis = one.axis, is_reverse](const Scope& scope, const Nodes& x) {
        return nadir_cumsum(scope.graph, x[0], axis, is_reverse ? "reverse=1" : nullptr);
      };
      c.reference = [axis = one.axis, is_reverse](const Arrays& x) {
        if (x[0].size() == 0) return x[0];
        const std::size_t position = axis_of(axis, x[0].dimension());
        if (!is_reverse) return Array(xt::cumsum(x[0], static_cast<std::ptrdiff_t>(position)));
        const Array turned = xt::flip(x[0], position);
        const Array sums = xt::cumsum(turned, static_cast<std::ptrdiff_t>(position));
        return Array(xt::flip(sums, position));
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases softmax() {
  Cases cases;
  for (const Along& along : kAlong) {
    Case c;
    c.label = "softmax";
    c.roundings = 64;
    c.is_brief = is_like_others(along.shape);
    c.operands = {{along.shape, spread(-3, 3), 0, {}}};
    c.build = [axis = along.axis](const Scope& scope, const Nodes& x) {
      return nadir_softmax(scope.graph, x[0], axis);
    };
    c.reference = [axis = along.axis](const Arrays& x) { return softmax_of(x[0], axis); };
    cases.push_back(std::move(c));
  }
  return cases;
}
Cases log_softmax() {
  Cases cases;
  for (const Along& along : kAlong) {
    Case c;
    c.label = "log_softmax";
    c.roundings = 32;
    c.floor = 1;
    c.is_brief = is_like_others(along.shape);
    c.operands = {{along.shape, spread(-3, 3), 0, {}}};
    c.build = [axis = along.axis](const Scope& scope, const Nodes& x) {
      return nadir_log_softmax(scope.graph, x[0], axis);
    };
    c.reference = [axis = along.axis](const Arrays& x) {
      return mapped(softmax_of(x[0], axis), [](double value) { return std::log(value); });
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace cases

}  // namespace operations
