/*
 * Schedules: the rate of every step against the formula, alone, after a warm-up and at intervals; what is told to a
 * plateau; the cycle of momentum. The rate is both asked for and seen in what a step does.
 */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEPS 120
#define PI 3.14159265358979323846

/* loss = a + b: all gradients are 1, so that a step shows the rate. */
typedef struct slope {
  nadir_graph *graph;
  nadir_node a, b, loss;
  nadir_session *session;
  nadir_optimizer *optimizer;
} slope;

typedef nadir_optimizer *(*maker)(nadir_session *session, double learning_rate, const char *options);

static void slope_open(slope *s, maker make, double lr, const char *options) {
  s->graph = nadir_graph_new(NULL);
  s->a = nadir_param_add(s->graph, "a", NADIR_F64, NULL, 0, NULL);
  s->b = nadir_param_add(s->graph, "b", NADIR_F64, NULL, 0, NULL);
  s->loss = nadir_add(s->graph, s->a, s->b);
  s->session = nadir_session_new(s->graph, s->loss, NULL, 0, 1, NULL);
  assert_graph_ok(s->graph);
  s->optimizer = make(s->session, lr, options);
  assert_non_null(s->optimizer);
}

static void slope_close(slope *s) {
  nadir_optimizer_free(s->optimizer);
  nadir_session_free(s->session);
  nadir_graph_free(s->graph);
}

static double get(const slope *s, const char *setting) {
  double value = NAN;
  assert_ok(nadir_optimizer_get(s->optimizer, setting, &value));
  return value;
}

/* By how much a step lowers a parameter that is set to 0 before. */
static double step_of(slope *s, nadir_node param) {
  const double zeros[] = {0, 0};
  assert_ok(nadir_params_flat_set(s->graph, NADIR_F64, zeros, sizeof zeros));
  assert_ok(nadir_train_step(s->optimizer, NULL));
  return -param_value(s->graph, param, NADIR_F64);
}

static void schedule(slope *s, const char *name, const char *options) {
  const nadir_status status = nadir_optimizer_schedule(s->optimizer, name, options);
  if (status != NADIR_OK) print_error("%s: %s\n", name ? name : "none", nadir_session_error(s->session));
  assert_ok(status);
}

/* Exact but for the last digits; a rate as good as 0 has the errors of what it is the difference of. */
#define assert_rate(got, wanted, lr) assert_relative(got, wanted, 1e-12, 1e-4 * (lr))

/* ------------------------------------------------------------------------------------------------ the formulas */

/* The rate of a schedule's step `s` for the base rate `lr`. */
typedef double (*formula)(int s, double lr);

static double constant_by_default(int s, double lr) { return (void)s, lr; }
static double constant(int s, double lr) { return s < 7 ? lr * 0.25 : lr; }
static double step_10(int s, double lr) { return lr * pow(0.1, s / 10); }
static double step_7(int s, double lr) { return lr * pow(0.5, s / 7); }
static double multi_step(int s, double lr) { return lr * pow(0.1, (s >= 3) + (s >= 10) + (s >= 40)); }
static double multi_step_half(int s, double lr) { return lr * pow(0.5, (s >= 1) + 2 * (s >= 5)); }
static double exponential(int s, double lr) { return lr * pow(0.95, s); }
static double exponential_growth(int s, double lr) { return lr * pow(1.05, s); }
static double polynomial(int s, double lr) { return s < 30 ? lr * (1 - s / 30.0) : 0; }
static double polynomial_2_5(int s, double lr) { return s < 50 ? lr * pow(1 - s / 50.0, 2.5) : 0; }
static double cosine(int s, double lr) { return lr * (1 + cos(PI * s / 40)) / 2; }
static double cosine_above(int s, double lr) { return 0.001 + (lr - 0.001) * (1 + cos(PI * s / 25)) / 2; }

static double restarts(int s, double lr, int t_0, int t_mult, double eta_min) {
  int period = t_0;
  for (; s >= period; period *= t_mult) s -= period;
  return eta_min + (lr - eta_min) * (1 + cos(PI * s / period)) / 2;
}

static double restarts_alike(int s, double lr) { return restarts(s, lr, 10, 1, 0); }
static double restarts_longer(int s, double lr) { return restarts(s, lr, 5, 2, 0.002); }
static double restarts_triple(int s, double lr) { return restarts(s, lr, 1, 3, 0); }

