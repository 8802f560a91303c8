/*
 * NULL for every pointer of every function. Where it stands for a default, it works; anywhere else it is answered with
 * NADIR_E_ARGUMENT (a builder: NADIR_NONE), and nothing crashes.
 */
#include "support.h"

#include <string.h>

static const int64_t two_3[] = {2, 3};

static int setup(void **state) {
  static fit f;
  fit_open(&f, NADIR_F32, 1);
  fit_set(&f, 1, 1);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fit *f = (fit *)*state;
  assert_fit_trains(f);
  fit_close(f);
  return 0;
}

/* A builder was given a NULL that stands for nothing; the graph is repaired. */
static void assert_refuses(nadir_graph *graph, nadir_node node, const char *function) {
  assert_int_equal(node, NADIR_NONE);
  assert_status(nadir_graph_status(graph), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(graph), function);
  assert_ok(nadir_graph_clear_error(graph));
}

/* ------------------------------------------------------------------------------------------------ no object at all */

static void free_functions_take_null(void **state) {
  (void)state;
  nadir_optimizer_free(NULL);
  nadir_session_free(NULL);
  nadir_graph_free(NULL);
  nadir_host_free(NULL);
}

static void builders_without_a_graph_return_none(void **state) {
  const int32_t axis = 0;
  const float value = 0;
  (void)state;
  assert_int_equal(nadir_input_add(NULL, "x", NADIR_F32, two_3, 2), NADIR_NONE);
  assert_int_equal(nadir_param_add(NULL, "x", NADIR_F32, two_3, 2, NULL), NADIR_NONE);
  assert_int_equal(nadir_constant_add(NULL, "x", NADIR_F32, NULL, 0, &value, sizeof value), NADIR_NONE);
  assert_int_equal(nadir_add(NULL, 1, 1), NADIR_NONE);
  assert_int_equal(nadir_sub(NULL, 1, 1), NADIR_NONE);
  assert_int_equal(nadir_mul(NULL, 1, 1), NADIR_NONE);
  assert_int_equal(nadir_div(NULL, 1, 1), NADIR_NONE);
  assert_int_equal(nadir_neg(NULL, 1), NADIR_NONE);
  assert_int_equal(nadir_square(NULL, 1), NADIR_NONE);
  assert_int_equal(nadir_matmul(NULL, 1, 1, NULL), NADIR_NONE);
  assert_int_equal(nadir_sum(NULL, 1, &axis, 1, NULL), NADIR_NONE);
  assert_int_equal(nadir_mean(NULL, 1, &axis, 1, NULL), NADIR_NONE);
  assert_int_equal(nadir_broadcast_to(NULL, 1, two_3, 2), NADIR_NONE);
  assert_int_equal(nadir_reshape(NULL, 1, two_3, 2), NADIR_NONE);
  assert_int_equal(nadir_linear_add(NULL, "x", 1, 1, NULL), NADIR_NONE);
  assert_int_equal(nadir_mse_loss(NULL, 1, 1, NULL), NADIR_NONE);
}

