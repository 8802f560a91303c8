#include "plan/fused.h"

#include <algorithm>
#include <cstring>

namespace nadir {

namespace {

// A stretch of the domain.
struct Strip {
  std::int64_t first, count;  // elements
  std::int64_t row, rows;
  std::int64_t scratch_offset;
  bool is_first;  // of a part
};

// The address of an operand (0: the result) in a strip. `at` counts what its advances do.
std::byte* address_of(const FusedOp& op, std::size_t operand, const void* start, std::int64_t at,
                      const Strip& strip) noexcept {
  const bool is_register = (op.registers >> operand & 1u) != 0;
  return const_cast<std::byte*>(static_cast<const std::byte*>(start)) +
         (is_register ? strip.scratch_offset : at * op.advances[operand]);
}

template <class Word>
void lay_line(Word* to, const Word* from, std::int64_t stride, std::int64_t count) noexcept {
  if (stride == 0) {
    std::fill(to, to + count, *from);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

// Elements `first` to first + count - 1 of an operand, one after another.
template <class Word>
void lay_out(void* to_bytes, const void* from_bytes, const Expansion& e, std::int64_t first,
             std::int64_t count) noexcept {
  auto* to = static_cast<Word*>(to_bytes);
  const auto* from = static_cast<const Word*>(from_bytes);
  const int last = e.rank - 1;
  std::array<std::int64_t, kMaxRank> index{};
  for (int axis = last; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    index[i] = first % e.lengths[i];
    first /= e.lengths[i];
    from += index[i] * e.strides[i];
  }
  const auto line = static_cast<std::size_t>(last);
  while (count > 0) {
    const std::int64_t part = std::min(e.lengths[line] - index[line], count);
    lay_line(to, from, e.strides[line], part);
    to += part;
    count -= part;
    // To the start of the next line.
    from -= index[line] * e.strides[line];
    index[line] = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      const auto i = static_cast<std::size_t>(axis);
      from += e.strides[i];
      if (++index[i] < e.lengths[i]) break;
      from -= index[i] * e.strides[i];
      index[i] = 0;
    }
  }
}

void expand(const FusedOp& op, const Strip& strip) noexcept {
  const Expansion& e = op.expansion;
  if (e.is_periodic && !strip.is_first) return;
  const std::int64_t first = e.is_of_rows ? 0 : op.is_row ? strip.row : strip.first;
  const std::int64_t count = op.is_row ? strip.rows : strip.count;
  if (count == 0) return;
  std::byte* const to = address_of(op, 0, op.arguments.lane.out, 0, strip);
  const std::byte* const from = address_of(op, 1, op.arguments.lane.in[0], 0, strip);
  switch (e.element_size) {
    case 1: return lay_out<std::uint8_t>(to, from, e, first, count);
    case 4: return lay_out<std::uint32_t>(to, from, e, first, count);
    default: return lay_out<std::uint64_t>(to, from, e, first, count);
  }
}

void run_op(const FusedOp& op, const Strip& strip) noexcept {
  Arguments arguments;
  const std::int64_t at = op.is_row ? strip.row : strip.first;
  switch (op.kind) {
    case FusedOp::Kind::kExpand: return expand(op, strip);
    case FusedOp::Kind::kTotal: return;
    case FusedOp::Kind::kLane: {
      LaneArguments& l = arguments.lane = op.arguments.lane;
      l.out = address_of(op, 0, l.out, at, strip);
      for (std::size_t i = 0; i < 3; ++i) l.in[i] = address_of(op, i + 1, l.in[i], at, strip);
      l.count = op.is_row ? strip.rows : strip.count;
      break;
    }
    case FusedOp::Kind::kSum: {
      SumArguments& s = arguments.sum = op.arguments.sum;
      s.out = address_of(op, 0, s.out, strip.row, strip);
      s.in = address_of(op, 1, s.in, strip.first, strip);
      s.outer = strip.rows;
      break;
    }
    case FusedOp::Kind::kExtreme: {
      ReduceArguments& r = arguments.reduce = op.arguments.reduce;
      r.out = address_of(op, 0, r.out, strip.row, strip);
      r.in = address_of(op, 1, r.in, strip.first, strip);
      r.outer = strip.rows;
      break;
    }
  }
  op.kernel(arguments);
}

void run_strip(const FusedProgram& program, const Strip& strip) noexcept {
  for (const FusedOp& op : program.ops) run_op(op, strip);
}

// All in one strip, for which the arguments are as they stand.
void run_at_once(const Arguments& arguments) noexcept {
  const FusedProgram& program = *arguments.fused.program;
  const Strip all{0, program.count, 0, program.rows, 0, true};
  for (const FusedOp& op : program.ops) {
    if (op.kernel) {
      op.kernel(op.arguments);
    } else {
      expand(op, all);
    }
  }
}

void run_in_strips(const Arguments& arguments) noexcept {
  const FusedArguments& part = arguments.fused;
  const FusedProgram& program = *part.program;
  const std::int64_t end = part.first + part.count;
  for (std::int64_t at = part.first; at < end; at += part.unit) {
    const std::int64_t now = std::min(part.unit, end - at);
    const bool is_first = at == part.first;
    if (program.rows > 0) {
      run_strip(program, {at * program.length, now * program.length, at, now, part.scratch_offset, is_first});
    } else {
      run_strip(program, {at, now, 0, 0, part.scratch_offset, is_first});
    }
  }
}

// The sum of the elements that the last member reads, by the tree of the kernel `sum`.
template <class T>
T total(const FusedProgram& program, std::int64_t first, std::int64_t count) noexcept {
  if (count > kStrip) {
    const std::int64_t half = sum_half(count);
    const T left = total<T>(program, first, half);
    return left + total<T>(program, first + half, count - half);
  }
  run_strip(program, {first, count, 0, 0, 0, true});
  const FusedOp& last = program.ops.back();
  T sum = 0;
  Arguments arguments;
  arguments.sum = {&sum, address_of(last, 1, last.arguments.sum.in, first, {}), 1, count, 1, 1, false};
  last.kernel(arguments);
  return sum;
}

template <class T>
void run_total(const Arguments& arguments) noexcept {
  const FusedProgram& program = *arguments.fused.program;
  const SumArguments& s = program.ops.back().arguments.sum;
  T sum = total<T>(program, 0, program.count);
  if (s.divisor != 1) sum = sum / static_cast<T>(s.divisor);
  T& out = *static_cast<T*>(s.out);
  out = s.accumulate ? out + sum : sum;
}

// ------------------------------------------------------------------------------------------------------------- resolving

class Resolver {
 public:
  Resolver(const Fusion& fusion, const Step& step, const Resolution& at, FusedProgram& program) noexcept
      : fusion_(fusion), at_(at), scratch_(at.memory.address(step.scratch)), program_(program) {}

  void run() noexcept {
    program_.count = fusion_.domain.count().at(at_.batch);
    program_.rows = fusion_.row_rank > 0 ? fusion_.domain.count_over(0, fusion_.row_rank).at(at_.batch) : 0;
    program_.length =
        fusion_.row_rank > 0 ? fusion_.domain.count_over(fusion_.row_rank, fusion_.domain.rank()).at(at_.batch) : 0;
    for (const FusedMember& member : fusion_.members) {
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        if (member.in[i].access == OperandAccess::kExpanded) resolve_expansion(member, i);
      }
      member.step.kind == Step::Kind::kLane ? resolve_member(member) : resolve_reduction(member);
    }
  }

 private:
  std::byte* register_at(std::int16_t number) const noexcept {
    return scratch_ + static_cast<std::size_t>(number) * fusion_.register_bytes;
  }

  // Where there is nothing, a view may begin outside of its memory.
  std::byte* memory_of(const View& view) const noexcept {
    return program_.count > 0 ? at_.address(view) : at_.memory.address(view.place);
  }

  std::byte* address(const FusedOperand& operand, const View& view) const noexcept {
    if (operand.expanded >= 0) return register_at(operand.expanded);
    return operand.source >= 0 ? register_at(operand.source) : memory_of(view);
  }

  static bool is_register(const FusedOperand& operand) noexcept { return operand.expanded >= 0 || operand.source >= 0; }

  static std::int64_t advance(const FusedOperand& operand, const View& view) noexcept {
    const bool moves = operand.access == OperandAccess::kLinear && operand.source < 0;
    return moves ? static_cast<std::int64_t>(size_of(view.dtype)) : 0;
  }

  void resolve_expansion(const FusedMember& member, std::size_t number) noexcept {
    const View& view = member.step.in[number];
    const FusedOperand& operand = member.in[number];
    FusedOp& op = next();
    op.kind = FusedOp::Kind::kExpand;
    op.is_row = member.is_row;
    op.kernel = nullptr;
    op.registers = operand.source >= 0 ? 3 : 1;
    op.arguments.lane = {};
    op.arguments.lane.out = register_at(operand.expanded);
    op.arguments.lane.in[0] = operand.source >= 0 ? register_at(operand.source) : memory_of(view);
    Expansion& e = op.expansion;
    e = {};
    e.element_size = size_of(view.dtype);
    e.is_of_rows = operand.source >= 0;
    e.is_periodic = operand.is_periodic;
    const auto append = [&e](std::int64_t length, std::int64_t stride) {
      if (length == 1) return;
      const auto previous = static_cast<std::size_t>(e.rank - 1);
      if (e.rank > 0 && e.strides[previous] == stride * length) {
        e.lengths[previous] *= length;
        e.strides[previous] = stride;
        return;
      }
      e.lengths[static_cast<std::size_t>(e.rank)] = length;
      e.strides[static_cast<std::size_t>(e.rank++)] = stride;
    };
    for (int axis = 0; axis < view.shape.rank(); ++axis) {
      append(view.shape[axis].at(at_.batch), view.strides[static_cast<std::size_t>(axis)].at(at_.batch));
    }
    if (e.rank == 0) {
      e.rank = 1;
      e.lengths[0] = 1;
    }
  }

  void resolve_member(const FusedMember& member) noexcept {
    const Step& step = member.step;
    FusedOp& op = next();
    op.kind = FusedOp::Kind::kLane;
    op.is_row = member.is_row;
    op.kernel = lane_kernel(step, at_.kernels);
    LaneArguments& lane = op.arguments.lane;
    lane = {};
    std::copy(step.numbers.begin(), step.numbers.end(), lane.numbers);
    lane.count = op.is_row ? program_.rows : program_.count;
    lane.out = address(member.out, step.out);
    op.advances = {advance(member.out, step.out), 0, 0, 0};
    op.registers = is_register(member.out) ? 1 : 0;
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (step.in[i].is_none()) continue;
      lane.in[i] = address(member.in[i], step.in[i]);
      op.advances[i + 1] = advance(member.in[i], step.in[i]);
      if (member.in[i].access == OperandAccess::kSplat) lane.splat |= 1u << i;
      if (is_register(member.in[i])) op.registers |= static_cast<std::uint8_t>(2u << i);
    }
  }

