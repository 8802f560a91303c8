// What a step of each optimiser costs: nanoseconds a parameter, of 16 384 in f32 that lie in the cache, with a gradient that
// stays. Passes are none of it. The first row is nadir_sgd_step.
#include <benchmark/benchmark.h>
#include <nadir/nadir.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr int64_t kCount = 16384;
constexpr double kRate = 1e-6;

using Maker = nadir_optimizer* (*)(nadir_session*, double, const char*);

struct Row {
  const char* name;
  Maker make;
  const char* options;
};

constexpr Row kRows[] = {
    {"sgd", nadir_sgd_new, nullptr},
    {"sgd, momentum", nadir_sgd_new, "momentum=0.9"},
    {"sgd, all options", nadir_sgd_new, "momentum=0.9 nesterov=1 weight_decay=0.01"},
    {"adagrad", nadir_adagrad_new, nullptr},
    {"rmsprop", nadir_rmsprop_new, nullptr},
    {"rmsprop, all options", nadir_rmsprop_new, "momentum=0.9 centered=1 weight_decay=0.01"},
    {"adam", nadir_adam_new, nullptr},
    {"adam, amsgrad", nadir_adam_new, "amsgrad=1"},
    {"adam, clip_norm", nadir_adam_new, "clip_norm=1"},
    {"adam, ema_decay", nadir_adam_new, "ema_decay=0.999"},
    {"adamw", nadir_adamw_new, nullptr},
    {"adamax", nadir_adamax_new, nullptr},
    {"nadam", nadir_nadam_new, nullptr},
    {"radam", nadir_radam_new, nullptr},
    {"lion", nadir_lion_new, nullptr},
};

// Parameters w whose loss is sum(w²), after a backward pass, and an optimiser of them.
class Bench {
 public:
  explicit Bench(const Row& row) {
    const nadir_node w = nadir_param_add(graph_, "w", NADIR_F32, &kCount, 1, "init=uniform low=0.5 high=1");
    const nadir_node loss = nadir_sum(graph_, nadir_square(graph_, w), nullptr, 0, nullptr);
    session_ = nadir_session_new(graph_, loss, nullptr, 0, 1, nullptr);
    nadir_forward(session_);
    nadir_backward(session_);
    optimizer_ = row.make(session_, kRate, row.options);
  }
  Bench(const Bench&) = delete;
  ~Bench() {
    nadir_optimizer_free(optimizer_);
    nadir_session_free(session_);
    nadir_graph_free(graph_);
  }
  nadir_status step() const { return nadir_optimizer_step(optimizer_); }
  nadir_status plain_step() const { return nadir_sgd_step(session_, kRate); }

 private:
  nadir_graph* graph_ = nadir_graph_new(nullptr);
  nadir_session* session_;
  nadir_optimizer* optimizer_;
};

void run(benchmark::State& state, const Row& row, nadir_status (Bench::*step)() const) {
  const Bench bench(row);
  for (auto _ : state) {
    if ((bench.*step)() != NADIR_OK) state.SkipWithError("the step failed");
  }
}

// Keeps the time of each repetition.
class Reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      all_ran &= !run.error_occurred;
      if (run.run_type == Run::RT_Iteration)
        times[run.run_name.function_name].push_back(run.GetAdjustedRealTime() / kCount);
    }
  }
  std::map<std::string, std::vector<double>> times;
  bool all_ran = true;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  const auto add = [&](const char* name, const Row& row, nadir_status (Bench::*step)() const) {
    names.emplace_back(name);
    benchmark::RegisterBenchmark(name, run, row, step)->Repetitions(25)->MinTime(0.005);
  };
  add("nadir_sgd_step", kRows[0], &Bench::plain_step);
  for (const Row& row : kRows) add(row.name, row, &Bench::step);
  benchmark::Initialize(&argc, argv);
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);

  std::printf("%-24s %8s %8s   (kernels: %s)\n", "ns a parameter", "min", "median", nadir_isa());
  for (const std::string& name : names) {
    std::vector<double>& times = reporter.times[name];
    if (times.empty()) continue;
    std::sort(times.begin(), times.end());
    std::printf("%-24s %8.3f %8.3f\n", name.c_str(), times.front(), times[times.size() / 2]);
  }
  return reporter.all_ran ? 0 : 1;
}
