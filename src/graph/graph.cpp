#include "graph/graph.h"

#include <atomic>

namespace nadir {

namespace {

constexpr std::size_t kMostNodes = (std::size_t{1} << 24) - 1;

std::uint32_t next_tag() noexcept {
  static constinit std::atomic<std::uint32_t> made{0};
  return made.fetch_add(1, std::memory_order_relaxed) % 255 + 1;
}

}  // namespace

Graph::Graph(Ref<Host> host)
    : host_(std::move(host)),
      tag_(next_tag()),
      nodes_(*host_),
      pool_(*host_),
      names_(host_.get()),
      parameters_(*host_) {}

void destroy(Graph* graph) noexcept {
  const Ref<Host> host = graph->host_;
  unmake(*host, graph);
}

NodeIndex Graph::add(Node node, const char* name) {
  if (nodes_.size() >= kMostNodes) fail(Status::kUnsupported, "a graph has at most ", kMostNodes, " nodes");
  const auto index = static_cast<NodeIndex>(nodes_.size());
  Transaction transaction(*this);
  node.inputs = pool_.copy(node.inputs);
  node.has_derived_name = name == nullptr;
  if (name) {
    node.name = pool_.copy(std::string_view(name));
  } else {
    Message derived;
    derived << node.op->name << '#' << index;
    node.name = pool_.copy(derived.view());
  }
  nodes_.append(node);
  names_.emplace(node.name, index);
  transaction.keep();
  return index;
}

void Graph::check_name(std::string_view name) const {
  if (name.empty()) fail(Status::kArgument, "the name is empty");
  if (name.find('#') != std::string_view::npos) {
    fail(Status::kArgument, "name \"", name, "\": '#' is kept for derived names");
  }
  if (find(name) != kNoNode) fail(Status::kArgument, "name \"", name, "\" is taken by another node");
}

void Graph::set_name(NodeIndex index, std::string_view name) {
  check_name(name);
  Node& node = nodes_[index];
  const std::string_view copy = pool_.copy(name);
  names_.emplace(copy, index);
  names_.erase(node.name);
  node.name = copy;
  node.has_derived_name = false;
}

NodeIndex Graph::find(std::string_view name) const noexcept {
  const auto found = names_.find(name);
  return found == names_.end() ? kNoNode : found->second;
}

void Graph::rewind(std::size_t nodes, std::size_t parameters, Pool::Mark pool) noexcept {
  for (std::size_t index = nodes; index < nodes_.size(); ++index) {
    const auto found = names_.find(nodes_[index].name);
    if (found != names_.end() && found->second == index) names_.erase(found);
  }
  nodes_.truncate(nodes);
  parameters_.truncate(parameters);
  pool_.rewind(pool);
}

}  // namespace nadir
