// Versions, names and features.
#include <cstring>

#include "handles.h"
#include "kernels/table.h"

using namespace nadir;

#define NADIR_TEXT_OF(number) #number
#define NADIR_VERSION_TEXT(major, minor, patch) NADIR_TEXT_OF(major) "." NADIR_TEXT_OF(minor) "." NADIR_TEXT_OF(patch)

const char* nadir_version_string(void) {
  return NADIR_VERSION_TEXT(NADIR_VERSION_MAJOR, NADIR_VERSION_MINOR, NADIR_VERSION_PATCH);
}

int32_t nadir_version_number(void) {
  return NADIR_VERSION_MAJOR * 1000000 + NADIR_VERSION_MINOR * 1000 + NADIR_VERSION_PATCH;
}

int32_t nadir_abi_version(void) { return 0; }

int32_t nadir_has_feature(const char* name) {
  if (!name) return 0;
  if (std::strcmp(name, "simd") == 0) return has_vector_kernels();
  return find_kernels(name) != nullptr;
}

const char* nadir_isa(void) { return kernels().isa; }

const char* nadir_status_name(nadir_status status) { return name_of(static_cast<Status>(status)); }

size_t nadir_dtype_size(nadir_dtype dtype) { return is_dtype(dtype) ? size_of(static_cast<DType>(dtype)) : 0; }

const char* nadir_dtype_name(nadir_dtype dtype) {
  return is_dtype(dtype) ? name_of(static_cast<DType>(dtype)) : "none";
}
