/*
 * What a builder refuses. Every refusal names the function, the nodes and both sides of the matter, changes nothing of
 * the graph, and is forgotten when the host says so; afterwards the graph trains to the right numbers.
 */
#include "support.h"

#include <string.h>

#define TWO_TO_40 (INT64_C(1) << 40)

static const int64_t batch_3[] = {NADIR_BATCH, 3};
static const int64_t batch_1[] = {NADIR_BATCH, 1};
static const int64_t two_3[] = {2, 3};
static const int64_t four[] = {4};

typedef struct field {
  bed bed;
  nadir_graph *graph;
  nadir_node loss, foreign;
  nadir_node rows, column;       /* f32: "rows" [batch, 3], "column" [batch, 1] */
  nadir_node line, row;          /* f32: "line" [batch], "row" [1, batch] */
  nadir_node matrix, four, wide; /* f32: "matrix" [2, 3], "four" [4]; f64: "wide" [2, 3] */
} field;

static int setup(void **state) {
  static field s;
  bed_open(&s.bed);
  s.graph = s.bed.f.graph;
  s.loss = s.bed.f.loss;
  s.foreign = s.bed.foreign;
  s.rows = nadir_input_add(s.graph, "rows", NADIR_F32, batch_3, 2);
  s.column = nadir_input_add(s.graph, "column", NADIR_F32, batch_1, 2);
  s.line = nadir_input_add(s.graph, "line", NADIR_F32, batch_1, 1);
  s.matrix = nadir_input_add(s.graph, "matrix", NADIR_F32, two_3, 2);
  s.four = nadir_input_add(s.graph, "four", NADIR_F32, four, 1);
  s.wide = nadir_input_add(s.graph, "wide", NADIR_F64, two_3, 2);
  bed_watch(&s.bed);
  *state = &s;
  return 0;
}

static int teardown(void **state) {
  field *s = (field *)*state;
  bed_close(&s->bed);
  return 0;
}

/* ------------------------------------------------------------------------------------------ operands and shapes */

typedef nadir_node (*binary)(nadir_graph *graph, nadir_node a, nadir_node b);

static nadir_node matmul(nadir_graph *graph, nadir_node a, nadir_node b) {
  return nadir_matmul(graph, a, b, "transpose_b=1");
}

static nadir_node mse_loss(nadir_graph *graph, nadir_node a, nadir_node b) { return nadir_mse_loss(graph, a, b, NULL); }

static const struct {
  const char *name;
  binary build;
} binaries[] = {{"add:", nadir_add}, {"sub:", nadir_sub}, {"mul:", nadir_mul},
                {"div:", nadir_div}, {"matmul:", matmul}, {"mse_loss:", mse_loss}};

#define ELEMENTWISE 4 /* of `binaries`, the first */

static void elementwise_rejects_shapes_that_do_not_broadcast(void **state) {
  field *s = (field *)*state;
  size_t i;
  for (i = 0; i < ELEMENTWISE; ++i) {
    const binary build = binaries[i].build;
    assert_refused(&s->bed, build(s->graph, s->matrix, s->four), NADIR_E_SHAPE, binaries[i].name, "\"matrix\"",
                   "[2, 3]", "\"four\"", "[4]");
    assert_refused(&s->bed, build(s->graph, s->rows, s->matrix), NADIR_E_SHAPE, binaries[i].name, "\"rows\"",
                   "[batch, 3]", "\"matrix\"", "[2, 3]");
  }
}

static void every_operation_of_two_rejects_mixed_dtypes(void **state) {
  field *s = (field *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(binaries); ++i) {
    assert_refused(&s->bed, binaries[i].build(s->graph, s->matrix, s->wide), NADIR_E_DTYPE, binaries[i].name,
                   "\"matrix\"", "f32", "\"wide\"", "f64");
  }
}

