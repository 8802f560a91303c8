// The graph: what a user declared, in the order of declaration, and the values of its parameters.
//
// Invariants: a node never changes or moves once added, except for getting a name; its operands have smaller numbers.
// Whatever adds more than one thing does so under a Transaction, so that a failure leaves the graph as it was.
//
// Thread safety: one thread builds. Sessions may run meanwhile: they read nodes that existed when they were made, and
// the parameters' values through the gate.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/gate.h"
#include "base/host.h"
#include "base/pool.h"
#include "base/ref.h"
#include "base/stable_vector.h"
#include "graph/node.h"
#include "graph/parameters.h"

namespace nadir {

class Graph : public RefCounted {
 public:
  explicit Graph(Ref<Host> host);
  friend void destroy(Graph* graph) noexcept;

  Host& host() const noexcept { return *host_; }
  // The number by which node ids tell graphs apart: 1 to 255.
  std::uint32_t tag() const noexcept { return tag_; }
  std::uint64_t seed() const noexcept { return seed_; }
  void set_seed(std::uint64_t seed) noexcept { seed_ = seed; }

  std::size_t size() const noexcept { return nodes_.size(); }
  // The number of nodes that are there to stay: what the host may know.
  std::size_t published() const noexcept { return published_.load(std::memory_order_acquire); }
  void publish() noexcept { published_.store(size(), std::memory_order_release); }
  const Node& operator[](NodeIndex index) const noexcept { return nodes_[index]; }

  // Adds a node whose operands and name are copied; a null name is derived from the operation and the node's number.
  // REQUIRES: a given name was checked by check_name; a constant's data lies in pool().
  NodeIndex add(Node node, const char* name);
  // Throws unless the name can be given to a node.
  void check_name(std::string_view name) const;
  void set_name(NodeIndex index, std::string_view name);
  // Of the unnamed nodes from number `first` on, keeps those that the wanted ones need, and renumbers them, wanted ones
  // included. REQUIRES: called within a transaction; nothing else knows the numbers.
  void keep_needed(NodeIndex first, std::span<NodeIndex> wanted);
  // kNoNode if there is none.
  NodeIndex find(std::string_view name) const noexcept;

  Pool& pool() noexcept { return pool_; }
  Parameters& parameters() noexcept { return parameters_; }
  const Parameters& parameters() const noexcept { return parameters_; }
  // Named values that are saved but not optimised, such as running statistics.
  Parameters& states() noexcept { return states_; }
  const Parameters& states() const noexcept { return states_; }
  // What a state becomes when a step is committed.
  struct StateUpdate {
    NodeIndex state;
    NodeIndex value;
  };
  std::span<const StateUpdate> state_updates() const noexcept { return state_updates_; }
  void add_state_update(NodeIndex state, NodeIndex value) { state_updates_.push_back({state, value}); }
  Gate& gate() const noexcept { return gate_; }

  // While gradients are built, whether a node was made for them: nobody else knows it, so it may be folded away. What the
  // host knows must stay, for the host may differentiate with respect to it.
  bool may_fold(NodeIndex index) const noexcept { return index >= first_foldable_; }
  class Folding {
   public:
    explicit Folding(Graph& graph) noexcept : graph_(graph) {
      graph_.first_foldable_ = static_cast<NodeIndex>(graph.size());
    }
    Folding(const Folding&) = delete;
    Folding& operator=(const Folding&) = delete;
    ~Folding() { graph_.first_foldable_ = kNoNode; }

   private:
    Graph& graph_;
  };

  // From the first session on, storage stays as it is.
  bool is_sealed() const noexcept { return sealed_; }
  void seal() noexcept { sealed_ = true; }

  // The first failure of a builder, and the last call's; kept apart.
  LastError& build_error() noexcept { return build_error_; }
  const LastError& build_error() const noexcept { return build_error_; }
  LastError& call_error() noexcept { return call_error_; }
  const LastError& call_error() const noexcept { return call_error_; }

  // How much was added so far.
  struct Sizes {
    std::size_t nodes;
    std::size_t parameters;
    std::size_t states;
    std::size_t state_updates;
    Pool::Mark pool;
  };
  Sizes sizes() const noexcept {
    return {nodes_.size(), parameters_.size(), states_.size(), state_updates_.size(), pool_.mark()};
  }

  // Takes back, at the end of its scope, whatever was added since, unless it was kept.
  class Transaction {
   public:
    explicit Transaction(Graph& graph) noexcept : graph_(graph), size_(graph.sizes()) {}
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() {
      if (!kept_) graph_.rewind(size_);
    }
    void keep() noexcept { kept_ = true; }

   private:
    Graph& graph_;
    Sizes size_;
    bool kept_ = false;
  };

 private:
  void forget_nodes(std::size_t nodes) noexcept;
  void rewind(const Sizes& sizes) noexcept;

  Ref<Host> host_;
  std::uint32_t tag_;
  std::uint64_t seed_ = 0;
  bool sealed_ = false;
  NodeIndex first_foldable_ = kNoNode;
  StableVector<Node> nodes_;
  std::atomic<std::size_t> published_{0};
  Pool pool_;
  std::pmr::unordered_map<std::string_view, NodeIndex> names_;
  Parameters parameters_;
  Parameters states_;
  std::pmr::vector<StateUpdate> state_updates_;
  mutable Gate gate_;
  LastError build_error_;
  LastError call_error_;
};

}  // namespace nadir
