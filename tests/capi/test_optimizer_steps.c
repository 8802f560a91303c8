/*
 * What is around the rule in a step: clipping, accumulation, averages, the hook, what is not finite, state that goes on to
 * the bit, and other sessions. Each is proved for every rule for which it could differ.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* `options` are those that all rules have but L-BFGS. */
static nadir_optimizer *optimizer_new(const model *m, const char *rule, const char *options) {
  nadir_optimizer *optimizer;
  if (strcmp(rule, "lbfgs") == 0 && options != NULL && strncmp(options, "ema_decay", 9) == 0)
    options = strstr(options, "clip_norm") ? NULL : strchr(options, ' ');
  optimizer = maker_of(rule)(m->session, strcmp(rule, "lbfgs") == 0 ? 1 : 0.01, options);
  if (optimizer == NULL) print_error("%s: %s\n", rule, nadir_session_error(m->session));
  assert_non_null(optimizer);
  return optimizer;
}

/* L-BFGS needs a loss that has a least value. */
static model_form form_of(const char *rule) { return strcmp(rule, "lbfgs") == 0 ? MODEL_CURVED : MODEL_LINEAR; }

/* ------------------------------------------------------------------------------------------------------ clipping */

static size_t trained_count(void) {
  size_t count = 0;
  int p;
  for (p = 0; p < APART; ++p) count += model_counts[p];
  return count;
}

/* The gradients of all parameters that the loss reaches, one after the other; returns their number. */
static size_t read_gradients(const model *m, double *gradients) {
  size_t count = 0;
  int p;
  for (p = 0; p < APART; ++p) {
    assert_ok(get_grad(m->session, m->params[p], m->dtypes[p], gradients + count, model_counts[p]));
    count += model_counts[p];
  }
  return count;
}

static double norm_of_slopes(int step) {
  double sum = 0;
  size_t i;
  int p;
  for (p = 0; p < APART; ++p) {
    for (i = 0; i < model_counts[p]; ++i) sum += model_slope(step, p, i) * model_slope(step, p, i);
  }
  return sqrt(sum);
}

#define MOST_GRADIENTS 512

static void check_norm(nadir_dtype dtype, nadir_dtype decoder, double max_norm, double tolerance) {
  double before[MOST_GRADIENTS], after[MOST_GRADIENTS], norm = -1, scale;
  size_t i, count;
  model m;
  assert_true(trained_count() <= MOST_GRADIENTS);
  model_define(&m, NULL, dtype, decoder, MODEL_LINEAR);
  model_compile(&m, NULL);
  model_pass(&m, 3);
  count = read_gradients(&m, before);
  assert_ok(nadir_clip_grad_norm(m.session, max_norm, &norm));
  assert_near(norm, norm_of_slopes(3), 1e-14);
  scale = fmin(1, max_norm / (norm + 1e-6));
  read_gradients(&m, after);
  for (i = 0; i < count; ++i) assert_relative(after[i], scale * before[i], tolerance, 1e-300);
  assert_ok(nadir_clip_grad_norm(m.session, max_norm, NULL));
  model_close(&m);
}

/* Slopes are exact in f32, and so is the norm, which is summed in f64. */
static void norm_is_clipped(void **state) {
  const double limits[] = {1e-3, 1, 5, 1e3, 0};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(limits); ++i) {
    check_norm(NADIR_F64, NADIR_F64, limits[i], 1e-15);
    check_norm(NADIR_F32, NADIR_F32, limits[i], 2e-7);
    check_norm(NADIR_F64, NADIR_F32, limits[i], 2e-7);
  }
}

static void small_norm_changes_nothing(void **state) {
  double before[MOST_GRADIENTS], after[MOST_GRADIENTS], norm;
  size_t count;
  model m;
  (void)state;
  model_open(&m, NADIR_F32, MODEL_LINEAR);
  model_pass(&m, 3);
  count = read_gradients(&m, before);
  assert_ok(nadir_clip_grad_norm(m.session, 1e3, &norm));
  assert_ok(nadir_clip_grad_norm(m.session, INFINITY, &norm));
  read_gradients(&m, after);
  assert_memory_equal(before, after, count * sizeof *before);
  model_close(&m);
}

static void values_are_clipped(void **state) {
  const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};
  double before[MOST_GRADIENTS], after[MOST_GRADIENTS];
  size_t i, d, count;
  model m;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    model_define(&m, NULL, dtypes[d], dtypes[1 - d], MODEL_LINEAR);
    model_compile(&m, NULL);
    model_pass(&m, 4);
    count = read_gradients(&m, before);
    assert_ok(nadir_clip_grad_value(m.session, 0.75));
    read_gradients(&m, after);
    for (i = 0; i < count; ++i) assert_exact(after[i], fmax(-0.75, fmin(0.75, before[i])));
    model_close(&m);
  }
}

/* After zero_grad there is nothing to clip, and the norm is 0. */
static void gradients_marked_as_zero_have_the_norm_0(void **state) {
  double norm = -1;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  model_pass(&m, 1);
  assert_ok(nadir_zero_grad(m.session));
  assert_ok(nadir_clip_grad_norm(m.session, 1, &norm));
  assert_exact(norm, 0);
  assert_ok(nadir_clip_grad_value(m.session, 1));
  model_pass(&m, 2);
  assert_exact(grad_value(m.session, m.params[DECODER_BIAS], NADIR_F64), model_slope(2, DECODER_BIAS, 0));
  model_close(&m);
}

