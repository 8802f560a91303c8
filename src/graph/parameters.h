// The values of a graph's parameters: one block a dtype, in the order of declaration, without gaps, so that solvers and
// all-reduce see one vector. A block may move while parameters are added and stays where it is from the first session on.
//
// Thread safety: values are guarded by the graph's gate; the list does not change after the first session.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "base/dtype.h"
#include "graph/node.h"

namespace nadir {

struct Parameter {
  NodeIndex node;
  DType dtype;
  std::int64_t offset;  // in elements, in its dtype's block
  std::int64_t count;
  bool is_frozen = false;  // sessions to come do not train it

  std::size_t byte_offset() const noexcept { return static_cast<std::size_t>(offset) * size_of(dtype); }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(count) * size_of(dtype); }
};

class Parameters {
 public:
  explicit Parameters(std::pmr::memory_resource& resource) noexcept : resource_(resource), list_(&resource) {}
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;
  ~Parameters();

  // Appends a parameter whose values are not set yet.
  const Parameter& add(NodeIndex node, DType dtype, std::int64_t count);
  // Forgets all parameters from number `size` on.
  void truncate(std::size_t size) noexcept;

  std::size_t size() const noexcept { return list_.size(); }
  const Parameter& operator[](std::size_t index) const noexcept { return list_[index]; }
  const Parameter* begin() const noexcept { return list_.data(); }
  const Parameter* end() const noexcept { return list_.data() + list_.size(); }
  const Parameter* find(NodeIndex node) const noexcept;
  void set_frozen(std::size_t index, bool is_frozen) noexcept { list_[index].is_frozen = is_frozen; }

  std::byte* block(DType dtype) noexcept { return block_of(dtype).bytes; }
  const std::byte* block(DType dtype) const noexcept { return block_of(dtype).bytes; }
  std::size_t block_bytes(DType dtype) const noexcept { return block_of(dtype).size; }
  std::byte* values(const Parameter& parameter) noexcept { return block(parameter.dtype) + parameter.byte_offset(); }
  const std::byte* values(const Parameter& parameter) const noexcept {
    return block(parameter.dtype) + parameter.byte_offset();
  }

  // Counts the changes of values: a backward pass belongs to the version that its forward pass saw.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_relaxed); }
  // The values were changed by a step of an optimiser,
  void stepped() noexcept { version_.store(version() + 1, std::memory_order_relaxed); }
  // or otherwise.
  void changed() noexcept { set_steps(steps()); }

  // The steps so far, on which random numbers depend: the versions that no other change made, so that a step counts but once.
  std::uint64_t steps() const noexcept { return version() - others_.load(std::memory_order_relaxed); }
  void set_steps(std::uint64_t steps) noexcept {
    stepped();
    others_.store(version() - steps, std::memory_order_relaxed);
  }

 private:
  struct Block {
    std::byte* bytes = nullptr;
    std::size_t size = 0;
    std::size_t capacity = 0;
  };
  static constexpr std::size_t kAlignment = 64;

  Block& block_of(DType dtype) noexcept { return blocks_[static_cast<std::size_t>(index_of(dtype))]; }
  const Block& block_of(DType dtype) const noexcept { return blocks_[static_cast<std::size_t>(index_of(dtype))]; }
  void reserve(Block& block, std::size_t size);

  std::pmr::memory_resource& resource_;
  std::pmr::vector<Parameter> list_;
  std::array<Block, kFloatCount> blocks_;
  // Changed by a writer of the graph; asked for at any time.
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> others_{0};
};

}  // namespace nadir
