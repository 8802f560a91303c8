/*
 * Batches from nothing to the maximum, losses and gradients that are no numbers, memory of the caller used in place,
 * and the memory that a session takes.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 37 /* beyond any vector, and no multiple of one */

static const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};

/* ------------------------------------------------------------------------------------------------------ batches */

static void give_line(fit *f, int batch) {
  double x[MAX_BATCH + 1], t[MAX_BATCH + 1];
  int i;
  for (i = 0; i < batch; ++i) {
    x[i] = i;
    t[i] = 2 * i;
  }
  assert_ok(write_values(f->train, f->x, f->dtype, x, (size_t)batch));
  assert_ok(write_values(f->train, f->t, f->dtype, t, (size_t)batch));
}

/* At w = b = 1 the residual of row i is 1 - i: sums of whole numbers, exact in any order. */
static void check_batch(fit *f, int batch) {
  double loss = 0, dw = 0, db = 0;
  int i;
  for (i = 0; i < batch; ++i) {
    loss += (1 - i) * (1 - i);
    dw += 2 * (1 - i) * i;
    db += 2 * (1 - i);
  }
  give_line(f, batch);
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  assert_exact(read_value(f->train, f->loss, f->dtype), loss);
  assert_exact(grad_value(f->train, f->w, f->dtype), dw);
  assert_exact(grad_value(f->train, f->b, f->dtype), db);
}

static void every_batch_up_to_the_maximum_and_back_is_summed(void **state) {
  size_t d;
  int batch;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    fit f;
    fit_define(&f, NULL, dtypes[d], FIT_LINEAR, "reduction=sum");
    fit_compile(&f, MAX_BATCH);
    for (batch = 0; batch <= MAX_BATCH; ++batch) check_batch(&f, batch);
    for (batch = MAX_BATCH; batch >= 0; batch -= 3) check_batch(&f, batch);
    fit_close(&f);
  }
}

/* A row's results are the same bits alone, in any place and in any company. */
static void rows_do_not_depend_on_the_batch(void **state) {
  static const int widths[] = {1, 2, 5, 16, 33};
  float x[MAX_BATCH * 33], alone[33], all[MAX_BATCH * 33];
  size_t w;
  int i, row;
  (void)state;
  for (i = 0; i < MAX_BATCH * 33; ++i) x[i] = (float)sin(i * 0.7);
  for (w = 0; w < COUNT_OF(widths); ++w) {
    for (i = 0; i < 2; ++i) { /* with a loss, for training, and without */
      const int width = widths[w];
      nadir_graph *g = nadir_graph_new(NULL);
      const int64_t shape[] = {NADIR_BATCH, 33};
      const nadir_node in = nadir_input_add(g, "x", NADIR_F32, shape, 2);
      const nadir_node hidden = nadir_relu(g, nadir_linear_add(g, "first", in, width, NULL));
      const nadir_node y = nadir_linear_add(g, "second", hidden, 1, NULL);
      const nadir_node outputs[] = {hidden, y};
      const nadir_node loss = i == 0 ? nadir_mean(g, y, NULL, 0, 0) : NADIR_NONE;
      nadir_session *s = nadir_session_new(g, loss, outputs, 2, MAX_BATCH, NULL);
      float y_alone, y_all[MAX_BATCH];
      assert_non_null(s);
      assert_ok(nadir_session_write(s, in, x, sizeof x));
      assert_ok(nadir_forward(s));
      assert_ok(nadir_session_read(s, hidden, all, sizeof(float) * MAX_BATCH * (size_t)width));
      assert_ok(nadir_session_read(s, y, y_all, sizeof y_all));
      for (row = 0; row < MAX_BATCH; ++row) {
        assert_ok(nadir_session_write(s, in, x + row * 33, 33 * sizeof(float)));
        assert_ok(nadir_forward(s));
        assert_ok(nadir_session_read(s, hidden, alone, sizeof(float) * (size_t)width));
        assert_ok(nadir_session_read(s, y, &y_alone, sizeof y_alone));
        assert_memory_equal(alone, all + row * width, sizeof(float) * (size_t)width);
        assert_memory_equal(&y_alone, &y_all[row], sizeof y_alone);
      }
      nadir_session_free(s);
      nadir_graph_free(g);
    }
  }
}

