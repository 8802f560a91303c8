/*
 * Threads: the same bits whatever their number and whoever lends them, in the caller's floating-point mode; small steps wake
 * nobody.
 */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STEPS = 3 };
#else
enum { STEPS = 200 };
#endif

/* A network to be trained, its inputs written. */
typedef struct net {
  nadir_graph *graph;
  nadir_session *session;
  nadir_optimizer *optimizer;
  nadir_node labels, loss;
} net;

static float noise(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / 8388608.0f - 1;
}

static void finish(net *n, nadir_node x, nadir_node labels, nadir_node loss, size_t elements, int batch,
                   const char *threads, int uses_adam) {
  float *values = malloc(elements * sizeof *values);
  int64_t *classes = malloc((size_t)batch * sizeof *classes);
  uint32_t seed = 5;
  size_t i;
  n->labels = labels;
  n->loss = loss;
  assert_non_null(values);
  assert_non_null(classes);
  for (i = 0; i < elements; ++i) values[i] = noise(&seed);
  for (i = 0; i < (size_t)batch; ++i) classes[i] = (int64_t)(i % 10);
  assert_graph_ok(n->graph);
  n->session = nadir_session_new(n->graph, loss, NULL, 0, batch, threads);
  assert_graph_ok(n->graph);
  n->optimizer = uses_adam ? nadir_adam_new(n->session, 0.001, NULL) : nadir_sgd_new(n->session, 0.05, NULL);
  assert_non_null(n->optimizer);
  assert_ok(nadir_session_write(n->session, x, values, elements * sizeof *values));
  assert_ok(nadir_session_write(n->session, labels, classes, (size_t)batch * sizeof *classes));
  free(values);
  free(classes);
}

static void open_mlp(net *n, const nadir_host *host, const int *widths, int layers, int batch, const char *threads,
                     int uses_adam) {
  const int64_t shape[] = {NADIR_BATCH, widths[0]}, column[] = {NADIR_BATCH};
  char name[] = "layer0";
  nadir_node x, y, labels;
  int i;
  n->graph = nadir_graph_new(host);
  assert_non_null(n->graph);
  x = y = nadir_input_add(n->graph, "x", NADIR_F32, shape, 2);
  labels = nadir_input_add(n->graph, "labels", NADIR_I64, column, 1);
  for (i = 1; i <= layers; ++i, ++name[5]) {
    y = nadir_linear_add(n->graph, name, y, widths[i], NULL);
    if (i < layers) y = nadir_relu(n->graph, y);
  }
  finish(n, x, labels, nadir_cross_entropy_loss(n->graph, y, labels, NADIR_NONE, NULL), (size_t)(widths[0] * batch),
         batch, threads, uses_adam);
}

static void open_cnn(net *n, const nadir_host *host, int batch, const char *threads) {
  const int64_t shape[] = {NADIR_BATCH, 1, 28, 28}, column[] = {NADIR_BATCH};
  nadir_graph *g = n->graph = nadir_graph_new(host);
  nadir_node x, y, labels;
  assert_non_null(g);
  x = nadir_input_add(g, "x", NADIR_F32, shape, 4);
  labels = nadir_input_add(g, "labels", NADIR_I64, column, 1);
  y = nadir_max_pool2d(g, nadir_relu(g, nadir_conv2d_add(g, "c1", x, 8, 3, "padding=1")), 2, NULL);
  y = nadir_max_pool2d(g, nadir_relu(g, nadir_conv2d_add(g, "c2", y, 16, 3, "padding=1")), 2, NULL);
  y = nadir_linear_add(g, "head", nadir_flatten(g, y, 1, -1), 10, NULL);
  finish(n, x, labels, nadir_cross_entropy_loss(g, y, labels, NADIR_NONE, NULL), (size_t)(28 * 28 * batch), batch,
         threads, 1);
}

/* Rows whose sums and extremes stay in the working memory of a thread. */
static void open_normalized(net *n, const nadir_host *host, int batch, const char *threads) {
  const int64_t shape[] = {NADIR_BATCH, 32}, column[] = {NADIR_BATCH};
  nadir_graph *g = n->graph = nadir_graph_new(host);
  nadir_node x, y, labels;
  assert_non_null(g);
  x = nadir_input_add(g, "x", NADIR_F32, shape, 2);
  labels = nadir_input_add(g, "labels", NADIR_I64, column, 1);
  y = nadir_gelu(g, nadir_layer_norm_add(g, "n1", nadir_linear_add(g, "a", x, 64, NULL), 1, NULL));
  y = nadir_mul(g, y, nadir_softmax(g, y, 1));
  y = nadir_linear_add(g, "b", y, 10, NULL);
  finish(n, x, labels, nadir_cross_entropy_loss(g, y, labels, NADIR_NONE, NULL), (size_t)(32 * batch), batch, threads,
         1);
}

