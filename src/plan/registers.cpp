#include "plan/registers.h"

#include <algorithm>
#include <utility>

#include "kernels/arguments.h"
#include "plan/fused.h"
#include "plan/fusion.h"

namespace nadir {

namespace {

constexpr std::int64_t kLeastValued = 32;  // elements of a row that has a value of its own

bool is_splat(const View& view) noexcept {
  const auto strides = squeezed_strides(view);
  const auto rank = static_cast<std::size_t>(squeezed(view.shape).rank());
  return std::all_of(strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(rank),
                     [](const Extent& stride) { return stride.factor == 0; });
}

class Maker {
 public:
  Maker(Plan& plan, std::pmr::vector<Buffer>& buffers, const Wanted& wanted, std::pmr::memory_resource* resource)
      : plan_(plan),
        buffers_(buffers),
        max_batch_(wanted.max_batch),
        parts_(wanted.parts),
        resource_(resource),
        owners_(buffers.size(), kNobody, resource) {}

  void run(const StepGroups (&lists)[3], Steps* const* steps) {
    for (const Steps* list : {&plan_.constants, &plan_.weights}) {
      for (const Step& step : *list) note_uses(step, kMany);
    }
    std::int32_t owner = 0;
    for (std::size_t i = 0; i < std::size(lists); ++i) {
      for (const StepGroup& entry : lists[i]) {
        for (const std::uint32_t member : entry.members)
          note_uses((*steps[i])[member], entry.members.size() > 1 ? owner : kMany);
        ++owner;
      }
    }
    owner = 0;
    for (std::size_t i = 0; i < std::size(lists); ++i) {
      variants_ = i == 0 ? 3 : static_cast<std::uint8_t>(i);
      Steps fused(resource_);
      fused.reserve(lists[i].size());
      for (const StepGroup& entry : lists[i]) {
        ++owner;
        if (entry.members.empty()) continue;
        fused.push_back(entry.members.size() == 1 ? (*steps[i])[entry.members[0]]
                                                  : fused_step(*steps[i], entry, owner - 1));
      }
      *steps[i] = std::move(fused);
    }
  }

 private:
  static constexpr std::int32_t kNobody = -1;
  static constexpr std::int32_t kMany = -2;

  void note_uses(const Step& step, std::int32_t owner) noexcept {
    const auto note = [&](const Place& place) {
      if (place.region != Place::Region::kBuffer) return;
      std::int32_t& known = owners_[place.index];
      if (known == kNobody) known = owner;
      if (known != owner) known = kMany;
    };
    note(step.out.place);
    note(step.scratch);
    for (const View& in : step.in) note(in.place);
  }

  // Whether what lies there never leaves the group.
  bool is_internal(const Place& place, std::int32_t owner) const noexcept {
    return place.region == Place::Region::kBuffer && owners_[place.index] == owner && !buffers_[place.index].is_kept;
  }

  Step fused_step(const Steps& steps, const StepGroup& entry, std::int32_t owner) {
    Fusion fusion(resource_);
    fusion.domain = entry.domain;
    fusion.row_rank = entry.row_rank;
    std::size_t element = 1;
    for (const std::uint32_t index : entry.members) {
      FusedMember member;
      member.step = steps[index];
      const Step& step = member.step;
      const Shape shape = squeezed(is_reduction(step) ? step.in[0].shape : step.out.shape);
      member.is_row = shape.rank() < entry.domain.rank();
      element = std::max(element, size_of(step.out.dtype));
      for (std::size_t i = 0; i < step.in.size(); ++i) {
        if (step.in[i].is_none()) continue;
        element = std::max(element, size_of(step.in[i].dtype));
        member.in[i].access = access_to(step.in[i]);
      }
      member.out.access = OperandAccess::kLinear;
      fusion.has_total = fusion.has_total || is_total(step);
      fusion.has_columns = fusion.has_columns || is_columns(step);
      fusion.members.push_back(member);
    }
    if (fusion.row_rank < 0 && !fusion.has_total) fusion.row_rank = rows_to_repeat(fusion);
    if (fusion.row_rank < 0) fusion.row_rank = rows_with_values(fusion);
    for (FusedMember& member : fusion.members) {
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        if (member.in[i].access != OperandAccess::kExpanded) continue;
        member.in[i].is_periodic =
            !member.is_row && fusion.row_rank > 0 && repeats_rows(member.step.in[i], fusion.row_rank);
        ++fusion.expansions;
      }
    }
    give_registers(fusion, owner);
    give_sums_registers(fusion);
    // Of rows without elements there are more than elements.
    const std::int64_t rows = fusion.domain.count_over(0, std::max(fusion.row_rank, 0)).at(max_batch_);
    const std::int64_t strip = std::min(kStrip, std::max(fusion.domain.count().at(max_batch_), rows));
    fusion.register_bytes = aligned(static_cast<std::size_t>(strip) * element);

