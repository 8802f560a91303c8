/*
 * The ends of ranges: the largest sizes, multiples, names and rates, and dimensions of length 0.
 */
#include "support.h"

#include <math.h>
#include <string.h>

#define LARGE INT64_C(1099511627776) /* 2^40 */

/* A graph y = linear(x) and a session that predicts with it. */
static nadir_session *predict(nadir_graph *graph, const int64_t *shape, int32_t rank, nadir_node *x, nadir_node *y) {
  nadir_session *session;
  *x = nadir_input_add(graph, "x", NADIR_F32, shape, rank);
  *y = nadir_linear_add(graph, "layer", *x, 2, NULL);
  session = nadir_session_new(graph, NADIR_NONE, y, 1, 4, NULL);
  if (session == NULL) print_error("%s\n", nadir_graph_error(graph));
  assert_non_null(session);
  return session;
}

static void write_of_the_largest_size_is_refused(void **state) {
  const int64_t shape[] = {NADIR_BATCH, 1};
  const float value = 1;
  nadir_node x, y;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_session *session = predict(graph, shape, 2, &x, &y);
  (void)state;
  assert_int_not_equal(nadir_session_write(session, x, &value, SIZE_MAX), NADIR_OK);
  assert_ok(nadir_session_bind(session, x, &value, sizeof value));
  assert_int_not_equal(nadir_session_write(session, x, &value, SIZE_MAX), NADIR_OK);
  assert_ok(nadir_forward(session));
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void layer_takes_no_rows(void **state) {
  const int64_t shape[] = {NADIR_BATCH, 0, 5};
  float nothing[1];
  nadir_node x, y;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_session *session = predict(graph, shape, 3, &x, &y);
  (void)state;
  assert_ok(nadir_session_write(session, x, NULL, 0));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, y, nothing, 0));
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void reshape_refuses_a_multiple_of_the_batch_that_no_dimension_holds(void **state) {
  const int64_t shape[] = {NADIR_BATCH, LARGE}, flat[] = {-1};
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 2);
  (void)state;
  assert_int_equal(nadir_reshape(graph, x, flat, 1), NADIR_NONE);
  assert_status(nadir_graph_status(graph), NADIR_E_SHAPE);
  assert_non_null(strstr(nadir_graph_error(graph), "\"x\""));
  nadir_graph_free(graph);
}

static void empty_tensor_with_endless_strides_is_refused(void **state) {
  const int64_t shape[] = {0, INT64_C(1) << 28, (INT64_C(1) << 30) * NADIR_BATCH};
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 3);
  const nadir_node y = nadir_neg(graph, x);
  (void)state;
  assert_null(nadir_session_new(graph, NADIR_NONE, &y, 1, 1000, NULL));
  assert_status(nadir_graph_status(graph), NADIR_E_NO_MEMORY);
  nadir_graph_free(graph);
}

/* The mean of nothing is NaN, and what it does not depend on has the gradient 0. */
static void mean_over_an_empty_axis_has_an_empty_gradient(void **state) {
  const int64_t shape[] = {NADIR_BATCH, 0};
  const int32_t last = -1;
  double loss = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F64, shape, 2);
  const nadir_node p = nadir_param_add(graph, "p", NADIR_F64, NULL, 0, "init=ones");
  const nadir_node means = nadir_mean(graph, nadir_add(graph, x, p), &last, 1, NULL);
  const nadir_node total = nadir_sum(graph, means, NULL, 0, NULL);
  nadir_session *session = nadir_session_new(graph, total, NULL, 0, 3, "finite=off");
  (void)state;
  assert_graph_ok(graph);
  assert_ok(nadir_session_write(session, x, NULL, 0));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, total, &loss, sizeof loss));
  assert_nan(loss);
  assert_ok(nadir_backward(session));
  assert_exact(grad_value(session, p, NADIR_F64), 0);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void layers_have_names_of_any_length(void **state) {
  char name[2001], wanted[2020];
  const int64_t shape[] = {NADIR_BATCH, 1};
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 2);
  (void)state;
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_int_not_equal(nadir_linear_add(graph, name, x, 2, NULL), NADIR_NONE);
  strcpy(wanted, name);
  strcat(wanted, ".weight");
  assert_int_equal(nadir_graph_find(graph, wanted), nadir_param_at(graph, 0));
  strcpy(wanted, name);
  strcat(wanted, ".bias");
  assert_int_equal(nadir_graph_find(graph, wanted), nadir_param_at(graph, 1));
  nadir_graph_free(graph);
}

