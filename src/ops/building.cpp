#include "ops/building.h"

#include <memory_resource>
#include <vector>

namespace nadir {

Expr add_node(OpId id, std::span<const Expr> operands, DType dtype, const Shape& shape, const Attributes& attributes) {
  Graph& graph = operands.front().graph();
  check_size(operands.front(), shape, dtype);
  std::pmr::vector<NodeIndex> inputs(&graph.host());
  inputs.reserve(operands.size());
  for (const Expr& operand : operands) inputs.push_back(operand.index());
  Node node;
  node.op = &op(id);
  node.dtype = dtype;
  node.shape = shape;
  node.inputs = inputs;
  node.attributes = attributes;
  return {graph, graph.add(node, nullptr)};
}

Expr add_node(OpId id, std::initializer_list<Expr> operands, DType dtype, const Shape& shape,
              const Attributes& attributes) {
  return add_node(id, std::span(operands.begin(), operands.size()), dtype, shape, attributes);
}

void check_float(Expr x, const char* role) {
  if (is_float(x.dtype())) return;
  fail(Status::kDType, role, " \"", x.node().name(), "\" is ", name_of(x.dtype()), "; wants f32 or f64");
}

void check_mask(Expr x, const char* role) {
  if (x.dtype() == DType::kU8) return;
  fail(Status::kDType, role, " \"", x.node().name(), "\" is ", name_of(x.dtype()), "; wants a mask, u8");
}

void check_same_dtype(Expr a, Expr b) {
  if (a.dtype() == b.dtype()) return;
  fail(Status::kDType, "\"", a.node().name(), "\" is ", name_of(a.dtype()), ", \"", b.node().name(), "\" is ",
       name_of(b.dtype()), "; wants one dtype");
}

void check_size(Expr x, const Shape& shape, DType dtype) {
  if (size_fits(shape, size_of(dtype))) return;
  fail(Status::kShape, "x ", x, ": a result of shape ", shape, " has more than 2^63 - 1 bytes");
}

int checked_axis(Expr x, int axis, int rank) {
  if (rank == 0) fail(Status::kShape, "axis ", axis, ": x ", x, "; a scalar has no axes");
  const int from_start = axis < 0 ? axis + rank : axis;
  if (from_start < 0 || from_start >= rank) {
    fail(Status::kShape, "axis ", axis, ": x ", x, "; wants ", -rank, " to ", rank - 1);
  }
  return from_start;
}

void append_dim(Shape& shape, Dim dim, Expr x) {
  if (shape.rank() == kMaxRank) fail(Status::kShape, "x ", x, ": the result has more than ", kMaxRank, " dimensions");
  shape.append(dim);
}

Dim product_of(Dim a, std::int64_t factor, Expr x) {
  std::int64_t length = 0;
  const bool is_over = __builtin_mul_overflow(a.factor(), factor, &length) || (a.is_batch() && length > kMostBatches);
  if (is_over) fail(Status::kShape, "x ", x, ": a dimension of the result is too long");
  return a.is_batch() && length > 0 ? Dim::batch(length) : Dim::constant(length);
}

Dim joined(Expr x, int first, int last) {
  const Extent extent = x.shape().count_over(first, last);
  if (extent.power > 1) fail(Status::kShape, "x ", x, ": dimensions ", first, " to ", last - 1, " hold two batches");
  return product_of(extent.power == 1 ? Dim::batch(1) : Dim::constant(1), extent.factor, x);
}

}  // namespace nadir