static void every_operation_of_two_rejects_foreign_nodes(void **state) {
  field *s = (field *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(binaries); ++i) {
    const binary build = binaries[i].build;
    assert_refused(&s->bed, build(s->graph, s->foreign, s->loss), NADIR_E_ARGUMENT, binaries[i].name);
    assert_refused(&s->bed, build(s->graph, s->loss, s->foreign), NADIR_E_ARGUMENT, binaries[i].name);
    assert_refused(&s->bed, build(s->graph, s->loss + (1u << 20), s->loss), NADIR_E_ARGUMENT, binaries[i].name);
    assert_refused(&s->bed, build(s->graph, s->loss, UINT32_MAX), NADIR_E_ARGUMENT, binaries[i].name);
  }
}

static void every_other_builder_rejects_foreign_nodes(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  assert_refused(&s->bed, nadir_neg(g, s->foreign), NADIR_E_ARGUMENT, "neg:");
  assert_refused(&s->bed, nadir_square(g, s->foreign), NADIR_E_ARGUMENT, "square:");
  assert_refused(&s->bed, nadir_sum(g, s->foreign, NULL, 0, NULL), NADIR_E_ARGUMENT, "sum:");
  assert_refused(&s->bed, nadir_mean(g, s->foreign, NULL, 0, NULL), NADIR_E_ARGUMENT, "mean:");
  assert_refused(&s->bed, nadir_broadcast_to(g, s->foreign, two_3, 2), NADIR_E_ARGUMENT, "broadcast_to:");
  assert_refused(&s->bed, nadir_reshape(g, s->foreign, two_3, 2), NADIR_E_ARGUMENT, "reshape:");
  assert_refused(&s->bed, nadir_linear_add(g, "head", s->foreign, 2, NULL), NADIR_E_ARGUMENT, "linear_add");
}

static void chain_after_a_refusal_keeps_the_first_error(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const nadir_node bad = nadir_add(g, s->matrix, s->four);
  const nadir_node product = nadir_mul(g, bad, s->matrix);
  const nadir_node sum = nadir_sum(g, nadir_square(g, nadir_neg(g, product)), NULL, 0, NULL);
  const nadir_node layer = nadir_linear_add(g, "never", nadir_reshape(g, sum, two_3, 2), 1, NULL);
  assert_int_equal(product, NADIR_NONE);
  assert_int_equal(sum, NADIR_NONE);
  assert_int_equal(layer, NADIR_NONE);
  assert_refused(&s->bed, nadir_mse_loss(g, layer, s->bed.f.t, NULL), NADIR_E_SHAPE, "add:", "\"matrix\"", "\"four\"");
}

static void later_refusal_does_not_replace_the_first(void **state) {
  field *s = (field *)*state;
  (void)nadir_add(s->graph, s->matrix, s->four);
  assert_refused(&s->bed, nadir_mul(s->graph, s->matrix, s->wide), NADIR_E_SHAPE, "add:", "\"four\"");
}

static void matmul_rejects_other_inner_dimensions(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  assert_refused(&s->bed, nadir_matmul(g, s->rows, s->matrix, NULL), NADIR_E_SHAPE, "matmul:", "\"rows\"", "[batch, 3]",
                 "\"matrix\"", "[2, 3]");
  assert_refused(&s->bed, nadir_matmul(g, s->rows, s->column, NULL), NADIR_E_SHAPE, "matmul:", "\"rows\"",
                 "\"column\"");
  assert_refused(&s->bed, nadir_matmul(g, s->matrix, s->matrix, "transpose_a=1 transpose_b=1"), NADIR_E_SHAPE,
                 "matmul:", "\"matrix\"", "[2, 3]");
}

static void matmul_rejects_other_ranks_than_two(void **state) {
  field *s = (field *)*state;
  assert_refused(&s->bed, nadir_matmul(s->graph, s->four, s->matrix, NULL), NADIR_E_SHAPE, "matmul:", "\"four\"",
                 "[4]");
  assert_refused(&s->bed, nadir_matmul(s->graph, s->matrix, s->loss, NULL), NADIR_E_SHAPE, "matmul:", "\"matrix\"",
                 "[]");
}

static void mse_loss_rejects_what_would_broadcast(void **state) {
  field *s = (field *)*state;
  assert_refused(&s->bed, nadir_mse_loss(s->graph, s->line, s->column, NULL), NADIR_E_SHAPE, "mse_loss:", "\"line\"",
                 "[batch]", "\"column\"", "[batch, 1]");
}

