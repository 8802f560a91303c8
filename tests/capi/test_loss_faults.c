/*
 * Labels, indices and probabilities that are out of their range when a session runs; and losses at the ends of theirs.
 */
#include "support.h"

#include <math.h>
#include <string.h>

#define CLASSES 3
#define MOST_ROWS 4

typedef nadir_node (*label_loss)(nadir_graph *, nadir_node, nadir_node, nadir_node, const char *);
typedef nadir_node (*pair_loss)(nadir_graph *, nadir_node, nadir_node, const char *);

static const label_loss LABEL_LOSSES[] = {nadir_cross_entropy_loss, nadir_nll_loss};

/* A loss of parameters, of as many rows as `shape` says, and the target, an input. */
typedef struct model {
  nadir_graph *graph;
  nadir_node x, target, loss;
  nadir_session *train;
} model;

static void open_graph(model *m, const int64_t *shape, int32_t rank) {
  memset(m, 0, sizeof *m);
  m->graph = nadir_graph_new(NULL);
  m->x = nadir_param_add(m->graph, "scores", NADIR_F64, shape, rank, NULL);
}

static void open_session(model *m, nadir_node loss, const char *options) {
  m->loss = loss;
  assert_graph_ok(m->graph);
  m->train = nadir_session_new(m->graph, loss, NULL, 0, MOST_ROWS, options);
  assert_graph_ok(m->graph);
}

/* `rows` rows of classes, and a label each. */
static void open_labels(model *m, label_loss loss, nadir_dtype dtype, int64_t rows, const char *options) {
  const int64_t shape[] = {rows, CLASSES};
  open_graph(m, shape, 2);
  m->target = nadir_input_add(m->graph, "labels", dtype, shape, 1);
  open_session(m, loss(m->graph, m->x, m->target, NADIR_NONE, options), "finite=off");
}

static void open_pair(model *m, pair_loss loss, int64_t count, const char *options) {
  open_graph(m, &count, 1);
  m->target = nadir_input_add(m->graph, "target", NADIR_F64, &count, 1);
  open_session(m, loss(m->graph, m->x, m->target, options), "finite=off");
}

static void close_model(model *m) {
  nadir_session_free(m->train);
  nadir_graph_free(m->graph);
}

static void write_labels(model *m, nadir_dtype dtype, const int64_t *labels, size_t count) {
  int32_t narrow[8];
  size_t i;
  for (i = 0; i < count; ++i) narrow[i] = (int32_t)labels[i];
  assert_ok(dtype == NADIR_I64 ? nadir_session_write(m->train, m->target, labels, count * sizeof *labels)
                               : nadir_session_write(m->train, m->target, narrow, count * sizeof *narrow));
}

/* The loss and the gradient of the parameter. */
static double pass(model *m, double *gradient, size_t count) {
  assert_ok(nadir_zero_grad(m->train));
  assert_ok(nadir_forward(m->train));
  assert_ok(nadir_backward(m->train));
  assert_ok(get_grad(m->train, m->x, NADIR_F64, gradient, count));
  return read_value(m->train, m->loss, NADIR_F64);
}

#define assert_faulty(session, ...)                          \
  do {                                                       \
    assert_status(nadir_forward(session), NADIR_E_ARGUMENT); \
    assert_says(nadir_session_error(session), __VA_ARGS__);  \
    assert_status(nadir_backward(session), NADIR_E_STATE);   \
  } while (0)

/* -------------------------------------------------------------------------------------------------------- labels */

static void a_label_outside_is_told_with_its_row(void **state) {
  static const struct {
    int64_t label;
    const char *text;
  } outside[] = {{-1, "has -1 in"},
                 {3, "has 3 in"},
                 {-100, "has -100 in"},
                 {2147483647, "has 2147483647 in"},
                 {4294967296, "has 4294967296 in"},
                 {-4294967295, "has -4294967295 in"}};
  const nadir_dtype dtypes[] = {NADIR_I32, NADIR_I64};
  size_t k, d, i, row;
  (void)state;
  for (k = 0; k < COUNT_OF(LABEL_LOSSES); ++k) {
    for (d = 0; d < COUNT_OF(dtypes); ++d) {
      model m;
      open_labels(&m, LABEL_LOSSES[k], dtypes[d], 3, "ignore_index=-5");
      for (i = 0; i < COUNT_OF(outside); ++i) {
        if (dtypes[d] == NADIR_I32 && outside[i].label != (int32_t)outside[i].label) continue;
        for (row = 0; row < 3; ++row) {
          const int64_t good[] = {2, 0, -5};
          int64_t labels[] = {2, 0, 1};
          const char *const rows[] = {"in row 0;", "in row 1;", "in row 2;"};
          double gradient[9];
          labels[row] = outside[i].label;
          write_labels(&m, dtypes[d], labels, 3);
          assert_faulty(m.train, "\"labels\"", outside[i].text, rows[row], "wants 0 to 2");
          write_labels(&m, dtypes[d], good, 3);
          pass(&m, gradient, 9);
        }
      }
      close_model(&m);
    }
  }
}

