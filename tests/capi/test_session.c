/*
 * What a session may be asked when: the order of forward, backward and step, what can be read, how gradients
 * accumulate, and how sessions of one graph share its parameters and nothing else.
 */
#include "support.h"

#include <string.h>

/* At w = b = 1: loss 9, dw -12, db 6; all arithmetic in this file is on whole numbers and halves, hence exact. */
#define X (-2.0)
#define T (-4.0)

static int setup(void **state) {
  static fit f;
  fit_open(&f, NADIR_F64, 5);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fit *f = (fit *)*state;
  assert_fit_trains(f);
  fit_close(f);
  return 0;
}

static void give(fit *f, double x, double t) {
  assert_ok(write_values(f->train, f->x, f->dtype, &x, 1));
  assert_ok(write_values(f->train, f->t, f->dtype, &t, 1));
}

static void forward_and_backward(fit *f, double x, double t) {
  give(f, x, t);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
}

static void assert_params(fit *f, double w, double b) {
  assert_exact(param_value(f->graph, f->w, f->dtype), w);
  assert_exact(param_value(f->graph, f->b, f->dtype), b);
}

static void assert_grads(fit *f, double dw, double db) {
  assert_exact(grad_value(f->train, f->w, f->dtype), dw);
  assert_exact(grad_value(f->train, f->b, f->dtype), db);
}

/* The session says that it is not the time for it; the graph has no error of it. */
static void assert_not_now(fit *f, nadir_session *session, nadir_status got, const char *function) {
  assert_status(got, NADIR_E_STATE);
  assert_status(nadir_session_status(session), NADIR_E_STATE);
  assert_says(nadir_session_error(session), function);
  assert_ok(nadir_graph_status(f->graph));
}

/* ------------------------------------------------------------------------------------------------ order of calls */

static void new_session_has_no_error(void **state) {
  fit *f = (fit *)*state;
  assert_ok(nadir_session_status(f->train));
  assert_string_equal(nadir_session_error(f->train), "");
}

static void backward_wants_a_forward_pass(void **state) {
  fit *f = (fit *)*state;
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  give(f, X, T);
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  assert_says(nadir_session_error(f->train), "forward");
}

static void second_backward_wants_another_forward_pass(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  assert_grads(f, -12, 6);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  assert_grads(f, -24, 12);
}

static void session_recovers_from_a_failed_forward_pass(void **state) {
  fit *f = (fit *)*state;
  const double two[] = {1, 2};
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_ok(write_values(f->train, f->x, f->dtype, two, 2));
  assert_status(nadir_forward(f->train), NADIR_E_SHAPE);
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  assert_grads(f, -12, 6);
}

static void step_wants_a_backward_pass(void **state) {
  fit *f = (fit *)*state;
  assert_not_now(f, f->train, nadir_sgd_step(f->train, 0.5), "sgd_step");
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_not_now(f, f->train, nadir_sgd_step(f->train, 0.5), "sgd_step");
  assert_says(nadir_session_error(f->train), "backward");
  assert_params(f, 1, 1);
}

static void step_after_zero_grad_wants_a_backward_pass(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_zero_grad(f->train));
  assert_not_now(f, f->train, nadir_sgd_step(f->train, 0.5), "sgd_step");
  assert_params(f, 1, 1);
}

static void second_step_goes_the_same_way_again(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_params(f, 7, -2);
  assert_ok(nadir_sgd_step(f->train, 0.25));
  assert_params(f, 10, -3.5);
}

static void backward_after_a_step_wants_another_forward_pass(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
}

static void backward_after_a_set_wants_another_forward_pass(void **state) {
  fit *f = (fit *)*state;
  const double two[] = {2, 2};
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_ok(set_param(f->graph, f->w, f->dtype, two, 1));
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_params_flat_set(f->graph, NADIR_F64, two, sizeof two));
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
}

