#include "base/status.h"

namespace nadir {

const char* name_of(Status status) noexcept {
  switch (status) {
    case Status::kOk: return "NADIR_OK";
    case Status::kArgument: return "NADIR_E_ARGUMENT";
    case Status::kShape: return "NADIR_E_SHAPE";
    case Status::kDType: return "NADIR_E_DTYPE";
    case Status::kNoMemory: return "NADIR_E_NO_MEMORY";
    case Status::kState: return "NADIR_E_STATE";
    case Status::kBusy: return "NADIR_E_BUSY";
    case Status::kUnsupported: return "NADIR_E_UNSUPPORTED";
    case Status::kIo: return "NADIR_E_IO";
    case Status::kFormat: return "NADIR_E_FORMAT";
    case Status::kCallback: return "NADIR_E_CALLBACK";
    case Status::kCancelled: return "NADIR_E_CANCELLED";
    case Status::kNotFinite: return "NADIR_E_NOT_FINITE";
    case Status::kVersion: return "NADIR_E_VERSION";
    case Status::kInternal: return "NADIR_E_INTERNAL";
    case Status::kMismatch: return "NADIR_E_MISMATCH";
  }
  return "NADIR_E_UNKNOWN";
}

}  // namespace nadir
