// What only arranges elements, in every dtype and to the bit: shapes, orders, slices and joins. Where xtensor has the
// operation it is the reference, else index arithmetic.
#include <algorithm>
#include <optional>

#include <xtensor/xbroadcast.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmanipulation.hpp>

#include "cases.h"

namespace operations {

namespace {

// Numbers that every dtype has and of which neighbours differ.
Samples numbers() { return in_turn({3, 1, 4, 0, 5, 9, 2, 6, 7, 8, 12, 10, 11}); }

std::int32_t count(const Shape& shape) { return static_cast<std::int32_t>(shape.size()); }

std::int32_t count(const Axes& axes) { return static_cast<std::int32_t>(axes.size()); }

const std::int32_t* data(const Axes& axes) { return axes.empty() ? nullptr : axes.data(); }

Case arrangement(std::string label, std::vector<Shape> shapes, Build build, Reference reference) {
  Case c;
  c.label = std::move(label);
  for (const Shape& shape : shapes) c.operands.push_back({shape, numbers(), 0, {}});
  c.build = std::move(build);
  c.reference = std::move(reference);
  c.dtypes = kAllDtypes;
  c.roundings = 0;
  return c;
}

// The rows that the reference's operands have, by the one that has the batch.
std::int64_t batch_in(const Shape& symbolic, const Array& x) {
  for (std::size_t axis = 0; axis < symbolic.size(); ++axis) {
    if (symbolic[axis] < 0) return static_cast<std::int64_t>(x.shape()[axis]) / (symbolic[axis] / kBatch);
  }
  return 1;
}

Array turned(Array x, const std::vector<std::size_t>& axes) {
  for (const std::size_t axis : axes) {
    if (x.size() > 0) x = Array(xt::flip(x, axis));
  }
  return x;
}

// Of Python: where x[start:stop:step] begins and how many it has.
struct Range {
  std::int64_t start, count;
};

Range range_of(std::int64_t length, std::optional<std::int64_t> start, std::optional<std::int64_t> stop,
               std::int64_t step) {
  const auto clamped = [&](std::int64_t end) {
    if (end < 0) end += length;
    return step > 0 ? std::clamp(end, std::int64_t{0}, length) : std::clamp(end, std::int64_t{-1}, length - 1);
  };
  const std::int64_t first = start ? clamped(*start) : step > 0 ? 0 : length - 1;
  const std::int64_t last = stop ? clamped(*stop) : step > 0 ? length : -1;
  const std::int64_t distance = step > 0 ? last - first : first - last;
  const std::int64_t size = step > 0 ? step : -step;
  return {first, distance > 0 ? (distance - 1) / size + 1 : 0};
}

struct Slice {
  Shape shape;
  std::int32_t axis;
  std::int64_t start, stop, step;

  // Of the ends along a vector, those of backward steps stand for all.
  [[nodiscard]] bool is_like_others() const { return shape == Shape{7} && step > 0; }

  [[nodiscard]] std::size_t position() const { return axis_of(axis, shape.size()); }

  [[nodiscard]] Range range(const Array& x) const {
    const std::int64_t batch = batch_in(shape, x);
    const auto end = [&](std::int64_t given) -> std::optional<std::int64_t> {
      if (given == NADIR_OPEN) return std::nullopt;
      return shape[position()] < 0 ? rows(given, batch) : given;
    };
    return range_of(static_cast<std::int64_t>(x.shape()[position()]), end(start), end(stop), step);
  }

  [[nodiscard]] Shape result_shape(const Array& x) const {
    Shape result = shape_of(x);
    result[position()] = range(x).count;
    return result;
  }

  // The index in x of an index in the slice.
  [[nodiscard]] Index in_x(Index index, const Range& range) const {
    index[position()] = static_cast<std::size_t>(range.start + static_cast<std::int64_t>(index[position()]) * step);
    return index;
  }

