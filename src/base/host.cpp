#include "base/host.h"

#include <cerrno>

namespace nadir {

namespace {

void* runtime_allocate(void*, std::size_t bytes, std::size_t alignment) {
  const int saved = errno;  // the host's errno is not ours to change
  void* memory = ::operator new(bytes, std::align_val_t(alignment), std::nothrow);
  errno = saved;
  return memory;
}

void runtime_deallocate(void*, void* memory, std::size_t, std::size_t alignment) {
  ::operator delete(memory, std::align_val_t(alignment));
}

}  // namespace

constinit const Allocator kRuntimeAllocator = {nullptr, runtime_allocate, runtime_deallocate, nullptr};

Host* Host::create(const Allocator& allocator) noexcept {
  void* memory = allocator.allocate(allocator.user, sizeof(Host), alignof(Host));
  return memory ? ::new (memory) Host(allocator) : nullptr;
}

void destroy(Host* host) noexcept {
  const Allocator allocator = host->allocator_;
  host->~Host();
  allocator.deallocate(allocator.user, host, sizeof(Host), alignof(Host));
  if (allocator.destroy) allocator.destroy(allocator.user);
}

Host::~Host() {
  set_executor({nullptr, nullptr, nullptr});
  set_log({nullptr, nullptr, nullptr});
}

void Host::set_log(const LogSink& sink) noexcept {
  const LogSink former = std::exchange(log_, sink);
  if (former.destroy) former.destroy(former.user);
}

void Host::set_executor(const TaskExecutor& executor) noexcept {
  const TaskExecutor former = std::exchange(executor_, executor);
  if (former.destroy) former.destroy(former.user);
}

void* Host::do_allocate(std::size_t bytes, std::size_t alignment) {
  void* memory = allocator_.allocate(allocator_.user, bytes > 0 ? bytes : 1, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

void Host::do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) {
  allocator_.deallocate(allocator_.user, memory, bytes > 0 ? bytes : 1, alignment);
}

}  // namespace nadir