typedef struct row {
  const char *name, *options;
  formula rate;
} row;

static const row rows[] = {
    {"constant", NULL, constant_by_default},
    {"constant", "factor=0.25 total_iters=7", constant},
    {"step", "step_size=10", step_10},
    {"step", "step_size=7 gamma=0.5", step_7},
    {"multi_step", "milestones=3,10,40", multi_step},
    {"multi_step", "milestones=1,5,5 gamma=0.5", multi_step_half},
    {"exponential", "gamma=0.95", exponential},
    {"exponential", "gamma=1.05", exponential_growth},
    {"polynomial", "total_iters=30", polynomial},
    {"polynomial", "total_iters=50 power=2.5", polynomial_2_5},
    {"cosine", "t_max=40", cosine},
    {"cosine", "t_max=25 eta_min=0.001", cosine_above},
    {"cosine_restarts", "t_0=10", restarts_alike},
    {"cosine_restarts", "t_0=5 t_mult=2 eta_min=0.002", restarts_longer},
    {"cosine_restarts", "t_0=1 t_mult=3", restarts_triple},
};

/* Follows a row whose step number `s` begins `warmup` steps later and takes `interval` steps each. */
static void follow(const row *r, const char *more, int interval, int warmup, double warmup_start) {
  char options[160];
  slope s;
  int t;
  snprintf(options, sizeof options, "%s %s", r->options != NULL ? r->options : "", more);
  slope_open(&s, nadir_sgd_new, 0.1, NULL);
  schedule(&s, r->name, options);
  for (t = 0; t < STEPS; ++t) {
    const double wanted =
        t < warmup ? 0.1 * (warmup_start + (1 - warmup_start) * t / warmup) : r->rate((t - warmup) / interval, 0.1);
    assert_exact(get(&s, "lr"), 0.1);
    assert_exact(get(&s, "step"), t);
    assert_rate(get(&s, "current_lr"), wanted, 0.1);
    assert_rate(step_of(&s, s.a), wanted, 0.1);
  }
  slope_close(&s);
}

static void schedules_are_their_formulas(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) follow(&rows[i], "", 1, 0, 0);
}

static void schedules_may_take_intervals(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) follow(&rows[i], "interval=5", 5, 0, 0);
}

static void schedules_begin_after_the_warm_up(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) {
    follow(&rows[i], "warmup=9", 1, 9, 1.0 / 3);
    follow(&rows[i], "warmup=4 warmup_start=0", 1, 4, 0);
    follow(&rows[i], "warmup=7 warmup_start=0.5 interval=3", 3, 7, 0.5);
  }
}

/* ---------------------------------------------------------------------------------------------------- one cycle */

typedef struct cycle {
  const char *options;
  int total, three_phase, linear;
  double max_lr, pct_start, div_factor, final_div_factor, base_momentum, max_momentum;
} cycle;

static const cycle cycles[] = {
    {"max_lr=0.5 total_steps=100", 100, 0, 0, 0.5, 0.3, 25, 1e4, 0.85, 0.95},
    {"max_lr=0.5 total_steps=100 anneal=linear", 100, 0, 1, 0.5, 0.3, 25, 1e4, 0.85, 0.95},
    {"max_lr=1 total_steps=120 pct_start=0.25 anneal=cos div_factor=10 final_div_factor=100 three_phase=1 "
     "base_momentum=0.5 max_momentum=0.75",
     120, 1, 0, 1, 0.25, 10, 100, 0.5, 0.75},
    {"max_lr=2 total_steps=60 pct_start=0.4 anneal=linear three_phase=1", 60, 1, 1, 2, 0.4, 25, 1e4, 0.85, 0.95}};

static double between(const cycle *c, double from, double to, double share) {
  return c->linear ? from + (to - from) * share : to + (from - to) * (1 + cos(PI * share)) / 2;
}

