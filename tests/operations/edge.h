// A value with its first and second derivatives at chosen points, for tests of what a docstring says about the odd
// ones: points that are no finite number, kinks, ties and poles.
#pragma once

#include <limits>

#include "harness.h"

namespace operations {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// y, the gradients of sum(y) by each operand, and the gradients of the sum of these.
struct Derived {
  Array y;
  Arrays first, second;
};

using Unary = nadir_node (*)(nadir_graph*, nadir_node);
using Binary = nadir_node (*)(nadir_graph*, nadir_node, nadir_node);

// All operands are inputs of `dtype`.
Derived derive(const Arrays& operands, const Build& build, nadir_dtype dtype = NADIR_F64);
Derived derive(const std::vector<double>& x, Unary build, nadir_dtype dtype = NADIR_F64);
Derived derive(const std::vector<double>& a, const std::vector<double>& b, Binary build, nadir_dtype dtype = NADIR_F64);

// The value alone, of operands that may have no gradient.
Array value_of(const Arrays& operands, const Build& build, nadir_dtype dtype = NADIR_F64);

// NaN where NaN is wanted, and equal elsewhere; `tolerance` is relative.
void require_values(const Array& got, const std::vector<double>& wanted, const std::string& what, double tolerance = 0);

}  // namespace operations
