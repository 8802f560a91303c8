// A view: a tensor as strides over a place in memory. Broadcasting, permuting, slicing and, mostly, reshaping make views and move
// nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/dtype.h"
#include "base/shape.h"

namespace nadir {

// Where memory lies. Addresses are known only in a session; `bytes` is an offset.
struct Place {
  enum class Region : std::uint8_t {
    kNone,       // no operand
    kBuffer,     // buffer number `index` of the plan; becomes kArena when buffers are placed
    kArena,      // the session's arena
    kParameter,  // the graph's block of dtype number `index`
    kState,      // the same, of what is not optimised
    kGradient,   // the session's block of dtype number `index`
    kInput,      // the memory of the session's input number `index`
  };
  Region region = Region::kNone;
  std::uint32_t index = 0;
  std::size_t bytes = 0;
};

// A number of elements as a polynomial of the batch: a sum of Extents.
class Offset {
 public:
  void add(std::int64_t factor, int power) noexcept { factors_[static_cast<std::size_t>(power)] += factor; }
  std::int64_t at(std::int64_t batch) const noexcept {
    std::int64_t value = 0;
    for (std::size_t power = factors_.size(); power-- > 0;) value = value * batch + factors_[power];
    return value;
  }
  bool operator==(const Offset&) const = default;

 private:
  std::array<std::int64_t, kMaxRank + 1> factors_{};
};

struct View {
  Place place;
  DType dtype = DType::kF32;
  Shape shape;
  std::array<Extent, kMaxRank> strides{};  // in elements; 0 repeats, a negative one goes backwards
  Offset offset;                           // of the first element

  static View dense(Place place, DType dtype, const Shape& shape) noexcept;
  // Without gaps, repetition or reversal, wherever it begins.
  bool is_dense() const noexcept;
  bool is_none() const noexcept { return place.region == Place::Region::kNone; }

  // REQUIRES: the shape broadcasts to `to`.
  View broadcast_to(const Shape& to) const noexcept;
  // Nothing where the elements do not lie so that strides can express it.
  std::optional<View> reshaped(const Shape& to) const noexcept;
  // Dimension i of the result is dimension axes[i].
  View permuted(const std::array<std::uint8_t, kMaxRank>& axes) const noexcept;
  // `length` elements along the axis: number start + batches * batch, and then every step-th.
  View sliced(int axis, std::int64_t start, std::int64_t batches, std::int64_t step, Dim length) const noexcept;
};

}  // namespace nadir
