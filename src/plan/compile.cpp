// From a graph to a plan:
//
//   analyse           the gradients of the loss become nodes; what nothing wants is left out; the rest gets its phase
//   lower             each node becomes steps, or just a view
//   fuse              elementwise steps over one domain become one
//   leave out copies  results are written where copies would take them
//   overwrite         results take the place of operands that nobody reads any more
//   place             buffers get addresses in the arena, by liveness
#include "plan/analysis.h"
#include "plan/copies.h"
#include "plan/fusion.h"
#include "plan/lifetimes.h"
#include "plan/lowering.h"
#include "plan/memory.h"
#include "plan/overwriting.h"
#include "plan/plan.h"

namespace nadir {

namespace {

// Parameters of a dtype that lie side by side are updated in one go.
void add_update(Plan& plan, const Parameter& parameter) {
  for (UpdateRange& range : plan.updates) {
    if (range.dtype == parameter.dtype && range.first + range.count == parameter.offset) {
      range.count += parameter.count;
      return;
    }
  }
  plan.updates.push_back({parameter.dtype, parameter.offset, parameter.count});
}

void add_updates(Plan& plan, const Graph& graph, const Analysis& analysis) {
  std::pmr::vector<bool> has_gradient(graph.size(), false, &graph.host());
  for (const ParameterGradient& gradient : analysis.gradients) has_gradient[gradient.parameter->node] = true;
  for (const Parameter& parameter : graph.parameters()) {
    if (has_gradient[parameter.node]) add_update(plan, parameter);
  }
}

void settle(Place& place, const std::pmr::vector<Buffer>& buffers) noexcept {
  if (place.region != Place::Region::kBuffer) return;
  place = {Place::Region::kArena, 0, place.bytes + buffers[place.index].offset};
}

// Replaces buffers by places in the arena.
void settle_all(Plan& plan, const std::pmr::vector<Buffer>& buffers) noexcept {
  for (Steps* steps : {&plan.constants, &plan.weights, &plan.forward, &plan.backward, &plan.accumulating_backward}) {
    for (Step& step : *steps) {
      for (View& in : step.in) settle(in.place, buffers);
      settle(step.out.place, buffers);
      settle(step.scratch, buffers);
    }
  }
  for (Fusion& fusion : plan.fusions) {
    for (FusedMember& member : fusion.members) {
      for (View& in : member.step.in) settle(in.place, buffers);
      settle(member.step.out.place, buffers);
    }
  }
  for (PlanInput& input : plan.inputs) settle(input.staging, buffers);
  for (PlanOutput& output : plan.outputs) settle(output.place, buffers);
  for (PlanStateUpdate& update : plan.state_updates) settle(update.value, buffers);
  for (Plan::ConstantData& constant : plan.constant_data) settle(constant.place, buffers);
}

}  // namespace

Plan::Plan(std::pmr::memory_resource* resource)
    : inputs(resource),
      outputs(resource),
      updates(resource),
      state_updates(resource),
      constants(resource),
      weights(resource),
      forward(resource),
      backward(resource),
      accumulating_backward(resource),
      fusions(resource),
      constant_data(resource) {}

Plan::Plan(Plan&&) noexcept = default;
Plan::~Plan() = default;

Plan compile(Graph& graph, const Wanted& wanted) {
  Plan plan(&graph.host());
  plan.has_loss = wanted.loss != kNoNode;
  const Analysis analysis = analyse(graph, wanted);
  Lowering lowering(graph, wanted, analysis, plan);
  lowering.run();
  fuse(plan, lowering.buffers(), wanted, &graph.host());
  leave_out_copies(graph, plan, lowering.buffers(), &graph.host());
  add_updates(plan, graph, analysis);
  set_lifetimes(plan, lowering.buffers());
  overwrite_operands(plan, lowering.buffers(), &graph.host());
  plan.arena_bytes = place_buffers(lowering.buffers(), &graph.host());
  settle_all(plan, lowering.buffers());
  return plan;
}

}  // namespace nadir
