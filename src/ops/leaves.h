// Nodes without operands: inputs, parameters, constants, and the number of elements at the actual batch.
#pragma once

#include <cstddef>

#include "ops/expr.h"
#include "ops/initializers.h"

namespace nadir {

// Null names are derived. REQUIRES: a given name was checked by Graph::check_name.
Expr input(Graph& graph, const char* name, DType dtype, const Shape& shape);
// An input of a session of the library's own, also in a sealed graph.
Expr argument(Graph& graph, DType dtype, const Shape& shape);
Expr constant(Graph& graph, const char* name, DType dtype, const Shape& shape, const void* data, std::size_t bytes);

Expr param(Graph& graph, const char* name, DType dtype, const Shape& shape, const Initializer& initializer);

// Values that are saved but not optimised, and a value of the same dtype and shape that a step puts into one.
Expr state(Graph& graph, const char* name, DType dtype, const Shape& shape, const Initializer& initializer);
void update_state(Expr state, Expr value);
// A mask, one element: whether the session trains.
Expr training(Graph& graph);

// The number `count` of elements at the actual batch, as a scalar.
Expr extent(Graph& graph, DType dtype, Extent count);

// A constant scalar's value.
double scalar_value(const Node& node) noexcept;

}  // namespace nadir