  void resolve_reduction(const FusedMember& member) noexcept {
    const Step& step = member.step;
    const int dtype = index_of(step.in[0].dtype);
    FusedOp& op = next();
    op.is_row = false;
    op.advances = {advance(member.out, step.out), advance(member.in[0], step.in[0]), 0, 0};
    op.registers = static_cast<std::uint8_t>((is_register(member.out) ? 1 : 0) | (is_register(member.in[0]) ? 2 : 0));
    std::byte* const out = address(member.out, step.out);
    const std::byte* const in = address(member.in[0], step.in[0]);
    const std::int64_t outer = step.outer.at(at_.batch);
    const std::int64_t length = step.length.at(at_.batch);
    if (step.kind == Step::Kind::kExtreme) {
      op.kind = FusedOp::Kind::kExtreme;
      op.kernel = extreme_kernel(step, at_.kernels);
      op.arguments.reduce = {out, in, outer, length, 1, false};
      return;
    }
    const bool is_total = fusion_.has_total && &member == &fusion_.members.back();
    op.kind = is_total ? FusedOp::Kind::kTotal : FusedOp::Kind::kSum;
    op.kernel = at_.kernels.sum[dtype];
    op.arguments.sum = {out, in, outer, length, 1, static_cast<double>(step.divisor.at(at_.batch)), step.accumulate};
    program_.dtype = step.in[0].dtype;
    const SumArguments& s = op.arguments.sum;
    if (outer * length == 1 && s.divisor == 1 && !s.accumulate) {
      op.kind = FusedOp::Kind::kLane;
      op.kernel = at_.kernels.lanes[static_cast<int>(LaneId::copy)][dtype];
      op.arguments.lane = {out, {in}, 1, 0, {}};
    }
  }

