/*
 * The solvers that make passes of their own, L-BFGS and Levenberg and Marquardt's method: a differential equation solved by
 * a network, a curve fitted to noise, and steps that are known.
 */
#include "support.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static nadir_optimizer *made(nadir_optimizer *optimizer, const nadir_session *session) {
  if (optimizer == NULL) print_error("%s\n", nadir_session_error(session));
  assert_non_null(optimizer);
  return optimizer;
}

/* ------------------------------------------------------------------------------------ u'' = -u by a network: a sine */

#define POINTS 21
#define UNSEEN 101

typedef struct equation {
  nadir_graph *graph;
  nadir_node x, first, u, loss; /* `first` is 1 at the first point, where the conditions hold, and 0 elsewhere */
  nadir_session *train, *predict;
} equation;

/* The mean of (u'' + u)², and u² + (u' - 1)² at 0: u is the sine if that is 0. */
static void equation_open(equation *e) {
  const int64_t column[] = {NADIR_BATCH, 1};
  nadir_graph *g = e->graph = nadir_graph_new(NULL);
  nadir_node h, slope, curvature, rest, at_0, steep;
  e->x = nadir_input_add(g, "x", NADIR_F64, column, 2);
  e->first = nadir_input_add(g, "first", NADIR_F64, column, 2);
  h = nadir_tanh(g, nadir_linear_add(g, "in", e->x, 16, NULL));
  h = nadir_tanh(g, nadir_linear_add(g, "middle", h, 16, NULL));
  e->u = nadir_linear_add(g, "out", h, 1, NULL);
  assert_ok(nadir_gradients(g, nadir_sum(g, e->u, NULL, 0, NULL), NADIR_NONE, &e->x, 1, &slope));
  assert_ok(nadir_gradients(g, nadir_sum(g, slope, NULL, 0, NULL), NADIR_NONE, &e->x, 1, &curvature));
  rest = nadir_mean(g, nadir_square(g, nadir_add(g, curvature, e->u)), NULL, 0, NULL);
  steep = nadir_square(g, nadir_add_scalar(g, slope, -1));
  at_0 = nadir_sum(g, nadir_mul(g, e->first, nadir_add(g, nadir_square(g, e->u), steep)), NULL, 0, NULL);
  e->loss = nadir_add(g, rest, at_0);
  e->train = nadir_session_new(g, e->loss, NULL, 0, POINTS, NULL);
  e->predict = nadir_session_new(g, NADIR_NONE, &e->u, 1, UNSEEN, NULL);
  assert_graph_ok(g);
}

static void equation_close(equation *e) {
  nadir_session_free(e->train);
  nadir_session_free(e->predict);
  nadir_graph_free(e->graph);
}

/* The farthest that u is from the sine between 0 and pi. */
static double equation_error(equation *e) {
  double x[UNSEEN], u[UNSEEN], worst = 0;
  int i;
  for (i = 0; i < UNSEEN; ++i) x[i] = PI * i / (UNSEEN - 1);
  assert_ok(nadir_session_write(e->predict, e->x, x, sizeof x));
  assert_ok(nadir_forward(e->predict));
  assert_ok(nadir_session_read(e->predict, e->u, u, sizeof u));
  for (i = 0; i < UNSEEN; ++i) worst = fmax(worst, fabs(u[i] - sin(x[i])));
  return worst;
}

static void network_solves_a_differential_equation(void **state) {
  double x[POINTS], first[POINTS] = {1}, loss = 0, before;
  nadir_optimizer *adam, *lbfgs;
  equation e;
  int i;
  (void)state;
  equation_open(&e);
  for (i = 0; i < POINTS; ++i) x[i] = PI * i / (POINTS - 1);
  assert_ok(nadir_session_bind(e.train, e.x, x, sizeof x));
  assert_ok(nadir_session_bind(e.train, e.first, first, sizeof first));
  adam = made(nadir_adam_new(e.train, 1e-2, NULL), e.train);
  for (i = 0; i < 300; ++i) assert_ok(nadir_train_step(adam, &loss));
  assert_true(loss < 1e-2);
  before = loss;
  lbfgs = made(nadir_lbfgs_new(e.train, 1, NULL), e.train);
  for (i = 0; i < 15; ++i) {
    assert_ok(nadir_train_step(lbfgs, &loss));
    assert_true(i == 0 || loss <= before);
    before = loss;
  }
  assert_true(loss < 1e-5);
  assert_near(equation_error(&e), 0, 1e-3);
  nadir_optimizer_free(adam);
  nadir_optimizer_free(lbfgs);
  equation_close(&e);
}

