#include "base/options.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace nadir {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view next_word(std::string_view& rest) {
  std::size_t start = 0;
  while (start < rest.size() && is_space(rest[start])) ++start;
  std::size_t end = start;
  while (end < rest.size() && !is_space(rest[end])) ++end;
  const std::string_view word = rest.substr(start, end - start);
  rest.remove_prefix(end);
  return word;
}

// Levenshtein's edit distance of two keys, cut to a length that every key has.
int distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kLongest = 40;
  a = a.substr(0, kLongest);
  b = b.substr(0, kLongest);
  std::array<int, kLongest + 1> row;
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

template <class T>
T parse(std::string_view key, std::string_view value, const char* wanted) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) {
    fail(Status::kArgument, "option ", key, "=", value, ": wants ", wanted);
  }
  return number;
}

}  // namespace

Options::Options(const char* text) {
  std::string_view rest = text ? text : "";
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == word.size()) {
      fail(Status::kArgument, "option \"", word, "\": wants key=value");
    }
    const std::string_view key = word.substr(0, equals);
    for (int i = 0; i < pair_count_; ++i) {
      if (pairs_[static_cast<std::size_t>(i)].key == key) fail(Status::kArgument, "option ", key, " is given twice");
    }
    if (pair_count_ == kMost) fail(Status::kArgument, "more than ", kMost, " options");
    pairs_[static_cast<std::size_t>(pair_count_++)] = {key, word.substr(equals + 1), false};
  }
}

const Options::Pair* Options::ask(std::string_view key) {
  known_[static_cast<std::size_t>(known_count_++)] = key;
  for (int i = 0; i < pair_count_; ++i) {
    Pair& pair = pairs_[static_cast<std::size_t>(i)];
    if (pair.key == key) {
      pair.asked_for = true;
      return &pair;
    }
  }
  return nullptr;
}

bool Options::flag(std::string_view key, bool otherwise) {
  const Pair* pair = ask(key);
  if (!pair) return otherwise;
  if (pair->value != "0" && pair->value != "1")
    fail(Status::kArgument, "option ", key, "=", pair->value, ": wants 0 or 1");
  return pair->value == "1";
}

std::optional<double> Options::number(std::string_view key) {
  const Pair* pair = ask(key);
  if (!pair) return std::nullopt;
  const auto number = parse_number(pair->value);
  if (!number) fail(Status::kArgument, "option ", key, "=", pair->value, ": wants a number");
  return number;
}

double Options::number(std::string_view key, double otherwise) { return number(key).value_or(otherwise); }

std::int64_t Options::integer(std::string_view key, std::int64_t otherwise, std::int64_t least) {
  const Pair* pair = ask(key);
  if (!pair) return otherwise;
  const auto number = parse<std::int64_t>(key, pair->value, "a whole number");
  if (number < least) fail(Status::kArgument, "option ", key, "=", pair->value, ": wants at least ", least);
  return number;
}

std::string_view Options::list(std::string_view key) {
  const Pair* pair = ask(key);
  return pair ? pair->value : std::string_view();
}

int Options::choice(std::string_view key, std::initializer_list<std::string_view> choices, int otherwise) {
  const Pair* pair = ask(key);
  if (!pair) return otherwise;
  const auto found = std::find(choices.begin(), choices.end(), pair->value);
  if (found != choices.end()) return static_cast<int>(found - choices.begin());
  Message list;
  for (const std::string_view& choice : choices) list << (list.view().empty() ? "" : ", ") << choice;
  fail(Status::kArgument, "option ", key, "=", pair->value, ": wants one of ", list.view());
}

std::string_view Options::nearest_known(std::string_view key) const {
  const auto begin = known_.begin();
  return *std::min_element(begin, begin + known_count_, [key](std::string_view a, std::string_view b) {
    return distance(key, a) < distance(key, b);
  });
}

void Options::finish() const {
  for (int i = 0; i < pair_count_; ++i) {
    const Pair& pair = pairs_[static_cast<std::size_t>(i)];
    if (pair.asked_for) continue;
    if (known_count_ == 0) fail(Status::kArgument, "unknown option ", pair.key, "; it has none");
    fail(Status::kArgument, "unknown option ", pair.key, "; the nearest known is ", nearest_known(pair.key));
  }
}

}  // namespace nadir