static void backward_after_a_step_of_another_session_wants_another_forward_pass(void **state) {
  fit *f = (fit *)*state;
  nadir_session *other = nadir_session_new(f->graph, f->loss, NULL, 0, 1, NULL);
  const double x = X, t = T;
  assert_non_null(other);
  assert_ok(write_values(other, f->x, f->dtype, &x, 1));
  assert_ok(write_values(other, f->t, f->dtype, &t, 1));
  assert_ok(nadir_forward(other));
  forward_and_backward(f, X, T);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_not_now(f, other, nadir_backward(other), "backward");
  nadir_session_free(other);
}

/* It would mix old residuals and new inputs, of another batch even. */
static void backward_after_a_write_wants_another_forward_pass(void **state) {
  fit *f = (fit *)*state;
  const double two[] = {1, 2};
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  give(f, 1, 5);
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  assert_ok(nadir_forward(f->train));
  assert_ok(write_values(f->train, f->x, f->dtype, two, 2));
  assert_not_now(f, f->train, nadir_backward(f->train), "backward");
  forward_and_backward(f, X, T);
  assert_grads(f, -12, 6);
}

static void session_that_only_predicts_has_no_gradients(void **state) {
  fit *f = (fit *)*state;
  const double x = 3;
  double value;
  assert_ok(write_values(f->predict, f->x, f->dtype, &x, 1));
  assert_ok(nadir_forward(f->predict));
  assert_not_now(f, f->predict, nadir_zero_grad(f->predict), "zero_grad");
  assert_not_now(f, f->predict, nadir_backward(f->predict), "backward");
  assert_not_now(f, f->predict, nadir_sgd_step(f->predict, 0.5), "sgd_step");
  assert_status(get_grad(f->predict, f->w, f->dtype, &value, 1), NADIR_E_STATE);
  assert_exact(read_value(f->predict, f->y, f->dtype), 4);
}

/* ------------------------------------------------------------------------------------------------------ reading */

static void results_are_read_after_a_forward_pass(void **state) {
  fit *f = (fit *)*state;
  double value;
  give(f, X, T);
  assert_not_now(f, f->train, read_values(f->train, f->loss, f->dtype, &value, 1), "session_read");
  assert_says(nadir_session_error(f->train), nadir_graph_node_name(f->graph, f->loss));
  assert_ok(nadir_forward(f->train));
  assert_exact(read_value(f->train, f->loss, f->dtype), 9);
}

static void nodes_that_are_no_outputs_are_not_read(void **state) {
  fit *f = (fit *)*state;
  double value;
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_not_now(f, f->train, read_values(f->train, f->y, f->dtype, &value, 1), "session_read");
  assert_says(nadir_session_error(f->train), nadir_graph_node_name(f->graph, f->y), "output");
}

static void inputs_are_read_as_written(void **state) {
  fit *f = (fit *)*state;
  const double three[] = {5, 6, 7};
  double seen[3];
  assert_not_now(f, f->train, read_values(f->train, f->x, f->dtype, seen, 1), "session_read");
  assert_says(nadir_session_error(f->train), "\"x\"");
  assert_ok(write_values(f->train, f->x, f->dtype, three, 3));
  assert_ok(read_values(f->train, f->x, f->dtype, seen, 3));
  assert_memory_equal(seen, three, sizeof three);
}

static void parameters_are_read_as_they_are_now(void **state) {
  fit *f = (fit *)*state;
  assert_exact(read_value(f->train, f->w, f->dtype), 1);
  forward_and_backward(f, X, T);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_exact(read_value(f->train, f->w, f->dtype), 7);
  assert_exact(read_value(f->predict, f->b, f->dtype), -2);
}

static void results_stay_until_the_next_forward_pass(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  give(f, 0, 0);
  assert_exact(read_value(f->train, f->loss, f->dtype), 9);
  assert_ok(nadir_forward(f->train));
  assert_exact(read_value(f->train, f->loss, f->dtype), 4);
}

