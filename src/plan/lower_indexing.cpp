// Elements by index.
#include <algorithm>

#include "kernels/portable.h"
#include "ops/indexing.h"
#include "ops/registry.h"
#include "plan/lowering.h"
#include "plan/resolve.h"

namespace nadir {

namespace {

enum Variant : std::uint8_t {
  kWholeSlices = 0,  // an index is for all of the inner dimensions,
  kElements = 1,     // or for one element
  kScatter = 2,      // adds to the table, rather than reads from it
  kFromZero = 4,     // which is 0 before
  kTrusted = 8,      // indices that Nadir has computed itself: all are inside
};

// How many elements are a row, along the first dimension.
Extent row_of(const Shape& shape) { return shape.is_scalar() ? Extent{} : shape.count_over(1, shape.rank()); }

// in: the table (what is read or added to), the values, the index.
void resolve_indexing(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  const bool by_element = (step.variant & kElements) != 0;
  const auto& [table, values, index] = step.in;
  IndexArguments& a = record.arguments.index = {};
  a.table = at.address(table);
  a.values = at.address(values);
  a.index = at.address(index);
  a.outer = step.outer.at(at.batch);
  a.length = step.length.at(at.batch);
  a.count = step.count.at(at.batch);
  a.inner = step.inner.at(at.batch);
  a.index_outer = by_element ? a.count * a.inner : 0;
  a.index_step = by_element ? a.inner : 1;
  a.index_inner = by_element ? 1 : 0;
  a.index_row = step.row.at(at.batch);
  a.state = at.memory.state;
  a.node = step.node;
  a.index_is_i32 = index.dtype == DType::kI32;
  a.starts_at_zero = (step.variant & kFromZero) != 0;
  record.kernel = (step.variant & kScatter) != 0 ? scatter_add_kernel(table.dtype) : gather_kernel(table.dtype);
  // Other indices may be wrong, and the first that is has to be told: that is left to one thread.
  const bool may_cut = (step.variant & kScatter) != 0 && (step.variant & kTrusted) != 0;
  record.form = may_cut ? Record::Form::kScattering : Record::Form::kWhole;
  record.element_sizes.fill(static_cast<std::uint8_t>(size_of(table.dtype)));
}

Step indexing_step(Lowering& lowering, NodeIndex node, int axis, int variant, const View& table, const View& index) {
  lowering.use_state();
  Step step;
  step.resolver = resolve_indexing;
  step.kind = Step::Kind::kIndexing;
  step.variant = static_cast<std::uint8_t>(variant);
  step.node = node;
  step.outer = table.shape.count_over(0, axis);
  step.length = table.shape[axis].extent();
  step.inner = table.shape.count_over(axis + 1, table.shape.rank());
  step.count = (variant & kElements) != 0 ? index.shape[axis].extent() : index.shape.count();
  step.row = row_of(index.shape);
  step.in[2] = index;
  return step;
}

void lower_reading(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  const View table = lowering.dense(lowering.operand(node, 0));
  const View numbers = lowering.dense(lowering.operand(node, 1));
  Step step = indexing_step(lowering, index, node.attributes.as<IndexAttributes>().axis, variant, table, numbers);
  step.in[0] = table;
  step.out = step.in[1] = lowering.destination(index, false).view;
  lowering.emit(step);
}

// Whether a node is 0 everywhere, known as it is built.
bool is_zero(const Graph& graph, NodeIndex index) {
  const Node& node = graph[index];
  if (id_of(node) != OpId::broadcast_to) return false;
  const Node& value = graph[node.inputs[0]];
  if (id_of(value) != OpId::constant || !value.shape.is_scalar()) return false;
  const auto* bytes = static_cast<const std::byte*>(value.data);
  return std::all_of(bytes, bytes + size_of(value.dtype), [](std::byte byte) { return byte == std::byte{0}; });
}

// Whether indices are the places that a max pooling has found in planes of so many elements.
bool are_places_of(const Graph& graph, NodeIndex index, const Dim& length) {
  while (id_of(graph[index]) == OpId::reshape) index = graph[index].inputs[0];
  if (id_of(graph[index]) != OpId::max_pool_index) return false;
  const auto pooled = graph[index].attributes.as<ConvGeometry>();
  return length == Dim::constant(std::int64_t{pooled.rows.in} * pooled.columns.in);
}

void lower_adding(Lowering& lowering, NodeIndex index, Variant variant) {
  const Node& node = lowering.graph()[index];
  const View numbers = lowering.dense(lowering.operand(node, 1));
  const View values = lowering.dense(lowering.operand(node, 2));
  const bool starts_at_zero = is_zero(lowering.graph(), node.inputs[0]);
  const View out = starts_at_zero ? lowering.destination(index, false).view : lowering.writable_copy(index);
  const int axis = node.attributes.as<IndexAttributes>().axis;
  const bool is_trusted = are_places_of(lowering.graph(), node.inputs[1], node.shape[axis]);
  const int kind = variant | kScatter | (starts_at_zero ? kFromZero : 0) | (is_trusted ? kTrusted : 0);
  Step step = indexing_step(lowering, index, axis, kind, out, numbers);
  step.in[1] = values;
  step.accumulate = !starts_at_zero;
  step.out = step.in[0] = out;
  lowering.emit(step);
}

void resolve_check(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  record.kernel = check_range_kernel(step.in[0].dtype);
  record.arguments.check = {at.address(step.in[0]), step.count.at(at.batch),
                            step.row.at(at.batch),  step.numbers[0],
                            step.numbers[1],        step.mean,
                            at.memory.state,        step.node};
}

}  // namespace

// The value is that of the operand, where it is.
void lower_check_range(Lowering& lowering, NodeIndex index) {
  lowering.use_state();
  const Node& node = lowering.graph()[index];
  const auto range = node.attributes.as<RangeAttributes>();
  const View x = lowering.dense(lowering.operand(node, 0));
  lowering.set_view(index, x);
  Step step;
  step.resolver = resolve_check;
  step.node = node.inputs[0];
  step.numbers = {range.low, range.high};
  step.mean = range.allowed;
  step.count = node.shape.count();
  step.row = row_of(node.shape);
  step.in[0] = x;
  lowering.emit(step);
}

void lower_index_select(Lowering& lowering, NodeIndex index) { lower_reading(lowering, index, kWholeSlices); }
void lower_gather(Lowering& lowering, NodeIndex index) {
  if (!lowering.is_done(index)) lower_reading(lowering, index, kElements);
}
void lower_index_add(Lowering& lowering, NodeIndex index) { lower_adding(lowering, index, kWholeSlices); }
void lower_scatter_add(Lowering& lowering, NodeIndex index) { lower_adding(lowering, index, kElements); }

}  // namespace nadir
