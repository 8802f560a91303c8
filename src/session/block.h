// One aligned piece of a resource's memory, zeroed and thereby touched.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory_resource>

namespace nadir {

class Block {
 public:
  Block(std::size_t bytes, std::pmr::memory_resource* resource)
      : resource_(resource),
        bytes_(bytes),
        data_(bytes ? static_cast<std::byte*>(resource->allocate(bytes, kAlignment)) : nullptr) {
    if (data_) std::memset(data_, 0, bytes);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (data_) resource_->deallocate(data_, bytes_, kAlignment);
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kAlignment = 64;

  std::pmr::memory_resource* resource_;
  std::size_t bytes_;
  std::byte* data_;
};

}  // namespace nadir
