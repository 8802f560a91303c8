// Shapes with one symbolic number in them: the batch.
//
// A dimension is a constant or a multiple of the batch. What is computed from dimensions (an element count, a stride) is
// an Extent: a constant times a power of the batch. Both become numbers by `at(batch)`, when a session knows its batch.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"

namespace nadir {

inline constexpr int kMaxRank = 8;
inline constexpr std::int64_t kMostBatches = std::int64_t{1}
                                             << 30;  // the greatest multiple of the batch in a dimension

// factor * batch^power.
struct Extent {
  std::int64_t factor = 1;
  int power = 0;

  std::int64_t at(std::int64_t batch) const noexcept {
    std::int64_t value = factor;
    for (int i = 0; i < power; ++i) value *= batch;
    return value;
  }
  bool operator==(const Extent&) const = default;
};

class Dim {
 public:
  Dim() = default;
  static constexpr Dim constant(std::int64_t length) noexcept { return Dim(length); }
  static constexpr Dim batch(std::int64_t multiple) noexcept { return Dim(-multiple); }

  bool is_batch() const noexcept { return value_ < 0; }
  bool is_one() const noexcept { return value_ == 1; }
  std::int64_t factor() const noexcept { return value_ < 0 ? -value_ : value_; }
  Extent extent() const noexcept { return {factor(), is_batch() ? 1 : 0}; }
  std::int64_t at(std::int64_t batch) const noexcept { return value_ < 0 ? -value_ * batch : value_; }
  bool operator==(const Dim&) const = default;

 private:
  explicit constexpr Dim(std::int64_t value) noexcept : value_(value) {}
  std::int64_t value_ = 1;  // a length, or a negated multiple of the batch (which is at least 1)
};

class Shape {
 public:
  Shape() = default;

  int rank() const noexcept { return rank_; }
  Dim operator[](int axis) const noexcept { return dims_[static_cast<std::size_t>(axis)]; }
  Dim& operator[](int axis) noexcept { return dims_[static_cast<std::size_t>(axis)]; }
  bool is_scalar() const noexcept { return rank_ == 0; }
  int batch_dimensions() const noexcept;

  // REQUIRES: rank() < kMaxRank.
  void append(Dim dim) noexcept { dims_[static_cast<std::size_t>(rank_++)] = dim; }

  // The number of elements, and of those spanned by the axes first to last - 1. REQUIRES: size_fits.
  Extent count() const noexcept { return count_over(0, rank_); }
  Extent count_over(int first, int last) const noexcept;

  bool operator==(const Shape& other) const noexcept;

 private:
  int rank_ = 0;
  std::array<Dim, kMaxRank> dims_{};
};

// "[2 * batch, 3]".
Text& operator<<(Text& text, const Shape& shape) noexcept;

// factor * batch^power * element_size, or nothing if it is over 2^63 - 1.
std::optional<std::int64_t> byte_count(Extent count, std::int64_t batch, std::size_t element_size) noexcept;

// Whether the bytes, and whatever strides span, are at most 2^63 - 1 at a batch. Every shape in a graph has passed this at 1.
bool size_fits(const Shape& shape, std::size_t element_size, std::int64_t batch = 1) noexcept;

// The common shape of two tensors by NumPy's rule, or nothing.
std::optional<Shape> broadcast(const Shape& a, const Shape& b) noexcept;

}  // namespace nadir