  [[nodiscard]] nadir_node build(const Scope& scope, nadir_node x) const {
    return nadir_slice(scope.graph, x, axis, scope.end(start), scope.end(stop), step);
  }
};

const std::vector<Slice> kSlices = {
    {{7}, 0, 2, 5, 1},
    {{7}, 0, NADIR_OPEN, NADIR_OPEN, 1},
    {{7}, 0, NADIR_OPEN, NADIR_OPEN, -1},
    {{7}, 0, -3, NADIR_OPEN, 1},
    {{7}, 0, NADIR_OPEN, -3, 1},
    {{7}, -1, 1, 100, 2},
    {{7}, 0, -100, 4, 3},
    {{7}, 0, 5, 1, -1},
    {{7}, 0, 5, NADIR_OPEN, -2},
    {{7}, 0, 100, -100, -3},
    {{7}, 0, -2, 0, -2},
    {{7}, 0, 5, 2, 1},
    {{7}, 0, 2, 5, -1},
    {{7}, 0, 3, 3, 1},
    {{7}, 0, 100, 200, 1},
    {{7}, 0, 0, 7, 100},
    {{7}, 0, -1, -100, INT64_MIN + 2},
    {{7}, 0, 1, NADIR_OPEN, INT64_MAX},
    {{0}, 0, NADIR_OPEN, NADIR_OPEN, -1},
    {{0}, 0, 3, -5, 2},
    {{1}, 0, NADIR_OPEN, NADIR_OPEN, -1},
    {{33}, 0, 1, 32, 1},
    {{33}, 0, NADIR_OPEN, NADIR_OPEN, 2},
    {{33}, 0, NADIR_OPEN, NADIR_OPEN, -2},
    {{2, 5}, 1, 1, 4, 1},
    {{5, 2}, 0, NADIR_OPEN, NADIR_OPEN, -2},
    {{2, 5, 3}, 1, 4, 0, -3},
    {{2, 3, 2, 3}, 2, 1, 2, 1},
    {{2, 1, 3, 2, 5}, -1, -2, NADIR_OPEN, 1},
    {{0, 5}, 1, 1, 3, 1},
    {{1, 2, 1, 2, 1, 2, 1, 4}, 7, 3, 0, -2},
    {{kBatch, 5}, 1, 1, 4, 2},
    {{2, kBatch, 3}, 0, 1, 2, 1},
    {{2, kBatch, 3}, 2, NADIR_OPEN, NADIR_OPEN, -1},
    {{kBatch, 3}, 0, NADIR_OPEN, NADIR_OPEN, 1},
    {{kBatch, 3}, 0, NADIR_OPEN, NADIR_OPEN, -1},
    {{2 * kBatch, 3}, 0, NADIR_OPEN, kBatch, 1},
    {{2 * kBatch, 3}, 0, kBatch, NADIR_OPEN, 1},
    {{3 * kBatch, 2}, 0, kBatch, 2 * kBatch, 1},
    {{2, 3 * kBatch}, 1, 0, 2 * kBatch, 1},
    {{3 * kBatch, 2}, 0, 2 * kBatch, kBatch, 1},
    {{3 * kBatch, 2}, 0, 3 * kBatch, NADIR_OPEN, 1},
};

}  // namespace

namespace cases {

Cases full() {
  // A number becomes an integer or a mask as by a cast.
  struct Filling {
    double value, becomes;
    std::vector<nadir_dtype> dtypes;
  };
  const std::vector<Filling> fillings = {
      {0, 0, kAllDtypes},
      {1, 1, kAllDtypes},
      {3.75, 3.75, {NADIR_F32, NADIR_F64}},
      {-3.75, -3, {NADIR_I32, NADIR_I64}},
      {3e9, 2147483647, {NADIR_I32}},
      {3.75, 1, {NADIR_U8}},
  };
  Cases cases;
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{9}, Shape{33}, Shape{2, 3}, Shape{3, 0, 2}, Shape{2, 1, 2, 1, 2, 1, 2, 1}}) {
    for (const Filling& filling : fillings) {
      cases.push_back(arrangement(
          "full of " + std::to_string(filling.value), {},
          [shape, filling](const Scope& scope, const Nodes&) {
            return nadir_full(scope.graph, scope.dtype, shape.data(), count(shape), filling.value);
          },
          [shape, filling](const Arrays&) { return generate(shape, [&](const Index&) { return filling.becomes; }); }));
      cases.back().dtypes = filling.dtypes;
    }
  }
  // A shape with a batch needs something that tells it.
  Case c = arrangement(
      "full and a sum", {{kBatch, 1}},
      [](const Scope& scope, const Nodes& x) {
        const Shape shape = scope.shape({kBatch, 3});
        return nadir_add(scope.graph, nadir_full(scope.graph, scope.dtype, shape.data(), 2, 2.5), x[0]);
      },
      [](const Arrays& x) {
        return generate({shape_of(x[0])[0], 3}, [&](const Index& index) { return at(x[0], {index[0], 0}) + 2.5; });
      });
  c.dtypes = {NADIR_F32, NADIR_F64};
  cases.push_back(std::move(c));
  return cases;
}

