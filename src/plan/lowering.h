// The lowering of a graph: a walk over its nodes in their order, in which each becomes steps, or just a view of what is there
// already. The walk is here; what an operation becomes is in lower.cpp.
//
// Backward is lowered twice, to overwrite the gradients and to add to them. A gradient is computed right where it belongs
// if its step can do that, and else in a buffer, from which it is copied or added.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "plan/analysis.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace nadir {

class Lowering {
 public:
  Lowering(const Graph& graph, const Wanted& wanted, const Analysis& analysis, Plan& plan);

  // Fills the plan, with places in buffers.
  void run();
  std::pmr::vector<Buffer>& buffers() noexcept { return buffers_; }

  // For what lowers an operation:

  const Graph& graph() const noexcept { return graph_; }
  const Analysis& analysis() const noexcept { return analysis_; }
  std::int64_t max_batch() const noexcept { return wanted_.max_batch; }
  const View& operand(const Node& node, std::size_t number) const noexcept { return views_[node.inputs[number]]; }
  const View& view(NodeIndex node) const noexcept { return views_[node]; }
  void set_view(NodeIndex node, const View& view) noexcept { views_[node] = view; }
  // Whether a node of the forward pass has been computed by the step of another.
  bool is_done(NodeIndex node) const noexcept {
    return analysis_.phases[node] == Phase::kForward && !views_[node].is_none();
  }

  // The same elements without gaps or repetition; copied where they are not so.
  View dense(const View& view);
  // A dense copy of what depends on parameters alone, which is made anew when they have changed. For sessions that do not train.
  View kept_copy(const View& view) { return kept_copy(view, plan_.weights); }
  bool trains() const noexcept { return plan_.has_loss; }
  View reshaped(const View& view, const Shape& shape);
  Place new_buffer(DType dtype, Extent count);
  // Scratch for as many elements, for each of the parts.
  void add_scratch(Step& step, DType dtype, std::int64_t count);
  Place add_input(NodeIndex index);
  Place add_constant(NodeIndex index);
  // That kernels read the session's state, or tell it what is wrong.
  void use_state() noexcept { plan_.uses_state = true; }

  // Where the result of a node goes, which becomes its view. `accumulate` says that the step has to add to what is there;
  // it is set only for one that can.
  struct Destination {
    View view;
    bool accumulate;
  };
  Destination destination(NodeIndex index, bool can_accumulate);

  void emit(const Step& step);
  // Emits out = lane(a, b).
  void emit_lane(LaneId lane, const View& out, const View& a, const View& b = {});

  // The elements of a node's first operand, to be changed: they become the node's view. Its operand's own buffer if nobody else
  // reads that, else a copy.
  View writable_copy(NodeIndex index);

 private:
  // The two ways to run backward, as bits: see Buffer::variants.
  enum Variant : std::uint8_t { kOverwriting = 1, kAccumulating = 2, kBoth = 3 };

  void lower_phase(Phase phase, Steps& steps);
  void lower_backward(Variant variant, Steps& steps);
  void deliver(const ParameterGradient& gradient);
  View kept_copy(const View& view, Steps& phase);
  void keep_outputs();
  void keep_constants() noexcept;
  void keep_output(NodeIndex index);
  Place keep(NodeIndex index);
  bool may_overwrite(NodeIndex index) const noexcept;

  const Graph& graph_;
  const Wanted& wanted_;
  const Analysis& analysis_;
  Plan& plan_;
  std::pmr::memory_resource* resource_;
  std::pmr::vector<View> views_;      // by node
  std::pmr::vector<bool> owns_;       // by node: its view is all of a buffer that was made for it
  std::pmr::vector<bool> delivered_;  // by gradient, in the variant that is being lowered
  std::pmr::vector<Buffer> buffers_;
  std::size_t constants_ = 0;  // so many buffers, the first, belong to what depends on the batch alone
  Steps* steps_ = nullptr;
  NodeIndex current_ = 0;
  Variant variant_ = kBoth;
};

// Lowers one node: by the table in lower.cpp, which has a function an operation.
void lower(Lowering& lowering, NodeIndex index);

// The operations by families.
#define LEAF(name) void lower_##name(Lowering& lowering, NodeIndex index);
#define OTHER(name) void lower_##name(Lowering& lowering, NodeIndex index);
#include "ops/registry.def"
void lower_lane(Lowering& lowering, NodeIndex index);
// Computes the product `product`, plus a bias if that is not none, as the value of `result`; or what relu makes of it.
void lower_product(Lowering& lowering, NodeIndex result, const Node& product, const View& bias, bool rectifies);

inline Extent product(Extent a, Extent b) noexcept { return {a.factor * b.factor, a.power + b.power}; }

// The place of a parameter, or of its gradient, in its dtype's block.
Place block_place(Place::Region region, const Parameter& parameter) noexcept;

}  // namespace nadir
