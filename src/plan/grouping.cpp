#include "plan/grouping.h"

#include <algorithm>
#include <optional>

#include "plan/fusion.h"

namespace nadir {

std::array<Extent, kMaxRank> squeezed_strides(const View& view) noexcept {
  std::array<Extent, kMaxRank> strides{};
  std::size_t count = 0;
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    if (!view.shape[axis].is_one()) strides[count++] = view.strides[static_cast<std::size_t>(axis)];
  }
  return strides;
}

bool begins_its_object(const View& view) noexcept {
  return view.offset == Offset() && (view.place.region != Place::Region::kBuffer || view.place.bytes == 0);
}

bool rows_fit(const Shape& domain, int rank, std::int64_t max_batch) noexcept {
  return domain.count_over(rank, domain.rank()).at(max_batch) <= kStrip;
}

bool is_reduction(const Step& step) noexcept {
  return step.kind == Step::Kind::kSum || step.kind == Step::Kind::kExtreme;
}

bool is_total(const Step& step) noexcept {
  return is_reduction(step) && squeezed(step.out.shape).rank() == 0 && step.outer == Extent{} && step.inner == Extent{};
}
bool is_columns(const Step& step) noexcept { return step.kind == Step::Kind::kSum && step.inner != Extent{}; }

namespace {

constexpr std::int64_t kLeastColumns = 16;
constexpr std::size_t kFarthest = 32;  // so many steps back a group is looked for

bool conflict(const Use& a, const Use& b) noexcept {
  return a.object == b.object && (a.writes || b.writes) && !(a.is_aligned && b.is_aligned && a.is_row == b.is_row);
}

// How a step would belong to a group.
struct Role {
  bool is_row = false;
  bool is_total = false;
  bool is_columns = false;  // the sum of all rows
  int row_rank = -1;        // that the group must have, or get; -1: any
};

bool starts_with(const Shape& shape, const Shape& start) noexcept {
  if (start.rank() > shape.rank()) return false;
  for (int axis = 0; axis < start.rank(); ++axis) {
    if (shape[axis] != start[axis]) return false;
  }
  return true;
}

// One value a row of the leading dimensions, one after another.
bool is_row_values(const View& view, int row_rank) noexcept {
  const Shape shape = squeezed(view.shape);
  const auto strides = squeezed_strides(view);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Extent wanted = axis < row_rank ? shape.count_over(axis + 1, row_rank) : Extent{0, 0};
    if (strides[static_cast<std::size_t>(axis)] != wanted) return false;
  }
  return row_rank > 0;
}

class Grouping {
 public:
  Grouping(std::int64_t max_batch, std::pmr::memory_resource* resource) : max_batch_(max_batch), resource_(resource) {}