/* ------------------------------------------------------------------- a damped oscillation, from samples with noise */

#define SAMPLES 60
#define UNKNOWNS 4 /* amplitude, decay, frequency, phase */

typedef struct samples {
  double t[SAMPLES], y[SAMPLES];
} samples;

static const double truth[UNKNOWNS] = {2, 0.3, 2.5, 0.4};

/* Noise of up to 0.05, from a linear congruential generator. */
static void sample(samples *s) {
  uint32_t random = 1;
  int i;
  for (i = 0; i < SAMPLES; ++i) {
    random = random * 1664525u + 1013904223u;
    s->t[i] = 0.1 * i;
    s->y[i] = truth[0] * exp(-truth[1] * s->t[i]) * cos(truth[2] * s->t[i] + truth[3]) +
              0.1 * ((double)(random >> 8) / (1 << 24) - 0.5);
  }
}

/* The residuals' Jacobian and value at a sample, by hand. */
static double residual(const samples *s, int i, const double *p, double *row) {
  const double decay = exp(-p[1] * s->t[i]), angle = p[2] * s->t[i] + p[3];
  row[0] = decay * cos(angle);
  row[1] = -s->t[i] * p[0] * decay * cos(angle);
  row[2] = -s->t[i] * p[0] * decay * sin(angle);
  row[3] = -p[0] * decay * sin(angle);
  return p[0] * decay * cos(angle) - s->y[i];
}

/* Solves a x = b of n unknowns, by elimination with pivots; both are overwritten. */
static void solve(double *a, double *b, double *x, int n) {
  int i, j, k;
  for (k = 0; k < n; ++k) {
    int pivot = k;
    for (i = k + 1; i < n; ++i) {
      if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
    }
    for (j = 0; j < n; ++j) {
      const double kept = a[k * n + j];
      a[k * n + j] = a[pivot * n + j];
      a[pivot * n + j] = kept;
    }
    x[0] = b[k];
    b[k] = b[pivot];
    b[pivot] = x[0];
    for (i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      b[i] -= factor * b[k];
    }
  }
  for (k = n - 1; k >= 0; --k) {
    x[k] = b[k];
    for (j = k + 1; j < n; ++j) x[k] -= a[k * n + j] * x[j];
    x[k] /= a[k * n + k];
  }
}

/* The normal equations at p; returns the greatest element of Jᵀr. */
static double normal_equations(const samples *s, const double *p, double *jj, double *jr) {
  double row[UNKNOWNS], greatest = 0;
  int i, k, l;
  memset(jj, 0, UNKNOWNS * UNKNOWNS * sizeof *jj);
  memset(jr, 0, UNKNOWNS * sizeof *jr);
  for (i = 0; i < SAMPLES; ++i) {
    const double r = residual(s, i, p, row);
    for (k = 0; k < UNKNOWNS; ++k) {
      jr[k] += row[k] * r;
      for (l = 0; l < UNKNOWNS; ++l) jj[k * UNKNOWNS + l] += row[k] * row[l];
    }
  }
  for (k = 0; k < UNKNOWNS; ++k) greatest = fmax(greatest, fabs(jr[k]));
  return greatest;
}

/* The least squares, by the method of Gauss and Newton from the truth, which is near. */
static void least_squares(const samples *s, double *p) {
  double jj[UNKNOWNS * UNKNOWNS], jr[UNKNOWNS], d[UNKNOWNS];
  int i, k;
  memcpy(p, truth, sizeof truth);
  for (i = 0; i < 20; ++i) {
    normal_equations(s, p, jj, jr);
    solve(jj, jr, d, UNKNOWNS);
    for (k = 0; k < UNKNOWNS; ++k) p[k] -= d[k];
  }
  assert_true(normal_equations(s, p, jj, jr) < 1e-12);
}

typedef struct oscillation {
  samples s;
  nadir_graph *graph;
  nadir_node residuals, loss;
  nadir_session *session;
} oscillation;

