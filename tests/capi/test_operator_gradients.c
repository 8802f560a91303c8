/*
 * Every operation against a few lines of C that say what it computes: its value, its gradient and its second
 * derivative, in f64, from a table. The truth is differences of those lines, never of the library.
 */
#include "support.h"

#include <string.h>

#define MAX_ELEMENTS 24

typedef struct op_case {
  const char *name;
  nadir_node (*build)(nadir_graph *graph, nadir_node a, nadir_node b);
  void (*eval)(const struct op_case *c, const double *a, const double *b, double *y);
  int32_t rank_a, rank_b, rank_y; /* rank_b is -1 for an operation of one operand */
  int64_t a[3], b[3], y[3];
  int64_t axes_kept[3]; /* of a reduction: a's shape with 1 in place of what is summed */
  int flags;
} op_case;

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2, MEAN = 4 };

static size_t elements(const int64_t *shape, int32_t rank) {
  size_t count = 1;
  int32_t d;
  for (d = 0; d < rank; ++d) count *= (size_t)shape[d];
  return rank < 0 ? 0 : count;
}

/* ------------------------------------------------------------------------------------ what the operations compute */

/* Where element `i` of a tensor of shape `out` lies in an operand that is broadcast to it. */
static size_t source(const int64_t *shape, int32_t rank, const int64_t *out, int32_t out_rank, size_t i) {
  size_t index = 0, stride = 1;
  int32_t d;
  for (d = 1; d <= rank; ++d) {
    const size_t extent = (size_t)out[out_rank - d];
    if (shape[rank - d] != 1) index += i % extent * stride;
    stride *= (size_t)shape[rank - d];
    i /= extent;
  }
  return index;
}

static double left(const op_case *c, const double *a, size_t i) {
  return a[source(c->a, c->rank_a, c->y, c->rank_y, i)];
}

static double right(const op_case *c, const double *b, size_t i) {
  return b[source(c->b, c->rank_b, c->y, c->rank_y, i)];
}

#define ELEMENTWISE(name, expression)                                               \
  static void name(const op_case *c, const double *a, const double *b, double *y) { \
    size_t i;                                                                       \
    (void)b;                                                                        \
    for (i = 0; i < elements(c->y, c->rank_y); ++i) y[i] = (expression);            \
  }

ELEMENTWISE(eval_add, left(c, a, i) + right(c, b, i))
ELEMENTWISE(eval_sub, left(c, a, i) - right(c, b, i))
ELEMENTWISE(eval_mul, left(c, a, i) * right(c, b, i))
ELEMENTWISE(eval_div, left(c, a, i) / right(c, b, i))
ELEMENTWISE(eval_neg, -a[i])
ELEMENTWISE(eval_square, a[i] * a[i])
ELEMENTWISE(eval_cube, a[i] * a[i] * a[i])
ELEMENTWISE(eval_broadcast, left(c, a, i))
ELEMENTWISE(eval_reshape, a[i])

static void eval_reduce(const op_case *c, const double *a, const double *b, double *y) {
  const size_t terms = elements(c->a, c->rank_a), sums = elements(c->axes_kept, c->rank_a);
  size_t i;
  (void)b;
  memset(y, 0, sums * sizeof *y);
  for (i = 0; i < terms; ++i) y[source(c->axes_kept, c->rank_a, c->a, c->rank_a, i)] += a[i];
  for (i = 0; i < sums && (c->flags & MEAN); ++i) y[i] /= (double)(terms / sums);
}

/* op(a) [2, 3], op(b) [3, 4] */
static void eval_matmul(const op_case *c, const double *a, const double *b, double *y) {
  int i, j, k;
  memset(y, 0, 8 * sizeof *y);
  for (i = 0; i < 2; ++i) {
    for (j = 0; j < 4; ++j) {
      for (k = 0; k < 3; ++k) {
        y[i * 4 + j] += (c->flags & TRANSPOSE_A ? a[k * 2 + i] : a[i * 3 + k]) *
                        (c->flags & TRANSPOSE_B ? b[j * 3 + k] : b[k * 4 + j]);
      }
    }
  }
}

static void eval_squared_error(const op_case *c, const double *a, const double *b, double *y) {
  const size_t n = elements(c->a, c->rank_a);
  size_t i;
  *y = 0;
  for (i = 0; i < n; ++i) *y += (a[i] - b[i]) * (a[i] - b[i]) / (c->flags & MEAN ? (double)n : 1);
}

/* -------------------------------------------------------------------------------- how the library is asked for them */