static void linear_rejects_an_input_without_a_constant_last_dimension(void **state) {
  field *s = (field *)*state;
  assert_refused(&s->bed, nadir_linear_add(s->graph, "head", s->line, 5, NULL), NADIR_E_SHAPE, "linear_add", "\"head\"",
                 "\"line\"", "[batch]");
  assert_refused(&s->bed, nadir_linear_add(s->graph, "head", s->loss, 5, NULL), NADIR_E_SHAPE, "linear_add", "\"head\"",
                 "[]");
}

static void linear_rejects_fewer_than_one_feature(void **state) {
  field *s = (field *)*state;
  assert_refused(&s->bed, nadir_linear_add(s->graph, "head", s->rows, 0, NULL), NADIR_E_ARGUMENT, "linear_add",
                 "\"head\"", "0");
  assert_refused(&s->bed, nadir_linear_add(s->graph, "head", s->rows, -3, NULL), NADIR_E_ARGUMENT, "linear_add",
                 "\"head\"", "-3");
}

/* ----------------------------------------------------------------------------------------- axes and new shapes */

typedef nadir_node (*reduction)(nadir_graph *, nadir_node, const int32_t *, int32_t, const char *);

static void check_axes(field *s, reduction reduce, const char *function) {
  const int32_t repeated[] = {1, 1}, both_ways[] = {1, -1}, high[] = {2}, low[] = {-3}, three[] = {0, 1, 2};
  nadir_graph *g = s->graph;
  assert_refused(&s->bed, reduce(g, s->matrix, repeated, 2, NULL), NADIR_E_SHAPE, function, "\"matrix\"", "1");
  assert_refused(&s->bed, reduce(g, s->matrix, both_ways, 2, NULL), NADIR_E_SHAPE, function, "\"matrix\"", "1");
  assert_refused(&s->bed, reduce(g, s->matrix, high, 1, NULL), NADIR_E_SHAPE, function, "\"matrix\"", "[2, 3]", "2");
  assert_refused(&s->bed, reduce(g, s->matrix, low, 1, NULL), NADIR_E_SHAPE, function, "\"matrix\"", "[2, 3]", "-3");
  assert_refused(&s->bed, reduce(g, s->matrix, three, 3, NULL), NADIR_E_SHAPE, function, "\"matrix\"");
  assert_refused(&s->bed, reduce(g, s->matrix, high, -1, NULL), NADIR_E_ARGUMENT, function);
}

static void reductions_reject_repeated_and_missing_axes(void **state) {
  field *s = (field *)*state;
  check_axes(s, nadir_sum, "sum:");
  check_axes(s, nadir_mean, "mean:");
}

static void reshape_rejects_what_does_not_fit(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const int64_t guess[] = {-1, 4}, two_guesses[] = {-1, -1}, negative[] = {-2, -3}, huge[] = {TWO_TO_40, TWO_TO_40};
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, four, 1), NADIR_E_SHAPE, "reshape:", "\"matrix\"", "[2, 3]",
                 "[4]");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, guess, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"", "[2, 3]");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, two_guesses, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, negative, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"", "-2");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, huge, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"");
}

/* Numbers of elements that 64 bits would wrap to 6, to 0, and to 0 by which to divide. */
static void reshape_rejects_what_overflows(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const int64_t wraps_to_6[] = {11, INT64_C(1676976733973595602)};
  const int64_t guess_of_0[] = {-1, INT64_C(1) << 32, INT64_C(1) << 32}, of_nothing[] = {-1, 0};
  const int64_t batches[] = {-1, NADIR_BATCH * (INT64_C(1) << 31), INT64_C(1) << 33};
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, wraps_to_6, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, guess_of_0, 3), NADIR_E_SHAPE, "reshape:", "\"matrix\"");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, of_nothing, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"");
  assert_refused(&s->bed, nadir_reshape(g, s->rows, batches, 3), NADIR_E_SHAPE, "reshape:", "\"rows\"");
}