enum { J3_LIKE, J4_LIKE, CNN, NORMALIZED, J6_LIKE, JOBS };

static void open_job(net *n, const nadir_host *host, int job, const char *threads) {
  static const int small[] = {13, 32, 32, 32, 10}, medium[] = {784, 128, 10}, large[] = {512, 768, 640, 10};
  switch (job) {
    case J3_LIKE: open_mlp(n, host, small, 4, 379, threads, 1); break;
    case J4_LIKE: open_mlp(n, host, medium, 2, 128, threads, 0); break;
    case CNN: open_cnn(n, host, 32, threads); break;
    case NORMALIZED: open_normalized(n, host, 300, threads); break;
    default: open_mlp(n, host, large, 3, 128, threads, 0); break;
  }
}

static void close_net(net *n) {
  nadir_optimizer_free(n->optimizer);
  nadir_session_free(n->session);
  nadir_graph_free(n->graph);
}

static void train(net *n, int steps) {
  int i;
  for (i = 0; i < steps; ++i) assert_ok(nadir_train_step(n->optimizer, NULL));
}

/* All parameters; to be given to free(). */
static float *parameters_of(const net *n, size_t *bytes) {
  float *values;
  *bytes = nadir_params_flat_count(n->graph, NADIR_F32) * sizeof *values;
  values = malloc(*bytes);
  assert_non_null(values);
  assert_ok(nadir_params_flat_get(n->graph, NADIR_F32, values, *bytes));
  return values;
}

static void assert_equal_parameters(const net *a, const net *b) {
  size_t bytes, other;
  float *left = parameters_of(a, &bytes), *right = parameters_of(b, &other);
  assert_int_equal(bytes, other);
  assert_memory_equal(left, right, bytes);
  free(left);
  free(right);
}

static void the_number_of_threads_changes_no_bits(void **state) {
  static const char *const options[] = {"threads=2", "threads=3", "threads=4", "threads=7"};
  int job;
  size_t i;
  (void)state;
  for (job = 0; job < JOBS; ++job) {
    net one;
    const int steps = job == J6_LIKE ? STEPS / 10 + 1 : STEPS;
    open_job(&one, NULL, job, "threads=1");
    train(&one, steps);
    for (i = 0; i < sizeof options / sizeof *options; ++i) {
      net many;
      open_job(&many, NULL, job, options[i]);
      train(&many, steps);
      assert_equal_parameters(&one, &many);
      close_net(&many);
    }
    close_net(&one);
  }
}

/* Short rows by a repeated one, which every part has to lay out for itself. */
static void parts_repeat_rows_by_themselves(void **state) {
  enum { ROWS = 100000, COLUMNS = 10 };
  const int64_t rows[] = {ROWS, COLUMNS}, row[] = {COLUMNS};
  float *x = malloc(ROWS * COLUMNS * sizeof *x), *y = malloc(ROWS * COLUMNS * sizeof *y), repeated[COLUMNS];
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node in = nadir_input_add(g, "x", NADIR_F32, rows, 2);
  const nadir_node by = nadir_input_add(g, "by", NADIR_F32, row, 1);
  const nadir_node out = nadir_neg(g, nadir_mul(g, nadir_add(g, in, by), by));
  nadir_session *session;
  int i;
  (void)state;
  assert_non_null(x);
  assert_non_null(y);
  for (i = 0; i < ROWS * COLUMNS; ++i) x[i] = (float)(i % 97);
  for (i = 0; i < COLUMNS; ++i) repeated[i] = (float)(i + 1);
  session = nadir_session_new(g, NADIR_NONE, &out, 1, 1, "threads=5");
  assert_graph_ok(g);
  assert_ok(nadir_session_write(session, in, x, ROWS * COLUMNS * sizeof *x));
  assert_ok(nadir_session_write(session, by, repeated, sizeof repeated));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, out, y, ROWS * COLUMNS * sizeof *y));
  for (i = 0; i < ROWS * COLUMNS; ++i) {
    const float r = repeated[i % COLUMNS];
    assert_true(y[i] == -((x[i] + r) * r)); /* whole numbers, exact */
  }
  nadir_session_free(session);
  nadir_graph_free(g);
  free(x);
  free(y);
}

