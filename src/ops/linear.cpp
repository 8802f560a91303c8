#include "ops/linear.h"

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/layer.h"
#include "ops/matmul.h"
#include "ops/shaping.h"

namespace nadir {

Expr linear(const char* name, Expr x, std::int64_t out_features, Options& options) {
  const bool has_bias = options.flag("bias", true);
  options.finish();
  Graph& graph = x.graph();
  check_float(x, "x");
  check_at_least("out_features", out_features, 1);
  const Shape shape = x.shape();
  const std::int64_t in_features = features_of(x, "x");

  const Layer layer(graph, name, "linear");
  const Initializer initializer = uniform_by_fan(in_features);
  const Expr weight = layer.param("weight", x.dtype(), constant_shape({out_features, in_features}), initializer);
  Expr y = matmul(as_matrix(x), weight, false, true);
  if (has_bias) y = add(y, layer.param("bias", x.dtype(), constant_shape({out_features}), initializer));

  Shape result = shape;
  result[shape.rank() - 1] = Dim::constant(out_features);
  return layer.finish(reshape(y, result));
}

}  // namespace nadir
