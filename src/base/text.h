// Text without allocation and without a locale: a view of a caller's buffer that is appended to. What does not fit is
// counted but not written, so that one pass over the same code measures a text and a second writes it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

namespace nadir {

class Text {
 public:
  // Appends to `buffer`, at most `capacity` bytes of it; a null buffer only measures.
  Text(char* buffer, std::size_t capacity) noexcept : buffer_(buffer), capacity_(buffer ? capacity : 0) {}

  Text& operator<<(std::string_view piece) noexcept {
    if (size_ < capacity_) {
      const std::size_t room = capacity_ - size_;
      std::memcpy(buffer_ + size_, piece.data(), piece.size() < room ? piece.size() : room);
    }
    size_ += piece.size();
    return *this;
  }
  Text& operator<<(const char* piece) noexcept { return *this << std::string_view(piece); }
  Text& operator<<(char c) noexcept { return *this << std::string_view(&c, 1); }

  template <std::integral T>
  Text& operator<<(T number) noexcept {
    if constexpr (std::is_signed_v<T>) {
      return append_signed(number);
    } else {
      return append_unsigned(number);
    }
  }

  // The shortest text that reads back as the same number.
  Text& operator<<(double number) noexcept;

  // The bytes appended so far, written or not.
  std::size_t size() const noexcept { return size_; }
  std::size_t written() const noexcept { return size_ < capacity_ ? size_ : capacity_; }

 private:
  Text& append_signed(std::int64_t number) noexcept;
  Text& append_unsigned(std::uint64_t number) noexcept;

  char* buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

// A number such as -12.5e-3, inf or nan; none if there is anything else in the text, or it is out of double's range.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace nadir
