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
  const Dim in_features = shape.rank() > 0 ? shape[shape.rank() - 1] : Dim::constant(0);
  if (in_features.is_batch() || in_features.factor() < 1) {
    fail(Status::kShape, "x ", x, "; wants a last dimension of constant length, at least 1");
  }

  const Layer layer(graph, name, "linear");
  const Initializer initializer = uniform_by_fan(in_features.factor());
  Shape weight_shape;
  weight_shape.append(Dim::constant(out_features));
  weight_shape.append(in_features);
  const Expr weight = layer.param("weight", x.dtype(), weight_shape, initializer);
  Expr y = matmul(as_matrix(x), weight, false, true);
  if (has_bias) {
    Shape bias_shape;
    bias_shape.append(Dim::constant(out_features));
    y = add(y, layer.param("bias", x.dtype(), bias_shape, initializer));
  }

  Shape result = shape;
  result[shape.rank() - 1] = Dim::constant(out_features);
  return layer.finish(reshape(y, result));
}

}  // namespace nadir