static void reshape_rejects_to_lose_the_batch(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const int64_t pairs[] = {2 * NADIR_BATCH, -1}, squared[] = {NADIR_BATCH, NADIR_BATCH};
  assert_refused(&s->bed, nadir_reshape(g, s->rows, &two_3[1], 1), NADIR_E_SHAPE, "reshape:", "\"rows\"", "[batch, 3]",
                 "[3]");
  assert_refused(&s->bed, nadir_reshape(g, s->rows, pairs, 2), NADIR_E_SHAPE, "reshape:", "\"rows\"", "[batch, 3]");
  assert_refused(&s->bed, nadir_reshape(g, s->rows, squared, 2), NADIR_E_SHAPE, "reshape:", "\"rows\"",
                 "[batch, batch]");
  assert_refused(&s->bed, nadir_reshape(g, s->matrix, batch_3, 2), NADIR_E_SHAPE, "reshape:", "\"matrix\"",
                 "[batch, 3]");
}

static void broadcast_to_rejects_what_does_not_broadcast(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const int64_t negative[] = {-1, 4};
  assert_refused(&s->bed, nadir_broadcast_to(g, s->matrix, four, 1), NADIR_E_SHAPE, "broadcast_to:", "\"matrix\"",
                 "[2, 3]", "[4]");
  assert_refused(&s->bed, nadir_broadcast_to(g, s->rows, two_3, 2), NADIR_E_SHAPE, "broadcast_to:", "\"rows\"",
                 "[batch, 3]", "[2, 3]");
  assert_refused(&s->bed, nadir_broadcast_to(g, s->matrix, batch_3, 2), NADIR_E_SHAPE, "broadcast_to:", "\"matrix\"",
                 "[batch, 3]");
  assert_refused(&s->bed, nadir_broadcast_to(g, s->four, negative, 2), NADIR_E_SHAPE, "broadcast_to:", "\"four\"",
                 "-1");
}

static void new_shapes_are_of_at_most_rank_eight(void **state) {
  field *s = (field *)*state;
  const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 2, 3};
  assert_refused(&s->bed, nadir_reshape(s->graph, s->matrix, ones, 9), NADIR_E_SHAPE, "reshape:", "\"matrix\"", "9",
                 "8");
  assert_refused(&s->bed, nadir_broadcast_to(s->graph, s->matrix, ones, 9), NADIR_E_SHAPE,
                 "broadcast_to:", "\"matrix\"", "9", "8");
  assert_refused(&s->bed, nadir_reshape(s->graph, s->matrix, ones, -1), NADIR_E_SHAPE, "reshape:", "-1");
  assert_refused(&s->bed, nadir_broadcast_to(s->graph, s->matrix, ones, INT32_MIN), NADIR_E_SHAPE, "broadcast_to:");
}

/* Shapes are cheap until a session reserves them, so that huge operands can be declared but not multiplied out. The two
   inputs are the only change, on a graph of their own. */