/* L = p, whose gradient is 1, with one parameter of the dtype. */
static nadir_session *train_one(nadir_graph *graph, nadir_dtype dtype, const char *options) {
  const nadir_node p = nadir_param_add(graph, "p", dtype, NULL, 0, "init=ones");
  nadir_session *session = nadir_session_new(graph, p, NULL, 0, 1, options);
  assert_non_null(session);
  return session;
}

static void rate_is_finite_in_the_parameters_dtype(void **state) {
  const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};
  size_t i;
  (void)state;
  for (i = 0; i < 2; ++i) {
    nadir_graph *graph = nadir_graph_new(NULL);
    nadir_session *session = train_one(graph, dtypes[i], NULL);
    assert_ok(nadir_forward(session));
    assert_ok(nadir_backward(session));
    assert_status(nadir_sgd_step(session, 1e300), dtypes[i] == NADIR_F32 ? NADIR_E_ARGUMENT : NADIR_OK);
    nadir_session_free(session);
    nadir_graph_free(graph);
  }
}

/* Under skip a pass that is not finite adds nothing; other gradients, from before, are applied by a step. */
static void skipped_pass_adds_nothing_to_gradients(void **state) {
  const float good = 2, bad = NAN;
  float p = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, NULL, 0);
  const nadir_node w = nadir_param_add(graph, "w", NADIR_F32, NULL, 0, "init=ones");
  nadir_session *session = nadir_session_new(graph, nadir_mul(graph, w, x), NULL, 0, 1, "not_finite=skip");
  (void)state;
  assert_non_null(session);

  /* Nothing but a skipped pass: nothing changes. */
  assert_ok(nadir_session_write(session, x, &bad, sizeof bad));
  assert_ok(nadir_forward(session));
  assert_status(nadir_sgd_step(session, 0.25), NADIR_E_STATE); /* no backward pass yet */
  assert_ok(nadir_backward(session));
  assert_ok(nadir_sgd_step(session, 0.25));
  assert_ok(nadir_param_get(graph, w, &p, sizeof p));
  assert_exact(p, 1);

  /* A good pass and a skipped one: 1 - 0.25 * 2. */
  assert_ok(nadir_zero_grad(session));
  assert_ok(nadir_session_write(session, x, &good, sizeof good));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_ok(nadir_session_write(session, x, &bad, sizeof bad));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_ok(nadir_sgd_step(session, 0.25));
  assert_ok(nadir_param_get(graph, w, &p, sizeof p));
  assert_exact(p, 0.5);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void uniform_numbers_stay_below_their_end(void **state) {
  /* Element 16341216 of this stream is within half a rounding of 1. */
  const int64_t count = 16341217;
  const int64_t shape[] = {16341217};
  const size_t bytes = (size_t)count * sizeof(float);
  float *values = (float *)test_malloc(bytes);
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node w = nadir_param_add(graph, "w", NADIR_F32, shape, 1, "init=uniform");
  (void)state;
  assert_ok(nadir_param_get(graph, w, values, bytes));
  assert_true(values[count - 1] < 1);
  assert_true(values[count - 1] > 0.999f);
  test_free(values);
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(write_of_the_largest_size_is_refused),
      cmocka_unit_test(layer_takes_no_rows),
      cmocka_unit_test(reshape_refuses_a_multiple_of_the_batch_that_no_dimension_holds),
      cmocka_unit_test(empty_tensor_with_endless_strides_is_refused),
      cmocka_unit_test(mean_over_an_empty_axis_has_an_empty_gradient),
      cmocka_unit_test(layers_have_names_of_any_length),
      cmocka_unit_test(rate_is_finite_in_the_parameters_dtype),
      cmocka_unit_test(skipped_pass_adds_nothing_to_gradients),
      cmocka_unit_test(uniform_numbers_stay_below_their_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
