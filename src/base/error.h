// The one exception type of the core. It is thrown while building and compiling, never by a running plan, and caught in
// capi/ alone. Its message lies inside it, so that failing for want of memory needs none.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/text.h"

namespace nadir {

// A message of bounded length, ended by 0. A longer one is cut.
class Message {
 public:
  template <class T>
  Message& operator<<(const T& piece) noexcept {
    Text text = rest();
    text << piece;
    return take(text);
  }
  // Not by the template, which would be compiled once a length.
  Message& operator<<(const char* text) noexcept;

  const char* c_str() const noexcept { return bytes_; }
  std::string_view view() const noexcept { return {bytes_, size_}; }
  void clear() noexcept { bytes_[size_ = 0] = '\0'; }

 private:
  static constexpr std::size_t kCapacity = 639;

  Text rest() noexcept { return Text(bytes_ + size_, kCapacity - size_); }
  // What has been written to the rest belongs to the message.
  Message& take(const Text& text) noexcept;

  std::size_t size_ = 0;
  char bytes_[kCapacity + 1] = {};
};

struct Error {
  Status status;
  Message message;
};

// What a call left behind for the host to ask for. Of two threads that leave something at once, one is heard.
class LastError {
 public:
  Status status() const noexcept { return status_.load(std::memory_order_relaxed); }
  const char* message() const noexcept { return message_.c_str(); }

  void clear() noexcept {
    if (status() == Status::kOk) return;
    change([this] {
      message_.clear();
      status_.store(Status::kOk, std::memory_order_relaxed);
    });
  }
  // Keeps `function "subject": message`; the subject may be null.
  void set(Status status, std::string_view function, const char* subject, std::string_view message) noexcept {
    change([&, this] {
      message_.clear();
      message_ << function;
      if (subject && *subject) message_ << " \"" << subject << '"';
      message_ << ": " << message;
      status_.store(status, std::memory_order_relaxed);
    });
  }
  void set(const LastError& other) noexcept {
    change([&, this] {
      message_ = other.message_;
      status_.store(other.status(), std::memory_order_relaxed);
    });
  }

 private:
  template <class F>
  void change(F f) noexcept {
    if (is_changing_.test_and_set(std::memory_order_acquire)) return;
    f();
    is_changing_.clear(std::memory_order_release);
  }

  std::atomic<Status> status_{Status::kOk};
  std::atomic_flag is_changing_;
  Message message_;
};

// A piece of a message, of any type that a Message takes. Of what is not text the address is kept.
struct Piece {
  template <class T>
  Piece(const T& piece) noexcept
      : value(&piece),
        append([](Message& message, const void* from) noexcept { message << *static_cast<const T*>(from); }) {}
  Piece(const char* text) noexcept
      : value(text),
        append([](Message& message, const void* from) noexcept { message << static_cast<const char*>(from); }) {}

  const void* value;
  void (*append)(Message&, const void*) noexcept;
};

[[noreturn, gnu::cold]] void fail_with(Status status, std::span<const Piece> pieces);

// Throws an Error with the pieces as its message: fail(Status::kShape, "x is ", shape). Of a call, only the pieces' addresses are
// compiled in place.
template <class... Pieces>
[[noreturn, gnu::cold]] void fail(Status status, const Pieces&... pieces) {
  const Piece list[] = {Piece(pieces)...};
  fail_with(status, list);
}

}  // namespace nadir