/* Of many faults, the first one. */
static void the_first_label_outside_is_told(void **state) {
  const int64_t labels[] = {0, 9, 8};
  model m;
  (void)state;
  open_labels(&m, nadir_cross_entropy_loss, NADIR_I64, 3, NULL);
  write_labels(&m, NADIR_I64, labels, 3);
  assert_faulty(m.train, "has 9 in row 1;");
  close_model(&m);
}

/* Rows are those of the batch, also where a row has many labels, and only those that were written are looked at. */
static void a_row_is_one_of_the_batch(void **state) {
  const int64_t shape[] = {NADIR_BATCH, CLASSES, 2}, places[] = {NADIR_BATCH, 2};
  const int64_t labels[] = {0, 1, 2, 0, 1, 3, 2, 2};
  const double x[24] = {0};
  nadir_node scores;
  model m;
  (void)state;
  open_graph(&m, NULL, 0);
  scores = nadir_input_add(m.graph, NULL, NADIR_F64, shape, 3);
  m.target = nadir_input_add(m.graph, "labels", NADIR_I64, places, 2);
  open_session(&m, nadir_cross_entropy_loss(m.graph, nadir_mul(m.graph, scores, m.x), m.target, NADIR_NONE, NULL),
               NULL);
  assert_ok(write_values(m.train, scores, NADIR_F64, x, 24));
  write_labels(&m, NADIR_I64, labels, 8);
  assert_faulty(m.train, "has 3 in row 2;");
  assert_ok(write_values(m.train, scores, NADIR_F64, x, 12));
  write_labels(&m, NADIR_I64, labels, 4);
  assert_ok(nadir_forward(m.train));
  assert_near(read_value(m.train, m.loss, NADIR_F64), log(3), 1e-15);
  close_model(&m);
}

static void one_label_without_batch_is_row_0(void **state) {
  const int64_t classes = CLASSES, label = 3;
  model m;
  (void)state;
  open_graph(&m, &classes, 1);
  m.target = nadir_input_add(m.graph, "label", NADIR_I64, NULL, 0);
  open_session(&m, nadir_cross_entropy_loss(m.graph, m.x, m.target, NADIR_NONE, NULL), NULL);
  assert_ok(nadir_session_write(m.train, m.target, &label, sizeof label));
  assert_faulty(m.train, "\"label\" has 3 in row 0; wants 0 to 2");
  close_model(&m);
}

static void constant_labels_are_looked_at_too(void **state) {
  const int64_t shape[] = {2, CLASSES};
  const int32_t labels[] = {1, 7};
  nadir_node target;
  model m;
  (void)state;
  open_graph(&m, shape, 2);
  target = nadir_constant_add(m.graph, "labels", NADIR_I32, shape, 1, labels, sizeof labels);
  open_session(&m, nadir_cross_entropy_loss(m.graph, m.x, target, NADIR_NONE, NULL), NULL);
  assert_faulty(m.train, "\"labels\" has 7 in row 1; wants 0 to 2");
  close_model(&m);
}

static void an_index_outside_is_told_with_its_row(void **state) {
  const int64_t shape[] = {NADIR_BATCH, 2};
  const int64_t words[] = {0, 1, 4, 2, 3, 5, 0, 0};
  nadir_node index;
  model m;
  (void)state;
  memset(&m, 0, sizeof m);
  m.graph = nadir_graph_new(NULL);
  m.target = nadir_input_add(m.graph, "words", NADIR_I64, shape, 2);
  index = nadir_embedding_add(m.graph, "table", m.target, 5, 4, NULL);
  open_session(&m, nadir_mean(m.graph, index, NULL, 0, NULL), NULL);
  write_labels(&m, NADIR_I64, words, 8);
  assert_faulty(m.train, "\"table\" has the index 5 in row 2; wants 0 to 4");
  close_model(&m);
}