static void loss_and_outputs_come_from_one_session(void **state) {
  fit *f = (fit *)*state;
  const nadir_node outputs[] = {f->y, f->x, f->w, f->y};
  nadir_session *both = nadir_session_new(f->graph, f->loss, outputs, 4, 1, NULL);
  const double x = X, t = T;
  assert_graph_ok(f->graph);
  assert_ok(write_values(both, f->x, f->dtype, &x, 1));
  assert_ok(write_values(both, f->t, f->dtype, &t, 1));
  assert_ok(nadir_forward(both));
  assert_ok(nadir_backward(both));
  assert_exact(read_value(both, f->y, f->dtype), -1);
  assert_exact(read_value(both, f->loss, f->dtype), 9);
  assert_exact(read_value(both, f->x, f->dtype), X);
  assert_exact(grad_value(both, f->w, f->dtype), -12);
  nadir_session_free(both);
}

/* --------------------------------------------------------------------------------------------------- gradients */

static void gradients_are_zero_at_first_and_after_zero_grad(void **state) {
  fit *f = (fit *)*state;
  double flat[2] = {7, 7};
  assert_grads(f, 0, 0);
  forward_and_backward(f, X, T);
  assert_grads(f, -12, 6);
  assert_ok(nadir_zero_grad(f->train));
  assert_grads(f, 0, 0);
  assert_ok(nadir_grads_flat_get(f->train, NADIR_F64, flat, sizeof flat));
  assert_exact(flat[0], 0);
  assert_exact(flat[1], 0);
}

/* At w = b = 1: (-2, -4) gives -12, 6; (1, 5) gives -6, -6; the batch of both by the sum gives the same. */
static void gradients_of_two_passes_add_up(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  forward_and_backward(f, 1, 5);
  assert_grads(f, -18, 0);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_params(f, 10, 1);
}

static void zero_grad_starts_the_sum_again(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_zero_grad(f->train));
  forward_and_backward(f, 1, 5);
  assert_grads(f, -6, -6);
}

static void zero_grad_between_forward_and_backward_keeps_the_forward_pass(void **state) {
  fit *f = (fit *)*state;
  forward_and_backward(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_backward(f->train));
  assert_grads(f, -12, 6);
}

static void gradients_can_be_replaced(void **state) {
  fit *f = (fit *)*state;
  const double averaged[] = {4, -2};
  forward_and_backward(f, X, T);
  assert_ok(nadir_grads_flat_set(f->train, NADIR_F64, averaged, sizeof averaged));
  assert_grads(f, 4, -2);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_params(f, -1, 2);
}

static void gradients_can_be_given_instead_of_a_backward_pass(void **state) {
  fit *f = (fit *)*state;
  const double given[] = {4, -2};
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_grads_flat_set(f->train, NADIR_F64, given, sizeof given));
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_params(f, -1, 2);
  fit_set(f, 1, 1);
  forward_and_backward(f, X, T);
  assert_grads(f, 4 - 12, -2 + 6);
}

/* --------------------------------------------------------------------------------------------- several sessions */

static void sessions_share_parameters_and_not_gradients(void **state) {
  fit *f = (fit *)*state;
  nadir_session *other = nadir_session_new(f->graph, f->loss, NULL, 0, 5, NULL);
  assert_graph_ok(f->graph);
  forward_and_backward(f, X, T);
  assert_exact(grad_value(other, f->w, f->dtype), 0);
  assert_ok(nadir_sgd_step(f->train, 0.5));
  assert_exact(read_value(other, f->w, f->dtype), 7);
  assert_status(nadir_forward(other), NADIR_E_STATE); /* its inputs are its own, too */
  nadir_session_free(other);
}

static void errors_of_sessions_and_graph_are_kept_apart(void **state) {
  fit *f = (fit *)*state;
  assert_status(nadir_backward(f->train), NADIR_E_STATE);
  assert_ok(nadir_session_status(f->predict));
  assert_string_equal(nadir_session_error(f->predict), "");
  assert_ok(nadir_graph_status(f->graph));
  assert_string_equal(nadir_graph_error(f->graph), "");
  assert_status(nadir_param_set(f->graph, f->w, &f, 3), NADIR_E_ARGUMENT);
  assert_status(nadir_session_status(f->train), NADIR_E_STATE);
  assert_says(nadir_session_error(f->train), "backward");
  assert_says(nadir_graph_error(f->graph), "param_set");
}

