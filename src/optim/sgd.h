// Stochastic gradient descent (Robbins and Monro, "A Stochastic Approximation Method", 1951): w = w - rate * gradient.
#pragma once

#include <span>

#include "kernels/table.h"
#include "optim/update.h"

namespace nadir {

// Cannot fail, since it runs when a step is committed.
inline void sgd_update(std::span<const Update> updates, const KernelTable& kernels, double rate) noexcept {
  for (const Update& update : updates) {
    Arguments arguments;
    arguments.update = {update.values, update.gradients, update.count, rate};
    kernels.sgd[index_of(update.dtype)](arguments);
  }
}

}  // namespace nadir
