// Shared ownership by a count inside the object. The last owner calls `destroy(T*)`, found by argument-dependent lookup.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace nadir {

class RefCounted {
 public:
  void retain() const noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  bool release() const noexcept { return owners_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  bool is_shared() const noexcept { return owners_.load(std::memory_order_acquire) > 1; }

 private:
  mutable std::atomic<std::int64_t> owners_{1};
};

template <class T>
class Ref {
 public:
  // Takes over the owner that a fresh object is born with.
  static Ref adopt(T* object) noexcept { return Ref(object); }
  static Ref share(T* object) noexcept {
    object->retain();
    return Ref(object);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ && object_->release()) destroy(object_);
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

 private:
  explicit Ref(T* object) noexcept : object_(object) {}
  T* object_;
};

}  // namespace nadir
