#include "plan/dump.h"

#include <algorithm>

#include "ops/registry.h"
#include "plan/cost.h"

namespace nadir {

namespace {

constexpr const char* kPhaseNames[] = {"constants", "weights", "forward", "backward", "accumulating backward"};

std::size_t step_count(const Plan& plan) noexcept {
  std::size_t count = 0;
  for (int phase = 0; phase < kPlanPhases; ++phase) count += steps_of(plan, phase).size();
  return count;
}

// The parameter or state at a place of its block.
const Parameter* find_at(const Parameters& list, const Place& place) noexcept {
  const auto* found = std::find_if(list.begin(), list.end(), [&](const Parameter& p) {
    return index_of(p.dtype) == static_cast<int>(place.index) && place.bytes >= p.byte_offset() &&
           place.bytes < p.byte_offset() + p.bytes();
  });
  return found == list.end() ? nullptr : found;
}

class Writer {
 public:
  Writer(const Plan& plan, const PlanOwner& owner, Text& text, bool is_dot) noexcept
      : plan_(plan), owner_(owner), graph_(owner.graph), text_(text), is_dot_(is_dot) {}

  void write_text() {
    std::size_t number = 0;
    for (int phase = 0; phase < kPlanPhases; ++phase) {
      text_ << kPhaseNames[phase] << ":\n";
      for (const Step& step : steps_of(plan_, phase)) {
        text_ << "  " << number++ << ' ';
        write_step(step, "\n      ");
        text_ << '\n';
      }
    }
    write_memory("\n");
  }

  void write_dot() {
    text_ << "strict digraph nadir {\n  node [shape=box, fontname=\"sans-serif\"];\n";
    for (std::size_t i = 0; i < plan_.inputs.size(); ++i) write_leaf("i", i, "input", plan_.inputs[i].node);
    for (const Parameter& p : graph_.parameters()) write_leaf("p", p.node, "parameter", p.node);
    for (const Parameter& s : graph_.states()) write_leaf("t", s.node, "state", s.node);
    std::size_t number = 0;
    for (int phase = 0; phase < kPlanPhases; ++phase) write_cluster(phase, number);
    text_ << "  label=\"";
    write_memory("\\l");
    text_ << "\";\n}\n";
  }

 private:
  // ------------------------------------------------------------------------------------------------------- a step

  void write_step(const Step& step, const char* separator) {
    write_name(name_of_origin(owner_, step));
    text_ << " = " << step.what;
    if (step.kind != Step::Kind::kFused) return write_rest(step, nullptr);
    const Fusion& fusion = plan_.fusions[step.fusion];
    text_ << " over " << fusion.domain;
    if (fusion.row_rank > 0) {
      text_ << " in rows of ";
      Shape row;
      for (int axis = fusion.row_rank; axis < fusion.domain.rank(); ++axis) row.append(fusion.domain[axis]);
      text_ << row;
    }
    if (fusion.registers > 0) {
      text_ << ", registers: " << fusion.registers << " of " << fusion.register_bytes << " bytes";
    }
    for (const FusedMember& member : fusion.members) {
      text_ << separator;
      write_name(name_of_origin(owner_, member.step));
      text_ << " = " << member.step.what;
      write_rest(member.step, &member);
    }
  }

  // Operands and result, which a member may have in registers.
  void write_rest(const Step& step, const FusedMember* member) {
    text_ << '(';
    const char* separator = "";
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (step.in[i].is_none() || is_result(step, i)) continue;
      text_ << separator;
      write_operand(step.in[i], operand_of(step, i, owner_.max_batch), member ? &member->in[i] : nullptr);
      separator = is_dot_ ? ",\\l      " : ", ";
    }
    text_ << ')';
    const char* const arrow = is_dot_ ? "\\l      " : " ";
    if (step.has_second_result) {
      text_ << arrow << "-> ";
      write_operand(step.in[1], operand_of(step, 1, owner_.max_batch), nullptr);
    }
    if (step.out.is_none()) return;
    text_ << arrow << (step.accumulate ? "added to " : "-> ");
    write_operand(step.out, result_of(step, owner_.max_batch), member ? &member->out : nullptr);
  }

