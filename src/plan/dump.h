// A plan as a text for people.
#pragma once

#include "base/text.h"
#include "plan/plan.h"

namespace nadir {

// Whose plan it is. The graph may have got more nodes since: `known_nodes` of them were there when it was made.
struct PlanOwner {
  const Graph& graph;
  std::size_t known_nodes;
  std::int64_t max_batch;
};

// The phases in the order of their steps' numbers.
inline constexpr int kPlanPhases = 5;
const Steps& steps_of(const Plan& plan, int phase) noexcept;
// The node that a step was lowered for; "gradient" for one that is no longer there.
std::string_view name_of_origin(const PlanOwner& owner, const Step& step) noexcept;

// The parameter whose gradient a step writes, or null.
const Parameter* gradient_of(const Plan& plan, const PlanOwner& owner, const Step& step) noexcept;

// A line a step, by phases: its number, node = what(operands) -> where the result lies. Bytes are those at the largest batch.
void dump_plan_text(const Plan& plan, const PlanOwner& owner, Text& text);
// The language of Graphviz: steps, inputs and parameters as boxes, an edge from what writes to what reads.
void dump_plan_dot(const Plan& plan, const PlanOwner& owner, Text& text);

}  // namespace nadir
