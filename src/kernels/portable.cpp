#include "kernels/portable.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/random.h"

namespace nadir {

namespace {

// ------------------------------------------------------------------------------------------- reductions and scans

// Whether any element has the truth value `wanted`, for each (outer, inner).
bool has(const std::uint8_t* in, const ReduceArguments& r, bool wanted) noexcept {
  for (std::int64_t l = 0; l < r.length; ++l) {
    if ((in[l * r.inner] != 0) == wanted) return true;
  }
  return false;
}

// Calls f with the numbers of the input's and the output's element for each (outer, inner).
template <class F>
void for_each_line(const ReduceArguments& r, F f) noexcept {
  for (std::int64_t o = 0; o < r.outer; ++o) {
    for (std::int64_t i = 0; i < r.inner; ++i) f(o * r.length * r.inner + i, o * r.inner + i);
  }
}

// NaN is beyond everything.
struct Greater {
  template <class T>
  static bool is_beyond(T a, T b) noexcept {
    return a > b || (a != a && b == b);
  }
};
struct Less {
  template <class T>
  static bool is_beyond(T a, T b) noexcept {
    return a < b || (a != a && b == b);
  }
};

template <class Order, class T>
void where_extreme(const Arguments& arguments) noexcept {
  const ReduceArguments& r = arguments.reduce;
  const T* in = static_cast<const T*>(r.in);
  auto* out = static_cast<std::int64_t*>(r.out);
  for_each_line(r, [&](std::int64_t from, std::int64_t to) {
    std::int64_t best = 0;
    for (std::int64_t l = 1; l < r.length; ++l) {
      if (Order::is_beyond(in[from + l * r.inner], in[from + best * r.inner])) best = l;
    }
    out[to] = best;
  });
}

template <class T>
void cumulate(const Arguments& arguments) noexcept {
  const ReduceArguments& r = arguments.reduce;
  const std::int64_t line = r.length * r.inner;
  for (std::int64_t o = 0; o < r.outer; ++o) {
    const T* in = static_cast<const T*>(r.in) + o * line;
    T* out = static_cast<T*>(r.out) + o * line;
    const std::int64_t step = r.reverse ? -r.inner : r.inner;
    std::int64_t row = r.reverse ? line - r.inner : 0;
    for (std::int64_t l = 0; l < r.length; ++l, row += step) {
      for (std::int64_t i = 0; i < r.inner; ++i)
        out[row + i] = l == 0 ? in[row + i] : out[row - step + i] + in[row + i];
    }
  }
}

// --------------------------------------------------------------------------------------------------------- indices

// Whether an index is one.
bool is_inside(std::int64_t index, const IndexArguments& a) noexcept {
  return static_cast<std::uint64_t>(index) < static_cast<std::uint64_t>(a.length);
}

// Keeps the first index that is not.
[[gnu::noinline]] void report(std::int64_t index, std::int64_t place, const IndexArguments& a) noexcept {
  Fault& fault = a.state->fault;
  if (!fault.is_set) {
    const auto most = static_cast<double>(a.length - 1);
    fault = {true, true, a.node, place / a.index_row, static_cast<double>(index), 0, most};
  }
}

std::int64_t index_at(const IndexArguments& a, std::int64_t place) noexcept {
  return a.index_is_i32 ? static_cast<const std::int32_t*>(a.index)[place]
                        : static_cast<const std::int64_t*>(a.index)[place];
}

// Calls f(element of the table or -1, element of the values, how many) for runs of elements that lie side by side in both.
template <class F>
void for_each_run(const IndexArguments& arguments, F f) noexcept {
  const IndexArguments a = arguments;  // a copy, which nothing that is written may change
  const bool whole_rows = a.index_inner == 0;
  const std::int64_t run = whole_rows ? a.inner : 1;
  std::int64_t value = 0;
  for (std::int64_t o = 0; o < a.outer; ++o) {
    for (std::int64_t k = 0; k < a.count; ++k) {
      for (std::int64_t i = 0; i < a.inner; i += run, value += run) {
        const std::int64_t place = o * a.index_outer + k * a.index_step + i * a.index_inner;
        const std::int64_t at = index_at(a, place);
        const bool is_index = is_inside(at, a);
        if (!is_index) report(at, place, arguments);
        f(is_index ? (o * a.length + at) * a.inner + i : -1, value, run);
      }
    }
  }
}

template <class T>
void gather(const Arguments& arguments) noexcept {
  const IndexArguments& a = arguments.index;
  const T* table = static_cast<const T*>(a.table);
  T* values = static_cast<T*>(a.values);
  for_each_run(a, [=](std::int64_t from, std::int64_t to, std::int64_t run) {
    if (from < 0) {
      std::memset(values + to, 0, static_cast<std::size_t>(run) * sizeof(T));
    } else if (run == 1) {
      values[to] = table[from];
    } else {
      std::memcpy(values + to, table + from, static_cast<std::size_t>(run) * sizeof(T));
    }
  });
}

template <class T>
void scatter_add(const Arguments& arguments) noexcept {
  const IndexArguments a = arguments.index;
  T* table = static_cast<T*>(a.table);
  const T* values = static_cast<const T*>(a.values);
  const auto clear = [&](std::int64_t count) {
    if (a.starts_at_zero && count > 0) std::memset(table, 0, static_cast<std::size_t>(count) * sizeof(T));
  };
  if (a.inner != 1) {
    clear(a.outer * a.length * a.inner);
    return for_each_run(arguments.index, [=](std::int64_t to, std::int64_t from, std::int64_t run) {
      for (std::int64_t i = 0; i < run && to >= 0; ++i) table[to + i] += values[from + i];
    });
  }
  for (std::int64_t o = 0; o < a.outer; ++o, table += a.length) {
    const std::int64_t first = o * a.index_outer;
    clear(a.length);  // which is then in the cache
    for (std::int64_t k = 0; k < a.count; ++k) {
      const T value = *values++;
      const std::int64_t at = index_at(a, first + k);
      if (is_inside(at, a)) {
        table[at] += value;
      } else {
        report(at, first + k, arguments.index);
      }
    }
  }
}

template <class T>
void check_range(const Arguments& arguments) noexcept {
  const CheckArguments& a = arguments.check;
  const T* in = static_cast<const T*>(a.in);
  for (std::int64_t i = 0; i < a.count; ++i) {
    const auto value = static_cast<double>(in[i]);
    if (!(value < a.low || value > a.high) || value == a.allowed) continue;
    Fault& fault = a.state->fault;
    if (!fault.is_set) fault = {true, false, a.node, i / a.row, value, a.low, a.high};
    return;
  }
}

// -------------------------------------------------------------------------------------------------- random numbers

// A block of random bits makes one number for each of its 32-bit words (f32) or pairs of words (f64).
template <class T>
inline constexpr int kPerBlock = 16 / static_cast<int>(sizeof(T));

// Uniform in [0, 1), with as many bits as the type holds.
template <class T>
double unit_number(const std::uint32_t* bits, int number) noexcept {
  if constexpr (sizeof(T) == 4) {
    return static_cast<double>(bits[number] >> 8) * 0x1p-24;
  } else {
    return mantissa_53(bits + 2 * number) * 0x1p-53;
  }
}

// Calls make(bits, numbers) for every block, which fills in kPerBlock<T> numbers.
template <class T, class F>
void for_each_block(const RandomArguments& a, F make) noexcept {
  T* out = static_cast<T*>(a.out);
  if (!a.state->is_training) {
    std::fill(out, out + a.count, static_cast<T>(a.mean));
    return;
  }
  for (std::int64_t done = 0; done < a.count; done += kPerBlock<T>) {
    std::uint32_t bits[4];
    T numbers[kPerBlock<T>];
    philox_4x32_10(a.key, static_cast<std::uint64_t>(done / kPerBlock<T>), a.state->step, bits);
    make(bits, numbers);
    const std::int64_t left = std::min<std::int64_t>(kPerBlock<T>, a.count - done);
    for (std::int64_t i = 0; i < left; ++i) out[done + i] = numbers[i];
  }
}

template <class T>
void uniform(const Arguments& arguments) noexcept {
  const RandomArguments& a = arguments.random;
  const double low = a.numbers[0];
  const double high = a.numbers[1];
  const T end = static_cast<T>(high);
  const T below = std::nextafter(end, static_cast<T>(low));
  for_each_block<T>(a, [=](const std::uint32_t* bits, T* numbers) {
    for (int i = 0; i < kPerBlock<T>; ++i) {
      const T number = static_cast<T>(low + (high - low) * unit_number<T>(bits, i));
      numbers[i] = number >= end && low < high ? below : number;  // rounding may have reached the end
    }
  });
}

template <class T>
void normal(const Arguments& arguments) noexcept {
  const RandomArguments& a = arguments.random;
  const double mean = a.numbers[0];
  const double deviation = a.numbers[1];
  for_each_block<T>(a, [=](const std::uint32_t* bits, T* numbers) {
    for (int i = 0; i < kPerBlock<T>; i += 2) {
      const double radius = std::sqrt(-2 * std::log1p(-unit_number<T>(bits, i)));
      const double angle = 2 * std::numbers::pi * unit_number<T>(bits, i + 1);
      numbers[i] = static_cast<T>(mean + deviation * (radius * std::cos(angle)));
      numbers[i + 1] = static_cast<T>(mean + deviation * (radius * std::sin(angle)));
    }
  });
}

template <class T>
void bernoulli(const Arguments& arguments) noexcept {
  const RandomArguments& a = arguments.random;
  const double probability = a.numbers[0];
  const T value = static_cast<T>(a.numbers[1]);
  for_each_block<T>(a, [=](const std::uint32_t* bits, T* numbers) {
    for (int i = 0; i < kPerBlock<T>; ++i) numbers[i] = unit_number<T>(bits, i) < probability ? value : T(0);
  });
}

// The kernel for f32 or f64.
Kernel for_float(DType dtype, Kernel f32, Kernel f64) noexcept { return dtype == DType::kF32 ? f32 : f64; }

}  // namespace

void any_kernel(const Arguments& arguments) noexcept {
  const ReduceArguments& r = arguments.reduce;
  const auto* in = static_cast<const std::uint8_t*>(r.in);
  auto* out = static_cast<std::uint8_t*>(r.out);
  for_each_line(r, [&](std::int64_t from, std::int64_t to) { out[to] = has(in + from, r, true); });
}

void all_kernel(const Arguments& arguments) noexcept {
  const ReduceArguments& r = arguments.reduce;
  const auto* in = static_cast<const std::uint8_t*>(r.in);
  auto* out = static_cast<std::uint8_t*>(r.out);
  for_each_line(r, [&](std::int64_t from, std::int64_t to) { out[to] = !has(in + from, r, false); });
}

Kernel argmax_kernel(DType dtype) noexcept {
  return for_float(dtype, where_extreme<Greater, float>, where_extreme<Greater, double>);
}
Kernel argmin_kernel(DType dtype) noexcept {
  return for_float(dtype, where_extreme<Less, float>, where_extreme<Less, double>);
}
Kernel cumsum_kernel(DType dtype) noexcept { return for_float(dtype, cumulate<float>, cumulate<double>); }

Kernel gather_kernel(DType dtype) noexcept {
  switch (size_of(dtype)) {
    case 1: return gather<std::uint8_t>;
    case 4: return gather<std::uint32_t>;
    default: return gather<std::uint64_t>;
  }
}
Kernel scatter_add_kernel(DType dtype) noexcept { return for_float(dtype, scatter_add<float>, scatter_add<double>); }

double square_sum(DType dtype, const void* values, std::int64_t count) noexcept {
  return visit_float(dtype, [=](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(values);
    // Several sums, for one would wait for itself.
    double sums[4] = {0, 0, 0, 0};
    for (std::int64_t i = 0; i < count; ++i) sums[i & 3] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  });
}

Kernel check_range_kernel(DType dtype) noexcept {
  switch (dtype) {
    case DType::kI32: return check_range<std::int32_t>;
    case DType::kI64: return check_range<std::int64_t>;
    default: return for_float(dtype, check_range<float>, check_range<double>);
  }
}

Kernel uniform_kernel(DType dtype) noexcept { return for_float(dtype, uniform<float>, uniform<double>); }
Kernel normal_kernel(DType dtype) noexcept { return for_float(dtype, normal<float>, normal<double>); }
Kernel bernoulli_kernel(DType dtype) noexcept { return for_float(dtype, bernoulli<float>, bernoulli<double>); }

}  // namespace nadir
