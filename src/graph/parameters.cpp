#include "graph/parameters.h"

#include <algorithm>
#include <cstring>

namespace nadir {

Parameters::~Parameters() {
  for (const Block& block : blocks_) {
    if (block.bytes) resource_.deallocate(block.bytes, block.capacity, kAlignment);
  }
}

void Parameters::reserve(Block& block, std::size_t size) {
  if (size <= block.capacity) return;
  const std::size_t capacity = std::max({size, 2 * block.capacity, std::size_t{64}});
  auto* bytes = static_cast<std::byte*>(resource_.allocate(capacity, kAlignment));
  if (block.bytes) {
    std::memcpy(bytes, block.bytes, block.size);
    resource_.deallocate(block.bytes, block.capacity, kAlignment);
  }
  block.bytes = bytes;
  block.capacity = capacity;
}

const Parameter& Parameters::add(NodeIndex node, DType dtype, std::int64_t count) {
  Block& block = block_of(dtype);
  const auto offset = static_cast<std::int64_t>(block.size / size_of(dtype));
  const Parameter parameter{node, dtype, offset, count};
  reserve(block, block.size + parameter.bytes());
  const Parameter& added = list_.emplace_back(parameter);
  block.size += parameter.bytes();
  return added;
}

void Parameters::truncate(std::size_t size) noexcept {
  while (list_.size() > size) {
    block_of(list_.back().dtype).size -= list_.back().bytes();
    list_.pop_back();
  }
}

const Parameter* Parameters::find(NodeIndex node) const noexcept {
  // Declared in the order of their nodes.
  const auto* found =
      std::lower_bound(begin(), end(), node, [](const Parameter& p, NodeIndex n) { return p.node < n; });
  return found != end() && found->node == node ? found : nullptr;
}

}  // namespace nadir
