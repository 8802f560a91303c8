#include "plan/parts.h"

#include <algorithm>

#include "plan/fused.h"

namespace nadir {

namespace {

constexpr std::int64_t kLine = 64;  // elements, of any size at least a cache line
constexpr std::int64_t kProductUnit = 32;
constexpr std::int64_t kManyRows = 256;

template <class Pointer>
void move(Pointer*& address, std::int64_t bytes) noexcept {
  auto* const start = const_cast<std::byte*>(static_cast<const std::byte*>(address));
  if (start) address = start + bytes;
}

void cut_lane(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  LaneArguments& l = r.arguments.lane;
  const Range range = part_of(l.count, kLine, part, parts);
  l.count = range.count;
  move(l.out, range.first * r.element_sizes[0]);
  for (std::size_t i = 0; i < 3; ++i) {
    if ((l.splat >> i & 1u) == 0) move(l.in[i], range.first * r.element_sizes[i + 1]);
  }
}

// By columns where there are few rows, of which every thread would have to read all of b; else by rows, as updates are cut.
void cut_product(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  MatmulArguments& p = r.arguments.matmul;
  const std::int64_t size = r.element_sizes[0];
  if (p.n >= p.m && p.m < kManyRows) {
    const Range range = part_of(p.n, kProductUnit, part, parts);
    p.n = range.count;
    move(p.b, range.first * p.b_column * size);
    move(p.out, range.first * p.out_column * size);
    if (!p.bias_by_row) move(p.bias, range.first * size);
  } else {
    const Range range = part_of(p.m, kProductUnit, part, parts);
    p.m = range.count;
    move(p.a, range.first * p.a_row * size);
    move(p.out, range.first * p.out_row * size);
    if (p.bias_by_row) move(p.bias, range.first * size);
  }
  move(p.scratch, part * r.scratch_step);
}

void cut_nest(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  NestArguments& n = r.arguments.nest;
  const Range range = part_of(n.nest->lengths[0], 1, part, parts);
  n.first = range.first;
  n.count = range.count;
  n.scratch_offset = part * r.scratch_step;
}

void cut_convolution(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  ConvArguments& c = r.arguments.conv;
  const ConvGeometry& g = c.geometry;
  const std::int64_t size = r.element_sizes[0];
  const std::int64_t image = std::int64_t{g.groups} * g.in * g.rows.in * g.columns.in;
  const std::int64_t result = std::int64_t{g.groups} * g.out * g.rows.out * g.columns.out;
  const Range range = part_of(c.batch, 1, part, parts);
  const bool is_of_images = r.form == Record::Form::kConvolution;
  c.batch = range.count;
  move(c.a, range.first * size * (is_of_images ? image : result));
  move(c.out, range.first * size * (is_of_images ? result : image));
  move(c.scratch, part * r.scratch_step);
}

// By channels of the result, of which each has weights of its own.
void cut_weights(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  ConvArguments& c = r.arguments.conv;
  const Range range = part_of(c.geometry.out, 1, part, parts);
  c.first_out = static_cast<std::int32_t>(range.first);
  c.count_out = static_cast<std::int32_t>(range.count);
  move(c.scratch, part * r.scratch_step);
}

void cut_pooling(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  PoolArguments& p = r.arguments.pool;
  const Range range = part_of(p.planes, 1, part, parts);
  const std::int64_t result = std::int64_t{p.rows.out} * p.columns.out;
  p.planes = range.count;
  move(p.in, range.first * p.rows.in * p.columns.in * r.element_sizes[1]);
  move(p.places, range.first * result * r.element_sizes[0]);
  move(p.values, range.first * result * r.element_sizes[1]);
}

// By what is before the dimension that indices are along.
void cut_scattering(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  IndexArguments& a = r.arguments.index;
  const Range range = part_of(a.outer, 1, part, parts);
  const std::int64_t index_size = a.index_is_i32 ? sizeof(std::int32_t) : sizeof(std::int64_t);
  a.outer = range.count;
  move(a.table, range.first * a.length * a.inner * r.element_sizes[0]);
  move(a.values, range.first * a.count * a.inner * r.element_sizes[0]);
  move(a.index, range.first * a.index_outer * index_size);
}

void cut_fused(Record& r, std::int32_t part, std::int32_t parts) noexcept {
  FusedArguments& f = r.arguments.fused;
  const Range range = part_of(f.count, f.unit, part, parts);
  f.first = range.first;
  f.count = range.count;
  f.scratch_offset = part * r.scratch_step;
}

double lane_work(std::int64_t count) noexcept { return 0.15 * static_cast<double>(count); }

double products(std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  return 0.015 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

double convolution_work(const ConvArguments& c) noexcept {
  const ConvGeometry& g = c.geometry;
  return products(c.batch * g.groups * g.out, std::int64_t{g.rows.out} * g.columns.out,
                  std::int64_t{g.in} * g.rows.taps * g.columns.taps);
}

}  // namespace

Range part_of(std::int64_t count, std::int64_t unit, std::int32_t part, std::int32_t parts) noexcept {
  const std::int64_t units = (count + unit - 1) / unit;
  const std::int64_t first = std::min(units * part / parts * unit, count);
  const std::int64_t end = std::min(units * (part + 1) / parts * unit, count);
  return {first, end - first};
}

double work_of(const Record& record) noexcept {
  const Arguments& a = record.arguments;
  switch (record.form) {
    case Record::Form::kWhole: return 0;
    case Record::Form::kLane: return lane_work(a.lane.count);
    case Record::Form::kProduct: return products(a.matmul.m, a.matmul.n, a.matmul.k);
    case Record::Form::kProducts: {
      const MatmulArguments& p = a.nest.nest->product;
      return static_cast<double>(a.nest.nest->count()) * products(p.m, p.n, p.k);
    }
    case Record::Form::kNest: return 4 * lane_work(a.nest.nest->count());
    case Record::Form::kConvolution:
    case Record::Form::kConvolutionInput:
    case Record::Form::kConvolutionWeight: return convolution_work(a.conv);
    case Record::Form::kPooling: return 4 * lane_work(a.pool.planes * a.pool.rows.in * a.pool.columns.in);
    case Record::Form::kScattering:
      return lane_work(a.index.outer * (a.index.length + 8 * a.index.count) * a.index.inner);
    case Record::Form::kFused:
      return lane_work(a.fused.program->count) * static_cast<double>(a.fused.program->ops.size());
  }
  return 0;
}

bool can_be_cut(const Record& record) noexcept {
  const Arguments& a = record.arguments;
  switch (record.form) {
    case Record::Form::kWhole: return false;
    case Record::Form::kNest:
    case Record::Form::kProducts: return a.nest.nest->rank > 0 && a.nest.nest->lengths[0] > 1;
    case Record::Form::kConvolution:
    case Record::Form::kConvolutionInput: return a.conv.batch > 1;
    case Record::Form::kConvolutionWeight: return a.conv.geometry.out > 1;
    default: return true;
  }
}

Record cut(const Record& whole, std::int32_t part, std::int32_t parts) noexcept {
  Record record = whole;
  switch (whole.form) {
    case Record::Form::kWhole: break;
    case Record::Form::kLane: cut_lane(record, part, parts); break;
    case Record::Form::kProduct: cut_product(record, part, parts); break;
    case Record::Form::kNest:
    case Record::Form::kProducts: cut_nest(record, part, parts); break;
    case Record::Form::kConvolution:
    case Record::Form::kConvolutionInput: cut_convolution(record, part, parts); break;
    case Record::Form::kConvolutionWeight: cut_weights(record, part, parts); break;
    case Record::Form::kPooling: cut_pooling(record, part, parts); break;
    case Record::Form::kScattering: cut_scattering(record, part, parts); break;
    case Record::Form::kFused: cut_fused(record, part, parts); break;
  }
  return record;
}

}  // namespace nadir