    Step step;
    step.kind = Step::Kind::kFused;
    step.what = "fused";
    step.resolver = resolve_fused;
    step.origin = fusion.members.back().step.origin;
    step.fusion = static_cast<std::uint32_t>(plan_.fusions.size());
    if (fusion.registers > 0) {
      Buffer buffer;
      step.scratch_step =
          static_cast<std::int64_t>(fusion.registers) * static_cast<std::int64_t>(fusion.register_bytes);
      buffer.bytes = static_cast<std::size_t>(step.scratch_step) * static_cast<std::size_t>(parts_);
      buffer.variants = variants_;
      buffers_.push_back(buffer);
      step.scratch = {Place::Region::kBuffer, static_cast<std::uint32_t>(buffers_.size() - 1), 0};
    }
    plan_.fusions.push_back(std::move(fusion));
    return step;
  }

  static OperandAccess access_to(const View& view) noexcept {
    if (view.is_dense()) return OperandAccess::kLinear;
    return is_splat(view) ? OperandAccess::kSplat : OperandAccess::kExpanded;
  }

  static bool repeats_rows(const View& view, int row_rank) noexcept {
    const Shape shape = squeezed(view.shape);
    const auto strides = squeezed_strides(view);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Extent wanted = axis < row_rank ? Extent{0, 0} : shape.count_over(axis + 1, shape.rank());
      if (strides[static_cast<std::size_t>(axis)] != wanted) return false;
    }
    return row_rank < shape.rank();
  }