static void set_all_gradients(model *m, double value) {
  double gradients[MOST_GRADIENTS + 8];
  const size_t count = nadir_params_flat_count(m->graph, NADIR_F64);
  size_t i;
  assert_true(count <= COUNT_OF(gradients));
  for (i = 0; i < count; ++i) gradients[i] = i == count / 2 ? value : 1;
  assert_ok(nadir_grads_flat_set(m->session, NADIR_F64, gradients, count * sizeof *gradients));
}

static void norm_that_is_not_finite_is_refused(void **state) {
  const double bad[] = {NAN, INFINITY, -INFINITY};
  double before[MOST_GRADIENTS], after[MOST_GRADIENTS], norm;
  size_t i, count;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  for (i = 0; i < COUNT_OF(bad); ++i) {
    model_pass(&m, 1);
    set_all_gradients(&m, bad[i]);
    count = read_gradients(&m, before);
    assert_status(nadir_clip_grad_norm(m.session, 1, &norm), NADIR_E_NOT_FINITE);
    assert_says(nadir_session_error(m.session), "clip_grad_norm");
    read_gradients(&m, after);
    assert_memory_equal(before, after, count * sizeof *before);
  }
  model_close(&m);
  model_define(&m, NULL, NADIR_F64, NADIR_F64, MODEL_LINEAR);
  model_compile(&m, "finite=off");
  model_pass(&m, 1);
  set_all_gradients(&m, NAN);
  assert_ok(nadir_clip_grad_norm(m.session, 1, &norm));
  assert_nan(norm);
  model_close(&m);
}

/* Their squares are no f32, but the norm is summed in f64. */
static void norm_of_huge_and_of_tiny_gradients_is_exact(void **state) {
  const float sizes[] = {0x1p100f, 0x1p-100f};
  float gradients[MOST_GRADIENTS];
  double norm;
  size_t i, s;
  model m;
  (void)state;
  model_open(&m, NADIR_F32, MODEL_LINEAR);
  for (s = 0; s < COUNT_OF(sizes); ++s) {
    const size_t count = nadir_params_flat_count(m.graph, NADIR_F32);
    assert_true(count <= MOST_GRADIENTS);
    model_pass(&m, 1);
    for (i = 0; i < count; ++i) gradients[i] = sizes[s];
    assert_ok(nadir_grads_flat_set(m.session, NADIR_F32, gradients, count * sizeof *gradients));
    assert_ok(nadir_clip_grad_norm(m.session, INFINITY, &norm));
    assert_relative(norm, sizes[s] * sqrt((double)trained_count()), 1e-14, 0);
  }
  model_close(&m);
}

/* Clips by the options, or by the calls before each step; the same bits. */
static void check_clip_options(const char *rule, const char *options, double value, double norm) {
  model ours, theirs;
  nadir_optimizer *by_options, *by_calls;
  int t;
  model_open(&ours, NADIR_F32, MODEL_LINEAR);
  model_open(&theirs, NADIR_F32, MODEL_LINEAR);
  by_options = optimizer_new(&ours, rule, options);
  by_calls = optimizer_new(&theirs, rule, NULL);
  for (t = 0; t < 10; ++t) {
    double found = 0;
    model_step(&ours, by_options, t);
    model_pass(&theirs, t);
    if (value != 0) assert_ok(nadir_clip_grad_value(theirs.session, value));
    if (norm != 0) assert_ok(nadir_clip_grad_norm(theirs.session, norm, &found));
    if (norm != 0) assert_exact(setting_of(by_options, "grad_norm"), found);
    assert_ok(nadir_optimizer_step(by_calls));
    assert_models_equal(&ours, &theirs);
  }
  nadir_optimizer_free(by_options);
  nadir_optimizer_free(by_calls);
  model_close(&ours);
  model_close(&theirs);
}

static void clip_options_have_the_bits_of_the_calls(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i + 1 < OPTIMIZER_RULES; ++i) {
    const char *rule = optimizer_rules[i].name;
    check_clip_options(rule, "clip_norm=2", 0, 2);
    check_clip_options(rule, "clip_value=0.5", 0.5, 0);
    check_clip_options(rule, "clip_norm=3 clip_value=1.25", 1.25, 3);
    check_clip_options(rule, "clip_norm=1000000", 0, 1e6);
  }
}

static void norm_to_clip_that_is_not_finite_ends_the_step(void **state) {
  nadir_optimizer *adam;
  snapshot *before;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  adam = optimizer_new(&m, "adam", "clip_norm=1");
  model_step(&m, adam, 1);
  model_pass(&m, 2);
  set_all_gradients(&m, INFINITY);
  before = snapshot_new(&m, adam);
  assert_status(nadir_optimizer_step(adam), NADIR_E_NOT_FINITE);
  assert_as_before(before, &m, adam);
  model_step(&m, adam, 2);
  nadir_optimizer_free(adam);
  model_close(&m);
}

/* -------------------------------------------------------------------------------------- accumulation, train_step */

