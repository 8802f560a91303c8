#include "plan/lifetimes.h"

#include <algorithm>

#include "plan/fusion.h"

namespace nadir {

namespace {

using Buffers = std::pmr::vector<Buffer>;

void touch(Buffers& buffers, const Place& place, std::int32_t now) noexcept {
  if (place.region != Place::Region::kBuffer) return;
  Buffer& buffer = buffers[place.index];
  buffer.first = std::min(buffer.first, now);
  buffer.last = std::max(buffer.last, now);
}

void touch(const Plan& plan, Buffers& buffers, const Step& step, std::int32_t now) noexcept {
  for (const View& in : step.in) touch(buffers, in.place, now);
  touch(buffers, step.out.place, now);
  touch(buffers, step.scratch, now);
  if (step.kind != Step::Kind::kFused) return;
  for (const FusedMember& member : plan.fusions[step.fusion].members) {
    if (member.out.source < 0) touch(buffers, member.step.out.place, now);
    for (std::size_t i = 0; i < member.in.size(); ++i) {
      if (member.in[i].source < 0) touch(buffers, member.step.in[i].place, now);
    }
  }
}

}  // namespace

void set_lifetimes(const Plan& plan, Buffers& buffers) noexcept {
  for (Buffer& buffer : buffers) {
    buffer.first = kForEver;
    buffer.last = -1;
  }
  std::int32_t now = 0;
  const auto touch_all = [&](const Steps& steps) {
    for (const Step& step : steps) touch(plan, buffers, step, now++);
  };
  touch_all(plan.constants);
  touch_all(plan.weights);
  touch_all(plan.forward);
  const std::int32_t start = now;
  touch_all(plan.backward);
  now = start;
  touch_all(plan.accumulating_backward);
  for (Buffer& buffer : buffers) {
    if (buffer.is_kept) {
      buffer.last = kForEver;
      if (buffer.is_there_first) buffer.first = 0;
    } else if (buffer.last < 0) {
      buffer.bytes = 0;  // it has become a register
    }
  }
}

}  // namespace nadir