static void oscillation_open(oscillation *o, const double *start) {
  const int64_t shape[] = {SAMPLES};
  nadir_graph *g = o->graph = nadir_graph_new(NULL);
  nadir_node p[UNKNOWNS], t, y, decay, wave;
  int k;
  sample(&o->s);
  for (k = 0; k < UNKNOWNS; ++k) p[k] = nadir_param_add(g, NULL, NADIR_F64, NULL, 0, NULL);
  t = constant_values(g, "t", NADIR_F64, shape, 1, o->s.t);
  y = constant_values(g, "y", NADIR_F64, shape, 1, o->s.y);
  decay = nadir_exp(g, nadir_neg(g, nadir_mul(g, p[1], t)));
  wave = nadir_cos(g, nadir_add(g, nadir_mul(g, p[2], t), p[3]));
  o->residuals = nadir_sub(g, nadir_mul(g, p[0], nadir_mul(g, decay, wave)), y);
  o->loss = nadir_mean(g, nadir_square(g, o->residuals), NULL, 0, NULL);
  o->session = nadir_session_new(g, o->loss, NULL, 0, 1, NULL);
  assert_graph_ok(g);
  assert_ok(nadir_params_flat_set(g, NADIR_F64, start, UNKNOWNS * sizeof *start));
}

static void oscillation_close(oscillation *o) {
  nadir_session_free(o->session);
  nadir_graph_free(o->graph);
}

/* Jᵀr is SAMPLES / 2 times the gradient of the loss. */
static void assert_found(oscillation *o, double most_gradient) {
  double jj[UNKNOWNS * UNKNOWNS], jr[UNKNOWNS], found[UNKNOWNS], wanted[UNKNOWNS], gradient[UNKNOWNS];
  int k;
  least_squares(&o->s, wanted);
  assert_ok(nadir_params_flat_get(o->graph, NADIR_F64, found, sizeof found));
  for (k = 0; k < UNKNOWNS; ++k) assert_near(found[k], wanted[k], 1e-6);
  assert_true(normal_equations(&o->s, found, jj, jr) * 2 / SAMPLES < most_gradient);
  assert_ok(nadir_zero_grad(o->session));
  assert_ok(nadir_forward(o->session));
  assert_ok(nadir_backward(o->session));
  assert_ok(nadir_grads_flat_get(o->session, NADIR_F64, gradient, sizeof gradient));
  for (k = 0; k < UNKNOWNS; ++k) assert_near(gradient[k], jr[k] * 2 / SAMPLES, 1e-14);
}

static const double starts[][UNKNOWNS] = {{1, 0.1, 2.2, 0}, {1, 0.1, 2, 0}, {1, 0.5, 3, 1}};

static void lbfgs_finds_the_least_squares(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(starts); ++i) {
    nadir_optimizer *lbfgs;
    oscillation o;
    oscillation_open(&o, starts[i]);
    lbfgs = made(nadir_lbfgs_new(o.session, 1, "max_iter=100 tolerance_grad=1e-9 tolerance_change=0"), o.session);
    assert_ok(nadir_train_step(lbfgs, NULL));
    assert_ok(nadir_train_step(lbfgs, NULL));
    assert_found(&o, 1e-8);
    nadir_optimizer_free(lbfgs);
    oscillation_close(&o);
  }
}

static void levenberg_and_marquardt_find_the_least_squares(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(starts); ++i) {
    nadir_optimizer *lm;
    double loss = 0, row[UNKNOWNS], sum = 0;
    oscillation o;
    int k;
    oscillation_open(&o, starts[i]);
    for (k = 0; k < SAMPLES; ++k) sum += residual(&o.s, k, starts[i], row) * residual(&o.s, k, starts[i], row);
    lm = made(nadir_lm_new(o.session, o.residuals, NULL), o.session);
    assert_ok(nadir_train_step(lm, &loss));
    assert_near(loss, sum / SAMPLES, 1e-13); /* the session's, before the step */
    assert_ok(nadir_train_step(lm, NULL));
    assert_found(&o, 1e-10);
    nadir_optimizer_free(lm);
    oscillation_close(&o);
  }
}

/* ------------------------------------------------------------------------- one iteration of Levenberg and Marquardt */

static double lambda_of(const nadir_optimizer *lm) {
  double lambda = 0;
  assert_ok(nadir_optimizer_state_get(lm, "lambda", &lambda, sizeof lambda));
  return lambda;
}

