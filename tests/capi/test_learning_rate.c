/*
 * f(x) = x² from x = 3: a step is x := x - rate * 2x, so after k of them x = 3 (1 - 2 rate)^k. The rate decides whether
 * that converges, jumps, flips for ever or creeps.
 */
#include "support.h"

/*
 * A step rounds two numbers of at most 6, 4.4e-16 each, and multiplies what was wrong before by |1 - 2 rate| <= 0.98
 * (or by 1 exactly at rate 1, where every number is a whole one): ten of them stay below 1e-14.
 */
#define TOLERANCE 1e-14

typedef struct parabola {
  nadir_graph *graph;
  nadir_node x, y;
  nadir_session *session;
} parabola;

static int setup(void **state) {
  static parabola p;
  const double start = 3;
  p.graph = nadir_graph_new(NULL);
  p.x = nadir_param_add(p.graph, "x", NADIR_F64, NULL, 0, NULL);
  p.y = nadir_square(p.graph, p.x);
  p.session = nadir_session_new(p.graph, p.y, NULL, 0, 1, NULL);
  assert_graph_ok(p.graph);
  assert_ok(set_param(p.graph, p.x, NADIR_F64, &start, 1));
  *state = &p;
  return 0;
}

static int teardown(void **state) {
  parabola *p = (parabola *)*state;
  nadir_session_free(p->session);
  nadir_graph_free(p->graph);
  return 0;
}

static void descend(parabola *p, double rate) {
  assert_ok(nadir_zero_grad(p->session));
  assert_ok(nadir_forward(p->session));
  assert_ok(nadir_backward(p->session));
  assert_ok(nadir_sgd_step(p->session, rate));
}

static double follow_the_closed_form(parabola *p, double rate, double factor) {
  double wanted = 3;
  int k;
  for (k = 0; k < 10; ++k) {
    descend(p, rate);
    assert_near(read_value(p->session, p->y, NADIR_F64), wanted * wanted, 2 * TOLERANCE);
    assert_near(grad_value(p->session, p->x, NADIR_F64), 2 * wanted, TOLERANCE);
    wanted *= factor;
    assert_near(param_value(p->graph, p->x, NADIR_F64), wanted, TOLERANCE);
  }
  return param_value(p->graph, p->x, NADIR_F64);
}

static void rate_0_1_converges(void **state) {
  assert_near(follow_the_closed_form((parabola *)*state, 0.1, 0.8), 0.32212254720000005, TOLERANCE);
}

static void rate_0_9_converges_with_alternating_signs(void **state) {
  assert_near(follow_the_closed_form((parabola *)*state, 0.9, -0.8), 0.32212254720000005, TOLERANCE);
}

static void rate_0_01_creeps(void **state) {
  assert_near(follow_the_closed_form((parabola *)*state, 0.01, 0.98), 2.45121842066264, TOLERANCE);
}

static void rate_0_5_is_there_in_one_step(void **state) {
  parabola *p = (parabola *)*state;
  int k;
  for (k = 0; k < 10; ++k) {
    descend(p, 0.5);
    assert_exact(param_value(p->graph, p->x, NADIR_F64), 0);
  }
}

static void rate_1_flips_for_ever(void **state) {
  parabola *p = (parabola *)*state;
  int k;
  for (k = 0; k < 1000; ++k) {
    descend(p, 1);
    assert_exact(param_value(p->graph, p->x, NADIR_F64), k % 2 == 0 ? -3 : 3);
  }
}

static void rate_0_stays(void **state) {
  parabola *p = (parabola *)*state;
  descend(p, 0);
  assert_exact(param_value(p->graph, p->x, NADIR_F64), 3);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(rate_0_1_converges),    test(rate_0_9_converges_with_alternating_signs),
      test(rate_0_01_creeps),      test(rate_0_5_is_there_in_one_step),
      test(rate_1_flips_for_ever), test(rate_0_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
