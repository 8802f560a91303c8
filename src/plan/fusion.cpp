#include "plan/fusion.h"

#include <algorithm>
#include <optional>

#include "kernels/arguments.h"
#include "plan/fused.h"

namespace nadir {

namespace {

constexpr std::size_t kMostMembers = 24;
constexpr std::int64_t kLeastColumns = 128;  // a row is added up by a call
constexpr std::int64_t kLeastValued = 32;    // elements of a row that has a value of its own
constexpr std::size_t kFarthest = 32;        // so many steps back a group is looked for
// What is computed again rather than kept: so many elements or more, by so many steps or fewer, for so many groups or fewer.
constexpr std::int64_t kLeastRecomputed = std::int64_t{1} << 16;
constexpr std::uint8_t kMostRecomputed = 3;
constexpr std::size_t kMostRecomputing = 8;

// What is accessed as one: a buffer, or a parameter's values or gradient.
struct Object {
  Place::Region region;
  std::uint32_t index;
  std::size_t bytes;
  bool operator==(const Object&) const = default;
};

Object object_of(const Place& place) noexcept {
  return {place.region, place.index, place.region == Place::Region::kBuffer ? 0 : place.bytes};
}

struct Use {
  Object object;
  bool writes;
  bool is_aligned;  // its elements one by one as the domain's, or its rows
  bool is_row;
};

using Uses = std::pmr::vector<Use>;

bool conflict(const Use& a, const Use& b) noexcept {
  return a.object == b.object && (a.writes || b.writes) && !(a.is_aligned && b.is_aligned && a.is_row == b.is_row);
}

// A step, or a group of steps, in the new order.
struct Entry {
  std::pmr::vector<std::uint32_t> members;
  Uses uses;
  Shape domain;
  int row_rank = -1;
  bool is_open = false;           // takes more members
  bool is_group = false;          // has a domain
  std::ptrdiff_t recomputed = 0;  // so many members, the first, compute again what another group has computed
  bool has_columns = false;

  explicit Entry(std::pmr::memory_resource* resource) : members(resource), uses(resource) {}
};

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

// The strides of a view, without those of dimensions of length 1.
std::array<Extent, kMaxRank> squeezed_strides(const View& view) noexcept {
  std::array<Extent, kMaxRank> strides{};
  std::size_t count = 0;
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    if (!view.shape[axis].is_one()) strides[count++] = view.strides[static_cast<std::size_t>(axis)];
  }
  return strides;
}

bool is_splat(const View& view) noexcept {
  const auto strides = squeezed_strides(view);
  const auto rank = static_cast<std::size_t>(squeezed(view.shape).rank());
  return std::all_of(strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(rank),
                     [](const Extent& stride) { return stride.factor == 0; });
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

bool begins_its_object(const View& view) noexcept {
  return view.offset == Offset() && (view.place.region != Place::Region::kBuffer || view.place.bytes == 0);
}

bool is_reduction(const Step& step) noexcept {
  return step.kind == Step::Kind::kSum || step.kind == Step::Kind::kExtreme;
}

// Among reductions with a role.
bool is_total(const Step& step) noexcept {
  return is_reduction(step) && squeezed(step.out.shape).rank() == 0 && step.outer == Extent{} && step.inner == Extent{};
}
bool is_columns(const Step& step) noexcept { return step.kind == Step::Kind::kSum && step.inner != Extent{}; }

class Fuser {
 public:
  Fuser(Plan& plan, std::pmr::vector<Buffer>& buffers, const Wanted& wanted, std::pmr::memory_resource* resource)
      : plan_(plan),
        buffers_(buffers),
        max_batch_(wanted.max_batch),
        parts_(wanted.parts),
        resource_(resource),
        owners_(buffers.size(), kNobody, resource),
        values_(resource) {}

  void run() {
    std::pmr::vector<std::pmr::vector<Entry>> lists(resource_);
    Steps* const steps[] = {&plan_.forward, &plan_.backward, &plan_.accumulating_backward};
    for (const Steps* list : steps) lists.push_back(group(*list));
    recompute(lists, steps);
    for (const Steps* list : {&plan_.constants, &plan_.weights}) {
      for (const Step& step : *list) note_uses(step, kMany);
    }
    std::int32_t owner = 0;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      for (const Entry& entry : lists[i]) {
        for (const std::uint32_t member : entry.members)
          note_uses((*steps[i])[member], entry.members.size() > 1 ? owner : kMany);
        ++owner;
      }
    }
    owner = 0;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      variants_ = i == 0 ? 3 : static_cast<std::uint8_t>(i);
      Steps fused(resource_);
      fused.reserve(lists[i].size());
      for (const Entry& entry : lists[i]) {
        ++owner;
        if (entry.members.empty()) continue;
        fused.push_back(entry.members.size() == 1 ? (*steps[i])[entry.members[0]]
                                                  : fused_step(*steps[i], entry, owner - 1));
      }
      *steps[i] = std::move(fused);
    }
    set_lifetimes();
  }