static void step_of_an_empty_batch_changes_nothing(void **state) {
  fit f;
  (void)state;
  fit_define(&f, NULL, NADIR_F32, FIT_LINEAR, "reduction=sum");
  fit_compile(&f, 2);
  check_batch(&f, 0);
  assert_ok(nadir_sgd_step(f.train, 0.5));
  assert_exact(param_value(f.graph, f.w, NADIR_F32), 1);
  assert_exact(param_value(f.graph, f.b, NADIR_F32), 1);
  fit_close(&f);
}

static void prediction_of_an_empty_batch_is_empty(void **state) {
  fit f;
  double nothing = 7;
  (void)state;
  fit_open(&f, NADIR_F64, 2);
  assert_ok(write_values(f.predict, f.x, NADIR_F64, &nothing, 0));
  assert_ok(nadir_forward(f.predict));
  assert_ok(read_values(f.predict, f.y, NADIR_F64, &nothing, 0));
  assert_status(read_values(f.predict, f.y, NADIR_F64, &nothing, 1), NADIR_E_ARGUMENT);
  fit_close(&f);
}

static void mean_of_an_empty_batch_is_not_a_number(void **state) {
  nadir_session *lenient;
  double value = 0;
  fit f;
  (void)state;
  fit_open(&f, NADIR_F64, 2);
  give_line(&f, 0);
  assert_status(nadir_forward(f.train), NADIR_E_NOT_FINITE);
  lenient = nadir_session_new(f.graph, f.loss, NULL, 0, 2, "finite=off");
  assert_graph_ok(f.graph);
  assert_ok(write_values(lenient, f.x, NADIR_F64, &value, 0));
  assert_ok(write_values(lenient, f.t, NADIR_F64, &value, 0));
  assert_ok(nadir_forward(lenient));
  assert_nan(read_value(lenient, f.loss, NADIR_F64));
  nadir_session_free(lenient);
  fit_close(&f);
}

/* [batch, 2, 3] as [2 * batch, 3], its rows summed: 2 * batch rows of 3. */
static void multiples_of_the_batch_follow_the_batch(void **state) {
  const int64_t blocks[] = {NADIR_BATCH, 2, 3}, lines[] = {2 * NADIR_BATCH, 3}, flat[] = {-1};
  const int32_t last[] = {-1};
  const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, blocks, 3);
  nadir_node outputs[3];
  nadir_session *session;
  double sums[4], all[12];
  int64_t shape[2];
  int32_t rank;
  (void)state;
  outputs[0] = nadir_sum(g, nadir_reshape(g, x, lines, 2), last, 1, NULL);
  outputs[1] = nadir_reshape(g, x, flat, 1);
  outputs[2] = nadir_mean(g, outputs[0], NULL, 0, NULL);
  session = nadir_session_new(g, NADIR_NONE, outputs, 3, 2, NULL);
  assert_graph_ok(g);
  assert_ok(nadir_graph_node_shape(g, outputs[0], shape, 2, &rank));
  assert_int_equal(rank, 1);
  assert_true(shape[0] == 2 * NADIR_BATCH);
  assert_ok(nadir_graph_node_shape(g, outputs[1], shape, 2, &rank));
  assert_true(shape[0] == 6 * NADIR_BATCH);
  assert_ok(write_values(session, x, NADIR_F64, values, 12));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, outputs[0], NADIR_F64, sums, 4));
  assert_exact(sums[0], 6);
  assert_exact(sums[3], 33);
  assert_ok(read_values(session, outputs[1], NADIR_F64, all, 12));
  assert_memory_equal(all, values, sizeof all);
  assert_exact(read_value(session, outputs[2], NADIR_F64), 19.5);
  assert_ok(write_values(session, x, NADIR_F64, values, 6));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, outputs[0], NADIR_F64, sums, 2));
  assert_exact(sums[1], 15);
  assert_exact(read_value(session, outputs[2], NADIR_F64), 10.5);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* G = u · uᵀ [batch, batch] with u = x * w: sum(G) is |sum of the rows of u|², its gradient 2 w (sum of the rows of
   x)². */