static void success_clears_the_error_of_a_session(void **state) {
  fit *f = (fit *)*state;
  assert_status(nadir_backward(f->train), NADIR_E_STATE);
  give(f, X, T);
  assert_ok(nadir_session_status(f->train));
  assert_string_equal(nadir_session_error(f->train), "");
}

static void constant_calls_store_no_message(void **state) {
  fit *f = (fit *)*state;
  double value;
  assert_status(nadir_backward(f->train), NADIR_E_STATE);
  assert_ok(get_grad(f->train, f->w, f->dtype, &value, 1));
  assert_status(get_grad(f->train, f->w, f->dtype, &value, 0), NADIR_E_ARGUMENT);
  assert_status(nadir_session_status(f->train), NADIR_E_STATE);
  assert_says(nadir_session_error(f->train), "backward");
}

static void expressions_added_later_belong_to_later_sessions(void **state) {
  fit *f = (fit *)*state;
  const nadir_node twice = nadir_add(f->graph, f->y, f->y);
  nadir_session *later = nadir_session_new(f->graph, NADIR_NONE, &twice, 1, 1, NULL);
  const double x = 3;
  double value;
  assert_graph_ok(f->graph);
  assert_ok(write_values(later, f->x, f->dtype, &x, 1));
  assert_ok(nadir_forward(later));
  assert_exact(read_value(later, twice, f->dtype), 8);
  give(f, X, T);
  assert_ok(nadir_forward(f->train));
  assert_not_now(f, f->train, read_values(f->train, twice, f->dtype, &value, 1), "session_read");
  nadir_session_free(later);
}

static void children_keep_their_parents_alive(void **state) {
  nadir_host *host = nadir_host_new(NULL);
  const double x = 3;
  fit f;
  (void)state;
  fit_define(&f, host, NADIR_F64, FIT_LINEAR, NULL);
  fit_compile(&f, 1);
  nadir_host_free(host);
  nadir_graph_free(f.graph);
  nadir_session_free(f.train);
  assert_ok(write_values(f.predict, f.x, f.dtype, &x, 1));
  assert_ok(nadir_forward(f.predict));
  assert_exact(read_value(f.predict, f.y, f.dtype), 4);
  nadir_session_free(f.predict);
}

