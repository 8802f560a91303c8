// A vector whose elements never move, so that one thread may append while others read what was there before. Segments
// double in size.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory_resource>
#include <new>
#include <type_traits>

namespace nadir {

template <class T>
class StableVector {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit StableVector(std::pmr::memory_resource& resource) noexcept : resource_(resource) {}
  StableVector(const StableVector&) = delete;
  StableVector& operator=(const StableVector&) = delete;
  ~StableVector() {
    for (std::size_t segment = 0; segment < kSegments && segments_[segment]; ++segment) {
      resource_.deallocate(segments_[segment], length_of(segment) * sizeof(T), alignof(T));
    }
  }

  std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

  T& operator[](std::size_t index) noexcept { return *address(index); }
  const T& operator[](std::size_t index) const noexcept { return *address(index); }

  // REQUIRES: size() < 2^24.
  T& append(const T& value) {
    const std::size_t index = size();
    T*& segment = segments_[segment_of(index)];
    if (!segment) {
      segment = static_cast<T*>(resource_.allocate(length_of(segment_of(index)) * sizeof(T), alignof(T)));
    }
    T* element = ::new (address(index)) T(value);
    size_.store(index + 1, std::memory_order_release);
    return *element;
  }

  // Forgets all elements from `size` on.
  void truncate(std::size_t size) noexcept { size_.store(size, std::memory_order_release); }

 private:
  static constexpr std::size_t kFirst = 32;
  static constexpr std::size_t kSegments = 20;

  static std::size_t segment_of(std::size_t index) noexcept {
    return static_cast<std::size_t>(std::bit_width(index / kFirst + 1)) - 1;
  }
  static std::size_t length_of(std::size_t segment) noexcept { return kFirst << segment; }
  T* address(std::size_t index) const noexcept {
    const std::size_t segment = segment_of(index);
    return segments_[segment] + (index - kFirst * ((std::size_t{1} << segment) - 1));
  }

  std::pmr::memory_resource& resource_;
  std::array<T*, kSegments> segments_{};
  std::atomic<std::size_t> size_{0};
};

}  // namespace nadir