static void product_of_a_batch_with_itself_follows_both(void **state) {
  const int64_t rows[] = {NADIR_BATCH, 2}, pair[] = {2};
  const double values[] = {1, -2, 3, 5, -2, 4};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, rows, 2);
  const nadir_node w = nadir_param_add(g, "w", NADIR_F64, pair, 1, "init=constant value=0.5");
  const nadir_node u = nadir_mul(g, x, w), gram = nadir_matmul(g, u, u, "transpose_b=1");
  const nadir_node loss = nadir_sum(g, gram, NULL, 0, NULL);
  const nadir_node outputs[] = {gram, nadir_mean(g, gram, NULL, 0, NULL)};
  nadir_session *session = nadir_session_new(g, loss, outputs, 2, 3, NULL);
  double a = 0, b = 0, got[9], grad[2];
  int batch;
  (void)state;
  assert_graph_ok(g);
  for (batch = 1; batch <= 3; ++batch) {
    a += values[2 * batch - 2];
    b += values[2 * batch - 1];
    assert_ok(write_values(session, x, NADIR_F64, values, 2 * (size_t)batch));
    assert_ok(nadir_zero_grad(session));
    assert_ok(nadir_forward(session));
    assert_ok(nadir_backward(session));
    assert_exact(read_value(session, loss, NADIR_F64), (a * a + b * b) / 4);
    assert_near(read_value(session, outputs[1], NADIR_F64), (a * a + b * b) / 4 / (batch * batch), 1e-15);
    assert_ok(read_values(session, gram, NADIR_F64, got, (size_t)(batch * batch)));
    assert_exact(got[batch * batch - 1],
                 (values[2 * batch - 2] * values[2 * batch - 2] + values[2 * batch - 1] * values[2 * batch - 1]) / 4);
    assert_ok(get_grad(session, w, NADIR_F64, grad, 2));
    assert_exact(grad[0], a * a);
    assert_exact(grad[1], b * b);
  }
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* A running sum of a million times 0.1 in f32 is off by 1 %. In a tree, a term is rounded 20 times, and in the
   chains at the leaves perhaps as often as 100 times, 6e-8 each: less than 1e-5. */
static void error_of_a_long_sum_grows_with_the_logarithm(void **state) {
  enum { TERMS = 1000000 };
  const int64_t column[] = {NADIR_BATCH};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, column, 1);
  const nadir_node sum = nadir_sum(g, x, NULL, 0, NULL);
  nadir_session *session = nadir_session_new(g, NADIR_NONE, &sum, 1, TERMS, NULL);
  float *terms = (float *)malloc(TERMS * sizeof *terms);
  size_t i;
  (void)state;
  assert_graph_ok(g);
  assert_non_null(terms);
  for (i = 0; i < TERMS; ++i) terms[i] = 0.1f;
  assert_ok(nadir_session_bind(session, x, terms, TERMS * sizeof *terms));
  assert_ok(nadir_forward(session));
  assert_near(read_value(session, sum, NADIR_F32), 1e6 * (double)0.1f, 1e-5);
  nadir_session_free(session);
  nadir_graph_free(g);
  free(terms);
}

/* ----------------------------------------------------------------------------------- losses that are no numbers */

/* loss = w * x * z: by choice of x and z the loss or its gradient x * z is infinite. */
typedef struct product {
  nadir_graph *graph;
  nadir_node w, x, z, loss;
  nadir_session *session;
} product;

static void product_open(product *p, const char *options) {
  p->graph = nadir_graph_new(NULL);
  p->w = nadir_param_add(p->graph, "w", NADIR_F32, NULL, 0, NULL);
  p->x = nadir_input_add(p->graph, "x", NADIR_F32, NULL, 0);
  p->z = nadir_input_add(p->graph, "z", NADIR_F32, NULL, 0);
  p->loss = nadir_mul(p->graph, nadir_mul(p->graph, p->w, p->x), p->z);
  p->session = nadir_session_new(p->graph, p->loss, NULL, 0, 1, options);
  assert_graph_ok(p->graph);
}

static void product_close(product *p) {
  nadir_session_free(p->session);
  nadir_graph_free(p->graph);
}

static void product_give(product *p, double w, double x, double z) {
  assert_ok(set_param(p->graph, p->w, NADIR_F32, &w, 1));
  assert_ok(write_values(p->session, p->x, NADIR_F32, &x, 1));
  assert_ok(write_values(p->session, p->z, NADIR_F32, &z, 1));
  assert_ok(nadir_zero_grad(p->session));
}

