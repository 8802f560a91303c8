#include "autodiff/gradients.h"

#include <algorithm>
#include <memory_resource>
#include <vector>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

using Flags = std::pmr::vector<bool>;

// Which nodes up to y depend on one of the xs (or are one).
Flags depending_on(std::span<const NodeIndex> xs, Expr y) {
  const Graph& graph = y.graph();
  Flags depends(y.index() + 1, false, &graph.host());
  for (const NodeIndex x : xs) {
    if (x <= y.index()) depends[x] = true;
  }
  for (NodeIndex index = 0; index <= y.index(); ++index) {
    const auto& inputs = graph[index].inputs;
    if (std::any_of(inputs.begin(), inputs.end(), [&](NodeIndex input) { return depends[input]; }))
      depends[index] = true;
  }
  return depends;
}

Expr upstream_of(Expr y, Expr upstream) {
  if (upstream.is_none()) {
    if (!y.shape().is_scalar())
      fail(Status::kShape, "y ", y, "; wants a scalar, such as its sum, or an upstream gradient");
    return scalar(y.graph(), y.dtype(), 1);
  }
  if (upstream.shape() != y.shape()) fail(Status::kShape, "upstream ", upstream, ", y ", y, "; wants equal shapes");
  if (upstream.dtype() != y.dtype()) {
    fail(Status::kDType, "upstream \"", upstream.node().name(), "\" is ", name_of(upstream.dtype()), ", y \"",
         y.node().name(), "\" is ", name_of(y.dtype()), "; wants one dtype");
  }
  return upstream;
}

}  // namespace

void gradients(Expr y, Expr upstream, std::span<const NodeIndex> xs, std::span<NodeIndex> out) {
  Graph& graph = y.graph();
  check_float(y, "y");
  for (const NodeIndex x : xs) check_float(Expr(graph, x), "an x,");
  const Graph::Folding folding(graph);
  const Flags depends = depending_on(xs, y);
  std::pmr::vector<NodeIndex> gradient(y.index() + 1, kNoNode, &graph.host());
  gradient[y.index()] = upstream_of(y, upstream).index();

  for (NodeIndex index = y.index() + 1; index-- > 0;) {
    if (gradient[index] == kNoNode || !depends[index]) continue;
    const Backward backward{Expr(graph, index), Expr(graph, gradient[index])};
    const Node& node = graph[index];
    for (std::size_t operand = 0; operand < node.inputs.size(); ++operand) {
      const NodeIndex input = node.inputs[operand];
      if (!depends[input]) continue;
      if (!node.op->gradient) fail(Status::kUnsupported, "\"", node.name(), "\" (", node.op->name, ") has no gradient");
      const Expr share = node.op->gradient(backward, static_cast<int>(operand));
      if (share.is_none()) continue;
      if (share.shape() != graph[input].shape)
        fail(Status::kInternal, "the gradient of \"", node.name(), "\" has a wrong shape");
      gradient[input] = gradient[input] == kNoNode ? share.index() : (Expr(graph, gradient[input]) + share).index();
    }
  }

  for (std::size_t i = 0; i < xs.size(); ++i) {
    const NodeIndex x = xs[i];
    const bool reached = x <= y.index() && gradient[x] != kNoNode;
    out[i] = reached ? gradient[x] : broadcast_to(scalar(graph, graph[x].dtype, 0), graph[x].shape).index();
  }
}

}  // namespace nadir
