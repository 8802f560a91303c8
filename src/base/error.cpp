#include "base/error.h"

namespace nadir {

Message& Message::operator<<(const char* text) noexcept { return *this << std::string_view(text); }

Message& Message::take(const Text& text) noexcept {
  size_ += text.written();
  if (text.written() < text.size()) {
    // Bytes of the last character may be missing, if it is one of several in UTF-8: it is taken away.
    while (size_ > 0 && (bytes_[size_ - 1] & 0xc0) == 0x80) --size_;
    if (size_ > 0 && (bytes_[size_ - 1] & 0x80) != 0) --size_;
  }
  bytes_[size_] = '\0';
  return *this;
}

void fail_with(Status status, std::span<const Piece> pieces) {
  Error error{status, {}};
  for (const Piece& piece : pieces) piece.append(error.message, piece.value);
  throw error;
}

}  // namespace nadir
