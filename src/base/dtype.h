// Element types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nadir {

enum class DType : std::int32_t { kF32 = 1, kF64 = 2 };

inline constexpr int kDTypeCount = 2;

// A dense index for tables that have an entry a dtype.
constexpr int index_of(DType dtype) noexcept { return static_cast<int>(dtype) - 1; }
constexpr DType dtype_at(int index) noexcept { return static_cast<DType>(index + 1); }
constexpr bool is_dtype(std::int32_t number) noexcept { return number >= 1 && number <= kDTypeCount; }

constexpr std::size_t size_of(DType dtype) noexcept { return dtype == DType::kF32 ? 4 : 8; }
constexpr const char* name_of(DType dtype) noexcept { return dtype == DType::kF32 ? "f32" : "f64"; }

// Calls f with a value of the C++ type that stands for `dtype`: visit(dtype, [](auto zero) { using T = decltype(zero); }).
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  return dtype == DType::kF32 ? f(float{}) : f(double{});
}

}  // namespace nadir
