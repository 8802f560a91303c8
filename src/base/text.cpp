#include "base/text.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace nadir {

namespace {

// The C library's conversions, without its locale's decimal point and without touching the host's errno. (The C++ library's
// bring 150 KB of tables.)
class KeptErrno {
 public:
  KeptErrno() = default;
  KeptErrno(const KeptErrno&) = delete;
  KeptErrno& operator=(const KeptErrno&) = delete;
  ~KeptErrno() { errno = kept_; }

 private:
  int kept_ = errno;
};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The fewest digits d that read back as a number d.ddd * 10^exponent.
struct Decimal {
  char digits[24];
  int count = 0;
  int exponent = 0;
};

Decimal shortest(double number) noexcept {
  constexpr int kMostDigits = 17;  // tell any two numbers apart
  Decimal decimal;
  char text[48];
  for (int precision = 0; precision < kMostDigits; ++precision) {
    std::snprintf(text, sizeof text, "%.*e", precision, number);
    if (std::strtod(text, nullptr) == number) break;
  }
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (is_digit(*at)) decimal.digits[decimal.count++] = *at;
  }
  decimal.exponent = std::atoi(at + 1);
  return decimal;
}

template <class T>
Text& append(Text& text, T number) noexcept {
  char digits[32] = {};
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  return text << std::string_view(digits, static_cast<std::size_t>(end.ptr - digits));
}

}  // namespace

Text& Text::append_signed(std::int64_t number) noexcept { return append(*this, number); }
Text& Text::append_unsigned(std::uint64_t number) noexcept { return append(*this, number); }

Text& Text::operator<<(double number) noexcept {
  if (std::signbit(number)) *this << '-';
  if (std::isnan(number)) return *this << "nan";
  if (std::isinf(number)) return *this << "inf";
  const KeptErrno kept;
  const Decimal d = shortest(std::fabs(number));
  const std::string_view digits(d.digits, static_cast<std::size_t>(d.count));
  // The shorter of 0.00ddd, dd.d or ddd00, and of d.dde+xx.
  const int with_exponent = d.count + (d.count > 1 ? 1 : 0) + (std::abs(d.exponent) < 100 ? 4 : 5);
  const int without = d.exponent < 0 ? d.count + 1 - d.exponent : d.count + 1;
  const bool is_whole = d.exponent >= d.count - 1;
  if ((is_whole ? d.exponent + 1 : without) > with_exponent) {
    *this << digits[0];
    if (d.count > 1) *this << '.' << digits.substr(1);
    return *this << (d.exponent < 0 ? "e-" : "e+") << (std::abs(d.exponent) < 10 ? "0" : "") << std::abs(d.exponent);
  }
  if (d.exponent < 0) {
    *this << "0.";
    for (int i = -1; i > d.exponent; --i) *this << '0';
    return *this << digits;
  }
  if (is_whole) {
    // All digits, which are more than tell it apart if it is over 2^53.
    char whole[32];
    std::snprintf(whole, sizeof whole, "%.0f", std::fabs(number));
    return *this << whole;
  }
  const auto before = static_cast<std::size_t>(d.exponent) + 1;
  return *this << digits.substr(0, before) << '.' << digits.substr(before);
}

std::optional<double> parse_number(std::string_view text) noexcept {
  const KeptErrno kept;
  char copy[256];
  char half[8];
  std::snprintf(half, sizeof half, "%.1f", 0.5);  // the locale's decimal point is between its digits
  const std::string_view point(half + 1, std::strlen(half) - 2);
  Text in_locale(copy, sizeof copy - 1);
  const std::string_view magnitude = text.substr(text.starts_with('-') ? 1 : 0);
  if (magnitude.empty() || magnitude[0] == '+' || magnitude[0] == '-') return std::nullopt;
  const bool is_word = magnitude == "inf" || magnitude == "infinity" || magnitude == "nan";
  for (const char c : text) {
    if (!is_word && !is_digit(c) && std::string_view("+-.eE").find(c) == std::string_view::npos) return std::nullopt;
    c == '.' ? in_locale << point : in_locale << c;
  }
  if (in_locale.written() != in_locale.size()) return std::nullopt;
  copy[in_locale.size()] = 0;
  char* end = nullptr;
  errno = 0;
  const double number = std::strtod(copy, &end);
  const bool is_out_of_range = errno == ERANGE && (number == 0 || std::isinf(number));
  if (end != copy + in_locale.size() || is_out_of_range) return std::nullopt;
  return number;
}

}  // namespace nadir
