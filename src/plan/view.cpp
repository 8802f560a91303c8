#include "plan/view.h"

namespace nadir {

namespace {

std::array<Extent, kMaxRank> dense_strides(const Shape& shape) noexcept {
  std::array<Extent, kMaxRank> strides{};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    strides[static_cast<std::size_t>(axis)] = shape.count_over(axis + 1, shape.rank());
  }
  return strides;
}

// The next axis from `axis` on whose length is not 1.
int skip_ones(const Shape& shape, int axis) noexcept {
  while (axis < shape.rank() && shape[axis].is_one()) ++axis;
  return axis;
}

}  // namespace

View View::dense(Place place, DType dtype, const Shape& shape) noexcept {
  return {place, dtype, shape, dense_strides(shape), {}};
}

bool View::is_dense() const noexcept {
  const auto wanted = dense_strides(shape);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    if (!shape[axis].is_one() && strides[i] != wanted[i]) return false;
  }
  return true;
}

View View::broadcast_to(const Shape& to) const noexcept {
  View view = *this;
  view.shape = to;
  const int shift = to.rank() - shape.rank();
  for (int axis = 0; axis < to.rank(); ++axis) {
    const bool repeated = axis < shift || shape[axis - shift] != to[axis];
    view.strides[static_cast<std::size_t>(axis)] =
        repeated ? Extent{0, 0} : strides[static_cast<std::size_t>(axis - shift)];
  }
  return view;
}

std::optional<View> View::reshaped(const Shape& to) const noexcept {
  View view = *this;
  view.shape = to;
  if (is_dense()) {
    view.strides = dense_strides(to);
    return view;
  }
  // Dimensions of length 1 come and go freely.
  int from_axis = skip_ones(shape, 0);
  for (int axis = 0; axis < to.rank(); ++axis) {
    Extent& stride = view.strides[static_cast<std::size_t>(axis)];
    if (to[axis].is_one()) {
      stride = {0, 0};
      continue;
    }
    if (from_axis == shape.rank() || shape[from_axis] != to[axis]) return std::nullopt;
    stride = strides[static_cast<std::size_t>(from_axis)];
    from_axis = skip_ones(shape, from_axis + 1);
  }
  if (from_axis != shape.rank()) return std::nullopt;
  return view;
}

View View::permuted(const std::array<std::uint8_t, kMaxRank>& axes) const noexcept {
  View view = *this;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto from = static_cast<std::size_t>(axes[static_cast<std::size_t>(axis)]);
    view.shape[axis] = shape[static_cast<int>(from)];
    view.strides[static_cast<std::size_t>(axis)] = strides[from];
  }
  return view;
}

View View::sliced(int axis, std::int64_t start, std::int64_t batches, std::int64_t step, Dim length) const noexcept {
  View view = *this;
  Extent& stride = view.strides[static_cast<std::size_t>(axis)];
  view.shape[axis] = length;
  if (view.shape.count().factor == 0) return view;  // nothing, wherever it begins
  view.offset.add(start * stride.factor, stride.power);
  if (batches != 0) view.offset.add(batches * stride.factor, stride.power + 1);
  stride.factor = length.is_one() ? stride.factor : step * stride.factor;
  return view;
}

}  // namespace nadir
