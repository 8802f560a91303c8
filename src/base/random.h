// Random numbers of named things.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

#include "base/philox.h"

namespace nadir {

// FNV-1a (Fowler, Noll, Vo) of a name, started from a seed: the key of that name's numbers.
constexpr std::uint64_t random_key(std::uint64_t seed, std::string_view name) noexcept {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int shift = 0; shift < 64; shift += 8) hash = (hash ^ (seed >> shift & 0xff)) * kPrime;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

// The upper 53 of 64 random bits, as a number below 2^53.
inline double mantissa_53(const std::uint32_t* bits) noexcept {
  return static_cast<double>((static_cast<std::uint64_t>(bits[1]) << 32 | bits[0]) >> 11);
}

// A uniform number in [0, 1), a multiple of 2^-53, for element number `index` of the key's stream.
inline double uniform_01(std::uint64_t key, std::uint64_t index) noexcept {
  std::uint32_t bits[4];
  philox_4x32_10(key, index, 0, bits);
  return mantissa_53(bits) * 0x1p-53;
}

// A standard normal number for element number `index` of the key's stream (Box and Muller, 1958).
inline double standard_normal(std::uint64_t key, std::uint64_t index) noexcept {
  std::uint32_t bits[4];
  philox_4x32_10(key, index, 0, bits);
  const double radius = std::sqrt(-2 * std::log(1 - mantissa_53(bits) * 0x1p-53));
  return radius * std::cos(2 * std::numbers::pi * mantissa_53(bits + 2) * 0x1p-53);
}

}  // namespace nadir
