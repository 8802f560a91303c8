// What each step of a job costs, the slowest first, beside the most that this machine does: of arithmetic, by a large product, and
// of memory, by a large copy. GB/s are those of what a step reads and writes, which is above the peak where it is in the cache.
#include "profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The least nanoseconds of a call, in half a second of them.
template <class F>
double least_nanoseconds(F f) {
  double least = 1e300;
  const auto start = Clock::now();
  do {
    const auto before = Clock::now();
    f();
    least = std::min(least, seconds_since(before));
  } while (seconds_since(start) < 0.5);
  return least * 1e9;
}

// Floating point operations a nanosecond, by Nadir's own product: that is what its steps can reach.
double peak_of_flops() {
  constexpr std::int64_t kSide = 1024;
  const std::int64_t shape[] = {kSide, kSide};
  nadir_graph* graph = nadir_graph_new(nullptr);
  const nadir_node a = nadir_param_add(graph, "a", NADIR_F32, shape, 2, "init=uniform low=-1 high=1");
  const nadir_node product = nadir_matmul(graph, a, a, nullptr);
  nadir_session* session = nadir_session_new(graph, NADIR_NONE, &product, 1, 1, nullptr);
  const double nanoseconds = least_nanoseconds([&] { nadir_forward(session); });
  nadir_session_free(session);
  nadir_graph_free(graph);
  return 2.0 * kSide * kSide * kSide / nanoseconds;
}

// Bytes a nanosecond, read and written.
double peak_of_bytes() {
  constexpr std::size_t kBytes = std::size_t{256} << 20;
  std::vector<char> from(kBytes, 1), to(kBytes, 2);
  const double nanoseconds = least_nanoseconds([&] { std::memcpy(to.data(), from.data(), kBytes); });
  return 2.0 * kBytes / nanoseconds;
}

// What profiling adds to the time of every call.
double clock_nanoseconds() {
  constexpr int kReadings = 1000;
  const auto read = [] {
    for (int i = 0; i < kReadings; ++i) Clock::now();
  };
  return least_nanoseconds(read) / kReadings;
}

double nanoseconds_a_step(Task& task, std::int64_t steps) {
  task.reset();
  const auto start = Clock::now();
  task.run(steps);
  return seconds_since(start) * 1e9 / static_cast<double>(steps);
}

std::vector<nadir_profile_entry> entries_of(const nadir_session* session) {
  std::vector<nadir_profile_entry> all;
  for (std::int32_t i = 0; i < nadir_session_step_count(session); ++i) {
    nadir_profile_entry entry{};
    entry.struct_size = sizeof entry;
    if (nadir_session_profile(session, i, &entry) != NADIR_OK) throw std::runtime_error("no profile");
    if (entry.calls > 0) all.push_back(entry);
  }
  return all;
}

void print_plan(const nadir_session* session) {
  std::size_t bytes = 0;
  nadir_session_dump(session, "text", nullptr, 0, &bytes);
  std::string text(bytes, '\0');
  nadir_session_dump(session, "text", text.data(), bytes, nullptr);
  std::printf("\n%s", text.c_str());
}

void print_table(const std::vector<nadir_profile_entry>& entries, double total, double flops, double bytes) {
  static const char* const kPhases[] = {"", "constants", "weights", "forward", "backward", "accumulating"};
  std::printf("%4s  %-12s %-15s %-30s %9s %12s %6s %9s %5s %8s %5s\n", "step", "phase", "what", "node", "calls",
              "ns a call", "share", "GFLOP/s", "peak", "GB/s", "peak");
  for (const nadir_profile_entry& entry : entries) {
    const auto nanoseconds = static_cast<double>(entry.nanoseconds);
    const double a_call = nanoseconds / static_cast<double>(entry.calls);
    const double arithmetic = a_call > 0 ? static_cast<double>(entry.flops) / a_call : 0;
    const double memory = a_call > 0 ? static_cast<double>(entry.bytes) / a_call : 0;
    const std::string node = entry.param ? std::string("gradient of ") + entry.param : entry.node;
    std::printf("%4d  %-12s %-15s %-30.30s %9llu %12.1f %5.1f%% %9.2f %4.0f%% %8.2f %4.0f%%\n", entry.step,
                kPhases[entry.phase], entry.what, node.c_str(), static_cast<unsigned long long>(entry.calls), a_call,
                100 * nanoseconds / total, arithmetic, 100 * arithmetic / flops, memory, 100 * memory / bytes);
  }
}

void profile_task(Task& task, nadir_session* session, const char* job) {
  const double flops = peak_of_flops(), bytes = peak_of_bytes();
  // As many steps as take a second, after some that warm up.
  const double guess = nanoseconds_a_step(task, 10);
  const std::int64_t steps = std::clamp<std::int64_t>(static_cast<std::int64_t>(1e9 / guess), 10, 1000000);
  const double plain = nanoseconds_a_step(task, steps);
  if (nadir_session_set_profiling(session, 1) != NADIR_OK) throw std::runtime_error(nadir_session_error(session));
  nanoseconds_a_step(task, steps);
  std::vector<nadir_profile_entry> entries = entries_of(session);
  nadir_session_set_profiling(session, 0);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.nanoseconds > b.nanoseconds; });
  double total = 0;
  for (const nadir_profile_entry& entry : entries) total += static_cast<double>(entry.nanoseconds);

  std::printf(
      "%s, kernels %s; the peak of this core: %.1f GFLOP/s (f32, a product of 1024^3), %.1f GB/s (a copy of "
      "256 MB)\n\n",
      job, nadir_isa(), flops, bytes);
  print_table(entries, total, flops, bytes);
  std::printf(
      "\nAll of these take %.1f ns a round, of %lld rounds; not profiled, a round takes %.1f ns, with its writes,\n"
      "calls and update. A reading of the clock, %.1f ns, is in the time of every call.\n",
      total / static_cast<double>(steps), static_cast<long long>(steps), plain, clock_nanoseconds());
}

}  // namespace

int profile(const std::vector<std::string>& arguments, const std::vector<Entry>& entries,
            nadir_session* (*session_of_last)()) {
  const std::string job = arguments.front();
  const bool shows_plan = arguments.size() > 1 && arguments[1] == "--plan";
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.job == job; });
  if (found == entries.end() || arguments.size() > (shows_plan ? 2 : 1)) {
    std::fprintf(stderr, "usage: ./run profile JOB [--plan]\nThe jobs are");
    for (const Entry& entry : entries) {
      if (entry.candidate == "nadir") std::fprintf(stderr, " %s", entry.job.c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  const auto task = found->make();
  profile_task(*task, session_of_last(), job.c_str());
  if (shows_plan) print_plan(session_of_last());
  return 0;
}

}  // namespace bench
