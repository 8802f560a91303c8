#include "base/text.h"

#include <charconv>

namespace nadir {

namespace {

template <class T>
Text& append(Text& text, T number) noexcept {
  char digits[32] = {};
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  return text << std::string_view(digits, static_cast<std::size_t>(end.ptr - digits));
}

}  // namespace

Text& Text::append_signed(std::int64_t number) noexcept { return append(*this, number); }
Text& Text::append_unsigned(std::uint64_t number) noexcept { return append(*this, number); }
Text& Text::operator<<(double number) noexcept { return append(*this, number); }

}  // namespace nadir
