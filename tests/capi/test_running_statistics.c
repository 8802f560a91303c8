/*
 * Running statistics: a state of the graph that a step changes together with the parameters, or not at all.
 */
#include "support.h"

#include <math.h>
#include <string.h>

#define ROWS 4
#define CHANNELS 3
#define LENGTH 5
#define COUNT (ROWS * CHANNELS * LENGTH)
#define EPS 1e-5

typedef struct net {
  nadir_graph *graph;
  nadir_node x, t, y, loss, mean, var;
  nadir_session *train;
} net;

static double sample(int i, int salt) { return sin(0.7 * i + salt) + 0.3 * salt; }

static void net_open(net *n, const char *norm_options, const char *session_options) {
  const int64_t shape[] = {NADIR_BATCH, CHANNELS, LENGTH};
  memset(n, 0, sizeof *n);
  n->graph = nadir_graph_new(NULL);
  n->x = nadir_input_add(n->graph, "x", NADIR_F64, shape, 3);
  n->t = nadir_input_add(n->graph, "t", NADIR_F64, shape, 3);
  n->y = nadir_batch_norm_add(n->graph, "norm", n->x, norm_options);
  n->loss = nadir_mse_loss(n->graph, n->y, n->t, NULL);
  n->mean = nadir_graph_find(n->graph, "norm.running_mean");
  n->var = nadir_graph_find(n->graph, "norm.running_var");
  n->train = nadir_session_new(n->graph, n->loss, &n->y, 1, ROWS, session_options);
  assert_graph_ok(n->graph);
}

static void net_close(net *n) {
  nadir_session_free(n->train);
  nadir_graph_free(n->graph);
}

static void net_write(net *n, nadir_session *session, int salt, int rows) {
  double x[COUNT], t[COUNT];
  int i;
  for (i = 0; i < COUNT; ++i) {
    x[i] = sample(i, salt);
    t[i] = 0.1 * i;
  }
  assert_ok(write_values(session, n->x, NADIR_F64, x, (size_t)(rows * CHANNELS * LENGTH)));
  if (session == n->train) assert_ok(write_values(session, n->t, NADIR_F64, t, (size_t)(rows * CHANNELS * LENGTH)));
}

static void moments(int salt, int rows, int channel, double *mean, double *biased) {
  const int n = rows * LENGTH;
  int r, k;
  *mean = *biased = 0;
  for (r = 0; r < rows; ++r) {
    for (k = 0; k < LENGTH; ++k) *mean += sample((r * CHANNELS + channel) * LENGTH + k, salt) / n;
  }
  for (r = 0; r < rows; ++r) {
    for (k = 0; k < LENGTH; ++k) {
      const double off = sample((r * CHANNELS + channel) * LENGTH + k, salt) - *mean;
      *biased += off * off / n;
    }
  }
}

static void get_state(net *n, double mean[CHANNELS], double var[CHANNELS]) {
  assert_ok(nadir_state_get(n->graph, n->mean, mean, CHANNELS * sizeof(double)));
  assert_ok(nadir_state_get(n->graph, n->var, var, CHANNELS * sizeof(double)));
}

static void pass(net *n) {
  assert_ok(nadir_zero_grad(n->train));
  assert_ok(nadir_forward(n->train));
  assert_ok(nadir_backward(n->train));
}

static void training_normalises_by_the_batch(void **state) {
  net n;
  double y[COUNT];
  int c, i;
  (void)state;
  net_open(&n, NULL, NULL);
  net_write(&n, n.train, 1, ROWS);
  assert_ok(nadir_forward(n.train));
  assert_ok(read_values(n.train, n.y, NADIR_F64, y, COUNT));
  for (i = 0; i < COUNT; ++i) {
    double mean, biased;
    c = i / LENGTH % CHANNELS;
    moments(1, ROWS, c, &mean, &biased);
    assert_near(y[i], (sample(i, 1) - mean) / sqrt(biased + EPS), 1e-12);
  }
  net_close(&n);
}

static void steps_move_the_statistics_and_forward_passes_do_not(void **state) {
  net n;
  double mean[CHANNELS], var[CHANNELS], wanted_mean[CHANNELS] = {0, 0, 0}, wanted_var[CHANNELS] = {1, 1, 1};
  int step, c;
  (void)state;
  net_open(&n, "momentum=0.25", NULL);
  for (step = 1; step <= 3; ++step) {
    const int rows = step == 2 ? 2 : ROWS; /* the actual batch counts */
    net_write(&n, n.train, step, rows);
    pass(&n);
    assert_ok(nadir_forward(n.train));
    get_state(&n, mean, var);
    for (c = 0; c < CHANNELS; ++c) {
      assert_near(mean[c], wanted_mean[c], 1e-14);
      assert_near(var[c], wanted_var[c], 1e-14);
    }
    pass(&n);
    assert_ok(nadir_sgd_step(n.train, 0.01));
    get_state(&n, mean, var);
    for (c = 0; c < CHANNELS; ++c) {
      const double count = rows * LENGTH;
      double batch_mean, biased;
      moments(step, rows, c, &batch_mean, &biased);
      wanted_mean[c] = 0.75 * wanted_mean[c] + 0.25 * batch_mean;
      wanted_var[c] = 0.75 * wanted_var[c] + 0.25 * biased * count / (count - 1);
      assert_near(mean[c], wanted_mean[c], 1e-14);
      assert_near(var[c], wanted_var[c], 1e-14);
    }
  }
  net_close(&n);
}

