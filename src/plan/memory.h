// Memory by liveness: buffers that are never needed at the same time share addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <vector>

namespace nadir {

inline constexpr std::uint32_t kNoBuffer = ~std::uint32_t{0};

struct Buffer {
  std::size_t bytes = 0;
  // The first and the last position in the order of steps at which the contents matter.
  std::int32_t first = 0;
  std::int32_t last = 0;
  // The two variants of the backward pass never run together: a bit each, both for the forward pass.
  std::uint8_t variants = 0;
  std::size_t offset = 0;       // the result
  bool is_kept = false;         // its contents outlive all steps
  bool is_there_first = false;  // and are there before the first
  // The buffer, of as many bytes, whose place it takes when that is needed for the last time.
  std::uint32_t over = kNoBuffer;
};

inline constexpr std::int32_t kForEver = std::numeric_limits<std::int32_t>::max();
inline constexpr std::size_t kArenaAlignment = 64;
constexpr std::size_t aligned(std::size_t bytes) noexcept {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Sets the offsets and returns the bytes of an arena that holds all buffers. Buffers that lie over each other have one place, and the
// lowest of them the lifetime of all. Throws Error if they are over 2^63 - 1.
std::size_t place_buffers(std::pmr::vector<Buffer>& buffers, std::pmr::memory_resource* resource);

}  // namespace nadir
