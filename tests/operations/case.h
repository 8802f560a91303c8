// What a test of an operation is made of: its operands, how the library is asked for it, and a reference that computes
// the same in double, written with xtensor or plain loops, never with the library. The checks in checks.h do the rest.
//
// A shape may have the batch in it, and then the case is run at several batch sizes: as a graph with that many rows
// written into its shapes, and as one graph whose batch is a symbol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nadir/nadir.h>

#include <xtensor/xarray.hpp>

namespace operations {

// Values of any dtype, which a double holds exactly but for the largest i64.
using Array = xt::xarray<double>;
using Arrays = std::vector<Array>;
using Shape = std::vector<std::int64_t>;
using Axes = std::vector<std::int32_t>;
using Nodes = std::vector<nadir_node>;
using Index = std::vector<std::size_t>;

inline constexpr std::int64_t kBatch = NADIR_BATCH;

// The rows that stand for a length: itself, or `batch` times its multiple of the batch.
std::int64_t rows(std::int64_t length, std::int64_t batch);
Shape with_batch(Shape shape, std::int64_t batch);
bool has_batch(const Shape& shape);
std::string text_of(const Shape& shape);

// ------------------------------------------------------------------------------------------------------ operands

// The value of element number i.
using Samples = std::function<double(std::size_t)>;

// Numbers all over [low, high], no two alike, exact in f32, and none nearer than 0.05 to one of `kinks`, where a
// function has no derivative, and so no differences.
Samples spread(double low, double high, std::vector<double> kinks = {});

// The values in turn.
Samples in_turn(std::vector<double> values);

// (2k + 1) * step / 2 for changing whole numbers k from -count to count - 1: odd multiples of half a step.
Samples odd_halves(double step, int count);

struct Operand {
  Shape shape;
  Samples samples;
  nadir_dtype dtype = 0;  // 0: that of the run; what has a dtype of its own gets no gradient
  std::string made;       // it is a parameter of this name that the operation makes itself
};

// An index or a mask.
Operand index_operand(Shape shape, std::vector<double> values, nadir_dtype dtype = NADIR_I64);
Operand mask_operand(Shape shape);

// --------------------------------------------------------------------------------------------------------- cases

// The graph that a case is built in, with the meaning of the batch there: NADIR_BATCH or a number of rows.
struct Scope {
  nadir_graph* graph;
  nadir_dtype dtype;
  std::int64_t batch;

  [[nodiscard]] std::int64_t rows(std::int64_t length) const;
  [[nodiscard]] Shape shape(const Shape& symbolic) const;
  [[nodiscard]] std::int64_t end(std::int64_t end) const;  // of a slice
};

using Build = std::function<nadir_node(const Scope& scope, const Nodes& operands)>;
using Reference = std::function<Array(const Arrays& operands)>;

enum class Derivatives {
  kUntold,  // not looked at, as where a value is NaN
  kZero,    // the result does not change with an operand, or only in steps
  kHeld,    // the gradient is zero although the result changes
  kTwice,   // the gradient and its gradient are those of differences
};

struct Case {
  std::string label;
  std::vector<Operand> operands;
  Build build;
  Reference reference;
  Derivatives derivatives = Derivatives::kTwice;
  nadir_dtype result = 0;  // 0: the dtype of the run
  std::vector<nadir_dtype> dtypes = {NADIR_F32, NADIR_F64};
  // The error of a value may be this many roundings (halves of the dtype's epsilon) of max(floor, |value|). With 0
  // roundings only the sign of zero may differ.
  double roundings = 16;
  double floor = 0;
  std::vector<std::int64_t> batches = {0, 1, 2, 5};
  bool needs_rows = false;  // a batch of 0 is allowed, but no length of 0
  bool is_brief = false;    // value, gradient and batches are enough: it differs from another case by a length
  bool is_random = false;   // in training; the reference is of evaluation
};

using Cases = std::vector<Case>;

bool has_batch(const Case& c);
void append(Cases& to, Cases more);

inline const std::vector<nadir_dtype> kAllDtypes = {NADIR_F32, NADIR_F64, NADIR_I32, NADIR_I64, NADIR_U8};

// ------------------------------------------------------------------------------------- what references are made of

Array array_of(const Shape& shape);  // zeros
Array array_of(const Shape& shape, const std::vector<double>& values);
Array vector_of(const std::vector<double>& values);
Array reshaped(const Array& x, const Shape& shape);

// Calls f with every index of the shape, the last one changing fastest.
void for_each_index(const Shape& shape, const std::function<void(const Index&)>& f);

// The array whose element at each index is f(index).
Array generate(const Shape& shape, const std::function<double(const Index&)>& f);

Shape shape_of(const Array& x);
double at(const Array& x, const Index& index);
double& at(Array& x, const Index& index);

// Counted from the end if it is negative.
std::size_t axis_of(std::int32_t axis, std::size_t rank);

// f of each element.
Array mapped(Array x, const std::function<double(double)>& f);

bool has_zero(const Shape& shape);

// f of each pair of elements, broadcasting.
Array mapped(const Array& a, const Array& b, const std::function<double(double, double)>& f);

}  // namespace operations
