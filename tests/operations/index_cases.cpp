// What is chosen and added by index: rows, slices and single elements, by i32 and i64, with indices that come twice and
// in any order. The references are index arithmetic.
#include <algorithm>

#include "cases.h"

namespace operations {

namespace {

Samples numbers() { return in_turn({3, 1, 4, 0, 5, 9, 2, 6, 7, 8, 12, 10, 11}); }

// x[…, index[i…], …]: the index of x for one of the result, where the dimensions of `index` begin at the axis.
Index selected(const Array& index, std::size_t axis, const Index& in_y) {
  const auto first = in_y.begin() + static_cast<std::ptrdiff_t>(axis);
  const auto last = first + static_cast<std::ptrdiff_t>(index.dimension());
  Index in_x(in_y.begin(), first);
  in_x.push_back(static_cast<std::size_t>(at(index, Index(first, last))));
  in_x.insert(in_x.end(), last, in_y.end());
  return in_x;
}

Shape selected_shape(const Shape& x, std::size_t axis, const Shape& index) {
  Shape shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), index.begin(), index.end());
  shape.insert(shape.end(), x.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.end());
  return shape;
}

struct Selection {
  Shape x;
  std::int32_t axis;
  Shape index;
  std::vector<double> numbers;  // of the index
};

// Indices that come twice, out of order, and not at all.
const std::vector<Selection> kSelections = {
    {{5}, 0, {3}, {4, 0, 2}},
    {{5}, 0, {7}, {4, 0, 0, 4, 2}},
    {{5}, -1, {}, {3}},
    {{5}, 0, {0}, {0}},
    {{1}, 0, {9}, {0}},
    {{33}, 0, {17}, {32, 0, 31, 1, 16, 16}},
    {{4, 3}, 0, {2}, {3, 1}},
    {{4, 3}, 0, {2, 3}, {3, 1, 1, 0, 3}},
    {{3, 4}, 1, {5}, {3, 0, 0, 2}},
    {{3, 4}, -1, {}, {2}},
    {{2, 4, 3}, 1, {3}, {3, 3, 0}},
    {{2, 4, 3}, 1, {2, 2}, {0, 3, 2}},
    {{0, 3}, 1, {2}, {2, 0}},
    {{4, 0}, 0, {2}, {3, 0}},
    {{2, 1, 3, 2, 2}, 2, {4}, {2, 0, 1}},
    {{2, 1, 2, 3, 1, 2}, 3, {2, 1, 2}, {2, 0, 1}},
    {{10, 3}, 0, {kBatch}, {9, 0, 9, 3}},
    {{10, 3}, 0, {kBatch, 2}, {9, 0, 9, 3}},
    {{kBatch, 4}, 1, {3}, {3, 0, 0}},
    {{kBatch, 4, 2}, -2, {2, 2}, {3, 0, 1}},
};

Operand index_of(const Selection& s, nadir_dtype dtype) { return index_operand(s.index, s.numbers, dtype); }

// The same by element: the index has x's rank, and at the axis any length.
const std::vector<Selection> kElements = {
    {{5}, 0, {3}, {4, 0, 2}},
    {{5}, 0, {9}, {4, 0, 0, 4, 2}},
    {{5}, -1, {0}, {0}},
    {{33}, 0, {33}, {32, 0, 31, 1, 16, 16}},
    {{4, 3}, 0, {2, 3}, {3, 1, 1, 0, 3}},
    {{4, 3}, 0, {2, 2}, {3, 1, 1, 0, 3}},
    {{3, 4}, 1, {3, 1}, {3, 0, 0, 2}},
    {{3, 4}, 1, {3, 6}, {3, 0, 0, 2, 1}},
    {{3, 4}, -1, {2, 5}, {3, 0, 0, 2, 1}},
    {{2, 4, 3}, 1, {2, 3, 3}, {3, 3, 0, 1, 2}},
    {{2, 4, 3}, 1, {1, 3, 2}, {3, 3, 0, 1, 2}},
    {{0, 3}, 1, {0, 2}, {2, 0}},
    {{3, 2}, 0, {0, 2}, {0}},
    {{2, 1, 3, 2, 2}, 2, {2, 1, 4, 2, 1}, {2, 0, 1}},
    {{1, 2, 1, 2, 1, 2, 1, 3}, 7, {1, 2, 1, 2, 1, 2, 1, 2}, {2, 0, 1}},
    {{kBatch, 4}, 1, {kBatch, 1}, {3, 0, 1}},
    {{kBatch, 4}, 1, {kBatch, 3}, {3, 0, 0, 2}},
    {{2, kBatch, 3}, 2, {2, kBatch, 2}, {2, 0, 1}},
    {{4, kBatch}, 0, {2, kBatch}, {3, 3, 0}},
};

