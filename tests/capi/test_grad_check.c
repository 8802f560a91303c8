/*
 * The comparison of gradients with differences: what it accepts, what it notices, what it leaves as it was.
 */
#include "support.h"

#include <math.h>
#include <string.h>

static const int64_t three[] = {3}, rows[] = {NADIR_BATCH, 3};

typedef struct model {
  nadir_graph *graph;
  nadir_node x, w, loss;
  nadir_session *session;
} model;

/* The mean of f(x * w) over a batch of two. */
static model open_model(nadir_dtype dtype, nadir_node (*f)(nadir_graph *, nadir_node)) {
  const double w[] = {0.5, -1.5, 2}, x[] = {1, 2, -1, 0.5, -0.25, 3};
  model m;
  m.graph = nadir_graph_new(NULL);
  m.x = nadir_input_add(m.graph, "x", dtype, rows, 2);
  m.w = nadir_param_add(m.graph, "w", dtype, three, 1, NULL);
  m.loss = nadir_mean(m.graph, f(m.graph, nadir_mul(m.graph, m.x, m.w)), NULL, 0, NULL);
  m.session = nadir_session_new(m.graph, m.loss, NULL, 0, 2, NULL);
  assert_graph_ok(m.graph);
  assert_ok(set_param(m.graph, m.w, dtype, w, 3));
  assert_ok(write_values(m.session, m.x, dtype, x, 6));
  return m;
}

static void close_model(model *m) {
  nadir_session_free(m->session);
  nadir_graph_free(m->graph);
}

static void right_gradients_pass(void **state) {
  double worst = -1;
  model m = open_model(NADIR_F64, nadir_tanh);
  (void)state;
  assert_ok(nadir_grad_check(m.session, NULL, &worst));
  assert_true(worst >= 0 && worst < 1e-9);
  assert_ok(nadir_grad_check(m.session, "step=1e-5 tolerance=1e-7", NULL));
  assert_string_equal(nadir_session_error(m.session), "");
  close_model(&m);
}

/* At a kink, |x| has the derivative 0 for us; differences at 0 agree, those of relu at 0 are one half. */
static void difference_at_a_kink_is_noticed_with_its_place(void **state) {
  const double at_kink[] = {0.5, 0, 2};
  double worst = -1;
  model m = open_model(NADIR_F64, nadir_relu);
  (void)state;
  assert_ok(set_param(m.graph, m.w, NADIR_F64, at_kink, 3));
  assert_status(nadir_grad_check(m.session, NULL, &worst), NADIR_E_MISMATCH);
  assert_says(nadir_session_error(m.session), "grad_check", "\"w\"", "element 1");
  assert_status(nadir_session_status(m.session), NADIR_E_MISMATCH);
  /* x is 2 and -0.25 there, and the mean is over 6: (2 / 6 - 0.25 / 6) / 2 */
  assert_near(worst, 1.75 / 12, 1e-6);
  assert_ok(nadir_grad_check(m.session, "tolerance=0.2", NULL));
  close_model(&m);
}

static void everything_is_afterwards_as_it_was(void **state) {
  double w[3], before[3], after[3];
  double loss;
  model m = open_model(NADIR_F64, nadir_exp);
  (void)state;
  assert_ok(nadir_forward(m.session));
  assert_ok(nadir_backward(m.session));
  assert_ok(nadir_forward(m.session));
  assert_ok(nadir_backward(m.session)); /* twice the gradient is there */
  loss = read_value(m.session, m.loss, NADIR_F64);
  assert_ok(get_grad(m.session, m.w, NADIR_F64, before, 3));
  assert_ok(nadir_grad_check(m.session, NULL, NULL));
  assert_ok(get_grad(m.session, m.w, NADIR_F64, after, 3));
  assert_memory_equal(before, after, sizeof before);
  assert_exact(read_value(m.session, m.loss, NADIR_F64), loss);
  assert_ok(get_param(m.graph, m.w, NADIR_F64, w, 3));
  assert_exact(w[0], 0.5);
  assert_exact(w[1], -1.5);
  assert_exact(w[2], 2);
  /* It leaves a forward pass behind, which a backward pass may use. */
  assert_ok(nadir_backward(m.session));
  assert_ok(get_grad(m.session, m.w, NADIR_F64, after, 3));
  assert_near(after[0], 1.5 * before[0], 1e-15);
  close_model(&m);
}

