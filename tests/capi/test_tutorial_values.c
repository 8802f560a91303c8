/*
 * The examples with which introductions to automatic differentiation show their answers: small enough to follow by hand, and
 * every number of them a sum of products of whole numbers, exact in either float.
 */
#include "support.h"

static const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};

/* Compiles and runs both passes once. The graph has no error. */
static nadir_session *differentiate(nadir_graph *graph, nadir_node loss, const nadir_node *output) {
  nadir_session *session = nadir_session_new(graph, loss, output, output != NULL, 1, NULL);
  assert_graph_ok(graph);
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  return session;
}

static nadir_node param_of(nadir_graph *graph, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                           const double *values, size_t count) {
  const nadir_node param = nadir_param_add(graph, NULL, dtype, shape, rank, NULL);
  assert_ok(set_param(graph, param, dtype, values, count));
  return param;
}

static void assert_values(const double *got, const double *wanted, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) assert_exact(got[i], wanted[i]);
}

#define MOST 32 /* elements of a value here */

static void assert_gradient(const nadir_session *session, nadir_dtype dtype, nadir_node param, const double *wanted,
                            size_t count) {
  double got[MOST];
  assert_true(count <= MOST);
  assert_ok(get_grad(session, param, dtype, got, count));
  assert_values(got, wanted, count);
}

/* Every element of the gradient is `wanted`. */
static void assert_even_gradient(const nadir_session *session, nadir_dtype dtype, nadir_node param, double wanted,
                                 size_t count) {
  double all[MOST];
  size_t i;
  for (i = 0; i < count; ++i) all[i] = wanted;
  assert_gradient(session, dtype, param, all, count);
}

/* --------------------------------------------------------------------------------------------- four linear layers */

/*
 * 2 - 4 - 4 - 4 - 1, all weights and biases 1, on five rows of ones. Forward, a unit is 2 + 1 = 3, then 4 * 3 + 1 = 13, 53, and
 * the answer 213: five of them are 1065. Backward, a unit's gradient is 1, then 1, 4, 16, five times: the bias's; the weight's is
 * that times the unit before.
 */
