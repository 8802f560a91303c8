// A step of the linear fit, one sample: by Nadir's C API, the two writes included, and by hand. The two are interleaved in
// one run; what counts is their ratio, since machines drift.
#include <benchmark/benchmark.h>
#include <nadir/nadir.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "linear_fit_by_hand.h"

namespace {

constexpr float kX[] = {-2, -1, 0, 1, 2};
constexpr float kT[] = {-4, -1, 2, 5, 8};
constexpr float kRate = 0.1f;

int next(int sample) { return sample == 4 ? 0 : sample + 1; }

struct Fit {
  nadir_graph* graph = nadir_graph_new(nullptr);
  nadir_node x, t;
  nadir_session* session;

  Fit() {
    const int64_t column[] = {NADIR_BATCH, 1};
    x = nadir_input_add(graph, "x", NADIR_F32, column, 2);
    t = nadir_input_add(graph, "t", NADIR_F32, column, 2);
    const nadir_node loss = nadir_mse_loss(graph, nadir_linear_add(graph, "fit", x, 1, nullptr), t, nullptr);
    session = nadir_session_new(graph, loss, nullptr, 0, 1, nullptr);
    const float ones[] = {1, 1};
    nadir_params_flat_set(graph, NADIR_F32, ones, sizeof ones);
  }
  ~Fit() {
    nadir_session_free(session);
    nadir_graph_free(graph);
  }
  void step(int sample) const {
    nadir_session_write(session, x, &kX[sample], sizeof(float));
    nadir_session_write(session, t, &kT[sample], sizeof(float));
    nadir_zero_grad(session);
    nadir_forward(session);
    nadir_backward(session);
    nadir_sgd_step(session, kRate);
  }
};

void nadir_step(benchmark::State& state) {
  const Fit fit;
  int sample = 0;
  for (auto _ : state) {
    fit.step(sample);
    sample = next(sample);
  }
}

void hand_written_step(benchmark::State& state) {
  line fit = {1, 1, 0};
  int sample = 0;
  for (auto _ : state) {
    line_step(&fit, &kX[sample], &kT[sample], kRate);
    sample = next(sample);
  }
  benchmark::DoNotOptimize(fit);
}

// Both must do the same work: equal parameters after ten steps.
bool agree() {
  const Fit fit;
  line hand = {1, 1, 0};
  for (int step = 0; step < 10; ++step) {
    fit.step(step % 5);
    line_step(&hand, &kX[step % 5], &kT[step % 5], kRate);
  }
  float values[2];
  nadir_params_flat_get(fit.graph, NADIR_F32, values, sizeof values);
  return std::fabs(values[0] - hand.w) < 1e-5f && std::fabs(values[1] - hand.b) < 1e-5f;
}

// Keeps the time of each repetition.
class Reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration) times[run.benchmark_name()].push_back(run.GetAdjustedRealTime());
    }
  }
  std::map<std::string, std::vector<double>> times;
};

}  // namespace

int main(int argc, char** argv) {
  if (!agree()) {
    std::fprintf(stderr, "the two steps do not agree: nothing was measured\n");
    return 1;
  }
  benchmark::RegisterBenchmark("nadir", nadir_step)->Repetitions(25)->MinTime(0.02);
  benchmark::RegisterBenchmark("hand", hand_written_step)->Repetitions(25)->MinTime(0.02);
  std::vector<char*> arguments(argv, argv + argc);
  char interleave[] = "--benchmark_enable_random_interleaving=true";
  arguments.insert(arguments.begin() + 1, interleave);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);

  double minimum[2] = {}, median[2] = {};
  std::printf("%-20s %8s %8s   (ns a step, kernels: %s)\n", "", "min", "median", nadir_isa());
  for (auto& [name, times] : reporter.times) {
    std::sort(times.begin(), times.end());
    const bool is_hand = name.rfind("hand", 0) == 0;
    minimum[is_hand] = times.front();
    median[is_hand] = times[times.size() / 2];
    std::printf("%-20s %8.2f %8.2f\n", is_hand ? "hand-written C" : "nadir", times.front(), times[times.size() / 2]);
  }
  std::printf("%-20s %8.2f %8.2f\n", "ratio", minimum[0] / minimum[1], median[0] / median[1]);
  return 0;
}
