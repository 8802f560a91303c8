// A worker: a program that holds the candidates of one library, and runs what the driver, compare.py, asks for by a line on
// its standard input. It answers by a line on its standard output:
//
//   about              what the library says of itself
//   list               the number of entries, and as many lines "JOB CANDIDATE"
//   prepare JOB NAME   "ok", or "error" and why; the candidate before it is gone
//   check              the numbers that all candidates of the job must agree on
//   threads            the number of threads that the process has by now
//   run N              the nanoseconds of N steps
#pragma once

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

// What a check tells of an array: the sum, and the sum of the squares.
inline void add_sums(std::vector<double>& sums, const float* values, std::size_t count) {
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += values[i];
    squares += static_cast<double>(values[i]) * values[i];
  }
  sums.push_back(sum);
  sums.push_back(squares);
}

struct Entry {
  std::string job, candidate;
  std::function<std::unique_ptr<Task>()> make;
};

// Serves until the input ends; what `main` returns.
int serve(const std::string& about, const std::vector<Entry>& entries);

}  // namespace bench