Cases broadcast_to() {
  struct Wide {
    Shape from, to;
  };
  Cases cases;
  for (const Wide& wide : std::vector<Wide>{{{}, {}},
                                            {{}, {9}},
                                            {{1}, {33}},
                                            {{3}, {3}},
                                            {{3}, {2, 3}},
                                            {{2, 1}, {2, 3}},
                                            {{}, {0}},
                                            {{1}, {0, 3}},
                                            {{0}, {2, 0}},
                                            {{1, 3, 1}, {2, 3, 4}},
                                            {{2, 1, 3, 1, 2}, {2, 4, 3, 2, 2}},
                                            {{2, 1}, {2, 2, 2, 1, 2, 1, 2, 3}},
                                            {{kBatch, 1}, {kBatch, 3}},
                                            {{kBatch}, {3, kBatch}},
                                            {{2, 1, 1}, {2, 3, 4}}}) {
    cases.push_back(arrangement(
        "broadcast_to " + text_of(wide.to), {wide.from},
        [wide](const Scope& scope, const Nodes& x) {
          const Shape to = scope.shape(wide.to);
          return nadir_broadcast_to(scope.graph, x[0], to.data(), count(to));
        },
        [wide](const Arrays& x) {
          const Shape to = with_batch(wide.to, batch_in(wide.from, x[0]));
          if (has_zero(to)) return array_of(to);
          return Array(xt::broadcast(x[0], Array::shape_type(to.begin(), to.end())));
        }));
  }
  // To a batch that something else has: each row is the same.
  Case c = arrangement(
      "broadcast_to a batch, and a product", {{3}, {kBatch, 3}},
      [](const Scope& scope, const Nodes& x) {
        const Shape to = scope.shape({kBatch, 3});
        return nadir_mul(scope.graph, nadir_broadcast_to(scope.graph, x[0], to.data(), 2), x[1]);
      },
      [](const Arrays& x) { return mapped(x[0], x[1], [](double a, double b) { return a * b; }); });
  c.dtypes = {NADIR_F32, NADIR_F64};
  cases.push_back(std::move(c));
  return cases;
}

namespace {

// What has the elements in their order in another shape, where `to` is worked out by hand.
struct Reshaped {
  Shape from, to;
  std::vector<std::int64_t> arguments;
};

Reference in_shape(const Shape& from, const Shape& to) {
  return [from, to](const Arrays& x) { return reshaped(x[0], with_batch(to, batch_in(from, x[0]))); };
}

}  // namespace

Cases reshape() {
  Cases cases;
  for (const Reshaped& one : std::vector<Reshaped>{
           {{}, {1}, {1}},
           {{}, {1, 1, 1}, {1, 1, 1}},
           {{1}, {}, {}},
           {{6}, {2, 3}, {2, 3}},
           {{6}, {2, 3}, {2, -1}},
           {{2, 3}, {6}, {-1}},
           {{2, 3}, {3, 2}, {3, 2}},
           {{33}, {3, 11}, {3, -1}},
           {{2, 3, 4}, {4, 6}, {4, -1}},
           {{0, 3}, {3, 0}, {3, 0}},
           {{2, 2, 2, 2}, {1, 2, 1, 2, 2, 1, 2, 1}, {1, 2, 1, 2, 2, 1, 2, 1}},
           {{kBatch, 3, 4}, {kBatch, 12}, {kBatch, -1}},
           {{kBatch, 3, 4}, {3 * kBatch, 4}, {3 * kBatch, 4}},
           {{kBatch, 3, 4}, {3 * kBatch, 4}, {-1, 4}},
           {{2 * kBatch, 3}, {kBatch, 2, 3}, {-1, 2, 3}},
           {{2, kBatch}, {2 * kBatch}, {2 * kBatch}},
           {{kBatch}, {1, kBatch, 1}, {1, kBatch, 1}},
       }) {
    cases.push_back(arrangement(
        "reshape to " + text_of(one.to), {one.from},
        [one](const Scope& scope, const Nodes& x) {
          const Shape to = scope.shape(one.arguments);
          return nadir_reshape(scope.graph, x[0], to.data(), count(to));
        },
        in_shape(one.from, one.to)));
    // From no elements no length can be inferred.
    cases.back().needs_rows = std::find(one.arguments.begin(), one.arguments.end(), -1) != one.arguments.end();
  }
  return cases;
}

Cases flatten() {
  Cases cases;
  for (const Reshaped& one : std::vector<Reshaped>{
           {{}, {1}, {0, -1}},
           {{5}, {5}, {0, 0}},
           {{2, 3}, {6}, {0, 1}},
           {{2, 3}, {6}, {0, -1}},
           {{2, 3, 4}, {2, 12}, {1, 2}},
           {{2, 3, 4}, {6, 4}, {0, 1}},
           {{2, 3, 4}, {2, 3, 4}, {1, 1}},
           {{2, 0, 4}, {2, 0}, {1, -1}},
           {{2, 1, 3, 2, 2}, {2, 6, 2}, {-4, -2}},
           {{1, 2, 1, 2, 1, 2, 1, 2}, {16}, {0, 7}},
           {{kBatch, 3, 2}, {kBatch, 6}, {1, -1}},
           {{kBatch, 3, 2}, {3 * kBatch, 2}, {0, 1}},
           {{2, kBatch}, {2 * kBatch}, {0, -1}},
       }) {
    cases.push_back(arrangement(
        "flatten", {one.from},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_flatten(scope.graph, x[0], static_cast<std::int32_t>(one.arguments[0]),
                               static_cast<std::int32_t>(one.arguments[1]));
        },
        in_shape(one.from, one.to)));
  }
  return cases;
}

