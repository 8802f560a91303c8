/* Values that a plan computes once, though the graph has them several times: the host reads what it asked for. */
#include "support.h"

static double square_of(double x) { return x * x; }

static void equal_nodes_and_identities_are_all_there(void **state) {
  const int64_t shape[] = {NADIR_BATCH};
  const double values[] = {1.5, -2, 0.25};
  double got[3];
  int i;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_input_add(graph, "x", NADIR_F64, shape, 1);
  nadir_node outputs[4];
  nadir_session *session;
  (void)state;
  outputs[0] = nadir_square(graph, x);
  outputs[1] = nadir_square(graph, x);
  outputs[2] = nadir_scale(graph, x, 1);
  outputs[3] = nadir_neg(graph, nadir_neg(graph, outputs[1]));
  session = nadir_session_new(graph, NADIR_NONE, outputs, 4, 3, NULL);
  assert_graph_ok(graph);
  assert_ok(write_values(session, x, NADIR_F64, values, 3));
  assert_ok(nadir_forward(session));
  for (i = 0; i < 4; ++i) {
    int k;
    assert_ok(read_values(session, outputs[i], NADIR_F64, got, 3));
    for (k = 0; k < 3; ++k) assert_exact(got[k], i == 2 ? values[k] : square_of(values[k]));
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* The loss is the sum of w by two equal ways, so the gradient is 2, and the loss is another output as well. Both gradients are
   one node, which each parameter gets, and which adds up. */
static void gradients_of_equal_nodes_are_delivered_to_all(void **state) {
  const int64_t shape[] = {2};
  const double start[] = {3, 4};
  double got[2], loss;
  int round;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node w = nadir_param_add(graph, "w", NADIR_F64, shape, 1, NULL);
  nadir_node v = nadir_param_add(graph, "v", NADIR_F64, shape, 1, NULL);
  nadir_node all = nadir_add(graph, nadir_add(graph, w, v), nadir_scale(graph, nadir_add(graph, w, v), 1));
  nadir_node first = nadir_sum(graph, all, NULL, 0, 0);
  nadir_node second = nadir_sum(graph, all, NULL, 0, 0);
  nadir_session *session = nadir_session_new(graph, first, &second, 1, 1, NULL);
  (void)state;
  assert_graph_ok(graph);
  assert_ok(set_param(graph, w, NADIR_F64, start, 2));
  assert_ok(set_param(graph, v, NADIR_F64, start, 2));
  assert_ok(nadir_zero_grad(session));
  for (round = 1; round <= 2; ++round) {
    assert_ok(nadir_forward(session));
    assert_ok(nadir_backward(session));
    assert_ok(read_values(session, first, NADIR_F64, &loss, 1));
    assert_exact(loss, 2 * (3 + 4) * 2);
    assert_ok(read_values(session, second, NADIR_F64, &loss, 1));
    assert_exact(loss, 2 * (3 + 4) * 2);
    assert_ok(nadir_grad_get(session, w, got, sizeof got));
    assert_exact(got[0], 2 * round);
    assert_ok(nadir_grad_get(session, v, got, sizeof got));
    assert_exact(got[1], 2 * round);
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

/* Two dropouts of one value have masks of their own. */
static void dropouts_stay_apart(void **state) {
  enum { COUNT = 256 };
  const int64_t shape[] = {NADIR_BATCH};
  double values[COUNT], a[COUNT], b[COUNT];
  int i, differing = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_input_add(graph, "x", NADIR_F64, shape, 1);
  nadir_node outputs[2];
  nadir_session *session;
  (void)state;
  outputs[0] = nadir_dropout(graph, x, 0.5);
  outputs[1] = nadir_dropout(graph, x, 0.5);
  session = nadir_session_new(graph, NADIR_NONE, outputs, 2, COUNT, NULL);
  assert_graph_ok(graph);
  assert_ok(nadir_session_set_training(session, 1));
  for (i = 0; i < COUNT; ++i) values[i] = 1;
  assert_ok(write_values(session, x, NADIR_F64, values, COUNT));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, outputs[0], NADIR_F64, a, COUNT));
  assert_ok(read_values(session, outputs[1], NADIR_F64, b, COUNT));
  for (i = 0; i < COUNT; ++i) differing += a[i] != b[i];
  assert_in_range(differing, COUNT / 4, 3 * COUNT / 4);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_nodes_and_identities_are_all_there),
      cmocka_unit_test(gradients_of_equal_nodes_are_delivered_to_all),
      cmocka_unit_test(dropouts_stay_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
