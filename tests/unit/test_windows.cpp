// The kernels of convolutions and of max pooling, on every instruction set that this processor has, against plain loops: shapes
// narrower and wider than vectors, more images than are taken at once, and what lies beside the results left alone.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernel_support.h"

namespace {

ConvAxis axis(int in, int taps, int stride, int padding, int dilation) {
  const int out = (in + 2 * padding - dilation * (taps - 1) - 1) / stride + 1;
  return {in,
          out,
          static_cast<std::int16_t>(taps),
          static_cast<std::int16_t>(stride),
          static_cast<std::int16_t>(padding),
          static_cast<std::int16_t>(dilation)};
}

const ConvAxis kRows[] = {axis(1, 1, 1, 0, 1), axis(5, 3, 1, 1, 1), axis(8, 2, 2, 0, 1), axis(7, 3, 2, 1, 2)};
const ConvAxis kColumns[] = {axis(1, 1, 1, 0, 1),  axis(7, 3, 1, 1, 1),  axis(14, 3, 1, 1, 1), axis(28, 2, 2, 0, 1),
                             axis(28, 3, 1, 1, 1), axis(33, 3, 2, 1, 1), axis(40, 5, 3, 2, 2), axis(19, 1, 20, 0, 1)};

// ------------------------------------------------------------------------------------------------------------ pooling

template <class T>
void check_pooling(const KernelTable& table, const ConvAxis& rows, const ConvAxis& columns, std::int64_t planes) {
  const std::int64_t size = std::int64_t{rows.in} * columns.in;
  const std::int64_t count = planes * rows.out * columns.out;
  // In an array of its own length, so that a checker of memory notices who reads beyond it.
  const auto in = samples<T>(static_cast<std::size_t>(planes * size), 3);
  Guarded<T> values(static_cast<std::size_t>(count), 1);
  Guarded<std::int32_t> places(static_cast<std::size_t>(count), 1);
  Arguments arguments{};
  arguments.pool = {places.data(), values.data(), in.data(), planes, rows, columns};
  table.max_pool[dtype_index<T>()](arguments);
  std::int64_t number = 0;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const T* const image = in.data() + plane * size;
    for (std::int64_t i = 0; i < rows.out; ++i) {
      for (std::int64_t j = 0; j < columns.out; ++j, ++number) {
        std::int64_t best = -1;
        for (std::int64_t a = 0; a < rows.taps; ++a) {
          for (std::int64_t b = 0; b < columns.taps; ++b) {
            const std::int64_t p = i * rows.stride - rows.padding + a * rows.dilation;
            const std::int64_t q = j * columns.stride - columns.padding + b * columns.dilation;
            if (p < 0 || q < 0 || p >= rows.in || q >= columns.in) continue;
            const std::int64_t at = p * columns.in + q;
            if (best < 0 || image[at] > image[best] || (std::isnan(image[at]) && !std::isnan(image[best]))) best = at;
          }
        }
        assert_int_equal(places.data()[number], best);
        assert_true(same_bits(values.data()[number], image[best]));
      }
    }
  }
  assert_true(values.guards_hold() && places.guards_hold());
  // The values are the same without anyone to read them.
  Guarded<std::int32_t> alone(static_cast<std::size_t>(count), 0);
  arguments.pool.places = alone.data();
  arguments.pool.values = nullptr;
  table.max_pool[dtype_index<T>()](arguments);
  assert_true(std::equal(alone.data(), alone.data() + count, places.data()) && alone.guards_hold());
}

