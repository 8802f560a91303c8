#include "base/shape.h"

namespace nadir {

int Shape::batch_dimensions() const noexcept {
  int count = 0;
  for (int axis = 0; axis < rank_; ++axis) count += (*this)[axis].is_batch() ? 1 : 0;
  return count;
}

Extent Shape::count_over(int first, int last) const noexcept {
  Extent count;
  for (int axis = first; axis < last; ++axis) {
    const Extent extent = (*this)[axis].extent();
    count.factor *= extent.factor;
    count.power += extent.power;
  }
  if (count.factor == 0) count.power = 0;  // nothing, whatever the batch
  return count;
}

bool Shape::operator==(const Shape& other) const noexcept {
  if (rank_ != other.rank_) return false;
  for (int axis = 0; axis < rank_; ++axis) {
    if ((*this)[axis] != other[axis]) return false;
  }
  return true;
}

Text& operator<<(Text& text, const Shape& shape) noexcept {
  text << '[';
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text << ", ";
    const Dim dim = shape[axis];
    if (!dim.is_batch()) {
      text << dim.factor();
    } else if (dim.factor() == 1) {
      text << "batch";
    } else {
      text << dim.factor() << " * batch";
    }
  }
  return text << ']';
}

std::optional<std::int64_t> byte_count(Extent count, std::int64_t batch, std::size_t element_size) noexcept {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(count.factor, static_cast<std::int64_t>(element_size), &bytes)) return std::nullopt;
  for (int i = 0; i < count.power; ++i) {
    if (__builtin_mul_overflow(bytes, batch, &bytes)) return std::nullopt;
  }
  return bytes;
}

bool size_fits(const Shape& shape, std::size_t element_size, std::int64_t batch) noexcept {
  std::int64_t bytes = static_cast<std::int64_t>(element_size);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    // A dimension of 0 makes the tensor empty but not its strides, which span the other dimensions.
    const Dim dim = shape[axis];
    if (dim.factor() != 0 && __builtin_mul_overflow(bytes, dim.factor(), &bytes)) return false;
    if (dim.is_batch() && batch > 0 && __builtin_mul_overflow(bytes, batch, &bytes)) return false;
  }
  return true;
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) noexcept {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const int shift = longer.rank() - shorter.rank();
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    Dim& common = result[axis + shift];
    if (common == shorter[axis] || shorter[axis].is_one()) continue;
    if (!common.is_one()) return std::nullopt;
    common = shorter[axis];
  }
  return result;
}

}  // namespace nadir
