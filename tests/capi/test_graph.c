/*
 * What a graph tells of itself: names, dtypes, shapes and dumps; and what its parameters start from.
 */
#include "support.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const int64_t batch_3[] = {NADIR_BATCH, 3};
static const int64_t two_3[] = {2, 3};

static int setup(void **state) {
  *state = nadir_graph_new(NULL);
  return *state == NULL;
}

static int teardown(void **state) {
  nadir_graph_free((nadir_graph *)*state);
  return 0;
}

/* ------------------------------------------------------------------------------------------------------ names */

static void given_names_are_found(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const float zeros[6] = {0};
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  const nadir_node p = nadir_param_add(g, "encoder.0/\xc3\xa9", NADIR_F64, two_3, 2, NULL);
  const nadir_node c = nadir_constant_add(g, "with space", NADIR_F32, two_3, 2, zeros, sizeof zeros);
  assert_graph_ok(g);
  assert_int_equal(nadir_graph_find(g, "x"), x);
  assert_int_equal(nadir_graph_find(g, "encoder.0/\xc3\xa9"), p);
  assert_int_equal(nadir_graph_find(g, "with space"), c);
  assert_int_equal(nadir_graph_find(g, "X"), NADIR_NONE);
  assert_int_equal(nadir_graph_find(g, ""), NADIR_NONE);
  assert_string_equal(nadir_graph_node_name(g, p), "encoder.0/\xc3\xa9");
  assert_int_equal(nadir_graph_node_dtype(g, x), NADIR_F32);
  assert_int_equal(nadir_graph_node_dtype(g, p), NADIR_F64);
}

static void derived_names_have_a_hash_and_are_found(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const nadir_node x = nadir_input_add(g, NULL, NADIR_F32, batch_3, 2);
  const nadir_node p = nadir_param_add(g, NULL, NADIR_F32, two_3, 2, NULL);
  const nadir_node y = nadir_matmul(g, x, p, "transpose_b=1");
  const nadir_node nodes[] = {x, p, y, nadir_square(g, y)};
  size_t i, k;
  assert_graph_ok(g);
  assert_says(nadir_graph_node_name(g, y), "matmul#");
  for (i = 0; i < COUNT_OF(nodes); ++i) {
    assert_non_null(strchr(nadir_graph_node_name(g, nodes[i]), '#'));
    assert_int_equal(nadir_graph_find(g, nadir_graph_node_name(g, nodes[i])), nodes[i]);
    for (k = 0; k < i; ++k) {
      assert_string_not_equal(nadir_graph_node_name(g, nodes[i]), nadir_graph_node_name(g, nodes[k]));
    }
  }
}

/* The names are the graph's: what it is given may go, and what it gives stays where it is while the graph grows. */
static void names_are_copied_and_stable(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  char name[] = "volatile";
  const nadir_node x = nadir_input_add(g, name, NADIR_F32, batch_3, 2);
  const nadir_node y = nadir_neg(g, x);
  const char *given = nadir_graph_node_name(g, x), *derived = nadir_graph_node_name(g, y);
  char *copy = (char *)malloc(strlen(derived) + 1);
  nadir_node last = y;
  int i;
  strcpy(copy, derived);
  memset(name, 'z', sizeof name - 1);
  for (i = 0; i < 5000; ++i) last = nadir_neg(g, last);
  assert_graph_ok(g);
  assert_ptr_equal(given, nadir_graph_node_name(g, x));
  assert_ptr_equal(derived, nadir_graph_node_name(g, y));
  assert_string_equal(given, "volatile");
  assert_string_equal(derived, copy);
  free(copy);
}

static void unnamed_nodes_can_be_named_once(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const nadir_node y = nadir_neg(g, nadir_input_add(g, "x", NADIR_F32, batch_3, 2));
  char derived[64];
  strcpy(derived, nadir_graph_node_name(g, y));
  assert_ok(nadir_graph_node_set_name(g, y, "negative"));
  assert_string_equal(nadir_graph_node_name(g, y), "negative");
  assert_int_equal(nadir_graph_find(g, "negative"), y);
  assert_int_equal(nadir_graph_find(g, derived), NADIR_NONE);
  assert_status(nadir_graph_node_set_name(g, y, "again"), NADIR_E_STATE);
  assert_string_equal(nadir_graph_node_name(g, y), "negative");
  assert_int_equal(nadir_input_add(g, "negative", NADIR_F32, batch_3, 2), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_ARGUMENT);
}

