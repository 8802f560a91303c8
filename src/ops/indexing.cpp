#include "ops/indexing.h"

#include <algorithm>
#include <memory_resource>
#include <numeric>
#include <vector>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/shaping.h"
#include "ops/slicing.h"

namespace nadir {

namespace {

void check_index(Expr index) {
  if (index.dtype() == DType::kI32 || index.dtype() == DType::kI64) return;
  fail(Status::kDType, "index \"", index.node().name(), "\" is ", name_of(index.dtype()), "; wants i32 or i64");
}

Shape selected_shape(Expr x, int axis, Expr index) {
  Shape shape;
  for (int i = 0; i < axis; ++i) append_dim(shape, x.shape()[i], x);
  for (int i = 0; i < index.shape().rank(); ++i) append_dim(shape, index.shape()[i], x);
  for (int i = axis + 1; i < x.shape().rank(); ++i) append_dim(shape, x.shape()[i], x);
  return shape;
}

void check_values(Expr x, Expr values, const Shape& wanted) {
  check_float(x, "x");
  check_same_dtype(x, values);
  if (values.shape() != wanted) fail(Status::kShape, "values ", values, ", x ", x, "; wants values of ", wanted);
}

// Whether an index has x's dimensions but for the axis. Less is possible where both are constant.
bool check_elements(Expr x, int axis, Expr index) {
  bool is_same = true;
  if (index.shape().rank() != x.shape().rank()) fail(Status::kShape, "index ", index, ", x ", x, "; wants equal ranks");
  for (int i = 0; i < x.shape().rank(); ++i) {
    const Dim mine = index.shape()[i];
    const Dim whole = x.shape()[i];
    if (i == axis || mine == whole) continue;
    if (mine.is_batch() || whole.is_batch() || mine.factor() > whole.factor()) {
      fail(Status::kShape, "index ", index, ", x ", x, "; wants x's dimensions, or less, but for the axis ", axis);
    }
    is_same = false;
  }
  return is_same;
}

// The part of x that an index with smaller dimensions is for.
Expr part_for(Expr x, int axis, Expr index) {
  for (int i = 0; i < x.shape().rank(); ++i) {
    if (i != axis) x = slice(x, i, 0, index.shape()[i]);
  }
  return x;
}

// x with that part replaced.
Expr with_part(Expr x, int axis, Expr part) {
  for (int i = 0; i < x.shape().rank(); ++i) {
    if (i == axis || part.shape()[i] == x.shape()[i]) continue;
    // Along the other axes the part is as long as x by and by.
    Expr whole = x;
    for (int j = i + 1; j < x.shape().rank(); ++j) {
      if (j != axis) whole = slice(whole, j, 0, part.shape()[j]);
    }
    part = slice_set(whole, {{0, 0, 1, i}, part.shape()[i]}, part);
  }
  return part;
}

void describe_index_axis(Text& text, const Node& node) {
  text << ", axis=" << node.attributes.as<IndexAttributes>().axis;
}

int axis_of(const Backward& d) { return d.y.node().attributes.as<IndexAttributes>().axis; }

}  // namespace

Expr index_select(Expr x, int axis, Expr index) {
  check_index(index);
  const int at = checked_axis(x, axis);
  return add_node(OpId::index_select, {x, index}, x.dtype(), selected_shape(x, at, index),
                  Attributes(IndexAttributes{at}));
}

Expr index_add(Expr x, int axis, Expr index, Expr values) {
  check_index(index);
  const int at = checked_axis(x, axis);
  check_values(x, values, selected_shape(x, at, index));
  return add_node(OpId::index_add, {x, index, values}, x.dtype(), x.shape(), Attributes(IndexAttributes{at}));
}

Expr gather(Expr x, int axis, Expr index) {
  check_index(index);
  const int at = checked_axis(x, axis);
  check_elements(x, at, index);
  return add_node(OpId::gather, {part_for(x, at, index), index}, x.dtype(), index.shape(),
                  Attributes(IndexAttributes{at}));
}

Expr scatter_add(Expr x, int axis, Expr index, Expr values) {
  check_index(index);
  const int at = checked_axis(x, axis);
  check_values(x, values, index.shape());
  if (!check_elements(x, at, index)) {
    return with_part(x, at, scatter_add(part_for(x, at, index), at, index, values));
  }
  return add_node(OpId::scatter_add, {x, index, values}, x.dtype(), x.shape(), Attributes(IndexAttributes{at}));
}

void describe_index_select(Text& text, const Node& node) { describe_index_axis(text, node); }
void describe_index_add(Text& text, const Node& node) { describe_index_axis(text, node); }
void describe_gather(Text& text, const Node& node) { describe_index_axis(text, node); }
void describe_scatter_add(Text& text, const Node& node) { describe_index_axis(text, node); }

// An index has no gradient; what is read gets all that was made of it.
Expr index_select_gradient(const Backward& d, int operand) {
  return operand == 0 ? index_add(filled_like(d.x(0), 0), axis_of(d), d.x(1), d.gy) : Expr();
}

Expr index_add_gradient(const Backward& d, int operand) {
  if (operand == 0) return d.gy;
  return operand == 2 ? index_select(d.gy, axis_of(d), d.x(1)) : Expr();
}

Expr gather_gradient(const Backward& d, int operand) {
  return operand == 0 ? scatter_add(filled_like(d.x(0), 0), axis_of(d), d.x(1), d.gy) : Expr();
}

Expr scatter_add_gradient(const Backward& d, int operand) {
  if (operand == 0) return d.gy;
  return operand == 2 ? gather(d.gy, axis_of(d), d.x(1)) : Expr();
}

Expr check_range(Expr x, const RangeAttributes& range) {
  return add_node(OpId::check_range, {x}, x.dtype(), x.shape(), Attributes(range));
}

void describe_check_range(Text& text, const Node& node) {
  const auto range = node.attributes.as<RangeAttributes>();
  text << ", " << range.low << ", " << range.high;
}

Expr check_range_gradient(const Backward& d, int) { return d.gy; }

// ------------------------------------------------------------------------------------------------------ composed

namespace {

// first, first + 1, … as a vector.
Expr range(Graph& graph, DType dtype, std::int64_t first, std::int64_t count) {
  return visit(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::pmr::vector<T> numbers(static_cast<std::size_t>(count), &graph.host());
    std::iota(numbers.begin(), numbers.end(), static_cast<T>(first));
    Shape shape;
    shape.append(Dim::constant(count));
    return constant(graph, nullptr, dtype, shape, numbers.data(), numbers.size() * sizeof(T));
  });
}

// Where the column of a matrix is at most (or at least) its row plus a number.
Expr triangle(Expr x, std::int64_t diagonal, bool is_lower) {
  const int rank = x.shape().rank();
  if (rank < 2) fail(Status::kShape, "x ", x, "; wants a matrix");
  const Dim rows = x.shape()[rank - 2];
  const Dim columns = x.shape()[rank - 1];
  if (rows.is_batch() || columns.is_batch()) fail(Status::kShape, "x ", x, "; wants a matrix without the batch");
  // Beyond the matrix, one diagonal is like another.
  const std::int64_t number = std::clamp(diagonal, -rows.factor(), columns.factor());
  const Expr limit = unsqueeze(range(x.graph(), DType::kI64, number, rows.factor()), 1);
  const Expr column = range(x.graph(), DType::kI64, 0, columns.factor());
  const Expr keeps = is_lower ? le(column, limit) : ge(column, limit);
  return where(keeps, x, filled_like(x, 0));
}

}  // namespace

Expr one_hot(Expr index, std::int64_t classes, DType dtype) {
  check_index(index);
  if (classes < 1 || classes >= std::int64_t{1} << 31) {
    fail(Status::kArgument, "classes is ", classes, "; wants 1 to 2^31 - 1");
  }
  // Before the classes are numbered, which takes memory.
  Shape shape = index.shape();
  append_dim(shape, Dim::constant(classes), index);
  check_size(index, shape, dtype);
  const Expr column = unsqueeze(index, index.shape().rank());
  return cast(eq(column, range(index.graph(), index.dtype(), 0, classes)), dtype);
}

Expr tril(Expr x, std::int64_t diagonal) { return triangle(x, diagonal, true); }
Expr triu(Expr x, std::int64_t diagonal) { return triangle(x, diagonal, false); }

}  // namespace nadir
