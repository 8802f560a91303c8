/*
 * What is refused of inputs, parameters, constants and names, and of the calls that look a graph up or set its values.
 * As with expressions, nothing changes, and the graph trains to the right numbers afterwards.
 */
#include "support.h"

#include <string.h>

static const int64_t batch_3[] = {NADIR_BATCH, 3};
static const int64_t two_3[] = {2, 3};

typedef struct field {
  bed bed;
  nadir_graph *graph;
  nadir_node matrix; /* "matrix" [2, 3], an input */
  nadir_node sum;    /* unnamed */
} field;

static int setup(void **state) {
  static field s;
  bed_open(&s.bed);
  s.graph = s.bed.f.graph;
  s.matrix = nadir_input_add(s.graph, "matrix", NADIR_F32, two_3, 2);
  s.sum = nadir_sum(s.graph, s.matrix, NULL, 0, NULL);
  bed_watch(&s.bed);
  *state = &s;
  return 0;
}

static int teardown(void **state) {
  field *s = (field *)*state;
  bed_close(&s->bed);
  return 0;
}

/* --------------------------------------------------------------- the three that are declared with name and shape */

typedef nadir_node (*declaration)(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape,
                                  int32_t rank);

static nadir_node param(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape, int32_t rank) {
  return nadir_param_add(graph, name, dtype, shape, rank, NULL);
}

static nadir_node constant(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape,
                           int32_t rank) {
  static const float zeros[64];
  return nadir_constant_add(graph, name, dtype, shape, rank, zeros, 6 * sizeof *zeros);
}

static const struct {
  const char *name;
  declaration declare;
} declarations[] = {{"input_add", nadir_input_add}, {"param_add", param}, {"constant_add", constant}};

#define EACH_DECLARATION(i) \
  size_t i;                 \
  for (i = 0; i < COUNT_OF(declarations); ++i)

static void rank_is_0_to_8(void **state) {
  field *s = (field *)*state;
  const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 2, 3};
  EACH_DECLARATION(i) {
    const declaration declare = declarations[i].declare;
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, ones, 9), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"", "9", "8");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, ones, -1), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"", "-1");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, ones, INT32_MAX), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"");
  }
}

static void dimensions_are_not_negative(void **state) {
  field *s = (field *)*state;
  const int64_t negative[] = {2, -3}, beside_the_batch[] = {NADIR_BATCH - 1, 3}, least[] = {INT64_MIN + 1};
  EACH_DECLARATION(i) {
    const declaration declare = declarations[i].declare;
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, negative, 2), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"", "-3");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, beside_the_batch, 2), NADIR_E_SHAPE,
                   declarations[i].name, "\"new\"");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, least, 1), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"");
  }
}

static void shapes_of_more_than_2_to_63_bytes_are_rejected(void **state) {
  field *s = (field *)*state;
  const int64_t wraps_to_0[] = {INT64_C(1) << 32, INT64_C(1) << 32};
  const int64_t wraps_to_24[] = {(INT64_C(1) << 62) + 6}; /* 2^64 + 24 bytes */
  const int64_t bytes_only[] = {INT64_C(1) << 60};        /* 2^63 bytes, of f64 */
  EACH_DECLARATION(i) {
    const declaration declare = declarations[i].declare;
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, wraps_to_0, 2), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F32, wraps_to_24, 1), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"");
    assert_refused(&s->bed, declare(s->graph, "new", NADIR_F64, bytes_only, 1), NADIR_E_SHAPE, declarations[i].name,
                   "\"new\"");
  }
}

static void dtype_is_f32_or_f64(void **state) {
  field *s = (field *)*state;
  EACH_DECLARATION(i) {
    const declaration declare = declarations[i].declare;
    assert_refused(&s->bed, declare(s->graph, "new", 0, two_3, 2), NADIR_E_DTYPE, declarations[i].name, "\"new\"");
    assert_refused(&s->bed, declare(s->graph, "new", 77, two_3, 2), NADIR_E_DTYPE, declarations[i].name, "\"new\"",
                   "77");
    assert_refused(&s->bed, declare(s->graph, "new", -1, two_3, 2), NADIR_E_DTYPE, declarations[i].name, "\"new\"");
  }
}

