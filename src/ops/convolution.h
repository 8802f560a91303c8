// Convolutions over one or two dimensions. Three operations, each of whose gradients are the other two: images and weights to
// results, results and weights to images (the transposed convolution), images and results to weights.
#pragma once

#include "base/convolution.h"
#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

// x [batch, channels, length...] or without the batch, over `dims` of its dimensions. `bias` may be none.
Expr convolution(Expr x, Expr weight, Expr bias, int dims, bool is_transposed, Options& options);

// The same with parameters of its own. A null name is derived.
Expr convolution_layer(const char* name, Expr x, std::int64_t out_channels, std::int64_t kernel_size, int dims,
                       bool is_transposed, Options& options);

// Each channel of an image [batch, channels, height, width] with one kernel, [rows' taps, columns' taps].
Expr convolve_channels(Expr image, Expr kernel, const ConvAxis& rows, const ConvAxis& columns);

}  // namespace nadir
