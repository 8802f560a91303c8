/*
 * The elementwise operations: their values at ordinary points, kinks and extremes, and their first and second derivatives in
 * closed form, in both float types. Masks, choices and casts.
 */
#include "support.h"

#include <math.h>
#include <string.h>

#define POINTS 9

typedef nadir_node (*unary)(nadir_graph *graph, nadir_node x);

typedef struct row {
  double x, y, first, second;
} row;

typedef struct unary_case {
  const char *name;
  unary build;
  row rows[POINTS];
  int count;
} unary_case;

static nadir_node slope_tenth(nadir_graph *graph, nadir_node x) {
  return nadir_leaky_relu(graph, x, "negative_slope=0.125");
}
static nadir_node clamp(nadir_graph *graph, nadir_node x) { return nadir_clamp(graph, x, -1, 2); }
static nadir_node thrice(nadir_graph *graph, nadir_node x) { return nadir_scale(graph, x, 3); }
static nadir_node plus_two(nadir_graph *graph, nadir_node x) { return nadir_add_scalar(graph, x, 2); }
static nadir_node stopped(nadir_graph *graph, nadir_node x) { return nadir_stop_gradient(graph, x); }

/* Every number is exact in binary, or the nearest one. Kinks take PyTorch's side. */
static const unary_case cases[] = {
    {"neg", nadir_neg, {{2, -2, -1, 0}, {-0.5, 0.5, -1, 0}}, 2},
    {"abs", nadir_abs, {{2, 2, 1, 0}, {-0.5, 0.5, -1, 0}, {0, 0, 0, 0}}, 3},
    {"sign", nadir_sign, {{2, 1, 0, 0}, {-0.5, -1, 0, 0}, {0, 0, 0, 0}, {NAN, 0, 0, 0}}, 4},
    {"square", nadir_square, {{3, 9, 6, 2}, {-0.5, 0.25, -1, 2}, {0, 0, 0, 2}}, 3},
    {"sqrt", nadir_sqrt, {{4, 2, 0.25, -1.0 / 32}, {0.25, 0.5, 1, -2}, {0, 0, INFINITY, -INFINITY}}, 3},
    {"reciprocal",
     nadir_reciprocal,
     {{2, 0.5, -0.25, 0.25}, {-0.5, -2, -4, -16}, {0, INFINITY, -INFINITY, INFINITY}},
     3},
    {"floor", nadir_floor, {{2.5, 2, 0, 0}, {-2.5, -3, 0, 0}, {3, 3, 0, 0}}, 3},
    {"ceil", nadir_ceil, {{2.5, 3, 0, 0}, {-2.5, -2, 0, 0}, {3, 3, 0, 0}}, 3},
    {"round", nadir_round, {{2.5, 2, 0, 0}, {3.5, 4, 0, 0}, {-2.5, -2, 0, 0}, {2.75, 3, 0, 0}}, 4},
    {"trunc", nadir_trunc, {{2.75, 2, 0, 0}, {-2.75, -2, 0, 0}}, 2},
    {"relu", nadir_relu, {{2, 2, 1, 0}, {-2, 0, 0, 0}, {0, 0, 0, 0}, {NAN, NAN, 1, 0}}, 4},
    {"relu6",
     nadir_relu6,
     {{2, 2, 1, 0}, {-2, 0, 0, 0}, {0, 0, 0, 0}, {6, 6, 0, 0}, {7, 6, 0, 0}, {5.5, 5.5, 1, 0}},
     6},
    {"leaky_relu", slope_tenth, {{2, 2, 1, 0}, {-2, -0.25, 0.125, 0}, {0, 0, 0.125, 0}}, 3},
    {"softsign", nadir_softsign, {{1, 0.5, 0.25, -0.25}, {-3, -0.75, 0.0625, 0.03125}, {0, 0, 1, 0}}, 3},
    {"hard_sigmoid",
     nadir_hard_sigmoid,
     {{0, 0.5, 1.0 / 6, 0}, {3, 1, 0, 0}, {-3, 0, 0, 0}, {1.5, 0.75, 1.0 / 6, 0}, {5, 1, 0, 0}},
     5},
    {"hard_swish",
     nadir_hard_swish,
     {{0, 0, 0.5, 1.0 / 3},
      {3, 3, 1.5, 1.0 / 3},
      {-3, 0, -0.5, 1.0 / 3},
      {1.5, 1.125, 1, 1.0 / 3},
      {5, 5, 1, 0},
      {-4, 0, 0, 0}},
     6},
    {"clamp",
     clamp,
     {{0.5, 0.5, 1, 0}, {2, 2, 1, 0}, {-1, -1, 1, 0}, {3, 2, 0, 0}, {-3, -1, 0, 0}, {NAN, NAN, 0, 0}},
     6},
    {"scale", thrice, {{2, 6, 3, 0}, {-0.5, -1.5, 3, 0}}, 2},
    {"add_scalar", plus_two, {{2, 4, 1, 0}, {-0.5, 1.5, 1, 0}}, 2},
    {"stop_gradient", stopped, {{2, 2, 0, 0}, {-0.5, -0.5, 0, 0}}, 2},
};

