/*
 * Gradients as expressions: values, gradients and second derivatives against the closed form; shared nodes; upstreams;
 * what is refused. The single operations are in test_operator_gradients.c.
 */
#include "support.h"

#include <string.h>

/* A number of up to about 100 from a handful of roundings in f64. */
#define TOLERANCE 1e-13

#define WIDTH 3
#define MAX_BATCH 4

/* --------------------------------------------------- z = mean(u² * u) with u = x * w + b, x [batch, 3], w [3], b [] */

typedef struct cube {
  nadir_graph *graph;
  nadir_node x, w, b, z;
  nadir_node first[2];  /* dz/dw, dz/db */
  nadir_node second[2]; /* the same of sum(dz/dw * v) */
  nadir_session *session;
} cube;

static const double cube_x[MAX_BATCH * WIDTH] = {0.5, -1.5, 2, 1, 0.25, -0.75, -2, 1.25, 0.1, 0.3, -0.6, 1.7};
static const double cube_w[WIDTH] = {0.7, -1.1, 0.4};
static const double cube_b = 0.3;
static const double cube_v[WIDTH] = {2, -0.5, 1.5};

static void cube_differentiate(cube *c) {
  const int64_t row[] = {WIDTH};
  nadir_node xs[2];
  nadir_node v, dot;
  xs[0] = c->w;
  xs[1] = c->b;
  assert_ok(nadir_gradients(c->graph, c->z, NADIR_NONE, xs, 2, c->first));
  v = constant_values(c->graph, "v", NADIR_F64, row, 1, cube_v);
  dot = nadir_sum(c->graph, nadir_mul(c->graph, c->first[0], v), NULL, 0, NULL);
  assert_ok(nadir_gradients(c->graph, dot, NADIR_NONE, xs, 2, c->second));
}

static int cube_setup(void **state) {
  static cube c;
  const int64_t rows[] = {NADIR_BATCH, WIDTH};
  nadir_node u, outputs[4];
  c.graph = nadir_graph_new(NULL);
  c.x = nadir_input_add(c.graph, "x", NADIR_F64, rows, 2);
  c.w = nadir_param_add(c.graph, "w", NADIR_F64, &rows[1], 1, NULL);
  c.b = nadir_param_add(c.graph, "b", NADIR_F64, NULL, 0, NULL);
  u = nadir_add(c.graph, nadir_mul(c.graph, c.x, c.w), c.b);
  c.z = nadir_mean(c.graph, nadir_mul(c.graph, nadir_square(c.graph, u), u), NULL, 0, NULL);
  cube_differentiate(&c);
  memcpy(outputs, c.first, sizeof c.first);
  memcpy(outputs + 2, c.second, sizeof c.second);
  c.session = nadir_session_new(c.graph, c.z, outputs, 4, MAX_BATCH, NULL);
  assert_graph_ok(c.graph);
  assert_ok(set_param(c.graph, c.w, NADIR_F64, cube_w, WIDTH));
  assert_ok(set_param(c.graph, c.b, NADIR_F64, &cube_b, 1));
  *state = &c;
  return 0;
}

static int cube_teardown(void **state) {
  cube *c = (cube *)*state;
  nadir_session_free(c->session);
  nadir_graph_free(c->graph);
  return 0;
}

typedef struct cube_truth {
  double z, dw[WIDTH], db, second_w[WIDTH], second_b;
} cube_truth;

/* With N = batch * 3: dz/dw_j = sum_i 3 u² x / N, dz/db = sum_ij 3 u² / N; again, d(dz/dw · v)/dw_j = sum_i 6 u x²
   v_j / N and d(dz/dw · v)/db = sum_ij 6 u x v_j / N. */
static cube_truth cube_closed_form(int batch) {
  const double n = batch * WIDTH;
  cube_truth truth;
  int i, j;
  memset(&truth, 0, sizeof truth);
  for (i = 0; i < batch; ++i) {
    for (j = 0; j < WIDTH; ++j) {
      const double x = cube_x[i * WIDTH + j];
      const double u = x * cube_w[j] + cube_b;
      truth.z += u * u * u / n;
      truth.dw[j] += 3 * u * u * x / n;
      truth.db += 3 * u * u / n;
      truth.second_w[j] += 6 * u * x * x * cube_v[j] / n;
      truth.second_b += 6 * u * x * cube_v[j] / n;
    }
  }
  return truth;
}

