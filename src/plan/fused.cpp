#include "plan/fused.h"

#include <algorithm>
#include <cstring>

#include "plan/merge.h"

namespace nadir {

namespace {

constexpr std::int64_t kShortestLine = 32;  // elements that are worth a call

// A stretch of the domain.
struct Strip {
  std::int64_t first, count;  // elements
  std::int64_t row, rows;
  std::size_t level = 0;  // of a sum of all rows: where the strip's are added
  std::int64_t scratch_offset = 0;
  bool is_first = true;  // of a part
};

std::byte* moved(const void* address, std::int64_t bytes) noexcept {
  return const_cast<std::byte*>(static_cast<const std::byte*>(address)) + bytes;
}

// The address of an operand (0: the result) in a strip. `at` counts what its advances do.
std::byte* address_of(const FusedOp& op, std::size_t operand, const void* start, std::int64_t at,
                      const Strip& strip) noexcept {
  const bool is_register = (op.registers >> operand & 1u) != 0;
  return moved(start, is_register ? strip.scratch_offset : at * op.advances[operand]);
}

// Goes through an operand's elements, a stretch of a line at a time. It is made once an operation and strip, and sets no more
// of itself than is needed.
class Cursor {
 public:
  // REQUIRES: there are elements.
  void start(const FusedOp& expansion, const Strip& strip) noexcept {
    e_ = &expansion.expansion;
    at_ = address_of(expansion, 1, expansion.arguments.lane.in[0], 0, strip);
    std::int64_t first = e_->is_of_rows ? 0 : expansion.is_row ? strip.row : strip.first;
    for (std::size_t axis = last(); axis > 0; --axis) {
      const std::int64_t outer = first == 0 ? 0 : first / e_->lengths[axis];
      index_[axis] = first - outer * e_->lengths[axis];
      at_ += index_[axis] * e_->strides[axis] * size();
      first = outer;
    }
    index_[0] = first;
    at_ += first * e_->strides[0] * size();
    left_ = e_->lengths[last()] - index_[last()];
  }

  const std::byte* at() const noexcept { return at_; }
  std::int64_t stride() const noexcept { return e_->strides[last()]; }
  std::int64_t left_in_line() const noexcept { return left_; }

  // REQUIRES: count is at most left_in_line().
  void advance(std::int64_t count) noexcept {
    at_ += count * e_->strides[last()] * size();
    left_ -= count;
    if (left_ == 0) go_to_next_line();
  }

 private:
  std::size_t last() const noexcept { return static_cast<std::size_t>(e_->rank - 1); }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(e_->element_size); }

  void go_to_next_line() noexcept {
    left_ = e_->lengths[last()];
    at_ -= left_ * stride() * size();
    for (std::size_t axis = last(); axis-- > 0;) {
      at_ += e_->strides[axis] * size();
      if (++index_[axis] < e_->lengths[axis]) return;
      at_ -= index_[axis] * e_->strides[axis] * size();
      index_[axis] = 0;
    }
  }

