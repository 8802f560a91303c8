#include "plan/cost.h"

#include <algorithm>

namespace nadir {

namespace {

std::int64_t reduced_elements(const Step& step, std::int64_t batch) noexcept {
  return step.outer.at(batch) * step.length.at(batch) * step.inner.at(batch);
}

bool is_reduction(const Step& step) noexcept {
  return step.kind == Step::Kind::kSum || step.kind == Step::Kind::kExtreme || step.kind == Step::Kind::kReduction;
}

// So many elements one after another, where a view begins.
Stretch dense_stretch(const View& view, std::int64_t elements, std::int64_t batch) noexcept {
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  const auto begin = static_cast<std::int64_t>(view.place.bytes) + view.offset.at(batch) * size;
  return {view.place, begin, begin + elements * size, elements * size};
}

}  // namespace

// Results of the first of several reductions have the shape of a number, whatever their count is.
Stretch result_of(const Step& step, std::int64_t batch) noexcept {
  if (is_reduction(step) && step.out.shape.is_scalar()) {
    return dense_stretch(step.out, step.outer.at(batch) * step.inner.at(batch), batch);
  }
  return stretch_of(step.out, batch);
}

Stretch operand_of(const Step& step, std::size_t number, std::int64_t batch) noexcept {
  const View& view = step.in[number];
  return is_reduction(step) ? dense_stretch(view, reduced_elements(step, batch), batch) : stretch_of(view, batch);
}

namespace {

bool is_same_place(const View& a, const View& b) noexcept {
  return a.place.region == b.place.region && a.place.index == b.place.index && a.place.bytes == b.place.bytes;
}

// Of the table as much as there are values.
void indexing_accesses(const Step& step, std::int64_t batch, AccessVisitor visit) noexcept {
  const auto& [table_view, values_view, index_view] = step.in;
  const Stretch values = stretch_of(values_view, batch);
  Stretch table = stretch_of(table_view, batch);
  const bool adds = is_same_place(table_view, step.out);
  const bool is_whole = adds && !step.accumulate;
  if (!is_whole) table.bytes = values.bytes;
  visit({stretch_of(index_view, batch), false});
  if (adds) visit({values, false});
  if (!is_whole) visit({table, false});
  visit({adds ? table : values, true});
}

void plain_accesses(const Step& step, std::int64_t batch, AccessVisitor visit) noexcept {
  for (std::size_t i = 0; i < step.in.size(); ++i) {
    if (!step.in[i].is_none()) visit({operand_of(step, i, batch), i == 1 && step.has_second_result});
  }
  if (step.out.is_none()) return;
  const Stretch out = result_of(step, batch);
  if (step.accumulate) visit({out, false});
  visit({out, true});
}

// Whether one of a group's first members writes all of what another one reads.
bool is_written(const Fusion& fusion, const FusedMember& reader, const Stretch& stretch, std::int64_t batch) noexcept {
  for (const FusedMember& member : fusion.members) {
    if (&member == &reader) break;
    if (member.out.source < 0 && result_of(member.step, batch).contains(stretch)) return true;
  }
  return false;
}

void fused_accesses(const Fusion& fusion, std::int64_t batch, AccessVisitor visit) noexcept {
  for (const FusedMember& member : fusion.members) {
    for (std::size_t i = 0; i < member.in.size(); ++i) {
      if (member.in[i].access == OperandAccess::kNone || member.in[i].source >= 0) continue;
      const Stretch stretch = operand_of(member.step, i, batch);
      if (!is_written(fusion, member, stretch, batch)) visit({stretch, false});
    }
    if (member.out.source >= 0) continue;
    const Stretch out = result_of(member.step, batch);
    if (member.step.accumulate) visit({out, false});
    visit({out, true});
  }
}

// Whether an access is paid for by another one of the step, of which `is_earlier` says that it comes first.
bool covers(const Access& other, bool is_earlier, const Access& access) noexcept {
  if (other.writes != access.writes || !other.stretch.contains(access.stretch)) return false;
  if (other.stretch.bytes != access.stretch.bytes) return other.stretch.bytes > access.stretch.bytes;
  return is_earlier || !access.stretch.contains(other.stretch);
}

std::uint64_t bytes_of(const Plan& plan, const Step& step, std::int64_t batch) noexcept {
  std::uint64_t bytes = 0;
  std::size_t number = 0;
  auto add = [&](const Access& access) {
    std::size_t other_number = 0;
    bool is_covered = false;
    auto compare = [&](const Access& other) {
      if (other_number != number && covers(other, other_number < number, access)) is_covered = true;
      ++other_number;
    };
    each_access(plan, step, batch, compare);
    if (!is_covered) bytes += static_cast<std::uint64_t>(access.stretch.bytes);
    ++number;
  };
  each_access(plan, step, batch, add);
  return bytes;
}

std::int64_t flops_of(const Plan& plan, const Step& step, std::int64_t batch) noexcept {
  const auto count = [batch](const View& view) { return view.shape.count().at(batch); };
  const ConvGeometry& g = step.conv;
  const std::int64_t window = std::int64_t{g.rows.taps} * g.columns.taps * g.rows.out * g.columns.out;
  switch (step.kind) {
    case Step::Kind::kOther: return 0;
    case Step::Kind::kLane: return step.lane >= LaneId::cast_f32 ? 0 : count(step.out);
    case Step::Kind::kSum:
    case Step::Kind::kExtreme:
    case Step::Kind::kReduction: return reduced_elements(step, batch);
    case Step::Kind::kProduct: return 2 * count(step.in[0]) * step.in[1].shape[step.in[1].shape.rank() - 1].at(batch);
    case Step::Kind::kConvolution: return 2 * step.count.at(batch) * g.groups * g.out * g.in * window;
    case Step::Kind::kPooling: return step.count.at(batch) * window;
    case Step::Kind::kIndexing: return is_same_place(step.in[0], step.out) ? count(step.in[1]) : 0;
    case Step::Kind::kFused: break;
  }
  std::int64_t sum = 0;
  for (const FusedMember& member : plan.fusions[step.fusion].members) sum += flops_of(plan, member.step, batch);
  return sum;
}

}  // namespace

Stretch stretch_of(const View& view, std::int64_t batch) noexcept {
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  const auto start = static_cast<std::int64_t>(view.place.bytes) + view.offset.at(batch) * size;
  Stretch stretch{view.place, start, start + size, size};
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    const std::int64_t length = view.shape[axis].at(batch);
    if (length == 0) return {view.place, start, start, 0};
    const std::int64_t stride = view.strides[static_cast<std::size_t>(axis)].at(batch) * size;
    stretch.begin += std::min<std::int64_t>(stride, 0) * (length - 1);
    stretch.end += std::max<std::int64_t>(stride, 0) * (length - 1);
    if (stride != 0) stretch.bytes *= length;
  }
  return stretch;
}

void each_access(const Plan& plan, const Step& step, std::int64_t batch, AccessVisitor visit) noexcept {
  switch (step.kind) {
    case Step::Kind::kFused: return fused_accesses(plan.fusions[step.fusion], batch, visit);
    case Step::Kind::kIndexing: return indexing_accesses(step, batch, visit);
    default: return plain_accesses(step, batch, visit);
  }
}

Cost cost_of(const Plan& plan, const Step& step, std::int64_t batch) noexcept {
  return {bytes_of(plan, step, batch), static_cast<std::uint64_t>(flops_of(plan, step, batch))};
}

}  // namespace nadir
