// Images, of one dimension or two, with or without a batch: [batch, channels, height, width], [channels, length], and so on.
#pragma once

#include <cstdint>
#include <limits>

#include "ops/expr.h"

namespace nadir {

// What a ConvAxis can hold.
inline constexpr std::int64_t kMostTaps = std::numeric_limits<std::int16_t>::max();
inline constexpr std::int64_t kLongest = std::numeric_limits<std::int32_t>::max();

// How many channels x has. Throws unless its rank is that of an image, all of whose dimensions but the batch are constant.
std::int64_t image_channels(Expr x, int dims);
// With the four dimensions that operations have: the batch, the channels, two lengths.
Expr as_image(Expr x, int dims);
// From such a result to the dimensions that x has.
Expr from_image(Expr image, Expr x, int dims);

void check_most(Expr x, const char* what, std::int64_t given, std::int64_t most);
// Where an axis is, in words.
const char* name_of_axis(bool is_row, int dims);

}  // namespace nadir