/* An executor of the host's: one index after another, the last first. */
typedef struct counted {
  int calls, indices, destroyed;
  int32_t count;
} counted;

static void run_backwards(void *user, int32_t count, void (*body)(void *context, int32_t index), void *context) {
  counted *c = user;
  ++c->calls;
  c->count = count;
  while (count-- > 0) {
    ++c->indices;
    body(context, count);
  }
}

static void note_end(void *user) { ++((counted *)user)->destroyed; }

static nadir_executor executor_of(counted *c) {
  nadir_executor executor;
  memset(&executor, 0, sizeof executor);
  executor.struct_size = sizeof executor;
  executor.user = c;
  executor.parallel_for = run_backwards;
  executor.destroy = note_end;
  return executor;
}

static void host_lends_its_threads(void **state) {
  counted c = {0, 0, 0, 0};
  const nadir_executor executor = executor_of(&c);
  nadir_host *host = nadir_host_new(NULL);
  net one, lent;
  (void)state;
  assert_non_null(host);
  assert_ok(nadir_host_set_executor(host, &executor));
  open_job(&lent, host, CNN, "threads=5");
  open_job(&one, NULL, CNN, "threads=1");
  train(&lent, 3);
  train(&one, 3);
  assert_true(c.calls > 0);
  assert_int_equal(c.count, 5);
  assert_int_equal(c.indices, 5 * c.calls);
  assert_equal_parameters(&one, &lent);
  /* It belongs to the host's first graph. */
  assert_int_equal(nadir_host_set_executor(host, NULL), NADIR_E_STATE);
  nadir_host_free(host);
  assert_int_equal(c.destroyed, 0);
  close_net(&lent);
  assert_int_equal(c.destroyed, 1);
  close_net(&one);
}

static void executors_are_replaced_and_checked(void **state) {
  counted c = {0, 0, 0, 0};
  nadir_executor executor = executor_of(&c);
  nadir_host *host = nadir_host_new(NULL);
  (void)state;
  assert_non_null(host);
  assert_int_equal(nadir_host_set_executor(NULL, &executor), NADIR_E_ARGUMENT);
  executor.struct_size = sizeof executor - 1;
  assert_int_equal(nadir_host_set_executor(host, &executor), NADIR_E_ARGUMENT);
  executor = executor_of(&c);
  executor.parallel_for = NULL;
  assert_int_equal(nadir_host_set_executor(host, &executor), NADIR_E_ARGUMENT);
  assert_int_equal(c.destroyed, 0);
  executor = executor_of(&c);
  assert_ok(nadir_host_set_executor(host, &executor));
  assert_ok(nadir_host_set_executor(host, NULL));
  assert_int_equal(c.destroyed, 1);
  nadir_host_free(host);
}

/* Lends no threads, but has another one call Nadir while a step is shared among them: in the middle of whatever call it is. */
typedef struct intruder {
  net *n;
  int calls;
  nadir_status answers[8];
} intruder;

static void *intrude(void *argument) {
  intruder *i = argument;
  const net *n = i->n;
  const int64_t label = 1;
  float value = 0;
  i->answers[0] = nadir_train_step(n->optimizer, NULL);
  i->answers[1] = nadir_forward(n->session);
  i->answers[2] = nadir_backward(n->session);
  i->answers[3] = nadir_zero_grad(n->session);
  i->answers[4] = nadir_optimizer_step(n->optimizer);
  i->answers[5] = nadir_optimizer_set(n->optimizer, "lr", 0.5);
  i->answers[6] = nadir_session_write(n->session, n->labels, &label, sizeof label);
  i->answers[7] = nadir_session_read(n->session, n->loss, &value, sizeof value);
  return NULL;
}

static void intrude_and_run(void *user, int32_t count, void (*body)(void *context, int32_t index), void *context) {
  intruder *i = user;
  pthread_t thread;
  if (i->calls++ == 0 && pthread_create(&thread, NULL, intrude, i) == 0) pthread_join(thread, NULL);
  while (count-- > 0) body(context, count);
}