Cases squeeze() {
  struct Squeezed {
    Shape from, to;
    Axes axes;
  };
  Cases cases;
  for (const Squeezed& one : std::vector<Squeezed>{
           {{}, {}, {}},
           {{1}, {}, {}},
           {{1}, {}, {0}},
           {{3}, {3}, {}},
           {{3}, {3}, {0}},
           {{2, 1, 3, 1}, {2, 3}, {}},
           {{2, 1, 3, 1}, {2, 3, 1}, {1}},
           {{2, 1, 3, 1}, {2, 1, 3}, {-1}},
           {{2, 1, 3, 1}, {2, 3}, {3, 1}},
           {{2, 1, 3, 1}, {2, 1, 3}, {0, 3}},
           {{1, 0, 1}, {0}, {}},
           {{1, 1, 1, 1, 1, 1, 1, 1}, {}, {}},
           {{kBatch, 1, 3}, {kBatch, 3}, {1}},
           {{kBatch, 1}, {kBatch}, {}},
       }) {
    cases.push_back(arrangement(
        "squeeze", {one.from},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_squeeze(scope.graph, x[0], data(one.axes), count(one.axes));
        },
        in_shape(one.from, one.to)));
    // A batch of 1 that is written down has the length 1.
    cases.back().batches = {0, 2, 5};
  }
  return cases;
}

Cases unsqueeze() {
  Cases cases;
  for (const Reshaped& one : std::vector<Reshaped>{
           {{}, {1}, {0}},
           {{}, {1}, {-1}},
           {{3}, {1, 3}, {0}},
           {{3}, {3, 1}, {1}},
           {{3}, {3, 1}, {-1}},
           {{3}, {1, 3}, {-2}},
           {{0}, {0, 1}, {1}},
           {{2, 3}, {2, 1, 3}, {1}},
           {{2, 3, 4, 2}, {2, 3, 4, 1, 2}, {-2}},
           {{1, 2, 1, 2, 1, 2, 2}, {1, 2, 1, 2, 1, 2, 2, 1}, {7}},
           {{kBatch, 3}, {1, kBatch, 3}, {0}},
           {{kBatch}, {kBatch, 1}, {-1}},
       }) {
    cases.push_back(arrangement(
        "unsqueeze", {one.from},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_unsqueeze(scope.graph, x[0], static_cast<std::int32_t>(one.arguments[0]));
        },
        in_shape(one.from, one.to)));
  }
  return cases;
}

Cases permute() {
  struct Permuted {
    Shape shape;
    Axes axes;
  };
  Cases cases;
  for (const Permuted& one : std::vector<Permuted>{
           {{}, {}},
           {{5}, {0}},
           {{2, 3}, {1, 0}},
           {{2, 3}, {0, 1}},
           {{17, 9}, {1, 0}},
           {{0, 3}, {1, 0}},
           {{2, 3, 4}, {2, 0, 1}},
           {{2, 3, 4}, {1, 2, 0}},
           {{2, 3, 4}, {-1, 1, -3}},
           {{2, 3, 4, 2}, {3, 1, 0, 2}},
           {{2, 1, 3, 2, 2}, {4, 2, 0, 3, 1}},
           {{1, 2, 1, 3, 1, 2, 1, 2}, {7, 6, 5, 4, 3, 2, 1, 0}},
           {{kBatch, 3}, {1, 0}},
           {{kBatch, 2, 3}, {2, 0, 1}},
           {{2, kBatch, 3}, {1, 2, 0}},
       }) {
    cases.push_back(arrangement(
        "permute", {one.shape},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_permute(scope.graph, x[0], data(one.axes), count(one.axes));
        },
        [one](const Arrays& x) {
          std::vector<std::size_t> axes;
          for (const std::int32_t axis : one.axes) axes.push_back(axis_of(axis, one.shape.size()));
          return axes.empty() ? x[0] : Array(xt::transpose(x[0], axes));
        }));
  }
  return cases;
}