/* Samples of 3x + 2 with x a multiple of 1/4, summed loss: every sum is exact in any order. */
static void micro_batches_make_a_batch(void **state) {
  double xs[8], ts[8], whole[2], parts[2];
  size_t i, rule;
  (void)state;
  for (i = 0; i < 8; ++i) {
    xs[i] = (double)i / 4 - 1;
    ts[i] = 3 * xs[i] + 2;
  }
  for (rule = 0; rule + 1 < OPTIMIZER_RULES; ++rule) {
    size_t pieces;
    for (pieces = 1; pieces <= 8; pieces *= 2) {
      double *result = pieces == 1 ? whole : parts;
      nadir_optimizer *optimizer;
      fit f;
      fit_define(&f, NULL, NADIR_F64, FIT_LINEAR, "reduction=sum");
      fit_compile(&f, 8);
      optimizer = optimizer_rules[rule].make(f.train, 0.125, NULL);
      assert_non_null(optimizer);
      assert_ok(nadir_zero_grad(f.train));
      for (i = 0; i < 8; i += 8 / pieces) {
        assert_ok(write_values(f.train, f.x, NADIR_F64, xs + i, 8 / pieces));
        assert_ok(write_values(f.train, f.t, NADIR_F64, ts + i, 8 / pieces));
        assert_ok(nadir_forward(f.train));
        assert_ok(nadir_backward(f.train));
      }
      assert_ok(nadir_optimizer_step(optimizer));
      assert_exact(setting_of(optimizer, "step"), 1);
      assert_ok(nadir_params_flat_get(f.graph, NADIR_F64, result, sizeof whole));
      assert_memory_equal(result, whole, sizeof whole);
      assert_true(whole[0] != 1 && whole[1] != 1);
      nadir_optimizer_free(optimizer);
      fit_close(&f);
    }
  }
}

static void train_step_has_the_bits_of_the_four_calls(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < OPTIMIZER_RULES; ++i) {
    const char *rule = optimizer_rules[i].name;
    model ours, theirs;
    nadir_optimizer *one, *four;
    int t;
    model_open(&ours, NADIR_F32, form_of(rule));
    model_open(&theirs, NADIR_F32, form_of(rule));
    one = optimizer_new(&ours, rule, "ema_decay=0.75 clip_norm=50");
    four = optimizer_new(&theirs, rule, "ema_decay=0.75 clip_norm=50");
    for (t = 0; t < 5; ++t) {
      double loss = NAN;
      model_write(&ours, ours.session, t);
      if (t == 3) { /* gradients that were there already do not count */
        assert_ok(nadir_forward(ours.session));
        assert_ok(nadir_backward(ours.session));
      }
      assert_ok(nadir_train_step(one, t == 2 ? NULL : &loss));
      model_pass(&theirs, t);
      if (t != 2) assert_exact(loss, read_value(theirs.session, theirs.loss, NADIR_F32));
      assert_ok(nadir_optimizer_step(four));
      assert_models_equal(&ours, &theirs);
    }
    nadir_optimizer_free(one);
    nadir_optimizer_free(four);
    model_close(&ours);
    model_close(&theirs);
  }
}

static void sgd_without_options_has_the_bits_of_sgd_step(void **state) {
  const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    model ours, theirs;
    nadir_optimizer *sgd;
    int t;
    model_open(&ours, dtypes[d], MODEL_LINEAR);
    model_open(&theirs, dtypes[d], MODEL_LINEAR);
    sgd = nadir_sgd_new(ours.session, 0.1, NULL);
    for (t = 0; t < 10; ++t) {
      model_step(&ours, sgd, t);
      model_pass(&theirs, t);
      assert_ok(nadir_sgd_step(theirs.session, 0.1));
      assert_models_equal(&ours, &theirs);
    }
    nadir_optimizer_free(sgd);
    model_close(&ours);
    model_close(&theirs);
  }
}

static void step_without_gradients_is_declined(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i + 1 < OPTIMIZER_RULES; ++i) {
    nadir_optimizer *optimizer;
    snapshot *before;
    model m;
    model_open(&m, NADIR_F32, MODEL_LINEAR);
    optimizer = optimizer_new(&m, optimizer_rules[i].name, NULL);
    before = snapshot_new(&m, optimizer);
    assert_status(nadir_optimizer_step(optimizer), NADIR_E_STATE);
    model_pass(&m, 1);
    assert_ok(nadir_zero_grad(m.session));
    assert_status(nadir_optimizer_step(optimizer), NADIR_E_STATE);
    assert_says(nadir_session_error(m.session), "optimizer_step");
    assert_as_before(before, &m, optimizer);
    nadir_optimizer_free(optimizer);
    model_close(&m);
  }
}

/* ------------------------------------------------------------------------------------------------------- average */