static void check_layers(nadir_dtype dtype, int64_t rows) {
  static const struct {
    int64_t in, out;
    double dweight, dbias;
  } layers[] = {{2, 4, 80, 80}, {4, 4, 60, 20}, {4, 4, 65, 5}, {4, 1, 265, 5}};
  const int64_t shape[] = {rows, 2};
  double ones[64];
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", dtype, shape, 2);
  nadir_node y = x, loss;
  nadir_session *session;
  int32_t i;
  for (i = 0; i < 4; ++i) y = nadir_linear_add(graph, NULL, y, layers[i].out, NULL);
  loss = nadir_sum(graph, y, NULL, 0, NULL);
  session = nadir_session_new(graph, loss, NULL, 0, 5, NULL);
  assert_graph_ok(graph);

  for (i = 0; i < (int32_t)COUNT_OF(ones); ++i) ones[i] = 1;
  for (i = 0; i < 4; ++i) {
    assert_ok(set_param(graph, nadir_param_at(graph, 2 * i), dtype, ones, (size_t)(layers[i].in * layers[i].out)));
    assert_ok(set_param(graph, nadir_param_at(graph, 2 * i + 1), dtype, ones, (size_t)layers[i].out));
  }
  assert_ok(write_values(session, x, dtype, ones, 10));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));

  assert_exact(read_value(session, loss, dtype), 1065);
  assert_int_equal(nadir_param_count(graph), 8);
  for (i = 0; i < 4; ++i) {
    assert_even_gradient(session, dtype, nadir_param_at(graph, 2 * i), layers[i].dweight,
                         (size_t)(layers[i].in * layers[i].out));
    assert_even_gradient(session, dtype, nadir_param_at(graph, 2 * i + 1), layers[i].dbias, (size_t)layers[i].out);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void four_layers_of_ones_have_the_known_gradients(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_layers(dtypes[d], 5);
}

static void four_layers_of_ones_have_them_in_a_batch_of_five(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_layers(dtypes[d], NADIR_BATCH);
}

/* ------------------------------------------------------------------------------------------- arithmetic of vectors */

/* The sum of |-(v1 * v2 * 25 / 10 - 1)| at v1 = 0 and v2 = 1: each term is 1, with the gradients -2.5 v2 and -2.5 v1. */
static void check_vectors(nadir_dtype dtype) {
  const int64_t shape[] = {10};
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node v1 = nadir_param_add(graph, "v1", dtype, shape, 1, "init=zeros");
  const nadir_node v2 = nadir_param_add(graph, "v2", dtype, shape, 1, "init=ones");
  nadir_node y = nadir_mul(graph, v1, v2), loss;
  nadir_session *session;
  y = nadir_div_scalar(graph, nadir_scale(graph, y, 25), 10);
  y = nadir_neg(graph, nadir_add_scalar(graph, y, -1));
  loss = nadir_sum(graph, nadir_abs(graph, y), NULL, 0, NULL);
  session = differentiate(graph, loss, NULL);
  assert_exact(read_value(session, loss, dtype), 10);
  assert_even_gradient(session, dtype, v1, -2.5, 10);
  assert_even_gradient(session, dtype, v2, 0, 10);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void expression_of_two_vectors_has_the_known_gradients(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_vectors(dtypes[d]);
}

/* ------------------------------------------------------------------------------------------------ parts of a value */

static const double numbers[] = {3,  -1, 4, 1,  -5, 9,  2, -6, 5, 3, -5, 8,  9, -7, 9, 3,
                                 -2, 3,  8, -4, 6,  -2, 6, 4,  3, 3, -8, -3, 2, 7,  9, -5};

/* The sum of y * w, whose gradient with respect to y is w. */
static nadir_node weighted_sum(nadir_graph *graph, nadir_node y, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                               const double *w) {
  const nadir_node weights = constant_values(graph, NULL, dtype, shape, rank, w);
  return nadir_sum(graph, nadir_mul(graph, y, weights), NULL, 0, NULL);
}

/* y = x; y[0:2] = a; y[1:2] = b: row 0 is a's, row 1, which was a's, is b's, and rows 2 and 3 are still x's. */
static void check_rows_set(nadir_dtype dtype) {
  const int64_t four[] = {4, 4}, two[] = {2, 4}, one[] = {1, 4};
  const double *xs = numbers, *as = numbers + 16, *bs = numbers + 24;
  double w[16], dx[16] = {0}, da[8] = {0}, wanted[16], got[16], sum = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = param_of(graph, dtype, four, 2, xs, 16);
  const nadir_node a = param_of(graph, dtype, two, 2, as, 8);
  const nadir_node b = param_of(graph, dtype, one, 2, bs, 4);
  nadir_node y = x, loss;
  nadir_session *session;
  int i;
  for (i = 0; i < 16; ++i) {
    w[i] = i + 1;
    wanted[i] = i < 4 ? as[i] : i < 8 ? bs[i - 4] : xs[i];
    sum += wanted[i] * w[i];
  }
  for (i = 8; i < 16; ++i) dx[i] = w[i];
  for (i = 0; i < 4; ++i) da[i] = w[i];

  y = nadir_slice_set(graph, y, 0, 0, 2, 1, a);
  y = nadir_slice_set(graph, y, 0, 1, 2, 1, b);
  loss = weighted_sum(graph, y, dtype, four, 2, w);
  session = differentiate(graph, loss, &y);
  assert_ok(read_values(session, y, dtype, got, 16));
  assert_values(got, wanted, 16);
  assert_exact(read_value(session, loss, dtype), sum);
  assert_gradient(session, dtype, x, dx, 16);
  assert_gradient(session, dtype, a, da, 8);
  assert_gradient(session, dtype, b, w + 4, 4);
  assert_ok(get_param(graph, x, dtype, got, 16));
  assert_values(got, xs, 16);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void overwritten_rows_get_no_gradient_and_new_rows_get_theirs(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_rows_set(dtypes[d]);
}

/* Joins two along `axis`, whose lengths are 3 and 2 there; y is [5, 4] or [4, 5]. */
static void check_concat(nadir_dtype dtype, int32_t axis) {
  const int64_t a_shape[] = {axis == 0 ? 3 : 4, axis == 0 ? 4 : 3}, b_shape[] = {axis == 0 ? 2 : 4, axis == 0 ? 4 : 2};
  const int64_t y_shape[] = {axis == 0 ? 5 : 4, axis == 0 ? 4 : 5};
  double w[20], wanted[20], da[12], db[8], got[20];
  size_t a_count = 0, b_count = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node xs[2], y, loss;
  nadir_session *session;
  int i;
  for (i = 0; i < 20; ++i) {
    const int is_of_a = axis == 0 ? i / 4 < 3 : i % 5 < 3;
    w[i] = i + 1;
    wanted[i] = is_of_a ? numbers[a_count] : numbers[12 + b_count];
    if (is_of_a) {
      da[a_count++] = w[i];
    } else {
      db[b_count++] = w[i];
    }
  }
  xs[0] = param_of(graph, dtype, a_shape, 2, numbers, 12);
  xs[1] = param_of(graph, dtype, b_shape, 2, numbers + 12, 8);
  y = nadir_concat(graph, xs, 2, axis);
  loss = weighted_sum(graph, y, dtype, y_shape, 2, w);
  session = differentiate(graph, loss, &y);
  assert_ok(read_values(session, y, dtype, got, 20));
  assert_values(got, wanted, 20);
  assert_gradient(session, dtype, xs[0], da, 12);
  assert_gradient(session, dtype, xs[1], db, 8);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void joined_pieces_get_their_parts_of_the_gradient(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    check_concat(dtypes[d], 0);
    check_concat(dtypes[d], 1);
  }
}

/* Stacks three of [4] as the rows (axis 0) or the columns (axis 1) of a matrix. */
static void check_stack(nadir_dtype dtype, int32_t axis) {
  const int64_t four[] = {4}, y_shape[] = {axis == 0 ? 3 : 4, axis == 0 ? 4 : 3};
  double w[12], wanted[12], dx[3][4], got[12];
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node xs[3], y, loss;
  nadir_session *session;
  int i;
  for (i = 0; i < 12; ++i) {
    const int piece = axis == 0 ? i / 4 : i % 3, place = axis == 0 ? i % 4 : i / 3;
    w[i] = i + 1;
    wanted[i] = numbers[4 * piece + place];
    dx[piece][place] = w[i];
  }
  for (i = 0; i < 3; ++i) xs[i] = param_of(graph, dtype, four, 1, numbers + 4 * i, 4);
  y = nadir_stack(graph, xs, 3, axis);
  loss = weighted_sum(graph, y, dtype, y_shape, 2, w);
  session = differentiate(graph, loss, &y);
  assert_ok(read_values(session, y, dtype, got, 12));
  assert_values(got, wanted, 12);
  for (i = 0; i < 3; ++i) assert_gradient(session, dtype, xs[i], dx[i], 4);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void stacked_pieces_get_their_parts_of_the_gradient(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    check_stack(dtypes[d], 0);
    check_stack(dtypes[d], 1);
  }
}

/* ----------------------------------------------------------------------------------------------------- shared nodes */

/* y = y + y, sixty times, is x times 2 to the power of 60. There are as many paths from y to x: whoever walks them all does
   not come back. */
static void check_doublings(nadir_dtype dtype) {
  const double x_value = 3, power = 1152921504606846976.0;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = param_of(graph, dtype, NULL, 0, &x_value, 1);
  nadir_node y = x;
  nadir_session *session;
  int i;
  for (i = 0; i < 60; ++i) y = nadir_add(graph, y, y);
  session = differentiate(graph, y, NULL);
  assert_exact(read_value(session, y, dtype), 3 * power);
  assert_exact(grad_value(session, x, dtype), power);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void shared_node_is_differentiated_once_however_many_paths_lead_to_it(void **state) {
  size_t d;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) check_doublings(dtypes[d]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(four_layers_of_ones_have_the_known_gradients),
      cmocka_unit_test(four_layers_of_ones_have_them_in_a_batch_of_five),
      cmocka_unit_test(expression_of_two_vectors_has_the_known_gradients),
      cmocka_unit_test(overwritten_rows_get_no_gradient_and_new_rows_get_theirs),
      cmocka_unit_test(joined_pieces_get_their_parts_of_the_gradient),
      cmocka_unit_test(stacked_pieces_get_their_parts_of_the_gradient),
      cmocka_unit_test(shared_node_is_differentiated_once_however_many_paths_lead_to_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