/* ------------------------------------------------------------------------------------------------------- ignored */

/* By default it is -100; the mean divides by the others. What stands in the row is of no account. */
static void ignored_rows_count_as_nothing(void **state) {
  const double x[] = {0, 0, 0, -INFINITY, 0, 0, 0, 0, 0};
  const int64_t labels[] = {1, -100, 2}, none[] = {-100, -100, -100};
  const double at_first[] = {1.0 / 6, -1.0 / 3, 1.0 / 6, 0, 0, 0, 1.0 / 6, 1.0 / 6, -1.0 / 3};
  double gradient[9];
  model m;
  int i;
  (void)state;
  open_labels(&m, nadir_cross_entropy_loss, NADIR_I64, 3, NULL);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, x, 9));
  write_labels(&m, NADIR_I64, labels, 3);
  assert_near(pass(&m, gradient, 9), log(3), 1e-15);
  for (i = 0; i < 9; ++i) assert_near(gradient[i], at_first[i], 1e-15);
  write_labels(&m, NADIR_I64, none, 3);
  assert_nan(pass(&m, gradient, 9));
  close_model(&m);

  open_labels(&m, nadir_cross_entropy_loss, NADIR_I64, 3, "reduction=sum label_smoothing=0.5");
  assert_ok(set_param(m.graph, m.x, NADIR_F64, x, 9));
  write_labels(&m, NADIR_I64, none, 3);
  assert_exact(pass(&m, gradient, 9), 0);
  for (i = 0; i < 3; ++i) assert_exact(gradient[i], 0);
  close_model(&m);
}

/* ------------------------------------------------------------------------------------------------- probabilities */

static void a_probability_outside_is_told_with_its_row(void **state) {
  const double half[] = {0.5, 0.5, 0.5}, ends[] = {0, 1, 1}, over[] = {0.5, 1, 1.25}, under[] = {0, -0.125, -3};
  const double no_number[] = {0.5, NAN, 0.5};
  double gradient[3];
  model m;
  (void)state;
  open_pair(&m, nadir_bce_loss, 3, NULL);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, half, 3));
  assert_ok(write_values(m.train, m.target, NADIR_F64, under, 3));
  assert_faulty(m.train, "\"target\" has -0.125 in row 1; wants 0 to 1");
  assert_ok(write_values(m.train, m.target, NADIR_F64, ends, 3));
  assert_near(pass(&m, gradient, 3), log(2), 1e-15);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, over, 3));
  assert_faulty(m.train, "\"scores\" has 1.25 in row 2; wants 0 to 1");
  /* A NaN is told as the loss that it makes. */
  assert_ok(set_param(m.graph, m.x, NADIR_F64, no_number, 3));
  assert_nan(pass(&m, gradient, 3));
  close_model(&m);
}

static void a_target_outside_is_told_with_its_row(void **state) {
  const int64_t shape[] = {2, CLASSES};
  const double target[] = {0, 1, 0, 0.5, 0.5, 2};
  model m;
  (void)state;
  open_graph(&m, shape, 2);
  m.target = nadir_input_add(m.graph, "shares", NADIR_F64, shape, 2);
  open_session(&m, nadir_cross_entropy_loss(m.graph, m.x, m.target, NADIR_NONE, NULL), NULL);
  assert_ok(write_values(m.train, m.target, NADIR_F64, target, 6));
  assert_faulty(m.train, "\"shares\" has 2 in row 1; wants 0 to 1");
  close_model(&m);
}

/* ---------------------------------------------------------------------------------------------------------- ends */

/* A certain prediction costs 0 or 100 and has no slope. */
static void certain_predictions_cost_100_at_most(void **state) {
  const double p[] = {0, 1, 0, 1}, t[] = {0, 1, 1, 0}, wanted[] = {0, 0, 100, 100};
  double losses[4], gradient[4];
  nadir_node each;
  model m;
  int i;
  (void)state;
  open_graph(&m, (const int64_t[]){4}, 1);
  m.target = nadir_input_add(m.graph, "target", NADIR_F64, (const int64_t[]){4}, 1);
  each = nadir_bce_loss(m.graph, m.x, m.target, "reduction=none");
  m.loss = nadir_sum(m.graph, each, NULL, 0, NULL);
  m.train = nadir_session_new(m.graph, m.loss, &each, 1, 1, NULL);
  assert_graph_ok(m.graph);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, p, 4));
  assert_ok(write_values(m.train, m.target, NADIR_F64, t, 4));
  assert_exact(pass(&m, gradient, 4), 200);
  assert_ok(read_values(m.train, each, NADIR_F64, losses, 4));
  for (i = 0; i < 4; ++i) {
    assert_exact(losses[i], wanted[i]);
    assert_true(isfinite(gradient[i]));
  }
  close_model(&m);
}

