// Options as text: "key=value" pairs separated by spaces. A reader asks for each key that it knows, with its default, and
// ends with finish(), which refuses whatever was not asked for and names the nearest known key.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace nadir {

class Options {
 public:
  // Null stands for no options. The text must outlive this object. Throws Error on a malformed text.
  explicit Options(const char* text);

  bool flag(std::string_view key, bool otherwise);
  double number(std::string_view key, double otherwise);
  std::optional<double> number(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least);
  // Numbers with commas between them, as given; empty if not given.
  std::string_view list(std::string_view key);
  // The index of the value in `choices`.
  int choice(std::string_view key, std::initializer_list<std::string_view> choices, int otherwise);

  // Throws Error when an option was given that nobody asked for.
  void finish() const;

 private:
  struct Pair {
    std::string_view key;
    std::string_view value;
    bool asked_for;
  };
  static constexpr int kMost = 32;

  const Pair* ask(std::string_view key);
  std::string_view nearest_known(std::string_view key) const;

  std::array<Pair, kMost> pairs_;
  int pair_count_ = 0;
  std::array<std::string_view, kMost> known_;
  int known_count_ = 0;
};

}  // namespace nadir
