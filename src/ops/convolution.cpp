#include "ops/convolution.h"

#include <array>
#include <charconv>
#include <limits>
#include <string>

#include "ops/building.h"
#include "ops/elementwise.h"
#include "ops/image.h"
#include "ops/layer.h"
#include "ops/shaping.h"

namespace nadir {

namespace {

constexpr int kSame = -1;  // as a padding

Expr convolve(OpId id, Expr a, Expr b, const Shape& shape, const ConvGeometry& geometry) {
  return add_node(id, {a, b}, a.dtype(), shape, Attributes(geometry));
}

Shape image_shape(Dim batch, const ConvGeometry& g) {
  Shape shape;
  shape.append(batch);
  for (const std::int64_t length :
       {std::int64_t{g.groups} * g.in, std::int64_t{g.rows.in}, std::int64_t{g.columns.in}}) {
    shape.append(Dim::constant(length));
  }
  return shape;
}

Shape result_shape(Dim batch, const ConvGeometry& g) {
  Shape shape;
  shape.append(batch);
  for (const std::int64_t length :
       {std::int64_t{g.groups} * g.out, std::int64_t{g.rows.out}, std::int64_t{g.columns.out}}) {
    shape.append(Dim::constant(length));
  }
  return shape;
}

Expr conv(Expr x, Expr weight, const ConvGeometry& g) {
  return convolve(OpId::conv, x, weight, result_shape(x.shape()[0], g), g);
}
Expr conv_input(Expr result, Expr weight, const ConvGeometry& g) {
  return convolve(OpId::conv_input, result, weight, image_shape(result.shape()[0], g), g);
}
Expr conv_weight(Expr x, Expr result, const ConvGeometry& g) {
  const Shape shape = constant_shape({std::int64_t{g.groups} * g.out, g.in, g.rows.taps, g.columns.taps});
  return convolve(OpId::conv_weight, x, result, shape, g);
}

ConvGeometry geometry_of(const Backward& d) { return d.y.node().attributes.as<ConvGeometry>(); }

void describe_geometry(Text& text, const Node& node) {
  const auto g = node.attributes.as<ConvGeometry>();
  text << ", stride " << g.rows.stride << ' ' << g.columns.stride << ", padding " << g.rows.padding << ' '
       << g.columns.padding << ", dilation " << g.rows.dilation << ' ' << g.columns.dilation << ", groups " << g.groups;
}

// ------------------------------------------------------------------------------------------------------------- options

struct AxisOptions {
  std::int64_t stride, padding, dilation, output_padding;
};

struct ConvOptions {
  std::array<AxisOptions, 2> axes;  // rows and columns; of rows alone with one dimension none
  std::int64_t groups;
};

std::int64_t parse_padding(Options& options, const char* key, std::int64_t otherwise) {
  const std::string_view text = options.list(key);
  if (text.empty()) return otherwise;
  if (text == "same") return kSame;
  if (text == "valid") return 0;
  std::int64_t padding = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), padding);
  if (error != std::errc{} || end != text.data() + text.size() || padding < 0) {
    fail(Status::kArgument, key, " is ", text, "; wants a number of 0 or more, same or valid");
  }
  return padding;
}

// Of one dimension, or of two with options for each that override those for both.
ConvOptions parse_convolution(Options& options, int dims, bool is_transposed) {
  const auto padding = [&](const char* key, std::int64_t otherwise) {
    return is_transposed ? options.integer(key, otherwise, 0) : parse_padding(options, key, otherwise);
  };
  const auto output_padding = [&](const char* key, std::int64_t otherwise) {
    return is_transposed ? options.integer(key, otherwise, 0) : 0;
  };
  ConvOptions parsed{};
  const AxisOptions both{options.integer("stride", 1, 1), padding("padding", 0), options.integer("dilation", 1, 1),
                         output_padding("output_padding", 0)};
  parsed.axes = {AxisOptions{1, 0, 1, 0}, both};
  if (dims == 2) {
    parsed.axes[0] = {options.integer("stride_h", both.stride, 1), padding("padding_h", both.padding),
                      options.integer("dilation_h", both.dilation, 1),
                      output_padding("output_padding_h", both.output_padding)};
    parsed.axes[1] = {options.integer("stride_w", both.stride, 1), padding("padding_w", both.padding),
                      options.integer("dilation_w", both.dilation, 1),
                      output_padding("output_padding_w", both.output_padding)};
  }
  parsed.groups = options.integer("groups", 1, 1);
  return parsed;
}