static void large_logits_do_not_overflow(void **state) {
  const double x[] = {1000, -1000, 1000, -1000}, t[] = {1, 0, 0, 1};
  const double scores[] = {1e4, 0, -1e4, 1e4, 0, -1e4};
  const double slopes[] = {0, 0, 0.25, -0.25}, by_score[] = {0.5, 0, -0.5, 0, 0, 0};
  const int64_t labels[] = {2, 0};
  double gradient[6];
  model m;
  int i;
  (void)state;
  open_graph(&m, (const int64_t[]){4}, 1);
  m.target = nadir_input_add(m.graph, "target", NADIR_F64, (const int64_t[]){4}, 1);
  open_session(&m, nadir_bce_with_logits_loss(m.graph, m.x, m.target, NADIR_NONE, NULL), NULL);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, x, 4));
  assert_ok(write_values(m.train, m.target, NADIR_F64, t, 4));
  assert_exact(pass(&m, gradient, 4), 500);
  for (i = 0; i < 4; ++i) assert_exact(gradient[i], slopes[i]);
  close_model(&m);

  open_labels(&m, nadir_cross_entropy_loss, NADIR_I32, 2, NULL);
  assert_ok(set_param(m.graph, m.x, NADIR_F64, scores, 6));
  write_labels(&m, NADIR_I32, labels, 2);
  assert_exact(pass(&m, gradient, 6), 1e4);
  for (i = 0; i < 6; ++i) assert_exact(gradient[i], by_score[i]);
  close_model(&m);
}

static void nothing_times_its_logarithm_is_nothing(void **state) {
  const double x[] = {-1, -2}, t[] = {0, 1};
  double gradient[2];
  model m;
  (void)state;
  open_pair(&m, nadir_kl_div_loss, 2, "reduction=sum");
  assert_ok(set_param(m.graph, m.x, NADIR_F64, x, 2));
  assert_ok(write_values(m.train, m.target, NADIR_F64, t, 2));
  assert_exact(pass(&m, gradient, 2), 2);
  assert_exact(gradient[0], 0);
  assert_exact(gradient[1], -1);
  close_model(&m);
}

/* As PyTorch has it: a prediction exactly at the margin still moves. */
static void the_corner_of_a_hinge_has_a_slope(void **state) {
  static const struct {
    pair_loss loss;
    double x, target, slope;
  } cases[] = {{nadir_hinge_loss, 1, 1, -1}, {nadir_hinge_loss, -1, -1, 1}, {nadir_hinge_embedding_loss, 1, -1, -1}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    double gradient;
    model m;
    open_pair(&m, cases[i].loss, 1, NULL);
    assert_ok(set_param(m.graph, m.x, NADIR_F64, &cases[i].x, 1));
    assert_ok(write_values(m.train, m.target, NADIR_F64, &cases[i].target, 1));
    assert_exact(pass(&m, &gradient, 1), 0);
    assert_exact(gradient, cases[i].slope);
    close_model(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_label_outside_is_told_with_its_row),
      cmocka_unit_test(the_first_label_outside_is_told),
      cmocka_unit_test(a_row_is_one_of_the_batch),
      cmocka_unit_test(one_label_without_batch_is_row_0),
      cmocka_unit_test(constant_labels_are_looked_at_too),
      cmocka_unit_test(an_index_outside_is_told_with_its_row),
      cmocka_unit_test(ignored_rows_count_as_nothing),
      cmocka_unit_test(a_probability_outside_is_told_with_its_row),
      cmocka_unit_test(a_target_outside_is_told_with_its_row),
      cmocka_unit_test(certain_predictions_cost_100_at_most),
      cmocka_unit_test(large_logits_do_not_overflow),
      cmocka_unit_test(nothing_times_its_logarithm_is_nothing),
      cmocka_unit_test(the_corner_of_a_hinge_has_a_slope),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