static void parameters_that_the_loss_does_not_reach_are_untouched(void **state) {
  const double idle_value = 0.1, given[] = {1, 8};
  double flat[2];
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node idle = nadir_param_add(g, "idle", NADIR_F64, NULL, 0, "init=constant value=0.1");
  const nadir_node w = nadir_param_add(g, "w", NADIR_F64, NULL, 0, "init=ones");
  nadir_session *session = nadir_session_new(g, nadir_square(g, w), NULL, 0, 1, NULL);
  (void)state;
  assert_graph_ok(g);
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_ok(nadir_grads_flat_get(session, NADIR_F64, flat, sizeof flat));
  assert_exact(flat[0], 0);
  assert_exact(flat[1], 2);
  assert_ok(nadir_grads_flat_set(session, NADIR_F64, given, sizeof given));
  assert_ok(nadir_sgd_step(session, 0.5));
  assert_exact(param_value(g, w, NADIR_F64), -3);
  assert_exact(param_value(g, idle, NADIR_F64), idle_value);
  assert_exact(grad_value(session, idle, NADIR_F64), 0);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* A session that does not train may keep its weights in another order; not after they have changed. */
static void predictions_follow_the_parameters(void **state) {
  const int64_t row[] = {NADIR_BATCH, 2}, column[] = {NADIR_BATCH, 1};
  const double x[] = {1, 2}, first[] = {1, 2, 3, 4, 5, 6}, second[] = {7, 1, 1, 1, 0, 2}, target = 20;
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node in = nadir_input_add(g, "x", NADIR_F64, row, 2);
  const nadir_node y = nadir_linear_add(g, "l", in, 3, "bias=0");
  const nadir_node t = nadir_input_add(g, "t", NADIR_F64, column, 2);
  const nadir_node w = nadir_graph_find(g, "l.weight");
  const int32_t axis = 1;
  const nadir_node loss = nadir_mse_loss(g, nadir_sum(g, y, &axis, 1, "keepdim=1"), t, NULL);
  nadir_session *predicts = nadir_session_new(g, NADIR_NONE, &y, 1, 1, NULL);
  nadir_session *trains = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  double got[3];
  (void)state;
  assert_graph_ok(g);
  assert_ok(nadir_session_write(predicts, in, x, sizeof x));
  assert_ok(nadir_param_set(g, w, first, sizeof first));
  assert_ok(nadir_forward(predicts));
  assert_ok(nadir_session_read(predicts, y, got, sizeof got));
  assert_exact(got[0], 1 + 4);
  assert_exact(got[1], 3 + 8);
  assert_exact(got[2], 5 + 12);
  assert_ok(nadir_param_set(g, w, second, sizeof second));
  assert_ok(nadir_forward(predicts));
  assert_ok(nadir_session_read(predicts, y, got, sizeof got));
  assert_exact(got[0], 7 + 2);
  assert_exact(got[2], 0 + 4);
  /* y = 9 + 3 + 4 = 16; the gradient of every row is 2 (16 - 20) x. */
  assert_ok(nadir_session_write(trains, in, x, sizeof x));
  assert_ok(nadir_session_write(trains, t, &target, sizeof target));
  assert_ok(nadir_forward(trains));
  assert_ok(nadir_backward(trains));
  assert_ok(nadir_sgd_step(trains, 0.125));
  assert_ok(nadir_forward(predicts));
  assert_ok(nadir_session_read(predicts, y, got, sizeof got));
  assert_exact(got[0], (7 + 1) + 2 * (1 + 2));
  assert_exact(got[1], (1 + 1) + 2 * (1 + 2));
  nadir_session_free(predicts);
  nadir_session_free(trains);
  nadir_graph_free(g);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(new_session_has_no_error),
      test(backward_wants_a_forward_pass),
      test(second_backward_wants_another_forward_pass),
      test(session_recovers_from_a_failed_forward_pass),
      test(step_wants_a_backward_pass),
      test(step_after_zero_grad_wants_a_backward_pass),
      test(second_step_goes_the_same_way_again),
      test(backward_after_a_step_wants_another_forward_pass),
      test(backward_after_a_set_wants_another_forward_pass),
      test(backward_after_a_step_of_another_session_wants_another_forward_pass),
      test(backward_after_a_write_wants_another_forward_pass),
      test(session_that_only_predicts_has_no_gradients),
      test(results_are_read_after_a_forward_pass),
      test(nodes_that_are_no_outputs_are_not_read),
      test(inputs_are_read_as_written),
      test(parameters_are_read_as_they_are_now),
      test(results_stay_until_the_next_forward_pass),
      test(loss_and_outputs_come_from_one_session),
      test(gradients_are_zero_at_first_and_after_zero_grad),
      test(gradients_of_two_passes_add_up),
      test(zero_grad_starts_the_sum_again),
      test(zero_grad_between_forward_and_backward_keeps_the_forward_pass),
      test(gradients_can_be_replaced),
      test(gradients_can_be_given_instead_of_a_backward_pass),
      test(sessions_share_parameters_and_not_gradients),
      test(errors_of_sessions_and_graph_are_kept_apart),
      test(success_clears_the_error_of_a_session),
      test(constant_calls_store_no_message),
      test(expressions_added_later_belong_to_later_sessions),
      cmocka_unit_test(children_keep_their_parents_alive),
      cmocka_unit_test(parameters_that_the_loss_does_not_reach_are_untouched),
      cmocka_unit_test(predictions_follow_the_parameters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
