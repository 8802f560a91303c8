// The loops that apply a lane function to arrays.
#pragma once

#include <cerrno>

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// The step from one element of an operand to the next.
inline std::int64_t advance(const LaneArguments& l, int operand) { return (l.splat >> operand & 1u) != 0 ? 0 : 1; }

// An operand's vectors, one after another. One value for all is repeated in memory, from where it is read again and again: so
// one loop serves operands of both kinds.
template <class T>
class Vectors {
 public:
  Vectors(const LaneArguments& l, int operand, const T* elements, T (&repeated)[Pack<T>::size]) noexcept
      : next_(elements), step_(Pack<T>::size) {
    if (advance(l, operand) != 0) return;
    Pack<T>::splat(*elements).store(repeated);
    next_ = repeated;
    step_ = 0;
  }
  Pack<T> next() noexcept {
    const auto vector = Pack<T>::load(next_);
    next_ += step_;
    return vector;
  }

 private:
  const T* next_;
  std::int64_t step_;
};

// Whether a lane function takes vectors alone.
template <class Lane>
inline constexpr bool kPacksOnly = requires {
  Lane::kPacksOnly;
};

// Whether it takes numbers alone.
template <class Lane>
inline constexpr bool kNumbersOnly = requires {
  Lane::kNumbersOnly;
};

// The C library may set the host's errno.
class KeptErrno {
 public:
  KeptErrno() = default;
  KeptErrno(const KeptErrno&) = delete;
  KeptErrno& operator=(const KeptErrno&) = delete;
  ~KeptErrno() { errno = kept_; }

 private:
  int kept_ = errno;
};

template <class T, class F>
inline void for_each_pack(T* out, std::int64_t count, F f) {
  std::int64_t i = 0;
  for (; i + Pack<T>::size <= count; i += Pack<T>::size) f(static_cast<Pack<T>*>(nullptr), i).store(out + i);
  for (; i < count; ++i) out[i] = f(static_cast<T*>(nullptr), i);
}

// Makes all elements equal to the first. Out of line: many kernels have to, but seldom.
template <class T>
[[gnu::noinline]] void repeat_first(T* out, std::int64_t count) {
  const T first = *out;
  for_each_pack(out, count, [=]<class V>(V*, std::int64_t) { return Width<V>::splat(first); });
}

// out[i] = f(in[i]) by vectors, the last of which is filled up with 1; `splat`: f of the one value for all.
template <class T, class F>
void for_each_padded_pack(T* out, const T* in, bool splat, std::int64_t count, F f) {
#if defined(NADIR_SCALAR_KERNELS)
  const KeptErrno kept;
#endif
  constexpr std::int64_t kWidth = Pack<T>::size;
  // f has one place here: it is long, and would be in the library once a place.
  for (std::int64_t left = splat && count > 0 ? 1 : count; left > 0; left -= kWidth) {
    store_first_outside(f(load_first_of_ones(in, left)), out, left);
    in += kWidth;
    out += kWidth;
  }
  if (splat && count > 0) repeat_first(out - kWidth, count);
}

// The same for a function of vectors and of numbers.
template <class T, class F>
void for_each_element(T* out, const T* in, bool splat, std::int64_t count, F f) {
  if (count == 1 || (splat && count > 0)) {
    *out = f(*in);
    if (count != 1) repeat_first(out, count);
    return;
  }
  for_each_pack(out, count, [=]<class V>(V*, std::int64_t i) { return f(Width<V>::load(in + i)); });
}

template <class Lane, class T>
void unary_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const T* in = static_cast<const T*>(l.in[0]);
  const bool splat = (l.splat & 1u) != 0;
  if constexpr (kPacksOnly<Lane>) {
    for_each_padded_pack(out, in, splat, l.count, [](Pack<T> x) { return Lane::at(x); });
  } else {
    for_each_element(out, in, splat, l.count, [](auto x) { return Lane::at(x); });
  }
}

template <class Lane, class T>
void scaled_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const T* in = static_cast<const T*>(l.in[0]);
  const bool splat = (l.splat & 1u) != 0;
  const T first = static_cast<T>(l.numbers[0]);
  const T second = static_cast<T>(l.numbers[1]);
  if constexpr (kPacksOnly<Lane>) {
    for_each_padded_pack(out, in, splat, l.count,
                         [=](Pack<T> x) { return Lane::at(x, Pack<T>::splat(first), Pack<T>::splat(second)); });
  } else if constexpr (kNumbersOnly<Lane>) {
    const KeptErrno kept;
    for (std::int64_t i = 0; i < l.count; ++i) out[i] = Lane::at(in[splat ? 0 : i], first, second);
  } else {
    for_each_element(out, in, splat, l.count,
                     [=]<class V>(V x) { return Lane::at(x, Width<V>::splat(first), Width<V>::splat(second)); });
  }
}

template <class Lane, class T>
void binary_kernel(const Arguments& arguments) noexcept {
  const LaneArguments& l = arguments.lane;
  T* out = static_cast<T*>(l.out);
  const T* a = static_cast<const T*>(l.in[0]);
  const T* b = static_cast<const T*>(l.in[1]);
  if constexpr (kNumbersOnly<Lane>) {
    const KeptErrno kept;
    const std::int64_t a_step = advance(l, 0);
    const std::int64_t b_step = advance(l, 1);
    for (std::int64_t i = 0; i < l.count; ++i) out[i] = Lane::at(a[i * a_step], b[i * b_step]);
  } else {
    if (l.count == 1) {
      *out = Lane::at(*a, *b);
      return;
    }
    if ((l.splat & 3u) == 0) {
      return for_each_pack(out, l.count, [=]<class V>(V*, std::int64_t i) {
        return Lane::at(Width<V>::load(a + i), Width<V>::load(b + i));
      });
    }
    std::int64_t i = 0;
    if (l.count >= Pack<T>::size) {
      T repeated[2][Pack<T>::size];
      Vectors<T> x(l, 0, a, repeated[0]);
      Vectors<T> y(l, 1, b, repeated[1]);
      for (; i + Pack<T>::size <= l.count; i += Pack<T>::size) Lane::at(x.next(), y.next()).store(out + i);
    }
    const std::int64_t a_step = advance(l, 0);
    const std::int64_t b_step = advance(l, 1);
    for (; i < l.count; ++i) out[i] = Lane::at(a[i * a_step], b[i * b_step]);
  }
}

}  // namespace
}  // namespace nadir
