// The geometry of a convolution in two dimensions, and how its kernels lay an image out.
//
// A kernel copies an image into planes, padded with zeros: one for each remainder of a position by the stride, so that what a tap
// of the kernel meets at neighbouring outputs lies side by side, whatever the stride. Over a whole plane a tap is then one offset,
// and a convolution a product of matrices whose second one is read at offsets. Nothing is copied per tap.
//
// What is computed here has internal linkage, for kernels are compiled once an instruction set.
#pragma once

#include <cstdint>

namespace nadir {

// One dimension of it, rows or columns.
struct ConvAxis {
  std::int32_t in;   // the length of the image
  std::int32_t out;  // and of the result
  std::int16_t taps;
  std::int16_t stride;
  std::int16_t padding;  // before the first
  std::int16_t dilation;
};

struct ConvGeometry {
  std::int32_t groups;
  std::int32_t in;   // channels a group, of the image
  std::int32_t out;  // and of the result
  ConvAxis rows;
  ConvAxis columns;
};

// Elements that may be read, and mean nothing, after the last that counts: those of two vectors at most.
inline constexpr std::int64_t kConvSlack = 64;

namespace {

struct PlaneAxis {
  std::int64_t phases;   // remainders by the stride that a tap meets
  std::int64_t stride;   // between positions of one phase
  std::int64_t padding;  // of the image, before its first position
  std::int64_t length;   // of a plane
};

// How far, in its plane, the last tap is from the first.
constexpr std::int64_t reach_of(const ConvAxis& axis) {
  return std::int64_t{axis.taps - 1} * axis.dilation / axis.stride;
}

// The image, for the taps to pass over.
[[gnu::noinline]] constexpr PlaneAxis image_axis(const ConvAxis& axis) {
  const std::int64_t met = std::int64_t{axis.taps - 1} * axis.dilation + 1;
  return {met < axis.stride ? met : axis.stride, axis.stride, axis.padding, reach_of(axis) + axis.out};
}

// The result, as the gradient of the image gathers it: position u gets what taps have brought from u - reach to u.
constexpr std::int64_t last_position(const ConvAxis& axis) {
  return (std::int64_t{axis.in} - 1 + axis.padding) / axis.stride;
}
[[gnu::noinline]] constexpr PlaneAxis result_axis(const ConvAxis& axis) {
  return {1, 1, reach_of(axis), last_position(axis) + 1 + reach_of(axis)};
}

// The result as it is, in lines as long as those of the image's planes.
[[gnu::noinline]] constexpr PlaneAxis plain_axis(const ConvAxis& axis, std::int64_t length) {
  return {1, 1, 0, length < axis.out ? axis.out : length};
}

constexpr std::int64_t plane_size(const PlaneAxis& rows, const PlaneAxis& columns) {
  return rows.phases * columns.phases * rows.length * columns.length;
}

// Where working memory begins: the taps, of two numbers each, as whole lines of the cache.
constexpr std::int64_t tap_bytes(const ConvGeometry& g) {
  return (std::int64_t{g.rows.taps} * g.columns.taps * 16 + 63) / 64 * 64;
}

// What the gradient of the weights is computed from, in elements: planes of an image, and lines of its results. A vector of lines
// begins where a line of the cache does.
inline constexpr int kLinesAtOnce = 4;

constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

[[gnu::noinline]] constexpr std::int64_t planes_step(const ConvGeometry& g) {
  return rounded_up(g.in * plane_size(image_axis(g.rows), image_axis(g.columns)) + kConvSlack, 16);
}
[[gnu::noinline]] constexpr std::int64_t line_step(const ConvGeometry& g) {
  const PlaneAxis columns = plain_axis(g.columns, image_axis(g.columns).length);
  return rounded_up(plane_size(plain_axis(g.rows, 0), columns), 16);
}
constexpr std::int64_t lines_step(const ConvGeometry& g) {
  return rounded_up(g.out, kLinesAtOnce) * line_step(g) + kConvSlack;
}

// As many images at once as stay in the cache.
[[gnu::noinline]] constexpr std::int64_t images_at_once(const ConvGeometry& g) {
  const std::int64_t by_lines = 2048 / line_step(g);
  const std::int64_t by_size = 65536 / (planes_step(g) + lines_step(g));
  const std::int64_t images = by_lines < by_size ? by_lines : by_size;
  return images < 1 ? 1 : images > 16 ? 16 : images;
}

}  // namespace

}  // namespace nadir
