#include "plan/merge.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace nadir {

namespace {

using Operand = FusedOp::RowOperand;
using Operands = FusedOp::RowOperands;

// A pass that is put together, and not run until its result is needed.
struct Chain {
  FusedOp alone;  // its one operation
  bool is_alone = true;
  Operands operands{};

  bool has(Operands::Number number) const noexcept { return operands[number].from != nullptr; }
  const void* out() const noexcept { return alone.arguments.lane.out; }
  bool reads(const void* address) const noexcept { return operands.have(address); }
  // Whether the result may be where operands are: only rows that are read as they are written may be overwritten.
  bool may_be_written_to(const void* address) const noexcept {
    return std::none_of(operands.all.begin(), operands.all.end(),
                        [&](const Operand& operand) { return operand.from == address && !operand.is_linear; });
  }
  bool is_product() const noexcept {
    return has(Operands::kMultiplied) && operands[Operands::kMultiplied].is_linear && !has(Operands::kTaken) &&
           !has(Operands::kFactor) && !has(Operands::kSecond) && !has(Operands::kAdded);
  }
  // x * factor
  bool is_scaled() const noexcept {
    return has(Operands::kFactor) && !has(Operands::kTaken) && !has(Operands::kMultiplied) && !has(Operands::kSecond) &&
           !has(Operands::kAdded);
  }

  bool put(Operands::Number number, const Operand& operand) noexcept {
    operands[number] = operand;
    return true;
  }
  bool is_open() const noexcept { return !has(Operands::kSecond) && !has(Operands::kAdded); }
  bool subtract(const Operand& b) noexcept {
    const bool is_first = is_open() && !has(Operands::kTaken) && !has(Operands::kFactor) && !has(Operands::kMultiplied);
    return is_first && b.is_value && put(Operands::kTaken, b);
  }
  bool multiply(const Operand& b) noexcept {
    if (!is_open() || has(Operands::kMultiplied)) return false;
    if (!b.is_value) return put(Operands::kMultiplied, b);
    return !has(Operands::kFactor) && put(Operands::kFactor, b);
  }
  bool add(const Operand& b) noexcept {
    if (has(Operands::kAdded)) return false;
    if (!b.is_value) return !has(Operands::kSecond) && put(Operands::kSecond, b);
    if (!subtract(b)) return put(Operands::kAdded, b);
    operands.is_taken_negated = true;
    return true;
  }
  bool add(const Chain& scaled) noexcept {
    if (!is_open() || !scaled.is_scaled()) return false;
    put(Operands::kSecondFactor, scaled.operands[Operands::kFactor]);
    return put(Operands::kSecond, scaled.operands[Operands::kX]);
  }
};

class Merger {
 public:
  Merger(FusedProgram& program, const KernelTable& kernels, bool adds_products, bool has_carry) noexcept
      : program_(program), kernels_(kernels), adds_products_(adds_products), has_carry_(has_carry) {}

  void run() noexcept {
    for (std::size_t i = 0; i < program_.ops.size(); ++i) {
      first_ = i;
      while (program_.ops[i].kind == FusedOp::Kind::kExpand) ++i;
      at_ = i;
      FusedOp& op = program_.ops[at_];
      if (join(op)) continue;
      sum_products(op);
      flush_conflicting();
      if (add_sum(op)) continue;
      for (std::size_t k = first_; k <= at_; ++k) keep(program_.ops[k]);
    }
    // What still waits is read by nothing.
    program_.ops.resize(kept_);
  }

 private:
  static constexpr std::size_t kMostPending = 4;
  static constexpr std::int64_t kLeastSummed = 256;  // elements of a row for which a pass with a sum is faster than two

  // ----------------------------------------------------------------------------------------------- what operations touch