static void cube_forward(cube *c, int batch) {
  assert_ok(write_values(c->session, c->x, NADIR_F64, cube_x, (size_t)batch * WIDTH));
  assert_ok(nadir_zero_grad(c->session));
  assert_ok(nadir_forward(c->session));
}

static void assert_all_near(const double *got, const double *wanted, int count) {
  int i;
  for (i = 0; i < count; ++i) assert_near(got[i], wanted[i], TOLERANCE);
}

static void value_and_gradients_follow_the_closed_form(void **state) {
  cube *c = (cube *)*state;
  double dw[WIDTH];
  int batch;
  for (batch = 1; batch <= MAX_BATCH; ++batch) {
    const cube_truth truth = cube_closed_form(batch);
    cube_forward(c, batch);
    assert_near(read_value(c->session, c->z, NADIR_F64), truth.z, TOLERANCE);
    assert_ok(read_values(c->session, c->first[0], NADIR_F64, dw, WIDTH));
    assert_all_near(dw, truth.dw, WIDTH);
    assert_near(read_value(c->session, c->first[1], NADIR_F64), truth.db, TOLERANCE);
  }
}

static void second_derivatives_follow_the_closed_form(void **state) {
  cube *c = (cube *)*state;
  double second[WIDTH];
  int batch;
  for (batch = 1; batch <= MAX_BATCH; ++batch) {
    const cube_truth truth = cube_closed_form(batch);
    cube_forward(c, batch);
    assert_ok(read_values(c->session, c->second[0], NADIR_F64, second, WIDTH));
    assert_all_near(second, truth.second_w, WIDTH);
    assert_near(read_value(c->session, c->second[1], NADIR_F64), truth.second_b, TOLERANCE);
  }
}

static void backward_pass_gives_the_same_gradients(void **state) {
  cube *c = (cube *)*state;
  const cube_truth truth = cube_closed_form(MAX_BATCH);
  double dw[WIDTH];
  cube_forward(c, MAX_BATCH);
  assert_ok(nadir_backward(c->session));
  assert_ok(get_grad(c->session, c->w, NADIR_F64, dw, WIDTH));
  assert_all_near(dw, truth.dw, WIDTH);
  assert_near(grad_value(c->session, c->b, NADIR_F64), truth.db, TOLERANCE);
}

static void gradients_have_the_shapes_of_their_variables(void **state) {
  cube *c = (cube *)*state;
  int64_t shape[NADIR_MAX_RANK];
  int32_t rank;
  assert_ok(nadir_graph_node_shape(c->graph, c->first[0], shape, NADIR_MAX_RANK, &rank));
  assert_int_equal(rank, 1);
  assert_int_equal(shape[0], WIDTH);
  assert_ok(nadir_graph_node_shape(c->graph, c->second[1], NULL, 0, &rank));
  assert_int_equal(rank, 0);
  assert_int_equal(nadir_graph_node_dtype(c->graph, c->first[0]), NADIR_F64);
}

/* ------------------------------------------------------------------------------------------------ single graphs */

typedef struct pair {
  nadir_graph *graph;
  nadir_node v, w; /* parameters [] and [3] */
  nadir_session *session;
} pair;

static int setup(void **state) {
  static pair p;
  const int64_t row[] = {WIDTH};
  const double v = 1.5;
  const double w[] = {1, -2, 3};
  memset(&p, 0, sizeof p);
  p.graph = nadir_graph_new(NULL);
  p.v = nadir_param_add(p.graph, "v", NADIR_F64, NULL, 0, NULL);
  p.w = nadir_param_add(p.graph, "w", NADIR_F64, row, 1, NULL);
  assert_graph_ok(p.graph);
  assert_ok(set_param(p.graph, p.v, NADIR_F64, &v, 1));
  assert_ok(set_param(p.graph, p.w, NADIR_F64, w, WIDTH));
  *state = &p;
  return 0;
}

static int teardown(void **state) {
  pair *p = (pair *)*state;
  nadir_session_free(p->session);
  nadir_graph_free(p->graph);
  return 0;
}

/* Runs a session that computes `outputs`. */
static void compute(pair *p, const nadir_node *outputs, int32_t count) {
  p->session = nadir_session_new(p->graph, NADIR_NONE, outputs, count, 1, NULL);
  assert_graph_ok(p->graph);
  assert_ok(nadir_forward(p->session));
}

static void assert_row(pair *p, nadir_node node, double first, double second, double third) {
  double got[WIDTH];
  assert_ok(read_values(p->session, node, NADIR_F64, got, WIDTH));
  assert_exact(got[0], first);
  assert_exact(got[1], second);
  assert_exact(got[2], third);
}