/* A step of a good model succeeds at once: d is the solution of the damped normal equations, and lambda falls. */
static void iteration_solves_the_damped_equations(void **state) {
  double jj[UNKNOWNS * UNKNOWNS], jr[UNKNOWNS], d[UNKNOWNS], found[UNKNOWNS];
  nadir_optimizer *lm;
  oscillation o;
  int i, k;
  (void)state;
  oscillation_open(&o, starts[0]);
  lm = made(nadir_lm_new(o.session, o.residuals, "max_iter=1 lambda=0.5 down=4"), o.session);
  assert_exact(lambda_of(lm), 0.5);
  for (i = 0; i < 3; ++i) {
    double now[UNKNOWNS];
    const double lambda = lambda_of(lm);
    assert_ok(nadir_params_flat_get(o.graph, NADIR_F64, now, sizeof now));
    normal_equations(&o.s, now, jj, jr);
    for (k = 0; k < UNKNOWNS; ++k) jj[k * UNKNOWNS + k] *= 1 + lambda;
    solve(jj, jr, d, UNKNOWNS);
    assert_ok(nadir_optimizer_step(lm));
    assert_ok(nadir_params_flat_get(o.graph, NADIR_F64, found, sizeof found));
    for (k = 0; k < UNKNOWNS; ++k) assert_near(found[k], now[k] - d[k], 1e-11);
    assert_near(lambda_of(lm), lambda / 4, 1e-15);
  }
  assert_int_equal(nadir_graph_step(o.graph), 3);
  nadir_optimizer_free(lm);
  oscillation_close(&o);
}

/* r = atan(x) from x = 3, where Gauss and Newton's step leads away: lambda rises until a step leads down. */
static void iteration_tries_again_with_more_damping(void **state) {
  const double start = 3;
  double x = start, lambda = 1e-3, next;
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node p = nadir_param_add(g, "x", NADIR_F64, NULL, 0, NULL), r = nadir_atan(g, p);
  const nadir_node loss = nadir_square(g, r);
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  nadir_optimizer *lm;
  (void)state;
  assert_graph_ok(g);
  assert_ok(set_param(g, p, NADIR_F64, &start, 1));
  lm = made(nadir_lm_new(session, r, "max_iter=1 up=5"), session);
  for (;; lambda *= 5) {
    const double slope = 1 / (1 + x * x);
    next = x - slope * atan(x) / (slope * slope * (1 + lambda));
    if (fabs(atan(next)) < atan(x)) break;
  }
  assert_ok(nadir_optimizer_step(lm));
  assert_near(param_value(g, p, NADIR_F64), next, 1e-13);
  assert_near(lambda_of(lm), lambda / 10, 1e-13);
  assert_true(lambda > 1);
  assert_ok(nadir_train_step(lm, NULL));
  nadir_optimizer_free(lm);
  lm = made(nadir_lm_new(session, r, NULL), session);
  assert_ok(nadir_train_step(lm, NULL));
  assert_near(param_value(g, p, NADIR_F64), 0, 1e-9);
  nadir_optimizer_free(lm);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* With hardly any damping, one iteration solves what is linear: here a plane through points, by a layer. */
static void linear_problem_is_solved_in_one_iteration(void **state) {
  const int64_t rows[] = {NADIR_BATCH, 2}, row[] = {NADIR_BATCH, 1};
  const double xs[] = {0, 0, 1, 0, 0, 1, 1, 1, 2, 1, 3, 5}, ys[] = {1, 3, 0, 2, 4, -3};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, rows, 2), y = nadir_input_add(g, "y", NADIR_F64, row, 2);
  const nadir_node plane = nadir_linear_add(g, "plane", x, 1, NULL), r = nadir_sub(g, plane, y);
  const nadir_node loss = nadir_sum(g, nadir_square(g, r), NULL, 0, NULL);
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 8, NULL);
  double jj[9] = {0}, jr[3] = {0}, wanted[3], found[3];
  nadir_optimizer *lm;
  int i, k, l;
  (void)state;
  assert_graph_ok(g);
  lm = made(nadir_lm_new(session, r, "max_iter=1 lambda=1e-14"), session);
  assert_ok(nadir_session_write(session, x, xs, sizeof xs));
  assert_ok(nadir_session_write(session, y, ys, sizeof ys));
  assert_ok(nadir_train_step(lm, NULL));
  for (i = 0; i < 6; ++i) {
    const double column[3] = {xs[2 * i], xs[2 * i + 1], 1};
    for (k = 0; k < 3; ++k) {
      jr[k] += column[k] * ys[i];
      for (l = 0; l < 3; ++l) jj[k * 3 + l] += column[k] * column[l];
    }
  }
  solve(jj, jr, wanted, 3);
  assert_ok(nadir_params_flat_get(g, NADIR_F64, found, sizeof found));
  for (k = 0; k < 3; ++k) assert_near(found[k], wanted[k], 1e-11);
  nadir_optimizer_free(lm);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* The diagonal of a parameter that changes nothing now is 0, with any damping. The others are found all the same. */