Cases transpose() {
  Cases cases;
  for (const Reshaped& one : std::vector<Reshaped>{
           {{5}, {}, {0, 0}},
           {{2, 3}, {}, {0, 1}},
           {{2, 3}, {}, {-1, -2}},
           {{0, 3}, {}, {0, 1}},
           {{2, 3, 4}, {}, {0, 2}},
           {{2, 3, 4}, {}, {1, -1}},
           {{2, 3, 2, 2}, {}, {3, 1}},
           {{2, 1, 3, 2, 2}, {}, {-5, 3}},
           {{kBatch, 3}, {}, {0, 1}},
           {{2, kBatch, 3}, {}, {2, 0}},
       }) {
    const auto first = static_cast<std::int32_t>(one.arguments[0]),
               second = static_cast<std::int32_t>(one.arguments[1]);
    cases.push_back(arrangement(
        "transpose", {one.from},
        [first, second](const Scope& scope, const Nodes& x) {
          return nadir_transpose(scope.graph, x[0], first, second);
        },
        [first, second](const Arrays& x) {
          const std::size_t rank = x[0].dimension();
          std::vector<std::size_t> axes(rank);
          for (std::size_t axis = 0; axis < rank; ++axis) axes[axis] = axis;
          std::swap(axes[axis_of(first, rank)], axes[axis_of(second, rank)]);
          return Array(xt::transpose(x[0], axes));
        }));
  }
  return cases;
}

Cases flip() {
  struct Flipped {
    Shape shape;
    Axes axes;
  };
  Cases cases;
  for (const Flipped& one : std::vector<Flipped>{
           {{}, {}},
           {{1}, {0}},
           {{7}, {}},
           {{8}, {0}},
           {{33}, {-1}},
           {{0}, {0}},
           {{2, 3}, {}},
           {{2, 3}, {1}},
           {{3, 2}, {0}},
           {{2, 3, 4}, {0, 2}},
           {{2, 3, 4}, {-2}},
           {{2, 2, 3, 1, 2}, {0, 1, 4}},
           {{1, 2, 1, 3, 1, 2, 1, 2}, {}},
           {{kBatch, 3}, {1}},
           {{kBatch, 3}, {0}},
           {{2, kBatch}, {}},
           {{2 * kBatch, 3}, {0, 1}},
       }) {
    cases.push_back(arrangement(
        "flip", {one.shape},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_flip(scope.graph, x[0], data(one.axes), count(one.axes));
        },
        [one](const Arrays& x) {
          std::vector<std::size_t> axes;
          for (std::size_t axis = 0; one.axes.empty() && axis < one.shape.size(); ++axis) axes.push_back(axis);
          for (const std::int32_t axis : one.axes) axes.push_back(axis_of(axis, one.shape.size()));
          return turned(x[0], axes);
        }));
  }
  return cases;
}

Cases slice() {
  Cases cases;
  for (const Slice& one : kSlices) {
    cases.push_back(arrangement(
        "slice " + std::to_string(one.start) + ":" + std::to_string(one.stop) + ":" + std::to_string(one.step),
        {one.shape}, [one](const Scope& scope, const Nodes& x) { return one.build(scope, x[0]); },
        [one](const Arrays& x) {
          const Range range = one.range(x[0]);
          return generate(one.result_shape(x[0]), [&](const Index& index) { return at(x[0], one.in_x(index, range)); });
        }));
    cases.back().is_brief = one.is_like_others();
  }
  return cases;
}

Cases slice_set() {
  Cases cases;
  for (const Slice& one : kSlices) {
    // The value is a scalar, a row of the slice or the whole, whose length along a batch is the batch's.
    for (const bool is_scalar : {true, false}) {
      Shape value = one.shape;
      if (is_scalar) {
        value.clear();
      } else if (value[one.position()] < 0) {
        const std::int64_t start = one.start == NADIR_OPEN ? 0 : one.start;
        const std::int64_t stop = one.stop == NADIR_OPEN ? value[one.position()] : one.stop;
        value[one.position()] = stop < start ? stop - start : 0;  // counted by negative numbers
      } else {
        value[one.position()] = one.result_shape(array_of(with_batch(one.shape, 1)))[one.position()];
      }
      cases.push_back(arrangement(
          "slice_set " + std::to_string(one.start) + ":" + std::to_string(one.stop) + ":" + std::to_string(one.step),
          {one.shape, value},
          [one](const Scope& scope, const Nodes& x) {
            return nadir_slice_set(scope.graph, x[0], one.axis, scope.end(one.start), scope.end(one.stop), one.step,
                                   x[1]);
          },
          [one](const Arrays& x) {
            Array y = x[0];
            const Range range = one.range(x[0]);
            const bool is_one = x[1].dimension() == 0;
            for_each_index(one.result_shape(x[0]), [&](const Index& index) {
              at(y, one.in_x(index, range)) = is_one ? x[1]() : at(x[1], index);
            });
            return y;
          }));
      cases.back().is_brief = one.is_like_others();
    }
  }
  // A row in every place of the slice.
  const Slice rows_of{{3, 5}, 1, 1, 4, 2};
  cases.push_back(arrangement(
      "slice_set of a column", {{3, 5}, {3, 1}},
      [](const Scope& scope, const Nodes& x) { return nadir_slice_set(scope.graph, x[0], 1, 1, 4, 2, x[1]); },
      [rows_of](const Arrays& x) {
        Array y = x[0];
        for_each_index(rows_of.result_shape(x[0]), [&](const Index& index) {
          at(y, rows_of.in_x(index, rows_of.range(x[0]))) = at(x[1], {index[0], 0});
        });
        return y;
      }));
  return cases;
}

