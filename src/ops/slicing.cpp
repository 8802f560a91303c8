#include "ops/slicing.h"

#include <algorithm>
#include <memory_resource>
#include <vector>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

// Where an end of a slice is along a length, by Python's rules; `least` and `most` are what it is moved to.
std::int64_t placed(std::int64_t end, std::int64_t length, std::int64_t least, std::int64_t most) noexcept {
  if (end < 0) end = end < -length ? -1 : end + length;
  return std::clamp(end, least, most);
}

Slice constant_slice(std::int64_t length, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) noexcept {
  Slice result{{0, 0, step, axis}, Dim::constant(0)};
  std::int64_t first = 0;
  std::int64_t span = 0;  // from the first element to the end, in the step's direction
  if (step > 0) {
    first = start == kOpen ? 0 : placed(start, length, 0, length);
    span = (stop == kOpen ? length : placed(stop, length, 0, length)) - first;
  } else {
    first = start == kOpen ? length - 1 : placed(start, length, -1, length - 1);
    span = first - (stop == kOpen ? -1 : placed(stop, length, -1, length - 1));
  }
  if (span <= 0) return result;
  // Of one element, the step is of no matter; else it is less than the length.
  const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const auto count = static_cast<std::int64_t>((static_cast<std::uint64_t>(span) - 1) / stride) + 1;
  result.at.start = first;
  result.at.step = count == 1 ? 1 : step;
  result.length = Dim::constant(count);
  return result;
}

Slice batch_slice(Expr x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const std::int64_t most = x.shape()[axis].factor();
  if (step == -1 && start == kOpen && stop == kOpen) return {{-1, most, -1, axis}, x.shape()[axis]};
  if (step != 1) {
    fail(Status::kShape, "x ", x, ": a slice of the batch has the step ", step, "; wants 1, or -1 over the whole");
  }
  const std::int64_t first = start == kOpen ? 0 : start;
  const std::int64_t end = stop == kOpen ? most : stop;
  if (first < 0 || end < 0 || first > most || end > most) {
    fail(Status::kShape, "x ", x, ": a slice of the batch from ", first, " to ", end, " times it; wants 0 to ", most);
  }
  return {{0, first, 1, axis}, end > first ? Dim::batch(end - first) : Dim::constant(0)};
}

Shape sliced_shape(Expr x, const Slice& slice) {
  Shape shape = x.shape();
  shape[slice.at.axis] = slice.length;
  return shape;
}

bool is_whole(Expr x, const Slice& slice) {
  return slice.length == x.shape()[slice.at.axis] && slice.at.step == 1 && slice.at.start == 0;
}

void describe_slicing(Text& text, const Node& node) {
  const auto at = node.attributes.as<SliceAttributes>();
  text << ", axis=" << at.axis << ", start=";
  if (at.start_batches != 0) text << at.start_batches << " * batch";
  if (at.start != 0 && at.start_batches != 0) text << " - " << -at.start;
  if (at.start_batches == 0) text << at.start;
  text << ", step=" << at.step;
}

}  // namespace

Slice Slice::parse(Expr x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int at = checked_axis(x, axis);
  if (step == 0) fail(Status::kArgument, "x ", x, ": step is 0; wants another number");
  const Dim dim = x.shape()[at];
  return dim.is_batch() ? batch_slice(x, at, start, stop, step) : constant_slice(dim.factor(), at, start, stop, step);
}

Expr slice(Expr x, const Slice& slice) {
  if (is_whole(x, slice)) return x;
  return add_node(OpId::slice, {x}, x.dtype(), sliced_shape(x, slice), Attributes(slice.at));
}

Expr slice(Expr x, int axis, std::int64_t start, Dim length) {
  const bool in_batches = length.is_batch();
  return slice(x, Slice{{in_batches ? 0 : start, in_batches ? start : 0, 1, axis}, length});
}

