#include "plan/nest.h"

#include <algorithm>
#include <cstring>

namespace nadir {

namespace {

constexpr std::int64_t kStrip = 256;  // elements gathered at a time; four operands of them stay in the L1 cache

// Elements of `Word`, which is any type of their size, from one place to another at distances in elements.
template <class Word>
void move_words(std::byte* to, std::int64_t to_stride, const std::byte* from, std::int64_t from_stride,
                std::int64_t count) noexcept {
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(Word));
  for (std::int64_t i = 0; i < count; ++i, to += to_stride * kSize, from += from_stride * kSize) {
    std::memcpy(to, from, sizeof(Word));
  }
}

void move_elements(std::size_t size, std::byte* to, std::int64_t to_stride, const std::byte* from,
                   std::int64_t from_stride, std::int64_t count) noexcept {
  switch (size) {
    case 1: return move_words<std::uint8_t>(to, to_stride, from, from_stride, count);
    case 4: return move_words<std::uint32_t>(to, to_stride, from, from_stride, count);
    default: return move_words<std::uint64_t>(to, to_stride, from, from_stride, count);
  }
}

// How the lines along the last dimension are run.
struct Lines {
  const NestArguments& nest;
  std::int64_t length;
  std::int64_t strides[kMostOperands + 1] = {};
  bool scatters, in_strips;
  Arguments line{};

  explicit Lines(const NestArguments& a) noexcept : nest(a) {
    const auto last = static_cast<std::size_t>(a.nest->rank - 1);
    length = a.nest->lengths[last];
    line.lane = a.lane;
    line.lane.count = length;
    line.lane.splat = 0;
    strides[0] = a.nest->strides[0][last];
    in_strips = scatters = strides[0] != 1;
    for (std::size_t operand = 1; operand <= kMostOperands; ++operand) {
      if (!a.lane.in[operand - 1]) continue;
      strides[operand] = a.nest->strides[operand][last];
      if (strides[operand] == 0) line.lane.splat |= 1u << (operand - 1);
      in_strips = in_strips || strides[operand] > 1 || strides[operand] < 0;
    }
  }

  // One line, with operands as they start.
  void run(std::byte* const* start) noexcept {
    if (in_strips) return run_in_strips(start);
    line.lane.out = start[0];
    // One by one: loads of several at once would wait for the stores of each, which have just been made.
    for (std::size_t i = 0; i < kMostOperands; ++i) {
      if (start[i + 1]) line.lane.in[i] = start[i + 1];
    }
    nest.kernel(line);
  }

  void run_in_strips(std::byte* const* start) noexcept {
    alignas(64) std::byte strips[kMostOperands + 1][kStrip * sizeof(double)];
    const auto& sizes = nest.nest->element_sizes;
    const auto step_of = [&](std::size_t operand) {
      return strides[operand] * static_cast<std::int64_t>(sizes[operand]);
    };
    for (std::int64_t done = 0; done < length; done += kStrip) {
      line.lane.count = std::min(kStrip, length - done);
      std::byte* const out = start[0] + done * step_of(0);
      line.lane.out = scatters ? strips[0] : out;
      for (std::size_t operand = 1; operand <= kMostOperands; ++operand) {
        if (!nest.lane.in[operand - 1]) continue;
        const std::byte* from = start[operand] + done * step_of(operand);
        line.lane.in[operand - 1] = from;
        if (strides[operand] == 0 || strides[operand] == 1) continue;
        move_elements(sizes[operand], strips[operand], 1, from, strides[operand], line.lane.count);
        line.lane.in[operand - 1] = strips[operand];
      }
      nest.kernel(line);
      if (scatters) move_elements(sizes[0], out, strides[0], strips[0], 1, line.lane.count);
    }
  }
};

// Calls f with the operands' addresses for each element of the first `rank` dimensions, within the part of the first of them.
template <class F>
void for_each_element(const Nest& nest, const NestArguments& part, int rank, std::byte* (&start)[kMostOperands + 1],
                      F f) noexcept {
  if (rank == 0) return f();
  const auto length_of = [&](int axis) {
    return axis == 0 ? part.count : nest.lengths[static_cast<std::size_t>(axis)];
  };
  const auto step_of = [&](int axis, std::size_t operand) {
    if (!start[operand]) return std::int64_t{0};
    return nest.strides[operand][static_cast<std::size_t>(axis)] *
           static_cast<std::int64_t>(nest.element_sizes[operand]);
  };
  const auto advance = [&](int axis, std::int64_t by) {
    for (std::size_t operand = 0; operand <= kMostOperands; ++operand) start[operand] += by * step_of(axis, operand);
  };
  // Most steps are along the last of the dimensions.
  const int inner = rank - 1;
  const std::int64_t inner_length = length_of(inner);
  std::int64_t steps[kMostOperands + 1];
  for (std::size_t operand = 0; operand <= kMostOperands; ++operand) steps[operand] = step_of(inner, operand);
  std::array<std::int64_t, kMaxRank> index{};
  advance(0, part.first);
  while (true) {
    for (std::int64_t i = 0; i < inner_length; ++i) {
      f();
      for (std::size_t operand = 0; operand <= kMostOperands; ++operand) start[operand] += steps[operand];
    }
    advance(inner, -inner_length);
    int axis = inner - 1;
    for (; axis >= 0; --axis) {
      advance(axis, 1);
      if (++index[static_cast<std::size_t>(axis)] < length_of(axis)) break;
      advance(axis, -length_of(axis));
      index[static_cast<std::size_t>(axis)] = 0;
    }
    if (axis < 0) return;
  }
}

std::byte* bytes_at(const void* address) noexcept {
  return const_cast<std::byte*>(static_cast<const std::byte*>(address));
}

// A product of which about half is left out: by blocks of rows or of columns, with as much of another index as each of them needs.
// Of results that are not wanted the rest becomes 0, as a sum of no terms.
void run_lower(const Nest& nest, const MatmulArguments& whole) noexcept {
  enum : std::size_t { kRows, kColumns, kTerms };
  const auto size = static_cast<std::int64_t>(nest.element_sizes[0]);
  // By columns, if there is the choice: what is copied of b is copied once then.
  const bool has_columns = nest.less == kColumns || nest.more == kColumns;
  const std::size_t along = has_columns ? kColumns : kRows;
  const std::int64_t block = has_columns ? 32 : 16;  // a panel, or a few tiles
  const std::size_t other = nest.less + nest.more - along;
  const std::int64_t lengths[] = {whole.m, whole.n, whole.k};
  std::int64_t at[3] = {};
  std::int64_t counts[3];
  for (std::int64_t first = 0; first < lengths[along]; first += block) {
    const std::int64_t count = std::min(block, lengths[along] - first);
    const bool is_upto = nest.more == along;
    const std::int64_t border = std::min(is_upto ? first + count : first, lengths[other]);
    for (const bool is_rest : {false, true}) {
      if (is_rest && other == kTerms) break;
      const bool is_before = is_upto != is_rest;
      std::copy_n(lengths, 3, counts);
      counts[along] = count;
      counts[other] = is_before ? border : lengths[other] - border;
      at[along] = first;
      at[other] = is_before ? 0 : border;
      Arguments arguments;
      MatmulArguments& p = arguments.matmul = whole;
      p.m = counts[kRows];
      p.n = counts[kColumns];
      p.k = is_rest ? 0 : counts[kTerms];
      p.a = bytes_at(p.a) + (at[kRows] * p.a_row + at[kTerms] * p.a_column) * size;
      p.b = bytes_at(p.b) + (at[kTerms] * p.b_row + at[kColumns] * p.b_column) * size;
      p.out = bytes_at(p.out) + (at[kRows] * p.out_row + at[kColumns] * p.out_column) * size;
      if (p.bias) p.bias = bytes_at(p.bias) + at[p.bias_by_row ? kRows : kColumns] * size;
      if (counts[other] > 0 || other == kTerms) nest.kernel(arguments);
    }
  }
}

}  // namespace

