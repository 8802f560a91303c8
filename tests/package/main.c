/* A host's first program: it checks that the header and the library that it found belong together, and does a step. */
#include <math.h>
#include <nadir/nadir.h>
#include <stdio.h>

#define NADIR_VERSION_NUMBER (NADIR_VERSION_MAJOR * 1000000 + NADIR_VERSION_MINOR * 1000 + NADIR_VERSION_PATCH)

/* One step of descent on (x w + b - t)² from w = b = 1 with x = -2, t = -4: w becomes 2.2. */
static double weight_after_a_step(void) {
  const int64_t column[] = {NADIR_BATCH, 1};
  const double one = 1, input = -2, target = -4;
  double weight = NAN;

  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_input_add(graph, "x", NADIR_F64, column, 2);
  nadir_node t = nadir_input_add(graph, "t", NADIR_F64, column, 2);
  nadir_node y = nadir_linear_add(graph, "fit", x, 1, NULL);
  nadir_node loss = nadir_mse_loss(graph, y, t, NULL);
  nadir_node w = nadir_graph_find(graph, "fit.weight");
  nadir_param_set(graph, w, &one, sizeof one);
  nadir_param_set(graph, nadir_graph_find(graph, "fit.bias"), &one, sizeof one);

  nadir_session *session = nadir_session_new(graph, loss, NULL, 0, 1, NULL);
  nadir_session_write(session, x, &input, sizeof input);
  nadir_session_write(session, t, &target, sizeof target);
  nadir_forward(session);
  nadir_backward(session);
  if (nadir_sgd_step(session, 0.1) == NADIR_OK) nadir_param_get(graph, w, &weight, sizeof weight);

  nadir_session_free(session);
  nadir_graph_free(graph);
  return weight;
}

int main(void) {
  if (nadir_version_number() != NADIR_VERSION_NUMBER) {
    fprintf(stderr, "header %d, library %d\n", (int)NADIR_VERSION_NUMBER, (int)nadir_version_number());
    return 1;
  }
  const double weight = weight_after_a_step();
  if (!(fabs(weight - 2.2) < 1e-12)) {
    fprintf(stderr, "w is %.17g, not 2.2\n", weight);
    return 1;
  }
  return 0;
}
