// The one exception type of the core. It is thrown while building and compiling, never by a running plan, and caught in
// capi/ alone. Its message lies inside it, so that failing for want of memory needs none.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "base/text.h"

namespace nadir {

// A message of bounded length, ended by 0. A longer one is cut.
class Message {
 public:
  template <class T>
  Message& operator<<(const T& piece) noexcept {
    Text text(bytes_ + size_, kCapacity - size_);
    text << piece;
    size_ += text.written();
    bytes_[size_] = '\0';
    return *this;
  }

  const char* c_str() const noexcept { return bytes_; }
  std::string_view view() const noexcept { return {bytes_, size_}; }
  void clear() noexcept { bytes_[size_ = 0] = '\0'; }

 private:
  static constexpr std::size_t kCapacity = 639;
  std::size_t size_ = 0;
  char bytes_[kCapacity + 1] = {};
};

struct Error {
  Status status;
  Message message;
};

// What a call left behind for the host to ask for.
class LastError {
 public:
  Status status() const noexcept { return status_; }
  const char* message() const noexcept { return message_.c_str(); }

  void clear() noexcept {
    if (status_ != Status::kOk) {
      status_ = Status::kOk;
      message_.clear();
    }
  }
  // Keeps `function "subject": message`; the subject may be null.
  void set(Status status, std::string_view function, const char* subject, std::string_view message) noexcept {
    status_ = status;
    message_.clear();
    message_ << function;
    if (subject && *subject) message_ << " \"" << subject << '"';
    message_ << ": " << message;
  }

 private:
  Status status_ = Status::kOk;
  Message message_;
};

// Throws an Error with the pieces as its message: fail(Status::kShape, "x is ", shape).
template <class... Pieces>
[[noreturn]] void fail(Status status, const Pieces&... pieces) {
  Error error{status, {}};
  (error.message << ... << pieces);
  throw error;
}

}  // namespace nadir
