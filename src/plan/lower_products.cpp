// Matrix products, of one pair of matrices or of many.
#include <algorithm>
#include <utility>

#include "ops/matmul.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

constexpr std::int64_t kFewRows = 32;
constexpr std::int64_t kLeastByLanes = 16;  // terms
// For which no panels are worth while.
constexpr std::int64_t kSmallRows = 64;
constexpr std::int64_t kSmallVectors = 4;

void transpose(View& view) noexcept {
  const int columns = view.shape.rank() - 1;
  std::swap(view.shape[columns - 1], view.shape[columns]);
  std::swap(view.strides[static_cast<std::size_t>(columns - 1)], view.strides[static_cast<std::size_t>(columns)]);
}

// The transposed product: bᵀ aᵀ.
void transpose(MatmulArguments& p) noexcept {
  std::swap(p.a, p.b);
  std::swap(p.m, p.n);
  std::swap(p.a_row, p.b_column);
  std::swap(p.a_column, p.b_row);
  std::swap(p.out_row, p.out_column);
  p.bias_by_row = !p.bias_by_row;
}

// Of the indices of a product's rows, columns and terms (0, 1, 2): the one that is at most the other. The same twice: none is.
struct Order {
  std::uint8_t less, more;
};

// An operand as it is stored has the greater index first.
Order order_of(const MatmulAttributes& attributes) noexcept {
  const Order orders[] = {{0, 0}, {2, 0}, {1, 2}, {1, 0}};
  const Order order = orders[static_cast<int>(attributes.lower)];
  const bool is_turned = (attributes.lower == Lower::kA && attributes.transpose_a) ||
                         (attributes.lower == Lower::kB && attributes.transpose_b);
  return is_turned ? Order{order.more, order.less} : order;
}

// Vector instructions, about, of a product whose lanes run along n.
double product_cost(const MatmulArguments& p, int width) noexcept {
  constexpr double kCopy = 2;                     // of a vector into a panel
  const double transposed = width == 16 ? 5 : 8;  // likewise, across the lines
  constexpr double kGather = 2;                   // of a result that other terms are added to
  constexpr double kScatter = 1;                  // of a result
  const std::int64_t columns = (p.n + width - 1) / width;
  const double vectors = static_cast<double>(columns) * static_cast<double>(p.k);
  const double copies = p.b_column != 1 ? transposed : p.n % width != 0 ? kCopy : 0;
  // Results that are not stored as vectors are so for every block of terms.
  const std::int64_t blocks = (p.k + kProductDepth - 1) / kProductDepth;
  const double results = static_cast<double>(p.m) * static_cast<double>(p.n);
  const double scatters = p.out_column != 1 ? (kScatter + kGather * static_cast<double>(blocks - 1)) * results : 0;
  return vectors * (static_cast<double>(p.m) + copies) + scatters;
}

bool transposing_pays(const MatmulArguments& p, int width) noexcept {
  if (p.by_lanes || (p.n == 1 && p.m <= kSmallRows && p.k <= kSmallTerms))
    return false;  // columns have ways of their own
  MatmulArguments other = p;
  transpose(other);
  return product_cost(other, width) < product_cost(p, width);
}

Kernel choose_product(const MatmulArguments& p, const KernelTable& kernels, int dtype) noexcept {
  const bool is_number = p.m == 1 && p.n == 1;
  if (is_number && p.k == 1 && !p.accumulate && !p.rectifies) return kernels.number[dtype];
  if (is_number || p.by_lanes) return kernels.column[dtype];
  const bool is_small = p.m <= kSmallRows && p.n <= kSmallVectors * kernels.width[dtype] && p.k <= kSmallTerms;
  return (is_small ? kernels.small_matmul : kernels.matmul)[dtype];
}

