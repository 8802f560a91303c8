#include "ops/elementwise.h"

#include "ops/building.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

Expr node_of(OpId id, std::initializer_list<Expr> operands, DType dtype, const Shape& shape,
             const Attributes& attributes = {}) {
  std::array<Expr, 3> repeated;
  std::size_t count = 0;
  for (const Expr& operand : operands) repeated[count++] = broadcast_to(operand, shape);
  return add_node(id, std::span(repeated).first(count), dtype, shape, attributes);
}

Shape common_shape(Expr a, Expr b) {
  const auto shape = broadcast(a.shape(), b.shape());
  if (!shape) fail(Status::kShape, "a ", a, ", b ", b, "; wants shapes that broadcast");
  if (!size_fits(*shape, size_of(a.dtype()))) {
    fail(Status::kShape, "a ", a, ", b ", b, ": the result ", *shape, " has more than 2^63 - 1 bytes");
  }
  return *shape;
}

}  // namespace

Expr unary(OpId id, Expr x) {
  check_float(x, "x");
  return node_of(id, {x}, x.dtype(), x.shape());
}

Expr test(OpId id, Expr x) {
  check_float(x, "x");
  return node_of(id, {x}, DType::kU8, x.shape());
}

Expr binary(OpId id, Expr a, Expr b) {
  check_same_dtype(a, b);
  check_float(a, "a");
  return node_of(id, {a, b}, a.dtype(), common_shape(a, b));
}

Expr compare(OpId id, Expr a, Expr b) {
  check_same_dtype(a, b);
  return node_of(id, {a, b}, DType::kU8, common_shape(a, b));
}

Expr logical(OpId id, Expr a, Expr b) {
  check_mask(a, "a");
  check_mask(b, "b");
  return node_of(id, {a, b}, DType::kU8, common_shape(a, b));
}

Expr scaled(OpId id, Expr x, Numbers numbers) {
  check_float(x, "x");
  return node_of(id, {x}, x.dtype(), x.shape(), Attributes(numbers));
}

void describe_numbers(Text& text, const Node& node) {
  const auto numbers = node.attributes.as<Numbers>();
  text << ", " << numbers[0];
  if (id_of(node) == OpId::clamp || id_of(node) == OpId::softplus) text << ", " << numbers[1];
}

Expr pow_scalar(Expr x, double exponent) {
  check_float(x, "x");
  if (exponent == 1) return x;
  return exponent == 2 ? square(x) : scaled(OpId::pow_scalar, x, {exponent, 0});
}

Expr logical_not(Expr x) {
  check_mask(x, "x");
  return node_of(OpId::logical_not, {x}, DType::kU8, x.shape());
}

Expr where(Expr mask, Expr a, Expr b) {
  check_mask(mask, "mask");
  check_same_dtype(a, b);
  const Shape values = common_shape(a, b);
  const auto shape = broadcast(mask.shape(), values);
  if (!shape) fail(Status::kShape, "mask ", mask, ", a ", a, ", b ", b, "; wants shapes that broadcast");
  if (!size_fits(*shape, size_of(a.dtype()))) {
    fail(Status::kShape, "mask ", mask, ", a ", a, ", b ", b, ": the result has more than 2^63 - 1 bytes");
  }
  return node_of(OpId::where, {mask, a, b}, a.dtype(), *shape);
}

Expr cast(Expr x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return node_of(OpId::cast, {x}, dtype, x.shape());
}

Expr stop_gradient(Expr x) { return node_of(OpId::stop_gradient, {x}, x.dtype(), x.shape()); }

// What these do stands in their result's dtype, or in their name.
void describe_logical_not(Text&, const Node&) {}
void describe_where(Text&, const Node&) {}
void describe_cast(Text&, const Node&) {}
void describe_stop_gradient(Text&, const Node&) {}

}  // namespace nadir
