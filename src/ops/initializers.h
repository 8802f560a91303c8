// How a parameter's values start. Random ones are functions of a key and the element's index alone, so that one parameter more
// changes no other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "base/dtype.h"
#include "base/options.h"
#include "base/shape.h"

namespace nadir {

struct Initializer {
  enum class Kind { kConstant, kUniform, kNormal, kTruncatedNormal, kOrthogonal } kind = Kind::kConstant;
  double low = 0;    // the constant's value, the least, the mean, or the gain
  double high = 0;   // above the greatest, or the standard deviation
  double least = 0;  // of a truncated normal
  double greatest = 0;

  // From the options of a parameter of that shape. Throws Error.
  static Initializer parse(Options& options, const Shape& shape);
};

// Fills a tensor of floats without batch. Throws std::bad_alloc, before it writes.
void initialize(std::byte* values, DType dtype, const Shape& shape, const Initializer& initializer, std::uint64_t key,
                std::pmr::memory_resource& resource);

}  // namespace nadir