 private:
  static constexpr std::int32_t kNobody = -1;
  static constexpr std::int32_t kMany = -2;

  // ------------------------------------------------------------------------------------------------ which belong together

  std::pmr::vector<Entry> group(const Steps& steps) {
    std::pmr::vector<Entry> entries(resource_);
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (Entry* home = find_home(entries, step)) {
        home->members.push_back(i);
        continue;
      }
      Entry entry(resource_);
      entry.members.push_back(i);
      open(entry, step);
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  // Begins a group with a step, if it may have others.
  void open(Entry& entry, const Step& step) {
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
  Entry* find_home(std::pmr::vector<Entry>& entries, const Step& step) const {
    if (step.kind != Step::Kind::kLane && !is_reduction(step)) return nullptr;
    const std::size_t oldest = entries.size() > kFarthest ? entries.size() - kFarthest : 0;
    for (std::size_t i = entries.size(); i-- > oldest;) {
      Entry& entry = entries[i];
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

  std::optional<Role> role_of(const Step& step, const Entry& entry) const noexcept {
    if (is_reduction(step)) return role_of_reduction(step, entry);
    if (step.kind != Step::Kind::kLane || !step.out.is_dense() || !begins_its_object(step.out)) return std::nullopt;
    const Shape shape = squeezed(step.out.shape);
    if (shape == entry.domain) return Role{};
    if (!starts_with(entry.domain, shape) || shape.rank() == 0) return std::nullopt;
    if (entry.row_rank >= 0 && entry.row_rank != shape.rank()) return std::nullopt;
    if (!rows_fit(entry.domain, shape.rank())) return std::nullopt;
    return Role{true, false, false, shape.rank()};
  }

  std::optional<Role> role_of_reduction(const Step& step, const Entry& entry) const noexcept {
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
      if (step.accumulate || (entry.row_rank >= 0 && entry.row_rank != rank) || !rows_fit(shape, rank))
        return std::nullopt;
      return Role{false, false, false, rank};
    }
    return std::nullopt;
  }

  std::optional<Role> role_of_columns(const Step& step, const Entry& entry) const noexcept {
    if (step.kind != Step::Kind::kSum || step.outer != Extent{}) return std::nullopt;
    const Shape& domain = entry.domain;
    if (step.inner.at(max_batch_) < kLeastColumns) return std::nullopt;
    for (int rank = 1; rank < domain.rank(); ++rank) {
      if (domain.count_over(0, rank) != step.length || domain.count_over(rank, domain.rank()) != step.inner) continue;
      if ((entry.row_rank >= 0 && entry.row_rank != rank) || !rows_fit(domain, rank)) return std::nullopt;
      return Role{false, false, true, rank};
    }
    return std::nullopt;
  }

  bool rows_fit(const Shape& domain, int rank) const noexcept {
    return domain.count_over(rank, domain.rank()).at(max_batch_) <= kStrip;
  }

  static Uses uses_of(const Step& step, const Entry& entry, const Role& role) {
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

  void add_uses(Entry& entry, const Step& step) {
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

  static bool conflicts(const Entry& entry, const Uses& uses) noexcept {
    return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
      return std::any_of(entry.uses.begin(), entry.uses.end(), [&](const Use& other) { return conflict(use, other); });
    });
  }

  // Whether the step has to stay behind an entry.
  static bool blocks(const Entry& entry, const Step& step) noexcept {
    const auto meets = [&](const Place& place, bool writes) {
      if (place.region == Place::Region::kNone) return false;
      const Use use{object_of(place), writes, false, false};
      return std::any_of(entry.uses.begin(), entry.uses.end(), [&](const Use& other) { return conflict(use, other); });
    };
    return meets(step.out.place, true) || meets(step.scratch, true) ||
           std::any_of(step.in.begin(), step.in.end(), [&](const View& in) { return meets(in.place, false); });
  }

  // ----------------------------------------------------------------------------------------------- what is computed again
  //
  // A large value that a group has at hand, and that others need, costs a pass of memory to write and one to read it. Where a few
  // cheap operations make it from one other large value that stays in memory, groups that need it read that one in its place, and
  // compute it again. So neither x - mean nor what is made of it is kept for the backward pass.

  struct Member {
    Steps* steps;
    Entry* entry;
    std::uint32_t step;
  };
  struct Value {
    explicit Value(std::pmr::memory_resource* resource) : readers(resource) {}

    int writers = 0;
    Member writer{};  // if it is a member of a group
    std::pmr::vector<Member> readers;
    bool is_read_by_others = false;
    std::uint8_t depth = 0;      // so many operations make it again; 0: it is not
    std::int64_t original = -1;  // the buffer whose value is computed again here
  };

  void recompute(std::pmr::vector<std::pmr::vector<Entry>>& lists, Steps* const* steps) {
    values_.reserve(buffers_.size());
    for (std::size_t i = 0; i < buffers_.size(); ++i) values_.emplace_back(resource_);
    for (const Step& step : plan_.constants) note_values(step, {});
    for (std::size_t i = 0; i < lists.size(); ++i) {
      for (Entry& entry : lists[i]) {
        for (const std::uint32_t member : entry.members) note_values((*steps[i])[member], {steps[i], &entry, member});
      }
    }
    for (std::size_t i = 0; i < lists.size(); ++i) {
      for (Entry& entry : lists[i]) {
        for (const std::uint32_t member : entry.members) decide((*steps[i])[member]);
      }
    }
    for (std::size_t i = lists.size(); i-- > 0;) {
      for (std::size_t e = lists[i].size(); e-- > 0;) remove_unread(lists[i][e], *steps[i]);
    }
  }

  void note_values(const Step& step, const Member& member) {
    const bool is_member = member.entry && member.entry->is_group;
    const auto write = [&](const Place& place) {
      if (place.region != Place::Region::kBuffer) return;
      ++values_[place.index].writers;
      if (is_member) values_[place.index].writer = member;
    };
    write(step.out.place);
    write(step.scratch);
    if (step.has_second_result) write(step.in[1].place);
    for (const View& in : step.in) {
      if (in.place.region != Place::Region::kBuffer) continue;
      Value& value = values_[in.place.index];
      const bool is_whole =
          is_member && in.is_dense() && begins_its_object(in) && squeezed(in.shape) == member.entry->domain;
      if (is_whole) {
        value.readers.push_back(member);
      } else {
        value.is_read_by_others = true;
      }
    }
  }

  static bool is_cheap(LaneId lane) noexcept {
    switch (lane) {
      case LaneId::add:
      case LaneId::sub:
      case LaneId::mul:
      case LaneId::neg:
      case LaneId::square:
      case LaneId::scale:
      case LaneId::add_scalar:
      case LaneId::relu: return true;
      default: return false;
    }
  }

  // Whether an operand is the same for the whole step.
  bool is_stable(const View& view) const noexcept {
    switch (view.place.region) {
      case Place::Region::kParameter:
      case Place::Region::kState:
      case Place::Region::kInput: return true;
      case Place::Region::kBuffer: return values_[view.place.index].writers <= 1;
      default: return false;
    }
  }

  // The one large operand of a step whose result may be computed again, or -1.
  int large_operand(const Step& step) const noexcept {
    if (step.kind != Step::Kind::kLane || !is_cheap(step.lane)) return -1;
    int large = -1;
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      const View& in = step.in[i];
      if (in.is_none()) continue;
      if (!is_stable(in)) return -1;
      if (!in.is_dense()) {
        const auto strides = squeezed_strides(in);
        const auto rank = squeezed(in.shape).rank();
        const bool repeats = std::any_of(strides.begin(), strides.begin() + rank,
                                         [](const Extent& stride) { return stride.factor == 0; });
        if (!repeats) return -1;
        continue;
      }
      const bool is_same =
          large >= 0 && object_of(in.place) == object_of(step.in[static_cast<std::size_t>(large)].place);
      if ((large >= 0 && !is_same) || !begins_its_object(in)) return -1;
      large = static_cast<int>(i);
    }
    return large;
  }

  // Has others compute a step's result again if that is possible and worth it.
  void decide(const Step step) {
    if (step.out.place.region != Place::Region::kBuffer) return;
    const std::uint32_t buffer = step.out.place.index;
    const Value& value = values_[buffer];
    if (value.writers != 1 || !value.writer.entry || buffers_[buffer].is_kept) return;
    const Entry& home = *value.writer.entry;
    if (squeezed(step.out.shape) != home.domain || step.out.shape.count().at(max_batch_) < kLeastRecomputed) return;
    const int large = large_operand(step);
    if (large < 0) return;
    const View& from = step.in[static_cast<std::size_t>(large)];
    std::uint8_t depth = 1;
    if (from.place.region == Place::Region::kBuffer) {
      const Value& source = values_[from.place.index];
      const bool is_in_memory = source.is_read_by_others || !source.writer.entry;
      if (!is_in_memory) depth = static_cast<std::uint8_t>(depth + source.depth);
      if (!is_in_memory && depth == 1) return;
    }
    if (depth > kMostRecomputed) return;
    values_[buffer].depth = depth;
    if (value.is_read_by_others) return;

    std::pmr::vector<Member> others(resource_);
    for (const Member& reader : value.readers) {
      if (reader.entry == &home) continue;
      const auto is_there = [&](const Member& other) { return other.entry == reader.entry; };
      if (std::none_of(others.begin(), others.end(), is_there)) others.push_back(reader);
    }
    const bool is_worth_it =
        others.size() <= kMostRecomputing && std::all_of(others.begin(), others.end(), [](const Member& other) {
          return other.entry->members.size() + kMostRecomputed <= kMostMembers;
        });
    if (!is_worth_it) {
      values_[buffer].is_read_by_others = true;  // stays in memory, where others may start from it
      return;
    }
    for (const Member& other : others) {
      redirect(buffer, computed_again(buffer, other), *other.entry);
    }
  }

  // The buffer of a group's own with a value of another group's.
  std::uint32_t computed_again(std::uint32_t buffer, const Member& in) {
    for (const std::uint32_t member : in.entry->members) {
      const Place& place = (*in.steps)[member].out.place;
      if (place.region == Place::Region::kBuffer && values_[place.index].original == buffer) return place.index;
    }
    const Member writer = values_[buffer].writer;
    Step step = (*writer.steps)[writer.step];
    const int large = large_operand(step);
    const Place from = step.in[static_cast<std::size_t>(large)].place;
    if (values_[buffer].depth > 1) {
      std::uint32_t source = from.index;
      if (values_[source].original >= 0) source = static_cast<std::uint32_t>(values_[source].original);
      const std::uint32_t again = computed_again(source, in);
      for (View& view : step.in) {
        if (object_of(view.place) == object_of(from)) view.place.index = again;
      }
    }
    Buffer copy;
    copy.bytes = buffers_[buffer].bytes;
    copy.variants = in.steps == &plan_.forward ? 3 : in.steps == &plan_.backward ? 1 : 2;
    buffers_.push_back(copy);
    owners_.push_back(kNobody);
    values_.emplace_back(resource_);
    const auto index = static_cast<std::uint32_t>(buffers_.size() - 1);
    step.out.place.index = index;
    in.steps->push_back(step);
    const Member member{in.steps, in.entry, static_cast<std::uint32_t>(in.steps->size() - 1)};
    // In front of the group, behind what it is made from.
    in.entry->members.insert(in.entry->members.begin() + in.entry->recomputed++, member.step);
    note_values(step, member);
    values_[index].original = buffer;
    values_[index].depth = values_[buffer].depth;
    return index;
  }

  // Has a group read one value in place of another.
  void redirect(std::uint32_t from, std::uint32_t to, const Entry& entry) {
    std::pmr::vector<Member> rest(resource_);
    for (const Member& reader : values_[from].readers) {
      (reader.entry == &entry ? values_[to].readers : rest).push_back(reader);
      if (reader.entry != &entry) continue;
      for (View& in : (*reader.steps)[reader.step].in) {
        if (in.place.region == Place::Region::kBuffer && in.place.index == from) in.place.index = to;
      }
    }
    values_[from].readers = std::move(rest);
  }

  // Drops members whose results all others compute again.
  void remove_unread(Entry& entry, const Steps& steps) {
    for (std::size_t m = entry.members.size(); m-- > 0;) {
      const std::uint32_t number = entry.members[m];
      const Step& step = steps[number];
      if (step.out.place.region != Place::Region::kBuffer) continue;
      const Value& value = values_[step.out.place.index];
      if (value.depth == 0 || value.is_read_by_others || !value.readers.empty()) continue;
      for (const View& in : step.in) {
        if (in.place.region != Place::Region::kBuffer) continue;
        std::erase_if(values_[in.place.index].readers,
                      [&](const Member& reader) { return reader.entry == &entry && reader.step == number; });
      }
      entry.members.erase(entry.members.begin() + static_cast<std::ptrdiff_t>(m));
    }
  }

  // ------------------------------------------------------------------------------------------------------- their registers

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

  Step fused_step(const Steps& steps, const Entry& entry, std::int32_t owner) {
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
          if (repeats_rows(member.step.in[i], rank) && rows_fit(fusion.domain, rank)) return rank;
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
        if (rank > 0 && is_long && rows_fit(fusion.domain, rank)) return rank;
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

  // ------------------------------------------------------------------------------------------------------------- lifetimes

  void touch(const Place& place, std::int32_t now) noexcept {
    if (place.region != Place::Region::kBuffer) return;
    Buffer& buffer = buffers_[place.index];
    buffer.first = std::min(buffer.first, now);
    buffer.last = std::max(buffer.last, now);
  }

  void touch(const Step& step, std::int32_t now) noexcept {
    for (const View& in : step.in) touch(in.place, now);
    touch(step.out.place, now);
    touch(step.scratch, now);
    if (step.kind != Step::Kind::kFused) return;
    for (const FusedMember& member : plan_.fusions[step.fusion].members) {
      if (member.out.source < 0) touch(member.step.out.place, now);
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        if (member.in[i].source < 0) touch(member.step.in[i].place, now);
      }
    }
  }

  void set_lifetimes() noexcept {
    for (Buffer& buffer : buffers_) {
      buffer.first = kForEver;
      buffer.last = -1;
    }
    std::int32_t now = 0;
    const auto touch_all = [&](const Steps& steps) {
      for (const Step& step : steps) touch(step, now++);
    };
    touch_all(plan_.constants);
    touch_all(plan_.weights);
    touch_all(plan_.forward);
    const std::int32_t start = now;
    touch_all(plan_.backward);
    now = start;
    touch_all(plan_.accumulating_backward);
    for (Buffer& buffer : buffers_) {
      if (buffer.is_kept) {
        buffer.last = kForEver;
        if (buffer.is_there_first) buffer.first = 0;
      } else if (buffer.last < 0) {
        buffer.bytes = 0;  // it has become a register
      }
    }
  }

  Plan& plan_;
  std::pmr::vector<Buffer>& buffers_;
  const std::int64_t max_batch_;
  const std::int32_t parts_;
  std::pmr::memory_resource* const resource_;
  std::pmr::vector<std::int32_t> owners_;  // by buffer: the group that alone uses it
  std::pmr::vector<Value> values_;         // by buffer
  std::uint8_t variants_ = 0;
};

}  // namespace

Shape squeezed(const Shape& shape) noexcept {
  Shape rest;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!shape[axis].is_one()) rest.append(shape[axis]);
  }
  return rest;
}

void fuse(Plan& plan, std::pmr::vector<Buffer>& buffers, const Wanted& wanted, std::pmr::memory_resource* resource) {
  Fuser(plan, buffers, wanted, resource).run();
}

}  // namespace nadir