#define BUILDER(name, expression)                                      \
  static nadir_node name(nadir_graph *g, nadir_node a, nadir_node b) { \
    (void)b;                                                           \
    return (expression);                                               \
  }

static const int32_t first[] = {0}, last[] = {-1}, outer[] = {2, 0};
static const int64_t wide[] = {2, 3}, tall[] = {3, 2}, inferred[] = {-1, 2};

BUILDER(build_add, nadir_add(g, a, b))
BUILDER(build_sub, nadir_sub(g, a, b))
BUILDER(build_mul, nadir_mul(g, a, b))
BUILDER(build_div, nadir_div(g, a, b))
BUILDER(build_neg, nadir_neg(g, a))
BUILDER(build_square, nadir_square(g, a))
BUILDER(build_mul_itself, nadir_mul(g, a, a))
BUILDER(build_cube, nadir_mul(g, nadir_square(g, a), a))
BUILDER(build_matmul, nadir_matmul(g, a, b, NULL))
BUILDER(build_matmul_ta, nadir_matmul(g, a, b, "transpose_a=1"))
BUILDER(build_matmul_tb, nadir_matmul(g, a, b, "transpose_b=1"))
BUILDER(build_matmul_ta_tb, nadir_matmul(g, a, b, "transpose_a=1 transpose_b=1"))
BUILDER(build_sum, nadir_sum(g, a, NULL, 0, NULL))
BUILDER(build_sum_first, nadir_sum(g, a, first, 1, NULL))
BUILDER(build_sum_last_keepdim, nadir_sum(g, a, last, 1, "keepdim=1"))
BUILDER(build_sum_outer, nadir_sum(g, a, outer, 2, "keepdim=0"))
BUILDER(build_mean, nadir_mean(g, a, NULL, 0, NULL))
BUILDER(build_mean_first, nadir_mean(g, a, first, 1, NULL))
BUILDER(build_mean_keepdim, nadir_mean(g, a, NULL, 0, "keepdim=1"))
BUILDER(build_mean_outer, nadir_mean(g, a, outer, 2, NULL))
BUILDER(build_broadcast, nadir_broadcast_to(g, a, wide, 2))
BUILDER(build_reshape, nadir_reshape(g, a, tall, 2))
BUILDER(build_reshape_inferred, nadir_reshape(g, a, inferred, 2))
BUILDER(build_mse, nadir_mse_loss(g, a, b, NULL))
BUILDER(build_mse_sum, nadir_mse_loss(g, a, b, "reduction=sum"))

