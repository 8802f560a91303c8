/*
 * Results may be written over operands that nobody reads after them. Of random graphs, a session that keeps nothing but the loss gives
 * the loss and the gradients of one that keeps every value, where nothing can be overwritten, to the bit: for one thread and for several, for
 * one strip of a fused step and for more, for gradients that are overwritten and those that are added to.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { GRAPHS = 20 };
#else
enum { GRAPHS = 120 };
#endif
enum { WIDTH = 32, MOST = 150, MOST_NODES = 64 };

typedef struct net {
  nadir_graph *graph;
  nadir_node x, loss, nodes[MOST_NODES];
  int count;
  uint32_t seed;
} net;

static uint32_t below(net *n, uint32_t limit) {
  n->seed = n->seed * 1664525u + 1013904223u;
  return (n->seed >> 8) % limit;
}

/* Mostly one of the last. */
static nadir_node pick(net *n) {
  const uint32_t count = (uint32_t)n->count;
  return below(n, 3) == 0 ? n->nodes[below(n, count)] : n->nodes[count - 1 - below(n, count < 3 ? count : 3)];
}

static nadir_node weight(net *n, const int64_t *shape, int rank) {
  char name[32];
  snprintf(name, sizeof name, "w%d", n->count);
  return nadir_param_add(n->graph, name, NADIR_F32, shape, rank, "init=uniform low=-0.5 high=0.5");
}

static nadir_node operation(net *n) {
  static const int64_t matrix[] = {WIDTH, WIDTH};
  static const int32_t columns[] = {1}, rows[] = {0};
  nadir_graph *g = n->graph;
  const nadir_node a = pick(n), b = pick(n);
  switch (below(n, 14)) {
    case 0: return nadir_tanh(g, a);
    case 1: return nadir_sigmoid(g, a);
    case 2: return nadir_relu(g, a);
    case 3: return nadir_add(g, a, b);
    case 4: return nadir_mul(g, a, b);
    case 5: return nadir_sub(g, a, b);
    case 6: return nadir_maximum(g, a, b);
    case 7: return nadir_add(g, a, weight(n, matrix, 1));
    case 8: return nadir_sub(g, a, nadir_mean(g, b, columns, 1, "keepdim=1"));
    case 9: return nadir_mul(g, nadir_tanh(g, a), nadir_sum(g, nadir_scale(g, b, 0.01), rows, 1, "keepdim=1"));
    case 10: return nadir_add(g, a, nadir_flip(g, b, columns, 1));
    case 11: return nadir_softmax(g, a, 1);
    case 12: return nadir_gelu(g, a);
    default: return nadir_matmul(g, nadir_tanh(g, a), weight(n, matrix, 2), NULL);
  }
}

static void make_net(net *n, uint32_t seed) {
  const int64_t shape[] = {NADIR_BATCH, WIDTH};
  int operations;
  memset(n, 0, sizeof *n);
  n->seed = seed;
  n->graph = nadir_graph_new(NULL);
  assert_non_null(n->graph);
  n->x = nadir_input_add(n->graph, "x", NADIR_F32, shape, 2);
  n->nodes[0] = nadir_add(n->graph, n->x, weight(n, shape + 1, 1));
  n->count = 1;
  for (operations = 4 + (int)below(n, 16); operations > 0; --operations) {
    const nadir_node node = operation(n);
    n->nodes[n->count++] = node;
  }
  n->loss = nadir_mean(n->graph, nadir_square(n->graph, n->nodes[n->count - 1]), NULL, 0, NULL);
  n->loss = nadir_add(n->graph, n->loss, nadir_mean(n->graph, nadir_tanh(n->graph, pick(n)), NULL, 0, NULL));
  assert_graph_ok(n->graph);
}

/* The loss, and the gradients after one pass backward and after two; to be given to free(). */
static float *results_of(const net *n, int all, const char *threads, int batch, size_t *arena, size_t *bytes) {
  nadir_session *session =
      nadir_session_new(n->graph, n->loss, all ? n->nodes : NULL, all ? n->count : 0, MOST, threads);
  const size_t count = nadir_params_flat_count(n->graph, NADIR_F32);
  const size_t values = (size_t)batch * WIDTH;
  float *results = malloc((1 + 2 * count) * sizeof *results);
  float *x = malloc(values * sizeof *x);
  uint32_t seed = 3;
  size_t i;
  assert_graph_ok(n->graph);
  assert_non_null(session);
  assert_non_null(results);
  assert_non_null(x);
  for (i = 0; i < values; ++i) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(seed >> 8) / 8388608.0f - 1;
  }
  assert_ok(nadir_session_write(session, n->x, x, values * sizeof *x));
  assert_ok(nadir_zero_grad(session));
  for (i = 0; i < 2; ++i) {
    assert_ok(nadir_forward(session));
    assert_ok(nadir_backward(session));
    assert_ok(nadir_grads_flat_get(session, NADIR_F32, results + 1 + i * count, count * sizeof *results));
  }
  assert_ok(nadir_session_read(session, n->loss, results, sizeof *results));
  assert_ok(nadir_session_memory(session, "arena", arena));
  *bytes = (1 + 2 * count) * sizeof *results;
  nadir_session_free(session);
  free(x);
  return results;
}

static void what_is_overwritten_was_not_needed(void **state) {
  static const int batches[] = {1, 7, 64, MOST};
  uint32_t seed;
  (void)state;
  for (seed = 1; seed <= GRAPHS; ++seed) {
    net n;
    size_t i;
    make_net(&n, seed * 7919u);
    for (i = 0; i < COUNT_OF(batches); ++i) {
      size_t kept_arena, arena, kept_bytes, bytes;
      const char *const threads = i % 2 == 0 ? "threads=1" : "threads=3";
      float *kept = results_of(&n, 1, threads, batches[i], &kept_arena, &kept_bytes);
      float *got = results_of(&n, 0, threads, batches[i], &arena, &bytes);
      assert_int_equal(bytes, kept_bytes);
      if (memcmp(kept, got, bytes) != 0) print_error("graph %u, batch %d\n", (unsigned)seed, batches[i]);
      assert_memory_equal(kept, got, bytes);
      free(kept);
      free(got);
    }
    nadir_graph_free(n.graph);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_overwritten_was_not_needed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
