/*
 * Small networks that learn what they are made for, each from its own seed in a second or so: XOR, two moons, the identity by
 * a deep network, a sine by a recurrent layer, a text by attention. Bounds are on what was not trained on where there is such.
 */
#include "support.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* A graph that is trained by Adam. */
typedef struct trainer {
  nadir_graph *graph;
  nadir_session *session;
  nadir_optimizer *adam;
} trainer;

static nadir_graph *open_graph(trainer *t, uint64_t seed) {
  t->graph = nadir_graph_new(NULL);
  assert_non_null(t->graph);
  assert_ok(nadir_graph_set_seed(t->graph, seed));
  return t->graph;
}

static void compile(trainer *t, nadir_node loss, nadir_node output, int64_t max_batch, double learning_rate) {
  assert_graph_ok(t->graph);
  t->session = nadir_session_new(t->graph, loss, &output, 1, max_batch, NULL);
  assert_graph_ok(t->graph);
  t->adam = nadir_adam_new(t->session, learning_rate, NULL);
  assert_non_null(t->adam);
}

/* The loss of the last of so many steps on the inputs as they were written. */
static double train(trainer *t, int steps) {
  double loss = NAN;
  int i;
  for (i = 0; i < steps; ++i) assert_ok(nadir_train_step(t->adam, &loss));
  return loss;
}

static void put(trainer *t, nadir_node input, const void *data, size_t bytes) {
  assert_ok(nadir_session_write(t->session, input, data, bytes));
}

/* A forward pass in evaluation. */
static void evaluate(trainer *t, nadir_node output, void *data, size_t bytes) {
  assert_ok(nadir_session_set_training(t->session, 0));
  assert_ok(nadir_forward(t->session));
  assert_ok(nadir_session_read(t->session, output, data, bytes));
}

static void close_all(trainer *t) {
  nadir_optimizer_free(t->adam);
  nadir_session_free(t->session);
  nadir_graph_free(t->graph);
}

static nadir_node rows(nadir_graph *g, const char *name, int64_t columns) {
  int64_t shape[2];
  shape[0] = NADIR_BATCH;
  shape[1] = columns;
  return nadir_input_add(g, name, NADIR_F32, shape, 2);
}

/* ----------------------------------------------------------------------------------------------- fully connected */

