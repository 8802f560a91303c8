#include "ops/pooling.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <vector>

#include "base/convolution.h"
#include "ops/building.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/image.h"
#include "ops/indexing.h"
#include "ops/layer.h"
#include "ops/leaves.h"
#include "ops/matmul.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

struct Windows {
  std::array<ConvAxis, 2> axes;  // rows and columns
  bool counts_padding;
};

struct AxisOptions {
  std::int64_t size, stride, padding, dilation;
};

ConvAxis axis_of(Expr x, std::int64_t length, const AxisOptions& o, bool rounds_up, const char* name) {
  const std::int64_t covered = o.dilation * (o.size - 1) + 1;
  check_most(x, "a kernel's size", o.size, kMostTaps);
  check_most(x, "stride", o.stride, kMostTaps);
  check_most(x, "dilation", o.dilation, kMostTaps);
  check_most(x, name, length, kLongest);
  if (o.padding > o.size / 2) {
    fail(Status::kArgument, "padding is ", o.padding, "; wants at most half of the kernel's size, ", o.size);
  }
  const std::int64_t padded = length + 2 * o.padding;
  if (covered > padded) {
    fail(Status::kShape, "x ", x, ": the kernel covers ", covered, " of ", name, ", which is ", padded,
         " with its padding; wants a kernel that fits");
  }
  std::int64_t out = (padded - covered + (rounds_up ? o.stride - 1 : 0)) / o.stride + 1;
  // A window has to start in the image, or in the padding before it.
  if (rounds_up && (out - 1) * o.stride >= length + o.padding) --out;
  return {static_cast<std::int32_t>(length),    static_cast<std::int32_t>(out),
          static_cast<std::int16_t>(o.size),    static_cast<std::int16_t>(o.stride),
          static_cast<std::int16_t>(o.padding), static_cast<std::int16_t>(o.dilation)};
}

Windows parse_windows(Expr x, std::int64_t kernel_size, int dims, bool is_mean, Options& options) {
  const auto dilation = [&](const char* key, std::int64_t otherwise) {
    return is_mean ? 1 : options.integer(key, otherwise, 1);
  };
  const std::int64_t stride = options.integer("stride", 0, 1);
  const std::int64_t padding = options.integer("padding", 0, 0);
  const std::int64_t both = dilation("dilation", 1);
  const bool rounds_up = options.flag("ceil_mode", false);
  const bool counts_padding = is_mean && options.flag("count_include_pad", true);
  std::array<AxisOptions, 2> given{AxisOptions{1, 1, 0, 1}, AxisOptions{kernel_size, stride, padding, both}};
  if (dims == 2) {
    given[0] = {options.integer("kernel_h", kernel_size, 1), options.integer("stride_h", stride, 1),
                options.integer("padding_h", padding, 0), dilation("dilation_h", both)};
    given[1] = {options.integer("kernel_w", kernel_size, 1), options.integer("stride_w", stride, 1),
                options.integer("padding_w", padding, 0), dilation("dilation_w", both)};
  }
  options.finish();
  image_channels(x, dims);
  check_at_least("kernel_size", kernel_size, 1);
  Windows windows{{ConvAxis{1, 1, 1, 1, 0, 1}, {}}, counts_padding};
  const int rank = x.shape().rank();
  for (int axis = 2 - dims; axis < 2; ++axis) {
    AxisOptions& o = given[static_cast<std::size_t>(axis)];
    if (o.stride == 0) o.stride = o.size;
    windows.axes[static_cast<std::size_t>(axis)] =
        axis_of(x, x.shape()[rank - 2 + axis].factor(), o, rounds_up, name_of_axis(axis == 0, dims));
  }
  return windows;
}

// The greatest element of each window, by its place among those of its channel.
Expr greatest(Expr x, int dims, const ConvAxis& rows, const ConvAxis& columns) {
  for (const ConvAxis* axis : {&rows, &columns}) {
    for (std::int64_t i = 0; axis->taps > 0 && i < axis->out; ++i) {
      std::int64_t first = i * axis->stride - axis->padding;
      if (first < 0) first += (-first + axis->dilation - 1) / axis->dilation * axis->dilation;
      if (first >= axis->in) {
        fail(Status::kShape, "x ", x, ": window number ", i, " of ", name_of_axis(axis == &rows, dims),
             " sees padding alone; wants a smaller dilation or padding");
      }
    }
  }
  check_most(x, "the number of positions", std::int64_t{rows.in} * columns.in, kLongest);
  const Expr image = as_image(x, dims);
  const ConvGeometry geometry{1, 1, 1, rows, columns};
  Shape shape = image.shape();
  shape[2] = Dim::constant(rows.out);
  shape[3] = Dim::constant(columns.out);
  const Expr index = add_node(OpId::max_pool_index, {image}, DType::kI32, shape, Attributes(geometry));
  const Expr elements = gather(flatten(image, 2, 3), 2, flatten(index, 2, 3));
  return from_image(reshape(elements, shape), x, dims);
}

// How many positions of window number i are counted by a mean.
std::int64_t counted(const ConvAxis& axis, std::int64_t i, bool counts_padding) {
  std::int64_t first = i * axis.stride - axis.padding;
  std::int64_t last = std::min<std::int64_t>(first + axis.taps, axis.in + axis.padding);
  if (!counts_padding) {
    first = std::max<std::int64_t>(first, 0);
    last = std::min<std::int64_t>(last, axis.in);
  }
  return last - first;
}