static void check_average(const char *rule, nadir_dtype dtype, nadir_dtype decoder) {
  static double average[MODEL_PARAMS][MODEL_LONGEST];
  double values[MODEL_LONGEST];
  nadir_optimizer *optimizer;
  snapshot *before;
  size_t i;
  model m;
  int t, p;
  model_define(&m, NULL, dtype, decoder, form_of(rule));
  model_compile(&m, NULL);
  optimizer = optimizer_new(&m, rule, "ema_decay=0.875");
  for (p = 0; p < MODEL_PARAMS; ++p) {
    for (i = 0; i < model_counts[p]; ++i) average[p][i] = model_start(p, i);
  }
  for (t = 0; t < 20; ++t) {
    model_step(&m, optimizer, t);
    for (p = 0; p < MODEL_PARAMS; ++p) {
      model_read(&m, p, values);
      for (i = 0; i < model_counts[p]; ++i) average[p][i] = 0.875 * average[p][i] + 0.125 * values[i];
    }
  }
  before = snapshot_new(&m, NULL);
  assert_ok(nadir_optimizer_swap_ema(optimizer));
  for (p = 0; p < MODEL_PARAMS; ++p) {
    model_read(&m, p, values);
    for (i = 0; i < model_counts[p]; ++i) {
      assert_relative(values[i], average[p][i], m.dtypes[p] == NADIR_F32 ? 2e-6 : 1e-14, 0.1);
    }
  }
  /* They are the parameters now, of a forward pass as well; no step is possible. */
  model_pass(&m, 20);
  assert_status(nadir_optimizer_step(optimizer), NADIR_E_STATE);
  assert_says(nadir_session_error(m.session), "optimizer_step", "swap_ema");
  assert_status(nadir_train_step(optimizer, NULL), NADIR_E_STATE);
  assert_ok(nadir_optimizer_swap_ema(optimizer));
  assert_as_before(before, &m, NULL);
  model_step(&m, optimizer, 20);
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

static void average_follows_the_parameters(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i + 1 < OPTIMIZER_RULES; ++i) {
    check_average(optimizer_rules[i].name, NADIR_F64, NADIR_F64);
    check_average(optimizer_rules[i].name, NADIR_F32, NADIR_F32);
    check_average(optimizer_rules[i].name, NADIR_F64, NADIR_F32);
  }
}

/* --------------------------------------------------------------------------------------------------------- hook */

typedef struct watch {
  const model *m;
  double scale; /* what gradients are multiplied by */
  nadir_status answer;
  int calls, destroyed;
  int begun; /* whether gradients and parameters were as between backward and update */
  int step;  /* the model's */
} watch;

static nadir_status watch_run(void *user, nadir_session *session) {
  watch *w = (watch *)user;
  const size_t count = nadir_params_flat_count(w->m->graph, NADIR_F64);
  double gradients[MOST_GRADIENTS + 8];
  size_t i;
  double head[16];
  ++w->calls;
  if (session != w->m->session || count > COUNT_OF(gradients)) return NADIR_E_INTERNAL;
  if (nadir_param_get(w->m->graph, w->m->params[HEAD], head, sizeof head) == NADIR_OK) {
    w->begun += head[0] == model_start(HEAD, 0);
  }
  if (nadir_grads_flat_get(session, NADIR_F64, gradients, count * sizeof *gradients) != NADIR_OK)
    return NADIR_E_INTERNAL;
  w->begun += gradients[0] == model_slope(w->step, ENCODER_WEIGHT, 0);
  for (i = 0; i < count; ++i) gradients[i] *= w->scale;
  if (nadir_grads_flat_set(session, NADIR_F64, gradients, count * sizeof *gradients) != NADIR_OK)
    return NADIR_E_INTERNAL;
  return w->answer;
}

static void watch_destroy(void *user) { ++((watch *)user)->destroyed; }

static nadir_gradient_hook hook_of(watch *w) {
  nadir_gradient_hook hook;
  memset(&hook, 0, sizeof hook);
  hook.struct_size = sizeof hook;
  hook.user = w;
  hook.run = watch_run;
  hook.destroy = watch_destroy;
  return hook;
}

static void check_hook(const char *rule, int whole) {
  nadir_optimizer *ours, *theirs;
  nadir_gradient_hook hook;
  model m, plain;
  watch w;
  size_t i;
  double gradients[MOST_GRADIENTS + 8];
  size_t bytes;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  model_open(&plain, NADIR_F64, MODEL_LINEAR);
  bytes = nadir_params_flat_count(m.graph, NADIR_F64) * sizeof *gradients;
  memset(&w, 0, sizeof w);
  w.m = &m;
  w.scale = 0.5;
  w.step = 1;
  hook = hook_of(&w);
  ours = optimizer_new(&m, rule, NULL);
  theirs = optimizer_new(&plain, rule, NULL);
  assert_ok(nadir_optimizer_set_hook(ours, &hook));
  memset(&hook, 0, sizeof hook); /* it is copied */
  if (whole) {
    model_write(&m, m.session, 1);
    assert_ok(nadir_train_step(ours, NULL));
  } else {
    model_step(&m, ours, 1);
  }
  assert_int_equal(w.calls, 1);
  assert_int_equal(w.begun, 2);
  model_pass(&plain, 1);
  assert_ok(nadir_grads_flat_get(plain.session, NADIR_F64, gradients, bytes));
  for (i = 0; i < bytes / sizeof *gradients; ++i) gradients[i] *= 0.5;
  assert_ok(nadir_grads_flat_set(plain.session, NADIR_F64, gradients, bytes));
  assert_ok(nadir_optimizer_step(theirs));
  assert_models_equal(&m, &plain);
  assert_int_equal(w.destroyed, 0);
  nadir_optimizer_free(ours);
  nadir_optimizer_free(theirs);
  assert_int_equal(w.destroyed, 1);
  model_close(&m);
  model_close(&plain);
  assert_int_equal(w.destroyed, 1);
}

