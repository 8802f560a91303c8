// A node: one operation with its operands, and the shape and dtype of its result.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/dtype.h"
#include "base/shape.h"
#include "graph/op.h"

namespace nadir {

// A node's number in its graph. Operands have smaller numbers than what uses them: the order of numbers is an order of
// computation.
using NodeIndex = std::uint32_t;
inline constexpr NodeIndex kNoNode = ~NodeIndex{0};

// The attributes of an operation: any plain struct of its family, kept as bytes, so that the graph need not know them. Equal
// structs have equal bytes, where the compiler can clear what lies between members; elsewhere they may count as different.
class Attributes {
 public:
  static constexpr std::size_t kSize = 64;

  Attributes() = default;
  template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) <= kSize &&
           !std::is_same_v<T, Attributes>) explicit Attributes(T value) noexcept {
#ifdef __has_builtin
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(&value);
#endif
#endif
    std::memcpy(bytes_.data(), &value, sizeof(T));
  }
  template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) <= kSize) T as()
  const noexcept {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    return value;
  }
  // The bytes, to be compared.
  std::array<std::uint64_t, kSize / sizeof(std::uint64_t)> words() const noexcept {
    std::array<std::uint64_t, kSize / sizeof(std::uint64_t)> words;
    std::memcpy(words.data(), bytes_.data(), kSize);
    return words;
  }

 private:
  std::array<std::byte, kSize> bytes_{};
};

struct Node {
  const Op* op = nullptr;
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const NodeIndex> inputs;
  Attributes attributes;
  const void* data = nullptr;  // of a constant: its elements
  const char* text = "";       // its name
  bool has_derived_name = false;

  // A node gets its name while sessions on other threads may be asking for it; the former one stays readable.
  std::string_view name() const noexcept {
    return std::atomic_ref<const char*>(const_cast<const char*&>(text)).load(std::memory_order_acquire);
  }
  void set_name(const char* name) noexcept {
    std::atomic_ref<const char*>(text).store(name, std::memory_order_release);
  }
};

}  // namespace nadir
