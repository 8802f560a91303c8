// What a session tells of its plan and of the time that its steps take.
#include <cstring>

#include "guard.h"
#include "session/session.h"

using namespace nadir;
using namespace nadir::capi;

nadir_status nadir_session_dump(const nadir_session* handle, const char* format, char* buffer, size_t capacity,
                                size_t* needed) {
  if (!handle || !format || (!buffer && (capacity > 0 || !needed))) return NADIR_E_ARGUMENT;
  const bool is_dot = std::strcmp(format, "dot") == 0;
  if (!is_dot && std::strcmp(format, "text") != 0) return NADIR_E_ARGUMENT;
  Text measure(nullptr, 0);
  unwrap(handle)->dump(is_dot, measure);
  const size_t bytes = measure.size() + 1;
  if (needed) *needed = bytes;
  if (capacity == 0) return NADIR_OK;
  if (capacity < bytes) return NADIR_E_ARGUMENT;
  // A node may get another name meanwhile: what does not fit is then cut off.
  Text text(buffer, capacity - 1);
  unwrap(handle)->dump(is_dot, text);
  buffer[text.written()] = '\0';
  return NADIR_OK;
}

int32_t nadir_session_step_count(const nadir_session* session) {
  return session ? static_cast<int32_t>(unwrap(session)->steps()) : 0;
}

nadir_status nadir_session_set_profiling(nadir_session* handle, int32_t on) {
  if (!handle) return NADIR_E_ARGUMENT;
  Session& session = *unwrap(handle);
  LastError error;
  Status status = Status::kOk;
  const bool is_done =
      attempt(error, "session_set_profiling", nullptr, [&] { status = session.set_profiling(on != 0); });
  return wrap(is_done ? status : session.reject(error));
}

nadir_status nadir_session_profile(const nadir_session* session, int32_t index, nadir_profile_entry* entry) {
  if (!session || !entry || entry->struct_size < sizeof *entry || index < 0) return NADIR_E_ARGUMENT;
  StepProfile profile;
  const Status status = unwrap(session)->profile(static_cast<size_t>(index), profile);
  if (status != Status::kOk) return wrap(status);
  entry->phase = profile.phase + NADIR_PHASE_CONSTANTS;
  entry->step = index;
  entry->what = profile.what;
  entry->node = profile.node;
  entry->param = profile.parameter;
  entry->calls = profile.calls;
  entry->nanoseconds = profile.nanoseconds;
  entry->bytes = profile.bytes;
  entry->flops = profile.flops;
  return NADIR_OK;
}