static void names_may_be_long(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  enum { LENGTH = 20000 };
  char *name = (char *)malloc(LENGTH + 1);
  nadir_node x;
  memset(name, 'n', LENGTH);
  name[LENGTH] = 0;
  x = nadir_input_add(g, name, NADIR_F32, batch_3, 2);
  assert_graph_ok(g);
  assert_int_equal(nadir_graph_find(g, name), x);
  assert_int_equal(nadir_input_add(g, name, NADIR_F32, batch_3, 2), NADIR_NONE);
  assert_says(nadir_graph_error(g), "input_add");
  free(name);
}

static void layers_name_their_parameters_by_paths(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  const nadir_node y = nadir_linear_add(g, "encoder.0", x, 4, NULL);
  const nadir_node z = nadir_linear_add(g, "encoder.1", y, 2, "bias=0");
  assert_int_not_equal(z, NADIR_NONE);
  assert_int_equal(nadir_param_count(g), 3);
  assert_int_equal(nadir_param_at(g, 0), nadir_graph_find(g, "encoder.0.weight"));
  assert_int_equal(nadir_param_at(g, 1), nadir_graph_find(g, "encoder.0.bias"));
  assert_int_equal(nadir_param_at(g, 2), nadir_graph_find(g, "encoder.1.weight"));
  assert_int_equal(nadir_graph_find(g, "encoder.1.bias"), NADIR_NONE);
  assert_int_equal(nadir_params_flat_count(g, NADIR_F32), 4 * 3 + 4 + 2 * 4);
}

static void layers_without_a_name_are_all_different(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  int32_t i;
  (void)nadir_linear_add(g, NULL, nadir_linear_add(g, NULL, x, 3, NULL), 3, NULL);
  assert_graph_ok(g);
  assert_int_equal(nadir_param_count(g), 4);
  for (i = 0; i < 4; ++i) {
    const char *name = nadir_graph_node_name(g, nadir_param_at(g, i));
    assert_says(name, i % 2 == 0 ? ".weight" : ".bias");
    assert_int_equal(nadir_graph_find(g, name), nadir_param_at(g, i));
  }
}

/* ------------------------------------------------------------------------------------------------------ shapes */

static void assert_shape(const nadir_graph *g, nadir_node node, int32_t rank, int64_t first, int64_t second,
                         int64_t third) {
  const int64_t wanted[] = {first, second, third};
  int64_t shape[NADIR_MAX_RANK];
  int32_t got = -1, i;
  assert_ok(nadir_graph_node_shape(g, node, shape, NADIR_MAX_RANK, &got));
  assert_int_equal(got, rank);
  for (i = 0; i < rank; ++i) assert_true(shape[i] == wanted[i]);
}

static void shapes_are_told_with_their_batch(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const int32_t first[] = {0};
  const int64_t blocks[] = {NADIR_BATCH, 2, 3};
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  const nadir_node y = nadir_linear_add(g, "layer", nadir_input_add(g, "blocks", NADIR_F32, blocks, 3), 4, NULL);
  assert_shape(g, x, 2, NADIR_BATCH, 3, 0);
  assert_shape(g, y, 3, NADIR_BATCH, 2, 4);
  assert_shape(g, nadir_graph_find(g, "layer.weight"), 2, 4, 3, 0);
  assert_shape(g, nadir_graph_find(g, "layer.bias"), 1, 4, 0, 0);
  assert_shape(g, nadir_matmul(g, x, x, "transpose_a=1"), 2, 3, 3, 0);
  assert_shape(g, nadir_sum(g, x, first, 1, "keepdim=1"), 2, 1, 3, 0);
  assert_shape(g, nadir_mean(g, x, first, 1, NULL), 1, 3, 0, 0);
  assert_shape(g, nadir_sum(g, x, NULL, 0, NULL), 0, 0, 0, 0);
  assert_graph_ok(g);
}

static void batch_stays_one_dimension_through_reshapes(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const int64_t blocks[] = {NADIR_BATCH, 3, 4}, lines[] = {3 * NADIR_BATCH, 4}, back[] = {NADIR_BATCH, -1};
  const int64_t inner[] = {3, -1, 4};
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, blocks, 3);
  const nadir_node y = nadir_reshape(g, x, lines, 2);
  assert_shape(g, y, 2, 3 * NADIR_BATCH, 4, 0);
  assert_shape(g, nadir_reshape(g, y, back, 2), 2, NADIR_BATCH, 12, 0);
  assert_shape(g, nadir_reshape(g, x, inner, 3), 3, 3, NADIR_BATCH, 4);
  assert_graph_ok(g);
}