static void calls_without_a_graph_are_answered(void **state) {
  nadir_node node = 1, out = 1;
  size_t needed;
  int64_t shape;
  int32_t rank;
  float value = 0;
  (void)state;
  assert_status(nadir_graph_status(NULL), NADIR_E_ARGUMENT);
  assert_non_null(nadir_graph_error(NULL));
  assert_status(nadir_graph_clear_error(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_set_seed(NULL, 1), NADIR_E_ARGUMENT);
  assert_int_equal(nadir_graph_find(NULL, "x"), NADIR_NONE);
  assert_null(nadir_graph_node_name(NULL, node));
  assert_int_equal(nadir_graph_node_dtype(NULL, node), 0);
  assert_status(nadir_graph_node_shape(NULL, node, &shape, 1, &rank), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_node_set_name(NULL, node, "x"), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_dump(NULL, "text", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_gradients(NULL, node, NADIR_NONE, &node, 1, &out), NADIR_E_ARGUMENT);
  assert_int_equal(out, NADIR_NONE);
  assert_int_equal(nadir_param_count(NULL), 0);
  assert_int_equal(nadir_param_at(NULL, 0), NADIR_NONE);
  assert_status(nadir_param_get(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_param_set(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_param_init(NULL, "*", NULL), NADIR_E_ARGUMENT);
  assert_int_equal(nadir_params_flat_count(NULL, NADIR_F32), 0);
  assert_status(nadir_params_flat_get(NULL, NADIR_F32, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_params_flat_set(NULL, NADIR_F32, &value, 4), NADIR_E_ARGUMENT);
  assert_null(nadir_session_new(NULL, node, NULL, 0, 1, NULL));
}

static void calls_without_a_session_are_answered(void **state) {
  const nadir_node node = 1;
  nadir_profile_entry entry;
  float value = 0;
  size_t bytes;
  (void)state;
  entry.struct_size = sizeof entry;
  assert_status(nadir_session_status(NULL), NADIR_E_ARGUMENT);
  assert_non_null(nadir_session_error(NULL));
  assert_status(nadir_session_memory(NULL, "total", &bytes), NADIR_E_ARGUMENT);
  assert_status(nadir_session_dump(NULL, "text", NULL, 0, &bytes), NADIR_E_ARGUMENT);
  assert_int_equal(nadir_session_step_count(NULL), 0);
  assert_status(nadir_session_set_profiling(NULL, 1), NADIR_E_ARGUMENT);
  assert_status(nadir_session_profile(NULL, 0, &entry), NADIR_E_ARGUMENT);
  assert_status(nadir_session_write(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_session_bind(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_forward(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_session_read(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_zero_grad(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_backward(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_sgd_step(NULL, 0.1), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_get(NULL, node, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grads_flat_get(NULL, NADIR_F32, &value, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grads_flat_set(NULL, NADIR_F32, &value, 4), NADIR_E_ARGUMENT);
}

static void calls_without_a_host_are_answered(void **state) {
  nadir_log_sink sink;
  (void)state;
  memset(&sink, 0, sizeof sink);
  sink.struct_size = sizeof sink;
  assert_status(nadir_host_set_log(NULL, &sink), NADIR_E_ARGUMENT);
  assert_status(nadir_host_set_log(NULL, NULL), NADIR_E_ARGUMENT);
  assert_int_equal(nadir_has_feature(NULL), 0);
}

/* --------------------------------------------------------------------------------------------------- defaults */

static void null_host_allocator_and_log_are_the_defaults(void **state) {
  nadir_host *host = nadir_host_new(NULL);
  nadir_graph *graph;
  (void)state;
  assert_non_null(host);
  assert_ok(nadir_host_set_log(host, NULL));
  graph = nadir_graph_new(host);
  assert_non_null(graph);
  nadir_host_free(host);
  assert_int_not_equal(nadir_input_add(graph, "x", NADIR_F32, two_3, 2), NADIR_NONE);
  nadir_graph_free(graph);
}

static void null_names_axes_options_and_empty_shapes_are_the_defaults(void **state) {
  const float value = 2;
  const int64_t one[] = {1};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, NULL, NADIR_F32, two_3, 2);
  const nadir_node p = nadir_param_add(g, NULL, NADIR_F32, NULL, 0, NULL);
  const nadir_node c = nadir_constant_add(g, NULL, NADIR_F32, NULL, 0, &value, sizeof value);
  const nadir_node y = nadir_linear_add(g, NULL, x, 2, NULL);
  const nadir_node s = nadir_sum(g, y, NULL, 0, NULL), m = nadir_mean(g, y, NULL, 0, NULL);
  int32_t rank = 7;
  (void)state;
  assert_int_not_equal(nadir_broadcast_to(g, s, NULL, 0), NADIR_NONE);
  assert_int_not_equal(nadir_reshape(g, nadir_reshape(g, m, one, 1), NULL, 0), NADIR_NONE);
  assert_int_not_equal(nadir_add(g, p, c), NADIR_NONE);
  assert_ok(nadir_graph_node_shape(g, s, NULL, 0, &rank));
  assert_int_equal(rank, 0);
  assert_graph_ok(g);
  nadir_graph_free(g);
}

static void empty_options_are_the_defaults(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, two_3, 2);
  const nadir_node y = nadir_linear_add(g, "layer", x, 3, "");
  const nadir_node p = nadir_param_add(g, "p", NADIR_F32, two_3, 2, "");
  const nadir_node product = nadir_matmul(g, y, nadir_matmul(g, y, p, "transpose_a=1"), "");
  const nadir_node loss = nadir_mse_loss(g, nadir_sum(g, product, NULL, 0, ""), nadir_mean(g, p, NULL, 0, ""), "");
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, "");
  (void)state;
  assert_graph_ok(g);
  assert_non_null(session);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* --------------------------------------------------------------------------------- objects with a missing argument */

static void graph_lookups_without_arguments_are_answered(void **state) {
  fit *f = (fit *)*state;
  int64_t shape[2];
  int32_t rank = 7;
  assert_int_equal(nadir_graph_find(f->graph, NULL), NADIR_NONE);
  assert_status(nadir_graph_node_shape(f->graph, f->x, NULL, 2, &rank), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_node_shape(f->graph, f->x, shape, 2, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_node_set_name(f->graph, f->loss, NULL), NADIR_E_ARGUMENT);
}

static void dump_without_arguments_is_answered(void **state) {
  fit *f = (fit *)*state;
  char text[4096];
  size_t needed = 0;
  assert_status(nadir_graph_dump(f->graph, NULL, text, sizeof text, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_dump(f->graph, "text", NULL, 0, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_dump(f->graph, "text", NULL, sizeof text, &needed), NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_dump(f->graph, "text", NULL, 0, &needed));
  assert_ok(nadir_graph_dump(f->graph, "text", text, needed, NULL));
  assert_int_equal(strlen(text) + 1, needed);
}

static void session_dump_without_arguments_is_answered(void **state) {
  fit *f = (fit *)*state;
  char text[8192];
  size_t needed = 0;
  assert_status(nadir_session_dump(f->train, NULL, text, sizeof text, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_session_dump(f->train, "text", NULL, 0, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_session_dump(f->train, "text", NULL, sizeof text, &needed), NADIR_E_ARGUMENT);
  assert_ok(nadir_session_dump(f->train, "text", NULL, 0, &needed));
  assert_ok(nadir_session_dump(f->train, "text", text, needed, NULL));
  assert_int_equal(strlen(text) + 1, needed);
}

static void builders_without_their_arrays_refuse(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, two_3, 2);
  (void)state;
  assert_refuses(g, nadir_input_add(g, "new", NADIR_F32, NULL, 2), "input_add");
  assert_refuses(g, nadir_param_add(g, "new", NADIR_F32, NULL, 2, NULL), "param_add");
  assert_refuses(g, nadir_constant_add(g, "new", NADIR_F32, NULL, 2, &x, 24), "constant_add");
  assert_refuses(g, nadir_constant_add(g, "new", NADIR_F32, two_3, 2, NULL, 24), "constant_add");
  assert_refuses(g, nadir_broadcast_to(g, x, NULL, 2), "broadcast_to");
  assert_refuses(g, nadir_reshape(g, x, NULL, 2), "reshape");
  assert_int_equal(nadir_graph_find(g, "new"), NADIR_NONE);
  nadir_graph_free(g);
}

static void gradients_without_arrays_are_refused(void **state) {
  fit *f = (fit *)*state;
  nadir_node out = f->w;
  assert_status(nadir_gradients(f->graph, f->loss, NADIR_NONE, NULL, 1, &out), NADIR_E_ARGUMENT);
  assert_refuses(f->graph, out, "gradients");
  assert_status(nadir_gradients(f->graph, f->loss, NADIR_NONE, &f->w, 1, NULL), NADIR_E_ARGUMENT);
  assert_refuses(f->graph, NADIR_NONE, "gradients");
}

static void none_as_an_operand_gives_none(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, two_3, 2);
  (void)state;
  assert_int_equal(nadir_add(g, NADIR_NONE, x), NADIR_NONE);
  assert_int_equal(nadir_sub(g, x, NADIR_NONE), NADIR_NONE);
  assert_int_equal(nadir_mul(g, NADIR_NONE, NADIR_NONE), NADIR_NONE);
  assert_int_equal(nadir_div(g, NADIR_NONE, x), NADIR_NONE);
  assert_int_equal(nadir_neg(g, NADIR_NONE), NADIR_NONE);
  assert_int_equal(nadir_square(g, NADIR_NONE), NADIR_NONE);
  assert_int_equal(nadir_matmul(g, x, NADIR_NONE, NULL), NADIR_NONE);
  assert_int_equal(nadir_sum(g, NADIR_NONE, NULL, 0, NULL), NADIR_NONE);
  assert_int_equal(nadir_mean(g, NADIR_NONE, NULL, 0, NULL), NADIR_NONE);
  assert_int_equal(nadir_broadcast_to(g, NADIR_NONE, two_3, 2), NADIR_NONE);
  assert_int_equal(nadir_reshape(g, NADIR_NONE, two_3, 2), NADIR_NONE);
  assert_int_equal(nadir_linear_add(g, "layer", NADIR_NONE, 1, NULL), NADIR_NONE);
  assert_int_equal(nadir_mse_loss(g, NADIR_NONE, x, NULL), NADIR_NONE);
  assert_int_equal(nadir_param_count(g), 0);
  nadir_graph_free(g);
}

static void values_without_memory_are_declined(void **state) {
  fit *f = (fit *)*state;
  assert_status(nadir_param_get(f->graph, f->w, NULL, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_param_set(f->graph, f->w, NULL, 4), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(f->graph), "param_set");
  assert_status(nadir_params_flat_get(f->graph, NADIR_F32, NULL, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_params_flat_set(f->graph, NADIR_F32, NULL, 8), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(f->graph), "params_flat_set");
}

static void session_calls_without_memory_are_declined(void **state) {
  fit *f = (fit *)*state;
  const float one = 1;
  size_t bytes;
  assert_ok(nadir_session_write(f->train, f->x, &one, 4));
  assert_ok(nadir_session_write(f->train, f->t, &one, 4));
  assert_ok(nadir_forward(f->train));
  assert_status(nadir_session_write(f->train, f->x, NULL, 4), NADIR_E_ARGUMENT);
  assert_says(nadir_session_error(f->train), "session_write", "\"x\"");
  assert_status(nadir_session_bind(f->train, f->x, NULL, 4), NADIR_E_ARGUMENT);
  assert_says(nadir_session_error(f->train), "session_bind", "\"x\"");
  assert_status(nadir_session_read(f->train, f->loss, NULL, 4), NADIR_E_ARGUMENT);
  assert_says(nadir_session_error(f->train), "session_read");
  assert_status(nadir_grads_flat_set(f->train, NADIR_F32, NULL, 8), NADIR_E_ARGUMENT);
  assert_says(nadir_session_error(f->train), "grads_flat_set");
  assert_status(nadir_grad_get(f->train, f->w, NULL, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grads_flat_get(f->train, NADIR_F32, NULL, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_session_memory(f->train, NULL, &bytes), NADIR_E_ARGUMENT);
  assert_status(nadir_session_memory(f->train, "total", NULL), NADIR_E_ARGUMENT);
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_status(nadir_session_profile(f->train, 0, NULL), NADIR_E_ARGUMENT);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(free_functions_take_null),
      cmocka_unit_test(builders_without_a_graph_return_none),
      cmocka_unit_test(calls_without_a_graph_are_answered),
      cmocka_unit_test(calls_without_a_session_are_answered),
      cmocka_unit_test(calls_without_a_host_are_answered),
      cmocka_unit_test(null_host_allocator_and_log_are_the_defaults),
      cmocka_unit_test(null_names_axes_options_and_empty_shapes_are_the_defaults),
      cmocka_unit_test(empty_options_are_the_defaults),
      test(graph_lookups_without_arguments_are_answered),
      test(dump_without_arguments_is_answered),
      test(session_dump_without_arguments_is_answered),
      cmocka_unit_test(builders_without_their_arrays_refuse),
      test(gradients_without_arrays_are_refused),
      cmocka_unit_test(none_as_an_operand_gives_none),
      test(values_without_memory_are_declined),
      test(session_calls_without_memory_are_declined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
