#include "case.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <xtensor/xbroadcast.hpp>

namespace operations {

// --------------------------------------------------------------------------------------------------------- shapes

std::int64_t rows(std::int64_t length, std::int64_t batch) {
  return length != NADIR_OPEN && length <= kBatch && length % kBatch == 0 ? length / kBatch * batch : length;
}

Shape with_batch(Shape shape, std::int64_t batch) {
  for (std::int64_t& length : shape) length = rows(length, batch);
  return shape;
}

bool has_batch(const Shape& shape) {
  for (const std::int64_t length : shape) {
    if (length < 0) return true;
  }
  return false;
}

bool has_batch(const Case& c) {
  for (const Operand& operand : c.operands) {
    if (has_batch(operand.shape)) return true;
  }
  return false;
}

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t length : shape) {
    if (text.size() > 1) text += ", ";
    if (length >= 0) {
      text += std::to_string(length);
    } else {
      text += (length == kBatch ? "" : std::to_string(length / kBatch) + " * ") + "batch";
    }
  }
  return text + "]";
}

std::int64_t Scope::rows(std::int64_t length) const { return operations::rows(length, batch); }

Shape Scope::shape(const Shape& symbolic) const { return with_batch(symbolic, batch); }

std::int64_t Scope::end(std::int64_t end) const { return end == NADIR_OPEN ? end : operations::rows(end, batch); }

void append(Cases& to, Cases more) {
  for (Case& c : more) to.push_back(std::move(c));
}

// -------------------------------------------------------------------------------------------------------- samples

namespace {

double in_f32(double x) { return static_cast<double>(static_cast<float>(x)); }

// The fraction of a multiple of the golden ratio: spread evenly, whatever the count, and never the same twice.
double fraction(std::size_t i) {
  const double x = 0.3141 + 0.6180339887498949 * static_cast<double>(i);
  return x - std::floor(x);
}

}  // namespace

Samples spread(double low, double high, std::vector<double> kinks) {
  return [low, high, kinks = std::move(kinks)](std::size_t i) {
    constexpr double kMargin = 0.05;
    double x = low + (high - low) * fraction(i);
    for (const double kink : kinks) {
      if (std::fabs(x - kink) < kMargin) x = x < kink ? kink - kMargin - (kink - x) : kink + kMargin + (x - kink);
    }
    return in_f32(x);
  };
}

Samples in_turn(std::vector<double> values) {
  return [values = std::move(values)](std::size_t i) { return values[i % values.size()]; };
}

Samples odd_halves(double step, int count) {
  return [step, count](std::size_t i) {
    const double k = std::floor(2 * count * fraction(i)) - count;
    return (2 * k + 1) * step / 2;
  };
}

Operand index_operand(Shape shape, std::vector<double> values, nadir_dtype dtype) {
  return {std::move(shape), in_turn(std::move(values)), dtype, {}};
}

Operand mask_operand(Shape shape) { return {std::move(shape), in_turn({1, 0, 0, 2, 255, 0, 1}), NADIR_U8, {}}; }

// ----------------------------------------------------------------------------------------------------- references

Array array_of(const Shape& shape) {
  Array result = Array::from_shape(Array::shape_type(shape.begin(), shape.end()));
  std::fill(result.storage().begin(), result.storage().end(), 0.0);
  return result;
}

Array array_of(const Shape& shape, const std::vector<double>& values) {
  Array result = array_of(shape);
  if (result.size() != values.size()) throw std::logic_error("not as many values as the shape has");
  std::copy(values.begin(), values.end(), result.storage().begin());
  return result;
}

Array vector_of(const std::vector<double>& values) {
  return array_of({static_cast<std::int64_t>(values.size())}, values);
}

Array reshaped(const Array& x, const Shape& shape) {
  Array result = x;
  result.reshape(Array::shape_type(shape.begin(), shape.end()));
  return result;
}

bool has_zero(const Shape& shape) { return std::find(shape.begin(), shape.end(), 0) != shape.end(); }

void for_each_index(const Shape& shape, const std::function<void(const Index&)>& f) {
  Index index(shape.size(), 0);
  if (has_zero(shape)) return;
  for (;;) {
    f(index);
    std::size_t axis = shape.size();
    for (;;) {
      if (axis == 0) return;
      --axis;
      if (++index[axis] < static_cast<std::size_t>(shape[axis])) break;
      index[axis] = 0;
    }
  }
}

Array generate(const Shape& shape, const std::function<double(const Index&)>& f) {
  Array result = array_of(shape);
  std::size_t i = 0;
  for_each_index(shape, [&](const Index& index) { result.storage()[i++] = f(index); });
  return result;
}

Shape shape_of(const Array& x) { return {x.shape().begin(), x.shape().end()}; }

double at(const Array& x, const Index& index) { return x.element(index.begin(), index.end()); }

double& at(Array& x, const Index& index) { return x.element(index.begin(), index.end()); }

std::size_t axis_of(std::int32_t axis, std::size_t rank) {
  return axis < 0 ? rank - static_cast<std::size_t>(-axis) : static_cast<std::size_t>(axis);
}

Array mapped(Array x, const std::function<double(double)>& f) {
  for (double& value : x.storage()) value = f(value);
  return x;
}

Array mapped(const Array& a, const Array& b, const std::function<double(double, double)>& f) {
  const std::size_t rank = std::max(a.dimension(), b.dimension());
  Array::shape_type shape(rank, 1);
  xt::broadcast_shape(a.shape(), shape);
  xt::broadcast_shape(b.shape(), shape);
  Array x = xt::broadcast(a, shape);
  const Array y = xt::broadcast(b, shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.storage()[i] = f(x.storage()[i], y.storage()[i]);
  return x;
}

}  // namespace operations