static void broadcasting_takes_a_batch_from_either_side(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const int64_t row[] = {3}, one[] = {1, 1, 1}, blocks[] = {2, NADIR_BATCH, 3};
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  const nadir_node r = nadir_input_add(g, "r", NADIR_F32, row, 1);
  const nadir_node o = nadir_input_add(g, "o", NADIR_F32, one, 3);
  assert_shape(g, nadir_add(g, x, r), 2, NADIR_BATCH, 3, 0);
  assert_shape(g, nadir_mul(g, r, x), 2, NADIR_BATCH, 3, 0);
  assert_shape(g, nadir_sub(g, o, x), 3, 1, NADIR_BATCH, 3);
  assert_shape(g, nadir_broadcast_to(g, x, blocks, 3), 3, 2, NADIR_BATCH, 3);
  assert_shape(g, nadir_broadcast_to(g, r, batch_3, 2), 2, NADIR_BATCH, 3, 0);
  assert_graph_ok(g);
}

/* ------------------------------------------------------------------------------------------------------- dumps */

static void dumps_name_every_node(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  const nadir_node x = nadir_input_add(g, "pixels", NADIR_F32, batch_3, 2);
  const nadir_node y = nadir_linear_add(g, "head", x, 4, NULL);
  const nadir_node loss = nadir_mean(g, nadir_square(g, y), NULL, 0, NULL);
  char *text = dump_text(g, "text"), *dot = dump_text(g, "dot");
  assert_graph_ok(g);
  assert_says(text, "pixels", "head.weight", "head.bias", "[batch, 3]", "[4, 3]", "f32", "square");
  assert_says(text, nadir_graph_node_name(g, y), nadir_graph_node_name(g, loss));
  assert_says(dot, "digraph", "pixels", "head.weight", "head.bias", "->", "{", "}");
  assert_says(dot, nadir_graph_node_name(g, y), nadir_graph_node_name(g, loss));
  free(text);
  free(dot);
}

/* --------------------------------------------------------------------------------------------- initial values */

enum { OUT = 64, IN = 16 }; /* 1 / sqrt(IN) = 1/4 */

static nadir_graph *layer_graph(uint64_t seed, int with_another_before, double *values) {
  const int64_t rows[] = {NADIR_BATCH, IN};
  nadir_graph *g = nadir_graph_new(NULL);
  nadir_node x;
  assert_ok(nadir_graph_set_seed(g, seed));
  x = nadir_input_add(g, "x", NADIR_F64, rows, 2);
  if (with_another_before) x = nadir_linear_add(g, "before", x, IN, NULL);
  (void)nadir_linear_add(g, "layer", x, OUT, NULL);
  assert_graph_ok(g);
  assert_ok(get_param(g, nadir_graph_find(g, "layer.weight"), NADIR_F64, values, OUT * IN));
  assert_ok(get_param(g, nadir_graph_find(g, "layer.bias"), NADIR_F64, values + OUT * IN, OUT));
  return g;
}

/* 1088 values, uniform in (-1/4, 1/4): their mean has the standard deviation 0.0044, their mean square is 1/48 with
   0.0006. */
static void layers_start_uniform_within_one_over_root_in(void **state) {
  double values[OUT * IN + OUT], sum = 0, squares = 0;
  int i;
  (void)state;
  nadir_graph_free(layer_graph(1, 0, values));
  for (i = 0; i < OUT * IN + OUT; ++i) {
    assert_true(values[i] > -0.25 && values[i] < 0.25);
    sum += values[i];
    squares += values[i] * values[i];
  }
  assert_near(sum / (OUT * IN + OUT), 0, 5 * 0.0044);
  assert_near(squares / (OUT * IN + OUT), 1.0 / 48, 5 * 0.0006);
}

static void same_seed_gives_the_same_values(void **state) {
  double first[OUT * IN + OUT], second[OUT * IN + OUT];
  (void)state;
  nadir_graph_free(layer_graph(42, 0, first));
  nadir_graph_free(layer_graph(42, 0, second));
  assert_memory_equal(first, second, sizeof first);
}

static void another_seed_gives_other_values(void **state) {
  double first[OUT * IN + OUT], second[OUT * IN + OUT];
  (void)state;
  nadir_graph_free(layer_graph(42, 0, first));
  nadir_graph_free(layer_graph(43, 0, second));
  assert_memory_not_equal(first, second, sizeof first);
  nadir_graph_free(layer_graph(UINT64_C(42) << 32, 0, second));
  assert_memory_not_equal(first, second, sizeof first);
}

static void another_layer_changes_nothing_of_the_others(void **state) {
  double alone[OUT * IN + OUT], together[OUT * IN + OUT];
  (void)state;
  nadir_graph_free(layer_graph(42, 0, alone));
  nadir_graph_free(layer_graph(42, 1, together));
  assert_memory_equal(alone, together, sizeof alone);
}