static void evaluation_uses_the_running_statistics(void **state) {
  net n;
  nadir_session *predict;
  const double mean[CHANNELS] = {0.5, -1, 2}, var[CHANNELS] = {0.25, 4, 1};
  double y[COUNT], after[CHANNELS], after_var[CHANNELS];
  int i, way;
  (void)state;
  net_open(&n, NULL, NULL);
  predict = nadir_session_new(n.graph, NADIR_NONE, &n.y, 1, ROWS, NULL);
  assert_ok(nadir_state_set(n.graph, n.mean, mean, sizeof mean));
  assert_ok(nadir_state_set(n.graph, n.var, var, sizeof var));
  for (way = 0; way < 2; ++way) {
    nadir_session *const session = way == 0 ? predict : n.train;
    if (way == 1) assert_ok(nadir_session_set_training(session, 0));
    net_write(&n, session, 1, ROWS);
    assert_ok(nadir_forward(session));
    assert_ok(read_values(session, n.y, NADIR_F64, y, COUNT));
    for (i = 0; i < COUNT; ++i) {
      const int c = i / LENGTH % CHANNELS;
      assert_near(y[i], (sample(i, 1) - mean[c]) / sqrt(var[c] + EPS), 1e-12);
    }
  }
  /* A step in evaluation trains the parameters alone, whose gradient is then exact too. */
  assert_ok(nadir_grad_check(n.train, NULL, NULL));
  pass(&n);
  assert_ok(nadir_sgd_step(n.train, 0.1));
  get_state(&n, after, after_var);
  for (i = 0; i < CHANNELS; ++i) {
    assert_exact(after[i], mean[i]);
    assert_exact(after_var[i], var[i]);
  }
  nadir_session_free(predict);
  net_close(&n);
}

static void stopped_and_skipped_steps_change_no_statistics(void **state) {
  static const char *const options[] = {"finite=loss", "finite=loss not_finite=skip", "finite=gradients"};
  size_t k;
  (void)state;
  for (k = 0; k < COUNT_OF(options); ++k) {
    net n;
    double mean[CHANNELS], var[CHANNELS], huge[CHANNELS] = {1e300, 1e300, 1e300};
    int c;
    net_open(&n, NULL, options[k]);
    net_write(&n, n.train, 1, ROWS);
    if (k == 2) { /* a finite loss, and then gradients that are not */
      const double bad[2 * CHANNELS] = {0, NAN, 0, 0, 0, 0};
      pass(&n);
      assert_ok(nadir_grads_flat_set(n.train, NADIR_F64, bad, sizeof bad));
      assert_status(nadir_sgd_step(n.train, 0.1), NADIR_E_NOT_FINITE);
    } else {
      assert_ok(nadir_param_set(n.graph, nadir_graph_find(n.graph, "norm.weight"), huge, sizeof huge));
      assert_ok(nadir_zero_grad(n.train));
      assert_status(nadir_forward(n.train), k == 0 ? NADIR_E_NOT_FINITE : NADIR_OK);
      if (k == 1) {
        assert_ok(nadir_backward(n.train));
        assert_ok(nadir_sgd_step(n.train, 0.1));
      }
    }
    get_state(&n, mean, var);
    for (c = 0; c < CHANNELS; ++c) {
      assert_exact(mean[c], 0);
      assert_exact(var[c], 1);
    }
    net_close(&n);
  }
}

static void a_failed_pass_leaves_the_statistics_of_no_batch(void **state) {
  net n;
  double mean[CHANNELS], var[CHANNELS];
  const double huge[CHANNELS] = {1e300, 1e300, 1e300}, one[CHANNELS] = {1, 1, 1};
  (void)state;
  net_open(&n, NULL, NULL);
  net_write(&n, n.train, 1, ROWS);
  pass(&n);
  assert_ok(nadir_param_set(n.graph, nadir_graph_find(n.graph, "norm.weight"), huge, sizeof huge));
  assert_status(nadir_forward(n.train), NADIR_E_NOT_FINITE);
  assert_ok(nadir_param_set(n.graph, nadir_graph_find(n.graph, "norm.weight"), one, sizeof one));
  assert_ok(nadir_sgd_step(n.train, 0.1)); /* of the first pass's gradients */
  get_state(&n, mean, var);
  assert_exact(mean[0], 0);
  assert_exact(var[0], 1);
  net_close(&n);
}