Expr slice_set(Expr x, const Slice& slice, Expr value) {
  check_same_dtype(x, value);
  const Shape shape = sliced_shape(x, slice);
  const auto common = broadcast(value.shape(), shape);
  if (!common || *common != shape) {
    fail(Status::kShape, "value ", value, "; wants a shape that broadcasts to that of the slice, ", shape, ", of x ",
         x);
  }
  return add_node(OpId::slice_set, {x, broadcast_to(value, shape)}, x.dtype(), x.shape(), Attributes(slice.at));
}

void describe_slice(Text& text, const Node& node) { describe_slicing(text, node); }
void describe_slice_set(Text& text, const Node& node) { describe_slicing(text, node); }

// What was not in the slice had no part in it.
Expr slice_gradient(const Backward& d, int) {
  const auto at = d.y.node().attributes.as<SliceAttributes>();
  return slice_set(filled_like(d.x(0), 0), {at, d.y.shape()[at.axis]}, d.gy);
}

Expr slice_set_gradient(const Backward& d, int operand) {
  const auto at = d.y.node().attributes.as<SliceAttributes>();
  const Slice slice{at, d.x(1).shape()[at.axis]};
  if (operand == 1) return nadir::slice(d.gy, slice);
  return slice_set(d.gy, slice, filled_like(d.x(1), 0));
}

// ---------------------------------------------------------------------------------------------------------- pieces

Expr concat(std::span<const Expr> xs, int axis) {
  const Expr first = xs.front();
  const int at = checked_axis(first, axis);
  const bool along_batch = first.shape()[at].is_batch();
  Shape shape = first.shape();
  std::int64_t length = 0;
  for (const Expr& x : xs) {
    check_same_dtype(first, x);
    Shape wanted = first.shape();
    if (x.shape().rank() == wanted.rank()) wanted[at] = x.shape()[at];
    const bool is_of_kind =
        x.shape() == wanted && (x.shape()[at].is_batch() == along_batch || x.shape()[at].factor() == 0);
    if (!is_of_kind) fail(Status::kShape, first, ", ", x, "; wants equal shapes but for the axis ", at);
    if (__builtin_add_overflow(length, x.shape()[at].factor(), &length))
      fail(Status::kShape, "the lengths along the axis ", at, " sum to more than 2^63 - 1");
  }
  shape[at] = product_of(along_batch ? Dim::batch(1) : Dim::constant(1), length, first);
  if (xs.size() == 1) return first;
  return add_node(OpId::concat, xs, first.dtype(), shape, Attributes(ConcatAttributes{at}));
}

void describe_concat(Text& text, const Node& node) { text << ", axis=" << node.attributes.as<ConcatAttributes>().axis; }

Expr concat_gradient(const Backward& d, int operand) {
  const int axis = d.y.node().attributes.as<ConcatAttributes>().axis;
  std::int64_t start = 0;
  for (int before = 0; before < operand; ++before) start += d.x(before).shape()[axis].factor();
  return slice(d.gy, axis, start, d.x(operand).shape()[axis]);
}

Expr stack(std::span<const Expr> xs, int axis) {
  std::pmr::vector<Expr> pieces(&xs.front().graph().host());
  for (const Expr& x : xs) {
    check_same_dtype(xs.front(), x);
    if (x.shape() != xs.front().shape()) fail(Status::kShape, xs.front(), ", ", x, "; wants equal shapes");
    pieces.push_back(unsqueeze(x, axis));
  }
  return concat(pieces, checked_axis(pieces.front(), axis));
}

void split(Expr x, int axis, std::span<const Dim> lengths, std::span<NodeIndex> out) {
  const int at = checked_axis(x, axis);
  const Dim whole = x.shape()[at];
  std::int64_t start = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const Dim length = lengths[i];
    const bool is_of_kind = length.is_batch() == whole.is_batch() || length.factor() == 0;
    if (!is_of_kind || length.factor() > whole.factor() - start) {
      fail(Status::kShape, "x ", x, ": piece ", i, " does not fit; wants lengths that sum to that of the axis ", at);
    }
    out[i] = slice(x, at, start, length).index();
    start += length.factor();
  }
  if (start != whole.factor()) {
    fail(Status::kShape, "x ", x, ": the lengths sum to ", start, whole.is_batch() ? " * batch" : "",
         "; wants that of the axis ", at);
  }
}