void resolve_product(const Step& step, const Resolution& at, Record& record, Nest* storage) noexcept {
  const auto& [a, b, bias] = step.in;
  const auto row = static_cast<std::size_t>(a.shape.rank() - 2);
  const std::size_t column = row + 1;
  MatmulArguments product{};
  product.out = at.address(step.out);
  product.a = at.address(a);
  product.b = at.address(b);
  product.bias = at.address(bias);
  product.scratch = at.memory.address(step.scratch);
  product.m = a.shape[static_cast<int>(row)].at(at.batch);
  product.k = a.shape[static_cast<int>(column)].at(at.batch);
  product.n = b.shape[static_cast<int>(column)].at(at.batch);
  product.a_row = a.strides[row].at(at.batch);
  product.a_column = a.strides[column].at(at.batch);
  product.b_row = b.strides[row].at(at.batch);
  product.b_column = b.strides[column].at(at.batch);
  product.out_row = step.out.strides[row].at(at.batch);
  product.out_column = step.out.strides[column].at(at.batch);
  product.accumulate = step.accumulate;
  product.rectifies = step.rectifies;
  // In whatever number of rows, so that a row's bits do not depend on the others; but not where one column is the present batch.
  const bool is_in_line = a.strides[column] == Extent{1, 0} && b.strides[row] == Extent{1, 0};
  product.by_lanes = b.shape[static_cast<int>(column)].is_one() && is_in_line && product.k >= kLeastByLanes;
  const bool is_transposed = transposing_pays(product, at.kernels.width[index_of(step.out.dtype)]);
  if (is_transposed) transpose(product);
  const Kernel kernel = choose_product(product, at.kernels, index_of(step.out.dtype));
  record.element_sizes.fill(static_cast<std::uint8_t>(size_of(step.out.dtype)));
  record.scratch_step = step.scratch_step;
  record.form = Record::Form::kProduct;
  if (!step.may_nest) {
    record.kernel = kernel;
    record.arguments.matmul = product;
    return;
  }
  Nest nest;
  nest.element_sizes.fill(size_of(step.out.dtype));
  for (std::size_t axis = 0; axis < row; ++axis) {
    const std::int64_t out_stride = step.out.strides[axis].at(at.batch);
    const std::int64_t a_stride = a.strides[axis].at(at.batch);
    const std::int64_t b_stride = b.strides[axis].at(at.batch);
    const std::int64_t length = a.shape[static_cast<int>(axis)].at(at.batch);
    nest.append(length, {out_stride, is_transposed ? b_stride : a_stride, is_transposed ? a_stride : b_stride, 0});
  }
  // Rows and columns have changed places if the product was.
  const auto index = [is_transposed](int i) { return static_cast<std::uint8_t>(is_transposed && i < 2 ? 1 - i : i); };
  nest.less = index(step.variant / 3);
  nest.more = index(step.variant % 3);
  nest.kernel = kernel;
  nest.product = product;
  *storage = nest;
  record.kernel = run_products;
  record.form = Record::Form::kProducts;
  record.arguments.nest = {{}, nullptr, storage, 0, nest.rank > 0 ? nest.lengths[0] : 1, 0};
}

// Terms of a product by one column are laid one after another, so that they may be added by lanes; but for those of a transposed
// matrix, which is read by its own rows.
void lay_out_column(Lowering& lowering, Step& step) {
  View& a = step.in[0];
  View& b = step.in[1];
  const int row = a.shape.rank() - 2;
  if (!b.shape[row + 1].is_one() || a.shape[row + 1].at(lowering.max_batch()) < kLeastByLanes) return;
  const auto stride = [](const View& view, int axis) { return view.strides[static_cast<std::size_t>(axis)]; };
  if (stride(b, row) != Extent{1, 0}) b = lowering.dense(b);
  const bool is_transposed = stride(a, row) == Extent{1, 0} && !a.shape[row].is_one();
  if (stride(a, row + 1) != Extent{1, 0} && !is_transposed) a = lowering.dense(a);
}

}  // namespace

void lower_product(Lowering& lowering, NodeIndex result, const Node& product, const View& bias, bool rectifies) {
  const auto attributes = product.attributes.as<MatmulAttributes>();
  Step step;
  step.resolver = resolve_product;
  step.kind = Step::Kind::kProduct;
  step.what = rectifies ? "matmul, relu" : "matmul";
  step.rectifies = rectifies;
  step.in = {lowering.operand(product, 0), lowering.operand(product, 1), bias};
  if (attributes.transpose_a) transpose(step.in[0]);
  if (attributes.transpose_b) transpose(step.in[1]);
  lay_out_column(lowering, step);
  const Shape& a = step.in[0].shape;
  const Shape& b = step.in[1].shape;
  const int columns = b.rank() - 1;
  const std::int64_t most = lowering.max_batch();
  const std::int64_t terms = a[columns].at(most);
  const std::int64_t rows = std::max(a[columns - 1].at(most), b[columns].at(most));
  // Few rows are no longer worked on than it takes to turn the weights for them.
  const bool is_turned = step.in[1].strides[static_cast<std::size_t>(columns)] != Extent{1, 0};
  const bool is_weight = step.in[1].place.region == Place::Region::kParameter;
  if (is_turned && is_weight && !lowering.trains() && a[columns - 1].at(most) <= kFewRows) {
    step.in[1] = lowering.kept_copy(step.in[1]);
  }
  const Order order = order_of(attributes);
  step.variant = static_cast<std::uint8_t>(3 * order.less + order.more);
  step.may_nest = columns > 1 || order.less != order.more;
  const auto to = lowering.destination(result, terms <= kProductDepth && !rectifies);
  step.out = to.view;
  step.accumulate = to.accumulate;
  lowering.add_scratch(step, step.out.dtype, product_scratch(rows, terms));
  lowering.emit(step);
}

void lower_matmul(Lowering& lowering, NodeIndex index) {
  lower_product(lowering, index, lowering.graph()[index], View{}, false);
}

}  // namespace nadir
