// Pooling, in its options and layouts. The references are plain loops over the windows.
#include <algorithm>
#include <cmath>

#include "cases.h"

namespace operations {

namespace {

struct Window {
  std::int64_t size, stride, padding, dilation;
};

struct Layout {
  Shape leading;  // nothing, or the batch
  Shape lengths;
  std::vector<Window> windows;
  bool rounds_up, counts_padding;
};

// What a window covers of a length, and how many positions a mean divides by.
struct Span {
  std::vector<std::int64_t> positions;
  double count;
};

std::vector<Span> spans_of(const Window& w, std::int64_t length, bool rounds_up, bool counts_padding) {
  std::vector<Span> spans;
  for (std::int64_t start = -w.padding;; start += w.stride) {
    const std::int64_t end = start + w.dilation * (w.size - 1);
    // A window that goes beyond the padding is there only if lengths are rounded up and it starts before.
    if (end >= length + w.padding && (!rounds_up || start >= length)) break;
    // The last one that does is the only one.
    const bool is_beyond = end >= length + w.padding;
    Span span{{}, 0};
    for (std::int64_t k = 0; k < w.size; ++k) {
      const std::int64_t position = start + k * w.dilation;
      if (position >= 0 && position < length) span.positions.push_back(position);
      if (counts_padding ? position < length + w.padding : position >= 0 && position < length) ++span.count;
    }
    spans.push_back(span);
    if (is_beyond) break;
  }
  return spans;
}

std::vector<Span> adaptive_spans(std::int64_t length, std::int64_t out) {
  std::vector<Span> spans;
  for (std::int64_t i = 0; i < out; ++i) {
    Span span{{}, 0};
    const auto first =
        static_cast<std::int64_t>(std::floor(static_cast<double>(i * length) / static_cast<double>(out)));
    const auto last =
        static_cast<std::int64_t>(std::ceil(static_cast<double>((i + 1) * length) / static_cast<double>(out)));
    for (std::int64_t p = first; p < last; ++p) span.positions.push_back(p);
    span.count = static_cast<double>(span.positions.size());
    spans.push_back(span);
  }
  return spans;
}

Array pooled(const Array& x, const std::vector<std::vector<Span>>& spans, bool is_mean) {
  const std::size_t dims = spans.size();
  Shape shape = shape_of(x);
  const std::int64_t width = shape.back();
  const std::int64_t height = dims == 2 ? shape[shape.size() - 2] : 1;
  const std::vector<Span> one = {{{0}, 1}};
  const std::vector<Span>& down = dims == 2 ? spans[0] : one;
  const std::vector<Span>& across = spans.back();
  shape.back() = static_cast<std::int64_t>(across.size());
  if (dims == 2) shape[shape.size() - 2] = static_cast<std::int64_t>(down.size());
  std::vector<double> values;
  for (std::size_t plane = 0; plane < x.size() / static_cast<std::size_t>(height * width); ++plane) {
    for (const Span& rows : down) {
      for (const Span& columns : across) {
        double sum = 0, most = -INFINITY;
        for (const std::int64_t i : rows.positions) {
          for (const std::int64_t j : columns.positions) {
            const double value =
                x.storage()[plane * static_cast<std::size_t>(height * width) + static_cast<std::size_t>(i * width + j)];
            sum += value;
            most = std::max(most, value);
          }
        }
        values.push_back(is_mean ? sum / (rows.count * columns.count) : most);
      }
    }
  }
  return array_of(shape, values);
}

Case pooling_case(const std::string& label, const Layout& layout) {
  Case c;
  c.label = label;
  c.floor = 1;
  Shape shape = layout.leading;
  shape.push_back(2);
  shape.insert(shape.end(), layout.lengths.begin(), layout.lengths.end());
  c.operands = {{shape, spread(-2, 2), 0, {}}};
  return c;
}

const std::vector<Layout> kLines = {
    {{kBatch}, {7}, {{3, 2, 1, 1}}, false, true}, {{2}, {8}, {{3, 2, 0, 1}}, true, true},
    {{}, {6}, {{2, 2, 0, 1}}, false, true},       {{2 * kBatch}, {5}, {{4, 3, 2, 1}}, true, false},
    {{2}, {5}, {{3, 1, 1, 1}}, false, false},
};
const std::vector<Layout> kImages = {
    {{kBatch}, {4, 5}, {{2, 2, 1, 1}, {3, 1, 1, 1}}, false, true},
    {{2}, {5, 6}, {{3, 2, 1, 1}, {2, 3, 0, 1}}, true, false},
    {{}, {3, 4}, {{2, 1, 0, 1}, {2, 2, 1, 1}}, false, false},
    {{kBatch}, {4, 38}, {{2, 2, 0, 1}, {2, 2, 0, 1}}, false, true},
};
const std::vector<Layout> kDilated = {{{2}, {9}, {{3, 2, 1, 3}}, false, true}};

using Pool = nadir_node (*)(nadir_graph*, nadir_node, int64_t, const char*);

Cases pooling_cases(const std::string& name, std::vector<Layout> layouts, Pool pool, bool is_mean) {
  if (!is_mean && layouts[0].windows.size() == 1) layouts.insert(layouts.end(), kDilated.begin(), kDilated.end());
  Cases cases;
  for (const Layout& layout : layouts) {
    std::string text = layout.rounds_up ? "ceil_mode=1" : "";
    if (is_mean && !layout.counts_padding) text += " count_include_pad=0";
    for (std::size_t i = 0; i < layout.windows.size(); ++i) {
      const std::string end = layout.windows.size() == 1 ? "" : i == 0 ? "_h" : "_w";
      const Window& w = layout.windows[i];
      const auto add = [&](const char* key, std::int64_t value) {
        text += std::string(" ") + key + end + '=' + std::to_string(value);
      };
      if (!end.empty()) add("kernel", w.size);
      if (w.stride != w.size) add("stride", w.stride);
      if (w.padding != 0) add("padding", w.padding);
      if (w.dilation != 1) add("dilation", w.dilation);
    }
    Case c = pooling_case(name + ' ' + text, layout);
    c.build = [=](const Scope& scope, const Nodes& x) {
      return pool(scope.graph, x[0], layout.windows.back().size, text.c_str());
    };
    c.reference = [=](const Arrays& x) {
      std::vector<std::vector<Span>> spans;
      for (std::size_t i = 0; i < layout.windows.size(); ++i) {
        spans.push_back(spans_of(layout.windows[i], layout.lengths[i], layout.rounds_up, layout.counts_padding));
      }
      return pooled(x[0], spans, is_mean);
    };
    c.is_brief = cases.size() > 1;
    cases.push_back(std::move(c));
  }
  return cases;
}

using Adaptive1d = nadir_node (*)(nadir_graph*, nadir_node, int64_t);
using Adaptive2d = nadir_node (*)(nadir_graph*, nadir_node, int64_t, int64_t);

Cases adaptive_cases(const std::string& name, Adaptive1d line, Adaptive2d image, bool is_mean) {
  Cases cases;
  for (const Layout& layout : line ? kLines : kImages) {
    for (const std::int64_t out : {1, 3, 8}) {
      Case c = pooling_case(name + " to " + std::to_string(out), layout);
      c.build = [=](const Scope& scope, const Nodes& x) {
        return line ? line(scope.graph, x[0], out) : image(scope.graph, x[0], out, 2);
      };
      c.reference = [=](const Arrays& x) {
        std::vector<std::vector<Span>> spans = {adaptive_spans(layout.lengths[0], out)};
        if (!line) spans.push_back(adaptive_spans(layout.lengths[1], 2));
        return pooled(x[0], spans, is_mean);
      };
      c.is_brief = cases.size() > 2;
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace

namespace cases {

Cases max_pool1d() { return pooling_cases("max_pool1d", kLines, nadir_max_pool1d, false); }
Cases max_pool2d() { return pooling_cases("max_pool2d", kImages, nadir_max_pool2d, false); }
Cases avg_pool1d() { return pooling_cases("avg_pool1d", kLines, nadir_avg_pool1d, true); }
Cases avg_pool2d() { return pooling_cases("avg_pool2d", kImages, nadir_avg_pool2d, true); }
Cases adaptive_max_pool1d() { return adaptive_cases("adaptive_max_pool1d", nadir_adaptive_max_pool1d, nullptr, false); }
Cases adaptive_max_pool2d() { return adaptive_cases("adaptive_max_pool2d", nullptr, nadir_adaptive_max_pool2d, false); }
Cases adaptive_avg_pool1d() { return adaptive_cases("adaptive_avg_pool1d", nadir_adaptive_avg_pool1d, nullptr, true); }
Cases adaptive_avg_pool2d() { return adaptive_cases("adaptive_avg_pool2d", nullptr, nadir_adaptive_avg_pool2d, true); }

Cases global_avg_pool() {
  Cases cases;
  for (const Layout& layout : {kLines[0], kLines[1], kImages[0]}) {
    Case c = pooling_case("global_avg_pool", layout);
    c.build = [](const Scope& scope, const Nodes& x) { return nadir_global_avg_pool(scope.graph, x[0]); };
    c.reference = [layout](const Arrays& x) {
      std::vector<std::vector<Span>> spans;
      for (const std::int64_t length : layout.lengths) spans.push_back(adaptive_spans(length, 1));
      return pooled(x[0], spans, true);
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

// What max_pool is made of.
Cases max_pool_index() { return max_pool1d(); }

}  // namespace cases

}  // namespace operations