static void without_gradients_there_are_none_afterwards(void **state) {
  model m = open_model(NADIR_F64, nadir_exp);
  (void)state;
  assert_ok(nadir_grad_check(m.session, NULL, NULL));
  assert_status(nadir_sgd_step(m.session, 0.1), NADIR_E_STATE);
  close_model(&m);
}

static void random_numbers_stay_those_of_the_step(void **state) {
  model m;
  (void)state;
  m.graph = nadir_graph_new(NULL);
  m.w = nadir_param_add(m.graph, "w", NADIR_F64, three, 1, "init=uniform low=1 high=2");
  m.loss = nadir_sum(m.graph,
                     nadir_square(m.graph, nadir_mul(m.graph, m.w, nadir_normal(m.graph, NADIR_F64, three, 1, NULL))),
                     NULL, 0, NULL);
  m.session = nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL);
  assert_graph_ok(m.graph);
  assert_ok(nadir_grad_check(m.session, NULL, NULL));
  assert_int_equal(nadir_graph_step(m.graph), 0);
  close_model(&m);
}

static void single_precision_is_refused_by_name(void **state) {
  double worst = -1;
  model m = open_model(NADIR_F32, nadir_tanh);
  (void)state;
  assert_status(nadir_grad_check(m.session, NULL, &worst), NADIR_E_DTYPE);
  assert_says(nadir_session_error(m.session), "grad_check", "f32", "f64");
  assert_exact(worst, -1);
  close_model(&m);
}

/* A parameter in f32 by way of a cast. */
static void single_precision_parameter_is_refused_by_name(void **state) {
  model m;
  (void)state;
  m.graph = nadir_graph_new(NULL);
  m.w = nadir_param_add(m.graph, "weights", NADIR_F32, three, 1, "init=ones");
  m.loss = nadir_sum(m.graph, nadir_cast(m.graph, m.w, NADIR_F64), NULL, 0, NULL);
  m.session = nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL);
  assert_graph_ok(m.graph);
  assert_status(nadir_grad_check(m.session, NULL, NULL), NADIR_E_DTYPE);
  assert_says(nadir_session_error(m.session), "\"weights\"");
  close_model(&m);
}

static void loss_that_is_not_finite_is_told(void **state) {
  const double negative[] = {-1, -1, -1}, x[] = {1, 1, 1, 1, 1, 1};
  model m = open_model(NADIR_F64, nadir_log);
  (void)state;
  assert_ok(set_param(m.graph, m.w, NADIR_F64, negative, 3));
  assert_ok(write_values(m.session, m.x, NADIR_F64, x, 6));
  assert_status(nadir_grad_check(m.session, NULL, NULL), NADIR_E_NOT_FINITE);
  close_model(&m);
}

static void what_is_missing_is_told(void **state) {
  model m = open_model(NADIR_F64, nadir_tanh);
  nadir_session *predict = nadir_session_new(m.graph, NADIR_NONE, &m.loss, 1, 1, NULL);
  nadir_session *unfed = nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL);
  (void)state;
  assert_status(nadir_grad_check(NULL, NULL, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_check(predict, NULL, NULL), NADIR_E_STATE);
  assert_says(nadir_session_error(predict), "no loss");
  assert_status(nadir_grad_check(unfed, NULL, NULL), NADIR_E_STATE);
  assert_says(nadir_session_error(unfed), "\"x\"", "never written");
  assert_status(nadir_grad_check(m.session, "stride=1", NULL), NADIR_E_ARGUMENT);
  assert_says(nadir_session_error(m.session), "stride", "step");
  assert_status(nadir_grad_check(m.session, "step=0", NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_check(m.session, "tolerance=-1", NULL), NADIR_E_ARGUMENT);
  assert_ok(nadir_grad_check(m.session, NULL, NULL));
  nadir_session_free(predict);
  nadir_session_free(unfed);
  close_model(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(right_gradients_pass),
      cmocka_unit_test(difference_at_a_kink_is_noticed_with_its_place),
      cmocka_unit_test(everything_is_afterwards_as_it_was),
      cmocka_unit_test(without_gradients_there_are_none_afterwards),
      cmocka_unit_test(random_numbers_stay_those_of_the_step),
      cmocka_unit_test(single_precision_is_refused_by_name),
      cmocka_unit_test(single_precision_parameter_is_refused_by_name),
      cmocka_unit_test(loss_that_is_not_finite_is_told),
      cmocka_unit_test(what_is_missing_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