/* name, builder, truth, ranks of a, b and y, their shapes, the reduced shape, flags */
static const op_case cases[] = {
    {"add", build_add, eval_add, 2, 2, 2, {2, 3}, {2, 3}, {2, 3}, {0}, 0},
    {"add, b broadcast", build_add, eval_add, 2, 1, 2, {2, 3}, {3}, {2, 3}, {0}, 0},
    {"add, both broadcast", build_add, eval_add, 2, 2, 2, {2, 1}, {1, 3}, {2, 3}, {0}, 0},
    {"sub", build_sub, eval_sub, 2, 2, 2, {2, 3}, {2, 3}, {2, 3}, {0}, 0},
    {"sub, a broadcast", build_sub, eval_sub, 0, 2, 2, {0}, {2, 3}, {2, 3}, {0}, 0},
    {"mul", build_mul, eval_mul, 2, 2, 2, {2, 3}, {2, 3}, {2, 3}, {0}, 0},
    {"mul, a broadcast", build_mul, eval_mul, 1, 3, 3, {3}, {2, 2, 3}, {2, 2, 3}, {0}, 0},
    {"mul, both broadcast", build_mul, eval_mul, 3, 2, 3, {2, 1, 3}, {2, 1}, {2, 2, 3}, {0}, 0},
    {"div", build_div, eval_div, 2, 2, 2, {2, 3}, {2, 3}, {2, 3}, {0}, 0},
    {"div, b broadcast", build_div, eval_div, 2, 0, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"div, both broadcast", build_div, eval_div, 1, 2, 2, {3}, {2, 1}, {2, 3}, {0}, 0},
    {"neg", build_neg, eval_neg, 2, -1, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"square", build_square, eval_square, 2, -1, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"mul of a node by itself", build_mul_itself, eval_square, 2, -1, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"a shared node", build_cube, eval_cube, 2, -1, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"matmul", build_matmul, eval_matmul, 2, 2, 2, {2, 3}, {3, 4}, {2, 4}, {0}, 0},
    {"matmul, a transposed", build_matmul_ta, eval_matmul, 2, 2, 2, {3, 2}, {3, 4}, {2, 4}, {0}, TRANSPOSE_A},
    {"matmul, b transposed", build_matmul_tb, eval_matmul, 2, 2, 2, {2, 3}, {4, 3}, {2, 4}, {0}, TRANSPOSE_B},
    {"matmul, both transposed",
     build_matmul_ta_tb,
     eval_matmul,
     2,
     2,
     2,
     {3, 2},
     {4, 3},
     {2, 4},
     {0},
     TRANSPOSE_A | TRANSPOSE_B},
    {"sum", build_sum, eval_reduce, 3, -1, 0, {2, 3, 2}, {0}, {0}, {1, 1, 1}, 0},
    {"sum over the first", build_sum_first, eval_reduce, 3, -1, 2, {2, 3, 2}, {0}, {3, 2}, {1, 3, 2}, 0},
    {"sum over the last, kept", build_sum_last_keepdim, eval_reduce, 3, -1, 3, {2, 3, 2}, {0}, {2, 3, 1}, {2, 3, 1}, 0},
    {"sum over the outer two", build_sum_outer, eval_reduce, 3, -1, 1, {2, 3, 4}, {0}, {3}, {1, 3, 1}, 0},
    {"mean", build_mean, eval_reduce, 3, -1, 0, {2, 3, 2}, {0}, {0}, {1, 1, 1}, MEAN},
    {"mean over the first", build_mean_first, eval_reduce, 3, -1, 2, {2, 3, 2}, {0}, {3, 2}, {1, 3, 2}, MEAN},
    {"mean over all, kept", build_mean_keepdim, eval_reduce, 3, -1, 3, {2, 3, 2}, {0}, {1, 1, 1}, {1, 1, 1}, MEAN},
    {"mean over the outer two", build_mean_outer, eval_reduce, 3, -1, 1, {2, 3, 4}, {0}, {3}, {1, 3, 1}, MEAN},
    {"broadcast_to, rows", build_broadcast, eval_broadcast, 1, -1, 2, {3}, {0}, {2, 3}, {0}, 0},
    {"broadcast_to, columns", build_broadcast, eval_broadcast, 2, -1, 2, {2, 1}, {0}, {2, 3}, {0}, 0},
    {"broadcast_to, a scalar", build_broadcast, eval_broadcast, 0, -1, 2, {0}, {0}, {2, 3}, {0}, 0},
    {"broadcast_to, the same", build_broadcast, eval_broadcast, 2, -1, 2, {2, 3}, {0}, {2, 3}, {0}, 0},
    {"reshape", build_reshape, eval_reshape, 2, -1, 2, {2, 3}, {0}, {3, 2}, {0}, 0},
    {"reshape, inferred", build_reshape_inferred, eval_reshape, 3, -1, 2, {2, 3, 2}, {0}, {6, 2}, {0}, 0},
    {"mse_loss", build_mse, eval_squared_error, 2, 2, 0, {2, 3}, {2, 3}, {0}, {0}, MEAN},
    {"mse_loss, sum", build_mse_sum, eval_squared_error, 2, 2, 0, {2, 3}, {2, 3}, {0}, {0}, 0},
};

/* ------------------------------------------------------------------------------------------------------ the truth */

/* Both operands, one after the other, and L = sum(weight * y), of which the truth is differences. */
typedef struct point {
  double p[2 * MAX_ELEMENTS];
} point;

static double weight(size_t i) { return 0.8 + 0.45 * (double)(i * 3 % 4); }

static double direction(size_t i) { return (i % 3 == 0 ? -1 : 1) * (0.5 + 0.25 * (double)(i % 4)); }

static point start(const op_case *c) {
  const size_t count_a = elements(c->a, c->rank_a), count_b = elements(c->b, c->rank_b);
  point at = {{0}};
  size_t i;
  for (i = 0; i < count_a; ++i) at.p[i] = 1.5 - 0.7 * (double)(i * 7 % 5) + 0.1 * (double)i;
  for (i = 0; i < count_b; ++i) at.p[count_a + i] = (i % 2 == 0 ? 1 : -1) * (1.25 + 0.3 * (double)(i % 7));
  return at;
}

static double objective(const op_case *c, const point *at) {
  double y[MAX_ELEMENTS], sum = 0;
  size_t i;
  c->eval(c, at->p, at->p + elements(c->a, c->rank_a), y);
  for (i = 0; i < elements(c->y, c->rank_y); ++i) sum += weight(i) * y[i];
  return sum;
}