static void states_are_listed_read_and_refused(void **state) {
  net n;
  double values[CHANNELS];
  (void)state;
  net_open(&n, NULL, NULL);
  assert_int_equal(nadir_state_count(n.graph), 2);
  assert_int_equal(nadir_state_count(NULL), 0);
  assert_int_equal(nadir_state_at(n.graph, 0), n.mean);
  assert_int_equal(nadir_state_at(n.graph, 1), n.var);
  assert_int_equal(nadir_state_at(n.graph, 2), NADIR_NONE);
  assert_int_equal(nadir_state_at(n.graph, -1), NADIR_NONE);
  assert_int_equal(nadir_param_count(n.graph), 2);
  assert_ok(nadir_session_read(n.train, n.var, values, sizeof values));
  assert_exact(values[1], 1);
  assert_status(nadir_state_get(n.graph, n.x, values, sizeof values), NADIR_E_ARGUMENT);
  assert_status(nadir_state_get(n.graph, n.mean, values, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_state_get(NULL, n.mean, values, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_state_set(NULL, n.mean, values, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_state_set(n.graph, n.x, values, sizeof values), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(n.graph), "state_set", "\"x\" is no state");
  assert_status(nadir_state_set(n.graph, n.mean, values, 8), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(n.graph), "norm.running_mean", "8 bytes", "wants 24");
  assert_status(nadir_param_get(n.graph, n.mean, values, sizeof values), NADIR_E_ARGUMENT);
  net_close(&n);
}

static void instances_are_averaged(void **state) {
  const int64_t shape[] = {NADIR_BATCH, CHANNELS, LENGTH};
  nadir_graph *const graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F64, shape, 3);
  const nadir_node y = nadir_instance_norm_add(graph, "norm", x, "track_running_stats=1 affine=1 momentum=0.5");
  const nadir_node loss = nadir_sum(graph, nadir_square(graph, y), NULL, 0, NULL);
  nadir_session *const session = nadir_session_new(graph, loss, NULL, 0, ROWS, NULL);
  double values[COUNT], mean[CHANNELS], var[CHANNELS];
  int i, c, r;
  (void)state;
  assert_graph_ok(graph);
  for (i = 0; i < COUNT; ++i) values[i] = sample(i, 2);
  assert_ok(write_values(session, x, NADIR_F64, values, COUNT));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_ok(nadir_sgd_step(session, 0));
  assert_ok(nadir_state_get(graph, nadir_graph_find(graph, "norm.running_mean"), mean, sizeof mean));
  assert_ok(nadir_state_get(graph, nadir_graph_find(graph, "norm.running_var"), var, sizeof var));
  for (c = 0; c < CHANNELS; ++c) {
    double wanted_mean = 0, wanted_var = 0;
    for (r = 0; r < ROWS; ++r) {
      double m = 0, v = 0;
      for (i = 0; i < LENGTH; ++i) m += values[(r * CHANNELS + c) * LENGTH + i] / LENGTH;
      for (i = 0; i < LENGTH; ++i) v += pow(values[(r * CHANNELS + c) * LENGTH + i] - m, 2) / (LENGTH - 1);
      wanted_mean += m / ROWS;
      wanted_var += v / ROWS;
    }
    assert_near(mean[c], 0.5 * wanted_mean, 1e-14);
    assert_near(var[c], 0.5 + 0.5 * wanted_var, 1e-14);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void bad_definitions_are_refused(void **state) {
  static const struct {
    const char *options, *says;
  } cases[] = {{"eps=-1", "eps is -1"}, {"momentum=1.5", "momentum is 1.5; wants 0 to 1"}, {"momentums=1", "momentum"}};
  const int64_t shape[] = {NADIR_BATCH, 2}, scalar[] = {NADIR_BATCH};
  size_t k;
  (void)state;
  for (k = 0; k < COUNT_OF(cases) + 1; ++k) {
    nadir_graph *const graph = nadir_graph_new(NULL);
    const int is_flat = k == COUNT_OF(cases);
    const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, is_flat ? scalar : shape, is_flat ? 1 : 2);
    assert_int_equal(nadir_batch_norm_add(graph, "norm", x, is_flat ? NULL : cases[k].options), NADIR_NONE);
    assert_says(nadir_graph_error(graph), "batch_norm_add", is_flat ? "wants a rank of at least 2" : cases[k].says);
    assert_int_equal(nadir_state_count(graph), 0);
    assert_int_equal(nadir_param_count(graph), 0);
    nadir_graph_free(graph);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(training_normalises_by_the_batch),
      cmocka_unit_test(steps_move_the_statistics_and_forward_passes_do_not),
      cmocka_unit_test(evaluation_uses_the_running_statistics),
      cmocka_unit_test(stopped_and_skipped_steps_change_no_statistics),
      cmocka_unit_test(a_failed_pass_leaves_the_statistics_of_no_batch),
      cmocka_unit_test(states_are_listed_read_and_refused),
      cmocka_unit_test(instances_are_averaged),
      cmocka_unit_test(bad_definitions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
