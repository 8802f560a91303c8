/*
 * Whole steps, one or many a call: they are to the bit what the single calls do, for every rule, with a hook and without, and
 * what a failed step leaves behind.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, STEPS = 7, COLUMNS = 4 };

typedef struct net {
  nadir_graph *graph;
  nadir_node x, t, scale, w, loss;
  nadir_session *session;
  nadir_optimizer *optimizer;
} net;

/* The mean of (tanh(x w) scale₀ scale₁ - t)², with dropout so that steps differ. */
static void net_open(net *n, const optimizer_rule *rule, const char *options, const char *session_options) {
  const int64_t xs[] = {NADIR_BATCH, COLUMNS}, ts[] = {NADIR_BATCH, 1}, two[] = {2};
  nadir_graph *g = n->graph = nadir_graph_new(NULL);
  nadir_node y;
  assert_non_null(g);
  n->x = nadir_input_add(g, "x", NADIR_F32, xs, 2);
  n->t = nadir_input_add(g, "t", NADIR_F32, ts, 2);
  n->scale = nadir_input_add(g, "scale", NADIR_F32, two, 1);
  y = nadir_linear_add(g, "layer", nadir_dropout(g, n->x, 0.25), 1, NULL);
  y = nadir_mul(g, nadir_tanh(g, y), nadir_prod(g, n->scale, NULL, 0, NULL));
  n->loss = nadir_mse_loss(g, y, n->t, NULL);
  assert_graph_ok(g);
  n->w = nadir_graph_find(g, "layer.weight");
  n->session = nadir_session_new(g, n->loss, NULL, 0, ROWS, session_options);
  assert_graph_ok(g);
  n->optimizer = rule->make(n->session, 0.05, options);
  assert_non_null(n->optimizer);
}

static void net_close(net *n) {
  nadir_optimizer_free(n->optimizer);
  nadir_session_free(n->session);
  nadir_graph_free(n->graph);
}

typedef struct rows {
  float x[STEPS * ROWS * COLUMNS], t[STEPS * ROWS], scale[STEPS * 2];
} rows;

static void rows_fill(rows *r) {
  int i;
  for (i = 0; i < STEPS * ROWS * COLUMNS; ++i) r->x[i] = (float)sin(i * 1.3);
  for (i = 0; i < STEPS * ROWS; ++i) r->t[i] = (float)cos(i * 0.7);
  for (i = 0; i < STEPS * 2; ++i) r->scale[i] = 1 + (float)(i % 5) / 8;
}

static void write_step(const net *n, const rows *r, int step) {
  assert_ok(nadir_session_write(n->session, n->x, r->x + step * ROWS * COLUMNS, ROWS * COLUMNS * sizeof(float)));
  assert_ok(nadir_session_write(n->session, n->t, r->t + step * ROWS, ROWS * sizeof(float)));
  assert_ok(nadir_session_write(n->session, n->scale, r->scale + step * 2, 2 * sizeof(float)));
}

static void weights_of(const net *n, float *w) {
  assert_ok(nadir_session_read(n->session, n->w, w, COLUMNS * sizeof *w));
}

static void assert_weights_equal(const net *a, const net *b) {
  float left[COLUMNS], right[COLUMNS];
  weights_of(a, left);
  weights_of(b, right);
  assert_memory_equal(left, right, sizeof left);
}

static nadir_status steps_of(const net *n, const rows *r, int64_t steps, double *losses, int64_t *made) {
  const nadir_node inputs[3] = {n->x, n->t, n->scale};
  const void *const data[3] = {r->x, r->t, r->scale};
  return nadir_train_steps(n->optimizer, inputs, data, 3, ROWS, steps, losses, made);
}

static int32_t count_call(void *user, nadir_session *session) {
  (void)session;
  ++*(int *)user;
  return 0;
}