  FusedOp& next() noexcept { return program_.ops[used_++]; }

  const Fusion& fusion_;
  const Resolution& at_;
  std::byte* const scratch_;
  FusedProgram& program_;
  std::size_t used_ = 0;
};

}  // namespace

std::size_t fused_ops(const Fusion& fusion) noexcept {
  return fusion.members.size() + static_cast<std::size_t>(fusion.expansions);
}

void resolve_fused(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  FusedProgram& program = at.fused[step.fusion];
  const Fusion& fusion = at.fusions[step.fusion];
  Resolver(fusion, step, at, program).run();
  FusedArguments& part = record.arguments.fused;
  part = {&program, 0, program.count, kStrip, 0};
  if (program.rows > 0) {
    part.count = program.rows;
    part.unit = std::max<std::int64_t>(kStrip / std::max<std::int64_t>(program.length, 1), 1);
  }
  record.form = Record::Form::kWhole;
  record.scratch_step = step.scratch_step;
  if (part.count <= part.unit) {
    record.kernel = run_at_once;
  } else if (fusion.has_total) {
    record.kernel = program.dtype == DType::kF32 ? run_total<float> : run_total<double>;
  } else {
    record.kernel = run_in_strips;
    record.form = Record::Form::kFused;
  }
}

}  // namespace nadir
