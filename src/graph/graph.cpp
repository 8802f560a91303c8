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
      parameters_(*host_),
      states_(*host_),
      state_updates_(host_.get()) {}

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
    node.text = pool_.copy(std::string_view(name)).data();
  } else {
    Message derived;
    derived << node.op->name << '#' << index;
    node.text = pool_.copy(derived.view()).data();
  }
  nodes_.append(node);
  names_.emplace(node.name(), index);
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
  names_.erase(node.name());
  node.set_name(copy.data());
  node.has_derived_name = false;
}

void Graph::keep_needed(NodeIndex first, std::span<NodeIndex> wanted) {
  std::pmr::vector<Node> added(host_.get());
  for (NodeIndex index = first; index < size(); ++index) added.push_back(nodes_[index]);
  std::pmr::vector<bool> needed(added.size(), false, host_.get());
  for (const NodeIndex index : wanted) {
    if (index >= first) needed[index - first] = true;
  }
  for (std::size_t i = added.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const NodeIndex input : added[i].inputs) {
      if (input >= first) needed[input - first] = true;
    }
  }

  forget_nodes(first);
  std::pmr::vector<NodeIndex> numbers(added.size(), kNoNode, host_.get());
  const auto number_of = [&](NodeIndex index) { return index < first ? index : numbers[index - first]; };
  std::pmr::vector<NodeIndex> inputs(host_.get());
  for (std::size_t i = 0; i < added.size(); ++i) {
    if (!needed[i]) continue;
    inputs.clear();
    for (const NodeIndex input : added[i].inputs) inputs.push_back(number_of(input));
    added[i].inputs = inputs;
    numbers[i] = add(added[i], nullptr);
  }
  for (NodeIndex& index : wanted) index = number_of(index);
}

NodeIndex Graph::find(std::string_view name) const noexcept {
  const auto found = names_.find(name);
  return found == names_.end() ? kNoNode : found->second;
}

void Graph::forget_nodes(std::size_t nodes) noexcept {
  for (std::size_t index = nodes; index < nodes_.size(); ++index) {
    const auto found = names_.find(nodes_[index].name());
    if (found != names_.end() && found->second == index) names_.erase(found);
  }
  nodes_.truncate(nodes);
}

void Graph::rewind(const Sizes& sizes) noexcept {
  forget_nodes(sizes.nodes);
  parameters_.truncate(sizes.parameters);
  states_.truncate(sizes.states);
  state_updates_.resize(sizes.state_updates);
  pool_.rewind(sizes.pool);
}

}  // namespace nadir
