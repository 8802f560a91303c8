// What layers share: their parameters are named by path, "conv.weight" of the layer "conv".
#pragma once

#include <initializer_list>
#include <string>

#include "ops/leaves.h"

namespace nadir {

class Layer {
 public:
  // A null name is derived from `kind`: "linear#7". Throws unless the name can be given to a node.
  Layer(Graph& graph, const char* name, const char* kind);

  // Adds the parameter `part` of the layer: "weight", "bias_ih_l0".
  Expr param(const char* part, DType dtype, const Shape& shape, const Initializer& initializer) const;
  // The same of a state: "running_mean".
  Expr state(const char* part, DType dtype, const Shape& shape, const Initializer& initializer) const;
  // Gives the layer's result its name, if it was given one; returns it.
  Expr finish(Expr y) const;

 private:
  std::pmr::string path(const char* part) const;

  Graph& graph_;
  const char* name_;
  std::pmr::string prefix_;
};

// The bound of PyTorch's linear and convolution layers: uniform in ±1 / sqrt(fan_in), which is He et al. 2015 with a = sqrt(5).
Initializer uniform_by_fan(std::int64_t fan_in);
// Glorot and Bengio 2010: uniform in ±sqrt(6 / (fan_in + fan_out)).
Initializer xavier_uniform(std::int64_t fan_in, std::int64_t fan_out);

// A size given by the caller. Throws unless it is at least `least`.
void check_at_least(const char* what, std::int64_t given, std::int64_t least);

Shape constant_shape(std::initializer_list<std::int64_t> lengths);
// A dimension of x, which is called `role`. Throws unless it is a constant, and at least 1.
Dim constant_dim(Expr x, const char* role, int axis);
// The last dimension, by the same rule. Throws for a scalar too.
std::int64_t features_of(Expr x, const char* role);
// The option `key`, a probability that is 0 by default.
double parse_dropout(Options& options, const char* key);

}  // namespace nadir
