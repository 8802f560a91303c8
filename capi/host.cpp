// What the host lends.
#include "handles.h"

using namespace nadir;
using namespace nadir::capi;

nadir_host* nadir_host_new(const nadir_allocator* allocator) {
  if (!allocator) return wrap(Host::create(kRuntimeAllocator));
  if (allocator->struct_size < sizeof *allocator || !allocator->allocate || !allocator->deallocate) return nullptr;
  return wrap(Host::create({allocator->user, allocator->allocate, allocator->deallocate, allocator->destroy}));
}

nadir_status nadir_host_set_log(nadir_host* handle, const nadir_log_sink* sink) {
  if (!handle) return NADIR_E_ARGUMENT;
  if (sink && (sink->struct_size < sizeof *sink || !sink->write)) return NADIR_E_ARGUMENT;
  Host& host = *unwrap(handle);
  if (host.is_shared()) return NADIR_E_STATE;
  host.set_log(sink ? LogSink{sink->user, sink->write, sink->destroy} : LogSink{nullptr, nullptr, nullptr});
  return NADIR_OK;
}

nadir_status nadir_host_set_executor(nadir_host* handle, const nadir_executor* executor) {
  if (!handle) return NADIR_E_ARGUMENT;
  if (executor && (executor->struct_size < sizeof *executor || !executor->parallel_for)) return NADIR_E_ARGUMENT;
  Host& host = *unwrap(handle);
  if (host.is_shared()) return NADIR_E_STATE;
  host.set_executor(executor ? TaskExecutor{executor->user, executor->parallel_for, executor->destroy}
                             : TaskExecutor{nullptr, nullptr, nullptr});
  return NADIR_OK;
}

void nadir_host_free(nadir_host* handle) {
  if (handle) Ref<Host>::adopt(unwrap(handle));
}