  StepGroups run(const Steps& steps) const {
    StepGroups entries(resource_);
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (StepGroup* home = find_home(entries, step)) {
        home->members.push_back(i);
        continue;
      }
      StepGroup entry(resource_);
      entry.members.push_back(i);
      open(entry, step);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  // Begins a group with a step, if it may have others.
  void open(StepGroup& entry, const Step& step) const {
    if (step.kind == Step::Kind::kLane && step.out.is_dense()) {
      entry.domain = squeezed(step.out.shape);
      entry.is_open = entry.domain.rank() > 0;
    } else if (is_reduction(step)) {
      entry.domain = squeezed(step.in[0].shape);
      const auto role = role_of(step, entry);
      entry.is_open = role && !role->is_total;
      if (entry.is_open) {
        entry.row_rank = role->row_rank;
        entry.has_columns = role->is_columns;
      }
    }
    entry.is_group = entry.is_open;
    add_uses(entry, step);
  }

  // The latest group that the step may be moved into.
  StepGroup* find_home(StepGroups& entries, const Step& step) const {
    if (step.kind != Step::Kind::kLane && !is_reduction(step)) return nullptr;
    const std::size_t oldest = entries.size() > kFarthest ? entries.size() - kFarthest : 0;
    for (std::size_t i = entries.size(); i-- > oldest;) {
      StepGroup& entry = entries[i];
      if (entry.is_open && entry.members.size() < kMostMembers) {
        if (const auto role = role_of(step, entry)) {
          Uses uses = uses_of(step, entry, *role);
          if (!conflicts(entry, uses)) {
            if (role->row_rank >= 0) entry.row_rank = role->row_rank;
            if (role->is_total) entry.is_open = false;
            if (role->is_columns) entry.has_columns = true;
            entry.uses.insert(entry.uses.end(), uses.begin(), uses.end());
            return &entry;
          }
        }
      }
      if (blocks(entry, step)) return nullptr;
    }
    return nullptr;
  }

  std::optional<Role> role_of(const Step& step, const StepGroup& entry) const noexcept {
    if (is_reduction(step)) return role_of_reduction(step, entry);
    if (step.kind != Step::Kind::kLane || !step.out.is_dense() || !begins_its_object(step.out)) return std::nullopt;
    const Shape shape = squeezed(step.out.shape);
    if (shape == entry.domain) return Role{};
    if (!starts_with(entry.domain, shape) || shape.rank() == 0) return std::nullopt;
    if (entry.row_rank >= 0 && entry.row_rank != shape.rank()) return std::nullopt;
    if (!rows_fit(entry.domain, shape.rank(), max_batch_)) return std::nullopt;
    return Role{true, false, false, shape.rank()};
  }

  std::optional<Role> role_of_reduction(const Step& step, const StepGroup& entry) const noexcept {
    const Shape shape = squeezed(step.in[0].shape);
    if (shape != entry.domain || !step.in[0].is_dense() || !begins_its_object(step.in[0])) return std::nullopt;
    if (!step.out.is_dense() || !begins_its_object(step.out)) return std::nullopt;
    if (step.inner != Extent{}) return role_of_columns(step, entry);
    for (int rank = 0; rank < shape.rank(); ++rank) {
      if (shape.count_over(0, rank) != step.outer || shape.count_over(rank, shape.rank()) != step.length) continue;
      if (rank == 0) {
        if (step.kind != Step::Kind::kSum || entry.has_columns) return std::nullopt;
        return Role{false, true, false, -1};
      }
      if (step.accumulate || (entry.row_rank >= 0 && entry.row_rank != rank) || !rows_fit(shape, rank, max_batch_))
        return std::nullopt;
      return Role{false, false, false, rank};
    }
    return std::nullopt;
  }

  std::optional<Role> role_of_columns(const Step& step, const StepGroup& entry) const noexcept {
    if (step.kind != Step::Kind::kSum || step.outer != Extent{}) return std::nullopt;
    const Shape& domain = entry.domain;
    if (step.inner.at(max_batch_) < kLeastColumns) return std::nullopt;
    for (int rank = 1; rank < domain.rank(); ++rank) {
      if (domain.count_over(0, rank) != step.length || domain.count_over(rank, domain.rank()) != step.inner) continue;
      if ((entry.row_rank >= 0 && entry.row_rank != rank) || !rows_fit(domain, rank, max_batch_)) return std::nullopt;
      return Role{false, false, true, rank};
    }
    return std::nullopt;
  }

  static Uses uses_of(const Step& step, const StepGroup& entry, const Role& role) {
    const int row_rank = role.row_rank >= 0 ? role.row_rank : entry.row_rank;
    Uses uses(entry.uses.get_allocator());
    uses.push_back(
        {object_of(step.out.place), true, !role.is_total && !role.is_columns, role.is_row || is_reduction(step)});
    for (const View& in : step.in) {
      if (in.is_none()) continue;
      const bool is_row = role.is_row || (!in.is_dense() && is_row_values(in, row_rank));
      uses.push_back({object_of(in.place), false, begins_its_object(in) && (in.is_dense() || is_row), is_row});
    }
    return uses;
  }

  void add_uses(StepGroup& entry, const Step& step) const {
    const auto role = entry.is_open ? role_of(step, entry) : std::nullopt;
    if (role) {
      const Uses uses = uses_of(step, entry, *role);
      entry.uses.insert(entry.uses.end(), uses.begin(), uses.end());
      return;
    }
    entry.is_open = entry.is_group = false;
    const auto add = [&](const Place& place, bool writes) {
      if (place.region != Place::Region::kNone) entry.uses.push_back({object_of(place), writes, false, false});
    };
    add(step.out.place, true);
    add(step.scratch, true);
    for (std::size_t i = 0; i < step.in.size(); ++i) add(step.in[i].place, i == 1 && step.has_second_result);
  }

  static bool conflicts(const StepGroup& entry, const Uses& uses) noexcept {
    return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
      return std::any_of(entry.uses.begin(), entry.uses.end(), [&](const Use& other) { return conflict(use, other); });
    });
  }

  // Whether the step has to stay behind an entry.
  static bool blocks(const StepGroup& entry, const Step& step) noexcept {
    const auto meets = [&](const Place& place, bool writes) {
      if (place.region == Place::Region::kNone) return false;
      const Use use{object_of(place), writes, false, false};
      return std::any_of(entry.uses.begin(), entry.uses.end(), [&](const Use& other) { return conflict(use, other); });
    };
    return meets(step.out.place, true) || meets(step.scratch, true) ||
           std::any_of(step.in.begin(), step.in.end(), [&](const View& in) { return meets(in.place, false); });
  }

  const std::int64_t max_batch_;
  std::pmr::memory_resource* const resource_;
};

}  // namespace

StepGroups group(const Steps& steps, std::int64_t max_batch, std::pmr::memory_resource* resource) {
  return Grouping(max_batch, resource).run(steps);
}

}  // namespace nadir