static void names_are_not_empty_not_taken_and_without_hash(void **state) {
  field *s = (field *)*state;
  EACH_DECLARATION(i) {
    const declaration declare = declarations[i].declare;
    assert_refused(&s->bed, declare(s->graph, "", NADIR_F32, two_3, 2), NADIR_E_ARGUMENT, declarations[i].name,
                   "empty");
    assert_refused(&s->bed, declare(s->graph, "matrix", NADIR_F32, two_3, 2), NADIR_E_ARGUMENT, declarations[i].name,
                   "\"matrix\"");
    assert_refused(&s->bed, declare(s->graph, "fit.weight", NADIR_F32, two_3, 2), NADIR_E_ARGUMENT,
                   declarations[i].name, "\"fit.weight\"");
    assert_refused(&s->bed, declare(s->graph, "sum#2", NADIR_F32, two_3, 2), NADIR_E_ARGUMENT, declarations[i].name,
                   "sum#2", "#");
  }
}

static void layer_names_follow_the_same_rules(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  assert_refused(&s->bed, nadir_linear_add(g, "", s->matrix, 2, NULL), NADIR_E_ARGUMENT, "linear_add", "empty");
  assert_refused(&s->bed, nadir_linear_add(g, "a#b", s->matrix, 2, NULL), NADIR_E_ARGUMENT, "linear_add", "a#b");
  assert_refused(&s->bed, nadir_linear_add(g, "fit", s->matrix, 2, NULL), NADIR_E_ARGUMENT, "linear_add", "\"fit");
}

/* The layer's weight would be free, its bias is not: neither may stay. */
static void layer_with_one_name_taken_adds_nothing(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, batch_3, 2);
  (void)nadir_param_add(g, "head.bias", NADIR_F32, two_3, 1, NULL);
  (void)state;
  assert_graph_ok(g);
  assert_int_equal(nadir_linear_add(g, "head", x, 2, NULL), NADIR_NONE);
  assert_status(nadir_graph_status(g), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(g), "linear_add", "\"head.bias\"");
  assert_int_equal(nadir_graph_find(g, "head.weight"), NADIR_NONE);
  assert_int_equal(nadir_param_count(g), 1);
  assert_ok(nadir_graph_clear_error(g));
  assert_int_not_equal(nadir_linear_add(g, "head", x, 2, "bias=0"), NADIR_NONE);
  assert_int_equal(nadir_param_count(g), 2);
  nadir_graph_free(g);
}

static void inputs_have_at_most_one_batch_dimension(void **state) {
  field *s = (field *)*state;
  const int64_t squared[] = {NADIR_BATCH, NADIR_BATCH};
  assert_refused(&s->bed, nadir_input_add(s->graph, "new", NADIR_F32, squared, 2), NADIR_E_SHAPE, "input_add",
                 "\"new\"", "[batch, batch]");
}

static void parameters_and_constants_have_no_batch(void **state) {
  field *s = (field *)*state;
  assert_refused(&s->bed, param(s->graph, "new", NADIR_F32, batch_3, 2), NADIR_E_SHAPE, "param_add", "\"new\"",
                 "[batch, 3]");
  assert_refused(&s->bed, constant(s->graph, "new", NADIR_F32, batch_3, 2), NADIR_E_SHAPE, "constant_add", "\"new\"",
                 "[batch, 3]");
}

static void constants_have_exactly_the_bytes_of_their_shape(void **state) {
  field *s = (field *)*state;
  const float values[7] = {0};
  const size_t counts[] = {0, 20, 23, 25, 28};
  size_t i;
  for (i = 0; i < COUNT_OF(counts); ++i) {
    assert_refused(&s->bed, nadir_constant_add(s->graph, "new", NADIR_F32, two_3, 2, values, counts[i]),
                   NADIR_E_ARGUMENT, "constant_add", "\"new\"", "[2, 3]", "24");
  }
}

/* ------------------------------------------------------------------------------------------ names, seed, lookup */

