#include "ops/linear.h"

#include <cmath>
#include <memory_resource>
#include <string>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/matmul.h"
#include "ops/shaping.h"

namespace nadir {

Expr linear(const char* name, Expr x, std::int64_t out_features, Options& options) {
  const bool has_bias = options.flag("bias", true);
  options.finish();
  Graph& graph = x.graph();
  check_float(x, "x");
  if (name) graph.check_name(name);
  if (out_features < 1) fail(Status::kArgument, "out_features is ", out_features, "; wants at least 1");
  const Shape shape = x.shape();
  const Dim in_features = shape.rank() > 0 ? shape[shape.rank() - 1] : Dim::constant(0);
  if (in_features.is_batch() || in_features.factor() < 1) {
    fail(Status::kShape, "x ", x, "; wants a last dimension of constant length, at least 1");
  }

  std::pmr::string prefix(name ? name : "linear#", &graph.host());
  if (!name) {
    Message number;
    number << graph.size();
    prefix += number.view();
  }
  const auto named = [&](const char* part) {
    std::pmr::string path(prefix, &graph.host());
    path += part;
    if (name) graph.check_name(path);
    return path;
  };

  // He et al. 2015 with a = sqrt(5): the bound sqrt(6 / ((1 + a²) in)) is 1 / sqrt(in).
  const double bound = 1 / std::sqrt(static_cast<double>(in_features.factor()));
  const Initializer initializer{Initializer::Kind::kUniform, -bound, bound};

  Shape weight_shape;
  weight_shape.append(Dim::constant(out_features));
  weight_shape.append(in_features);
  const Expr weight = param(graph, named(".weight").c_str(), x.dtype(), weight_shape, initializer);
  Expr y = matmul(as_matrix(x), weight, false, true);
  if (has_bias) {
    Shape bias_shape;
    bias_shape.append(Dim::constant(out_features));
    y = add(y, param(graph, named(".bias").c_str(), x.dtype(), bias_shape, initializer));
  }

  Shape result = shape;
  result[shape.rank() - 1] = Dim::constant(out_features);
  y = reshape(y, result);
  if (name) graph.set_name(y.index(), name);
  return y;
}

}  // namespace nadir