namespace {

struct Joined {
  std::vector<Shape> shapes;
  std::int32_t axis;
};

}  // namespace

Cases concat() {
  Cases cases;
  for (const Joined& one : std::vector<Joined>{
           {{{3}}, 0},
           {{{3}, {4}}, 0},
           {{{0}, {3}, {1}}, -1},
           {{{9}, {8}, {17}, {1}}, 0},
           {{{2, 3}, {4, 3}}, 0},
           {{{2, 3}, {2, 1}, {2, 5}}, 1},
           {{{0, 3}, {0, 2}}, 1},
           {{{2, 3, 2}, {2, 1, 2}}, -2},
           {{{2, 1, 3, 2, 2}, {2, 1, 3, 2, 3}}, 4},
           {{{1, 2, 1, 2, 1, 2, 1, 2}, {1, 2, 1, 3, 1, 2, 1, 2}}, 3},
           {{{kBatch, 3}, {kBatch, 2}}, 1},
           {{{kBatch, 3}, {kBatch, 3}}, 0},
           {{{kBatch, 3}, {2 * kBatch, 3}, {kBatch, 3}}, 0},
           {{{2, kBatch}, {3, kBatch}}, 0},
           {{{2, kBatch}, {2, 2 * kBatch}}, -1},
       }) {
    cases.push_back(arrangement(
        "concat", one.shapes,
        [one](const Scope& scope, const Nodes& x) {
          return nadir_concat(scope.graph, x.data(), static_cast<std::int32_t>(x.size()), one.axis);
        },
        [one](const Arrays& x) {
          const std::size_t axis = axis_of(one.axis, x[0].dimension());
          Array joined = x[0];
          for (std::size_t i = 1; i < x.size(); ++i)
            joined = Array(xt::concatenate(xt::xtuple(Array(joined), x[i]), axis));
          return joined;
        }));
  }
  // The same node twice gets both parts of the gradient.
  cases.push_back(arrangement(
      "concat of one with itself", {{2, 3}},
      [](const Scope& scope, const Nodes& x) {
        const nadir_node both[] = {x[0], x[0]};
        return nadir_concat(scope.graph, both, 2, 0);
      },
      [](const Arrays& x) { return Array(xt::concatenate(xt::xtuple(x[0], x[0]), 0)); }));
  return cases;
}

Cases stack() {
  Cases cases;
  for (const Joined& one : std::vector<Joined>{
           {{{}}, 0},
           {{{}, {}, {}}, 0},
           {{{3}}, 1},
           {{{3}, {3}}, 0},
           {{{3}, {3}}, 1},
           {{{3}, {3}, {3}}, -1},
           {{{0}, {0}}, 0},
           {{{2, 3}, {2, 3}, {2, 3}}, 1},
           {{{2, 1, 3, 2}, {2, 1, 3, 2}}, -2},
           {{{kBatch, 3}, {kBatch, 3}}, 1},
           {{{kBatch}, {kBatch}, {kBatch}}, 0},
           {{{kBatch}, {kBatch}}, -1},
       }) {
    cases.push_back(arrangement(
        "stack", one.shapes,
        [one](const Scope& scope, const Nodes& x) {
          return nadir_stack(scope.graph, x.data(), static_cast<std::int32_t>(x.size()), one.axis);
        },
        [one](const Arrays& x) {
          const std::size_t axis = axis_of(one.axis, x[0].dimension() + 1);
          Shape shape = shape_of(x[0]);
          shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(x.size()));
          return generate(shape, [&](Index index) {
            const std::size_t number = index[axis];
            index.erase(index.begin() + static_cast<std::ptrdiff_t>(axis));
            return at(x[number], index);
          });
        }));
  }
  return cases;
}

