// What an optimiser works on: a stretch of parameters beside their gradients. Parameters, gradients and an optimiser's own
// state have one layout, so that an update is a pass over flat vectors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/arguments.h"

namespace nadir {

struct Update {
  DType dtype;
  std::byte* values;
  std::byte* gradients;
  std::int64_t count;
  Kernel sgd;
  Arguments descent;  // of `sgd`, but for the rate of a step
};

}  // namespace nadir
