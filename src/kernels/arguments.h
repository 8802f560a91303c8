// What kernels are called with: plain structs of resolved pointers and numbers. A plan fills one a step, once a batch size.
//
// Lengths and strides are in elements. Outputs are dense but for a NestArguments'. An operand may be the output itself, never
// overlap it otherwise.
#pragma once

#include <cstdint>

#include "base/convolution.h"

namespace nadir {

// out[i] = f(in[0][i], …) for i < count; where bit k of `splat` is set, in[k] is one value for all i.
struct LaneArguments {
  void* out;
  const void* in[3];
  std::int64_t count;
  std::uint32_t splat;
  double numbers[2];  // of a SCALED operation
};

// out[o, i] = (sum over l of in[o, l, i]) / divisor, added to out if `accumulate`; `in` is dense [outer, length, inner]. If `with`
// is not null, both are f32, it is as large, inner is 1, and products of both are summed.
struct SumArguments {
  void* out;
  const void* in;
  std::int64_t outer;
  std::int64_t length;
  std::int64_t inner;
  double divisor;
  bool accumulate;
  const void* with;
};

// An operand of rows: an array's rows, or a value a row, `step` elements apart. Null: there is none.
struct RowArray {
  const void* from;
  std::int64_t step;
};

// Of f32, from left to right and rounded each time, with what is null left out:
//
//   v = (x[r, i] - taken[r]) * factor[r] * multiplied[r, i] + second[r, i] * second_factor[r] + added[r]
//   out[r, i] = v
//   columns[i] = columns[i] + v
//   sums[r] = (sum over i of v * with[r, i]) / divisor
//
// `with` may be the result. Rows that are summed are of kMostRowLeaves * kSumLeaf elements at most.
struct RowsArguments {
  void* out;
  const void* x;
  RowArray taken, factor, multiplied, second, second_factor, added, with;
  void* columns;
  void* sums;
  std::int64_t rows, length;
  double divisor;
  bool is_taken_negated;  // it is added
};

// What a pass over rows has of that.
struct RowForm {
  enum Part : unsigned {
    kTaken = 1,
    kFactor = 2,
    kMultiplied = 4,
    kSecond = 8,
    kSecondFactor = 16,
    kAdded = 32,
    kStores = 64,
    kColumns = 128,
    kSums = 256,
    kProducts = 512,  // `with`
    kAll = 1023,
  };
  static constexpr unsigned kValues = kTaken | kFactor | kSecondFactor | kAdded;

  // Those that have a kernel of their own: what normalisations and softmax and their gradients are made of.
  static constexpr unsigned kForms[] = {
      kTaken | kStores,
      kTaken | kFactor | kAdded | kStores,
      kTaken | kStores | kSums | kProducts,
      kTaken | kFactor | kMultiplied | kStores,
      kMultiplied | kStores | kSums | kProducts,
      kFactor | kMultiplied | kColumns,
      kFactor | kMultiplied | kSecond | kStores,
      kTaken | kFactor | kSecond | kSecondFactor | kAdded | kStores,
      kFactor | kSecond | kSecondFactor | kStores | kSums,
      kAll,
  };