static void another_name_gives_other_values(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  double a[2][6];
  const nadir_node p = nadir_param_add(g, "p", NADIR_F64, two_3, 2, "init=uniform");
  const nadir_node q = nadir_param_add(g, "q", NADIR_F64, two_3, 2, "init=uniform");
  assert_graph_ok(g);
  assert_ok(get_param(g, p, NADIR_F64, a[0], 6));
  assert_ok(get_param(g, q, NADIR_F64, a[1], 6));
  assert_memory_not_equal(a[0], a[1], sizeof a[0]);
}

static void seed_is_zero_unless_set(void **state) {
  nadir_graph *g = (nadir_graph *)*state, *seeded = nadir_graph_new(NULL);
  double a[2][6];
  assert_ok(nadir_graph_set_seed(seeded, 7));
  assert_ok(nadir_graph_set_seed(seeded, 0));
  assert_ok(get_param(g, nadir_param_add(g, "p", NADIR_F64, two_3, 2, "init=uniform"), NADIR_F64, a[0], 6));
  assert_ok(get_param(seeded, nadir_param_add(seeded, "p", NADIR_F64, two_3, 2, "init=uniform"), NADIR_F64, a[1], 6));
  assert_memory_equal(a[0], a[1], sizeof a[0]);
  nadir_graph_free(seeded);
}

static void assert_init(nadir_graph *g, const char *name, const char *options, double wanted) {
  double values[6];
  int i;
  assert_ok(get_param(g, nadir_param_add(g, name, NADIR_F64, two_3, 2, options), NADIR_F64, values, 6));
  for (i = 0; i < 6; ++i) assert_exact(values[i], wanted);
}

static void parameters_start_from_what_is_asked(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  assert_init(g, "default", NULL, 0);
  assert_init(g, "zeros", "init=zeros", 0);
  assert_init(g, "ones", "init=ones", 1);
  assert_init(g, "nothing", "init=constant", 0);
  assert_init(g, "half", "init=constant value=0.5", 0.5);
  assert_init(g, "tenth", "value=1e-1 init=constant", 0.1);
  assert_init(g, "negative", "init=constant value=-2.25e2", -225);
}

static void uniform_values_lie_from_low_to_below_high(void **state) {
  nadir_graph *g = (nadir_graph *)*state;
  enum { COUNT = 4096 };
  const int64_t shape[] = {COUNT};
  const nadir_node unit = nadir_param_add(g, "unit", NADIR_F32, shape, 1, "init=uniform");
  const nadir_node wide = nadir_param_add(g, "wide", NADIR_F32, shape, 1, "init=uniform low=-3 high=5");
  double u[COUNT], v[COUNT], low = 1, high = 0;
  int i;
  assert_graph_ok(g);
  assert_ok(get_param(g, unit, NADIR_F32, u, COUNT));
  assert_ok(get_param(g, wide, NADIR_F32, v, COUNT));
  for (i = 0; i < COUNT; ++i) {
    assert_true(u[i] >= 0 && u[i] < 1);
    assert_true(v[i] >= -3 && v[i] < 5);
    if (u[i] < low) low = u[i];
    if (u[i] > high) high = u[i];
  }
  assert_true(low < 0.01 && high > 0.99); /* missed with a probability of 0.99^4096, 1e-18 */
}

static void options_are_read_alike_in_every_locale(void **state) {
  static const char *const commas[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "German_Germany"};
  size_t i;
  for (i = 0; i < COUNT_OF(commas); ++i) {
    if (setlocale(LC_ALL, commas[i]) != NULL) break;
  }
  assert_init((nadir_graph *)*state, "p", "init=constant value=0.5", 0.5);
  if (i < COUNT_OF(commas)) assert_string_equal(localeconv()->decimal_point, ",");
  setlocale(LC_ALL, "C");
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(given_names_are_found),
      test(derived_names_have_a_hash_and_are_found),
      test(names_are_copied_and_stable),
      test(unnamed_nodes_can_be_named_once),
      test(names_may_be_long),
      test(layers_name_their_parameters_by_paths),
      test(layers_without_a_name_are_all_different),
      test(shapes_are_told_with_their_batch),
      test(batch_stays_one_dimension_through_reshapes),
      test(broadcasting_takes_a_batch_from_either_side),
      test(dumps_name_every_node),
      test(layers_start_uniform_within_one_over_root_in),
      test(same_seed_gives_the_same_values),
      test(another_seed_gives_other_values),
      test(another_layer_changes_nothing_of_the_others),
      test(another_name_gives_other_values),
      test(seed_is_zero_unless_set),
      test(parameters_start_from_what_is_asked),
      test(uniform_values_lie_from_low_to_below_high),
      test(options_are_read_alike_in_every_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