static void assert_good_step(product *p) {
  product_give(p, 1, 2, 3);
  assert_ok(nadir_forward(p->session));
  assert_ok(nadir_backward(p->session));
  assert_ok(nadir_sgd_step(p->session, 0.5));
  assert_exact(param_value(p->graph, p->w, NADIR_F32), -2);
}

static void check_that_a_bad_loss_stops(const char *options) {
  const double bad[] = {NAN, INFINITY, -INFINITY, 3e38};
  product p;
  size_t i;
  product_open(&p, options);
  for (i = 0; i < COUNT_OF(bad); ++i) {
    product_give(&p, 1, bad[i], 3);
    assert_status(nadir_forward(p.session), NADIR_E_NOT_FINITE);
    assert_says(nadir_session_error(p.session), "forward", nadir_graph_node_name(p.graph, p.loss));
    assert_false(read_value(p.session, p.loss, NADIR_F32) - read_value(p.session, p.loss, NADIR_F32) == 0);
    assert_status(nadir_backward(p.session), NADIR_E_STATE);
    assert_status(nadir_sgd_step(p.session, 0.5), NADIR_E_STATE);
    assert_exact(param_value(p.graph, p.w, NADIR_F32), 1);
    assert_good_step(&p);
  }
  product_close(&p);
}

static void loss_that_is_not_finite_stops_the_step(void **state) {
  (void)state;
  check_that_a_bad_loss_stops(NULL);
  check_that_a_bad_loss_stops("finite=loss");
  check_that_a_bad_loss_stops("finite=gradients not_finite=stop");
}

static void loss_that_is_not_finite_passes_where_nobody_looks(void **state) {
  product p;
  (void)state;
  product_open(&p, "finite=off");
  product_give(&p, 1, INFINITY, 3);
  assert_ok(nadir_forward(p.session));
  assert_ok(nadir_backward(p.session));
  assert_ok(nadir_sgd_step(p.session, 0.5));
  assert_true(param_value(p.graph, p.w, NADIR_F32) < -1e38);
  assert_good_step(&p);
  product_close(&p);
}

static void loss_that_is_not_finite_can_be_skipped(void **state) {
  product p;
  (void)state;
  product_open(&p, "not_finite=skip");
  product_give(&p, 1, NAN, 3);
  assert_ok(nadir_forward(p.session));
  assert_nan(read_value(p.session, p.loss, NADIR_F32));
  assert_ok(nadir_backward(p.session));
  assert_ok(nadir_sgd_step(p.session, 0.5));
  assert_exact(param_value(p.graph, p.w, NADIR_F32), 1);
  assert_good_step(&p);
  product_close(&p);
}

/* w = 0 hides the overflow of x * z from the loss. */
static void bad_gradient(product *p, const char *options) {
  product_open(p, options);
  product_give(p, 0, 1e30, 1e30);
  assert_ok(nadir_forward(p->session));
  assert_exact(read_value(p->session, p->loss, NADIR_F32), 0);
  assert_ok(nadir_backward(p->session));
  assert_true(grad_value(p->session, p->w, NADIR_F32) > 1e38);
}

static void gradient_that_is_not_finite_passes_by_default(void **state) {
  product p;
  (void)state;
  bad_gradient(&p, NULL);
  assert_ok(nadir_sgd_step(p.session, 0.5));
  assert_true(param_value(p.graph, p.w, NADIR_F32) < -1e38);
  product_close(&p);
}

static void gradient_that_is_not_finite_stops_the_step_where_asked(void **state) {
  product p;
  (void)state;
  bad_gradient(&p, "finite=gradients");
  assert_status(nadir_sgd_step(p.session, 0.5), NADIR_E_NOT_FINITE);
  assert_says(nadir_session_error(p.session), "sgd_step", "\"w\"");
  assert_exact(param_value(p.graph, p.w, NADIR_F32), 0);
  assert_good_step(&p);
  product_close(&p);
}