/* PyTorch's phases: the last step of the first one is number pct_start * total_steps - 1, and so on. */
static void cycle_at(const cycle *c, int s, double *lr, double *momentum) {
  const double start = c->max_lr / c->div_factor, least = start / c->final_div_factor;
  const double up = c->pct_start * c->total - 1, back = 2 * c->pct_start * c->total - 2, end = c->total - 1;
  if (s <= up) {
    *lr = between(c, start, c->max_lr, s / up);
    *momentum = between(c, c->max_momentum, c->base_momentum, s / up);
  } else if (!c->three_phase) {
    *lr = between(c, c->max_lr, least, (s - up) / (end - up));
    *momentum = between(c, c->base_momentum, c->max_momentum, (s - up) / (end - up));
  } else if (s <= back) {
    *lr = between(c, c->max_lr, start, (s - up) / (back - up));
    *momentum = between(c, c->base_momentum, c->max_momentum, (s - up) / (back - up));
  } else {
    *lr = between(c, start, least, (s - back) / (end - back));
    *momentum = c->max_momentum;
  }
}

/* SGD shows lr b, with b = momentum b + 1, and b = 1 in the first step. */
static void one_cycle_is_pytorchs(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cycles); ++i) {
    double b = 0, lr, momentum;
    slope s;
    int t;
    slope_open(&s, nadir_sgd_new, 0.1, "momentum=0.9");
    schedule(&s, "one_cycle", cycles[i].options);
    for (t = 0; t < cycles[i].total; ++t) {
      cycle_at(&cycles[i], t, &lr, &momentum);
      b = momentum * b + 1;
      assert_rate(get(&s, "current_lr"), lr, cycles[i].max_lr);
      assert_rate(step_of(&s, s.a), lr * b, cycles[i].max_lr);
    }
    slope_close(&s);
  }
}

static void one_cycle_may_leave_the_momentum_alone(void **state) {
  const cycle *c = &cycles[0];
  double b = 0, lr, unused;
  slope s;
  int t;
  (void)state;
  slope_open(&s, nadir_sgd_new, 0.1, "momentum=0.5");
  schedule(&s, "one_cycle", "max_lr=0.5 total_steps=100 cycle_momentum=0");
  for (t = 0; t < c->total; ++t) {
    cycle_at(c, t, &lr, &unused);
    b = 0.5 * b + 1;
    assert_rate(step_of(&s, s.a), lr * b, c->max_lr);
  }
  slope_close(&s);
  /* So that a rule without any can have the schedule, too. */
  slope_open(&s, nadir_sgd_new, 0.1, NULL);
  schedule(&s, "one_cycle", "max_lr=0.5 total_steps=100 cycle_momentum=0");
  cycle_at(c, 0, &lr, &unused);
  assert_rate(step_of(&s, s.a), lr, c->max_lr);
  slope_close(&s);
}

/* Adam's beta1 is what goes the other way; the correction is by the power of what it is now. */
static void one_cycle_drives_beta1(void **state) {
  const cycle *c = &cycles[0];
  double m = 0, v = 0, lr, beta1;
  slope s;
  int t;
  (void)state;
  slope_open(&s, nadir_adam_new, 0.1, NULL);
  schedule(&s, "one_cycle", c->options);
  for (t = 0; t < c->total; ++t) {
    cycle_at(c, t, &lr, &beta1);
    m = beta1 * m + (1 - beta1);
    v = 0.999 * v + 0.001;
    assert_rate(step_of(&s, s.a), lr * (m / (1 - pow(beta1, t + 1))) / (sqrt(v / (1 - pow(0.999, t + 1))) + 1e-8),
                c->max_lr);
  }
  slope_close(&s);
}

/* A cycle that is over stays at its end. */
static void rate_after_the_cycle_is_its_last(void **state) {
  slope s;
  int t;
  (void)state;
  slope_open(&s, nadir_sgd_new, 0.1, "momentum=0.9");
  schedule(&s, "one_cycle", "max_lr=0.5 total_steps=10");
  for (t = 0; t < 15; ++t) assert_ok(nadir_train_step(s.optimizer, NULL));
  assert_rate(get(&s, "current_lr"), 0.5 / 25 / 1e4, 0.5);
  slope_close(&s);
}

/* ------------------------------------------------------------------------------------------------------ plateau */

/* What a sequence of measures makes of the rate 1, one digit a report: how many times it was lowered so far. */
static void check_plateau(const char *options, double factor, const double *measures, const char *lowered) {
  slope s;
  size_t i;
  slope_open(&s, nadir_sgd_new, 1, NULL);
  schedule(&s, "plateau", options);
  assert_exact(get(&s, "current_lr"), 1);
  for (i = 0; lowered[i] != 0; ++i) {
    const double wanted = pow(factor, lowered[i] - '0');
    assert_ok(nadir_optimizer_report(s.optimizer, measures[i]));
    assert_rate(get(&s, "current_lr"), wanted, 1);
    assert_rate(step_of(&s, s.a), wanted, 1);
    assert_exact(get(&s, "lr"), 1);
  }
  slope_close(&s);
}

