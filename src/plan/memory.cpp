#include "plan/memory.h"

#include <algorithm>

#include "base/error.h"

namespace nadir {

namespace {

bool conflict(const Buffer& a, const Buffer& b) noexcept {
  return (a.variants & b.variants) != 0 && a.first <= b.last && b.first <= a.last;
}

// The buffer that those over each other have their place of.
std::uint32_t lowest(const std::pmr::vector<Buffer>& buffers, std::uint32_t index) noexcept {
  while (buffers[index].over != kNoBuffer) index = buffers[index].over;
  return index;
}

void cover(Buffer& lowest, const Buffer& other) noexcept {
  lowest.first = std::min(lowest.first, other.first);
  lowest.last = std::max(lowest.last, other.last);
  lowest.variants |= other.variants;
}

}  // namespace

// Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): the largest buffer
// first, each at the lowest address where it meets none that it conflicts with.
std::size_t place_buffers(std::pmr::vector<Buffer>& buffers, std::pmr::memory_resource* resource) {
  std::pmr::vector<std::uint32_t> order(resource);
  order.reserve(buffers.size());
  for (std::uint32_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].over == kNoBuffer) {
      order.push_back(i);
    } else {
      cover(buffers[lowest(buffers, i)], buffers[i]);
    }
  }
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b;
  });

  std::pmr::vector<const Buffer*> placed(resource);  // by offset
  placed.reserve(buffers.size());
  std::size_t total = 0;
  for (const std::uint32_t index : order) {
    Buffer& buffer = buffers[index];
    std::size_t offset = 0;
    for (const Buffer* other : placed) {
      if (!conflict(buffer, *other)) continue;
      if (offset + buffer.bytes <= other->offset) break;
      offset = std::max(offset, aligned(other->offset + other->bytes));
    }
    buffer.offset = offset;
    if (buffer.bytes > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max()) - offset - kArenaAlignment) {
      fail(Status::kNoMemory, "the intermediate values have more than 2^63 - 1 bytes");
    }
    total = std::max(total, aligned(offset + buffer.bytes));
    const auto behind = std::find_if(placed.begin(), placed.end(), [&](const Buffer* b) { return b->offset > offset; });
    placed.insert(behind, &buffer);
  }
  for (std::uint32_t i = 0; i < buffers.size(); ++i) buffers[i].offset = buffers[lowest(buffers, i)].offset;
  return total;
}

}  // namespace nadir