static void gradient_that_is_not_finite_can_be_skipped(void **state) {
  product p;
  (void)state;
  bad_gradient(&p, "finite=gradients not_finite=skip");
  assert_ok(nadir_sgd_step(p.session, 0.5));
  assert_exact(param_value(p.graph, p.w, NADIR_F32), 0);
  assert_good_step(&p);
  product_close(&p);
}

/* --------------------------------------------------------------------------------------- the caller's own memory */

static void check_bind(nadir_dtype dtype) {
  const double first[] = {3, 4}, second[] = {-5, 6};
  const size_t size = nadir_dtype_size(dtype);
  char *memory = (char *)malloc(3 * size); /* from the second element on: aligned to one, not to two */
  double seen[2];
  fit f;
  int i;
  fit_open(&f, dtype, 2);
  assert_non_null(memory);
  assert_ok(nadir_session_bind(f.predict, f.x, memory + size, 2 * size));
  for (i = 0; i < 2; ++i) {
    const double *values = i == 0 ? first : second;
    if (dtype == NADIR_F32) {
      ((float *)memory)[1] = (float)values[0];
      ((float *)memory)[2] = (float)values[1];
    } else {
      memcpy(memory + size, values, 2 * size);
    }
    assert_ok(nadir_forward(f.predict));
    assert_ok(read_values(f.predict, f.y, dtype, seen, 2));
    assert_exact(seen[0], values[0] + 1);
    assert_exact(seen[1], values[1] + 1);
    assert_ok(read_values(f.predict, f.x, dtype, seen, 2));
    assert_exact(seen[1], values[1]);
  }
  fit_close(&f);
  free(memory);
}

static void bound_memory_is_seen_as_it_is_at_each_forward_pass(void **state) {
  (void)state;
  check_bind(NADIR_F32);
  check_bind(NADIR_F64);
}

static void bound_memory_is_not_written(void **state) {
  const double x[] = {-2, -1, 0, 1, 2}, t[] = {-4, -1, 2, 5, 8};
  double own_x[5], own_t[5];
  fit f;
  (void)state;
  fit_open(&f, NADIR_F64, 5);
  memcpy(own_x, x, sizeof x);
  memcpy(own_t, t, sizeof t);
  assert_ok(nadir_session_bind(f.train, f.x, own_x, sizeof own_x));
  assert_ok(nadir_session_bind(f.train, f.t, own_t, sizeof own_t));
  assert_ok(nadir_forward(f.train));
  assert_ok(nadir_backward(f.train));
  assert_exact(grad_value(f.train, f.w, NADIR_F64), -8);
  assert_memory_equal(own_x, x, sizeof x);
  assert_memory_equal(own_t, t, sizeof t);
  fit_close(&f);
}

static void write_after_bind_leaves_the_caller_s_memory_alone(void **state) {
  double own = 7;
  const double other = 3;
  fit f;
  (void)state;
  fit_open(&f, NADIR_F64, 1);
  assert_ok(nadir_session_bind(f.predict, f.x, &own, sizeof own));
  assert_ok(write_values(f.predict, f.x, NADIR_F64, &other, 1));
  assert_exact(own, 7);
  own = 100;
  assert_ok(nadir_forward(f.predict));
  assert_exact(read_value(f.predict, f.y, NADIR_F64), 4);
  assert_ok(nadir_session_bind(f.predict, f.x, &own, sizeof own));
  assert_ok(nadir_forward(f.predict));
  assert_exact(read_value(f.predict, f.y, NADIR_F64), 101);
  fit_close(&f);
}

/* ------------------------------------------------------------------------------------------------------- memory */

static size_t memory(const nadir_session *session, const char *part) {
  size_t bytes = 0;
  assert_ok(nadir_session_memory(session, part, &bytes));
  return bytes;
}

static void parts_of_the_memory_add_up(void **state) {
  fit f;
  (void)state;
  fit_open(&f, NADIR_F32, 100);
  assert_int_equal(memory(f.train, "total"),
                   memory(f.train, "arena") + memory(f.train, "gradients") + memory(f.train, "plan"));
  assert_int_equal(memory(f.train, "optimizers"), 0);
  assert_int_equal(memory(f.train, "parameters"), memory(f.predict, "parameters"));
  assert_true(memory(f.train, "parameters") >= 2 * sizeof(float));
  assert_true(memory(f.train, "arena") >= 2 * 100 * sizeof(float)); /* x and t, to be copied */
  assert_true(memory(f.train, "gradients") >= 2 * sizeof(float));
  assert_true(memory(f.train, "plan") > 0);
  fit_close(&f);
}

