// Element types. f32 and f64 are computed with; i32 and i64 are indices and labels; u8 is a mask, 0 or not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nadir {

enum class DType : std::int32_t { kF32 = 1, kF64 = 2, kI32 = 3, kI64 = 4, kU8 = 5 };

inline constexpr int kDTypeCount = 5;
inline constexpr int kFloatCount = 2;  // f32 and f64 come first

// A dense index for tables that have an entry a dtype.
constexpr int index_of(DType dtype) noexcept { return static_cast<int>(dtype) - 1; }
constexpr DType dtype_at(int index) noexcept { return static_cast<DType>(index + 1); }
constexpr bool is_dtype(std::int32_t number) noexcept { return number >= 1 && number <= kDTypeCount; }
constexpr bool is_float(DType dtype) noexcept { return index_of(dtype) < kFloatCount; }

constexpr std::size_t size_of(DType dtype) noexcept {
  constexpr std::size_t kSizes[kDTypeCount] = {4, 8, 4, 8, 1};
  return kSizes[index_of(dtype)];
}
constexpr const char* name_of(DType dtype) noexcept {
  constexpr const char* kNames[kDTypeCount] = {"f32", "f64", "i32", "i64", "u8"};
  return kNames[index_of(dtype)];
}

// Calls f with a value of the C++ type that stands for `dtype`: visit(dtype, [](auto zero) { using T = decltype(zero); }).
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF32: return f(float{});
    case DType::kF64: return f(double{});
    case DType::kI32: return f(std::int32_t{});
    case DType::kI64: return f(std::int64_t{});
    case DType::kU8: break;
  }
  return f(std::uint8_t{});
}

// The same for the floats alone. REQUIRES: is_float(dtype).
template <class F>
decltype(auto) visit_float(DType dtype, F&& f) {
  return dtype == DType::kF32 ? f(float{}) : f(double{});
}

}  // namespace nadir
