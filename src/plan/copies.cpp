#include "plan/copies.h"

#include <algorithm>
#include <optional>

#include "ops/registry.h"
#include "plan/fusion.h"
#include "plan/lowering.h"

namespace nadir {

namespace {

bool is_buffer(const Place& place) noexcept { return place.region == Place::Region::kBuffer; }

bool is_same(const Place& a, const Place& b) noexcept { return a.region == b.region && a.index == b.index; }

// Whether a view is all of its buffer, in order.
bool is_whole(const View& view) noexcept {
  return is_buffer(view.place) && view.place.bytes == 0 && view.offset == Offset() && view.is_dense();
}

// The axis of a view that has that stride; -1 if there is none.
int axis_of(const View& view, Extent stride) noexcept {
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    if (!view.shape[axis].is_one() && view.strides[static_cast<std::size_t>(axis)] == stride) return axis;
  }
  return -1;
}

// Where the elements of `whole` go by a copy of `from`, the same elements in another order, to `to`: if every dimension of `whole`
// is one of `from`, or several that `to` has in line.
std::optional<View> moved(const View& whole, const View& from, const View& to) noexcept {
  if (from.place.bytes != 0 || from.offset != Offset()) return {};
  if (from.dtype != whole.dtype || from.shape.count() != whole.shape.count()) return {};
  if (whole.shape.count().factor == 0) return {};
  View result = whole;
  result.place = to.place;
  result.offset = to.offset;
  for (int axis = 0; axis < whole.shape.rank(); ++axis) {
    if (whole.shape[axis].is_one()) continue;
    const auto at = static_cast<std::size_t>(axis);
    Extent length{1, 0};
    Extent next_stride{};  // in `to`
    while (length != whole.shape[axis].extent()) {
      const int part = axis_of(from, product(whole.strides[at], length));
      if (part < 0) return {};
      const Extent stride = to.strides[static_cast<std::size_t>(part)];
      const bool is_first = length == Extent{1, 0};
      if (!is_first && stride != next_stride) return {};
      if (is_first) result.strides[at] = stride;
      const Extent part_length = from.shape[part].extent();
      length = product(length, part_length);
      next_stride = product(stride, part_length);
    }
  }
  return result;
}

// Whether a product's results lie as vectors, along rows or columns: else they would be moved one by one for every block of terms.
bool has_vectors(const View& product) noexcept {
  const auto columns = static_cast<std::size_t>(product.shape.rank() - 1);
  return product.strides[columns] == Extent{1, 0} || product.strides[columns - 1] == Extent{1, 0};
}

class Copies {
 public:
  Copies(const Graph& graph, const Plan& plan, const std::pmr::vector<Buffer>& buffers,
         std::pmr::memory_resource* resource)
      : graph_(graph),
        plan_(plan),
        buffers_(buffers),
        uses_(buffers.size(), 0, resource),
        is_left_out_(resource),
        writes_for_(resource) {
    for (const Steps* steps :
         {&plan.constants, &plan.weights, &plan.forward, &plan.backward, &plan.accumulating_backward}) {
      for (const Step& step : *steps) {
        for_each_place(step, [&](const Place& place) {
          if (is_buffer(place)) ++uses_[place.index];
        });
      }
    }
    for (const Plan::ConstantData& data : plan.constant_data) ++uses_[data.place.index];
  }

  void run(Steps& steps) {
    is_left_out_.assign(steps.size(), false);
    writes_for_.clear();
    for (const Step& step : steps) writes_for_.push_back(step.origin);
    for (std::size_t i = 0; i < steps.size(); ++i) is_left_out_[i] = leave_out(steps, i);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!is_left_out_[i]) steps[kept++] = steps[i];
    }
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(kept), steps.end());
  }

 private:
  // Of all operands, results and working memory.
  template <class F>
  void for_each_place(const Step& step, F f) const {
    if (step.kind == Step::Kind::kFused) {
      for (const FusedMember& member : plan_.fusions[step.fusion].members) for_each_place(member.step, f);
    }
    for (const View& in : step.in) f(in.place);
    f(step.out.place);
    f(step.scratch);
  }

  bool uses(const Step& step, const Place& place) const noexcept {
    bool does = false;
    for_each_place(step, [&](const Place& other) { does = does || is_same(place, other); });
    return does;
  }

  // Whether steps write pieces of one concatenation, which do not meet.
  bool are_pieces(std::size_t a, std::size_t b) const noexcept {
    return writes_for_[a] == writes_for_[b] && id_of(graph_[writes_for_[a]]) == OpId::concat;
  }

  // Whether the copy is left out, because the step that computes what it copies has been told to write that where it goes.
  bool leave_out(Steps& steps, std::size_t number) noexcept {
    const Step& copy = steps[number];
    const View& from = copy.in[0];
    if (copy.kind != Step::Kind::kLane || copy.lane != LaneId::copy) return false;
    if (!is_buffer(from.place) || !is_buffer(copy.out.place) || is_same(from.place, copy.out.place)) return false;
    if (uses_[from.place.index] != 2 || buffers_[from.place.index].is_kept) return false;
    if (buffers_[copy.out.place.index].is_there_first) return false;
    std::size_t source = number;
    while (source-- > 0) {
      if (is_left_out_[source]) continue;
      if (is_same(steps[source].out.place, from.place)) break;
      // Nothing may notice that the copy's result is there early.
      if (!are_pieces(source, number) && uses(steps[source], copy.out.place)) return false;
    }
    if (source >= number) return false;
    Step& step = steps[source];
    const bool may_be_told = step.kind == Step::Kind::kProduct || step.kind == Step::Kind::kLane;
    if (!may_be_told || step.accumulate || !is_whole(step.out)) return false;
    if (uses(step, copy.out.place)) return false;
    const auto out = moved(step.out, from, copy.out);
    if (!out || (step.kind == Step::Kind::kProduct && !has_vectors(*out))) return false;
    step.out = *out;
    writes_for_[source] = copy.origin;
    if (step.kind == Step::Kind::kLane) step.may_nest = true;
    return true;
  }

  const Graph& graph_;
  const Plan& plan_;
  const std::pmr::vector<Buffer>& buffers_;
  std::pmr::vector<int> uses_;  // by buffer: how many operands, results and so on it is
  std::pmr::vector<bool> is_left_out_;
  std::pmr::vector<NodeIndex> writes_for_;  // by step: the node whose value, or a piece of it, it writes
};

}  // namespace

void leave_out_copies(const Graph& graph, Plan& plan, const std::pmr::vector<Buffer>& buffers,
                      std::pmr::memory_resource* resource) {
  Copies copies(graph, plan, buffers, resource);
  for (Steps* steps : {&plan.forward, &plan.backward, &plan.accumulating_backward}) copies.run(*steps);
}

}  // namespace nadir