static void xor_is_learned(void **state) {
  static const float points[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, wanted[4] = {0, 1, 1, 0};
  trainer t;
  nadir_graph *g = open_graph(&t, 1);
  const nadir_node x = rows(g, "x", 2), target = rows(g, "target", 1);
  const nadir_node hidden = nadir_tanh(g, nadir_linear_add(g, "hidden", x, 16, NULL));
  const nadir_node y = nadir_linear_add(g, "out", hidden, 1, NULL);
  float got[4];
  int i;
  (void)state;
  compile(&t, nadir_mse_loss(g, y, target, NULL), y, 4, 0.05);
  put(&t, x, points, sizeof points);
  put(&t, target, wanted, sizeof wanted);
  assert_true(train(&t, 1) > 0.1);
  assert_true(train(&t, 500) < 1e-4);
  evaluate(&t, y, got, sizeof got);
  for (i = 0; i < 4; ++i) assert_near(got[i], wanted[i], 0.05);
  close_all(&t);
}

/* A number from -1 to 1. */
static double noise(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state / 2147483648.0 - 1;
}

/* Two half circles that reach into one another, each point up to 0.15 off; labels -1 and 1. */
static void make_moons(float (*points)[2], float *labels, int count, uint32_t seed) {
  int i;
  for (i = 0; i < count; ++i) {
    const int is_second = i % 2;
    const double angle = pi * (0.5 + 0.5 * noise(&seed));
    points[i][0] = (float)((is_second ? 1 - cos(angle) : cos(angle)) + 0.15 * noise(&seed));
    points[i][1] = (float)((is_second ? 0.5 - sin(angle) : sin(angle)) + 0.15 * noise(&seed));
    labels[i] = is_second ? 1 : -1;
  }
}

static void two_moons_are_told_apart(void **state) {
  enum { COUNT = 200 };
  float points[COUNT][2], labels[COUNT], scores[COUNT];
  trainer t;
  nadir_graph *g = open_graph(&t, 2);
  const nadir_node x = rows(g, "x", 2), label = rows(g, "label", 1);
  nadir_node hidden = nadir_relu(g, nadir_linear_add(g, "first", x, 16, NULL)), score, loss;
  int i, right = 0;
  (void)state;
  hidden = nadir_relu(g, nadir_linear_add(g, "second", hidden, 16, NULL));
  score = nadir_linear_add(g, "score", hidden, 1, NULL);
  /* log(1 + exp(-label * score)) */
  loss = nadir_mean(g, nadir_softplus(g, nadir_neg(g, nadir_mul(g, label, score)), NULL), NULL, 0, NULL);
  compile(&t, loss, score, COUNT, 0.02);
  make_moons(points, labels, COUNT, 3);
  put(&t, x, points, sizeof points);
  put(&t, label, labels, sizeof labels);
  assert_true(train(&t, 400) < 0.02);
  make_moons(points, labels, COUNT, 4); /* others */
  put(&t, x, points, sizeof points);
  evaluate(&t, score, scores, sizeof scores);
  for (i = 0; i < COUNT; ++i) right += scores[i] * labels[i] > 0;
  assert_true(right >= COUNT * 98 / 100);
  close_all(&t);
}

/* 2-16-16-16-1 with ReLU, whose target is its first input. */
static void a_deep_network_learns_the_identity(void **state) {
  enum { COUNT = 64 };
  float points[COUNT][2], wanted[COUNT];
  uint32_t seed = 5;
  trainer t;
  nadir_graph *g = open_graph(&t, 3);
  const nadir_node x = rows(g, "x", 2), target = rows(g, "target", 1);
  nadir_node y = x;
  double loss = 1;
  int i;
  (void)state;
  for (i = 0; i < 3; ++i) y = nadir_relu(g, nadir_linear_add(g, NULL, y, 16, NULL));
  y = nadir_linear_add(g, "out", y, 1, NULL);
  compile(&t, nadir_mse_loss(g, y, target, NULL), y, COUNT, 5e-3);
  assert_ok(nadir_optimizer_schedule(t.adam, "cosine", "t_max=6000"));
  for (i = 0; i < COUNT; ++i) {
    points[i][0] = wanted[i] = (float)noise(&seed);
    points[i][1] = (float)noise(&seed);
  }
  put(&t, x, points, sizeof points);
  put(&t, target, wanted, sizeof wanted);
  loss = train(&t, 6000);
  if (!(loss < 1e-6)) fail_msg("the loss is %g", loss);
  close_all(&t);
}

/* ------------------------------------------------------------------------------------------------------ sequences */

/* From each value of a sine the next one, by an LSTM that is given 24 of them at a time; then of phases not seen before. */
static void a_recurrent_layer_foretells_a_sine(void **state) {
  enum { LENGTH = 24, BATCH = 16, WARM_UP = 8 };
  static const int64_t shape[] = {LENGTH, NADIR_BATCH, 1};
  float given[LENGTH][BATCH], next[LENGTH][BATCH], told[LENGTH][BATCH];
  trainer t;
  nadir_graph *g = open_graph(&t, 4);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, shape, 3);
  const nadir_node target = nadir_input_add(g, "target", NADIR_F32, shape, 3);
  const nadir_node hidden = nadir_lstm_add(g, "memory", x, NADIR_NONE, NADIR_NONE, NADIR_NONE, 16, NULL, NULL, NULL);
  const nadir_node y = nadir_linear_add(g, "out", hidden, 1, NULL);
  int step, row, pass;
  (void)state;
  compile(&t, nadir_mse_loss(g, y, target, NULL), y, BATCH, 0.01);
  for (pass = 0; pass < 2; ++pass) {
    for (step = 0; step < LENGTH; ++step) {
      for (row = 0; row < BATCH; ++row) {
        /* All phases; in the second pass those half way between. */
        const double phase = 2 * pi * (row + 0.5 * pass) / BATCH;
        given[step][row] = (float)sin(0.4 * step + phase);
        next[step][row] = (float)sin(0.4 * (step + 1) + phase);
      }
    }
    put(&t, x, given, sizeof given);
    put(&t, target, next, sizeof next);
    if (pass == 0) {
      const double loss = train(&t, 300);
      if (!(loss < 0.01)) fail_msg("the loss is %g", loss);
    }
  }
  evaluate(&t, y, told, sizeof told);
  for (step = WARM_UP; step < LENGTH; ++step) {
    for (row = 0; row < BATCH; ++row) assert_near(told[step][row], next[step][row], 0.05);
  }
  close_all(&t);
}