// ------------------------------------------------------------------------------------------------------------ geometry

ConvAxis axis_of(Expr x, std::int64_t length, std::int64_t taps, const AxisOptions& options, bool is_transposed,
                 const char* name) {
  check_most(x, "a kernel's size", taps, kMostTaps);
  check_most(x, "stride", options.stride, kMostTaps);
  check_most(x, "padding", options.padding, kMostTaps);
  check_most(x, "dilation", options.dilation, kMostTaps);
  check_most(x, name, length, kLongest);
  const std::int64_t covered = options.dilation * (taps - 1) + 1;
  std::int64_t padding = options.padding;
  std::int64_t other = 0;
  if (is_transposed) {
    const std::int64_t limit = options.stride > options.dilation ? options.stride : options.dilation;
    if (options.output_padding >= limit) {
      fail(Status::kArgument, "output_padding is ", options.output_padding,
           "; wants less than the stride or the dilation, ", limit);
    }
    other = (length - 1) * options.stride - 2 * padding + covered + options.output_padding;
    if (other < 1) fail(Status::kShape, "x ", x, ": ", name, " of the result is ", other, "; wants at least 1");
    check_most(x, "a length of the result", other, kLongest);
  } else if (padding == kSame) {
    if (options.stride != 1) fail(Status::kArgument, "padding=same with a stride of ", options.stride, "; wants 1");
    padding = (covered - 1) / 2;
    check_most(x, "padding", padding, kMostTaps);
    other = length;
  } else {
    if (covered > length + 2 * padding) {
      fail(Status::kShape, "x ", x, ": the kernel covers ", covered, " of ", name, ", which is ", length + 2 * padding,
           " with its padding; wants a kernel that fits");
    }
    other = (length + 2 * padding - covered) / options.stride + 1;
  }
  const auto image = static_cast<std::int32_t>(is_transposed ? other : length);
  const auto result = static_cast<std::int32_t>(is_transposed ? length : other);
  return {image,
          result,
          static_cast<std::int16_t>(taps),
          static_cast<std::int16_t>(options.stride),
          static_cast<std::int16_t>(padding),
          static_cast<std::int16_t>(options.dilation)};
}

Expr build(Expr x, Expr weight, Expr bias, int dims, bool is_transposed, const ConvOptions& options) {
  const std::int64_t channels = image_channels(x, dims);
  check_same_dtype(x, weight);
  if (weight.shape().rank() != dims + 2) fail(Status::kShape, "weight ", weight, "; wants a rank of ", dims + 2);
  for (int axis = 0; axis < weight.shape().rank(); ++axis) constant_dim(weight, "weight", axis);
  const std::int64_t first = weight.shape()[0].factor();
  const std::int64_t second = weight.shape()[1].factor();
  if (channels % options.groups != 0) {
    fail(Status::kArgument, "groups is ", options.groups, "; wants a divisor of the channels of x, ", channels);
  }
  if (!is_transposed && first % options.groups != 0) {
    fail(Status::kArgument, "groups is ", options.groups, "; wants a divisor of the channels of the result, ", first);
  }
  const std::int64_t wanted = is_transposed ? first : second * options.groups;
  if (channels != wanted) {
    fail(Status::kShape, "x ", x, ", weight ", weight, ", groups ", options.groups, "; wants an x of ", wanted,
         " channels");
  }
  check_most(x, "the number of channels", first > second * options.groups ? first : second * options.groups, kLongest);

  const int rank = x.shape().rank();
  ConvGeometry geometry{};
  geometry.groups = static_cast<std::int32_t>(options.groups);
  geometry.in = static_cast<std::int32_t>(second);
  geometry.out = static_cast<std::int32_t>(first / options.groups);
  geometry.rows = {1, 1, 1, 1, 0, 1};
  if (dims == 2) {
    geometry.rows = axis_of(x, x.shape()[rank - 2].factor(), weight.shape()[2].factor(), options.axes[0], is_transposed,
                            name_of_axis(true, dims));
  }
  geometry.columns = axis_of(x, x.shape()[rank - 1].factor(), weight.shape()[dims + 1].factor(), options.axes[1],
                             is_transposed, name_of_axis(false, dims));

  const std::int64_t results = is_transposed ? second * options.groups : first;
  const Expr image = as_image(x, dims);
  const Expr kernel = reshape(weight, constant_shape({first, second, geometry.rows.taps, geometry.columns.taps}));
  Expr y = is_transposed ? conv_input(image, kernel, geometry) : conv(image, kernel, geometry);
  if (!bias.is_none()) {
    check_same_dtype(x, bias);
    if (bias.shape() != constant_shape({results}))
      fail(Status::kShape, "bias ", bias, "; wants [", results, "], one a channel");
    y = add(y, reshape(bias, constant_shape({results, 1, 1})));
  }
  return from_image(y, x, dims);
}

}  // namespace

