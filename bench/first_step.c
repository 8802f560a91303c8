/* From nothing to the first trained step: what a program that has just started waits for. */
#include <nadir/nadir.h>
#include <stdio.h>

int main(void) {
  const int64_t column[] = {NADIR_BATCH, 1};
  const float x = 1, t = 2;
  double loss = 0;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node input = nadir_input_add(graph, "x", NADIR_F32, column, 2);
  const nadir_node target = nadir_input_add(graph, "t", NADIR_F32, column, 2);
  const nadir_node y = nadir_linear_add(graph, "fit", input, 1, NULL);
  nadir_session *session = nadir_session_new(graph, nadir_mse_loss(graph, y, target, NULL), NULL, 0, 1, NULL);
  nadir_optimizer *sgd = nadir_sgd_new(session, 0.1, NULL);
  nadir_session_write(session, input, &x, sizeof x);
  nadir_session_write(session, target, &t, sizeof t);
  if (nadir_train_step(sgd, &loss) != NADIR_OK || !(loss > 0)) {
    fprintf(stderr, "%s\n", nadir_session_error(session));
    return 1;
  }
  nadir_optimizer_free(sgd);
  nadir_session_free(session);
  nadir_graph_free(graph);
  return 0;
}