static void hook_runs_between_the_backward_pass_and_the_update(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i + 1 < OPTIMIZER_RULES; ++i) {
    check_hook(optimizer_rules[i].name, 0);
    check_hook(optimizer_rules[i].name, 1);
  }
}

static void hook_that_fails_ends_the_step(void **state) {
  static const nadir_status answers[] = {NADIR_E_IO, NADIR_E_CANCELLED, 1000, -1};
  size_t i, a;
  (void)state;
  for (i = 0; i + 1 < OPTIMIZER_RULES; ++i) {
    nadir_optimizer *optimizer;
    nadir_gradient_hook hook;
    model m;
    watch w;
    model_open(&m, NADIR_F64, MODEL_LINEAR);
    optimizer = optimizer_new(&m, optimizer_rules[i].name, "ema_decay=0.5 clip_norm=1");
    model_step(&m, optimizer, 1);
    memset(&w, 0, sizeof w);
    w.m = &m;
    w.scale = 1;
    w.step = 2;
    hook = hook_of(&w);
    assert_ok(nadir_optimizer_set_hook(optimizer, &hook));
    for (a = 0; a < COUNT_OF(answers); ++a) {
      snapshot *before = snapshot_new(&m, optimizer);
      w.answer = answers[a];
      model_pass(&m, 2);
      assert_status(nadir_optimizer_step(optimizer), NADIR_E_CALLBACK);
      assert_says(nadir_session_error(m.session), "optimizer_step", "hook");
      assert_status(nadir_train_step(optimizer, NULL), NADIR_E_CALLBACK);
      assert_as_before(before, &m, optimizer);
    }
    assert_int_equal(w.calls, 2 * (int)COUNT_OF(answers));
    w.answer = NADIR_OK;
    model_step(&m, optimizer, 2);
    nadir_optimizer_free(optimizer);
    assert_int_equal(w.destroyed, 1);
    model_close(&m);
  }
}

/* Gradients reduced over processes have a norm that no process knew before: it is the one to clip. */
static void gradients_are_clipped_after_the_hook(void **state) {
  nadir_optimizer *sgd;
  nadir_gradient_hook hook;
  model m;
  watch w;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  sgd = nadir_sgd_new(m.session, 0.5, "clip_value=0.25");
  memset(&w, 0, sizeof w);
  w.m = &m;
  w.scale = 1024;
  hook = hook_of(&w);
  assert_ok(nadir_optimizer_set_hook(sgd, &hook));
  model_step(&m, sgd, 1);
  {
    const double g = model_slope(1, DECODER_BIAS, 0);
    assert_exact(param_value(m.graph, m.params[DECODER_BIAS], NADIR_F64),
                 model_start(DECODER_BIAS, 0) - (g > 0 ? 0.125 : -0.125));
  }
  nadir_optimizer_free(sgd);
  model_close(&m);
}

static void hook_is_replaced_and_taken_away(void **state) {
  nadir_optimizer *adam;
  nadir_gradient_hook hook;
  watch first, second;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  adam = optimizer_new(&m, "adam", NULL);
  memset(&first, 0, sizeof first);
  first.m = &m;
  first.scale = 1;
  second = first;
  hook = hook_of(&first);
  assert_ok(nadir_optimizer_set_hook(adam, &hook));
  model_step(&m, adam, 1);
  hook = hook_of(&second);
  assert_ok(nadir_optimizer_set_hook(adam, &hook));
  assert_int_equal(first.destroyed, 1);
  model_step(&m, adam, 2);
  assert_ok(nadir_optimizer_set_hook(adam, NULL));
  assert_ok(nadir_optimizer_set_hook(adam, NULL));
  assert_int_equal(second.destroyed, 1);
  model_step(&m, adam, 3);
  assert_int_equal(first.calls, 1);
  assert_int_equal(second.calls, 1);
  hook = hook_of(&first);
  hook.destroy = NULL;
  assert_ok(nadir_optimizer_set_hook(adam, &hook));
  nadir_optimizer_free(adam);
  assert_int_equal(first.destroyed, 1);
  assert_int_equal(second.destroyed, 1);
  model_close(&m);
}

static nadir_optimizer *entered;
static nadir_status answers_inside[3];

static nadir_status enter_again(void *user, nadir_session *session) {
  (void)user;
  answers_inside[0] = nadir_optimizer_step(entered);
  answers_inside[1] = nadir_train_step(entered, NULL);
  answers_inside[2] = nadir_clip_grad_value(session, 0.25);
  return NADIR_OK;
}

/* It may clip, but not step. */
static void hook_cannot_step(void **state) {
  nadir_gradient_hook hook;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  entered = nadir_sgd_new(m.session, 0.5, NULL);
  memset(&hook, 0, sizeof hook);
  hook.struct_size = sizeof hook;
  hook.run = enter_again;
  assert_ok(nadir_optimizer_set_hook(entered, &hook));
  model_step(&m, entered, 1);
  assert_int_not_equal(answers_inside[0], NADIR_OK);
  assert_int_not_equal(answers_inside[1], NADIR_OK);
  assert_ok(answers_inside[2]);
  assert_exact(setting_of(entered, "step"), 1);
  assert_exact(fabs(param_value(m.graph, m.params[DECODER_BIAS], NADIR_F64) - model_start(DECODER_BIAS, 0)), 0.125);
  nadir_optimizer_free(entered);
  model_close(&m);
}

