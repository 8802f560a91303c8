#include "guard.h"

#include <new>

namespace nadir::capi {

bool attempt_action(LastError& error, const char* function, const char* subject, Action f) noexcept {
  try {
    f();
    return true;
  } catch (const Error& e) {
    error.set(e.status, function, subject, e.message.view());
  } catch (const std::bad_alloc&) {
    error.set(Status::kNoMemory, function, subject, "the host's allocator gave no memory");
  } catch (...) {
    error.set(Status::kInternal, function, subject, "an unexpected exception");
  }
  return false;
}

Status build_action(Graph& graph, const char* function, const char* subject, Action f) noexcept {
  LastError error;
  if (attempt(error, function, subject, [&] {
        Graph::Transaction transaction(graph);
        f();
        transaction.keep();
        graph.publish();
      })) {
    graph.call_error().clear();
    return Status::kOk;
  }
  if (graph.build_error().status() == Status::kOk) graph.build_error().set(error);
  return error.status();
}

nadir_status call_action(Graph& graph, const char* function, Action f) noexcept {
  LastError error;
  if (attempt_action(error, function, nullptr, f)) {
    graph.call_error().clear();
    return NADIR_OK;
  }
  graph.call_error().set(error);
  return wrap(error.status());
}

}  // namespace nadir::capi