  const Expansion* e_;
  const std::byte* at_;
  std::int64_t left_;
  std::int64_t index_[kMaxRank];  // the last one is that of the start
};

// An operand's elements, one after another.
template <class Word>
void lay_out(void* to_bytes, Cursor cursor, std::int64_t count) noexcept {
  auto* to = static_cast<Word*>(to_bytes);
  while (count > 0) {
    const std::int64_t part = std::min(cursor.left_in_line(), count);
    const auto* from = reinterpret_cast<const Word*>(cursor.at());
    const std::int64_t stride = cursor.stride();
    for (std::int64_t i = 0; i < part; ++i) to[i] = from[i * stride];
    to += part;
    count -= part;
    cursor.advance(part);
  }
}

void expand(const FusedOp& op, const Strip& strip) noexcept {
  const Expansion& e = op.expansion;
  if (e.is_in_lines || (e.is_periodic && !strip.is_first)) return;
  const std::int64_t count = op.is_row ? strip.rows : strip.count;
  if (count == 0) return;
  void* const out = address_of(op, 0, op.arguments.lane.out, 0, strip);
  Cursor cursor;
  cursor.start(op, strip);
  switch (e.element_size) {
    case 1: return lay_out<std::uint8_t>(out, cursor, count);
    case 4: return lay_out<std::uint32_t>(out, cursor, count);
    default: return lay_out<std::uint64_t>(out, cursor, count);
  }
}

// A lane function over a strip whose lines are rows.
void run_by_rows(const FusedOp& op, const Strip& strip, Arguments& arguments) noexcept {
  LaneArguments& l = arguments.lane;
  const FusedOp* expansion = &op;
  for (std::size_t i = 3; i-- > 0;) {
    if ((op.expanded >> i & 1u) != 0) --expansion;
    if ((op.lines >> i & 1u) == 0) continue;
    const std::int64_t row = expansion->expansion.is_of_rows ? 0 : strip.row;
    const std::byte* const first = address_of(*expansion, 1, expansion->arguments.lane.in[0], 0, strip);
    l.in[i] = moved(first, row * op.row_steps[i + 1]);
  }
  l.count /= strip.rows;
  for (std::int64_t row = 0; row < strip.rows; ++row) {
    op.kernel(arguments);
    l.out = moved(l.out, op.row_steps[0]);
    for (std::size_t i = 0; i < 3; ++i) l.in[i] = moved(l.in[i], op.row_steps[i + 1]);
  }
}

// A lane function over a strip, by as long stretches as its operands have in line.
void run_lines(const FusedOp& op, const Strip& strip, Arguments& arguments) noexcept {
  LaneArguments& l = arguments.lane;
  std::int64_t left = l.count;
  if (left == 0) return;
  Cursor cursors[3];
  const FusedOp* expansion = &op;
  for (std::size_t i = 3; i-- > 0;) {
    if ((op.expanded >> i & 1u) != 0) --expansion;
    if ((op.lines >> i & 1u) == 0) continue;
    cursors[i].start(*expansion, strip);
    if (cursors[i].stride() == 0) l.splat |= 1u << i;
  }
  while (true) {
    std::int64_t count = left;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((op.lines >> i & 1u) != 0) count = std::min(count, cursors[i].left_in_line());
    }
    l.count = count;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((op.lines >> i & 1u) == 0) continue;
      l.in[i] = cursors[i].at();
      cursors[i].advance(count);
    }
    op.kernel(arguments);
    left -= count;
    if (left == 0) return;
    l.out = moved(l.out, count * op.sizes[0]);
    for (std::size_t i = 0; i < 3; ++i) {
      if (((op.lines | l.splat) >> i & 1u) == 0) l.in[i] = moved(l.in[i], count * op.sizes[i + 1]);
    }
  }
}

std::byte* partial(const FusedProgram& program, const FusedOp& op, std::size_t level) noexcept {
  return op.partials + level * program.register_bytes;
}

// Several operations over a strip of rows; by stretches of it where an operand's rows go on elsewhere.
void run_merged(const FusedProgram& program, const FusedOp& op, const Strip& strip) noexcept {
  Arguments arguments;
  RowsArguments& r = arguments.rows = op.arguments.rows;
  RowArray* const arrays[] = {nullptr,   &r.taken,         &r.factor, &r.multiplied,
                              &r.second, &r.second_factor, &r.added,  &r.with};
  const std::int64_t size = op.sizes[0];
  if (r.out) r.out = address_of(op, 0, r.out, strip.first, strip);
  if (r.sums) r.sums = address_of(op, 1, r.sums, strip.row, strip);
  if (op.partials) r.columns = partial(program, op, strip.level);
  for (std::int64_t done = 0; done < strip.rows; done += r.rows) {
    if (done > 0 && r.out) r.out = moved(r.out, r.rows * program.length * size);
    if (done > 0 && r.sums) r.sums = moved(r.sums, r.rows * size);
    r.rows = strip.rows - done;
    for (std::size_t i = 0; i < FusedOp::RowOperands::kCount; ++i) {
      const FusedOp::RowOperand& operand = op.rows.all[i];
      if (!operand.from) continue;
      const std::int64_t row = done + (operand.is_of_rows ? 0 : strip.row);
      const std::int64_t outer = row < operand.length ? 0 : row / operand.length;
      const std::int64_t inner = row - outer * operand.length;
      const std::byte* const from = operand.from + (operand.is_register ? strip.scratch_offset : 0) +
                                    outer * operand.outer_step + inner * operand.step;
      r.rows = std::min(r.rows, operand.length - inner);
      if (i == 0) {
        r.x = from;
      } else {
        *arrays[i] = {from, operand.step / size};
      }
    }
    op.kernel(arguments);
  }
}