  static bool is_sum(const FusedOp& op) noexcept {
    return op.kind == FusedOp::Kind::kSum || op.kind == FusedOp::Kind::kTotal || op.kind == FusedOp::Kind::kColumns;
  }
  static const void* result_of(const FusedOp& op) noexcept {
    return is_sum(op)                           ? op.arguments.sum.out
           : op.kind == FusedOp::Kind::kExtreme ? op.arguments.reduce.out
           : op.kind == FusedOp::Kind::kRows    ? op.arguments.rows.out
                                                : op.arguments.lane.out;
  }
  static bool reads(const FusedOp& op, const void* address) noexcept {
    if (is_sum(op)) return op.arguments.sum.in == address || op.arguments.sum.with == address;
    if (op.kind == FusedOp::Kind::kExtreme) return op.arguments.reduce.in == address;
    if (op.kind == FusedOp::Kind::kRows) return op.rows.have(address);
    for (std::size_t i = 0; i < 3; ++i) {
      if ((op.lines >> i & 1u) == 0 && op.arguments.lane.in[i] == address) return true;
    }
    return false;
  }
  // An operand that is read in lines is not laid out.
  static bool writes(const FusedOp& op, const void* address) noexcept {
    if (op.kind == FusedOp::Kind::kExpand && op.expansion.is_in_lines) return false;
    if (op.kind == FusedOp::Kind::kRows && address == op.arguments.rows.sums) return true;
    return result_of(op) == address;
  }

  // Whether nothing that follows reads what the operation at hand has found there.
  bool is_dead(const void* address) const noexcept {
    if (writes(program_.ops[at_], address)) return true;
    for (std::size_t i = at_ + 1; i < program_.ops.size(); ++i) {
      if (reads(program_.ops[i], address)) return false;
      if (writes(program_.ops[i], address)) return true;
    }
    return true;
  }

  // ---------------------------------------------------------------------------------------------------------- chains

  // The rows of an operand, if they lie so that the kernel can read them.
  bool operand_of(const FusedOp& op, std::size_t number, Operand& operand) const noexcept {
    const LaneArguments& lane = op.arguments.lane;
    operand = {};
    operand.length = std::numeric_limits<std::int64_t>::max();
    if ((op.expanded >> number & 1u) == 0) {
      operand.from = static_cast<const std::byte*>(lane.in[number]);
      operand.is_register = (op.registers >> (number + 1) & 1u) != 0;
      operand.is_of_rows = operand.is_register;
      operand.is_value = (lane.splat >> number & 1u) != 0;
      operand.is_linear = !operand.is_value;
      operand.step = operand.is_linear ? program_.length * op.sizes[0] : 0;
      return true;
    }
    const FusedOp* source = &op;
    for (std::size_t i = 3; i-- > number;) {
      if ((op.expanded >> i & 1u) != 0) --source;
    }
    const Expansion& e = source->expansion;
    const auto last = static_cast<std::size_t>(e.rank - 1);
    if (!e.is_in_lines || e.rank < 2 || e.rank > 3 || e.lengths[last] != program_.length) return false;
    if (e.rank == 3 && e.is_of_rows) return false;
    operand.from = static_cast<const std::byte*>(source->arguments.lane.in[0]);
    operand.is_register = (source->registers >> 1 & 1u) != 0;
    operand.is_of_rows = e.is_of_rows;
    operand.is_value = e.strides[last] == 0;
    const auto size = static_cast<std::int64_t>(e.element_size);
    operand.step = size * e.strides[last - 1];
    if (e.rank == 3) {
      operand.length = e.lengths[1];
      operand.outer_step = size * e.strides[0];
    }
    return true;
  }

  // Makes the operation a chain, or a part of one.
  bool join(const FusedOp& op) noexcept {
    if (op.kind != FusedOp::Kind::kLane || op.is_row || op.sizes[0] != sizeof(float)) return false;
    Chain chain;
    chain.alone = op;
    Operand a, b;
    switch (op.lane) {
      case LaneId::square:
        if (!operand_of(op, 0, a) || !a.is_linear) return false;
        chain.put(Operands::kX, a);
        chain.put(Operands::kMultiplied, a);
        break;
      case LaneId::add:
      case LaneId::sub:
      case LaneId::mul:
        if (!operand_of(op, 0, a) || !operand_of(op, 1, b)) return false;
        if (!extend(op, a, b, chain) && !begin(op.lane, a, b, chain)) return false;
        break;
      default: return false;
    }
    flush_conflicting();
    if (pending_ == kMostPending) flush(0);
    chains_[pending_++] = chain;
    if ((op.registers & 1u) == 0) flush(pending_ - 1);
    return true;
  }