  // What a step has among its operands only for its kernel's sake.
  static bool is_result(const Step& step, std::size_t number) noexcept {
    if (number == 1 && step.has_second_result) return true;
    const Place& in = step.in[number].place;
    const Place& out = step.out.place;
    return step.kind == Step::Kind::kIndexing && in.region == out.region && in.index == out.index &&
           in.bytes == out.bytes;
  }

  void write_operand(const View& view, const Stretch& stretch, const FusedOperand* operand) {
    if (operand && operand->source >= 0) {
      text_ << "register " << operand->source;
    } else {
      write_place(view, stretch);
    }
    text_ << ' ' << name_of(view.dtype) << ' ';
    const std::int64_t size = static_cast<std::int64_t>(size_of(view.dtype));
    if (view.shape.is_scalar() && stretch.bytes != size) {
      text_ << '[' << stretch.bytes / size << ']';
    } else {
      text_ << view.shape;
    }
    if (operand && operand->expanded >= 0) text_ << " laid out in register " << operand->expanded;
    const bool is_repeated = [&] {
      for (int axis = 0; axis < view.shape.rank(); ++axis) {
        if (!view.shape[axis].is_one() && view.strides[static_cast<std::size_t>(axis)].factor == 0) return true;
      }
      return false;
    }();
    if (is_repeated) {
      text_ << " repeated";
    } else if (!view.is_dense()) {
      text_ << " strided";
    }
  }

  void write_place(const View& view, const Stretch& stretch) {
    switch (view.place.region) {
      case Place::Region::kParameter: return write_named("parameter ", graph_.parameters(), view);
      case Place::Region::kState: return write_named("state ", graph_.states(), view);
      case Place::Region::kGradient: return write_named("gradient of ", graph_.parameters(), view);
      case Place::Region::kInput:
        text_ << "input ";
        return write_name(graph_[plan_.inputs[view.place.index].node].name());
      default: break;
    }
    for (const Plan::ConstantData& constant : plan_.constant_data) {
      if (constant.place.bytes == view.place.bytes && constant.bytes > 0) return write_constant(constant.data);
    }
    text_ << "arena " << stretch.begin << " + " << stretch.end - stretch.begin << " bytes";
  }

  void write_named(const char* kind, const Parameters& list, const View& view) {
    text_ << kind;
    const Parameter* parameter = find_at(list, view.place);
    write_name(parameter ? graph_[parameter->node].name() : "nothing");
  }

  void write_constant(const void* data) {
    text_ << "constant";
    for (NodeIndex i = 0; i < owner_.known_nodes; ++i) {
      if (id_of(graph_[i]) != OpId::constant || graph_[i].data != data) continue;
      text_ << ' ';
      return write_name(graph_[i].name());
    }
  }

  void write_name(std::string_view name) {
    for (const char c : name) {
      if (is_dot_ && (c == '"' || c == '\\')) text_ << '\\';
      text_ << c;
    }
  }

  // ------------------------------------------------------------------------------------------------------- memory

  void write_memory(const char* end) {
    for (const PlanInput& input : plan_.inputs) {
      write_region("input ", input.node, input.staging, input.dtype, input.elements, end);
    }
    for (const PlanOutput& output : plan_.outputs) {
      write_region("output ", output.node, output.place, output.dtype, output.count, end);
    }
    std::size_t parameters = 0;
    for (const DType dtype : {DType::kF32, DType::kF64}) parameters += graph_.parameters().block_bytes(dtype);
    text_ << "batch: at most " << owner_.max_batch << end;
    text_ << "steps: " << step_count(plan_) << end;
    text_ << "arena: " << plan_.arena_bytes << " bytes" << end;
    text_ << "parameters: " << parameters << " bytes" << end;
    text_ << "gradients: " << (plan_.has_loss ? parameters : 0) << " bytes" << end;
  }

  void write_region(const char* kind, NodeIndex node, const Place& place, DType dtype, Extent count, const char* end) {
    text_ << kind;
    write_name(graph_[node].name());
    text_ << ": arena " << place.bytes << " + "
          << count.at(owner_.max_batch) * static_cast<std::int64_t>(size_of(dtype)) << " bytes" << end;
  }