/* The next character of a text, by attention to those before. */
static void attention_learns_a_text(void **state) {
  static const char text[] = "how much wood would a woodchuck chuck if a woodchuck could chuck wood";
  enum { COUNT = sizeof text - 2, SIZE = 16, LETTERS = 27 };
  static const int64_t shape[] = {COUNT}, column[] = {COUNT, 1};
  int32_t letters[COUNT], next[COUNT], places[COUNT];
  float told[COUNT][LETTERS];
  trainer t;
  nadir_graph *g = open_graph(&t, 5);
  const nadir_node x = nadir_input_add(g, "letters", NADIR_I32, shape, 1);
  const nadir_node place = nadir_input_add(g, "places", NADIR_I32, shape, 1);
  const nadir_node target = nadir_input_add(g, "next", NADIR_I32, column, 2);
  nadir_node h = nadir_add(g, nadir_embedding_add(g, "letter", x, LETTERS, SIZE, NULL),
                           nadir_embedding_add(g, "place", place, COUNT, SIZE, NULL));
  nadir_node y, loss;
  double value;
  int i;
  (void)state;
  h = nadir_layer_norm_add(g, "norm", h, 1, NULL);
  h = nadir_add(
      g, h, nadir_multi_head_attention_add(g, "attention", h, h, h, NADIR_NONE, NADIR_NONE, 4, "is_causal=1", NULL));
  h = nadir_relu(g, nadir_linear_add(g, "hidden", h, 32, NULL));
  y = nadir_linear_add(g, "out", h, LETTERS, NULL);
  loss = nadir_neg(g, nadir_mean(g, nadir_gather(g, nadir_log_softmax(g, y, 1), 1, target), NULL, 0, NULL));
  compile(&t, loss, y, 1, 0.01);
  for (i = 0; i < COUNT; ++i) {
    letters[i] = text[i] == ' ' ? 26 : text[i] - 'a';
    next[i] = text[i + 1] == ' ' ? 26 : text[i + 1] - 'a';
    places[i] = i;
  }
  put(&t, x, letters, sizeof letters);
  put(&t, place, places, sizeof places);
  put(&t, target, next, sizeof next);
  value = train(&t, 1);
  assert_true(value > 2.5); /* about log(27), of guesses */
  value = train(&t, 200);
  if (!(value < 0.1)) fail_msg("the loss is %g", value);
  evaluate(&t, y, told, sizeof told);
  for (i = 0; i < COUNT; ++i) {
    int letter, best = 0;
    for (letter = 1; letter < LETTERS; ++letter) best = told[i][letter] > told[i][best] ? letter : best;
    assert_int_equal(best, next[i]);
  }
  close_all(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(xor_is_learned),
      cmocka_unit_test(two_moons_are_told_apart),
      cmocka_unit_test(a_deep_network_learns_the_identity),
      cmocka_unit_test(a_recurrent_layer_foretells_a_sine),
      cmocka_unit_test(attention_learns_a_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