/* The central difference. The objective is below 100, so rounded to 1.4e-14: with the step 1e-6 that is 1e-8 of the
   slope; what the formula cuts off is 1e-12 times a third derivative of at most 50. Hence 1e-7. */
#define SLOPE_TOLERANCE 1e-7

static double true_slope(const op_case *c, const point *at, size_t i) {
  const double step = 1e-6;
  point up = *at, down = *at;
  up.p[i] += step;
  down.p[i] -= step;
  return (objective(c, &up) - objective(c, &down)) / (2 * step);
}

/* Element i of the Hessian times the direction. The step is 1e-4: rounding 1.4e-14 / 1e-8, cutting off 1e-8 times a
   fourth derivative of at most 100. Hence 2e-5. */
#define CURVATURE_TOLERANCE 2e-5

static double true_curvature(const op_case *c, const point *at, size_t count, size_t i) {
  const double step = 1e-4;
  double sum = 0;
  int corner;
  for (corner = 0; corner < 4; ++corner) {
    const double along = corner & 1 ? step : -step, beside = corner & 2 ? step : -step;
    point moved = *at;
    size_t k;
    for (k = 0; k < count; ++k) moved.p[k] += along * direction(k);
    moved.p[i] += beside;
    sum += (along * beside > 0 ? 1 : -1) * objective(c, &moved);
  }
  return sum / (4 * step * step);
}

/* ---------------------------------------------------------------------------------------------------- the library */

typedef struct trial {
  const op_case *c;
  nadir_graph *graph;
  nadir_session *session;
  nadir_node xs[2], y, loss;
  nadir_node first[2], second[2];
  int32_t operands;
  size_t count[2];
} trial;

static nadir_node filled_constant(trial *t, const int64_t *shape, int32_t rank, double (*fill)(size_t), size_t offset) {
  double values[MAX_ELEMENTS];
  size_t i;
  for (i = 0; i < elements(shape, rank); ++i) values[i] = fill(offset + i);
  return constant_values(t->graph, NULL, NADIR_F64, shape, rank, values);
}

/* first = the gradient with `weight` as upstream; second = that of sum(first * direction). */
static void trial_differentiate(trial *t, nadir_node upstream) {
  const op_case *c = t->c;
  nadir_node dot, part;
  assert_ok(nadir_gradients(t->graph, t->y, upstream, t->xs, t->operands, t->first));
  dot = nadir_sum(t->graph, nadir_mul(t->graph, t->first[0], filled_constant(t, c->a, c->rank_a, direction, 0)), NULL,
                  0, NULL);
  if (t->operands > 1) {
    part = nadir_mul(t->graph, t->first[1], filled_constant(t, c->b, c->rank_b, direction, t->count[0]));
    dot = nadir_add(t->graph, dot, nadir_sum(t->graph, part, NULL, 0, NULL));
  }
  assert_ok(nadir_gradients(t->graph, dot, NADIR_NONE, t->xs, t->operands, t->second));
}

static void trial_open(trial *t, const op_case *c) {
  nadir_node upstream, outputs[5];
  int32_t i;
  memset(t, 0, sizeof *t);
  t->c = c;
  t->operands = c->rank_b < 0 ? 1 : 2;
  t->count[0] = elements(c->a, c->rank_a);
  t->count[1] = elements(c->b, c->rank_b);
  t->graph = nadir_graph_new(NULL);
  t->xs[0] = nadir_param_add(t->graph, "a", NADIR_F64, c->a, c->rank_a, NULL);
  if (t->operands > 1) t->xs[1] = nadir_param_add(t->graph, "b", NADIR_F64, c->b, c->rank_b, NULL);
  t->y = c->build(t->graph, t->xs[0], t->xs[1]);
  upstream = filled_constant(t, c->y, c->rank_y, weight, 0);
  t->loss = nadir_sum(t->graph, nadir_mul(t->graph, t->y, upstream), NULL, 0, NULL);
  trial_differentiate(t, upstream);
  outputs[0] = t->y;
  for (i = 0; i < t->operands; ++i) {
    outputs[1 + i] = t->first[i];
    outputs[1 + t->operands + i] = t->second[i];
  }
  t->session = nadir_session_new(t->graph, t->loss, outputs, 1 + 2 * t->operands, 1, NULL);
  assert_graph_ok(t->graph);
}

static void trial_close(trial *t) {
  nadir_session_free(t->session);
  nadir_graph_free(t->graph);
}

