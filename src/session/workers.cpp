#include "session/workers.h"

#include "base/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <csignal>

#include <pthread.h>
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace nadir {

namespace {

// The state of the floating-point unit that changes results: rounding, denormals, traps.
#if defined(__x86_64__)
using FloatMode = unsigned;
FloatMode float_mode() noexcept { return _mm_getcsr(); }
void set_float_mode(FloatMode mode) noexcept { _mm_setcsr(mode); }
void pause() noexcept { _mm_pause(); }
#elif defined(__aarch64__)
using FloatMode = std::uint64_t;
FloatMode float_mode() noexcept {
  FloatMode mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
void set_float_mode(FloatMode mode) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
void pause() noexcept { __asm__ volatile("yield"); }
#else
using FloatMode = int;
FloatMode float_mode() noexcept { return 0; }
void set_float_mode(FloatMode) noexcept {}
void pause() noexcept {}
#endif

// What systems call a thread, a lock and a condition.
#if defined(_WIN32)
class Lock {
 public:
  void lock() noexcept { AcquireSRWLockExclusive(&lock_); }
  void unlock() noexcept { ReleaseSRWLockExclusive(&lock_); }
  void wait() noexcept { SleepConditionVariableSRW(&changed_, &lock_, INFINITE, 0); }
  void wake_all() noexcept { WakeAllConditionVariable(&changed_); }

 private:
  SRWLOCK lock_ = SRWLOCK_INIT;
  CONDITION_VARIABLE changed_ = CONDITION_VARIABLE_INIT;
};
using Thread = HANDLE;
using ThreadResult = DWORD;
bool start(Thread& thread, ThreadResult(WINAPI* run)(void*), void* argument) noexcept {
  thread = CreateThread(nullptr, 0, run, argument, 0, nullptr);
  return thread != nullptr;
}
void join(Thread thread) noexcept {
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}
void give_way() noexcept { SwitchToThread(); }
#define NADIR_THREAD_CALL WINAPI
#else
class Lock {
 public:
  Lock() noexcept = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    pthread_cond_destroy(&changed_);
    pthread_mutex_destroy(&lock_);
  }
  void lock() noexcept { pthread_mutex_lock(&lock_); }
  void unlock() noexcept { pthread_mutex_unlock(&lock_); }
  void wait() noexcept { pthread_cond_wait(&changed_, &lock_); }
  void wake_all() noexcept { pthread_cond_broadcast(&changed_); }

 private:
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
};
using Thread = pthread_t;
using ThreadResult = void*;
// Signals are for the host's own threads.
bool start(Thread& thread, ThreadResult (*run)(void*), void* argument) noexcept {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool is_started = pthread_create(&thread, nullptr, run, argument) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return is_started;
}
void join(Thread thread) noexcept { pthread_join(thread, nullptr); }
void give_way() noexcept { sched_yield(); }
#define NADIR_THREAD_CALL
#endif

constexpr int kSpins = 4000;  // some tens of microseconds
constexpr int kGiveWayAfter = 500;

}  // namespace

struct Workers::Team {
  explicit Team(std::pmr::memory_resource* resource) : members(resource) {}

  struct Member {
    Team* team;
    std::int32_t part;
    Thread thread;
  };

  void share(Body next, void* with) noexcept;
  void work(std::int32_t part) noexcept;
  bool spin_for_job(std::uint32_t seen) const noexcept;
  static ThreadResult NADIR_THREAD_CALL run(void* argument) noexcept {
    const Member& member = *static_cast<const Member*>(argument);
    member.team->work(member.part);
    return {};
  }

  std::pmr::vector<Member> members;
  // The job: written before its number, read after.
  Body body = nullptr;
  void* context = nullptr;
  FloatMode mode = 0;
  alignas(64) std::atomic<std::uint32_t> job{0};
  alignas(64) std::atomic<std::int32_t> left{0};
  std::atomic<std::int32_t> sleepers{0};
  std::atomic<bool> ends{false};
  Lock lock;
};

bool Workers::Team::spin_for_job(std::uint32_t seen) const noexcept {
  for (int i = 0; i < kSpins; ++i) {
    if (job.load(std::memory_order_acquire) != seen) return true;
    if (i >= kGiveWayAfter && i % 64 == 0) {
      give_way();
    } else {
      pause();
    }
  }
  return false;
}

void Workers::Team::work(std::int32_t part) noexcept {
  std::uint32_t seen = 0;
  while (true) {
    if (!spin_for_job(seen)) {
      lock.lock();
      sleepers.fetch_add(1);
      while (job.load() == seen) lock.wait();
      sleepers.fetch_sub(1);
      lock.unlock();
    }
    ++seen;
    if (ends.load()) return;
    const FloatMode own = float_mode();
    set_float_mode(mode);
    body(context, part);
    set_float_mode(own);
    left.fetch_sub(1, std::memory_order_release);
  }
}

void Workers::Team::share(Body next, void* with) noexcept {
  body = next;
  context = with;
  mode = float_mode();
  left.store(static_cast<std::int32_t>(members.size()), std::memory_order_relaxed);
  job.fetch_add(1);
  if (sleepers.load() > 0) {
    lock.lock();
    lock.wake_all();
    lock.unlock();
  }
}

Workers::Workers(std::int32_t count, Host& host) : host_(host), count_(count) {
  if (count == 1 || host.executor().parallel_for) return;
  team_ = make<Team>(host, &host);
  std::size_t started = 0;
  try {
    team_->members.resize(static_cast<std::size_t>(count - 1));
    for (; started < team_->members.size(); ++started) {
      Team::Member& member = team_->members[started];
      member.team = team_;
      member.part = static_cast<std::int32_t>(started) + 1;
      if (!start(member.thread, Team::run, &member)) {
        fail(Status::kNoMemory, "threads=", count, ": the system starts no more than ", started + 1);
      }
    }
  } catch (...) {
    team_->members.resize(started);
    this->~Workers();
    throw;
  }
}

Workers::~Workers() {
  if (!team_) return;
  team_->ends.store(true);
  team_->share(nullptr, nullptr);
  for (const Team::Member& member : team_->members) join(member.thread);
  unmake(host_, team_);
}

void Workers::run(Body body, void* context) const noexcept {
  if (!team_) {
    host_.executor().parallel_for(host_.executor().user, count_, body, context);
    return;
  }
  team_->share(body, context);
  body(context, 0);
  for (int i = 0; team_->left.load(std::memory_order_acquire) != 0; ++i) {
    if (i >= kGiveWayAfter && i % 64 == 0) {
      give_way();
    } else {
      pause();
    }
  }
}

}  // namespace nadir