// f(row, column) as a constant of x's dtype.
template <class F>
Expr table(Expr x, std::int64_t rows, std::int64_t columns, F f) {
  return visit_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::pmr::vector<T> values(&x.graph().host());
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) values.push_back(static_cast<T>(f(i, j)));
    }
    return constant(x.graph(), nullptr, x.dtype(), constant_shape({rows, columns}), values.data(),
                    values.size() * sizeof(T));
  });
}

// Where window number i of `out` begins in a length, and where it ends.
std::int64_t adaptive_start(std::int64_t length, std::int64_t out, std::int64_t i) { return i * length / out; }
std::int64_t adaptive_end(std::int64_t length, std::int64_t out, std::int64_t i) {
  return ((i + 1) * length + out - 1) / out;
}

void check_sizes(Expr x, std::span<const std::int64_t> sizes) {
  const int dims = static_cast<int>(sizes.size());
  image_channels(x, dims);
  for (const std::int64_t size : sizes) {
    check_at_least("an output size", size, 1);
    check_most(x, "an output size", size, kLongest);
  }
  for (int axis = x.shape().rank() - dims; axis < x.shape().rank(); ++axis) {
    check_most(x, "a length", x.shape()[axis].factor(), kLongest);
  }
}

}  // namespace

Expr max_pool(Expr x, std::int64_t kernel_size, int dims, Options& options) {
  const Windows windows = parse_windows(x, kernel_size, dims, false, options);
  return greatest(x, dims, windows.axes[0], windows.axes[1]);
}

// A convolution with ones, of each channel by itself, over the number of elements.
Expr avg_pool(Expr x, std::int64_t kernel_size, int dims, Options& options) {
  const Windows windows = parse_windows(x, kernel_size, dims, true, options);
  const ConvAxis& rows = windows.axes[0];
  const ConvAxis& columns = windows.axes[1];
  const auto count = [&](std::int64_t i, std::int64_t j) {
    return static_cast<double>(counted(rows, i, windows.counts_padding) * counted(columns, j, windows.counts_padding));
  };
  bool is_even = true;
  for (std::int64_t i = 0; i < rows.out; ++i) is_even = is_even && count(i, 0) == count(0, 0);
  for (std::int64_t j = 0; j < columns.out; ++j) is_even = is_even && count(0, j) == count(0, 0);

  const Expr image = as_image(x, dims);
  const Expr ones = table(x, rows.taps, columns.taps, [](std::int64_t, std::int64_t) { return 1; });
  Expr y = convolve_channels(image, ones, rows, columns);
  if (is_even) {
    y = scaled(OpId::div_scalar, y, {count(0, 0), 0});
  } else {
    y = div(y, table(x, rows.out, columns.out, count));
  }
  return from_image(y, x, dims);
}

Expr adaptive_max_pool(Expr x, std::span<const std::int64_t> sizes) {
  check_sizes(x, sizes);
  const int dims = static_cast<int>(sizes.size());
  const int rank = x.shape().rank();
  std::array<ConvAxis, 2> axes{ConvAxis{1, 1, 1, 1, 0, 1}, {}};
  const std::size_t first = 2 - sizes.size();
  for (int axis = 2 - dims; axis < 2; ++axis) {
    const auto out = static_cast<std::int32_t>(sizes[static_cast<std::size_t>(axis) - first]);
    axes[static_cast<std::size_t>(axis)] = {
        static_cast<std::int32_t>(x.shape()[rank - 2 + axis].factor()), out, 0, 0, 0, 0};
  }
  return greatest(x, dims, axes[0], axes[1]);
}

// A product with a matrix of means, for each dimension.
Expr adaptive_avg_pool(Expr x, std::span<const std::int64_t> sizes) {
  check_sizes(x, sizes);
  const int dims = static_cast<int>(sizes.size());
  Expr y = as_image(x, dims);
  const std::size_t first = 4 - sizes.size();
  for (int axis = 4 - dims; axis < 4; ++axis) {
    const std::int64_t length = y.shape()[axis].factor();
    const std::int64_t out = sizes[static_cast<std::size_t>(axis) - first];
    const Expr means = table(x, out, length, [&](std::int64_t i, std::int64_t j) {
      const std::int64_t start = adaptive_start(length, out, i);
      const std::int64_t end = adaptive_end(length, out, i);
      return j >= start && j < end ? 1.0 / static_cast<double>(end - start) : 0.0;
    });
    y = axis == 2 ? matmul(means, y, false, false) : matmul(y, means, false, true);
  }
  return from_image(y, x, dims);
}

Expr global_avg_pool(Expr x) {
  check_float(x, "x");
  const int rank = x.shape().rank();
  if (rank < 3) fail(Status::kShape, "x ", x, "; wants [batch, channels, ...] with a dimension to pool over");
  AxisSet axes;
  for (int axis = 2; axis < rank; ++axis) axes.insert(axis);
  return mean(x, axes, true);
}

Expr max_pool_index_gradient(const Backward&, int) { return {}; }

void describe_max_pool_index(Text& text, const Node& node) {
  const auto g = node.attributes.as<ConvGeometry>();
  text << ", kernel " << g.rows.taps << ' ' << g.columns.taps << ", stride " << g.rows.stride << ' '
       << g.columns.stride;
}

}  // namespace nadir
