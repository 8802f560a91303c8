/*
 * The line fit: ten steps of stochastic gradient descent whose every number is known by hand, in each of the
 * ways in which a host may write them, and full batches against the closed form.
 */
#include "support.h"

static const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};

/* ---------------------------------------------------------------------------- three ways to write the same fit */

/* w := w - learning_rate * gradient, on the flat vectors; volatile, so that the product is rounded before the
   difference whatever the compiler likes to contract. */
static void flat_update_f32(fit *f, double learning_rate) {
  float params[2], grads[2];
  int i;
  assert_ok(nadir_params_flat_get(f->graph, NADIR_F32, params, sizeof params));
  assert_ok(nadir_grads_flat_get(f->train, NADIR_F32, grads, sizeof grads));
  for (i = 0; i < 2; ++i) {
    volatile float product = (float)learning_rate * grads[i];
    params[i] -= product;
  }
  assert_ok(nadir_params_flat_set(f->graph, NADIR_F32, params, sizeof params));
}

static void flat_update_f64(fit *f, double learning_rate) {
  double params[2], grads[2];
  int i;
  assert_ok(nadir_params_flat_get(f->graph, NADIR_F64, params, sizeof params));
  assert_ok(nadir_grads_flat_get(f->train, NADIR_F64, grads, sizeof grads));
  for (i = 0; i < 2; ++i) {
    volatile double product = learning_rate * grads[i];
    params[i] -= product;
  }
  assert_ok(nadir_params_flat_set(f->graph, NADIR_F64, params, sizeof params));
}

static void flat_update(fit *f, double learning_rate) {
  if (f->dtype == NADIR_F32) {
    flat_update_f32(f, learning_rate);
  } else {
    flat_update_f64(f, learning_rate);
  }
}

static void run(nadir_dtype dtype, fit_form form, void (*update)(fit *, double), fit_trace *trace) {
  fit f;
  fit_define(&f, NULL, dtype, form, NULL);
  fit_compile(&f, 1);
  fit_run(&f, update, trace);
  fit_close(&f);
}

static void layer_reproduces_the_ten_steps(void **state) {
  fit_trace trace;
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    run(dtypes[d], FIT_LINEAR, NULL, &trace);
    assert_trace_is_table(&trace, dtypes[d]);
  }
}

static void bare_parameters_reproduce_the_ten_steps(void **state) {
  fit_trace trace;
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    run(dtypes[d], FIT_BARE, NULL, &trace);
    assert_trace_is_table(&trace, dtypes[d]);
  }
}

static void flat_vectors_reproduce_the_ten_steps(void **state) {
  fit_trace trace;
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    run(dtypes[d], FIT_LINEAR, flat_update, &trace);
    assert_trace_is_table(&trace, dtypes[d]);
  }
}

/* A product of one term rounds once in either form, so there is nothing that the two could do differently. */
static void layer_and_bare_parameters_agree_to_the_bit(void **state) {
  fit_trace layer, bare;
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    run(dtypes[d], FIT_LINEAR, NULL, &layer);
    run(dtypes[d], FIT_BARE, NULL, &bare);
    assert_traces_equal(&layer, &bare);
  }
}

static void layer_and_flat_vectors_agree_to_the_bit_in_f64(void **state) {
  fit_trace layer, flat;
  (void)state;
  run(NADIR_F64, FIT_LINEAR, NULL, &layer);
  run(NADIR_F64, FIT_LINEAR, flat_update, &flat);
  assert_traces_equal(&layer, &flat);
}

static void run_with_an_exact_rate(nadir_dtype dtype, int flat, double *w, double *b) {
  fit f;
  int i;
  fit_open(&f, dtype, 1);
  for (i = 0; i < FIT_STEPS; ++i) {
    fit_step(&f, fit_table[i].x, fit_table[i].t, flat ? 0.0 : 0.125);
    if (flat) flat_update(&f, 0.125);
  }
  *w = param_value(f.graph, f.w, dtype);
  *b = param_value(f.graph, f.b, dtype);
  fit_close(&f);
}

/* 1/8 times a gradient is exact, so that only the difference rounds, and there is but one way to do it. */
static void layer_and_flat_vectors_agree_to_the_bit_at_an_exact_rate(void **state) {
  double layer[2], flat[2];
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    run_with_an_exact_rate(dtypes[d], 0, &layer[0], &layer[1]);
    run_with_an_exact_rate(dtypes[d], 1, &flat[0], &flat[1]);
    assert_exact(layer[0], flat[0]);
    assert_exact(layer[1], flat[1]);
  }
}