  static bool apply(LaneId lane, Chain& chain, const Operand& b) noexcept {
    return lane == LaneId::add ? chain.add(b) : lane == LaneId::sub ? chain.subtract(b) : chain.multiply(b);
  }

  static bool begin(LaneId lane, const Operand& a, const Operand& b, Chain& chain) noexcept {
    const bool is_turned = lane != LaneId::sub && !a.is_linear;
    const Operand& x = is_turned ? b : a;
    if (!x.is_linear) return false;
    chain.put(Operands::kX, x);
    return apply(lane, chain, is_turned ? a : b);
  }

  // The number of the chain whose result is that operand, and of nothing else; or that of none.
  std::size_t chain_of(const Operand& operand) const noexcept {
    if (!operand.is_linear || !operand.is_register || !is_dead(operand.from)) return pending_;
    return static_cast<std::size_t>(std::find_if(chains_.begin(),
                                                 chains_.begin() + static_cast<std::ptrdiff_t>(pending_),
                                                 [&](const Chain& chain) { return chain.out() == operand.from; }) -
                                    chains_.begin());
  }

  bool extend(const FusedOp& op, const Operand& a, const Operand& b, Chain& chain) noexcept {
    if (a.from == b.from) return false;
    const std::size_t of_a = chain_of(a), of_b = op.lane == LaneId::sub ? pending_ : chain_of(b);
    const auto accept = [&](const Chain& longer, std::size_t used, std::size_t used_too) {
      if (!longer.may_be_written_to(chain.out())) return false;
      chain.operands = longer.operands;
      chain.is_alone = false;
      // The later one first.
      if (used_too != pending_ && used_too > used) std::swap(used, used_too);
      drop(used);
      if (used_too < used) drop(used_too);
      return true;
    };
    if (op.lane == LaneId::add && of_a < pending_ && of_b < pending_) {
      Chain sum = chains_[of_a];
      if (sum.add(chains_[of_b]) && accept(sum, of_a, of_b)) return true;
      sum = chains_[of_b];
      if (sum.add(chains_[of_a]) && accept(sum, of_b, of_a)) return true;
    }
    const std::size_t none = pending_;
    if (of_a < pending_) {
      Chain longer = chains_[of_a];
      if (apply(op.lane, longer, b) && accept(longer, of_a, none)) return true;
    }
    if (of_b < pending_) {
      Chain longer = chains_[of_b];
      if (apply(op.lane, longer, a) && accept(longer, of_b, none)) return true;
    }
    return false;
  }

  // ------------------------------------------------------------------------------------------------------------ sums

  // A sum of what a chain multiplies sums products.
  void sum_products(FusedOp& op) noexcept {
    if (!is_sum(op) || first_ != at_ || (op.registers & 2u) == 0) return;
    if (op.kind == FusedOp::Kind::kColumns ? !adds_products_ : op.kind == FusedOp::Kind::kTotal && has_carry_) return;
    SumArguments& sum = op.arguments.sum;
    for (std::size_t i = 0; i < pending_; ++i) {
      const Chain& chain = chains_[i];
      if (chain.out() != sum.in || !chain.is_product() || !is_dead(sum.in)) continue;
      const Operand& x = chain.operands[Operands::kX];
      const Operand& y = chain.operands[Operands::kMultiplied];
      const std::int64_t size = chain.alone.sizes[0];
      sum.in = x.from;
      sum.with = y.from;
      op.registers =
          static_cast<std::uint8_t>((op.registers & 1u) | (x.is_register ? 2u : 0u) | (y.is_register ? 4u : 0u));
      op.advances[1] = x.is_register ? 0 : size;
      op.advances[2] = y.is_register ? 0 : size;
      return drop(i);
    }
  }