void the_first_of_the_greatest_is_found_and_nan_is_greatest(void**) {
  for (const KernelTable* table : tables()) {
    for (const ConvAxis& rows : kRows) {
      for (const ConvAxis& columns : kColumns) {
        for (const std::int64_t planes : {1, 3}) {
          check_pooling<float>(*table, rows, columns, planes);
          check_pooling<double>(*table, rows, columns, planes);
        }
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------------- convolutions

// Calls f(element of the image, of the weights, of the result) for all that are multiplied.
template <class F>
void for_each_product(const ConvGeometry& g, std::int64_t batch, F f) {
  for (std::int64_t n = 0; n < batch * g.groups; ++n) {
    for (std::int64_t o = 0; o < g.out; ++o) {
      for (std::int64_t k = 0; k < g.in; ++k) {
        for (std::int64_t a = 0; a < g.rows.taps; ++a) {
          for (std::int64_t b = 0; b < g.columns.taps; ++b) {
            for (std::int64_t i = 0; i < g.rows.out; ++i) {
              for (std::int64_t j = 0; j < g.columns.out; ++j) {
                const std::int64_t p = i * g.rows.stride - g.rows.padding + a * g.rows.dilation;
                const std::int64_t q = j * g.columns.stride - g.columns.padding + b * g.columns.dilation;
                if (p < 0 || q < 0 || p >= g.rows.in || q >= g.columns.in) continue;
                const std::int64_t weight = ((n % g.groups * g.out + o) * g.in + k) * g.rows.taps + a;
                f(static_cast<std::size_t>(((n * g.in + k) * g.rows.in + p) * g.columns.in + q),
                  static_cast<std::size_t>(weight * g.columns.taps + b),
                  static_cast<std::size_t>(((n * g.out + o) * g.rows.out + i) * g.columns.out + j));
              }
            }
          }
        }
      }
    }
  }
}

template <class T>
void check_kernel(Kernel kernel, const ConvGeometry& g, std::int64_t batch, const std::vector<T>& a,
                  const std::vector<T>& b, const std::vector<double>& wanted) {
  // What working memory has been used for before means nothing.
  std::vector<T> scratch(std::size_t{1} << 17, std::numeric_limits<T>::quiet_NaN());
  Guarded<T> out(wanted.size(), 1);
  Arguments arguments{};
  arguments.conv = {out.data(), a.data(), b.data(), scratch.data(), batch, g, 0, g.out};
  kernel(arguments);
  const double bound = static_cast<double>(std::numeric_limits<T>::epsilon()) * 2000;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    assert_true(std::fabs(static_cast<double>(out.data()[i]) - wanted[i]) <= bound);
  }
  assert_true(out.guards_hold());
}

template <class T>
void check_convolution(const ConvGeometry& g, std::int64_t batch) {
  const auto count = [](auto... lengths) { return static_cast<std::size_t>((std::int64_t{1} * ... * lengths)); };
  const auto image = tame_samples<T>(count(batch, g.groups, g.in, g.rows.in, g.columns.in), 1);
  const auto weights = tame_samples<T>(count(g.groups, g.out, g.in, g.rows.taps, g.columns.taps), 2);
  const auto result = tame_samples<T>(count(batch, g.groups, g.out, g.rows.out, g.columns.out), 3);
  std::vector<double> to_image(image.size()), to_weights(weights.size()), to_result(result.size());
  for_each_product(g, batch, [&](std::size_t x, std::size_t w, std::size_t y) {
    to_image[x] += double(weights[w]) * double(result[y]);
    to_weights[w] += double(image[x]) * double(result[y]);
    to_result[y] += double(image[x]) * double(weights[w]);
  });
  for (const KernelTable* table : tables()) {
    const int dtype = dtype_index<T>();
    check_kernel<T>(table->conv[dtype], g, batch, image, weights, to_result);
    check_kernel<T>(table->conv_input[dtype], g, batch, result, weights, to_image);
    check_kernel<T>(table->conv_weight[dtype], g, batch, image, result, to_weights);
  }
}

void convolutions_and_their_gradients_equal_plain_loops(void**) {
  for (const ConvAxis& rows : kRows) {
    for (const ConvAxis& columns : kColumns) {
      check_convolution<float>({1, 1, 1, rows, columns}, 1);
      check_convolution<double>({1, 2, 9, rows, columns}, 2);
      check_convolution<float>({2, 3, 6, rows, columns}, 2);
    }
  }
  // More images than are taken at once, and as many channels as tiles have rows.
  check_convolution<float>({1, 8, 16, kRows[1], kColumns[2]}, 19);
  check_convolution<double>({1, 13, 4, kRows[1], kColumns[1]}, 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_first_of_the_greatest_is_found_and_nan_is_greatest),
      cmocka_unit_test(convolutions_and_their_gradients_equal_plain_loops),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