static void parameter_without_influence_stays(void **state) {
  const double start[] = {5, 0};
  double found[2];
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node a = nadir_param_add(g, "a", NADIR_F64, NULL, 0, NULL),
                   b = nadir_param_add(g, "b", NADIR_F64, NULL, 0, NULL);
  const nadir_node r = nadir_add(g, nadir_add_scalar(g, a, -1), nadir_square(g, b)), loss = nadir_square(g, r);
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  nadir_optimizer *lm;
  (void)state;
  assert_graph_ok(g);
  assert_ok(nadir_params_flat_set(g, NADIR_F64, start, sizeof start));
  lm = made(nadir_lm_new(session, r, NULL), session);
  assert_ok(nadir_train_step(lm, NULL));
  assert_ok(nadir_params_flat_get(g, NADIR_F64, found, sizeof found));
  assert_near(found[0], 1, 1e-9);
  assert_exact(found[1], 0);
  nadir_optimizer_free(lm);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* A step from a point where the residuals are no numbers changes nothing; frozen parameters are none of the unknowns. */
static void levenberg_and_marquardt_refuse_what_is_not_finite(void **state) {
  const double start[] = {-1, 2};
  double found[2];
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node a = nadir_param_add(g, "a", NADIR_F64, NULL, 0, NULL),
                   b = nadir_param_add(g, "b", NADIR_F64, NULL, 0, NULL);
  const nadir_node r = nadir_sub(g, nadir_log(g, a), b), loss = nadir_square(g, r);
  nadir_session *session;
  nadir_optimizer *lm;
  (void)state;
  assert_ok(nadir_param_set_trainable(g, "b", 0));
  session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  assert_graph_ok(g);
  lm = made(nadir_lm_new(session, r, NULL), session);
  assert_ok(nadir_params_flat_set(g, NADIR_F64, start, sizeof start));
  assert_status(nadir_train_step(lm, NULL), NADIR_E_NOT_FINITE);
  assert_status(nadir_optimizer_step(lm), NADIR_E_NOT_FINITE);
  assert_ok(nadir_params_flat_get(g, NADIR_F64, found, sizeof found));
  assert_memory_equal(found, start, sizeof start);
  assert_exact(lambda_of(lm), 1e-3);
  assert_int_equal(nadir_graph_step(g), 0);
  found[0] = 1;
  assert_ok(nadir_params_flat_set(g, NADIR_F64, found, sizeof found));
  assert_ok(nadir_train_step(lm, NULL)); /* steps to where the logarithm is none are tries that failed */
  assert_near(param_value(g, a, NADIR_F64), exp(2), 1e-9);
  assert_exact(param_value(g, b, NADIR_F64), 2);
  nadir_optimizer_free(lm);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* State and parameters together go on to the bit. */
static void levenberg_and_marquardt_go_on_from_their_state(void **state) {
  double values[UNKNOWNS], others[UNKNOWNS], lambda;
  nadir_optimizer *first, *fresh;
  oscillation o, p;
  uint64_t step = 0;
  (void)state;
  oscillation_open(&o, starts[1]);
  oscillation_open(&p, starts[1]);
  first = made(nadir_lm_new(o.session, o.residuals, "max_iter=2"), o.session);
  fresh = made(nadir_lm_new(p.session, p.residuals, "max_iter=2"), p.session);
  assert_ok(nadir_train_step(first, NULL));
  assert_ok(nadir_params_flat_get(o.graph, NADIR_F64, values, sizeof values));
  assert_ok(nadir_params_flat_set(p.graph, NADIR_F64, values, sizeof values));
  assert_string_equal(nadir_optimizer_state_name(first, 0), "step");
  assert_ok(nadir_optimizer_state_get(first, "step", &step, sizeof step));
  assert_ok(nadir_optimizer_state_set(fresh, "step", &step, sizeof step));
  lambda = lambda_of(first);
  assert_ok(nadir_optimizer_state_set(fresh, "lambda", &lambda, sizeof lambda));
  assert_ok(nadir_train_step(first, NULL));
  assert_ok(nadir_train_step(fresh, NULL));
  assert_ok(nadir_params_flat_get(o.graph, NADIR_F64, values, sizeof values));
  assert_ok(nadir_params_flat_get(p.graph, NADIR_F64, others, sizeof others));
  assert_memory_equal(values, others, sizeof values);
  assert_exact(lambda_of(fresh), lambda_of(first));
  nadir_optimizer_free(first);
  nadir_optimizer_free(fresh);
  oscillation_close(&o);
  oscillation_close(&p);
}

/* ------------------------------------------------------------------------------------------------------------ L-BFGS */

/* Without a line search, the first step is of length min(1, 1 / |g|₁) lr down the gradient, and one pass is one iteration. */
static void first_iteration_of_lbfgs_is_down_the_gradient(void **state) {
  const int64_t shape[] = {3};
  const double start[] = {3, -2, 1};
  double found[3], value = 0;
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node w = nadir_param_add(g, "w", NADIR_F64, shape, 1, NULL);
  const nadir_node loss = nadir_sum(g, nadir_square(g, w), NULL, 0, NULL);
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  nadir_optimizer *lbfgs;
  int i;
  (void)state;
  assert_ok(set_param(g, w, NADIR_F64, start, 3));
  lbfgs = made(nadir_lbfgs_new(session, 0.5, "line_search=none max_iter=1"), session);
  assert_ok(nadir_train_step(lbfgs, &value));
  assert_exact(value, 14);
  assert_ok(get_param(g, w, NADIR_F64, found, 3));
  for (i = 0; i < 3; ++i) assert_near(found[i], start[i] - 0.5 / 12 * 2 * start[i], 1e-15);
  nadir_optimizer_free(lbfgs);
  /* Then the curvature is known, which is the same everywhere: the next iteration is Newton's. */
  assert_ok(set_param(g, w, NADIR_F64, start, 3));
  lbfgs = made(nadir_lbfgs_new(session, 1, "line_search=none max_iter=2 max_eval=9"), session);
  assert_ok(nadir_train_step(lbfgs, NULL));
  assert_ok(get_param(g, w, NADIR_F64, found, 3));
  for (i = 0; i < 3; ++i) assert_near(found[i], 0, 1e-14);
  nadir_optimizer_free(lbfgs);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* Rosenbrock's valley, (1 - x)² + 100 (y - x²)², from its usual start; as f32 the vectors are f64 all the same. */
static void lbfgs_follows_rosenbrocks_valley(void **state) {
  const nadir_dtype dtypes[] = {NADIR_F64, NADIR_F32};
  const double tolerances[] = {1e-7, 1e-3}, start_x = -1.2, start_y = 1;
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    nadir_graph *g = nadir_graph_new(NULL);
    const nadir_node x = nadir_param_add(g, "x", dtypes[d], NULL, 0, NULL),
                     y = nadir_param_add(g, "y", dtypes[d], NULL, 0, NULL);
    const nadir_node gap = nadir_square(g, nadir_scalar_sub(g, 1, x));
    const nadir_node valley = nadir_square(g, nadir_sub(g, y, nadir_square(g, x)));
    const nadir_node loss = nadir_add(g, gap, nadir_scale(g, valley, 100));
    nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
    nadir_optimizer *lbfgs;
    int i;
    assert_graph_ok(g);
    assert_ok(set_param(g, x, dtypes[d], &start_x, 1));
    assert_ok(set_param(g, y, dtypes[d], &start_y, 1));
    lbfgs = made(nadir_lbfgs_new(session, 1, "history_size=10 tolerance_change=1e-15"), session);
    for (i = 0; i < 5; ++i) assert_ok(nadir_train_step(lbfgs, NULL));
    assert_near(param_value(g, x, dtypes[d]), 1, tolerances[d]);
    assert_near(param_value(g, y, dtypes[d]), 1, tolerances[d]);
    nadir_optimizer_free(lbfgs);
    nadir_session_free(session);
    nadir_graph_free(g);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(network_solves_a_differential_equation),
      cmocka_unit_test(lbfgs_finds_the_least_squares),
      cmocka_unit_test(levenberg_and_marquardt_find_the_least_squares),
      cmocka_unit_test(iteration_solves_the_damped_equations),
      cmocka_unit_test(iteration_tries_again_with_more_damping),
      cmocka_unit_test(linear_problem_is_solved_in_one_iteration),
      cmocka_unit_test(parameter_without_influence_stays),
      cmocka_unit_test(levenberg_and_marquardt_refuse_what_is_not_finite),
      cmocka_unit_test(levenberg_and_marquardt_go_on_from_their_state),
      cmocka_unit_test(first_iteration_of_lbfgs_is_down_the_gradient),
      cmocka_unit_test(lbfgs_follows_rosenbrocks_valley),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