/* --------------------------------------------------------------------------------------------- what is not finite */

/* Steps 1 and 3 are taken, and between them one that is not. */
static void check_not_finite(const char *rule, const char *session_options, int bad_gradient) {
  const int skips = strstr(session_options, "skip") != NULL;
  const nadir_status wanted = skips ? NADIR_OK : NADIR_E_NOT_FINITE;
  nadir_optimizer *ours, *theirs;
  snapshot *before;
  model m, plain;
  double loss = 0;
  const double bad = NAN;
  model_define(&m, NULL, NADIR_F64, NADIR_F64, form_of(rule));
  model_compile(&m, session_options);
  model_open(&plain, NADIR_F64, form_of(rule));
  ours = optimizer_new(&m, rule, "ema_decay=0.5");
  theirs = optimizer_new(&plain, rule, "ema_decay=0.5");
  assert_ok(nadir_optimizer_schedule(ours, "exponential", "gamma=0.5"));
  assert_ok(nadir_optimizer_schedule(theirs, "exponential", "gamma=0.5"));
  model_step(&m, ours, 1);
  model_step(&plain, theirs, 1);
  before = snapshot_new(&m, ours);
  if (bad_gradient) {
    model_pass(&m, 2);
    set_all_gradients(&m, INFINITY);
    assert_status(nadir_optimizer_step(ours), wanted);
  } else {
    model_write(&m, m.session, 2);
    assert_ok(write_values(m.session, m.slopes[DECODER_BIAS], NADIR_F64, &bad, 1));
    assert_status(nadir_train_step(ours, &loss), wanted);
    assert_nan(loss);
  }
  assert_as_before(before, &m, ours);
  model_step(&m, ours, 3);
  model_step(&plain, theirs, 3);
  assert_models_equal(&m, &plain);
  nadir_optimizer_free(ours);
  nadir_optimizer_free(theirs);
  model_close(&m);
  model_close(&plain);
}

static void steps_that_are_not_finite_change_nothing(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < OPTIMIZER_RULES; ++i) {
    const char *rule = optimizer_rules[i].name;
    check_not_finite(rule, "finite=loss", 0);
    check_not_finite(rule, "finite=loss not_finite=skip", 0);
    check_not_finite(rule, "finite=gradients", 0);
    check_not_finite(rule, "finite=gradients not_finite=skip", 0);
    if (strcmp(rule, "lbfgs") == 0) continue; /* whose gradients are its own */
    check_not_finite(rule, "finite=gradients", 1);
    check_not_finite(rule, "finite=gradients not_finite=skip", 1);
  }
}

/* --------------------------------------------------------------------------------------------------------- state */

typedef struct vectors {
  const char *rule, *options;
  const char *of_each[4]; /* PyTorch's names, of every parameter that is trained */
} vectors;

static const vectors all_vectors[] = {
    {"sgd", NULL, {NULL}},
    {"sgd", "momentum=0.9", {"momentum_buffer"}},
    {"sgd", "momentum=0.9 dampening=0.25 weight_decay=0.1", {"momentum_buffer"}},
    {"adagrad", "lr_decay=0.1", {"sum"}},
    {"rmsprop", NULL, {"square_avg"}},
    {"rmsprop", "centered=1 momentum=0.5", {"square_avg", "grad_avg", "momentum_buffer"}},
    {"adam", NULL, {"exp_avg", "exp_avg_sq"}},
    {"adam", "amsgrad=1 weight_decay=0.1", {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}},
    {"adamw", "amsgrad=1", {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}},
    {"adamax", NULL, {"exp_avg", "exp_inf"}},
    {"nadam", "momentum_decay=0.1", {"exp_avg", "exp_avg_sq"}},
    {"radam", NULL, {"exp_avg", "exp_avg_sq"}},
    {"lion", NULL, {"exp_avg"}},
    {"lbfgs", "history_size=5 max_iter=3", {NULL}},
    {"lbfgs", "line_search=none max_iter=2 tolerance_change=0", {NULL}},
};

static void state_is_named_as_pytorchs(void **state) {
  const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};
  size_t r, d, v;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    for (r = 0; r < COUNT_OF(all_vectors); ++r) {
      nadir_optimizer *optimizer;
      nadir_dtype dtype = 0;
      size_t count = 0, named = 0;
      int32_t n, i;
      model m;
      int p;
      model_open(&m, dtypes[d], form_of(all_vectors[r].rule));
      optimizer = optimizer_new(&m, all_vectors[r].rule, all_vectors[r].options);
      n = nadir_optimizer_state_count(optimizer);
      assert_true(n >= 1);
      assert_string_equal(nadir_optimizer_state_name(optimizer, 0), "step");
      assert_null(nadir_optimizer_state_name(optimizer, -1));
      assert_null(nadir_optimizer_state_name(optimizer, n));
      for (i = 0; i < n; ++i) {
        const char *name = nadir_optimizer_state_name(optimizer, i);
        int32_t j;
        for (j = 0; j < i; ++j) assert_string_not_equal(name, nadir_optimizer_state_name(optimizer, j));
      }
      for (v = 0; v < COUNT_OF(all_vectors[r].of_each) && all_vectors[r].of_each[v] != NULL; ++v) {
        for (p = 0; p < APART; ++p) {
          char name[64];
          strcpy(name, model_names[p]);
          strcat(strcat(name, "."), all_vectors[r].of_each[v]);
          assert_ok(nadir_optimizer_state_info(optimizer, name, &dtype, &count));
          assert_int_equal(dtype, dtypes[d]);
          assert_int_equal(count, model_counts[p]);
          ++named;
        }
      }
      assert_status(nadir_optimizer_state_info(optimizer, "apart.exp_avg", &dtype, &count), NADIR_E_ARGUMENT);
      assert_true((size_t)n >= named + 1);
      nadir_optimizer_free(optimizer);
      model_close(&m);
    }
  }
}

