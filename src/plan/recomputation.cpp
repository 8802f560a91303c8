#include "plan/recomputation.h"

#include <algorithm>
#include <utility>

#include "plan/fusion.h"

namespace nadir {

namespace {

// What is computed again rather than kept: so many elements or more, by so many steps or fewer, for so many groups or fewer.
constexpr std::int64_t kLeastRecomputed = std::int64_t{1} << 16;
constexpr std::uint8_t kMostRecomputed = 3;
constexpr std::size_t kMostRecomputing = 8;

class Recomputation {
 public:
  Recomputation(Plan& plan, std::pmr::vector<Buffer>& buffers, std::int64_t max_batch,
                std::pmr::memory_resource* resource)
      : plan_(plan), buffers_(buffers), max_batch_(max_batch), resource_(resource), values_(resource) {}

  void run(StepGroups (&lists)[3], Steps* const* steps) {
    values_.reserve(buffers_.size());
    for (std::size_t i = 0; i < buffers_.size(); ++i) values_.emplace_back(resource_);
    for (const Step& step : plan_.constants) note_values(step, {});
    for (std::size_t i = 0; i < std::size(lists); ++i) {
      for (StepGroup& entry : lists[i]) {
        for (const std::uint32_t member : entry.members) note_values((*steps[i])[member], {steps[i], &entry, member});
      }
    }
    for (std::size_t i = 0; i < std::size(lists); ++i) {
      for (StepGroup& entry : lists[i]) {
        for (const std::uint32_t member : entry.members) decide((*steps[i])[member]);
      }
    }
    for (std::size_t i = std::size(lists); i-- > 0;) {
      for (std::size_t e = lists[i].size(); e-- > 0;) remove_unread(lists[i][e], *steps[i]);
    }
  }

 private:
  struct Member {
    Steps* steps;
    StepGroup* entry;
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
    const StepGroup& home = *value.writer.entry;
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
  void redirect(std::uint32_t from, std::uint32_t to, const StepGroup& entry) {
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
  void remove_unread(StepGroup& entry, const Steps& steps) {
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

  Plan& plan_;
  std::pmr::vector<Buffer>& buffers_;
  const std::int64_t max_batch_;
  std::pmr::memory_resource* const resource_;
  std::pmr::vector<Value> values_;  // by buffer
};

}  // namespace

void recompute(Plan& plan, StepGroups (&lists)[3], Steps* const* steps, std::pmr::vector<Buffer>& buffers,
               std::int64_t max_batch, std::pmr::memory_resource* resource) {
  Recomputation(plan, buffers, max_batch, resource).run(lists, steps);
}

}  // namespace nadir