void add_columns(const FusedProgram& program, const FusedOp& op, void* to, const void* from) noexcept {
  Arguments arguments;
  arguments.add_rows = {to, from, nullptr, 1, program.length};
  op.add(arguments);
}

void run_op(const FusedProgram& program, const FusedOp& op, const Strip& strip) noexcept {
  Arguments arguments;
  const std::int64_t at = op.is_row ? strip.row : strip.first;
  switch (op.kind) {
    case FusedOp::Kind::kExpand: return expand(op, strip);
    case FusedOp::Kind::kTotal:
    case FusedOp::Kind::kNone: return;
    case FusedOp::Kind::kColumns: {
      if (op.is_added_to) return;
      const SumArguments& s = op.arguments.sum;
      const void* const with = s.with ? address_of(op, 2, s.with, strip.first, strip) : nullptr;
      arguments.add_rows = {partial(program, op, strip.level), address_of(op, 1, s.in, strip.first, strip), with,
                            strip.rows, program.length};
      return op.add(arguments);
    }
    case FusedOp::Kind::kRows: return run_merged(program, op, strip);
    case FusedOp::Kind::kLane: {
      LaneArguments& l = arguments.lane = op.arguments.lane;
      l.out = address_of(op, 0, l.out, at, strip);
      for (std::size_t i = 0; i < 3; ++i) l.in[i] = address_of(op, i + 1, l.in[i], at, strip);
      l.count = op.is_row ? strip.rows : strip.count;
      if (op.is_by_rows) return run_by_rows(op, strip, arguments);
      if (op.lines != 0) return run_lines(op, strip, arguments);
      break;
    }
    case FusedOp::Kind::kSum: {
      SumArguments& s = arguments.sum = op.arguments.sum;
      s.out = address_of(op, 0, s.out, strip.row, strip);
      s.in = address_of(op, 1, s.in, strip.first, strip);
      if (s.with) s.with = address_of(op, 2, s.with, strip.first, strip);
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
  for (const FusedOp& op : program.ops) run_op(program, op, strip);
}

// Whether an operation over all elements is no more than a call of its kernel.
bool is_plain(const FusedOp& op) noexcept {
  if (op.kind == FusedOp::Kind::kNone) return true;
  return op.kernel && op.lines == 0 && op.kind != FusedOp::Kind::kRows;
}

// All in one strip, for which the arguments are as they stand.
void run_at_once(const Arguments& arguments) noexcept {
  const FusedProgram& program = *arguments.fused.program;
  const Strip all{0, program.count, 0, program.rows};
  for (const FusedOp& op : program.ops) {
    if (op.kernel && is_plain(op)) {
      op.kernel(op.arguments);
    } else {
      run_op(program, op, all);
    }
  }
}

std::int64_t rows_of_strip(const FusedProgram& program) noexcept {
  return std::max<std::int64_t>(kStrip / std::max<std::int64_t>(program.length, 1), 1);
}

// Whether a strip may end within a leaf of a total.
bool has_carry(const FusedProgram& program) noexcept { return rows_of_strip(program) * program.length % kSumLeaf != 0; }

// The first strip lays out what serves all of them.
void run_rows(const FusedProgram& program, std::int64_t row, std::int64_t count, std::size_t level,
              std::int64_t scratch_offset, bool is_first) noexcept {
  const std::int64_t most = rows_of_strip(program);
  for (const std::int64_t end = row + count; row < end; row += most) {
    const std::int64_t now = std::min(most, end - row);
    run_strip(program, {row * program.length, now * program.length, row, now, level, scratch_offset, is_first});
    is_first = false;
  }
}

void run_in_strips(const Arguments& arguments) noexcept {
  const FusedArguments& part = arguments.fused;
  const FusedProgram& program = *part.program;
  if (program.rows > 0) return run_rows(program, part.first, part.count, 0, part.scratch_offset, true);
  const std::int64_t end = part.first + part.count;
  for (std::int64_t first = part.first; first < end; first += kStrip) {
    const std::int64_t now = std::min(kStrip, end - first);
    run_strip(program, {first, now, 0, 0, 0, part.scratch_offset, first == part.first});
  }
}

template <class F>
void for_each_columns(const FusedProgram& program, F f) noexcept {
  for (const FusedOp& op : program.ops) {
    if (op.kind == FusedOp::Kind::kColumns) f(op);
  }
}

// Leaves the sums of some rows at a level, by the tree of the kernel `sum`.
void sum_columns(const FusedProgram& program, std::int64_t row, std::int64_t rows, std::size_t level) noexcept {
  if (rows <= kRowsLeaf) {
    for_each_columns(program, [&](const FusedOp& op) {
      std::memset(partial(program, op, level), 0, static_cast<std::size_t>(program.length) * op.sizes[1]);
    });
    return run_rows(program, row, rows, level, 0, row == 0);
  }
  const std::int64_t half = rows_half(rows);
  sum_columns(program, row, half, level);
  sum_columns(program, row + half, rows - half, level + 1);
  for_each_columns(program, [&](const FusedOp& op) {
    add_columns(program, op, partial(program, op, level), partial(program, op, level + 1));
  });
}

void run_columns(const Arguments& arguments) noexcept {
  const FusedProgram& program = *arguments.fused.program;
  sum_columns(program, 0, program.rows, 0);
  for_each_columns(program, [&](const FusedOp& op) {
    Arguments last;
    last.sum = op.arguments.sum;
    last.sum.in = op.partials;
    last.sum.length = 1;
    last.sum.with = nullptr;
    op.kernel(last);
  });
}

template <class T>
T sum_of(const FusedOp& total, const void* in, const void* with, std::int64_t count) noexcept {
  T sum = 0;
  Arguments arguments;
  arguments.sum = {&sum, in, 1, count, 1, 1, false, with};
  total.kernel(arguments);
  return sum;
}

// The sum of the elements that the last member reads, by the tree of the kernel `sum`.
template <class T>
T total(const FusedProgram& program, std::int64_t first, std::int64_t count) noexcept {
  if (count > kStrip) {
    const std::int64_t half = sum_half(count);
    const T left = total<T>(program, first, half);
    return left + total<T>(program, first + half, count - half);
  }
  run_strip(program, {first, count, 0, 0, 0, 0, first == 0});
  const FusedOp& last = program.ops.back();
  return sum_of<T>(last, moved(last.arguments.sum.in, first * last.advances[1]), nullptr, count);
}

// The same of a program with rows. Where its strips are not some of the tree's leaves, what a strip leaves over is kept for the
// next leaf.
template <class T>
class TotalOfRows {
 public:
  explicit TotalOfRows(const FusedProgram& program) noexcept
      : program_(program),
        total_(program.ops.back()),
        in_(static_cast<const T*>(total_.arguments.sum.in)),
        is_in_register_(total_.advances[1] == 0),
        carries_(has_carry(program) && is_in_register_),
        ready_(carries_ ? reinterpret_cast<T*>(program.carry) : in_),
        with_(static_cast<const T*>(total_.arguments.sum.with)) {}

  T sum(std::int64_t first, std::int64_t count) noexcept {
    if (count > kSumLeaf) {
      const std::int64_t half = sum_half(count);
      const T left = sum(first, half);
      return left + sum(first + half, count - half);
    }
    while (end_ < first + count) run_next(first);
    const T* with = with_;
    if (with) with += first - (total_.advances[2] == 0 ? strip_start_ : 0);
    return sum_of<T>(total_, ready_ + (first - start_), with, count);
  }

 private:
  // A strip more. Elements before `first` are needed no longer.
  void run_next(std::int64_t first) noexcept {
    const std::int64_t rows = std::min(rows_of_strip(program_), program_.rows - row_);
    const std::int64_t count = rows * program_.length;
    run_strip(program_, {end_, count, row_, rows, 0, 0, row_ == 0});
    if (carries_) {
      auto* const carry = reinterpret_cast<T*>(program_.carry);
      const auto kept = static_cast<std::size_t>(end_ - first);
      std::memmove(carry, ready_ + (first - start_), kept * sizeof(T));
      std::memcpy(carry + kept, in_, static_cast<std::size_t>(count) * sizeof(T));
      start_ = first;
    } else if (is_in_register_) {
      start_ = end_;
    }
    strip_start_ = end_;
    row_ += rows;
    end_ += count;
  }

  const FusedProgram& program_;
  const FusedOp& total_;
  const T* const in_;
  const bool is_in_register_;
  const bool carries_;
  const T* const ready_;  // elements start_ to end_ - 1
  const T* const with_;
  std::int64_t start_ = 0, end_ = 0;
  std::int64_t strip_start_ = 0;
  std::int64_t row_ = 0;
};

template <class T>
void run_total(const Arguments& arguments) noexcept {
  const FusedProgram& program = *arguments.fused.program;
  const SumArguments& s = program.ops.back().arguments.sum;
  T sum = program.rows > 0 ? TotalOfRows<T>(program).sum(0, program.count) : total<T>(program, 0, program.count);
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
    program_.ops.resize(fused_ops(fusion_));  // as it was made, before operations were merged
    program_.count = fusion_.domain.count().at(at_.batch);
    program_.rows = fusion_.row_rank > 0 ? fusion_.domain.count_over(0, fusion_.row_rank).at(at_.batch) : 0;
    program_.length =
        fusion_.row_rank > 0 ? fusion_.domain.count_over(fusion_.row_rank, fusion_.domain.rank()).at(at_.batch) : 0;
    program_.register_bytes = fusion_.register_bytes;
    program_.carry = fusion_.carry >= 0 ? register_at(fusion_.carry) : nullptr;
    for (const FusedMember& member : fusion_.members) {
      for (std::size_t i = 0; i < member.in.size(); ++i) {
        if (member.in[i].access == OperandAccess::kExpanded) resolve_expansion(member, i);
      }
      member.step.kind == Step::Kind::kLane ? resolve_member(member) : resolve_reduction(member);
    }
    if (program_.rows == 0 || program_.length < kShortestLine) return;
    merge(program_, at_.kernels, program_.rows > rows_of_strip(program_), has_carry(program_));
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
    const auto last = static_cast<std::size_t>(e.rank - 1);
    const bool is_simple = e.strides[last] == 0 || e.strides[last] == 1;
    e.is_in_lines = member.step.kind == Step::Kind::kLane && is_simple && e.lengths[last] >= kShortestLine;
  }

  void resolve_member(const FusedMember& member) noexcept {
    const Step& step = member.step;
    FusedOp& op = next();
    op.kind = FusedOp::Kind::kLane;
    op.is_row = member.is_row;
    op.lane = step.lane;
    op.kernel = lane_kernel(step, at_.kernels);
    LaneArguments& lane = op.arguments.lane;
    lane = {};
    std::copy(step.numbers.begin(), step.numbers.end(), lane.numbers);
    lane.count = op.is_row ? program_.rows : program_.count;
    lane.out = address(member.out, step.out);
    op.advances = {advance(member.out, step.out), 0, 0, 0};
    op.registers = is_register(member.out) ? 1 : 0;
    op.sizes[0] = static_cast<std::uint8_t>(size_of(step.out.dtype));
    const FusedOp* expansion = &op;
    for (std::size_t i = step.in.size(); i-- > 0;) {
      if (step.in[i].is_none()) continue;
      op.sizes[i + 1] = static_cast<std::uint8_t>(size_of(step.in[i].dtype));
      if (member.in[i].access == OperandAccess::kExpanded) {
        op.expanded |= 1u << i;
        if ((--expansion)->expansion.is_in_lines) op.lines |= 1u << i;
      }
      lane.in[i] = address(member.in[i], step.in[i]);
      op.advances[i + 1] = advance(member.in[i], step.in[i]);
      if (member.in[i].access == OperandAccess::kSplat) lane.splat |= 1u << i;
      if (is_register(member.in[i])) op.registers |= static_cast<std::uint8_t>(2u << i);
    }
    set_row_steps(op);
  }

  // Where every line is a row, which is the usual case, a strip is gone through by steps that are known beforehand.
  void set_row_steps(FusedOp& op) const noexcept {
    op.is_by_rows = op.lines != 0 && !op.is_row && program_.rows > 0;
    LaneArguments& lane = op.arguments.lane;
    op.row_steps = {program_.length * op.sizes[0], 0, 0, 0};
    std::uint32_t splat = lane.splat;
    const FusedOp* expansion = &op;
    for (std::size_t i = 3; i-- > 0;) {
      if ((op.expanded >> i & 1u) != 0) --expansion;
      if ((op.lines >> i & 1u) == 0) {
        op.row_steps[i + 1] = (splat >> i & 1u) != 0 ? 0 : program_.length * op.sizes[i + 1];
        continue;
      }
      const Expansion& e = expansion->expansion;
      const auto size = static_cast<std::int64_t>(e.element_size);
      const std::size_t last = static_cast<std::size_t>(e.rank - 1);
      op.is_by_rows = op.is_by_rows && e.rank <= 2 && (e.rank == 1 || e.lengths[last] == program_.length);
      op.row_steps[i + 1] = size * (e.rank == 1 ? program_.length * e.strides[0] : e.strides[0]);
      if (e.strides[last] == 0) splat |= 1u << i;
    }
    if (op.is_by_rows) lane.splat = splat;
  }

  void resolve_reduction(const FusedMember& member) noexcept {
    const Step& step = member.step;
    const int dtype = index_of(step.in[0].dtype);
    FusedOp& op = next();
    op.is_row = false;
    op.lane = LaneId::copy;
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
    op.kind = is_total ? FusedOp::Kind::kTotal : member.partials >= 0 ? FusedOp::Kind::kColumns : FusedOp::Kind::kSum;
    op.kernel = at_.kernels.sum[dtype];
    op.arguments.sum = {out,
                        in,
                        outer,
                        length,
                        step.inner.at(at_.batch),
                        static_cast<double>(step.divisor.at(at_.batch)),
                        step.accumulate,
                        nullptr};
    op.partials = member.partials >= 0 ? register_at(member.partials) : nullptr;
    op.add = at_.kernels.add_rows[dtype];
    op.sizes[1] = static_cast<std::uint8_t>(size_of(step.in[0].dtype));
    program_.dtype = step.in[0].dtype;
    const SumArguments& s = op.arguments.sum;
    op.lines = op.expanded = 0;
    if (outer * length * s.inner == 1 && s.divisor == 1 && !s.accumulate) resolve_sum_of_one(op, member);
  }

  // A sum of one element is that element: whoever computes it puts it in the sum's place, if nobody else reads it.
  void resolve_sum_of_one(FusedOp& op, const FusedMember& member) noexcept {
    const SumArguments s = op.arguments.sum;
    op.kind = FusedOp::Kind::kLane;
    op.kernel = at_.kernels.lanes[static_cast<int>(LaneId::copy)][index_of(member.step.in[0].dtype)];
    op.arguments.lane = {s.out, {s.in}, 1, 0, {}};
    FusedOp* const source = used_ > 1 ? &op - 1 : nullptr;
    if (!source || source->kind != FusedOp::Kind::kLane || source->arguments.lane.out != s.in) return;
    if (member.in[0].source < 0 || &member != &fusion_.members.back()) return;
    source->arguments.lane.out = s.out;
    op.kind = FusedOp::Kind::kNone;
    op.kernel = nullptr;
  }

  FusedOp& next() noexcept { return program_.ops[used_++] = FusedOp(); }

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

std::span<const FusedOp> plain_ops(const Record& record) noexcept {
  if (record.kernel != run_at_once) return {};
  const FusedProgram& program = *record.arguments.fused.program;
  const bool are_plain = std::all_of(program.ops.begin(), program.ops.end(), is_plain);
  return are_plain ? std::span<const FusedOp>(program.ops) : std::span<const FusedOp>();
}

// Cold: once a batch size, so that size counts.
[[gnu::cold]] void resolve_fused(const Step& step, const Resolution& at, Record& record, Nest*) noexcept {
  FusedProgram& program = at.fused[step.fusion];
  const Fusion& fusion = at.fusions[step.fusion];
  Resolver(fusion, step, at, program).run();
  FusedArguments& part = record.arguments.fused;
  part = {&program, 0, program.count, kStrip, 0};
  if (program.rows > 0) {
    part.count = program.rows;
    part.unit = rows_of_strip(program);
  }
  record.form = Record::Form::kWhole;
  record.scratch_step = step.scratch_step;
  if (part.count <= part.unit) {
    record.kernel = run_at_once;
  } else if (fusion.has_columns) {
    record.kernel = run_columns;
  } else if (fusion.has_total) {
    record.kernel = program.dtype == DType::kF32 ? run_total<float> : run_total<double>;
  } else {
    record.kernel = run_in_strips;
    record.form = Record::Form::kFused;
  }
}

}  // namespace nadir
