// What the host lends: memory and a log. Every allocation of the library goes through a Host, from the first object on, so
// that a host can place, count and refuse each of them.
//
// Thread safety: the callbacks may be called by any thread that calls Nadir; a Host itself does not change after its
// first graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <utility>

#include "base/ref.h"

namespace nadir {

struct Allocator {
  void* user;
  void* (*allocate)(void* user, std::size_t bytes, std::size_t alignment);
  void (*deallocate)(void* user, void* memory, std::size_t bytes, std::size_t alignment);
  void (*destroy)(void* user);
};

enum class LogLevel : std::int32_t { kError = 1, kWarning = 2, kInfo = 3 };

struct LogSink {
  void* user;
  void (*write)(void* user, std::int32_t level, const char* message);
  void (*destroy)(void* user);
};

// Calls body(context, i) for every i below count, on any threads, and returns when all calls have.
struct TaskExecutor {
  void* user;
  void (*parallel_for)(void* user, std::int32_t count, void (*body)(void* context, std::int32_t index), void* context);
  void (*destroy)(void* user);
};

// Memory from the C++ runtime.
extern const Allocator kRuntimeAllocator;

class Host final : public std::pmr::memory_resource, public RefCounted {
 public:
  // The host lies in its own allocator's memory. Returns null when there is none.
  static Host* create(const Allocator& allocator) noexcept;
  friend void destroy(Host* host) noexcept;

  void set_log(const LogSink& sink) noexcept;
  void set_executor(const TaskExecutor& executor) noexcept;
  const TaskExecutor& executor() const noexcept { return executor_; }
  bool logs() const noexcept { return log_.write != nullptr; }
  void log(LogLevel level, const char* message) const noexcept {
    if (log_.write) log_.write(log_.user, static_cast<std::int32_t>(level), message);
  }

 private:
  explicit Host(const Allocator& allocator) noexcept : allocator_(allocator) {}
  ~Host() override;

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  Allocator allocator_;
  LogSink log_{nullptr, nullptr, nullptr};
  TaskExecutor executor_{nullptr, nullptr, nullptr};
};

// An object in a resource's memory. Throws what its constructor throws, or std::bad_alloc.
template <class T, class... Arguments>
T* make(std::pmr::memory_resource& resource, Arguments&&... arguments) {
  struct Memory {
    std::pmr::memory_resource& resource;
    void* address = resource.allocate(sizeof(T), alignof(T));
    ~Memory() {
      if (address) resource.deallocate(address, sizeof(T), alignof(T));
    }
  } memory{resource};
  T* object = ::new (memory.address) T(std::forward<Arguments>(arguments)...);
  memory.address = nullptr;
  return object;
}

template <class T>
void unmake(std::pmr::memory_resource& resource, T* object) noexcept {
  object->~T();
  resource.deallocate(object, sizeof(T), alignof(T));
}

}  // namespace nadir
