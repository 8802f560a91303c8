#include "plan/overwriting.h"

#include <algorithm>
#include <utility>

#include "plan/fusion.h"

namespace nadir {

namespace {

class Overwriter {
 public:
  Overwriter(const Plan& plan, std::pmr::vector<Buffer>& buffers, std::pmr::memory_resource* resource)
      : plan_(plan), buffers_(buffers), uses_(buffers.size(), Uses{}, resource) {}

  void run() {
    const auto forward = static_cast<std::int32_t>(plan_.constants.size() + plan_.weights.size());
    const auto backward = forward + static_cast<std::int32_t>(plan_.forward.size());
    note(plan_.forward, forward, 3);
    note(plan_.backward, backward, 1);
    note(plan_.accumulating_backward, backward, 2);
    choose(plan_.forward, forward, 3);
    choose(plan_.backward, backward, 1);
    choose(plan_.accumulating_backward, backward, 2);
  }

 private:
  // Of a buffer, in each of the two ways to go backward.
  struct Uses {
    std::int32_t last[2] = {-1, -1};
    std::uint8_t overwritten = 0;  // a bit each
  };

  template <class F>
  void for_each_member(const Step& step, F f) const {
    if (step.kind != Step::Kind::kFused) return f(step, static_cast<const FusedMember*>(nullptr));
    for (const FusedMember& member : plan_.fusions[step.fusion].members) f(member.step, &member);
  }

  static bool is_buffer(const Place& place) noexcept { return place.region == Place::Region::kBuffer; }
  static bool is_at(const View& view, std::uint32_t buffer) noexcept {
    return is_buffer(view.place) && view.place.index == buffer;
  }

  void note(const Steps& steps, std::int32_t now, std::uint8_t variants) noexcept {
    for (const Step& step : steps) {
      const auto touch = [&](const Place& place) {
        if (!is_buffer(place)) return;
        for (const int v : {0, 1}) {
          if ((variants >> v & 1) != 0) uses_[place.index].last[v] = now;
        }
      };
      touch(step.scratch);
      for_each_member(step, [&](const Step& member, const FusedMember*) {
        touch(member.out.place);
        for (const View& in : member.in) touch(in.place);
      });
      ++now;
    }
  }

  void choose(const Steps& steps, std::int32_t now, std::uint8_t variants) {
    for (const Step& step : steps) {
      for_each_member(step, [&](const Step& writer, const FusedMember* member) {
        if (writer.kind != Step::Kind::kLane || !is_buffer(writer.out.place) || (member && member->out.source >= 0))
          return;
        Buffer& result = buffers_[writer.out.place.index];
        if (result.first != now || result.over != kNoBuffer || !is_whole(writer.out, step)) return;
        for_each_member(step, [&](const Step& reader, const FusedMember*) {
          for (const View& in : reader.in) {
            if (result.over != kNoBuffer || !is_buffer(in.place) ||
                !may_be_overwritten(in, writer, step, now, variants))
              continue;
            result.over = in.place.index;
            uses_[in.place.index].overwritten |= variants;
          }
        });
      });
      ++now;
    }
  }

  // Whether a view has all elements of a step's domain, one after another from the start of its memory.
  bool is_whole(const View& view, const Step& step) const noexcept {
    const Shape domain = step.kind == Step::Kind::kFused ? plan_.fusions[step.fusion].domain : squeezed(step.out.shape);
    return view.is_dense() && view.offset == Offset() && view.place.bytes == 0 && squeezed(view.shape) == domain;
  }

  bool may_be_overwritten(const View& in, const Step& writer, const Step& step, std::int32_t now,
                          std::uint8_t variants) const noexcept {
    const std::uint32_t index = in.place.index;
    const Buffer& operand = buffers_[index];
    const Uses& uses = uses_[index];
    if (operand.is_kept || operand.bytes != buffers_[writer.out.place.index].bytes) return false;
    if (in.dtype != writer.out.dtype || (uses.overwritten & variants) != 0) return false;
    for (const int v : {0, 1}) {
      if ((variants >> v & 1) != 0 && uses.last[v] != now) return false;
    }
    bool may = true;
    bool is_written = false;
    for_each_member(step, [&](const Step& member, const FusedMember*) {
      may = may && !is_at(member.out, index);
      for (const View& view : member.in) {
        if (!is_at(view, index)) continue;
        may = may && !is_written && member.kind == Step::Kind::kLane && is_whole(view, step);
      }
      is_written = is_written || &member == &writer;
    });
    return may;
  }

  const Plan& plan_;
  std::pmr::vector<Buffer>& buffers_;
  std::pmr::vector<Uses> uses_;
};

}  // namespace

void overwrite_operands(const Plan& plan, std::pmr::vector<Buffer>& buffers, std::pmr::memory_resource* resource) {
  Overwriter(plan, buffers, resource).run();
}

}  // namespace nadir
