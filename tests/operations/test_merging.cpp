// Operations of a fused group that one pass over rows does: the same bits as when each result is wanted, and so is written.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "harness.h"

namespace {

using namespace operations;  // NOLINT: a test

// A random graph of sums, differences, products and squares of values [rows, channels, length], with values of their own for rows,
// channels and columns, and with sums along rows, of columns and of all.
class RandomRows {
 public:
  RandomRows(std::uint32_t seed, nadir_dtype dtype) : engine_(seed), dtype_(dtype) {
    static const std::int64_t kLengths[] = {1, 7, 31, 32, 33, 64, 100, 196, 512, 1100};
    const Shape all = {1 + below(40), 1 + below(7), kLengths[below(10)]};
    for (int i = 0; i < 3; ++i) add_param(all, large_);
    add_param({all[0], all[1], 1}, small_);
    add_param({1, all[1], 1}, small_);
    add_param({all[0], 1, 1}, small_);
    add_param({all[2]}, small_);
    add_param({all[1], all[2]}, small_);
    add_param({1}, small_);
    for (int i = 0; i < 12; ++i) add_operation();
    results_.push_back(large_.back());
  }

  // Every result's values, if only `wanted` of them are wanted of a session.
  std::vector<Array> run(const Nodes& wanted) {
    const SessionPtr session = new_session(graph_.get(), NADIR_NONE, wanted);
    ok(session.get(), nadir_forward(session.get()));
    std::vector<Array> found;
    for (const nadir_node result : results_) found.push_back(read(session.get(), graph_.get(), result));
    return found;
  }
  const Nodes& results() const { return results_; }
  Nodes all() const {
    Nodes nodes = results_;
    for (const nadir_node node : made_) {
      if (node != results_.back()) nodes.push_back(node);
    }
    return nodes;
  }

 private:
  std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint32_t>(count));
  }
  nadir_node one_of(const Nodes& nodes) { return nodes[static_cast<std::size_t>(below(std::ssize(nodes)))]; }
  // Usually a late one.
  nadir_node large() { return below(3) > 0 ? large_.back() : one_of(large_); }

  void add_param(const Shape& shape, Nodes& to) {
    std::size_t count = 1;
    for (const std::int64_t length : shape) count *= static_cast<std::size_t>(length);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> values(count);
    for (double& value : values) value = uniform(engine_);
    to.push_back(param(graph_.get(), dtype_, array_of(shape, values)));
  }

  void add_operation() {
    nadir_graph* g = graph_.get();
    const nadir_node x = large();
    if (below(5) == 0) return add_sum(below(2) == 0 ? x : keep(nadir_mul(g, x, large())));
    const nadir_node other = below(3) == 0 ? large() : below(2) == 0 && !rows_.empty() ? rows_.back() : one_of(small_);
    const bool is_turned = below(2) == 0;
    const nadir_node a = is_turned ? other : x, b = is_turned ? x : other;
    switch (below(7)) {
      case 0: return void(keep(nadir_square(g, x)));
      case 1:
      case 2: return void(keep(nadir_add(g, a, b)));
      case 3:
      case 4: return void(keep(nadir_sub(g, a, b)));
      default: return void(keep(nadir_mul(g, a, b)));
    }
  }
  nadir_node keep(nadir_node node) {
    made(graph_.get(), node);
    large_.push_back(node);
    made_.push_back(node);
    return node;
  }
  void add_sum(nadir_node x) {
    static const std::vector<std::int32_t> kAxes[] = {{2}, {0}, {0, 1}, {0, 1, 2}};
    const auto& axes = kAxes[below(4)];
    const nadir_node total = made(
        graph_.get(), nadir_sum(graph_.get(), x, axes.data(), static_cast<std::int32_t>(axes.size()), "keepdim=1"));
    // What only others read may never leave the group.
    const bool is_inner = axes.size() < 3 && below(3) > 0;
    (is_inner ? made_ : results_).push_back(total);
    if (axes.size() < 3) (axes[0] == 2 ? rows_ : small_).push_back(total);
  }

  std::mt19937 engine_;
  const nadir_dtype dtype_;
  const GraphPtr graph_ = new_graph();
  Nodes large_, small_, rows_, made_, results_;
};

void merged_operations_have_the_bits_of_single_ones() {
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    RandomRows rows(seed, seed % 4 == 0 ? NADIR_F64 : NADIR_F32);
    const std::vector<Array> merged = rows.run(rows.results()), single = rows.run(rows.all());
    for (std::size_t i = 0; i < merged.size(); ++i) {
      require(same_bits(merged[i], single[i]), "graph " + std::to_string(seed) + ", result " + std::to_string(i));
    }
  }
}

// A value a row lies where the result of the pass that reads it would: x - Σx, times others, while x is needed further.
void rows_are_not_written_over_their_values() {
  const GraphPtr graph = new_graph();
  nadir_graph* g = graph.get();
  const Shape shape = {40, 100};
  const auto sample = [&](double step) {
    std::vector<double> values(4000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(step * static_cast<double>(i));
    return param(g, NADIR_F32, array_of(shape, values));
  };
  const nadir_node a = sample(0.7), b = sample(1.1);
  const std::int32_t rows[] = {1};
  const nadir_node x = made(g, nadir_mul(g, a, b));
  const nadir_node total = made(g, nadir_sum(g, x, rows, 1, "keepdim=1"));
  const nadir_node centred = made(g, nadir_sub(g, x, total));
  const nadir_node product = made(g, nadir_mul(g, centred, b));
  const nadir_node last = made(g, nadir_mul(g, product, x));
  const nadir_node result = made(g, nadir_sum(g, last, rows, 1, nullptr));
  const auto run = [&](const Nodes& wanted) {
    const SessionPtr session = new_session(g, NADIR_NONE, wanted);
    ok(session.get(), nadir_forward(session.get()));
    return read(session.get(), g, result);
  };
  require(same_bits(run({result}), run({result, x, total, centred, product, last})), "another sum");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {OPERATION_TEST(merged_operations_have_the_bits_of_single_ones),
                              OPERATION_TEST(rows_are_not_written_over_their_values)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
