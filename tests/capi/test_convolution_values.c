/*
 * The sums that the tutorial's four-layer networks give, all of whose parameters and inputs are 1; also without batch and
 * without bias.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static const int64_t channels[] = {4, 4, 4, 1};

/* Makes every parameter 1. */
static void set_ones(nadir_graph *graph) {
  const size_t count = nadir_params_flat_count(graph, NADIR_F32);
  float *const ones = malloc(count * sizeof *ones);
  size_t i;
  for (i = 0; i < count; ++i) ones[i] = 1;
  assert_ok(nadir_params_flat_set(graph, NADIR_F32, ones, count * sizeof *ones));
  free(ones);
}

typedef struct net {
  nadir_graph *graph;
  nadir_node x, y, loss;
  nadir_session *session;
} net;

/* Four layers of convolutions over `dims` dimensions on ones of that shape; runs it forward and backward. */
static void net_run(net *n, int dims, const int64_t *shape, int32_t rank, int64_t max_batch, size_t elements,
                    const char *options) {
  static const char *const names[] = {"a", "b", "c", "d"};
  float *const ones = malloc(elements * sizeof *ones);
  size_t i;
  n->graph = nadir_graph_new(NULL);
  n->x = n->y = nadir_input_add(n->graph, "x", NADIR_F32, shape, rank);
  for (i = 0; i < 4; ++i) {
    n->y = (dims == 1 ? nadir_conv1d_add : nadir_conv2d_add)(n->graph, names[i], n->y, channels[i], 3, options);
  }
  n->loss = nadir_sum(n->graph, n->y, NULL, 0, NULL);
  assert_graph_ok(n->graph);
  set_ones(n->graph);
  n->session = nadir_session_new(n->graph, n->loss, &n->y, 1, max_batch, NULL);
  assert_graph_ok(n->graph);
  for (i = 0; i < elements; ++i) ones[i] = 1;
  assert_ok(nadir_session_write(n->session, n->x, ones, elements * sizeof *ones));
  assert_ok(nadir_forward(n->session));
  assert_ok(nadir_backward(n->session));
  free(ones);
}

static void net_close(net *n) {
  nadir_session_free(n->session);
  nadir_graph_free(n->graph);
}

static void four_conv1d(void **state) {
  const int64_t shape[] = {2, 18};
  static const double row[] = {448, 448, 496};
  double gradient[4 * 2 * 3], bias[4];
  net n;
  int i;
  (void)state;
  net_run(&n, 1, shape, 2, 1, 36, "stride=2 padding=2");
  assert_exact(read_value(n.session, n.loss, NADIR_F32), 13419);
  assert_ok(get_grad(n.session, nadir_graph_find(n.graph, "a.weight"), NADIR_F32, gradient, COUNT_OF(gradient)));
  assert_ok(get_grad(n.session, nadir_graph_find(n.graph, "a.bias"), NADIR_F32, bias, COUNT_OF(bias)));
  for (i = 0; i < 24; ++i) assert_exact(gradient[i], row[i % 3]);
  for (i = 0; i < 4; ++i) assert_exact(bias[i], 512);
  net_close(&n);
}

static void four_conv2d(void **state) {
  const int64_t shape[] = {3, 2, 32, 16};
  double gradient[4 * 2 * 9], bias[4];
  net n;
  int i;
  (void)state;
  net_run(&n, 2, shape, 4, 1, 3 * 2 * 32 * 16, "stride=2 padding=2");
  assert_exact(read_value(n.session, n.loss, NADIR_F32), 5398476);
  assert_ok(get_grad(n.session, nadir_graph_find(n.graph, "a.weight"), NADIR_F32, gradient, COUNT_OF(gradient)));
  assert_ok(get_grad(n.session, nadir_graph_find(n.graph, "a.bias"), NADIR_F32, bias, COUNT_OF(bias)));
  for (i = 0; i < 72; ++i) assert_exact(gradient[i], 69984);
  for (i = 0; i < 4; ++i) assert_exact(bias[i], 86304);
  net_close(&n);
}

static void a_batch_gives_each_of_its_rows_the_same(void **state) {
  const int64_t batched[] = {NADIR_BATCH, 2, 18};
  const int rows = 3;
  net n;
  (void)state;
  net_run(&n, 1, batched, 3, rows, 36 * 3, "stride=2 padding=2");
  assert_exact(read_value(n.session, n.loss, NADIR_F32), rows * 13419.0);
  net_close(&n);
}

/* Without padding every result sees the whole kernel: 2 channels times its size, then thrice 4 times of that. */
static void no_bias_and_no_batch(void **state) {
  const int64_t line[] = {2, 18}, image[] = {2, 12, 10};
  double bias;
  net n;
  (void)state;
  net_run(&n, 1, line, 2, 1, 36, "bias=0");
  assert_int_equal(nadir_param_count(n.graph), 4);
  assert_status(get_grad(n.session, nadir_graph_find(n.graph, "a.bias"), NADIR_F32, &bias, 1), NADIR_E_ARGUMENT);
  assert_exact(read_value(n.session, n.loss, NADIR_F32), 10 * (2 * 3) * 12.0 * 12 * 12);
  net_close(&n);
  net_run(&n, 2, image, 3, 1, 2 * 12 * 10, "bias=0");
  assert_exact(read_value(n.session, n.loss, NADIR_F32), 4 * 2 * (2 * 9) * 36.0 * 36 * 36);
  net_close(&n);
}

static void four_linear(void **state) {
  static const char *const names[] = {"a", "b", "c", "d"};
  static const double wanted[] = {80, 60, 65, 265}, wanted_bias[] = {80, 20, 5, 5};
  static const size_t counts[] = {8, 16, 16, 4};
  const int64_t shape[] = {NADIR_BATCH, 2};
  float ones[10];
  nadir_graph *const graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 2);
  nadir_node y = x, loss;
  nadir_session *session;
  size_t i, k;
  (void)state;
  for (i = 0; i < 4; ++i) y = nadir_linear_add(graph, names[i], y, channels[i], NULL);
  loss = nadir_sum(graph, y, NULL, 0, NULL);
  set_ones(graph);
  session = nadir_session_new(graph, loss, NULL, 0, 5, NULL);
  assert_graph_ok(graph);
  for (i = 0; i < 10; ++i) ones[i] = 1;
  assert_ok(nadir_session_write(session, x, ones, sizeof ones));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_exact(read_value(session, loss, NADIR_F32), 1065);
  for (i = 0; i < 4; ++i) {
    double gradient[16];
    char name[16] = "a.weight";
    name[0] = names[i][0];
    assert_ok(get_grad(session, nadir_graph_find(graph, name), NADIR_F32, gradient, counts[i]));
    for (k = 0; k < counts[i]; ++k) assert_exact(gradient[k], wanted[i]);
    strcpy(name + 2, "bias");
    assert_ok(get_grad(session, nadir_graph_find(graph, name), NADIR_F32, gradient, (size_t)channels[i]));
    for (k = 0; k < (size_t)channels[i]; ++k) assert_exact(gradient[k], wanted_bias[i]);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(four_conv1d),
      cmocka_unit_test(four_conv2d),
      cmocka_unit_test(a_batch_gives_each_of_its_rows_the_same),
      cmocka_unit_test(no_bias_and_no_batch),
      cmocka_unit_test(four_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