/* 2^60 paths lead from the end to the beginning; visiting each would take decades. */
static void chain_of_sixty_diamonds_is_visited_once_a_node(void **state) {
  pair *p = (pair *)*state;
  nadir_node y = p->v, outputs[2];
  int i;
  for (i = 0; i < 60; ++i) y = nadir_add(p->graph, y, y);
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, &p->v, 1, &outputs[1]));
  outputs[0] = y;
  compute(p, outputs, 2);
  assert_exact(read_value(p->session, y, NADIR_F64), 1.5 * 1152921504606846976.0);
  assert_exact(read_value(p->session, outputs[1], NADIR_F64), 1152921504606846976.0);
}

/* v^(2^60) at v = 1 has the slope 2^60. */
static void chain_of_sixty_squares_is_visited_once_a_node(void **state) {
  pair *p = (pair *)*state;
  const double one = 1;
  nadir_node y = p->v;
  int i;
  for (i = 0; i < 60; ++i) y = nadir_mul(p->graph, y, y);
  assert_ok(set_param(p->graph, p->v, NADIR_F64, &one, 1));
  p->session = nadir_session_new(p->graph, y, NULL, 0, 1, NULL);
  assert_graph_ok(p->graph);
  assert_ok(nadir_forward(p->session));
  assert_ok(nadir_backward(p->session));
  assert_exact(grad_value(p->session, p->v, NADIR_F64), 1152921504606846976.0);
}

static void gradient_is_zero_where_nothing_depends(void **state) {
  pair *p = (pair *)*state;
  nadir_node gradient;
  assert_ok(nadir_gradients(p->graph, nadir_square(p->graph, p->v), NADIR_NONE, &p->w, 1, &gradient));
  compute(p, &gradient, 1);
  assert_row(p, gradient, 0, 0, 0);
}

static void gradient_with_respect_to_itself_is_one(void **state) {
  pair *p = (pair *)*state;
  nadir_node y = nadir_square(p->graph, p->v), gradient;
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, &y, 1, &gradient));
  compute(p, &gradient, 1);
  assert_exact(read_value(p->session, gradient, NADIR_F64), 1);
}

static void upstream_weighs_the_gradient(void **state) {
  pair *p = (pair *)*state;
  const int64_t row[] = {WIDTH};
  const double weights[] = {10, 100, 0.5};
  const nadir_node upstream = constant_values(p->graph, "upstream", NADIR_F64, row, 1, weights);
  nadir_node gradient;
  assert_ok(nadir_gradients(p->graph, nadir_square(p->graph, p->w), upstream, &p->w, 1, &gradient));
  compute(p, &gradient, 1);
  assert_row(p, gradient, 20, -400, 3);
}

/* g = d(sum(u * w²))/dw = 2 u w is linear in u: its derivative with respect to u is 2 w. */
static void upstream_can_be_differentiated(void **state) {
  pair *p = (pair *)*state;
  const int64_t row[] = {WIDTH};
  const double u_values[] = {5, 7, 0.25};
  const nadir_node u = nadir_param_add(p->graph, "u", NADIR_F64, row, 1, NULL);
  nadir_node outputs[2];
  assert_ok(nadir_gradients(p->graph, nadir_square(p->graph, p->w), u, &p->w, 1, &outputs[0]));
  assert_ok(nadir_gradients(p->graph, nadir_sum(p->graph, outputs[0], NULL, 0, NULL), NADIR_NONE, &u, 1, &outputs[1]));
  assert_ok(set_param(p->graph, u, NADIR_F64, u_values, WIDTH));
  compute(p, outputs, 2);
  assert_row(p, outputs[0], 10, -28, 1.5);
  assert_row(p, outputs[1], 2, -4, 6);
}

static void gradient_with_respect_to_an_intermediate_node(void **state) {
  pair *p = (pair *)*state;
  nadir_node u = nadir_mul(p->graph, p->w, p->v), gradient;
  const nadir_node y = nadir_sum(p->graph, nadir_square(p->graph, u), NULL, 0, NULL);
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, &u, 1, &gradient));
  compute(p, &gradient, 1);
  assert_row(p, gradient, 3, -6, 9); /* 2 u, u = 1.5 w */
}