static void set_name_declines_bad_names_and_named_nodes(void **state) {
  field *s = (field *)*state;
  nadir_graph *g = s->graph;
  assert_declined(&s->bed, nadir_graph_node_set_name(g, s->sum, ""), NADIR_E_ARGUMENT, "graph_node_set_name", "empty");
  assert_declined(&s->bed, nadir_graph_node_set_name(g, s->sum, "a#b"), NADIR_E_ARGUMENT, "graph_node_set_name", "a#b");
  assert_declined(&s->bed, nadir_graph_node_set_name(g, s->sum, "matrix"), NADIR_E_ARGUMENT, "graph_node_set_name",
                  "\"matrix\"");
  assert_declined(&s->bed, nadir_graph_node_set_name(g, s->matrix, "new"), NADIR_E_STATE, "graph_node_set_name",
                  "\"matrix\"");
  assert_declined(&s->bed, nadir_graph_node_set_name(g, s->bed.foreign, "new"), NADIR_E_ARGUMENT,
                  "graph_node_set_name");
  assert_declined(&s->bed, nadir_graph_node_set_name(g, NADIR_NONE, "new"), NADIR_E_ARGUMENT, "graph_node_set_name");
}

static void seed_is_set_before_the_first_parameter(void **state) {
  field *s = (field *)*state;
  assert_declined(&s->bed, nadir_graph_set_seed(s->graph, 1), NADIR_E_STATE, "graph_set_seed");
}

static void foreign_nodes_have_no_name_dtype_or_shape(void **state) {
  field *s = (field *)*state;
  const nadir_node bad[] = {s->bed.foreign, NADIR_NONE, UINT32_MAX, s->sum + (1u << 20)};
  int64_t shape[2] = {7, 7};
  int32_t rank = 5;
  size_t i;
  for (i = 0; i < COUNT_OF(bad); ++i) {
    assert_null(nadir_graph_node_name(s->graph, bad[i]));
    assert_int_equal(nadir_graph_node_dtype(s->graph, bad[i]), 0);
    assert_status(nadir_graph_node_shape(s->graph, bad[i], shape, 2, &rank), NADIR_E_ARGUMENT);
    assert_int_equal(shape[0], 7);
  }
  assert_ok(nadir_graph_status(s->graph));
}

static void shape_that_does_not_fit_tells_its_rank_only(void **state) {
  field *s = (field *)*state;
  int64_t shape[2] = {7, 7};
  int32_t rank = -1;
  assert_status(nadir_graph_node_shape(s->graph, s->matrix, shape, 1, &rank), NADIR_E_ARGUMENT);
  assert_int_equal(rank, 2);
  assert_int_equal(shape[0], 7);
  assert_status(nadir_graph_node_shape(s->graph, s->matrix, shape, -1, &rank), NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_status(s->graph));
}