static void whole_steps_are_the_single_calls_to_the_bit(void **state) {
  size_t i;
  int hooked, step;
  (void)state;
  for (i = 0; i < OPTIMIZER_RULES; ++i) {
    for (hooked = 0; hooked < 2; ++hooked) {
      net by_calls, by_step, by_steps;
      net *const nets[3] = {&by_calls, &by_step, &by_steps};
      rows r;
      double losses[STEPS], loss = 0;
      int64_t made = -1;
      int calls[3] = {0, 0, 0}, k;
      rows_fill(&r);
      for (k = 0; k < 3; ++k) {
        nadir_gradient_hook hook;
        net_open(nets[k], &optimizer_rules[i], NULL, NULL);
        memset(&hook, 0, sizeof hook);
        hook.struct_size = sizeof hook;
        hook.user = &calls[k];
        hook.run = count_call;
        if (hooked) assert_ok(nadir_optimizer_set_hook(nets[k]->optimizer, &hook));
      }
      assert_ok(steps_of(&by_steps, &r, STEPS, losses, &made));
      assert_int_equal(made, STEPS);
      for (step = 0; step < STEPS; ++step) {
        float value;
        write_step(&by_calls, &r, step);
        write_step(&by_step, &r, step);
        assert_ok(nadir_train_step(by_step.optimizer, &loss));
        assert_true(loss == losses[step]);
        if (strcmp(optimizer_rules[i].name, "lbfgs") == 0) continue; /* which makes passes of its own */
        assert_ok(nadir_zero_grad(by_calls.session));
        assert_ok(nadir_forward(by_calls.session));
        assert_ok(nadir_session_read(by_calls.session, by_calls.loss, &value, sizeof value));
        assert_true(value == (float)loss);
        assert_ok(nadir_backward(by_calls.session));
        assert_ok(nadir_optimizer_step(by_calls.optimizer));
        assert_weights_equal(&by_calls, &by_step);
      }
      assert_weights_equal(&by_step, &by_steps);
      if (hooked) assert_int_equal(calls[1], calls[2]);
      for (k = 0; k < 3; ++k) net_close(nets[k]);
    }
  }
}

/* Plain descent has a way of its own as long as nothing but a rate is set. */
static void plain_descent_ends_with_its_settings(void **state) {
  static const char *const settings[] = {"lr", "weight_decay", "clip_value", "clip_norm", "maximize"};
  static const double values[] = {0.2, 0.5, 1e-3, 1e-3, 1};
  size_t i;
  rows r;
  (void)state;
  rows_fill(&r);
  for (i = 0; i < sizeof settings / sizeof *settings; ++i) {
    net plain, set;
    float before[COLUMNS], after[COLUMNS];
    net_open(&plain, &(optimizer_rule){"sgd", nadir_sgd_new}, NULL, NULL);
    net_open(&set, &(optimizer_rule){"sgd", nadir_sgd_new}, NULL, NULL);
    assert_ok(nadir_optimizer_set(set.optimizer, settings[i], values[i]));
    assert_ok(steps_of(&plain, &r, 1, NULL, NULL));
    assert_ok(steps_of(&set, &r, 1, NULL, NULL));
    weights_of(&plain, before);
    weights_of(&set, after);
    assert_memory_not_equal(before, after, sizeof before);
    net_close(&plain);
    net_close(&set);
  }
}

static void schedule_and_average_are_kept_by_plain_descent(void **state) {
  net n;
  rows r;
  float w[COLUMNS], average[COLUMNS];
  (void)state;
  rows_fill(&r);
  net_open(&n, &(optimizer_rule){"sgd", nadir_sgd_new}, "ema_decay=0.5", NULL);
  assert_ok(nadir_optimizer_schedule(n.optimizer, "step", "step_size=1 gamma=0"));
  assert_ok(steps_of(&n, &r, 1, NULL, NULL));
  weights_of(&n, w);
  assert_ok(steps_of(&n, &r, STEPS, NULL, NULL)); /* at a rate of 0 */
  weights_of(&n, average);
  assert_memory_equal(w, average, sizeof w);
  assert_ok(nadir_optimizer_swap_ema(n.optimizer));
  assert_int_equal(nadir_train_step(n.optimizer, NULL), NADIR_E_STATE);
  net_close(&n);
}