Expr convolution(Expr x, Expr weight, Expr bias, int dims, bool is_transposed, Options& options) {
  const ConvOptions parsed = parse_convolution(options, dims, is_transposed);
  options.finish();
  return build(x, weight, bias, dims, is_transposed, parsed);
}

Expr convolution_layer(const char* name, Expr x, std::int64_t out_channels, std::int64_t kernel_size, int dims,
                       bool is_transposed, Options& options) {
  const ConvOptions parsed = parse_convolution(options, dims, is_transposed);
  const bool has_bias = options.flag("bias", true);
  const std::int64_t height = dims == 2 ? options.integer("kernel_h", kernel_size, 1) : 1;
  const std::int64_t width = dims == 2 ? options.integer("kernel_w", kernel_size, 1) : kernel_size;
  options.finish();
  const std::int64_t channels = image_channels(x, dims);
  check_at_least("out_channels", out_channels, 1);
  check_at_least("kernel_size", kernel_size, 1);
  check_most(x, "a kernel's size", height > width ? height : width, kMostTaps);
  if (channels % parsed.groups != 0) {
    fail(Status::kArgument, "groups is ", parsed.groups, "; wants a divisor of the channels of x, ", channels);
  }
  if (out_channels % parsed.groups != 0) {
    fail(Status::kArgument, "groups is ", parsed.groups, "; wants a divisor of out_channels, ", out_channels);
  }
  const std::int64_t first = is_transposed ? channels : out_channels;
  const std::int64_t second = (is_transposed ? out_channels : channels) / parsed.groups;
  const Shape shape =
      dims == 2 ? constant_shape({first, second, height, width}) : constant_shape({first, second, width});

  constexpr const char* kKinds[2][2] = {{"conv1d", "conv2d"}, {"conv_transpose1d", "conv_transpose2d"}};
  const Layer layer(x.graph(), name, kKinds[is_transposed ? 1 : 0][dims - 1]);
  const Initializer initializer = uniform_by_fan(second * height * width);
  const Expr weight = layer.param("weight", x.dtype(), shape, initializer);
  const Expr bias = has_bias ? layer.param("bias", x.dtype(), constant_shape({out_channels}), initializer) : Expr();
  return layer.finish(build(x, weight, bias, dims, is_transposed, parsed));
}

Expr convolve_channels(Expr image, Expr kernel, const ConvAxis& rows, const ConvAxis& columns) {
  Shape single;
  single.append(joined(image, 0, 2));
  single.append(Dim::constant(1));
  single.append(image.shape()[2]);
  single.append(image.shape()[3]);
  const Expr y = conv(reshape(image, single), reshape(kernel, constant_shape({1, 1, rows.taps, columns.taps})),
                      {1, 1, 1, rows, columns});
  Shape shape = image.shape();
  shape[2] = y.shape()[2];
  shape[3] = y.shape()[3];
  return reshape(y, shape);
}

Expr conv_gradient(const Backward& d, int operand) {
  const ConvGeometry g = geometry_of(d);
  return operand == 0 ? conv_input(d.gy, d.x(1), g) : conv_weight(d.x(0), d.gy, g);
}

Expr conv_input_gradient(const Backward& d, int operand) {
  const ConvGeometry g = geometry_of(d);
  return operand == 0 ? conv(d.gy, d.x(1), g) : conv_weight(d.gy, d.x(0), g);
}

Expr conv_weight_gradient(const Backward& d, int operand) {
  const ConvGeometry g = geometry_of(d);
  return operand == 0 ? conv_input(d.x(1), d.gy, g) : conv(d.x(0), d.gy, g);
}

void describe_conv(Text& text, const Node& node) { describe_geometry(text, node); }
void describe_conv_input(Text& text, const Node& node) { describe_geometry(text, node); }
void describe_conv_weight(Text& text, const Node& node) { describe_geometry(text, node); }

}  // namespace nadir