static void session_fits_its_own_size_and_no_byte_less(void **state) {
  nadir_session *session;
  char option[64] = "max_bytes=";
  char digits[24];
  size_t total, length = 0;
  fit f;
  int less;
  (void)state;
  fit_open(&f, NADIR_F32, 100);
  for (less = 0; less < 2; ++less) {
    total = memory(f.train, "total") - (size_t)less;
    for (length = 0; total > 0; total /= 10) digits[length++] = (char)('0' + total % 10);
    for (total = strlen("max_bytes="); length > 0;) option[total++] = digits[--length];
    option[total] = 0;
    session = nadir_session_new(f.graph, f.loss, NULL, 0, 100, option);
    assert_status(nadir_graph_status(f.graph), less ? NADIR_E_NO_MEMORY : NADIR_OK);
    assert_int_equal(session != NULL, !less);
    nadir_session_free(session);
  }
  assert_ok(nadir_graph_clear_error(f.graph));
  assert_fit_trains(&f);
  fit_close(&f);
}

/* "max_bytes=" and the bytes. */
static const char *limit_of(size_t bytes, char option[64]) {
  char digits[24];
  size_t length = 0, end = strlen("max_bytes=");
  memcpy(option, "max_bytes=", end);
  for (; bytes > 0; bytes /= 10) digits[length++] = (char)('0' + bytes % 10);
  while (length > 0) option[end++] = digits[--length];
  option[end] = 0;
  return option;
}

/* Before any step, and no longer than the optimiser is there. Adam keeps two vectors, of 2 f64. */
static void memory_of_optimizers_is_told_before_the_first_step(void **state) {
  nadir_session *other;
  nadir_optimizer *adam, *plain, *lbfgs, *lm;
  size_t alone, before;
  fit f;
  (void)state;
  fit_open(&f, NADIR_F64, 100);
  alone = memory(f.train, "total");
  adam = nadir_adam_new(f.train, 0.1, NULL);
  assert_non_null(adam);
  assert_in_range(memory(f.train, "optimizers"), 4 * sizeof(double), 4 * 64);
  assert_int_equal(memory(f.train, "total"), alone + memory(f.train, "optimizers"));
  before = memory(f.train, "optimizers");
  plain = nadir_sgd_new(f.train, 0.1, NULL); /* keeps nothing */
  assert_non_null(plain);
  assert_int_equal(memory(f.train, "optimizers"), before);
  lbfgs = nadir_lbfgs_new(f.train, 1, "history_size=3 max_iter=2");
  assert_non_null(lbfgs);
  assert_true(memory(f.train, "optimizers") >= before + (3 + 2) * 2 * 2 * sizeof(double));
  nadir_optimizer_free(lbfgs);
  assert_int_equal(memory(f.train, "optimizers"), before);
  lm = nadir_lm_new(f.train, f.loss, NULL);
  assert_non_null(lm);
  assert_true(memory(f.train, "optimizers") > before + 2 * 2 * 2 * sizeof(double));
  nadir_optimizer_free(lm);
  assert_null(nadir_adam_new(f.train, -1, NULL));
  assert_int_equal(memory(f.train, "optimizers"), before);
  /* It goes with the optimiser. */
  other = nadir_session_new(f.graph, f.loss, NULL, 0, 1, NULL);
  assert_non_null(other);
  assert_ok(nadir_optimizer_attach(adam, other));
  assert_int_equal(memory(f.train, "optimizers"), 0);
  assert_int_equal(memory(other, "optimizers"), before);
  nadir_optimizer_free(adam);
  nadir_optimizer_free(plain);
  assert_int_equal(memory(other, "optimizers"), 0);
  nadir_session_free(other);
  fit_close(&f);
}

