#include "handles.h"

#include "ops/building.h"

namespace nadir::capi {

static_assert(NADIR_E_INTERNAL == static_cast<int>(Status::kInternal));
static_assert(NADIR_E_NOT_FINITE == static_cast<int>(Status::kNotFinite));
static_assert(NADIR_E_BUSY == static_cast<int>(Status::kBusy));
static_assert(NADIR_F32 == static_cast<int>(DType::kF32) && NADIR_F64 == static_cast<int>(DType::kF64));
static_assert(NADIR_MAX_RANK == kMaxRank);
static_assert(NADIR_LOG_INFO == static_cast<int>(LogLevel::kInfo));

const Parameter* find_parameter(const Graph& graph, nadir_node node) noexcept {
  const NodeIndex index = find_node(graph, node);
  return index == kNoNode ? nullptr : graph.parameters().find(index);
}

Expr to_expr(Graph& graph, nadir_node node, const char* role) {
  if (node == NADIR_NONE) fail(Status::kArgument, role, " is NADIR_NONE; wants a node");
  const NodeIndex index = find_node(graph, node);
  if (index == kNoNode) fail(Status::kArgument, role, " is no node of this graph");
  return {graph, index};
}

DType to_dtype(nadir_dtype dtype) {
  if (!is_dtype(dtype)) fail(Status::kDType, "dtype is ", dtype, "; wants one of the NADIR_ dtypes");
  return static_cast<DType>(dtype);
}

namespace {

// "x "weights" is [2, 3]: ", or nothing if there is no x.
struct About {
  Expr x;

  friend Text& operator<<(Text& text, const About& about) noexcept {
    return about.x.is_none() ? text : text << "x " << about.x << ": ";
  }
};

void check_rank(const int64_t* dims, int32_t rank, Expr x) {
  if (rank < 0 || rank > kMaxRank) fail(Status::kShape, About{x}, "rank is ", rank, "; wants 0 to ", kMaxRank);
  if (!dims && rank > 0) fail(Status::kArgument, About{x}, "shape is NULL, rank ", rank);
}

Dim to_dim(int64_t value, int axis, Expr x) {
  if (value >= 0) return Dim::constant(value);
  if (value % NADIR_BATCH != 0 || value / NADIR_BATCH > kMostBatches) {
    fail(Status::kShape, About{x}, "dimension ", axis, " is ", value,
         "; wants 0 or more, or a multiple of NADIR_BATCH");
  }
  return Dim::batch(value / NADIR_BATCH);
}

}  // namespace

Shape to_shape(const int64_t* dims, int32_t rank, Expr x) {
  check_rank(dims, rank, x);
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) shape.append(to_dim(dims[axis], axis, x));
  return shape;
}

Shape to_reshape(Expr x, const int64_t* dims, int32_t rank) {
  check_rank(dims, rank, x);
  Shape shape;
  int inferred = -1;
  for (int axis = 0; axis < rank; ++axis) {
    if (dims[axis] == -1 && inferred >= 0) {
      fail(Status::kShape, About{x}, "dimensions ", inferred, " and ", axis, " are -1; wants one at most");
    }
    if (dims[axis] == -1) inferred = axis;
    shape.append(dims[axis] == -1 ? Dim::constant(1) : to_dim(dims[axis], axis, x));
  }
  if (inferred < 0) return shape;
  if (!size_fits(shape, 1))
    fail(Status::kShape, About{x}, "a tensor of shape ", shape, " has more than 2^63 - 1 bytes");
  const Extent all = x.shape().count();
  const Extent known = shape.count();
  const int power = all.power - known.power;
  if (known.factor == 0 || all.factor % known.factor != 0 || power < 0 || power > 1) {
    fail(Status::kShape, About{x}, "dimension ", inferred, " is -1 and cannot be inferred; without it the shape is ",
         shape);
  }
  const int64_t factor = all.factor / known.factor;
  if (power == 1 && factor > kMostBatches) {
    fail(Status::kShape, About{x}, "dimension ", inferred, " would be ", factor, " * batch; wants at most ",
         kMostBatches);
  }
  shape[inferred] = power == 1 && factor > 0 ? Dim::batch(factor) : Dim::constant(factor);
  return shape;
}

AxisSet to_axes(Expr x, const int32_t* axes, int32_t count) {
  const int rank = x.shape().rank();
  if (count < 0) fail(Status::kArgument, "axis_count is ", count, "; wants 0 or more");
  if (!axes || count == 0) return AxisSet::all(rank);
  AxisSet set;
  for (int32_t i = 0; i < count; ++i) {
    const int axis = checked_axis(x, axes[i]);
    if (set.contains(axis)) fail(Status::kShape, "axis ", axes[i], " is given twice; x ", x);
    set.insert(axis);
  }
  return set;
}

int64_t from_dim(Dim dim) noexcept { return dim.is_batch() ? dim.factor() * NADIR_BATCH : dim.factor(); }

}  // namespace nadir::capi