  // ------------------------------------------------------------------------------------------------------- Graphviz

  void write_leaf(const char* letter, std::size_t number, const char* kind, NodeIndex node) {
    text_ << "  " << letter << number << " [label=\"" << kind << "\\n";
    write_name(graph_[node].name());
    text_ << "\\n" << name_of(graph_[node].dtype) << ' ' << graph_[node].shape << "\", style=rounded];\n";
  }

  void write_cluster(int phase, std::size_t& number) {
    const Steps& steps = steps_of(plan_, phase);
    const std::size_t first = number;
    text_ << "  subgraph cluster_" << phase << " {\n    label=\"" << kPhaseNames[phase] << "\";\n";
    for (const Step& step : steps) {
      text_ << "    s" << number << " [label=\"" << number << ' ';
      write_step(step, "\\l  ");
      text_ << "\\l\"];\n";
      ++number;
    }
    text_ << "  }\n";
    for (std::size_t i = 0; i < steps.size(); ++i) {
      auto write_edge = [&](const Access& access) {
        if (!access.writes && write_source(access.stretch, phase, i)) text_ << " -> s" << first + i << ";\n";
      };
      each_access(plan_, steps[i], owner_.max_batch, write_edge);
    }
  }

  // Writes the beginning of an edge from what a step reads; false where there is nothing to begin at.
  bool write_source(const Stretch& stretch, int phase, std::size_t step) {
    const Place& place = stretch.place;
    if (place.region == Place::Region::kInput) {
      text_ << "  i" << place.index;
      return true;
    }
    const bool is_parameter = place.region == Place::Region::kParameter;
    if (is_parameter || place.region == Place::Region::kState) {
      const Parameter* found = find_at(is_parameter ? graph_.parameters() : graph_.states(), place);
      if (found) text_ << (is_parameter ? "  p" : "  t") << found->node;
      return found != nullptr;
    }
    const std::size_t writer = find_writer(stretch, phase, step);
    if (writer != kNoStep) text_ << "  s" << writer;
    return writer != kNoStep;
  }

  static constexpr std::size_t kNoStep = ~std::size_t{0};

  // The number of the last step before one that wrote what it reads.
  std::size_t find_writer(const Stretch& stretch, int phase, std::size_t step) const {
    while (true) {
      const Steps& steps = steps_of(plan_, phase);
      while (step-- > 0) {
        bool writes = false;
        auto compare = [&](const Access& access) {
          writes = writes || (access.writes && access.stretch.meets(stretch));
        };
        each_access(plan_, steps[step], owner_.max_batch, compare);
        if (!writes) continue;
        for (int before = 0; before < phase; ++before) step += steps_of(plan_, before).size();
        return step;
      }
      if (phase == 0) return kNoStep;
      // The two ways of the backward pass both follow the forward pass.
      phase = std::min(phase, 3) - 1;
      step = steps_of(plan_, phase).size();
    }
  }

  const Plan& plan_;
  const PlanOwner& owner_;
  const Graph& graph_;
  Text& text_;
  const bool is_dot_;
};

}  // namespace

const Steps& steps_of(const Plan& plan, int phase) noexcept {
  const Steps* const all[] = {&plan.constants, &plan.weights, &plan.forward, &plan.backward,
                              &plan.accumulating_backward};
  return *all[phase];
}

std::string_view name_of_origin(const PlanOwner& owner, const Step& step) noexcept {
  return step.origin < owner.known_nodes ? owner.graph[step.origin].name() : "gradient";
}

const Parameter* gradient_of(const Plan& plan, const PlanOwner& owner, const Step& step) noexcept {
  const Parameter* found = nullptr;
  auto look = [&](const Access& access) {
    const Place& place = access.stretch.place;
    if (access.writes && place.region == Place::Region::kGradient) found = find_at(owner.graph.parameters(), place);
  };
  each_access(plan, step, owner.max_batch, look);
  return found;
}

void dump_plan_text(const Plan& plan, const PlanOwner& owner, Text& text) {
  Writer(plan, owner, text, false).write_text();
}
void dump_plan_dot(const Plan& plan, const PlanOwner& owner, Text& text) {
  Writer(plan, owner, text, true).write_dot();
}

}  // namespace nadir
