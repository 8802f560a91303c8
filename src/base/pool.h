// Memory that only grows, and can be rewound to a mark: names, operand lists and constants of a graph. What lies in it
// never moves and needs no destructor.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory_resource>
#include <span>
#include <string_view>

namespace nadir {

class Pool {
 public:
  explicit Pool(std::pmr::memory_resource& resource) noexcept : resource_(resource) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { rewind({nullptr, 0}); }

  // Aligned to 16 bytes.
  void* allocate(std::size_t bytes);

  // A copy that ends in 0.
  std::string_view copy(std::string_view text) {
    char* bytes = static_cast<char*>(allocate(text.size() + 1));
    std::memcpy(bytes, text.data(), text.size());
    bytes[text.size()] = '\0';
    return {bytes, text.size()};
  }

  template <class T>
  std::span<const T> copy(std::span<const T> items) {
    T* bytes = static_cast<T*>(allocate(items.size_bytes()));
    if (!items.empty()) std::memcpy(bytes, items.data(), items.size_bytes());
    return {bytes, items.size()};
  }

 private:
  struct Chunk {
    Chunk* previous;
    std::size_t capacity;
    std::size_t used;
  };

 public:
  struct Mark {
    Chunk* chunk;
    std::size_t used;
  };
  Mark mark() const noexcept { return {last_, last_ ? last_->used : 0}; }
  // Gives back all that was allocated since the mark.
  void rewind(Mark mark) noexcept;

 private:
  static constexpr std::size_t kAlignment = 16;
  static constexpr std::size_t kHeader = (sizeof(Chunk) + kAlignment - 1) / kAlignment * kAlignment;
  static constexpr std::size_t kChunkSize = 4096;

  std::pmr::memory_resource& resource_;
  Chunk* last_ = nullptr;
};

}  // namespace nadir