  // Values may be left out, and of the last form everything.
  static constexpr bool fits(unsigned form, unsigned parts) noexcept {
    return form == kAll || (((form ^ parts) & ~kValues) == 0 && (parts & ~form) == 0);
  }
};
inline constexpr int kRowForms = sizeof(RowForm::kForms) / sizeof(unsigned);
inline constexpr std::int64_t kMostRowLeaves = 4;

// out[i] = out[i] + in[0, i] + in[1, i] …, or with products of `in` and `with`, if that is not null; then both are f32.
struct AddRowsArguments {
  void* out;
  const void* in;
  const void* with;
  std::int64_t rows, length;
};

// out[i, j] = (sum over l of a[i, l] * b[l, j]) + bias[j], or bias[i] if `bias_by_row`, added to out if `accumulate`; `bias` may be
// null. Products of kernel `matmul` have `scratch` for as many elements as product_scratch() says, and at most kProductDepth terms if they accumulate.
struct MatmulArguments {
  void* out;
  const void* a;
  const void* b;
  const void* bias;
  void* scratch;
  std::int64_t m, n, k;
  std::int64_t a_row, a_column;
  std::int64_t b_row, b_column;
  std::int64_t out_row, out_column;
  bool bias_by_row;
  bool accumulate;
  bool rectifies;  // max(0, ...) of the elements; then they are not added to out
  bool by_lanes;   // one column, with terms that lie one after another, which are added by lanes: for kernel `column`
};

// The blocks of large products: so many terms at a time at most, and so many rows of an `a` that has to be copied. A block of f32 is
// 280 KB, of second caches of 512 KB; 784 terms are three blocks, and 1024 rows four, of tiles of any kind.
inline constexpr std::int64_t kProductDepth = 264;
inline constexpr std::int64_t kPackedRows = 258;
inline constexpr std::int64_t kMostPanel = 32;   // columns
inline constexpr std::int64_t kRowGap = 16;      // elements between copied rows, against strides that are powers of two
inline constexpr std::int64_t kSmallTerms = 32;  // the most of a small product

constexpr std::int64_t product_scratch(std::int64_t m, std::int64_t k) noexcept {
  const std::int64_t depth = k < kProductDepth ? k : kProductDepth;
  const std::int64_t rows = (m < kPackedRows ? m : kPackedRows) + 8;
  return (depth + 1) * kMostPanel + rows * (depth + kRowGap) + kMostPanel;
}

// values[i] = values[i] - rate * gradients[i].
struct UpdateArguments {
  void* values;
  const void* gradients;
  std::int64_t count;
  double rate;
};

// A step of a first-order rule over a stretch of parameters. By element, with what is null left out:
//
//   g = sign * gradient + decay * w
//   m = first_keep * m + first_take * g
//   v = second_keep * v + second_take * g²                 or, if `uses_maximum`, max(second_keep * v, |g| + epsilon)
//   s = v, or v - m² if `is_centred`, or greatest = max(greatest, v)
//   d = from_first * m + from_gradient * g                 of the m before this step, and its sign, if `uses_sign`
//   d = d / (root * sqrt(s) + epsilon)                     or d / v, if `uses_maximum`
//   u = velocity_keep * u + d, and d = u
//   w = keep * w - rate * d
//   a = average_keep * a + (1 - average_keep) * w
struct RuleArguments {
  void* values;
  const void* gradients;
  void* first;   // m
  void* second;  // v
  void* greatest;
  void* velocity;  // u
  void* average;   // a
  std::int64_t count;
  double sign, decay;
  double first_keep, first_take;
  double second_keep, second_take;
  double from_first, from_gradient;
  double root, epsilon;
  double velocity_keep;
  double keep, rate;
  double average_keep;
  bool is_centred, uses_maximum, uses_sign;
};

// Where a sum of more than kSumLeaf elements is cut in two.
inline constexpr std::int64_t kSumLeaf = 512;
constexpr std::int64_t sum_half(std::int64_t count) noexcept {
  return (count / 2 + kSumLeaf - 1) / kSumLeaf * kSumLeaf;
}

// Where a sum of more than kRowsLeaf rows is.
inline constexpr std::int64_t kRowsLeaf = 32;
constexpr std::int64_t rows_half(std::int64_t rows) noexcept {
  return (rows / 2 + kRowsLeaf - 1) / kRowsLeaf * kRowsLeaf;
}

// A kernel over `in`, dense [outer, length, inner]: it reduces or scans the middle.
struct ReduceArguments {
  void* out;
  const void* in;
  std::int64_t outer;
  std::int64_t length;
  std::int64_t inner;
  bool reverse;  // scans from the end
};

// A value of a node, or of its index, that was not in [low, high]; the first of a pass is kept.
struct Fault {
  bool is_set = false;
  bool is_index = false;
  std::uint32_t node = 0;
  std::int64_t row = 0;  // along the first dimension
  double value = 0;
  double low = 0;
  double high = 0;
};

// What the kernels of a session know of the step that they are run for, and tell about it.
struct StepState {
  std::uint64_t step = 0;
  bool is_training = false;
  Fault fault;
};

// `table` is dense [outer, length, inner], `values` dense [outer, count, inner]. Values (o, k, i) belong to the table's element
// (o, index[o * index_outer + k * index_step + i * index_inner], i).
struct IndexArguments {
  void* table;
  void* values;
  const void* index;
  std::int64_t outer;
  std::int64_t length;
  std::int64_t count;
  std::int64_t inner;
  std::int64_t index_outer;
  std::int64_t index_step;
  std::int64_t index_inner;
  std::int64_t index_row;  // so many indices are a row
  StepState* state;
  std::uint32_t node;
  bool index_is_i32;    // or i64
  bool starts_at_zero;  // the table, which is set to that
};

// A convolution: of images `a` with weights `b`; of results with weights, to images; or of images with results, to weights.
// `scratch` is as large as lower_convolution.cpp says.
struct ConvArguments {
  void* out;
  const void* a;
  const void* b;
  void* scratch;
  std::int64_t batch;
  ConvGeometry geometry;
  std::int32_t first_out, count_out;  // the channels of a group whose weights' gradient is wanted
};

// Max pooling: of each window of images the greatest element, if `values` is not null, and its place.
struct PoolArguments {
  void* places;
  void* values;
  const void* in;
  std::int64_t planes;
  ConvAxis rows;
  ConvAxis columns;
};

// Whether each of `in` is in [low, high], or `allowed` or NaN; `row` of them are a row.
struct CheckArguments {
  const void* in;
  std::int64_t count;
  std::int64_t row;
  double low, high, allowed;
  StepState* state;
  std::uint32_t node;
};

// out[i] = the random number i of the key in the state's step, or the mean outside training.
struct RandomArguments {
  void* out;
  std::int64_t count;
  std::uint64_t key;
  double numbers[2];
  double mean;
  const StepState* state;
};

struct FusedProgram;
struct Profiled;
struct Nest;
union Arguments;
using Kernel = void (*)(const Arguments&) noexcept;

// A lane function over strided operands, a strip at a time.
struct NestArguments {
  LaneArguments lane;
  Kernel kernel;
  const Nest* nest;
  std::int64_t first, count;    // of the nest's first dimension
  std::int64_t scratch_offset;  // of a product's scratch, in bytes
};

// Elements, or rows, of a fused group; they may be cut at multiples of `unit`.
struct FusedArguments {
  const FusedProgram* program;
  std::int64_t first, count;
  std::int64_t unit;
  std::int64_t scratch_offset;  // bytes
};

union Arguments {
  LaneArguments lane;
  SumArguments sum;
  RowsArguments rows;
  AddRowsArguments add_rows;
  MatmulArguments matmul;
  ReduceArguments reduce;
  IndexArguments index;
  RandomArguments random;
  CheckArguments check;
  ConvArguments conv;
  PoolArguments pool;
  UpdateArguments update;
  const RuleArguments* rule;  // which are many, and in no plan
  NestArguments nest;
  FusedArguments fused;
  Profiled* profiled;
};

}  // namespace nadir