Cases split() {
  struct Cut {
    Shape shape;
    std::int32_t axis;
    std::vector<std::int64_t> lengths;
  };
  Cases cases;
  for (const Cut& cut : std::vector<Cut>{
           {{5}, 0, {5}},
           {{5}, 0, {2, 3}},
           {{5}, -1, {0, 4, 1}},
           {{0}, 0, {0, 0}},
           {{33}, 0, {16, 1, 16}},
           {{4, 3}, 0, {1, 3}},
           {{2, 5}, 1, {2, 2, 1}},
           {{2, 3, 4}, -2, {1, 2}},
           {{2, 1, 3, 2, 4}, 4, {3, 1}},
           {{kBatch, 5}, 1, {2, 3}},
           {{2 * kBatch, 3}, 0, {kBatch, kBatch}},
           {{2, 3 * kBatch}, 1, {kBatch, 2 * kBatch}},
       }) {
    for (std::size_t piece = 0; piece < cut.lengths.size(); ++piece) {
      cases.push_back(arrangement(
          "split, piece " + std::to_string(piece), {cut.shape},
          [cut, piece](const Scope& scope, const Nodes& x) {
            const Shape lengths = scope.shape(cut.lengths);
            Nodes out(lengths.size(), NADIR_NONE);
            const nadir_status status =
                nadir_split(scope.graph, x[0], cut.axis, lengths.data(), count(lengths), out.data());
            return status == NADIR_OK ? out[piece] : NADIR_NONE;
          },
          [cut, piece](const Arrays& x) {
            const std::size_t axis = axis_of(cut.axis, cut.shape.size());
            const Shape lengths = with_batch(cut.lengths, batch_in(cut.shape, x[0]));
            std::size_t before = 0;
            for (std::size_t i = 0; i < piece; ++i) before += static_cast<std::size_t>(lengths[i]);
            Shape shape = shape_of(x[0]);
            shape[axis] = lengths[piece];
            return generate(shape, [&](Index index) {
              index[axis] += before;
              return at(x[0], index);
            });
          }));
    }
  }
  return cases;
}

Cases pad() {
  struct Padded {
    Shape shape;
    std::int32_t axis;
    std::int64_t before, after;
  };
  Cases cases;
  for (const Padded& one : std::vector<Padded>{
           {{5}, 0, 2, 3},
           {{5}, 0, 0, 0},
           {{5}, 0, 4, 4},
           {{1}, 0, 0, 0},
           {{33}, 0, 1, 8},
           {{3, 2}, 0, 1, 2},
           {{2, 3}, 1, 2, 0},
           {{2, 3}, -1, 0, 2},
           {{2, 3, 4}, 1, 2, 1},
           {{0, 3}, 1, 1, 1},
           {{2, 1, 3, 2, 2}, -3, 1, 2},
           {{1, 2, 1, 2, 1, 2, 1, 3}, 7, 2, 1},
           {{kBatch, 3}, 1, 2, 1},
           {{3, kBatch}, 0, 1, 2},
       }) {
    for (const std::string options : {"", "value=1", "mode=constant", "mode=reflect", "mode=replicate"}) {
      cases.push_back(arrangement(
          "pad " + options, {one.shape},
          [one, options](const Scope& scope, const Nodes& x) {
            return nadir_pad(scope.graph, x[0], one.axis, one.before, one.after, options.c_str());
          },
          [one, options](const Arrays& x) {
            const std::size_t axis = axis_of(one.axis, one.shape.size());
            const std::int64_t length = shape_of(x[0])[axis];
            const bool is_reflect = options == "mode=reflect", is_replicate = options == "mode=replicate";
            const double value = options == "value=1" ? 1 : 0;
            Shape shape = shape_of(x[0]);
            shape[axis] += one.before + one.after;
            return generate(shape, [&](Index index) {
              const std::int64_t i = static_cast<std::int64_t>(index[axis]) - one.before;
              const std::int64_t inside = std::clamp<std::int64_t>(i, 0, length - 1);
              if (i != inside && !is_reflect && !is_replicate) return value;
              index[axis] = static_cast<std::size_t>(is_reflect ? 2 * inside - i : inside);
              return at(x[0], index);
            });
          }));
    }
  }
  Case c = arrangement(
      "pad value=-7", {{3}},
      [](const Scope& scope, const Nodes& x) { return nadir_pad(scope.graph, x[0], 0, 1, 2, "value=-7"); },
      [](const Arrays& x) {
        return vector_of({-7, x[0](0), x[0](1), x[0](2), -7, -7});
      });
  c.dtypes = {NADIR_F32, NADIR_F64, NADIR_I32, NADIR_I64};
  cases.push_back(std::move(c));
  for (const std::string options : {"", "value=1"}) {
    cases.push_back(arrangement(
        "pad of nothing " + options, {{2, 0}},
        [options](const Scope& scope, const Nodes& x) {
          return nadir_pad(scope.graph, x[0], 1, 1, 2, options.c_str());
        },
        [options](const Arrays&) {
          return generate({2, 3}, [&](const Index&) { return options.empty() ? 0.0 : 1.0; });
        }));
  }
  return cases;
}