Index with_axis(Index index, std::size_t axis, double number) {
  index[axis] = static_cast<std::size_t>(number);
  return index;
}

Case exact(const std::string& label, nadir_dtype index) {
  Case c;
  c.label = label + " by " + nadir_dtype_name(index);
  c.roundings = 0;
  return c;
}

}  // namespace

namespace cases {

Cases index_select() {
  Cases cases;
  for (const Selection& s : kSelections) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      Case c = exact("index_select", dtype);
      c.dtypes = kAllDtypes;
      c.operands = {{s.x, numbers(), 0, {}}, index_of(s, dtype)};
      c.build = [axis = s.axis](const Scope& scope, const Nodes& x) {
        return nadir_index_select(scope.graph, x[0], axis, x[1]);
      };
      c.reference = [s](const Arrays& x) {
        const std::size_t axis = axis_of(s.axis, s.x.size());
        return generate(selected_shape(shape_of(x[0]), axis, shape_of(x[1])),
                        [&](const Index& index) { return at(x[0], selected(x[1], axis, index)); });
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases index_add() {
  Cases cases;
  for (const Selection& s : kSelections) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      const std::size_t axis = axis_of(s.axis, s.x.size());
      Case c = exact("index_add", dtype);
      // Sums of a few numbers.
      c.roundings = 16;
      c.floor = 8;
      c.operands = {
          {s.x, numbers(), 0, {}}, index_of(s, dtype), {selected_shape(s.x, axis, s.index), spread(-3, 3), 0, {}}};
      c.build = [axis = s.axis](const Scope& scope, const Nodes& x) {
        return nadir_index_add(scope.graph, x[0], axis, x[1], x[2]);
      };
      c.reference = [axis](const Arrays& x) {
        Array y = x[0];
        for_each_index(shape_of(x[2]),
                       [&](const Index& index) { at(y, selected(x[1], axis, index)) += at(x[2], index); });
        return y;
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases gather() {
  Cases cases;
  for (const Selection& s : kElements) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      const std::size_t axis = axis_of(s.axis, s.x.size());
      Case c = exact("gather", dtype);
      c.dtypes = kAllDtypes;
      c.operands = {{s.x, numbers(), 0, {}}, index_of(s, dtype)};
      c.build = [axis = s.axis](const Scope& scope, const Nodes& x) {
        return nadir_gather(scope.graph, x[0], axis, x[1]);
      };
      c.reference = [axis](const Arrays& x) {
        return generate(shape_of(x[1]),
                        [&](const Index& index) { return at(x[0], with_axis(index, axis, at(x[1], index))); });
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases scatter_add() {
  Cases cases;
  for (const Selection& s : kElements) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      const std::size_t axis = axis_of(s.axis, s.x.size());
      Case c = exact("scatter_add", dtype);
      c.roundings = 16;
      c.floor = 8;
      c.operands = {{s.x, numbers(), 0, {}}, index_of(s, dtype), {s.index, spread(-3, 3), 0, {}}};
      c.build = [axis = s.axis](const Scope& scope, const Nodes& x) {
        return nadir_scatter_add(scope.graph, x[0], axis, x[1], x[2]);
      };
      c.reference = [axis](const Arrays& x) {
        Array y = x[0];
        for_each_index(shape_of(x[1]),
                       [&](const Index& index) { at(y, with_axis(index, axis, at(x[1], index))) += at(x[2], index); });
        return y;
      };
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

Cases one_hot() {
  Cases cases;
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{9}, Shape{33}, Shape{2, 3}, Shape{2, 1, 3, 2},
                             Shape{kBatch}, Shape{kBatch, 2}}) {
    for (const std::int64_t classes : {std::int64_t{1}, std::int64_t{4}, std::int64_t{17}}) {
      for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
        Case c = exact("one_hot", dtype);
        c.dtypes = kAllDtypes;
        c.derivatives = Derivatives::kUntold;
        c.operands = {index_operand(shape, {3, 0, 1, -1, 4, 16, -2147483648.0, 2147483647, 0}, dtype)};
        c.build = [classes](const Scope& scope, const Nodes& x) {
          return nadir_one_hot(scope.graph, x[0], classes, scope.dtype);
        };
        c.reference = [classes](const Arrays& x) {
          Shape with_classes = shape_of(x[0]);
          with_classes.push_back(classes);
          return generate(with_classes, [&](const Index& index) {
            return at(x[0], Index(index.begin(), index.end() - 1)) == static_cast<double>(index.back()) ? 1.0 : 0.0;
          });
        };
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

}  // namespace cases

}  // namespace operations