static void refusals_for_memory_tell_what_was_wanted_and_allowed(void **state) {
  nadir_session *session, *large;
  nadir_optimizer *adam;
  char option[64], total[64];
  size_t least, bytes;
  fit f;
  (void)state;
  fit_open(&f, NADIR_F32, 100);
  least = memory(f.train, "total");
  limit_of(least, total);
  assert_null(nadir_session_new(f.graph, f.loss, NULL, 0, 100, limit_of(least - 1, option)));
  assert_status(nadir_graph_status(f.graph), NADIR_E_NO_MEMORY);
  assert_says(nadir_graph_error(f.graph), strchr(total, '=') + 1, strchr(option, '=') + 1, "arena", "gradients", "plan",
              "max_bytes");
  assert_ok(nadir_graph_clear_error(f.graph));

  /* An optimiser that does not fit is not made, nor taken over; one that just does is. */
  adam = nadir_adam_new(f.train, 0.1, NULL);
  bytes = memory(f.train, "optimizers");
  session = nadir_session_new(f.graph, f.loss, NULL, 0, 100, limit_of(least + bytes - 1, option));
  assert_non_null(session);
  assert_null(nadir_adam_new(session, 0.1, NULL));
  assert_status(nadir_session_status(session), NADIR_E_NO_MEMORY);
  limit_of(bytes, total);
  assert_says(nadir_session_error(session), "adam_new", strchr(total, '=') + 1, strchr(option, '=') + 1, "max_bytes");
  assert_int_equal(memory(session, "optimizers"), 0);
  assert_status(nadir_optimizer_attach(adam, session), NADIR_E_NO_MEMORY);
  assert_int_equal(memory(session, "optimizers"), 0);
  assert_int_equal(memory(f.train, "optimizers"), bytes);
  large = nadir_session_new(f.graph, f.loss, NULL, 0, 100, limit_of(least + bytes, option));
  assert_non_null(large);
  assert_ok(nadir_optimizer_attach(adam, large));
  assert_null(nadir_adam_new(large, 0.1, NULL));
  assert_status(nadir_session_status(large), NADIR_E_NO_MEMORY);
  nadir_optimizer_free(adam);
  adam = nadir_adam_new(large, 0.1, NULL);
  assert_non_null(adam);
  nadir_optimizer_free(adam);
  nadir_session_free(large);
  nadir_session_free(session);
  fit_close(&f);
}

static void limit_of_zero_is_no_limit(void **state) {
  nadir_session *session;
  fit f;
  (void)state;
  fit_open(&f, NADIR_F32, 100);
  session = nadir_session_new(f.graph, f.loss, NULL, 0, 100, "max_bytes=0 finite=off not_finite=skip");
  assert_graph_ok(f.graph);
  assert_non_null(session);
  nadir_session_free(session);
  fit_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_batch_up_to_the_maximum_and_back_is_summed),
      cmocka_unit_test(rows_do_not_depend_on_the_batch),
      cmocka_unit_test(step_of_an_empty_batch_changes_nothing),
      cmocka_unit_test(prediction_of_an_empty_batch_is_empty),
      cmocka_unit_test(mean_of_an_empty_batch_is_not_a_number),
      cmocka_unit_test(multiples_of_the_batch_follow_the_batch),
      cmocka_unit_test(product_of_a_batch_with_itself_follows_both),
      cmocka_unit_test(error_of_a_long_sum_grows_with_the_logarithm),
      cmocka_unit_test(loss_that_is_not_finite_stops_the_step),
      cmocka_unit_test(loss_that_is_not_finite_passes_where_nobody_looks),
      cmocka_unit_test(loss_that_is_not_finite_can_be_skipped),
      cmocka_unit_test(gradient_that_is_not_finite_passes_by_default),
      cmocka_unit_test(gradient_that_is_not_finite_stops_the_step_where_asked),
      cmocka_unit_test(gradient_that_is_not_finite_can_be_skipped),
      cmocka_unit_test(bound_memory_is_seen_as_it_is_at_each_forward_pass),
      cmocka_unit_test(bound_memory_is_not_written),
      cmocka_unit_test(write_after_bind_leaves_the_caller_s_memory_alone),
      cmocka_unit_test(parts_of_the_memory_add_up),
      cmocka_unit_test(session_fits_its_own_size_and_no_byte_less),
      cmocka_unit_test(memory_of_optimizers_is_told_before_the_first_step),
      cmocka_unit_test(refusals_for_memory_tell_what_was_wanted_and_allowed),
      cmocka_unit_test(limit_of_zero_is_no_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
