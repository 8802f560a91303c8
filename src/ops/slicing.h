// Slices, and what is put together from pieces.
//
// The gradient of a slice is a slice that is set, and the other way round. What is said of positions along the batch counts
// in batches: a slice of it is a number of whole batches, or all of it backwards.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "ops/expr.h"
#include "ops/reduction.h"

namespace nadir {

// Elements start + start_batches * batch, and then every step-th, along an axis.
struct SliceAttributes {
  std::int64_t start;
  std::int64_t start_batches;
  std::int64_t step;
  std::int32_t axis;
};

// An end of a slice that is not given.
inline constexpr std::int64_t kOpen = std::numeric_limits<std::int64_t>::min();

// A slice by the rules of Python's x[start:stop:step], with its length. Along the batch, ends count batches from the start.
struct Slice {
  SliceAttributes at;
  Dim length;

  static Slice parse(Expr x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step);
};

Expr slice(Expr x, const Slice& slice);
// `length` elements from `start` on, which counts in batches if the length does.
Expr slice(Expr x, int axis, std::int64_t start, Dim length);
// x with the slice replaced by a value, which is broadcast to its shape.
Expr slice_set(Expr x, const Slice& slice, Expr value);

struct ConcatAttributes {
  std::int32_t axis;
};
Expr concat(std::span<const Expr> xs, int axis);

// Composed of these.
Expr stack(std::span<const Expr> xs, int axis);
void split(Expr x, int axis, std::span<const Dim> lengths, std::span<NodeIndex> out);
Expr flip(Expr x, AxisSet axes);
Expr roll(Expr x, int axis, std::int64_t shift);
enum class Padding { kConstant, kReflect, kReplicate };
Expr pad(Expr x, int axis, std::int64_t before, std::int64_t after, Padding mode, double value);
Expr repeat(Expr x, std::span<const std::int64_t> repeats);

}  // namespace nadir
