// Random numbers by counter, and dropout.
#pragma once

#include <array>

#include "ops/expr.h"

namespace nadir {

struct RandomAttributes {
  enum class Kind { kUniform, kNormal, kBernoulli } kind;
  // Uniform: from, to below. Normal: mean, standard deviation. Bernoulli: the probability of a value, and that value; else 0.
  std::array<double, 2> numbers;
  double mean;  // what each is outside training
};

Expr random(Graph& graph, DType dtype, const Shape& shape, const RandomAttributes& attributes);
Expr uniform(Graph& graph, DType dtype, const Shape& shape, double low, double high);
Expr normal(Graph& graph, DType dtype, const Shape& shape, double mean, double deviation);
Expr bernoulli(Graph& graph, DType dtype, const Shape& shape, double probability);
Expr dropout(Expr x, double probability);

}  // namespace nadir