static void trial_run(trial *t, const point *at) {
  assert_ok(set_param(t->graph, t->xs[0], NADIR_F64, at->p, t->count[0]));
  if (t->operands > 1) assert_ok(set_param(t->graph, t->xs[1], NADIR_F64, at->p + t->count[0], t->count[1]));
  assert_ok(nadir_forward(t->session));
  assert_ok(nadir_backward(t->session));
}

static void check_value(trial *t, const point *at) {
  double got[MAX_ELEMENTS], wanted[MAX_ELEMENTS];
  const size_t count = elements(t->c->y, t->c->rank_y);
  size_t i;
  t->c->eval(t->c, at->p, at->p + t->count[0], wanted);
  assert_ok(read_values(t->session, t->y, NADIR_F64, got, count));
  for (i = 0; i < count; ++i) assert_near(got[i], wanted[i], 1e-14);
}

/* Of both operands: through the backward pass, then through the expression. */
static void check_slopes(trial *t, const point *at) {
  double backward[2 * MAX_ELEMENTS], expression[2 * MAX_ELEMENTS];
  size_t i, offset = 0;
  int32_t k;
  for (k = 0; k < t->operands; offset += t->count[k++]) {
    assert_ok(get_grad(t->session, t->xs[k], NADIR_F64, backward + offset, t->count[k]));
    assert_ok(read_values(t->session, t->first[k], NADIR_F64, expression + offset, t->count[k]));
  }
  for (i = 0; i < offset; ++i) {
    assert_near(backward[i], true_slope(t->c, at, i), SLOPE_TOLERANCE);
    assert_near(expression[i], backward[i], 1e-14);
  }
}

static void check_curvatures(trial *t, const point *at) {
  const size_t count = t->count[0] + t->count[1];
  double got[2 * MAX_ELEMENTS];
  size_t i, offset = 0;
  int32_t k;
  for (k = 0; k < t->operands; offset += t->count[k++]) {
    assert_ok(read_values(t->session, t->second[k], NADIR_F64, got + offset, t->count[k]));
  }
  for (i = 0; i < count; ++i) assert_near(got[i], true_curvature(t->c, at, count, i), CURVATURE_TOLERANCE);
}

static void check_shape(trial *t, const point *at) {
  int64_t shape[NADIR_MAX_RANK];
  int32_t rank, d;
  (void)at;
  assert_ok(nadir_graph_node_shape(t->graph, t->y, shape, NADIR_MAX_RANK, &rank));
  assert_int_equal(rank, t->c->rank_y);
  for (d = 0; d < rank; ++d) assert_int_equal(shape[d], t->c->y[d]);
}

static const char *current;

static void for_every_case(void (*check)(trial *t, const point *at)) {
  size_t i;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    const point at = start(&cases[i]);
    trial t;
    current = cases[i].name;
    trial_open(&t, &cases[i]);
    trial_run(&t, &at);
    check(&t, &at);
    trial_close(&t);
    current = NULL;
  }
}

/* Names the case in which a test stopped. */
static int teardown(void **state) {
  (void)state;
  if (current != NULL) print_error("in: %s\n", current);
  current = NULL;
  return 0;
}

static void results_have_the_documented_shapes(void **state) {
  (void)state;
  for_every_case(check_shape);
}

static void values_are_those_of_the_definition(void **state) {
  (void)state;
  for_every_case(check_value);
}

static void gradients_are_those_of_differences(void **state) {
  (void)state;
  for_every_case(check_slopes);
}

static void second_derivatives_are_those_of_differences(void **state) {
  (void)state;
  for_every_case(check_curvatures);
}

static void division_by_zero_is_infinite_and_of_zero_not_a_number(void **state) {
  const double a[] = {1, -1, 0}, b[] = {0, 0, 0};
  const int64_t row[] = {3};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node y =
      nadir_div(g, constant_values(g, "a", NADIR_F64, row, 1, a), constant_values(g, "b", NADIR_F64, row, 1, b));
  nadir_session *s = nadir_session_new(g, NADIR_NONE, &y, 1, 1, NULL);
  double got[3];
  (void)state;
  assert_graph_ok(g);
  assert_ok(nadir_forward(s));
  assert_ok(read_values(s, y, NADIR_F64, got, 3));
  assert_true(got[0] > 1.7e308 && got[1] < -1.7e308);
  assert_nan(got[2]);
  nadir_session_free(s);
  nadir_graph_free(g);
}

#define test(function) cmocka_unit_test_teardown(function, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(results_have_the_documented_shapes),
      test(values_are_those_of_the_definition),
      test(gradients_are_those_of_differences),
      test(second_derivatives_are_those_of_differences),
      cmocka_unit_test(division_by_zero_is_infinite_and_of_zero_not_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