Cases repeat() {
  Cases cases;
  for (const Reshaped& one : std::vector<Reshaped>{
           {{}, {}, {}},
           {{}, {3}, {3}},
           {{3}, {3}, {1}},
           {{3}, {6}, {2}},
           {{3}, {0}, {0}},
           {{3}, {2, 9}, {2, 3}},
           {{9}, {27}, {3}},
           {{0}, {0}, {4}},
           {{2, 3}, {4, 9}, {2, 3}},
           {{2, 3}, {3, 2, 6}, {3, 1, 2}},
           {{2, 1, 3}, {2, 4, 3}, {1, 4, 1}},
           {{2, 3}, {0, 3}, {0, 1}},
           {{2, 1, 2, 1, 2}, {2, 2, 2, 3, 4}, {1, 2, 1, 3, 2}},
           {{1, 2}, {2, 1, 2, 1, 2, 1, 2, 2}, {2, 1, 2, 1, 2, 1, 2, 1}},
           {{kBatch, 3}, {kBatch, 6}, {1, 2}},
           {{kBatch, 3}, {2 * kBatch, 3}, {2, 1}},
           {{kBatch}, {2, 3 * kBatch}, {2, 3}},
       }) {
    cases.push_back(arrangement(
        "repeat " + text_of(one.arguments), {one.from},
        [one](const Scope& scope, const Nodes& x) {
          return nadir_repeat(scope.graph, x[0], one.arguments.data(), count(one.arguments));
        },
        [one](const Arrays& x) {
          const std::size_t leading = one.to.size() - one.from.size();
          return generate(with_batch(one.to, batch_in(one.from, x[0])), [&](const Index& index) {
            Index in_x(index.begin() + static_cast<std::ptrdiff_t>(leading), index.end());
            for (std::size_t axis = 0; axis < in_x.size(); ++axis) in_x[axis] %= x[0].shape()[axis];
            return at(x[0], in_x);
          });
        }));
  }
  return cases;
}

Cases roll() {
  struct Rolled {
    Shape shape;
    std::int32_t axis;
    std::int64_t shift;
  };
  Cases cases;
  for (const Rolled& one : std::vector<Rolled>{
           {{5}, 0, 0},
           {{5}, 0, 2},
           {{5}, 0, -2},
           {{5}, 0, 5},
           {{5}, 0, 13},
           {{5}, 0, -13},
           {{1}, 0, 3},
           {{0}, 0, 3},
           {{33}, 0, 16},
           {{2, 3}, 1, 1},
           {{3, 2}, 0, -1},
           {{2, 3, 4}, -2, 2},
           {{2, 1, 3, 2, 4}, 4, 1},
           {{kBatch, 5}, 1, 2},
           {{3, kBatch}, 0, -1},
       }) {
    cases.push_back(arrangement(
        "roll by " + std::to_string(one.shift), {one.shape},
        [one](const Scope& scope, const Nodes& x) { return nadir_roll(scope.graph, x[0], one.axis, one.shift); },
        [one](const Arrays& x) {
          const std::size_t axis = axis_of(one.axis, one.shape.size());
          const std::int64_t length = shape_of(x[0])[axis];
          return generate(shape_of(x[0]), [&](Index index) {
            const std::int64_t i = (static_cast<std::int64_t>(index[axis]) - one.shift) % length;
            index[axis] = static_cast<std::size_t>(i < 0 ? i + length : i);
            return at(x[0], index);
          });
        }));
  }
  return cases;
}

namespace {

using Triangle = nadir_node (*)(nadir_graph*, nadir_node, std::int64_t);

Cases triangles(const std::string& label, Triangle build, bool is_lower) {
  Cases cases;
  for (const Shape& shape :
       {Shape{1, 1}, Shape{3, 3}, Shape{2, 4}, Shape{4, 2}, Shape{9, 17}, Shape{0, 3}, Shape{3, 0}, Shape{2, 3, 3},
        Shape{2, 1, 2, 3, 4}, Shape{1, 2, 1, 1, 1, 2, 3, 2}, Shape{kBatch, 3, 4}, Shape{2, kBatch, 2, 2}}) {
    for (const std::int64_t diagonal : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{2},
                                        std::int64_t{-20}, std::int64_t{20}, INT64_MAX, INT64_MIN}) {
      cases.push_back(arrangement(
          label + " " + std::to_string(diagonal), {shape},
          [build, diagonal](const Scope& scope, const Nodes& x) { return build(scope.graph, x[0], diagonal); },
          [is_lower, diagonal](const Arrays& x) {
            const std::int64_t d = std::clamp<std::int64_t>(diagonal, -1000, 1000);
            return generate(shape_of(x[0]), [&](const Index& index) {
              const auto i = static_cast<std::int64_t>(index[index.size() - 2]),
                         j = static_cast<std::int64_t>(index.back());
              return (is_lower ? j <= i + d : j >= i + d) ? at(x[0], index) : 0.0;
            });
          }));
      cases.back().is_brief = diagonal != 0 && diagonal != -1;
    }
  }
  return cases;
}

}  // namespace

Cases tril() { return triangles("tril", nadir_tril, true); }
Cases triu() { return triangles("triu", nadir_triu, false); }

}  // namespace cases

}  // namespace operations