  // The rows by which an operand is repeated, such as a bias: laid out once, it serves all strips.
  int rows_to_repeat(const Fusion& fusion) const noexcept {
    for (const FusedMember& member : fusion.members) {
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        if (member.in[i].access != OperandAccess::kExpanded) continue;
        for (int rank = 1; rank < fusion.domain.rank(); ++rank) {
          if (repeats_rows(member.step.in[i], rank) && rows_fit(fusion.domain, rank, max_batch_)) return rank;
        }
      }
    }
    return -1;
  }

  // The rows for which an operand has a value each.
  int rows_with_values(const Fusion& fusion) const noexcept {
    for (const FusedMember& member : fusion.members) {
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        const View& view = member.step.in[i];
        if (member.in[i].access != OperandAccess::kExpanded || member.is_row) continue;
        const auto strides = squeezed_strides(view);
        int rank = fusion.domain.rank();
        while (rank > 0 && strides[static_cast<std::size_t>(rank - 1)].factor == 0) --rank;
        const bool is_long = fusion.domain.count_over(rank, fusion.domain.rank()).at(max_batch_) >= kLeastValued;
        if (rank > 0 && is_long && rows_fit(fusion.domain, rank, max_batch_)) return rank;
      }
    }
    return -1;
  }

  // A register a buffer that never leaves the group, while members need it; and one an operand that has to be laid out.
  void give_registers(Fusion& fusion, std::int32_t owner) {
    struct Held {
      std::uint32_t buffer;
      std::int16_t number;
      std::size_t last;
    };
    std::pmr::vector<Held> held(resource_);
    std::pmr::vector<bool> is_free(resource_);
    const auto take = [&] {
      const auto found = std::find(is_free.begin(), is_free.end(), true);
      const auto number = static_cast<std::int16_t>(found - is_free.begin());
      if (found == is_free.end()) {
        is_free.push_back(false);
      } else {
        *found = false;
      }
      return number;
    };
    const auto give_back = [&](std::int16_t number) { is_free[static_cast<std::size_t>(number)] = true; };
    const auto register_of = [&](const Place& place) {
      const auto found = std::find_if(held.begin(), held.end(), [&](const Held& h) { return h.buffer == place.index; });
      return found == held.end() ? nullptr : &*found;
    };
    const auto last_use = [&](std::uint32_t buffer) {
      std::size_t last = 0;
      for (std::size_t i = 0; i < fusion.members.size(); ++i) {
        const Step& step = fusion.members[i].step;
        const auto is_it = [&](const View& view) {
          return view.place.region == Place::Region::kBuffer && view.place.index == buffer;
        };
        if (is_it(step.out) || std::any_of(step.in.begin(), step.in.end(), is_it)) last = i;
      }
      return last;
    };

    for (FusedMember& member : fusion.members) {
      for (FusedOperand& in : member.in) {
        if (in.is_periodic) in.expanded = take();
      }
    }
    for (std::size_t i = 0; i < fusion.members.size(); ++i) {
      FusedMember& member = fusion.members[i];
      for (std::size_t k = 0; k < member.in.size(); ++k) {
        FusedOperand& in = member.in[k];
        if (in.access != OperandAccess::kNone && is_internal(member.step.in[k].place, owner)) {
          if (const Held* const source = register_of(member.step.in[k].place)) in.source = source->number;
        }
        if (in.access == OperandAccess::kExpanded && !in.is_periodic) in.expanded = take();
      }
      // An operand may become the result where it is read element by element; values of rows are read again and again.
      bool in_place = !is_reduction(member.step);
      for (std::size_t k = 0; k < member.in.size(); ++k) {
        const FusedOperand& in = member.in[k];
        if (in.access == OperandAccess::kNone) continue;
        const bool is_spread = in.access == OperandAccess::kExpanded && in.source >= 0;
        in_place = in_place && !is_spread && size_of(member.step.in[k].dtype) == size_of(member.step.out.dtype);
      }
      const auto release = [&] {
        for (std::size_t h = held.size(); h-- > 0;) {
          if (held[h].last > i) continue;
          give_back(held[h].number);
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(h));
        }
        for (FusedOperand& in : member.in) {
          if (in.expanded >= 0 && !in.is_periodic) give_back(in.expanded);
        }
      };
      const std::uint32_t result = member.step.out.place.index;
      const bool is_internal_result = is_internal(member.step.out.place, owner);
      const Held* const known = is_internal_result ? register_of(member.step.out.place) : nullptr;
      if (known) member.out.source = known->number;
      if (in_place) release();
      if (is_internal_result && !known) {
        member.out.source = take();
        held.push_back({result, member.out.source, last_use(result)});
      }
      if (!in_place) release();
    }
    fusion.registers = static_cast<int>(is_free.size());
  }

  // For what sums of all rows or elements keep from one strip to the next.
  void give_sums_registers(Fusion& fusion) const noexcept {
    const auto take = [&](int count) {
      fusion.registers += count;
      return static_cast<std::int16_t>(fusion.registers - count);
    };
    if (fusion.has_total && fusion.row_rank > 0) fusion.carry = take(2);
    if (!fusion.has_columns) return;
    int levels = 2;
    for (std::int64_t rows = fusion.domain.count_over(0, fusion.row_rank).at(max_batch_); rows > kRowsLeaf; ++levels)
      rows = std::max(rows_half(rows), rows - rows_half(rows));
    for (FusedMember& member : fusion.members) {
      if (is_columns(member.step)) member.partials = take(levels);
    }
  }

  Plan& plan_;
  std::pmr::vector<Buffer>& buffers_;
  const std::int64_t max_batch_;
  const std::int32_t parts_;
  std::pmr::memory_resource* const resource_;
  std::pmr::vector<std::int32_t> owners_;  // by buffer: the group that alone uses it
  std::uint8_t variants_ = 0;
};

}  // namespace

void make_fused_steps(Plan& plan, const StepGroups (&lists)[3], Steps* const* steps, std::pmr::vector<Buffer>& buffers,
                      const Wanted& wanted, std::pmr::memory_resource* resource) {
  Maker(plan, buffers, wanted, resource).run(lists, steps);
}

}  // namespace nadir
