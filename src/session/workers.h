// Threads that share the parts of a step: the library's own, or those of the host's executor.
//
// The caller is one of them. Between two steps of a busy session the others spin for some microseconds, then sleep. They work under
// the caller's floating-point mode. Which thread does a part changes no bits: parts are cut by shapes and their number alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "base/host.h"

namespace nadir {

class Workers {
 public:
  using Body = void (*)(void* context, std::int32_t part) noexcept;

  // Throws Error if the threads cannot be started. `count` includes the caller.
  Workers(std::int32_t count, Host& host);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  std::int32_t count() const noexcept { return count_; }

  // Calls body(context, part) for every part below `count()`, and returns when all have returned.
  void run(Body body, void* context) const noexcept;

 private:
  struct Team;
  Host& host_;
  std::int32_t count_;
  Team* team_ = nullptr;  // null for one thread, or with the host's executor
};

}  // namespace nadir