static void a_step_that_fails_ends_the_call(void **state) {
  net n, other;
  rows r;
  double losses[STEPS];
  int64_t made = -1;
  int i;
  (void)state;
  rows_fill(&r);
  r.x[4 * ROWS * COLUMNS] = NAN; /* of step 4 */
  for (i = 0; i < STEPS; ++i) losses[i] = -1;
  net_open(&n, &optimizer_rules[0], NULL, NULL);
  net_open(&other, &optimizer_rules[0], NULL, NULL);
  assert_int_equal(steps_of(&n, &r, STEPS, losses, &made), NADIR_E_NOT_FINITE);
  assert_int_equal(made, 4);
  assert_true(losses[3] > 0 && isnan(losses[4]) && losses[5] == -1);
  assert_ok(steps_of(&other, &r, 4, NULL, NULL));
  assert_weights_equal(&n, &other);
  net_close(&n);
  net_close(&other);

  /* Where such steps are skipped, the others are made. */
  net_open(&n, &optimizer_rules[0], NULL, "not_finite=skip");
  assert_ok(steps_of(&n, &r, STEPS, losses, &made));
  assert_int_equal(made, STEPS);
  assert_true(isnan(losses[4]) && losses[6] > 0);
  net_close(&n);
}

static void gradients_can_be_read_after_a_whole_step(void **state) {
  net n;
  rows r;
  float gradient[COLUMNS];
  (void)state;
  rows_fill(&r);
  net_open(&n, &optimizer_rules[0], NULL, NULL);
  assert_ok(steps_of(&n, &r, 1, NULL, NULL));
  assert_ok(nadir_grad_get(n.session, n.w, gradient, sizeof gradient));
  assert_true(fabs(gradient[0]) > 0);
  /* They are not to be gone back for again. */
  assert_int_equal(nadir_backward(n.session), NADIR_E_STATE);
  net_close(&n);
}

static void inputs_that_are_not_given_keep_their_values(void **state) {
  net n, other;
  rows r;
  int64_t made = 0;
  (void)state;
  rows_fill(&r);
  memcpy(r.scale + 2, r.scale, 2 * sizeof(float));
  net_open(&n, &optimizer_rules[0], NULL, NULL);
  net_open(&other, &optimizer_rules[0], NULL, NULL);
  write_step(&n, &r, 0);
  {
    const nadir_node inputs[2] = {n.x, n.t};
    const void *const data[2] = {r.x, r.t};
    assert_ok(nadir_train_steps(n.optimizer, inputs, data, 2, ROWS, 2, NULL, &made));
  }
  assert_ok(steps_of(&other, &r, 2, NULL, NULL));
  assert_weights_equal(&n, &other);
  /* None at all: the same rows again. */
  assert_ok(nadir_train_steps(n.optimizer, NULL, NULL, 0, 0, 3, NULL, &made));
  assert_int_equal(made, 3);
  net_close(&n);
  net_close(&other);
}

static void bad_arguments_are_refused(void **state) {
  net n;
  rows r;
  int64_t made = 7;
  (void)state;
  rows_fill(&r);
  net_open(&n, &optimizer_rules[0], NULL, NULL);
  {
    const nadir_node inputs[2] = {n.x, n.w};
    const void *const data[2] = {r.x, r.t};
    const void *const nothing[1] = {NULL};
    assert_int_equal(nadir_train_steps(NULL, inputs, data, 1, ROWS, 1, NULL, &made), NADIR_E_ARGUMENT);
    assert_int_equal(made, 0);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, -1, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_non_null(strstr(nadir_session_error(n.session), "input_count is -1"));
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 65, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 1, -1, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 1, ROWS, -1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, NULL, data, 1, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, NULL, 1, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, nothing, 1, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 2, ROWS, 1, NULL, NULL), NADIR_E_ARGUMENT);
    assert_non_null(strstr(nadir_session_error(n.session), "layer.weight\" is no input"));
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 1, ROWS + 1, 1, NULL, NULL), NADIR_E_SHAPE);
    assert_non_null(strstr(nadir_session_error(n.session), "max_batch"));
    assert_int_equal(nadir_train_steps(n.optimizer, inputs, data, 1, ROWS, 1, NULL, NULL), NADIR_E_STATE); /* t */
    assert_ok(nadir_train_steps(n.optimizer, inputs, data, 1, ROWS, 0, NULL, &made));
  }
  net_close(&n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_steps_are_the_single_calls_to_the_bit),
      cmocka_unit_test(plain_descent_ends_with_its_settings),
      cmocka_unit_test(schedule_and_average_are_kept_by_plain_descent),
      cmocka_unit_test(a_step_that_fails_ends_the_call),
      cmocka_unit_test(gradients_can_be_read_after_a_whole_step),
      cmocka_unit_test(inputs_that_are_not_given_keep_their_values),
      cmocka_unit_test(bad_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