static void assert_same(double got, double wanted, double tolerance, const char *name, double x) {
  const int same = isnan(wanted) ? isnan(got) : isinf(wanted) ? got == wanted : fabs(got - wanted) <= tolerance;
  if (!same) fail_msg("%s at %g: %.17g, not %.17g", name, x, got, wanted);
}

/* The sum of f(x) has f'(x) as its gradient, element by element, and the sum of that f''(x). */
static void check_unary(const unary_case *c, nadir_dtype dtype) {
  const int64_t shape[] = {NADIR_BATCH};
  const double tolerance = dtype == NADIR_F32 ? 1e-6 : 1e-15;
  const size_t count = (size_t)c->count;
  double x_values[POINTS], got[3][POINTS];
  size_t i;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", dtype, shape, 1);
  nadir_node outputs[3];
  nadir_session *session;
  outputs[0] = c->build(graph, x);
  assert_ok(nadir_gradients(graph, nadir_sum(graph, outputs[0], NULL, 0, NULL), NADIR_NONE, &x, 1, &outputs[1]));
  assert_ok(nadir_gradients(graph, nadir_sum(graph, outputs[1], NULL, 0, NULL), NADIR_NONE, &x, 1, &outputs[2]));
  session = nadir_session_new(graph, NADIR_NONE, outputs, 3, POINTS, NULL);
  assert_graph_ok(graph);
  for (i = 0; i < count; ++i) x_values[i] = c->rows[i].x;
  assert_ok(write_values(session, x, dtype, x_values, count));
  assert_ok(nadir_forward(session));
  for (i = 0; i < 3; ++i) {
    /* A gradient that depends on no input is one number a row of the largest batch. */
    if (read_values(session, outputs[i], dtype, got[i], count) != NADIR_OK)
      fail_msg("%s", nadir_session_error(session));
  }
  for (i = 0; i < count; ++i) {
    assert_same(got[0][i], c->rows[i].y, tolerance, c->name, x_values[i]);
    assert_same(got[1][i], c->rows[i].first, tolerance, c->name, x_values[i]);
    assert_same(got[2][i], c->rows[i].second, tolerance, c->name, x_values[i]);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void unary_values_and_derivatives_follow_the_closed_form(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    check_unary(&cases[i], NADIR_F32);
    check_unary(&cases[i], NADIR_F64);
  }
}

/* ---------------------------------------------------------------------------------------------- two operands */

typedef struct pair {
  nadir_graph *graph;
  nadir_node a, b; /* parameters [4] */
} pair;

static const int64_t four[] = {4};

static pair open_pair(const double *a, const double *b) {
  pair p;
  p.graph = nadir_graph_new(NULL);
  p.a = nadir_param_add(p.graph, "a", NADIR_F64, four, 1, NULL);
  p.b = nadir_param_add(p.graph, "b", NADIR_F64, four, 1, NULL);
  assert_ok(set_param(p.graph, p.a, NADIR_F64, a, 4));
  assert_ok(set_param(p.graph, p.b, NADIR_F64, b, 4));
  return p;
}

static void assert_vector(nadir_session *session, nadir_node node, const double *wanted, const char *name) {
  double got[4];
  size_t i;
  assert_ok(read_values(session, node, NADIR_F64, got, 4));
  for (i = 0; i < 4; ++i) assert_same(got[i], wanted[i], 0, name, (double)i);
}

static void check_extremum(nadir_node (*build)(nadir_graph *, nadir_node, nadir_node), const double *y,
                           const double *da, const double *db) {
  const double a[] = {1, 3, 2, NAN}, b[] = {2, -1, 2, 1}, weights[] = {1, 2, 4, 8};
  pair p = open_pair(a, b);
  const nadir_node upstream = constant_values(p.graph, "upstream", NADIR_F64, four, 1, weights);
  nadir_node xs[2], outputs[3];
  nadir_session *session;
  xs[0] = p.a;
  xs[1] = p.b;
  outputs[0] = build(p.graph, p.a, p.b);
  assert_ok(nadir_gradients(p.graph, outputs[0], upstream, xs, 2, outputs + 1));
  session = nadir_session_new(p.graph, NADIR_NONE, outputs, 3, 1, NULL);
  assert_graph_ok(p.graph);
  assert_ok(nadir_forward(session));
  assert_vector(session, outputs[0], y, "y");
  assert_vector(session, outputs[1], da, "da");
  assert_vector(session, outputs[2], db, "db");
  nadir_session_free(session);
  nadir_graph_free(p.graph);
}

/* Equals share the gradient, and so do NaN and what it is compared with get it whole, as in PyTorch. */
static void extremes_pass_gradients_to_whom_they_chose(void **state) {
  const double greatest[] = {2, 3, 2, NAN}, least[] = {1, -1, 2, NAN};
  const double to_a[] = {0, 2, 2, 8}, to_b[] = {1, 0, 2, 8};
  const double from_a[] = {1, 0, 2, 8}, from_b[] = {0, 2, 2, 8};
  (void)state;
  check_extremum(nadir_maximum, greatest, to_a, to_b);
  check_extremum(nadir_minimum, least, from_a, from_b);
}

/* What is not chosen gets 0, were it NaN. */
static void where_keeps_nan_out_of_what_was_not_chosen(void **state) {
  const double a[] = {1, -2, 3, -4}, b[] = {NAN, 20, NAN, 40}, zeros[] = {0, 0, 0, 0};
  const double y[] = {1, 20, 3, 40}, to_a[] = {1, 0, 1, 0}, to_b[] = {0, 1, 0, 1};
  pair p = open_pair(a, b);
  const nadir_node zero = constant_values(p.graph, "zero", NADIR_F64, four, 1, zeros);
  const nadir_node chosen = nadir_where(p.graph, nadir_gt(p.graph, p.a, zero), p.a, p.b);
  nadir_node xs[2], outputs[3];
  nadir_session *session;
  (void)state;
  xs[0] = p.a;
  xs[1] = p.b;
  outputs[0] = chosen;
  assert_ok(nadir_gradients(p.graph, nadir_sum(p.graph, chosen, NULL, 0, NULL), NADIR_NONE, xs, 2, outputs + 1));
  session = nadir_session_new(p.graph, NADIR_NONE, outputs, 3, 1, NULL);
  assert_graph_ok(p.graph);
  assert_ok(nadir_forward(session));
  assert_vector(session, outputs[0], y, "y");
  assert_vector(session, outputs[1], to_a, "da");
  assert_vector(session, outputs[2], to_b, "db");
  nadir_session_free(session);
  nadir_graph_free(p.graph);
}

/* ----------------------------------------------------------------------------------------------- other dtypes */

static void masks_and_integers_go_in_and_out(void **state) {
  const int64_t shape[] = {NADIR_BATCH};
  const int32_t labels[] = {2, 0, -1};
  const uint8_t twos[] = {1, 0, 1}, wanted[] = {0, 0, 1};
  const int32_t two = 2;
  uint8_t got[3];
  float as_float[3];
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node label = nadir_input_add(graph, "label", NADIR_I32, shape, 1);
  const nadir_node mask = nadir_input_add(graph, "mask", NADIR_U8, shape, 1);
  const nadir_node limit = nadir_constant_add(graph, "two", NADIR_I32, NULL, 0, &two, sizeof two);
  nadir_node outputs[2];
  nadir_session *session;
  (void)state;
  outputs[0] = nadir_logical_and(graph, mask, nadir_lt(graph, label, limit));
  outputs[1] = nadir_cast(graph, label, NADIR_F32);
  session = nadir_session_new(graph, NADIR_NONE, outputs, 2, 8, NULL);
  assert_graph_ok(graph);
  assert_ok(nadir_session_write(session, label, labels, sizeof labels));
  assert_ok(nadir_session_write(session, mask, twos, sizeof twos));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, outputs[0], got, sizeof got));
  assert_memory_equal(got, wanted, sizeof got);
  assert_ok(nadir_session_read(session, outputs[1], as_float, sizeof as_float));
  assert_true(as_float[0] == 2 && as_float[1] == 0 && as_float[2] == -1);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* Masks broadcast like anything else: [batch, 1] over [3], by a mask [3]. */
