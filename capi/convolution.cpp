// Convolutions, as functions and as layers.
#include "ops/convolution.h"

#include "guard.h"

using namespace nadir;
using namespace nadir::capi;

namespace {

nadir_node build_function(nadir_graph* graph, const char* function, nadir_node x, nadir_node weight, nadir_node bias,
                          int dims, bool is_transposed, const char* options) {
  return build_node(graph, function, nullptr, [&](Graph& g) {
    Options parsed(options);
    const Expr image = to_expr(g, x, "x");
    const Expr kernel = to_expr(g, weight, "weight");
    return convolution(image, kernel, bias == NADIR_NONE ? Expr() : to_expr(g, bias, "bias"), dims, is_transposed,
                       parsed);
  });
}

nadir_node build_layer(nadir_graph* graph, const char* function, const char* name, nadir_node x, int64_t out_channels,
                       int64_t kernel_size, int dims, bool is_transposed, const char* options) {
  return build_node(graph, function, name, [&](Graph& g) {
    Options parsed(options);
    return convolution_layer(name, to_expr(g, x, "x"), out_channels, kernel_size, dims, is_transposed, parsed);
  });
}

}  // namespace

nadir_node nadir_conv1d(nadir_graph* graph, nadir_node x, nadir_node weight, nadir_node bias, const char* options) {
  return build_function(graph, "conv1d", x, weight, bias, 1, false, options);
}

nadir_node nadir_conv1d_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_channels,
                            int64_t kernel_size, const char* options) {
  return build_layer(graph, "conv1d_add", name, x, out_channels, kernel_size, 1, false, options);
}

nadir_node nadir_conv2d(nadir_graph* graph, nadir_node x, nadir_node weight, nadir_node bias, const char* options) {
  return build_function(graph, "conv2d", x, weight, bias, 2, false, options);
}

nadir_node nadir_conv2d_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_channels,
                            int64_t kernel_size, const char* options) {
  return build_layer(graph, "conv2d_add", name, x, out_channels, kernel_size, 2, false, options);
}

nadir_node nadir_conv_transpose1d(nadir_graph* graph, nadir_node x, nadir_node weight, nadir_node bias,
                                  const char* options) {
  return build_function(graph, "conv_transpose1d", x, weight, bias, 1, true, options);
}

nadir_node nadir_conv_transpose1d_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_channels,
                                      int64_t kernel_size, const char* options) {
  return build_layer(graph, "conv_transpose1d_add", name, x, out_channels, kernel_size, 1, true, options);
}

nadir_node nadir_conv_transpose2d(nadir_graph* graph, nadir_node x, nadir_node weight, nadir_node bias,
                                  const char* options) {
  return build_function(graph, "conv_transpose2d", x, weight, bias, 2, true, options);
}

nadir_node nadir_conv_transpose2d_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_channels,
                                      int64_t kernel_size, const char* options) {
  return build_layer(graph, "conv_transpose2d_add", name, x, out_channels, kernel_size, 2, true, options);
}