static void plateau_lowers_the_rate_when_nothing_improves(void **state) {
  const double still[40] = {0};
  const double falling[] = {8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0.25};
  const double rising[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  /* Of a relative threshold of 0.1, 9.05 is no improvement on 10, and 8.9 is one. */
  const double small[] = {10, 9.05, 9.05, 8.9, 8.1, 8.05, 8.05, 8.05};
  /* Of an absolute one of 1, only 8.9 is. */
  const double steps[] = {10, 9.05, 8.9, 8.5, 8, 7.95, 7.85, 7.85};
  const double up[] = {10, 10.5, 10.9, 11.1, 12, 12.2, 12.3, 12.3};
  (void)state;
  check_plateau(NULL, 0.1, still, "000000000001111111111122");
  check_plateau("patience=2", 0.1, still, "00011122233");
  check_plateau("patience=0 factor=0.5", 0.5, still, "0123456789");
  check_plateau("patience=0 factor=0.5", 0.5, falling, "0000000000");
  check_plateau("patience=0 factor=0.5 mode=max", 0.5, falling, "0123456789");
  check_plateau("patience=0 factor=0.5", 0.5, rising, "0123456789");
  check_plateau("patience=0 factor=0.5 mode=max", 0.5, rising, "0000000000");
  check_plateau("patience=1 factor=0.5 cooldown=3", 0.5, still, "00111112222233333");
  check_plateau("patience=1 factor=0.5 threshold=0.1", 0.5, small, "00111223");
  check_plateau("patience=1 factor=0.5 threshold=1 threshold_mode=abs", 0.5, steps, "00001111");
  check_plateau("patience=1 factor=0.5 threshold=0.1 mode=max", 0.5, up, "00111222");
  check_plateau("patience=1 factor=0.5 threshold=1 mode=max threshold_mode=abs", 0.5, up, "00111112");
}

static void plateau_does_not_go_below_the_least_rate(void **state) {
  slope s;
  int i;
  (void)state;
  slope_open(&s, nadir_sgd_new, 1, NULL);
  schedule(&s, "plateau", "patience=0 min_lr=0.3 factor=0.5");
  for (i = 0; i < 5; ++i) {
    assert_ok(nadir_optimizer_report(s.optimizer, 1));
    assert_exact(get(&s, "current_lr"), i == 0 ? 1 : i == 1 ? 0.5 : 0.3);
  }
  schedule(&s, "plateau", "patience=0 eps=0.2 factor=0.5"); /* 1, 0.5, 0.25, and then it would change by 0.125 */
  for (i = 0; i < 5; ++i) {
    assert_ok(nadir_optimizer_report(s.optimizer, 1));
    assert_exact(get(&s, "current_lr"), i == 0 ? 1 : i == 1 ? 0.5 : 0.25);
  }
  slope_close(&s);
}

/* PyTorch counts it as no improvement, too. */
static void measure_that_is_not_a_number_does_not_improve(void **state) {
  slope s;
  (void)state;
  slope_open(&s, nadir_sgd_new, 1, NULL);
  schedule(&s, "plateau", "patience=0 factor=0.5");
  assert_ok(nadir_optimizer_report(s.optimizer, 1));
  assert_ok(nadir_optimizer_report(s.optimizer, NAN));
  assert_exact(get(&s, "current_lr"), 0.5);
  assert_ok(nadir_optimizer_report(s.optimizer, 0.5));
  assert_exact(get(&s, "current_lr"), 0.5);
  slope_close(&s);
}

/* ----------------------------------------------------------------------------------------- schedules and the rest */

/* The steps count from the first one on, whenever the schedule is set. */
static void schedule_counts_all_steps(void **state) {
  slope s;
  int t;
  (void)state;
  slope_open(&s, nadir_sgd_new, 1, NULL);
  for (t = 0; t < 7; ++t) assert_ok(nadir_train_step(s.optimizer, NULL));
  schedule(&s, "step", "step_size=5 gamma=0.5");
  assert_exact(get(&s, "current_lr"), 0.5);
  schedule(&s, "step", "step_size=3 gamma=0.5");
  assert_exact(get(&s, "current_lr"), 0.25);
  schedule(&s, NULL, NULL);
  assert_exact(get(&s, "current_lr"), 1);
  assert_exact(step_of(&s, s.a), 1);
  slope_close(&s);
}

static void schedule_works_on_the_rate_that_is_set(void **state) {
  slope s;
  (void)state;
  slope_open(&s, nadir_sgd_new, 1, NULL);
  schedule(&s, "constant", "factor=0.5 total_iters=5");
  assert_ok(nadir_optimizer_set(s.optimizer, "lr", 3));
  assert_exact(get(&s, "lr"), 3);
  assert_exact(get(&s, "current_lr"), 1.5);
  assert_exact(step_of(&s, s.a), 1.5);
  slope_close(&s);
}

static void schedule_works_on_the_rates_of_groups(void **state) {
  double lr, momentum, b = 0;
  slope s;
  int t, i;
  (void)state;
  for (i = 0; i < (int)COUNT_OF(rows); ++i) {
    slope_open(&s, nadir_sgd_new, 0.1, NULL);
    assert_ok(nadir_optimizer_group(s.optimizer, "b", "lr=0.4"));
    schedule(&s, rows[i].name, rows[i].options);
    for (t = 0; t < 20; ++t) {
      assert_rate(get(&s, "current_lr"), rows[i].rate(t, 0.1), 0.1);
      assert_rate(step_of(&s, s.b), rows[i].rate(t, 0.4), 0.4);
    }
    slope_close(&s);
  }
  slope_open(&s, nadir_sgd_new, 0.1, "momentum=0.9");
  assert_ok(nadir_optimizer_group(s.optimizer, "b", "lr=0.4"));
  schedule(&s, "one_cycle", cycles[0].options);
  for (t = 0; t < 100; ++t) {
    cycle_at(&cycles[0], t, &lr, &momentum);
    b = momentum * b + 1;
    assert_rate(step_of(&s, s.b), 4 * lr * b, 4 * cycles[0].max_lr);
  }
  slope_close(&s);
  slope_open(&s, nadir_sgd_new, 1, NULL);
  assert_ok(nadir_optimizer_group(s.optimizer, "b", "lr=4"));
  schedule(&s, "plateau", "patience=0 factor=0.5");
  assert_ok(nadir_optimizer_report(s.optimizer, 1));
  assert_ok(nadir_optimizer_report(s.optimizer, 1));
  assert_exact(step_of(&s, s.b), 2);
  slope_close(&s);
}

/* Decoupled decay is by the rate of the step, too. */
static void schedule_works_on_decoupled_decay(void **state) {
  const double ones[] = {1, 1};
  slope s;
  (void)state;
  slope_open(&s, nadir_lion_new, 0.5, "weight_decay=0.25");
  schedule(&s, "constant", "factor=0.5 total_iters=5");
  assert_ok(nadir_params_flat_set(s.graph, NADIR_F64, ones, sizeof ones));
  assert_ok(nadir_train_step(s.optimizer, NULL));
  assert_exact(param_value(s.graph, s.a, NADIR_F64), 1 - 0.25 * 0.25 - 0.25);
  slope_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_are_their_formulas),
      cmocka_unit_test(schedules_may_take_intervals),
      cmocka_unit_test(schedules_begin_after_the_warm_up),
      cmocka_unit_test(one_cycle_is_pytorchs),
      cmocka_unit_test(one_cycle_may_leave_the_momentum_alone),
      cmocka_unit_test(one_cycle_drives_beta1),
      cmocka_unit_test(rate_after_the_cycle_is_its_last),
      cmocka_unit_test(plateau_lowers_the_rate_when_nothing_improves),
      cmocka_unit_test(plateau_does_not_go_below_the_least_rate),
      cmocka_unit_test(measure_that_is_not_a_number_does_not_improve),
      cmocka_unit_test(schedule_counts_all_steps),
      cmocka_unit_test(schedule_works_on_the_rate_that_is_set),
      cmocka_unit_test(schedule_works_on_the_rates_of_groups),
      cmocka_unit_test(schedule_works_on_decoupled_decay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
