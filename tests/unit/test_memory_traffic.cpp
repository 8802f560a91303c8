// Fusion, measured: what the steps of random elementwise graphs read and write is little more than what goes in and comes out.
#include <algorithm>
#include <random>
#include <vector>

#include "graph/graph.h"
#include "ops/elementwise.h"
#include "ops/leaves.h"
#include "ops/shaping.h"
#include "plan/cost.h"
#include "unit.h"

namespace {

using namespace nadir;

constexpr int kGraphs = 500;
constexpr double kMostTraffic = 1.2;  // of the bytes of inputs and outputs

// What the forward steps move.
std::uint64_t traffic(const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const Step& step : plan.forward) bytes += cost_of(plan, step, 1).bytes;
  return bytes;
}

// A graph of operations on values of one shape [rows, columns], and on a row and a number that are broadcast.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint32_t seed) : engine_(seed) {
    const std::int64_t sizes[] = {3, 7, 16, 33, 64, 100, 257, 1000};
    rows_ = sizes[below(8)];
    columns_ = sizes[below(8)];
    Shape all;
    all.append(Dim::constant(rows_));
    all.append(Dim::constant(columns_));
    Shape row;
    row.append(Dim::constant(columns_));
    const int inputs = 1 + static_cast<int>(below(4));
    for (int i = 0; i < inputs; ++i) values_.push_back(input(*graph_, nullptr, DType::kF32, all));
    row_ = input(*graph_, nullptr, DType::kF32, row);
    number_ = input(*graph_, nullptr, DType::kF32, Shape());
    inputs_ = values_.size();
    operations_ = 3 + static_cast<int>(below(18));
    for (int left = operations_; left > 0;) values_.push_back(operation(left));
    choose_outputs();
  }
  RandomGraph(const RandomGraph&) = delete;
  RandomGraph& operator=(const RandomGraph&) = delete;
  ~RandomGraph() { Ref<Graph>::adopt(graph_); }

  Plan plan() const { return compile(*graph_, {kNoNode, outputs_, 1}); }
  // What must be moved. Outputs of one value are one.
  std::uint64_t least(const Plan& plan) const {
    std::vector<std::size_t> places;
    for (const PlanOutput& output : plan.outputs) places.push_back(output.place.bytes);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    std::uint64_t elements = places.size() * static_cast<std::uint64_t>(rows_ * columns_);
    for (std::size_t i = 0; i < inputs_; ++i) {
      if (is_needed(values_[i].index())) elements += static_cast<std::uint64_t>(rows_ * columns_);
    }
    if (is_needed(row_.index())) elements += static_cast<std::uint64_t>(columns_);
    if (is_needed(number_.index())) elements += 1;
    return elements * sizeof(float);
  }
  void describe(std::uint32_t seed, const Plan& plan, std::uint64_t moved) const {
    print_error("graph %u: [%ld, %ld], %d operations, %zu outputs, %zu steps: %.0f bytes moved, %.0f needed\n", seed,
                static_cast<long>(rows_), static_cast<long>(columns_), operations_, outputs_.size(),
                plan.forward.size(), static_cast<double>(moved), static_cast<double>(least(plan)));
  }

 private:
  std::uint32_t below(std::uint32_t count) { return static_cast<std::uint32_t>(engine_()) % count; }

  Expr value() {
    // Mostly of the last few, so that chains are long.
    const auto count = static_cast<std::uint32_t>(values_.size());
    return below(2) == 0 ? values_[below(count)] : values_[count - 1 - below(std::min(count, 3u))];
  }

  // Takes what it adds from `left`.
  Expr operation(int& left) {
    constexpr OpId kUnary[] = {OpId::neg, OpId::exp, OpId::tanh, OpId::square, OpId::relu, OpId::sigmoid};
    constexpr OpId kBinary[] = {OpId::add, OpId::sub, OpId::mul, OpId::div, OpId::maximum};
    const Expr a = value();
    const std::uint32_t kind = below(left > 1 ? 8 : 7);
    left -= kind == 7 ? 2 : 1;
    switch (kind) {
      case 0:
      case 1:
      case 2: return unary(kUnary[below(6)], a);
      case 3: return binary(kBinary[below(5)], a, below(3) == 0 ? number_ : row_);
      case 4: return scale(a, 0.5);
      case 7: return where(lt(a, value()), a, value());
      default: return binary(kBinary[below(5)], a, value());
    }
  }

  // What nothing else uses, and at times something in between.
  void choose_outputs() {
    std::vector<bool> is_used(graph_->size(), false);
    for (NodeIndex i = 0; i < graph_->size(); ++i) {
      for (const NodeIndex operand : (*graph_)[i].inputs) is_used[operand] = true;
    }
    for (std::size_t i = inputs_; i < values_.size(); ++i) {
      const NodeIndex node = values_[i].index();
      const bool is_there = std::find(outputs_.begin(), outputs_.end(), node) != outputs_.end();
      if (!is_there && (!is_used[node] || below(12) == 0)) outputs_.push_back(node);
    }
  }

  bool is_needed(NodeIndex wanted) const {
    std::vector<bool> needed(graph_->size(), false);
    for (const NodeIndex output : outputs_) needed[output] = true;
    for (NodeIndex i = static_cast<NodeIndex>(graph_->size()); i-- > 0;) {
      if (!needed[i]) continue;
      for (const NodeIndex operand : (*graph_)[i].inputs) needed[operand] = true;
    }
    return needed[wanted];
  }

  Host* host_ = Host::create(kRuntimeAllocator);
  Graph* graph_ = make<Graph>(*host_, Ref<Host>::adopt(host_));
  std::mt19937 engine_;
  std::int64_t rows_, columns_;
  std::vector<Expr> values_;
  Expr row_, number_;
  std::size_t inputs_ = 0;
  int operations_ = 0;
  std::vector<NodeIndex> outputs_;
};

void random_graphs_move_little_more_than_their_inputs_and_outputs(void**) {
  int failures = 0;
  double greatest = 0, sum = 0;
  for (std::uint32_t seed = 1; seed <= kGraphs; ++seed) {
    const RandomGraph graph(seed);
    const Plan plan = graph.plan();
    const std::uint64_t moved = traffic(plan);
    const double ratio = static_cast<double>(moved) / static_cast<double>(graph.least(plan));
    greatest = std::max(greatest, ratio);
    sum += ratio;
    assert_true(moved >= graph.least(plan));  // else something is left out
    if (ratio <= kMostTraffic) continue;
    graph.describe(seed, plan, moved);
    ++failures;
  }
  print_message("bytes moved over bytes needed: %.3f on average, %.3f at most\n", sum / kGraphs, greatest);
  assert_int_equal(failures, 0);
}

// The measure notices what is not fused: exp(x) is read again, turned, by a step of its own, and so is in memory.
void what_is_not_fused_moves_more(void**) {
  Host* host = Host::create(kRuntimeAllocator);
  Graph* graph = make<Graph>(*host, Ref<Host>::adopt(host));
  Shape square;
  square.append(Dim::constant(64));
  square.append(Dim::constant(64));
  const Expr powers = exp(input(*graph, "x", DType::kF32, square));
  const NodeIndex outputs[] = {add(powers, transpose(powers, 0, 1)).index()};
  assert_int_equal(traffic(compile(*graph, {kNoNode, outputs, 1})), 4 * 64 * 64 * sizeof(float));
  Ref<Graph>::adopt(graph);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(random_graphs_move_little_more_than_their_inputs_and_outputs),
      cmocka_unit_test(what_is_not_fused_moves_more),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
