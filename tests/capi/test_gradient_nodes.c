/*
 * The nodes that differentiating adds: no more than needed, no fewer than a later differentiation needs, and planned right
 * where gradients share them.
 */
#include "support.h"

/*
 * d(3u²)/du = 3 * 2 * u. The 1 that the way back begins with is folded away; the constant 3 is the caller's, who may ask for
 * a derivative with respect to it, and stays.
 */
static void only_nodes_that_the_gradients_need_are_added(void **state) {
  static const char wanted[] =
      "u = param() f64 []\n"
      "square#1 = square(u) f64 []\n"
      "three = constant(3) f64 []\n"
      "mul#3 = mul(three, square#1) f64 []\n"
      "scale#4 = scale(three, 2) f64 []\n"
      "mul#5 = mul(scale#4, u) f64 []\n";
  const double three = 3;
  char text[512];
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node u = nadir_param_add(graph, "u", NADIR_F64, NULL, 0, NULL);
  const nadir_node square = nadir_square(graph, u);
  const nadir_node factor = nadir_constant_add(graph, "three", NADIR_F64, NULL, 0, &three, sizeof three);
  nadir_node gradient;
  (void)state;
  assert_ok(nadir_gradients(graph, nadir_mul(graph, factor, square), NADIR_NONE, &u, 1, &gradient));
  assert_ok(nadir_graph_dump(graph, "text", text, sizeof text, NULL));
  assert_string_equal(text, wanted);
  assert_string_equal(nadir_graph_node_name(graph, gradient), "mul#5");
  nadir_graph_free(graph);
}

/* y = c u²: dy/du = 2 c u, and its derivative with respect to the constant c is 2 u. */
static void gradient_keeps_its_dependence_on_constants(void **state) {
  const double c_value = 5, u_value = 3;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node u = nadir_param_add(graph, "u", NADIR_F64, NULL, 0, NULL);
  const nadir_node c = nadir_constant_add(graph, "c", NADIR_F64, NULL, 0, &c_value, sizeof c_value);
  const nadir_node square = nadir_square(graph, u);
  nadir_node by_u, by_c;
  nadir_session *session;
  (void)state;
  assert_ok(nadir_gradients(graph, nadir_mul(graph, square, c), NADIR_NONE, &u, 1, &by_u));
  assert_ok(nadir_gradients(graph, by_u, NADIR_NONE, &c, 1, &by_c));
  assert_ok(nadir_param_set(graph, u, &u_value, sizeof u_value));
  session = nadir_session_new(graph, NADIR_NONE, &by_c, 1, 1, NULL);
  assert_ok(nadir_forward(session));
  assert_exact(read_value(session, by_c, NADIR_F64), 6);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* y = the sum of r², r = [s, s, s]: dy/dr = 2 r, and the derivative of its sum with respect to r is 2. */
static void gradient_keeps_its_dependence_on_broadcast_nodes(void **state) {
  const int64_t row[] = {3};
  double values[3];
  size_t i;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node s = nadir_param_add(graph, "s", NADIR_F64, NULL, 0, "init=ones");
  const nadir_node r = nadir_broadcast_to(graph, s, row, 1);
  nadir_node first, second;
  nadir_session *session;
  (void)state;
  assert_ok(nadir_gradients(graph, nadir_sum(graph, nadir_square(graph, r), NULL, 0, NULL), NADIR_NONE, &r, 1, &first));
  assert_ok(nadir_gradients(graph, nadir_sum(graph, first, NULL, 0, NULL), NADIR_NONE, &r, 1, &second));
  session = nadir_session_new(graph, NADIR_NONE, &second, 1, 1, NULL);
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, second, values, sizeof values));
  for (i = 0; i < 3; ++i) assert_exact(values[i], 2);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/*
 * L = sum(x · (w1 + w2)) + sum(w2 * r): the gradient of w1 is a product, and that of w2 the same product plus a row repeated,
 * which looks like a bias. x is [2, 3], w1 and w2 [3, 2], r [2].
 */
static void product_that_is_a_gradient_is_no_part_of_another(void **state) {
  const int64_t left[] = {2, 3}, right[] = {3, 2}, row[] = {2};
  const double x_values[] = {1, 2, 3, 4, 5, 6}, r_values[] = {10, 20};
  double dw1[6], dw2[6];
  size_t i;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x =
      nadir_input_add(graph, "x", NADIR_F64, left, 2); /* no constant: the product is one of backward */
  const nadir_node r = nadir_param_add(graph, "r", NADIR_F64, row, 1, NULL);
  const nadir_node w1 = nadir_param_add(graph, "w1", NADIR_F64, right, 2, "init=ones");
  const nadir_node w2 = nadir_param_add(graph, "w2", NADIR_F64, right, 2, "init=ones");
  const nadir_node product = nadir_matmul(graph, x, nadir_add(graph, w1, w2), NULL);
  const nadir_node first = nadir_sum(graph, product, NULL, 0, NULL);
  const nadir_node second = nadir_sum(graph, nadir_mul(graph, w2, r), NULL, 0, NULL);
  nadir_session *session = nadir_session_new(graph, nadir_add(graph, first, second), NULL, 0, 1, NULL);
  (void)state;
  assert_non_null(session);
  assert_ok(nadir_session_write(session, x, x_values, sizeof x_values));
  assert_ok(nadir_param_set(graph, r, r_values, sizeof r_values));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_backward(session));
  assert_ok(nadir_grad_get(session, w1, dw1, sizeof dw1));
  assert_ok(nadir_grad_get(session, w2, dw2, sizeof dw2));
  for (i = 0; i < 6; ++i) {
    const double column_sum = x_values[i / 2] + x_values[3 + i / 2];
    assert_exact(dw1[i], column_sum);
    assert_exact(dw2[i], column_sum + r_values[i % 2]);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* `out` may be `xs`. */
static void gradients_may_replace_their_variables(void **state) {
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node node = nadir_param_add(graph, "u", NADIR_F64, NULL, 0, NULL);
  const nadir_node square = nadir_square(graph, node);
  (void)state;
  assert_ok(nadir_gradients(graph, square, NADIR_NONE, &node, 1, &node));
  assert_string_equal(nadir_graph_node_name(graph, node), "scale#2");
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_nodes_that_the_gradients_need_are_added),
      cmocka_unit_test(gradient_keeps_its_dependence_on_constants),
      cmocka_unit_test(gradient_keeps_its_dependence_on_broadcast_nodes),
      cmocka_unit_test(product_that_is_a_gradient_is_no_part_of_another),
      cmocka_unit_test(gradients_may_replace_their_variables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