static void flat_vectors_are_in_the_order_of_declaration(void **state) {
  fit f;
  double params[2], grads[2];
  (void)state;
  fit_open(&f, NADIR_F64, 1);
  fit_set(&f, 5, 7);
  fit_step(&f, 2, 0, 0); /* y = 17: dw = 2 * 17 * 2, db = 2 * 17 */
  assert_int_equal(nadir_params_flat_count(f.graph, NADIR_F64), 2);
  assert_int_equal(nadir_params_flat_count(f.graph, NADIR_F32), 0);
  assert_ok(nadir_params_flat_get(f.graph, NADIR_F64, params, sizeof params));
  assert_ok(nadir_grads_flat_get(f.train, NADIR_F64, grads, sizeof grads));
  assert_exact(params[0], 5);
  assert_exact(params[1], 7);
  assert_exact(grads[0], 68);
  assert_exact(grads[1], 34);
  fit_close(&f);
}

/* ----------------------------------------------------------------------------------------------- full batches */

static const double xs[] = {-2, -1, 0, 1, 2};
static const double ts[] = {-4, -1, 2, 5, 8};

static void full_batch_step(fit *f, double learning_rate) {
  assert_ok(write_values(f->train, f->x, f->dtype, xs, 5));
  assert_ok(write_values(f->train, f->t, f->dtype, ts, 5));
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  assert_ok(nadir_sgd_step(f->train, learning_rate));
}

/* At w = b = 1 the residuals are 3, 1, -1, -3, -5: their squares sum to 45, r·x to -20, r to -5. All of it is exact. */
static void check_full_batch(nadir_dtype dtype, const char *options, double terms) {
  fit f;
  fit_define(&f, NULL, dtype, FIT_LINEAR, options);
  fit_compile(&f, 5);
  full_batch_step(&f, 0.125);
  assert_exact(read_value(f.train, f.loss, dtype), 45 / terms);
  assert_exact(grad_value(f.train, f.w, dtype), -40 / terms);
  assert_exact(grad_value(f.train, f.b, dtype), -10 / terms);
  assert_exact(param_value(f.graph, f.w, dtype), 1 + 40 / terms / 8);
  assert_exact(param_value(f.graph, f.b, dtype), 1 + 10 / terms / 8);
  fit_close(&f);
}

static void full_batch_has_the_mean_of_the_gradients(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    check_full_batch(dtypes[d], NULL, 5);
    check_full_batch(dtypes[d], "reduction=mean", 5);
  }
}

static void full_batch_has_the_sum_of_the_gradients(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_full_batch(dtypes[d], "reduction=sum", 1);
}

/*
 * The mean of x is 0 and of x² is 2, so the two parameters do not see each other: dw = 4 (w - 3) and db = 2 (b - 2). At
 * rate 0.1, w = 3 - 2 * 0.6^k and b = 2 - 0.8^k after k steps.
 */
static void full_batch_descent_follows_the_closed_form(void **state) {
  double w_gap = 2, b_gap = 1;
  fit f;
  int k;
  (void)state;
  fit_open(&f, NADIR_F64, 5);
  for (k = 0; k < 100; ++k) {
    full_batch_step(&f, 0.1);
    w_gap *= 0.6;
    b_gap *= 0.8;
    assert_near(param_value(f.graph, f.w, NADIR_F64), 3 - w_gap, 1e-14);
    assert_near(param_value(f.graph, f.b, NADIR_F64), 2 - b_gap, 1e-14);
  }
  fit_close(&f);
}

/* ------------------------------------------------------------------------------------------------- prediction */

static void check_prediction(nadir_dtype dtype, double tolerance) {
  const double unseen[] = {10, -7, 0.5};
  double seen[3];
  fit f;
  int i;
  fit_open(&f, dtype, 3);
  assert_fit_trains(&f);
  assert_ok(write_values(f.predict, f.x, dtype, unseen, 3));
  assert_ok(nadir_forward(f.predict));
  assert_ok(read_values(f.predict, f.y, dtype, seen, 3));
  for (i = 0; i < 3; ++i) assert_near(seen[i], 3.0254803968 * unseen[i] + 1.9490392064, tolerance);
  fit_close(&f);
}

static void inference_session_predicts_with_the_trained_parameters(void **state) {
  (void)state;
  check_prediction(NADIR_F32, 1e-6);
  check_prediction(NADIR_F64, 1e-14);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layer_reproduces_the_ten_steps),
      cmocka_unit_test(bare_parameters_reproduce_the_ten_steps),
      cmocka_unit_test(flat_vectors_reproduce_the_ten_steps),
      cmocka_unit_test(layer_and_bare_parameters_agree_to_the_bit),
      cmocka_unit_test(layer_and_flat_vectors_agree_to_the_bit_in_f64),
      cmocka_unit_test(layer_and_flat_vectors_agree_to_the_bit_at_an_exact_rate),
      cmocka_unit_test(flat_vectors_are_in_the_order_of_declaration),
      cmocka_unit_test(full_batch_has_the_mean_of_the_gradients),
      cmocka_unit_test(full_batch_has_the_sum_of_the_gradients),
      cmocka_unit_test(full_batch_descent_follows_the_closed_form),
      cmocka_unit_test(inference_session_predicts_with_the_trained_parameters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
