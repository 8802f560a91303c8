// A worker: a program that holds the candidates of one library, and runs what the driver, compare.py, asks for by a line on
// its standard input. It answers by a line on its standard output:
//
//   about              what the library says of itself
//   list               the number of entries, and as many lines "JOB CANDIDATE"
//   prepare JOB NAME   "ok": the candidate is ready, beside those before it
//   check NAME         the numbers that all candidates of the job must agree on
//   run NAME N         the nanoseconds of N steps
//   forget             "ok": no candidate is prepared any more
//   threads            the number of threads that the process has by now
//
// What fails is answered by "error" and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bench {

class Task {
 public:
  virtual ~Task() = default;
  // Back to the initial weights; not timed, before each run, so that no run meets a loss that came to its end.
  virtual void reset() {}
  virtual void run(std::int64_t steps) = 0;
  // Once, before anything else.
  virtual std::vector<double> check() = 0;
};

// A task whose class `T` has `void step()`: called without a detour, however short it is.
template <class T>
class Steps : public Task {
 public:
  void run(std::int64_t steps) override {
    T& task = static_cast<T&>(*this);
    for (std::int64_t i = 0; i < steps; ++i) task.step();
  }
};

// A task that trains: `double loss_of_step()` makes a step and says what the loss was before it. Its losses at first and after
// 100 steps are what candidates must agree on.
template <class T>
class Training : public Steps<T> {
 public:
  std::vector<double> check() override {
    T& task = static_cast<T&>(*this);
    const double first = task.loss_of_step();
    for (int i = 1; i < 100; ++i) task.loss_of_step();
    return {first, task.loss_of_step()};
  }
};

// What a check tells of an array: three sums in which nothing cancels, the last of them with weights, so that the order counts.
inline void add_sums(std::vector<double>& sums, const float* values, std::size_t count) {
  double positive = 0, sizes = 0, weighted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = values[i];
    positive += value > 0 ? value : 0;
    sizes += value > 0 ? value : -value;
    weighted += value * value * static_cast<double>(1 + i % 7);
  }
  sums.insert(sums.end(), {positive, sizes, weighted});
}

struct Entry {
  std::string job, candidate;
  std::function<std::unique_ptr<Task>()> make;
};

// Serves until the input ends; what `main` returns.
int serve(const std::string& about, const std::vector<Entry>& entries);

}  // namespace bench
