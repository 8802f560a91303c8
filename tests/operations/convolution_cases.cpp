// Convolutions and transposed ones, in their options and layouts. The references are plain loops over the formulas.
#include "cases.h"

namespace operations {

namespace {

// One dimension of a window.
struct Window {
  std::int64_t size = 3, stride = 1, padding = 0, dilation = 1,
               extra = 0;  // extra: the output_padding of a transposed one
};

struct Layout {
  Shape leading;  // nothing, or the batch
  std::int64_t channels, results, groups;
  Shape lengths;
  std::vector<Window> windows;
  bool has_bias;
};

std::string text_of(const Layout& layout, bool is_transposed) {
  std::string text = "groups=" + std::to_string(layout.groups);
  for (std::size_t i = 0; i < layout.windows.size(); ++i) {
    const std::string end = layout.windows.size() == 1 ? "" : i == 0 ? "_h" : "_w";
    const Window& w = layout.windows[i];
    const auto add = [&](const char* key, std::int64_t value) {
      text += std::string(" ") + key + end + '=' + std::to_string(value);
    };
    add("stride", w.stride);
    add("padding", w.padding);
    add("dilation", w.dilation);
    if (is_transposed) add("output_padding", w.extra);
  }
  return text;
}

Shape joined(const Shape& a, const Shape& b) {
  Shape shape = a;
  shape.insert(shape.end(), b.begin(), b.end());
  return shape;
}

Shape weight_shape(const Layout& layout, bool is_transposed) {
  Shape shape = is_transposed ? Shape{layout.channels, layout.results / layout.groups}
                              : Shape{layout.results, layout.channels / layout.groups};
  for (const Window& w : layout.windows) shape.push_back(w.size);
  return shape;
}

// As rows and columns, with one row where there is but one dimension.
struct Image {
  std::int64_t n, channels, height, width;
};
Image image_of(const Array& x, std::size_t dims) {
  const Shape shape = shape_of(x);
  const std::size_t rank = shape.size();
  return {rank == dims + 2 ? shape[0] : 1, shape[rank - dims - 1], dims == 2 ? shape[rank - 2] : 1, shape[rank - 1]};
}

Array convolved(const Layout& layout, bool is_transposed, const Arrays& x) {
  const std::size_t dims = layout.windows.size();
  const Window w = layout.windows.back();
  const Window h = dims == 2 ? layout.windows[0] : Window{1, 1, 0, 1, 0};
  const Image in = image_of(x[0], dims);
  const auto length = [&](const Window& v, std::int64_t from) {
    const std::int64_t covered = v.dilation * (v.size - 1) + 1;
    return is_transposed ? (from - 1) * v.stride - 2 * v.padding + covered + v.extra
                         : (from + 2 * v.padding - covered) / v.stride + 1;
  };
  const Image out{in.n, layout.results, dims == 2 ? length(h, in.height) : 1, length(w, in.width)};
  Shape shape = layout.leading.empty() ? Shape{} : Shape{in.n};
  shape.push_back(out.channels);
  if (dims == 2) shape.push_back(out.height);
  shape.push_back(out.width);
  Array y = array_of(shape);

  const std::int64_t per_in = layout.channels / layout.groups, per_out = layout.results / layout.groups;
  const auto element = [](const Image& image, std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(((n * image.channels + c) * image.height + i) * image.width + j);
  };
  for (std::int64_t n = 0; n < in.n; ++n) {
    for (std::int64_t group = 0; group < layout.groups; ++group) {
      for (std::int64_t o = 0; o < per_out; ++o) {
        for (std::int64_t c = 0; c < per_in; ++c) {
          for (std::int64_t a = 0; a < h.size; ++a) {
            for (std::int64_t b = 0; b < w.size; ++b) {
              const std::int64_t result = group * per_out + o, channel = group * per_in + c;
              const std::int64_t row = is_transposed ? channel * per_out + o : result * per_in + c;
              const double weight = x[1].storage()[static_cast<std::size_t>((row * h.size + a) * w.size + b)];
              const Image& small = is_transposed ? in : out;
              const Image& large = is_transposed ? out : in;
              for (std::int64_t i = 0; i < small.height; ++i) {
                for (std::int64_t j = 0; j < small.width; ++j) {
                  const std::int64_t p = i * h.stride - h.padding + a * h.dilation;
                  const std::int64_t q = j * w.stride - w.padding + b * w.dilation;
                  if (p < 0 || q < 0 || p >= large.height || q >= large.width) continue;
                  if (is_transposed) {
                    y.storage()[element(out, n, result, p, q)] +=
                        weight * x[0].storage()[element(in, n, channel, i, j)];
                  } else {
                    y.storage()[element(out, n, result, i, j)] +=
                        weight * x[0].storage()[element(in, n, channel, p, q)];
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  if (x.size() > 2) {
    const std::size_t plane = static_cast<std::size_t>(out.height * out.width);
    for (std::size_t i = 0; i < y.size(); ++i) {
      y.storage()[i] += x[2].storage()[i / plane % static_cast<std::size_t>(out.channels)];
    }
  }
  return y;
}

using Function = nadir_node (*)(nadir_graph*, nadir_node, nadir_node, nadir_node, const char*);
using LayerFunction = nadir_node (*)(nadir_graph*, const char*, nadir_node, int64_t, int64_t, const char*);

Case convolution_case(const std::string& name, const Layout& layout, bool is_transposed) {
  Case c;
  c.label = name + ' ' + text_of(layout, is_transposed);
  c.roundings = 64;
  c.floor = 1;
  c.operands = {{joined(joined(layout.leading, {layout.channels}), layout.lengths), spread(-1, 1), 0, {}},
                {weight_shape(layout, is_transposed), spread(-1.5, 1), 0, {}}};
  if (layout.has_bias) c.operands.push_back({{layout.results}, spread(-2, 1), 0, {}});
  c.reference = [=](const Arrays& x) { return convolved(layout, is_transposed, x); };
  return c;
}

Cases convolution_cases(const std::string& name, std::vector<Layout> layouts, Function function, LayerFunction layer,
                        bool is_transposed) {
  Cases cases;
  for (const Layout& layout : layouts) {
    Case c = convolution_case(name, layout, is_transposed);
    const std::string text = text_of(layout, is_transposed);
    c.build = [=](const Scope& scope, const Nodes& x) {
      return function(scope.graph, x[0], x[1], layout.has_bias ? x[2] : NADIR_NONE, text.c_str());
    };
    c.is_brief = cases.size() > 1;
    cases.push_back(c);

    Case made = convolution_case(name + "_add", layout, is_transposed);
    made.operands[1].made = "layer.weight";
    if (layout.has_bias) made.operands[2].made = "layer.bias";
    std::string options = text + (layout.has_bias ? "" : " bias=0");
    if (layout.windows.size() == 2) {
      options +=
          " kernel_h=" + std::to_string(layout.windows[0].size) + " kernel_w=" + std::to_string(layout.windows[1].size);
    }
    made.build = [=](const Scope& scope, const Nodes& x) {
      return layer(scope.graph, "layer", x[0], layout.results, layout.windows.back().size, options.c_str());
    };
    made.is_brief = true;
    cases.push_back(std::move(made));
  }
  return cases;
}

const std::vector<Layout> kLines = {
    {{kBatch}, 2, 3, 1, {7}, {{3, 1, 1, 1, 0}}, true}, {{2}, 4, 6, 2, {9}, {{2, 2, 0, 2, 1}}, true},
    {{}, 3, 3, 3, {6}, {{3, 3, 2, 1, 2}}, false},      {{kBatch}, 1, 5, 1, {40}, {{5, 1, 2, 1, 0}}, true},
    {{}, 1, 1, 1, {4}, {{4, 1, 0, 1, 0}}, false},      {{2 * kBatch}, 2, 2, 1, {5}, {{1, 3, 0, 1, 1}}, false},
    {{3}, 5, 9, 1, {11}, {{3, 4, 3, 2, 3}}, true},
};
const std::vector<Layout> kImages = {
    {{kBatch}, 2, 3, 1, {4, 5}, {{3, 1, 1, 1, 0}, {2, 1, 0, 1, 0}}, true},
    {{2}, 2, 4, 2, {6, 5}, {{2, 2, 1, 2, 1}, {3, 2, 1, 1, 1}}, true},
    {{}, 3, 3, 3, {5, 3}, {{3, 1, 2, 1, 0}, {1, 2, 0, 1, 1}}, false},
    {{kBatch}, 3, 6, 1, {3, 20}, {{3, 2, 1, 1, 0}, {3, 1, 1, 2, 0}}, false},
    {{2}, 1, 2, 1, {2, 2}, {{2, 1, 0, 1, 0}, {2, 3, 0, 1, 2}}, true},
    {{kBatch}, 3, 9, 1, {4, 18}, {{3, 1, 1, 1, 0}, {3, 1, 1, 1, 0}}, true},
};

}  // namespace

namespace cases {

Cases conv1d() { return convolution_cases("conv1d", kLines, nadir_conv1d, nadir_conv1d_add, false); }
Cases conv2d() { return convolution_cases("conv2d", kImages, nadir_conv2d, nadir_conv2d_add, false); }
Cases conv_transpose1d() {
  return convolution_cases("conv_transpose1d", kLines, nadir_conv_transpose1d, nadir_conv_transpose1d_add, true);
}
Cases conv_transpose2d() {
  return convolution_cases("conv_transpose2d", kImages, nadir_conv_transpose2d, nadir_conv_transpose2d_add, true);
}

// What these are made of, in their values and gradients.
Cases conv() { return conv1d(); }
Cases conv_input() { return conv_transpose1d(); }
Cases conv_weight() { return conv1d(); }

}  // namespace cases

}  // namespace operations