static void results_of_more_than_2_to_63_bytes_are_rejected(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const int64_t tall[] = {TWO_TO_40, 1}, flat[] = {1, TWO_TO_40};
  const nadir_node column = nadir_input_add(g, "tall", NADIR_F32, tall, 2);
  const nadir_node row = nadir_input_add(g, "flat", NADIR_F32, flat, 2);
  (void)state;
  assert_graph_ok(g);
  assert_int_equal(nadir_add(g, column, row), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
  assert_says(nadir_graph_error(g), "add:", "\"tall\"", "\"flat\"");
  assert_ok(nadir_graph_clear_error(g));
  assert_int_equal(nadir_matmul(g, column, row, NULL), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
  assert_ok(nadir_graph_clear_error(g));
  assert_int_equal(nadir_broadcast_to(g, column, (const int64_t[]){TWO_TO_40, TWO_TO_40}, 2), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
  nadir_graph_free(g);
}

/* ----------------------------------------------------------------------------------------------------- options */

/* The nearest known option, which the given one does not contain, is named. */
static void unknown_options_name_the_nearest_known(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  const nadir_node m = s->matrix;
  assert_refused(&s->bed, nadir_linear_add(g, "h", m, 1, "bais=0"), NADIR_E_ARGUMENT, "linear_add", "bais", "bias");
  assert_refused(&s->bed, nadir_matmul(g, m, m, "transpos_b=1"), NADIR_E_ARGUMENT, "matmul:", "transpos_b",
                 "transpose_b");
  assert_refused(&s->bed, nadir_sum(g, m, NULL, 0, "keep_dim=1"), NADIR_E_ARGUMENT, "sum:", "keep_dim", "keepdim");
  assert_refused(&s->bed, nadir_mean(g, m, NULL, 0, "kepdim=1"), NADIR_E_ARGUMENT, "mean:", "kepdim", "keepdim");
  assert_refused(&s->bed, nadir_mse_loss(g, m, m, "reducton=sum"), NADIR_E_ARGUMENT, "mse_loss:", "reducton",
                 "reduction");
  assert_refused(&s->bed, nadir_param_add(g, "p", NADIR_F32, four, 1, "ini=ones"), NADIR_E_ARGUMENT, "param_add",
                 "init");
  assert_refused(&s->bed, nadir_param_add(g, "p", NADIR_F32, four, 1, "init=constant vaule=1"), NADIR_E_ARGUMENT,
                 "param_add", "vaule", "value");
}

static void switches_are_0_or_1(void **state) {
  static const char *const malformed[] = {"bias",   "bias=",    "=0",      "bias=2",     "bias=yes",  "bias=-1",
                                          "bias 0", "bias=0.5", "bias==0", "bias=0,x=1", "bias=0 =1", "BIAS=0"};
  field *s = (field *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(malformed); ++i) {
    assert_refused(&s->bed, nadir_linear_add(s->graph, "h", s->matrix, 1, malformed[i]), NADIR_E_ARGUMENT,
                   "linear_add");
  }
}

static void numbers_are_written_with_a_point_and_to_the_end(void **state) {
  static const char *const malformed[] = {"value=1,5", "value=abc", "value=",    "value=1.5x",
                                          "value=1e",  "value=0x",  "value=--1", "value"};
  field *s = (field *)*state;
  char options[64];
  size_t i;
  for (i = 0; i < COUNT_OF(malformed); ++i) {
    strcpy(options, "init=constant ");
    strcat(options, malformed[i]);
    assert_refused(&s->bed, nadir_param_add(s->graph, "p", NADIR_F32, four, 1, options), NADIR_E_ARGUMENT, "param_add",
                   "\"p\"", "value");
  }
}

static void choices_are_known_words(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  assert_refused(&s->bed, nadir_mse_loss(g, s->bed.f.y, s->bed.f.t, "reduction=max"), NADIR_E_ARGUMENT,
                 "mse_loss:", "max", "mean", "sum");
  assert_refused(&s->bed, nadir_param_add(g, "p", NADIR_F32, four, 1, "init=gaussian"), NADIR_E_ARGUMENT, "param_add",
                 "\"p\"", "gaussian", "zeros", "normal");
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(elementwise_rejects_shapes_that_do_not_broadcast),
      test(every_operation_of_two_rejects_mixed_dtypes),
      test(every_operation_of_two_rejects_foreign_nodes),
      test(every_other_builder_rejects_foreign_nodes),
      test(chain_after_a_refusal_keeps_the_first_error),
      test(later_refusal_does_not_replace_the_first),
      test(matmul_rejects_other_inner_dimensions),
      test(matmul_rejects_other_ranks_than_two),
      test(mse_loss_rejects_what_would_broadcast),
      test(linear_rejects_an_input_without_a_constant_last_dimension),
      test(linear_rejects_fewer_than_one_feature),
      test(reductions_reject_repeated_and_missing_axes),
      test(reshape_rejects_what_does_not_fit),
      test(reshape_rejects_what_overflows),
      test(reshape_rejects_to_lose_the_batch),
      test(broadcast_to_rejects_what_does_not_broadcast),
      test(new_shapes_are_of_at_most_rank_eight),
      cmocka_unit_test(results_of_more_than_2_to_63_bytes_are_rejected),
      test(unknown_options_name_the_nearest_known),
      test(switches_are_0_or_1),
      test(numbers_are_written_with_a_point_and_to_the_end),
      test(choices_are_known_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