static void several_variables_and_one_twice(void **state) {
  pair *p = (pair *)*state;
  const nadir_node y = nadir_sum(p->graph, nadir_mul(p->graph, p->w, p->v), NULL, 0, NULL);
  nadir_node xs[3], out[3];
  xs[0] = p->w;
  xs[1] = p->v;
  xs[2] = p->w;
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, xs, 3, out));
  compute(p, out, 3);
  assert_row(p, out[0], 1.5, 1.5, 1.5);
  assert_exact(read_value(p->session, out[1], NADIR_F64), 2);
  assert_row(p, out[2], 1.5, 1.5, 1.5);
}

static void gradient_with_respect_to_an_input(void **state) {
  pair *p = (pair *)*state;
  const int64_t rows[] = {NADIR_BATCH, WIDTH};
  const double values[] = {1, 2, 3, 4, 5, 6};
  const nadir_node x = nadir_input_add(p->graph, "x", NADIR_F64, rows, 2);
  const nadir_node y = nadir_sum(p->graph, nadir_square(p->graph, nadir_mul(p->graph, x, p->w)), NULL, 0, NULL);
  nadir_node gradient;
  double got[6];
  int i;
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, &x, 1, &gradient));
  p->session = nadir_session_new(p->graph, NADIR_NONE, &gradient, 1, 2, NULL);
  assert_graph_ok(p->graph);
  assert_ok(write_values(p->session, x, NADIR_F64, values, 6));
  assert_ok(nadir_forward(p->session));
  assert_ok(read_values(p->session, gradient, NADIR_F64, got, 6));
  for (i = 0; i < 6; ++i) {
    const double w[] = {1, -2, 3};
    assert_exact(got[i], 2 * values[i] * w[i % 3] * w[i % 3]);
  }
}

/* y = x · weightᵀ + bias on x [batch, 2, 3]: with L = sum(c * y), dweight = cᵀ · x, dbias = sum(c), dx = c · weight. */
static void layer_has_the_gradients_of_its_formula(void **state) {
  pair *p = (pair *)*state;
  const int64_t x_shape[] = {NADIR_BATCH, 2, 3}, c_shape[] = {NADIR_BATCH, 2, 2};
  const double x_values[] = {1, 2, 3, -1, 0, 2};
  const double c_values[] = {1, 10, 2, -5};
  const double weight[] = {1, 0, -1, 2, 3, 4};
  const nadir_node x = nadir_input_add(p->graph, "x", NADIR_F64, x_shape, 3);
  const nadir_node c = nadir_input_add(p->graph, "c", NADIR_F64, c_shape, 3);
  const nadir_node y = nadir_linear_add(p->graph, "layer", x, 2, NULL);
  const nadir_node loss = nadir_sum(p->graph, nadir_mul(p->graph, c, y), NULL, 0, NULL);
  const double dweight[] = {1 - 2, 2 + 0, 3 + 4, 10 + 5, 20 - 0, 30 - 10};
  const double dx_wanted[] = {21, 30, 39, -8, -15, -22};
  double got[6];
  nadir_node dx;
  assert_ok(nadir_gradients(p->graph, loss, NADIR_NONE, &x, 1, &dx));
  p->session = nadir_session_new(p->graph, loss, &dx, 1, 1, NULL);
  assert_graph_ok(p->graph);
  assert_ok(set_param(p->graph, nadir_graph_find(p->graph, "layer.weight"), NADIR_F64, weight, 6));
  assert_ok(write_values(p->session, x, NADIR_F64, x_values, 6));
  assert_ok(write_values(p->session, c, NADIR_F64, c_values, 4));
  assert_ok(nadir_forward(p->session));
  assert_ok(nadir_backward(p->session));
  assert_ok(get_grad(p->session, nadir_graph_find(p->graph, "layer.weight"), NADIR_F64, got, 6));
  assert_all_near(got, dweight, 6);
  assert_ok(get_grad(p->session, nadir_graph_find(p->graph, "layer.bias"), NADIR_F64, got, 2));
  assert_exact(got[0], 3);
  assert_exact(got[1], 5);
  assert_ok(read_values(p->session, dx, NADIR_F64, got, 6));
  assert_all_near(got, dx_wanted, 6);
}

/* ------------------------------------------------------------------------------------------------- refusals */

