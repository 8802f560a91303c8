// What the kernel tests share: the instruction sets of this processor, samples with extremes among them, and arrays that notice
// whoever writes beside them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/table.h"
#include "unit.h"

namespace {

using namespace nadir;

constexpr std::size_t kWidest = 16;  // floats in the widest vector
constexpr std::size_t kLongest = 3 * kWidest + 1;
constexpr std::size_t kGuard = 8;  // elements around an array that must stay as they are

std::vector<const KernelTable*> tables() {
  std::vector<const KernelTable*> found;
  for (const char* isa : {"scalar", "sse2", "avx2", "avx512", "neon"}) {
    if (const KernelTable* table = find_kernels(isa)) found.push_back(table);
  }
  return found;
}

template <class T>
constexpr int dtype_index() {
  return index_of(sizeof(T) == 4 ? DType::kF32 : DType::kF64);
}

// Random numbers, and every so often an extreme one.
template <class T>
std::vector<T> samples(std::size_t count, unsigned seed) {
  using limits = std::numeric_limits<T>;
  const T extremes[] = {T(0),
                        T(-0.0),
                        limits::denorm_min(),
                        -limits::min(),
                        limits::max(),
                        limits::lowest(),
                        limits::infinity(),
                        -limits::infinity(),
                        limits::quiet_NaN(),
                        T(1)};
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, 3);
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = engine() % 4 == 0 ? extremes[engine() % std::size(extremes)] : static_cast<T>(normal(engine));
  }
  return values;
}

template <class T>
std::vector<T> tame_samples(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, 1);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(normal(engine));
  return values;
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

// An array at any misalignment, with guards on both sides.
template <class T>
class Guarded {
 public:
  Guarded(std::size_t count, std::size_t shift)
      : count_(count), shift_(shift), all_(count + 2 * kGuard + shift, T(77)) {}
  T* data() { return all_.data() + kGuard + shift_; }
  void fill(const T* values) { std::copy_n(values, count_, data()); }
  bool guards_hold() {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const bool inside = i >= kGuard + shift_ && i < kGuard + shift_ + count_;
      if (!inside && all_[i] != T(77)) return false;
    }
    return true;
  }

 private:
  std::size_t count_;
  std::size_t shift_;
  std::vector<T> all_;
};

}  // namespace
