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

Expr Layer::finish(Expr y) const {
  if (name_) graph_.set_name(y.index(), name_);
  return y;
}

Initializer uniform_by_fan(std::int64_t fan_in) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return {Initializer::Kind::kUniform, -bound, bound};
}

void check_at_least(const char* what, std::int64_t given, std::int64_t least) {
  if (given < least) fail(Status::kArgument, what, " is ", given, "; wants at least ", least);
}

}  // namespace nadir