static void dump_declines_unknown_formats_and_small_buffers(void **state) {
  field *s = (field *)*state;
  char text[8] = "before";
  size_t needed = 0;
  assert_status(nadir_graph_dump(s->graph, "json5", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_graph_dump(s->graph, "", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_ok(nadir_graph_dump(s->graph, "text", text, 0, &needed));
  assert_string_equal(text, "before");
  assert_true(needed > sizeof text);
  assert_int_equal(needed, strlen(s->bed.before) + 1);
  needed = 0;
  assert_status(nadir_graph_dump(s->graph, "text", text, sizeof text, &needed), NADIR_E_ARGUMENT);
  assert_string_equal(text, "before");
  assert_int_equal(needed, strlen(s->bed.before) + 1);
  assert_ok(nadir_graph_status(s->graph));
}

/* ---------------------------------------------------------------------------------------------- parameter values */

static void param_set_declines_another_byte_count(void **state) {
  field *s = (field *)*state;
  const double values[2] = {3, 3};
  assert_declined(&s->bed, nadir_param_set(s->graph, s->bed.f.w, values, 3), NADIR_E_ARGUMENT, "param_set",
                  "\"fit.weight\"", "3", "4");
  assert_declined(&s->bed, nadir_param_set(s->graph, s->bed.f.w, values, 8), NADIR_E_ARGUMENT, "param_set",
                  "\"fit.weight\"", "8", "4");
  assert_declined(&s->bed, nadir_param_set(s->graph, s->bed.f.w, values, 0), NADIR_E_ARGUMENT, "param_set",
                  "\"fit.weight\"");
}

static void param_set_declines_what_is_no_parameter(void **state) {
  field *s = (field *)*state;
  const float values[6] = {0};
  assert_declined(&s->bed, nadir_param_set(s->graph, s->matrix, values, 24), NADIR_E_ARGUMENT, "param_set",
                  "\"matrix\"");
  assert_declined(&s->bed, nadir_param_set(s->graph, s->bed.foreign, values, 4), NADIR_E_ARGUMENT, "param_set");
  assert_declined(&s->bed, nadir_param_set(s->graph, NADIR_NONE, values, 4), NADIR_E_ARGUMENT, "param_set");
}

static void param_get_declines_silently(void **state) {
  field *s = (field *)*state;
  float values[6] = {7};
  assert_status(nadir_param_get(s->graph, s->bed.f.w, values, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_param_get(s->graph, s->bed.f.w, values, 0), NADIR_E_ARGUMENT);
  assert_status(nadir_param_get(s->graph, s->matrix, values, 24), NADIR_E_ARGUMENT);
  assert_status(nadir_param_get(s->graph, s->bed.foreign, values, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_params_flat_get(s->graph, NADIR_F32, values, 4), NADIR_E_ARGUMENT);
  assert_exact(values[0], 7);
  assert_ok(nadir_graph_status(s->graph));
}

static void flat_vectors_have_exactly_the_bytes_of_all(void **state) {
  field *s = (field *)*state;
  const float values[3] = {3, 3, 3};
  assert_declined(&s->bed, nadir_params_flat_set(s->graph, NADIR_F32, values, 4), NADIR_E_ARGUMENT, "params_flat_set",
                  "4", "8");
  assert_declined(&s->bed, nadir_params_flat_set(s->graph, NADIR_F32, values, 12), NADIR_E_ARGUMENT, "params_flat_set",
                  "12", "8");
  assert_declined(&s->bed, nadir_params_flat_set(s->graph, NADIR_F64, values, 8), NADIR_E_ARGUMENT, "params_flat_set",
                  "f64");
}

static void indices_outside_the_parameters_are_none(void **state) {
  field *s = (field *)*state;
  assert_int_equal(nadir_param_at(s->graph, 0), s->bed.f.w);
  assert_int_equal(nadir_param_at(s->graph, 1), s->bed.f.b);
  assert_int_equal(nadir_param_at(s->graph, 2), NADIR_NONE);
  assert_int_equal(nadir_param_at(s->graph, -1), NADIR_NONE);
  assert_int_equal(nadir_param_at(s->graph, INT32_MAX), NADIR_NONE);
}

static void other_calls_do_not_hide_a_build_error(void **state) {
  field *s = (field *)*state;
  const double one = 1;
  const nadir_node bad = nadir_add(s->graph, s->matrix, s->bed.foreign);
  assert_ok(set_param(s->graph, s->bed.f.w, NADIR_F32, &one, 1));
  assert_status(nadir_param_set(s->graph, s->bed.f.w, &one, 3), NADIR_E_ARGUMENT);
  assert_refused(&s->bed, bad, NADIR_E_ARGUMENT, "add:");
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(rank_is_0_to_8),
      test(dimensions_are_not_negative),
      test(shapes_of_more_than_2_to_63_bytes_are_rejected),
      test(dtype_is_f32_or_f64),
      test(names_are_not_empty_not_taken_and_without_hash),
      test(layer_names_follow_the_same_rules),
      cmocka_unit_test(layer_with_one_name_taken_adds_nothing),
      test(inputs_have_at_most_one_batch_dimension),
      test(parameters_and_constants_have_no_batch),
      test(constants_have_exactly_the_bytes_of_their_shape),
      test(set_name_declines_bad_names_and_named_nodes),
      test(seed_is_set_before_the_first_parameter),
      test(foreign_nodes_have_no_name_dtype_or_shape),
      test(shape_that_does_not_fit_tells_its_rank_only),
      test(dump_declines_unknown_formats_and_small_buffers),
      test(param_set_declines_another_byte_count),
      test(param_set_declines_what_is_no_parameter),
      test(param_get_declines_silently),
      test(flat_vectors_have_exactly_the_bytes_of_all),
      test(indices_outside_the_parameters_are_none),
      test(other_calls_do_not_hide_a_build_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