/* After the first step, whose values are known. */
static void state_is_what_the_formula_says(void **state) {
  const double g = model_slope(1, DECODER_BIAS, 0);
  double value = 0;
  nadir_optimizer *adam;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  adam = optimizer_new(&m, "adam", "amsgrad=1 beta1=0.75 beta2=0.5");
  model_step(&m, adam, 1);
  assert_ok(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg", &value, sizeof value));
  assert_near(value, 0.25 * g, 1e-15);
  assert_ok(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg_sq", &value, sizeof value));
  assert_near(value, 0.5 * g * g, 1e-15);
  assert_ok(nadir_optimizer_state_get(adam, "decoder.bias.max_exp_avg_sq", &value, sizeof value));
  assert_near(value, 0.5 * g * g, 1e-15);
  value = 7;
  assert_ok(nadir_optimizer_state_set(adam, "decoder.bias.exp_avg", &value, sizeof value));
  value = 0;
  assert_ok(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg", &value, sizeof value));
  assert_exact(value, 7);
  nadir_optimizer_free(adam);
  model_close(&m);
}

/* What is set up alike, on another graph or on the same: groups and schedule included. */
static nadir_optimizer *furnished(const model *m, const vectors *v, const char *schedule,
                                  const char *schedule_options) {
  char options[128] = "ema_decay=0.5 ";
  nadir_optimizer *optimizer;
  if (v->options != NULL) strcat(options, v->options);
  optimizer = optimizer_new(m, v->rule, options);
  if (strcmp(v->rule, "lbfgs") != 0) assert_ok(nadir_optimizer_group(optimizer, "*.bias", "lr=0.05"));
  assert_ok(nadir_optimizer_schedule(optimizer, schedule, schedule_options));
  return optimizer;
}

static void some_steps(model *m, nadir_optimizer *optimizer, int plateau, int from, int to) {
  int t;
  for (t = from; t < to; ++t) {
    model_step(m, optimizer, t);
    if (plateau) assert_ok(nadir_optimizer_report(optimizer, t < 3 ? -t : 0));
  }
}

static void check_going_on(const vectors *v, nadir_dtype dtype, int plateau) {
  const char *schedule = plateau ? "plateau" : "exponential";
  const char *schedule_options = plateau ? "patience=1 factor=0.5 cooldown=1" : "gamma=0.9";
  double values[MODEL_LONGEST];
  nadir_optimizer *first, *fresh;
  model m, other;
  int p;
  model_open(&m, dtype, form_of(v->rule));
  first = furnished(&m, v, schedule, schedule_options);
  some_steps(&m, first, plateau, 0, 7);
  model_open(&other, dtype, form_of(v->rule));
  fresh = furnished(&other, v, schedule, schedule_options);
  some_steps(&other, fresh, plateau, 50, 52); /* what it was before does not matter */
  for (p = 0; p < MODEL_PARAMS; ++p) {
    model_read(&m, p, values);
    assert_ok(set_param(other.graph, other.params[p], dtype, values, model_counts[p]));
  }
  copy_state(first, fresh);
  assert_exact(setting_of(fresh, "step"), 7);
  assert_exact(setting_of(fresh, "current_lr"), setting_of(first, "current_lr"));
  for (p = 7; p < 14; ++p) {
    some_steps(&m, first, plateau, p, p + 1);
    some_steps(&other, fresh, plateau, p, p + 1);
    assert_models_equal(&m, &other);
    assert_exact(setting_of(fresh, "current_lr"), setting_of(first, "current_lr"));
  }
  if (strcmp(v->rule, "lbfgs") != 0) {
    assert_ok(nadir_optimizer_swap_ema(first));
    assert_ok(nadir_optimizer_swap_ema(fresh));
    assert_models_equal(&m, &other);
  }
  nadir_optimizer_free(first);
  nadir_optimizer_free(fresh);
  model_close(&m);
  model_close(&other);
}

static void copied_state_goes_on_to_the_bit(void **state) {
  size_t r;
  (void)state;
  for (r = 0; r < COUNT_OF(all_vectors); ++r) {
    check_going_on(&all_vectors[r], NADIR_F64, 0);
    check_going_on(&all_vectors[r], NADIR_F32, 0);
    check_going_on(&all_vectors[r], NADIR_F64, 1);
  }
}

/* ------------------------------------------------------------------------------------------- sessions and lifetimes */

/* Two sessions in turn, as for two batches: the same bits as of one. */
static void attached_optimizer_goes_on_in_the_other_session(void **state) {
  size_t r;
  (void)state;
  for (r = 0; r < COUNT_OF(all_vectors); ++r) {
    const vectors *v = &all_vectors[r];
    nadir_optimizer *moving, *staying;
    nadir_session *sessions[2];
    model m, plain;
    int t;
    model_open(&m, NADIR_F64, form_of(v->rule));
    model_open(&plain, NADIR_F64, form_of(v->rule));
    sessions[0] = m.session;
    sessions[1] = nadir_session_new(m.graph, m.loss, NULL, 0, 4, NULL);
    assert_non_null(sessions[1]);
    moving = furnished(&m, v, "exponential", "gamma=0.9");
    staying = furnished(&plain, v, "exponential", "gamma=0.9");
    for (t = 0; t < 8; ++t) {
      m.session = sessions[t / 2 % 2];
      assert_ok(nadir_optimizer_attach(moving, m.session));
      model_step(&m, moving, t);
      model_step(&plain, staying, t);
      assert_models_equal(&m, &plain);
    }
    nadir_session_free(sessions[0]);
    m.session = NULL;
    model_write(&m, sessions[1], 8);
    assert_ok(nadir_train_step(moving, NULL));
    nadir_session_free(sessions[1]);
    nadir_optimizer_free(moving);
    nadir_optimizer_free(staying);
    model_close(&m);
    model_close(&plain);
  }
}

static void objects_are_freed_in_any_order(void **state) {
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  size_t r, o;
  int i;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) {
    for (o = 0; o < COUNT_OF(orders); ++o) {
      const char *rule = optimizer_rules[r].name;
      nadir_optimizer *optimizer;
      model m;
      model_open(&m, NADIR_F64, form_of(rule));
      optimizer = optimizer_new(&m, rule, "ema_decay=0.5");
      model_step(&m, optimizer, 0);
      for (i = 0; orders[o][i] != 2; ++i) {
        if (orders[o][i] == 0) nadir_graph_free(m.graph);
        if (orders[o][i] == 1) nadir_session_free(m.session);
        assert_ok(nadir_train_step(optimizer, NULL)); /* it keeps the session, and that the graph */
        assert_exact(setting_of(optimizer, "step"), i + 2);
      }
      nadir_optimizer_free(optimizer);
      while (++i < 3) {
        if (orders[o][i] == 0) nadir_graph_free(m.graph);
        if (orders[o][i] == 1) nadir_session_free(m.session);
      }
    }
  }
}

/* Two of one session have states of their own. */
static void optimizers_of_one_session_do_not_mix(void **state) {
  nadir_optimizer *adam, *sgd;
  model m, plain;
  nadir_optimizer *alone;
  int t;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  model_open(&plain, NADIR_F64, MODEL_LINEAR);
  adam = optimizer_new(&m, "adam", NULL);
  sgd = nadir_sgd_new(m.session, 0, "momentum=0.9"); /* moves nothing */
  alone = optimizer_new(&plain, "adam", NULL);
  for (t = 0; t < 5; ++t) {
    model_step(&m, adam, t);
    model_step(&m, sgd, t + 100);
    model_step(&plain, alone, t);
    assert_models_equal(&m, &plain);
  }
  assert_exact(setting_of(adam, "step"), 5);
  assert_exact(setting_of(sgd, "step"), 5);
  assert_int_equal(nadir_graph_step(m.graph), 10);
  nadir_optimizer_free(adam);
  nadir_optimizer_free(sgd);
  nadir_optimizer_free(alone);
  model_close(&m);
  model_close(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(norm_is_clipped),
      cmocka_unit_test(small_norm_changes_nothing),
      cmocka_unit_test(values_are_clipped),
      cmocka_unit_test(gradients_marked_as_zero_have_the_norm_0),
      cmocka_unit_test(norm_that_is_not_finite_is_refused),
      cmocka_unit_test(norm_of_huge_and_of_tiny_gradients_is_exact),
      cmocka_unit_test(clip_options_have_the_bits_of_the_calls),
      cmocka_unit_test(norm_to_clip_that_is_not_finite_ends_the_step),
      cmocka_unit_test(micro_batches_make_a_batch),
      cmocka_unit_test(train_step_has_the_bits_of_the_four_calls),
      cmocka_unit_test(sgd_without_options_has_the_bits_of_sgd_step),
      cmocka_unit_test(step_without_gradients_is_declined),
      cmocka_unit_test(average_follows_the_parameters),
      cmocka_unit_test(hook_runs_between_the_backward_pass_and_the_update),
      cmocka_unit_test(hook_that_fails_ends_the_step),
      cmocka_unit_test(gradients_are_clipped_after_the_hook),
      cmocka_unit_test(hook_is_replaced_and_taken_away),
      cmocka_unit_test(hook_cannot_step),
      cmocka_unit_test(steps_that_are_not_finite_change_nothing),
      cmocka_unit_test(state_is_named_as_pytorchs),
      cmocka_unit_test(state_is_what_the_formula_says),
      cmocka_unit_test(copied_state_goes_on_to_the_bit),
      cmocka_unit_test(attached_optimizer_goes_on_in_the_other_session),
      cmocka_unit_test(objects_are_freed_in_any_order),
      cmocka_unit_test(optimizers_of_one_session_do_not_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
