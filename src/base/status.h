// The result codes of the C API, as the core knows them. capi/ checks that the two lists agree.
#pragma once

#include <cstdint>

namespace nadir {

enum class Status : std::int32_t {
  kOk = 0,
  kArgument = 1,
  kShape = 2,
  kDType = 3,
  kNoMemory = 4,
  kState = 5,
  kBusy = 6,
  kUnsupported = 7,
  kIo = 8,
  kFormat = 9,
  kCallback = 10,
  kCancelled = 11,
  kNotFinite = 12,
  kVersion = 13,
  kInternal = 14,
  kMismatch = 15,
};

// "NADIR_E_SHAPE" for Status::kShape; "NADIR_E_UNKNOWN" for a number that is no status.
const char* name_of(Status status) noexcept;

}  // namespace nadir