static void where_broadcasts_all_three(void **state) {
  const int64_t column[] = {NADIR_BATCH, 1}, row[] = {3};
  const uint8_t mask_values[] = {1, 0, 1};
  const float column_values[] = {10, 20}, row_values[] = {1, 2, 3}, wanted[] = {10, 2, 10, 20, 2, 20};
  float got[6];
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node a = nadir_input_add(graph, "a", NADIR_F32, column, 2);
  const nadir_node b = nadir_constant_add(graph, "b", NADIR_F32, row, 1, row_values, sizeof row_values);
  const nadir_node mask = nadir_constant_add(graph, "mask", NADIR_U8, row, 1, mask_values, sizeof mask_values);
  const nadir_node y = nadir_where(graph, mask, a, b);
  nadir_session *session = nadir_session_new(graph, NADIR_NONE, &y, 1, 2, NULL);
  (void)state;
  assert_graph_ok(graph);
  assert_ok(nadir_session_write(session, a, column_values, sizeof column_values));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, y, got, sizeof got));
  assert_memory_equal(got, wanted, sizeof got);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* d(f32(x)²)/dx = 2x, through two casts. */
static void casts_between_floats_pass_the_gradient(void **state) {
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_param_add(graph, "x", NADIR_F64, NULL, 0, "init=constant value=3");
  const nadir_node y = nadir_square(graph, nadir_cast(graph, x, NADIR_F32));
  nadir_session *session = nadir_session_new(graph, y, NULL, 0, 1, NULL);
  (void)state;
  assert_graph_ok(graph);
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_exact(grad_value(session, x, NADIR_F64), 6);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void wrong_dtypes_are_refused_by_name(void **state) {
  const int64_t shape[] = {NADIR_BATCH};
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 1);
  const nadir_node label = nadir_input_add(graph, "label", NADIR_I32, shape, 1);
  const nadir_node mask = nadir_is_nan(graph, x);
  nadir_node out;
  int i;
  (void)state;
  for (i = 0; i < 9; ++i) {
    nadir_node node = NADIR_NONE;
    switch (i) {
      case 0: node = nadir_abs(graph, label); break;
      case 1: node = nadir_add(graph, label, label); break;
      case 2: node = nadir_eq(graph, x, label); break;
      case 3: node = nadir_logical_and(graph, mask, label); break;
      case 4: node = nadir_logical_not(graph, label); break;
      case 5: node = nadir_where(graph, label, x, x); break;
      case 6: node = nadir_sum(graph, label, NULL, 0, NULL); break;
      case 7: node = nadir_where(graph, mask, x, label); break;
      default: assert_int_not_equal(nadir_gradients(graph, label, x, &x, 1, &out), NADIR_OK); break;
    }
    assert_int_equal(node, NADIR_NONE);
    assert_status(nadir_graph_status(graph), NADIR_E_DTYPE);
    assert_says(nadir_graph_error(graph), "\"label\"", "i32");
    assert_ok(nadir_graph_clear_error(graph));
  }
  assert_int_equal(nadir_param_add(graph, "p", NADIR_I64, shape, 0, NULL), NADIR_NONE);
  assert_status(nadir_graph_status(graph), NADIR_E_DTYPE);
  nadir_graph_free(graph);
}

static void loss_is_a_float(void **state) {
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node p = nadir_param_add(graph, "p", NADIR_F32, NULL, 0, NULL);
  const nadir_node mask = nadir_is_finite(graph, p);
  (void)state;
  assert_null(nadir_session_new(graph, mask, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(graph), NADIR_E_DTYPE);
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unary_values_and_derivatives_follow_the_closed_form),
      cmocka_unit_test(extremes_pass_gradients_to_whom_they_chose),
      cmocka_unit_test(where_keeps_nan_out_of_what_was_not_chosen),
      cmocka_unit_test(masks_and_integers_go_in_and_out),
      cmocka_unit_test(where_broadcasts_all_three),
      cmocka_unit_test(casts_between_floats_pass_the_gradient),
      cmocka_unit_test(wrong_dtypes_are_refused_by_name),
      cmocka_unit_test(loss_is_a_float),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