  // Has the pass that makes what is summed, or one of the factors, sum it. Nothing in between may touch the sum, or change what it
  // is made from.
  bool add_sum(const FusedOp& op) noexcept {
    const bool is_of_columns = op.kind == FusedOp::Kind::kColumns;
    if (!(is_of_columns ? adds_products_ : op.kind == FusedOp::Kind::kSum) || first_ != at_) return false;
    if (program_.length < kLeastSummed) return false;
    const SumArguments& sum = op.arguments.sum;
    if (is_of_columns && sum.with) return false;
    const auto is_of_rows = [&](const FusedOp& kept, const void* result) {
      return kept.rows.all[Operands::kX].from && result && result == result_of(kept);
    };
    for (std::size_t k = kept_; k-- > 0;) {
      FusedOp& kept = program_.ops[k];
      const bool makes_in = is_of_rows(kept, sum.in);
      if (makes_in || is_of_rows(kept, sum.with)) return add_sum_to(k, op, makes_in ? sum.with : sum.in);
      const bool is_touched =
          writes(kept, sum.in) || (sum.with && writes(kept, sum.with)) || writes(kept, sum.out) || reads(kept, sum.out);
      if (is_touched) return false;
    }
    return false;
  }

  // Sums may take the place of rows that are read one after another: when number r is written, rows 0 to r have been read, and it lies
  // in one of them.
  static bool may_be_summed_to(const FusedOp& pass, const void* address) noexcept {
    return result_of(pass) != address &&
           std::all_of(pass.rows.all.begin(), pass.rows.all.end(),
                       [&](const Operand& operand) { return operand.from != address || operand.is_linear; });
  }

  // `with`: the factor that the pass does not make.
  bool add_sum_to(std::size_t number, const FusedOp& op, const void* with) noexcept {
    const SumArguments& sum = op.arguments.sum;
    FusedOp& pass = program_.ops[number];
    const void* const result = result_of(pass);
    const bool is_of_columns = op.kind == FusedOp::Kind::kColumns;
    if (!is_of_columns && !may_be_summed_to(pass, sum.out)) return false;
    if (pass.kind == FusedOp::Kind::kRows) {
      if (is_of_columns ? pass.partials != nullptr : pass.arguments.rows.sums != nullptr) return false;
    } else if (!adds_products_) {
      return false;  // of one strip, two plain calls are faster
    }
    make_pass(pass);
    if (is_of_columns) {
      pass.partials = op.partials;
    } else {
      pass.arguments.rows.sums = sum.out;
      pass.arguments.rows.divisor = sum.divisor;
      pass.registers = static_cast<std::uint8_t>((pass.registers & 1u) | (op.registers & 1u) << 1);
      pass.advances[1] = op.advances[0];
      if (with) pass.rows[Operands::kWith] = linear_operand(with, op, with == sum.in ? 1 : 2);
    }
    const auto is_read = [&](const FusedOp& other) { return reads(other, result); };
    const auto kept = program_.ops.begin() + static_cast<std::ptrdiff_t>(number);
    const bool is_unread = (pass.registers & 1u) != 0 && with != result && is_dead(result) &&
                           std::none_of(kept + 1, program_.ops.begin() + static_cast<std::ptrdiff_t>(kept_), is_read) &&
                           std::none_of(chains_.begin(), chains_.begin() + static_cast<std::ptrdiff_t>(pending_),
                                        [&](const Chain& chain) { return chain.reads(result); });
    choose_kernel(pass);
    if (is_unread) leave_out_result(pass);
    if (is_of_columns) {
      FusedOp columns = op;
      columns.is_added_to = true;
      keep(columns);
    }
    return true;
  }

  Operand linear_operand(const void* from, const FusedOp& op, std::size_t number) const noexcept {
    Operand operand;
    operand.from = static_cast<const std::byte*>(from);
    operand.length = std::numeric_limits<std::int64_t>::max();
    operand.step = program_.length * static_cast<std::int64_t>(sizeof(float));
    operand.is_register = (op.registers >> number & 1u) != 0;
    operand.is_of_rows = operand.is_register;
    operand.is_linear = true;
    return operand;
  }

