#include "base/pool.h"

#include <new>

namespace nadir {

void* Pool::allocate(std::size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (!last_ || last_->capacity - last_->used < bytes) {
    const std::size_t capacity = kHeader + bytes > kChunkSize ? kHeader + bytes : kChunkSize;
    last_ = ::new (resource_.allocate(capacity, kAlignment)) Chunk{last_, capacity, kHeader};
  }
  char* memory = reinterpret_cast<char*>(last_) + last_->used;
  last_->used += bytes;
  return memory;
}

void Pool::rewind(Mark mark) noexcept {
  while (last_ != mark.chunk) {
    Chunk* previous = last_->previous;
    resource_.deallocate(last_, last_->capacity, kAlignment);
    last_ = previous;
  }
  if (last_) last_->used = mark.used;
}

}  // namespace nadir