static void second_thread_is_answered_busy_during_a_step(void **state) {
  intruder i;
  nadir_executor executor;
  nadir_host *host = nadir_host_new(NULL);
  net alone, met;
  size_t k;
  (void)state;
  memset(&i, 0, sizeof i);
  memset(&executor, 0, sizeof executor);
  executor.struct_size = sizeof executor;
  executor.user = &i;
  executor.parallel_for = intrude_and_run;
  assert_non_null(host);
  assert_ok(nadir_host_set_executor(host, &executor));
  open_job(&met, host, CNN, "threads=2");
  open_job(&alone, NULL, CNN, "threads=1");
  i.n = &met;
  train(&met, 2);
  train(&alone, 2);
  assert_true(i.calls > 0);
  for (k = 0; k < COUNT_OF(i.answers); ++k) assert_status(i.answers[k], NADIR_E_BUSY);
  assert_equal_parameters(&met, &alone);
  close_net(&met);
  close_net(&alone);
  nadir_host_free(host);
}

static void small_steps_wake_nobody(void **state) {
  static const int widths[] = {2, 16, 10};
  counted c = {0, 0, 0, 0};
  const nadir_executor executor = executor_of(&c);
  nadir_host *host = nadir_host_new(NULL);
  net n;
  (void)state;
  assert_ok(nadir_host_set_executor(host, &executor));
  open_mlp(&n, host, widths, 2, 4, "threads=4", 0);
  train(&n, 3);
  assert_int_equal(c.calls, 0);
  close_net(&n);
  nadir_host_free(host);
}

static void numbers_of_threads_are_checked(void **state) {
  static const char *const bad[] = {"threads=0", "threads=257", "threads=-1", "threads=two", "threads=1.5"};
  const int64_t shape[] = {NADIR_BATCH};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof bad / sizeof *bad; ++i) {
    nadir_graph *g = nadir_graph_new(NULL);
    const nadir_node y = nadir_neg(g, nadir_input_add(g, "x", NADIR_F32, shape, 1));
    assert_null(nadir_session_new(g, NADIR_NONE, &y, 1, 4, bad[i]));
    assert_int_equal(nadir_graph_status(g), NADIR_E_ARGUMENT);
    assert_non_null(strstr(nadir_graph_error(g), "threads="));
    nadir_graph_free(g);
  }
}

#if defined(__x86_64__)
/* With denormals flushed to 0, in all parts or in none. */
static void workers_have_the_mode_of_the_caller(void **state) {
  enum { COUNT = 1 << 20 };
  const int64_t shape[] = {COUNT};
  const unsigned before = _mm_getcsr();
  float *x = malloc(COUNT * sizeof *x), *flushed = malloc(COUNT * sizeof *x), *kept = malloc(COUNT * sizeof *x);
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node in = nadir_input_add(g, "x", NADIR_F32, shape, 1);
  const nadir_node y = nadir_exp(g, nadir_square(g, nadir_scale(g, in, 0.25)));
  const nadir_node out = nadir_scale(g, nadir_sub(g, y, y), 1), small = nadir_scale(g, in, 0.25);
  const nadir_node outputs[2] = {small, out};
  nadir_session *session;
  int i;
  (void)state;
  assert_non_null(x);
  assert_non_null(flushed);
  assert_non_null(kept);
  for (i = 0; i < COUNT; ++i) x[i] = 1.5e-38f;
  session = nadir_session_new(g, NADIR_NONE, outputs, 2, 1, "threads=3");
  assert_graph_ok(g);
  assert_ok(nadir_session_write(session, in, x, COUNT * sizeof *x));
  assert_ok(nadir_forward(session));
  assert_ok(nadir_session_read(session, small, kept, COUNT * sizeof *x));
  _mm_setcsr(before | 0x8000u);
  assert_ok(nadir_forward(session));
  _mm_setcsr(before);
  assert_ok(nadir_session_read(session, small, flushed, COUNT * sizeof *x));
  for (i = 0; i < COUNT; ++i) {
    assert_true(kept[i] > 0);
    assert_true(flushed[i] == 0);
  }
  nadir_session_free(session);
  nadir_graph_free(g);
  free(x);
  free(flushed);
  free(kept);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_number_of_threads_changes_no_bits),
    cmocka_unit_test(parts_repeat_rows_by_themselves),
    cmocka_unit_test(host_lends_its_threads),
    cmocka_unit_test(executors_are_replaced_and_checked),
    cmocka_unit_test(second_thread_is_answered_busy_during_a_step),
    cmocka_unit_test(small_steps_wake_nobody),
    cmocka_unit_test(numbers_of_threads_are_checked),
#if defined(__x86_64__)
    cmocka_unit_test(workers_have_the_mode_of_the_caller),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