Expr flip(Expr x, AxisSet axes) {
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (axes.contains(axis) && !x.shape()[axis].is_one()) x = slice(x, Slice::parse(x, axis, kOpen, kOpen, -1));
  }
  return x;
}

namespace {

std::int64_t constant_length(Expr x, int axis) {
  const Dim dim = x.shape()[axis];
  if (dim.is_batch()) fail(Status::kShape, "x ", x, ": the axis ", axis, " is the batch; wants a constant length");
  return dim.factor();
}

Expr part(Expr x, int axis, std::int64_t start, std::int64_t length) {
  return slice(x, axis, start, Dim::constant(length));
}

// Those of the pieces that are there, joined.
Expr joined_pieces(std::initializer_list<Expr> pieces, int axis) {
  std::array<Expr, 3> present;
  std::size_t count = 0;
  for (const Expr& piece : pieces) {
    if (!piece.is_none()) present[count++] = piece;
  }
  return concat(std::span(present).first(count), axis);
}

}  // namespace

Expr roll(Expr x, int axis, std::int64_t shift) {
  const int at = checked_axis(x, axis);
  const std::int64_t length = constant_length(x, at);
  if (length == 0) return x;
  const std::int64_t by = (shift % length + length) % length;  // how many of the last come first
  if (by == 0) return x;
  return joined_pieces({part(x, at, length - by, by), part(x, at, 0, length - by)}, at);
}

Expr pad(Expr x, int axis, std::int64_t before, std::int64_t after, Padding mode, double value) {
  const int at = checked_axis(x, axis);
  const std::int64_t length = constant_length(x, at);
  if (before < 0 || after < 0) {
    fail(Status::kArgument, "x ", x, ": before is ", before, ", after ", after, "; wants 0 or more");
  }
  const std::int64_t most = mode == Padding::kReflect ? std::max<std::int64_t>(length - 1, 0) : kOpen;
  if (mode == Padding::kReflect && (before > most || after > most)) {
    fail(Status::kShape, "x ", x, ": before is ", before, ", after ", after, "; mode=reflect wants at most ", most,
         ", the length less 1");
  }
  if (mode == Padding::kReplicate && length == 0 && (before > 0 || after > 0)) {
    fail(Status::kShape, "x ", x, ": nothing to repeat; mode=replicate wants a length of at least 1");
  }
  const auto piece = [&](std::int64_t count, bool is_first) {
    if (count == 0) return Expr();
    AxisSet axes;
    axes.insert(at);
    Shape shape = x.shape();
    shape[at] = Dim::constant(count);
    switch (mode) {
      case Padding::kConstant: return full(x.graph(), x.dtype(), shape, value);
      case Padding::kReplicate: return broadcast_to(part(x, at, is_first ? 0 : length - 1, 1), shape);
      case Padding::kReflect: break;
    }
    return flip(part(x, at, is_first ? 1 : length - 1 - count, count), axes);
  };
  return joined_pieces({piece(before, true), x, piece(after, false)}, at);
}

Expr repeat(Expr x, std::span<const std::int64_t> repeats) {
  const int rank = static_cast<int>(repeats.size());
  if (rank < x.shape().rank() || rank > kMaxRank) {
    fail(Status::kShape, "x ", x, ": rank is ", rank, "; wants ", x.shape().rank(), " to ", kMaxRank);
  }
  while (x.shape().rank() < rank) x = unsqueeze(x, 0);
  for (int axis = 0; axis < rank; ++axis) {
    const std::int64_t times = repeats[static_cast<std::size_t>(axis)];
    if (times < 0) fail(Status::kArgument, "x ", x, ": repeats[", axis, "] is ", times, "; wants 0 or more");
    if (times == 1) continue;
    Shape result = x.shape();
    result[axis] = product_of(result[axis], times, x);
    Shape parts;
    parts.append(joined(x, 0, axis));
    parts.append(Dim::constant(1));
    parts.append(joined(x, axis, rank));
    Shape copies = parts;
    copies[1] = Dim::constant(times);
    x = reshape(broadcast_to(reshape(x, parts), copies), result);
  }
  return x;
}

}  // namespace nadir
