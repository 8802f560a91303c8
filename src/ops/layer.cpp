#include "ops/layer.h"

#include <cmath>

namespace nadir {

Layer::Layer(Graph& graph, const char* name, const char* kind)
    : graph_(graph), name_(name), prefix_(name ? name : kind, &graph.host()) {
  if (name) {
    graph.check_name(name);
  } else {
    Message number;
    number << '#' << graph.size();
    prefix_ += number.view();
  }
}

std::pmr::string Layer::path(const char* part) const {
  std::pmr::string path(prefix_, &graph_.host());
  path += '.';
  path += part;
  if (name_) graph_.check_name(path);
  return path;
}

Expr Layer::param(const char* part, DType dtype, const Shape& shape, const Initializer& initializer) const {
  return nadir::param(graph_, path(part).c_str(), dtype, shape, initializer);
}

Expr Layer::state(const char* part, DType dtype, const Shape& shape, const Initializer& initializer) const {
  return nadir::state(graph_, path(part).c_str(), dtype, shape, initializer);
}

Expr Layer::finish(Expr y) const {
  if (name_) graph_.set_name(y.index(), name_);
  return y;
}

Initializer uniform_by_fan(std::int64_t fan_in) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return {Initializer::Kind::kUniform, -bound, bound};
}

Initializer xavier_uniform(std::int64_t fan_in, std::int64_t fan_out) {
  const double bound = std::sqrt(6 / (static_cast<double>(fan_in) + static_cast<double>(fan_out)));
  return {Initializer::Kind::kUniform, -bound, bound};
}

void check_at_least(const char* what, std::int64_t given, std::int64_t least) {
  if (given < least) fail(Status::kArgument, what, " is ", given, "; wants at least ", least);
}

Shape constant_shape(std::initializer_list<std::int64_t> lengths) {
  Shape shape;
  for (const std::int64_t length : lengths) shape.append(Dim::constant(length));
  return shape;
}

Dim constant_dim(Expr x, const char* role, int axis) {
  const Dim dim = x.shape()[axis];
  if (dim.is_batch() || dim.factor() < 1) {
    fail(Status::kShape, role, ' ', x, "; wants a constant length, at least 1, in dimension ", axis);
  }
  return dim;
}

std::int64_t features_of(Expr x, const char* role) {
  const int rank = x.shape().rank();
  if (rank == 0) fail(Status::kShape, role, ' ', x, "; wants a last dimension of constant length, at least 1");
  return constant_dim(x, role, rank - 1).factor();
}

double parse_dropout(Options& options, const char* key) {
  const double probability = options.number(key, 0);
  if (!(probability >= 0 && probability <= 1)) fail(Status::kArgument, key, " is ", probability, "; wants 0 to 1");
  return probability;
}

}  // namespace nadir
