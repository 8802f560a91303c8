// A view: a tensor as strides over a place in memory. Broadcasting and, mostly, reshaping make views and move nothing.
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
    kGradient,   // the session's block of dtype number `index`
    kInput,      // the memory of the session's input number `index`
  };
  Region region = Region::kNone;
  std::uint32_t index = 0;
  std::size_t bytes = 0;
};

struct View {
  Place place;
  DType dtype = DType::kF32;
  Shape shape;
  std::array<Extent, kMaxRank> strides{};  // in elements

  static View dense(Place place, DType dtype, const Shape& shape) noexcept;
  bool is_dense() const noexcept;

  // REQUIRES: the shape broadcasts to `to`.
  View broadcast_to(const Shape& to) const noexcept;
  // Nothing where the elements do not lie so that strides can express it.
  std::optional<View> reshaped(const Shape& to) const noexcept;
};

}  // namespace nadir