  // --------------------------------------------------------------------------------------------------------- keeping

  void make_pass(FusedOp& op) const noexcept {
    if (op.kind == FusedOp::Kind::kRows) return;
    void* const out = op.arguments.lane.out;
    op.kind = FusedOp::Kind::kRows;
    op.lines = op.expanded = 0;
    op.arguments.rows = {};
    op.arguments.rows.out = out;
    op.arguments.rows.length = program_.length;
    op.arguments.rows.divisor = 1;
    op.arguments.rows.is_taken_negated = op.rows.is_taken_negated;
  }

  void choose_kernel(FusedOp& op) const noexcept { op.kernel = kernels_.rows[form_for(parts_of(op))]; }

  // What nobody reads is not written, unless only the kernel of all forms could do without that.
  void leave_out_result(FusedOp& op) const noexcept {
    const std::size_t form = form_for(parts_of(op) & ~RowForm::kStores);
    if (RowForm::kForms[form] == RowForm::kAll && op.kernel != kernels_.rows[form]) return;
    op.arguments.rows.out = nullptr;
    op.kernel = kernels_.rows[form];
  }

  static std::size_t form_for(unsigned parts) noexcept {
    std::size_t form = 0;
    while (!RowForm::fits(RowForm::kForms[form], parts)) ++form;
    return form;
  }

  static unsigned parts_of(const FusedOp& op) noexcept {
    static constexpr std::pair<Operands::Number, unsigned> kParts[] = {
        {Operands::kTaken, RowForm::kTaken},
        {Operands::kFactor, RowForm::kFactor},
        {Operands::kMultiplied, RowForm::kMultiplied},
        {Operands::kSecond, RowForm::kSecond},
        {Operands::kSecondFactor, RowForm::kSecondFactor},
        {Operands::kAdded, RowForm::kAdded},
        {Operands::kWith, RowForm::kProducts}};
    unsigned parts = 0;
    if (op.partials) parts |= RowForm::kColumns;
    if (op.arguments.rows.out) parts |= RowForm::kStores;
    if (op.arguments.rows.sums) parts |= RowForm::kSums;
    for (const auto& [number, part] : kParts) {
      if (op.rows[number].from) parts |= part;
    }
    return parts;
  }

  void keep(const FusedOp& op) noexcept {
    program_.ops[kept_] = op;
    ++kept_;
  }

  void drop(std::size_t number) noexcept {
    const auto from = chains_.begin() + static_cast<std::ptrdiff_t>(number);
    std::move(from + 1, chains_.begin() + static_cast<std::ptrdiff_t>(pending_), from);
    --pending_;
  }

  void flush(std::size_t number) noexcept {
    const Chain& chain = chains_[number];
    FusedOp op = chain.alone;
    op.rows = chain.operands;
    if (!chain.is_alone || op.lines != 0) {
      make_pass(op);
      choose_kernel(op);
    }
    keep(op);
    drop(number);
  }

  // Before the operation at hand: those whose result it reads, or whose operands or result it changes.
  void flush_conflicting() noexcept {
    for (std::size_t i = 0; i < pending_;) {
      const Chain& chain = chains_[i];
      bool conflicts = false;
      for (std::size_t k = first_; k <= at_; ++k) {
        const FusedOp& op = program_.ops[k];
        const void* const result = writes(op, result_of(op)) ? result_of(op) : nullptr;
        conflicts = conflicts || reads(op, chain.out()) || (result && (chain.reads(result) || chain.out() == result));
      }
      conflicts ? flush(i) : void(++i);
    }
  }

  FusedProgram& program_;
  const KernelTable& kernels_;
  const bool adds_products_, has_carry_;
  std::array<Chain, kMostPending> chains_;
  std::size_t pending_ = 0;
  std::size_t first_ = 0, at_ = 0;  // the operation at hand, with what is laid out for it
  std::size_t kept_ = 0;
};

}  // namespace

void merge(FusedProgram& program, const KernelTable& kernels, bool adds_products, bool has_carry) noexcept {
  Merger(program, kernels, adds_products, has_carry).run();
}

}  // namespace nadir