/* Asks for the gradient, which is refused, and repairs the graph. */
static void refuse(pair *p, nadir_node y, nadir_node upstream, const nadir_node *xs, int32_t count,
                   nadir_status wanted) {
  nadir_node out[2];
  out[0] = out[1] = p->v;
  assert_status(nadir_gradients(p->graph, y, upstream, xs, count, out), wanted);
  if (count > 0) assert_int_equal(out[0], NADIR_NONE);
  if (count > 1) assert_int_equal(out[1], NADIR_NONE);
  assert_status(nadir_graph_status(p->graph), wanted);
  assert_says(nadir_graph_error(p->graph), "gradients");
}

static void vector_without_upstream_is_refused_and_sum_advised(void **state) {
  pair *p = (pair *)*state;
  const nadir_node y = nadir_square(p->graph, p->w);
  refuse(p, y, NADIR_NONE, &p->w, 1, NADIR_E_SHAPE);
  assert_says(nadir_graph_error(p->graph), nadir_graph_node_name(p->graph, y), "[3]", "sum");
}

static void upstream_of_another_shape_is_refused(void **state) {
  pair *p = (pair *)*state;
  const nadir_node y = nadir_square(p->graph, p->w);
  refuse(p, y, p->v, &p->w, 1, NADIR_E_SHAPE);
  assert_says(nadir_graph_error(p->graph), nadir_graph_node_name(p->graph, y), "\"v\"", "[3]", "[]");
}

static void upstream_of_another_dtype_is_refused(void **state) {
  pair *p = (pair *)*state;
  const int64_t row[] = {WIDTH};
  const nadir_node single = nadir_param_add(p->graph, "single", NADIR_F32, row, 1, NULL);
  refuse(p, nadir_square(p->graph, p->w), single, &p->w, 1, NADIR_E_DTYPE);
  assert_says(nadir_graph_error(p->graph), "\"single\"", "f32", "f64");
}

static void foreign_nodes_are_refused_everywhere(void **state) {
  pair *p = (pair *)*state;
  nadir_node foreign, xs[2];
  nadir_graph *other = foreign_graph(p->v, &foreign);
  xs[0] = p->v;
  xs[1] = foreign;
  refuse(p, foreign, NADIR_NONE, xs, 1, NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_clear_error(p->graph));
  refuse(p, p->v, foreign, xs, 1, NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_clear_error(p->graph));
  refuse(p, p->v, NADIR_NONE, xs, 2, NADIR_E_ARGUMENT);
  nadir_graph_free(other);
}

static void count_below_one_is_refused(void **state) {
  pair *p = (pair *)*state;
  refuse(p, p->v, NADIR_NONE, &p->v, 0, NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_clear_error(p->graph));
  refuse(p, p->v, NADIR_NONE, &p->v, -1, NADIR_E_ARGUMENT);
}

static void refused_gradient_is_a_build_error_until_cleared(void **state) {
  pair *p = (pair *)*state;
  nadir_node y = nadir_square(p->graph, p->v), gradient;
  refuse(p, nadir_square(p->graph, p->w), NADIR_NONE, &p->w, 1, NADIR_E_SHAPE);
  assert_null(nadir_session_new(p->graph, y, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(p->graph), NADIR_E_SHAPE);
  assert_ok(nadir_graph_clear_error(p->graph));
  assert_ok(nadir_gradients(p->graph, y, NADIR_NONE, &p->v, 1, &gradient));
  compute(p, &gradient, 1);
  assert_exact(read_value(p->session, gradient, NADIR_F64), 3);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define cube_test(function) cmocka_unit_test_setup_teardown(function, cube_setup, cube_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      cube_test(value_and_gradients_follow_the_closed_form),
      cube_test(second_derivatives_follow_the_closed_form),
      cube_test(backward_pass_gives_the_same_gradients),
      cube_test(gradients_have_the_shapes_of_their_variables),
      test(chain_of_sixty_diamonds_is_visited_once_a_node),
      test(chain_of_sixty_squares_is_visited_once_a_node),
      test(gradient_is_zero_where_nothing_depends),
      test(gradient_with_respect_to_itself_is_one),
      test(upstream_weighs_the_gradient),
      test(upstream_can_be_differentiated),
      test(gradient_with_respect_to_an_intermediate_node),
      test(several_variables_and_one_twice),
      test(gradient_with_respect_to_an_input),
      test(layer_has_the_gradients_of_its_formula),
      test(vector_without_upstream_is_refused_and_sum_advised),
      test(upstream_of_another_shape_is_refused),
      test(upstream_of_another_dtype_is_refused),
      test(foreign_nodes_are_refused_everywhere),
      test(count_below_one_is_refused),
      test(refused_gradient_is_a_build_error_until_cleared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