void Nest::append(std::int64_t length, const std::array<std::int64_t, kMostOperands + 1>& operand_strides) noexcept {
  if (length == 1) return;
  const auto previous = static_cast<std::size_t>(rank - 1);
  const auto continues = [&](std::size_t operand) {
    return strides[operand][previous] == operand_strides[operand] * length;
  };
  const bool merges = rank > 0 && continues(0) && continues(1) && continues(2) && continues(3);
  const std::size_t at = merges ? previous : static_cast<std::size_t>(rank++);
  lengths[at] = merges ? lengths[at] * length : length;
  for (std::size_t operand = 0; operand <= kMostOperands; ++operand) strides[operand][at] = operand_strides[operand];
}

std::int64_t Nest::count() const noexcept {
  std::int64_t all = 1;
  for (int i = 0; i < rank; ++i) all *= lengths[static_cast<std::size_t>(i)];
  return all;
}

bool Nest::is_flat() const noexcept {
  if (rank == 0) return true;
  const auto is_simple = [](const auto& operand) { return operand[0] == 0 || operand[0] == 1; };
  return rank == 1 && strides[0][0] == 1 && std::all_of(strides.begin() + 1, strides.end(), is_simple);
}

void run_nest(const Arguments& arguments) noexcept {
  const NestArguments& a = arguments.nest;
  if (a.count == 0) return;
  std::byte* start[kMostOperands + 1] = {bytes_at(a.lane.out), bytes_at(a.lane.in[0]), bytes_at(a.lane.in[1]),
                                         bytes_at(a.lane.in[2])};
  Lines lines(a);
  if (a.nest->rank == 1) return lines.run(start);
  for_each_element(*a.nest, a, a.nest->rank - 1, start, [&] { lines.run(start); });
}

void run_products(const Arguments& arguments) noexcept {
  const Nest& nest = *arguments.nest.nest;
  if (nest.count() == 0 || arguments.nest.count == 0) return;
  Arguments one{};
  one.matmul = nest.product;
  one.matmul.scratch = bytes_at(nest.product.scratch) + arguments.nest.scratch_offset;
  std::byte* start[kMostOperands + 1] = {bytes_at(nest.product.out), bytes_at(nest.product.a),
                                         bytes_at(nest.product.b)};
  for_each_element(nest, arguments.nest, nest.rank, start, [&] {
    one.matmul.out = start[0];
    one.matmul.a = start[1];
    one.matmul.b = start[2];
    nest.less == nest.more ? nest.kernel(one) : run_lower(nest, one.matmul);
  });
}

}  // namespace nadir
