// A step cut into parts that threads may run side by side. Each element is computed as in the whole, so that the number of parts
// changes no bits.
#pragma once

#include "plan/resolve.h"

namespace nadir {

// About how long a record takes, in nanoseconds.
double work_of(const Record& record) noexcept;

// Whether it can be cut so that several threads have something to do.
bool can_be_cut(const Record& record) noexcept;

// One of `parts` parts; together they are the whole.
Record cut(const Record& whole, std::int32_t part, std::int32_t parts) noexcept;

// The part of `count` that begins and ends at multiples of `unit`.
struct Range {
  std::int64_t first, count;
};
Range part_of(std::int64_t count, std::int64_t unit, std::int32_t part, std::int32_t parts) noexcept;

}  // namespace nadir
