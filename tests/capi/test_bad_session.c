/*
 * What is refused of sessions: making one that cannot be, and bytes, batches and rates that do not fit one. A session
 * that is not made leaves its graph as it was; a call that is refused leaves its session as it was.
 */
#include "support.h"

#include <math.h>
#include <string.h>

static const int64_t batch_1[] = {NADIR_BATCH, 1};
static const int64_t two_3[] = {2, 3};

/* --------------------------------------------------------------------------------------- sessions that are not made */

typedef struct plan {
  bed bed;
  nadir_graph *graph;
  nadir_node loss, y;
  nadir_node matrix, still; /* an input [2, 3], and a scalar that depends on no parameter */
} plan;

static int plan_setup(void **state) {
  static plan p;
  bed_open(&p.bed);
  p.graph = p.bed.f.graph;
  p.loss = p.bed.f.loss;
  p.y = p.bed.f.y;
  p.matrix = nadir_input_add(p.graph, "matrix", NADIR_F32, two_3, 2);
  p.still = nadir_sum(p.graph, p.matrix, NULL, 0, NULL);
  assert_ok(nadir_graph_node_set_name(p.graph, p.still, "still"));
  bed_watch(&p.bed);
  *state = &p;
  return 0;
}

static int plan_teardown(void **state) {
  plan *p = (plan *)*state;
  bed_close(&p->bed);
  return 0;
}

/* The status of the attempt. */
static nadir_status compile(plan *p, nadir_node loss, const nadir_node *outputs, int32_t count, int64_t max_batch,
                            const char *options) {
  nadir_session *session = nadir_session_new(p->graph, loss, outputs, count, max_batch, options);
  if (session == NULL) return nadir_graph_status(p->graph);
  nadir_session_free(session);
  return NADIR_OK;
}

static void loss_is_a_scalar(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, p->y, NULL, 0, 1, NULL), NADIR_E_SHAPE, "session_new",
                  nadir_graph_node_name(p->graph, p->y), "[batch, 1]");
}

static void loss_depends_on_a_parameter(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, p->still, NULL, 0, 1, NULL), NADIR_E_ARGUMENT, "session_new", "\"still\"",
                  "parameter");
}

static void session_computes_something(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, NADIR_NONE, NULL, 0, 1, NULL), NADIR_E_ARGUMENT, "session_new");
}

static void nodes_are_of_the_graph(void **state) {
  plan *p = (plan *)*state;
  const nadir_node outputs[] = {p->y, p->bed.foreign}, none[] = {NADIR_NONE}, beyond[] = {p->y + (1u << 20)};
  assert_declined(&p->bed, compile(p, p->bed.foreign, NULL, 0, 1, NULL), NADIR_E_ARGUMENT, "session_new");
  assert_declined(&p->bed, compile(p, p->loss, outputs, 2, 1, NULL), NADIR_E_ARGUMENT, "session_new");
  assert_declined(&p->bed, compile(p, p->loss, none, 1, 1, NULL), NADIR_E_ARGUMENT, "session_new");
  assert_declined(&p->bed, compile(p, p->loss, beyond, 1, 1, NULL), NADIR_E_ARGUMENT, "session_new");
}

static void outputs_come_with_their_count(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, p->loss, NULL, 1, 1, NULL), NADIR_E_ARGUMENT, "session_new");
  assert_declined(&p->bed, compile(p, p->loss, &p->y, -1, 1, NULL), NADIR_E_ARGUMENT, "session_new", "-1");
}

static void max_batch_is_at_least_one(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, 0, NULL), NADIR_E_SHAPE, "session_new", "0");
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, -5, NULL), NADIR_E_SHAPE, "session_new", "-5");
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, INT64_MIN, NULL), NADIR_E_SHAPE, "session_new");
}

/* Whether 2^65 bytes do not fit the shape or the memory is all one to the host. */
static void batch_whose_memory_overflows_is_refused(void **state) {
  plan *p = (plan *)*state;
  const int64_t batches[] = {INT64_MAX, INT64_C(1) << 62, (INT64_C(1) << 62) + 1, INT64_C(1) << 61};
  size_t i;
  for (i = 0; i < COUNT_OF(batches); ++i) {
    const nadir_status status = compile(p, p->loss, NULL, 0, batches[i], NULL);
    assert_true(status == NADIR_E_SHAPE || status == NADIR_E_NO_MEMORY);
    assert_declined(&p->bed, status, status, "session_new");
  }
}

/* A batch that fits once may overflow squared, where wrapping would leave few bytes: (2^31 + 2^30)² is 2^63 + 2^60. */
static void batch_that_overflows_squared_is_refused(void **state) {
  const int64_t line[] = {NADIR_BATCH, 1};
  const int64_t batches[] = {INT64_C(1) << 32, (INT64_C(1) << 31) + (INT64_C(1) << 30), INT64_C(1) << 31};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, line, 2);
  const nadir_node square = nadir_matmul(g, x, x, "transpose_b=1");
  size_t i;
  (void)state;
  assert_graph_ok(g);
  for (i = 0; i < COUNT_OF(batches); ++i) {
    assert_null(nadir_session_new(g, NADIR_NONE, &square, 1, batches[i], NULL));
    assert_true(nadir_graph_status(g) == NADIR_E_SHAPE || nadir_graph_status(g) == NADIR_E_NO_MEMORY);
  }
  nadir_graph_free(g);
}

static void session_options_are_checked(void **state) {
  static const char *const malformed[] = {"finite",       "finite=maybe",   "not_finite=fail",
                                          "max_bytes=-1", "max_bytes=many", "max_bytes=1.5",
                                          "max_bytes=",   "finite=off =1",  "max_bytes=99999999999999999999999999"};
  plan *p = (plan *)*state;
  size_t i;
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, 1, "finit=off"), NADIR_E_ARGUMENT, "session_new", "finit",
                  "finite");
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, 1, "maxbytes=1"), NADIR_E_ARGUMENT, "session_new", "maxbytes",
                  "max_bytes");
  for (i = 0; i < COUNT_OF(malformed); ++i) {
    assert_declined(&p->bed, compile(p, p->loss, NULL, 0, 1, malformed[i]), NADIR_E_ARGUMENT, "session_new");
  }
}

static void session_over_its_limit_is_not_made(void **state) {
  plan *p = (plan *)*state;
  assert_declined(&p->bed, compile(p, p->loss, NULL, 0, 1, "max_bytes=1"), NADIR_E_NO_MEMORY, "session_new",
                  "max_bytes");
}

static void session_that_was_not_made_does_not_end_the_declaration(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node w = nadir_param_add(g, "w", NADIR_F32, two_3, 2, NULL);
  (void)state;
  assert_null(nadir_session_new(g, w, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(g), NADIR_E_SHAPE);
  assert_int_not_equal(nadir_param_add(g, "more", NADIR_F32, two_3, 2, NULL), NADIR_NONE);
  assert_graph_ok(g);
  nadir_graph_free(g);
}

static void nothing_is_declared_after_the_first_session(void **state) {
  nadir_session *first;
  bed b;
  (void)state;
  bed_open(&b);
  bed_watch(&b);
  first = nadir_session_new(b.f.graph, b.f.loss, NULL, 0, 1, NULL);
  assert_non_null(first);
  assert_refused(&b, nadir_input_add(b.f.graph, "late", NADIR_F32, two_3, 2), NADIR_E_STATE, "input_add", "\"late\"");
  assert_refused(&b, nadir_param_add(b.f.graph, "late", NADIR_F32, two_3, 2, NULL), NADIR_E_STATE, "param_add",
                 "\"late\"");
  assert_refused(&b, nadir_linear_add(b.f.graph, "late", b.f.x, 2, NULL), NADIR_E_STATE, "linear_add", "\"late\"");
  bed_close(&b);
  nadir_session_free(first);
}

/* ----------------------------------------------------------------------------- calls that leave a session as it was */

typedef struct room {
  fit f; /* max_batch 3 */
  nadir_node rows, table, aside;
  nadir_session
      *wide; /* sum(rows [batch, 3] * table [2, 3] reshaped) stands beside the fit; "aside" is used by nothing */
  nadir_graph *other;
  nadir_node foreign;
} room;

static int setup(void **state) {
  static room r;
  const int64_t rows[] = {NADIR_BATCH, 3};
  const int32_t first[] = {0};
  nadir_node y;
  fit_define(&r.f, NULL, NADIR_F32, FIT_LINEAR, NULL);
  r.rows = nadir_input_add(r.f.graph, "rows", NADIR_F32, rows, 2);
  r.table = nadir_input_add(r.f.graph, "table", NADIR_F32, two_3, 2);
  r.aside = nadir_input_add(r.f.graph, "aside", NADIR_F32, batch_1, 2);
  y = nadir_mul(r.f.graph, r.rows, nadir_sum(r.f.graph, r.table, first, 1, NULL));
  fit_compile(&r.f, 3);
  r.wide = nadir_session_new(r.f.graph, NADIR_NONE, &y, 1, 3, NULL);
  assert_graph_ok(r.f.graph);
  r.other = foreign_graph(r.f.x, &r.foreign);
  *state = &r;
  return 0;
}

static int teardown(void **state) {
  room *r = (room *)*state;
  assert_fit_trains(&r->f);
  nadir_session_free(r->wide);
  nadir_graph_free(r->other);
  fit_close(&r->f);
  return 0;
}

/* The session keeps the error, the graph does not see it. */
#define assert_rejected(room, session, got, wanted, ...)    \
  do {                                                      \
    assert_status(got, wanted);                             \
    assert_status(nadir_session_status(session), wanted);   \
    assert_says(nadir_session_error(session), __VA_ARGS__); \
    assert_ok(nadir_graph_status((room)->f.graph));         \
  } while (0)

typedef nadir_status (*giving)(nadir_session *session, nadir_node input, const void *data, size_t bytes);

static const struct {
  const char *name;
  giving give;
} givings[] = {{"session_write", nadir_session_write}, {"session_bind", nadir_session_bind}};

static const float zeros[64];

static void bytes_are_a_whole_number_of_rows(void **state) {
  room *r = (room *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(givings); ++i) {
    const giving give = givings[i].give;
    assert_rejected(r, r->wide, give(r->wide, r->rows, zeros, 13), NADIR_E_ARGUMENT, givings[i].name, "\"rows\"", "13",
                    "12");
    assert_rejected(r, r->wide, give(r->wide, r->rows, zeros, 4), NADIR_E_ARGUMENT, givings[i].name, "\"rows\"", "4",
                    "12");
    assert_rejected(r, r->wide, give(r->wide, r->table, zeros, 12), NADIR_E_ARGUMENT, givings[i].name, "\"table\"",
                    "12", "24");
    assert_rejected(r, r->wide, give(r->wide, r->table, zeros, 48), NADIR_E_ARGUMENT, givings[i].name, "\"table\"",
                    "48", "24");
    assert_rejected(r, r->wide, give(r->wide, r->table, zeros, 0), NADIR_E_ARGUMENT, givings[i].name, "\"table\"",
                    "24");
  }
}

static void batch_is_at_most_the_maximum(void **state) {
  room *r = (room *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(givings); ++i) {
    assert_rejected(r, r->wide, givings[i].give(r->wide, r->rows, zeros, 4 * 12), NADIR_E_SHAPE, givings[i].name,
                    "\"rows\"", "4", "3");
  }
}

static void only_inputs_that_are_used_can_be_given(void **state) {
  room *r = (room *)*state;
  size_t i;
  for (i = 0; i < COUNT_OF(givings); ++i) {
    const giving give = givings[i].give;
    assert_rejected(r, r->f.train, give(r->f.train, r->aside, zeros, 4), NADIR_E_STATE, givings[i].name, "\"aside\"");
    assert_rejected(r, r->f.predict, give(r->f.predict, r->f.t, zeros, 4), NADIR_E_STATE, givings[i].name, "\"t\"");
    assert_rejected(r, r->f.train, give(r->f.train, r->f.w, zeros, 4), NADIR_E_ARGUMENT, givings[i].name,
                    "\"fit.weight\"");
    assert_rejected(r, r->f.train, give(r->f.train, r->foreign, zeros, 4), NADIR_E_ARGUMENT, givings[i].name);
    assert_rejected(r, r->f.train, give(r->f.train, NADIR_NONE, zeros, 4), NADIR_E_ARGUMENT, givings[i].name);
  }
}

static void memory_that_is_bound_is_aligned_to_its_element(void **state) {
  room *r = (room *)*state;
  assert_rejected(r, r->f.train, nadir_session_bind(r->f.train, r->f.x, (const char *)zeros + 1, 4), NADIR_E_ARGUMENT,
                  "session_bind", "\"x\"", "align");
  assert_rejected(r, r->f.train, nadir_session_bind(r->f.train, r->f.x, (const char *)zeros + 2, 4), NADIR_E_ARGUMENT,
                  "session_bind", "\"x\"", "align");
}

static void rejected_values_leave_the_former_ones(void **state) {
  room *r = (room *)*state;
  const double x[] = {4, 5, 6};
  double seen[3];
  assert_ok(write_values(r->f.predict, r->f.x, NADIR_F32, x, 3));
  assert_status(nadir_session_write(r->f.predict, r->f.x, zeros, 3), NADIR_E_ARGUMENT);
  assert_status(nadir_session_write(r->f.predict, r->f.x, zeros, 16), NADIR_E_SHAPE);
  assert_status(nadir_session_bind(r->f.predict, r->f.x, (const char *)zeros + 1, 4), NADIR_E_ARGUMENT);
  assert_ok(nadir_forward(r->f.predict));
  assert_ok(read_values(r->f.predict, r->f.y, NADIR_F32, seen, 3));
  assert_exact(seen[0], 5);
  assert_exact(seen[1], 6);
  assert_exact(seen[2], 7);
}

static void inputs_have_the_same_batch(void **state) {
  room *r = (room *)*state;
  assert_ok(nadir_session_write(r->f.train, r->f.x, zeros, 2 * sizeof *zeros));
  assert_ok(nadir_session_write(r->f.train, r->f.t, zeros, 3 * sizeof *zeros));
  assert_rejected(r, r->f.train, nadir_forward(r->f.train), NADIR_E_SHAPE, "forward", "\"x\"", "2", "\"t\"", "3");
  assert_ok(nadir_session_write(r->f.train, r->f.t, zeros, 2 * sizeof *zeros));
  assert_ok(nadir_forward(r->f.train));
  assert_string_equal(nadir_session_error(r->f.train), "");
}

static void every_input_was_given(void **state) {
  room *r = (room *)*state;
  assert_rejected(r, r->f.train, nadir_forward(r->f.train), NADIR_E_STATE, "forward");
  assert_ok(nadir_session_write(r->f.train, r->f.x, zeros, 4));
  assert_rejected(r, r->f.train, nadir_forward(r->f.train), NADIR_E_STATE, "forward", "\"t\"");
}

static void values_are_read_with_exactly_their_bytes(void **state) {
  room *r = (room *)*state;
  double values[4] = {7};
  assert_ok(nadir_session_write(r->f.train, r->f.x, zeros, 8));
  assert_ok(nadir_session_write(r->f.train, r->f.t, zeros, 8));
  assert_ok(nadir_forward(r->f.train));
  assert_rejected(r, r->f.train, nadir_session_read(r->f.train, r->f.loss, values, 8), NADIR_E_ARGUMENT, "session_read",
                  nadir_graph_node_name(r->f.graph, r->f.loss), "8", "4");
  assert_rejected(r, r->f.train, nadir_session_read(r->f.train, r->f.x, values, 12), NADIR_E_ARGUMENT, "session_read",
                  "\"x\"", "12", "8");
  assert_rejected(r, r->f.train, nadir_session_read(r->f.train, r->f.w, values, 0), NADIR_E_ARGUMENT, "session_read",
                  "\"fit.weight\"");
  assert_rejected(r, r->f.train, nadir_session_read(r->f.train, r->foreign, values, 4), NADIR_E_ARGUMENT,
                  "session_read");
  assert_exact(values[0], 7);
}

static void gradients_are_read_with_exactly_their_bytes_and_silently(void **state) {
  room *r = (room *)*state;
  float values[4] = {7};
  assert_ok(nadir_zero_grad(r->f.train));
  assert_status(nadir_grad_get(r->f.train, r->f.w, values, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_get(r->f.train, r->f.w, values, 3), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_get(r->f.train, r->f.x, values, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_get(r->f.train, r->foreign, values, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grads_flat_get(r->f.train, NADIR_F32, values, 4), NADIR_E_ARGUMENT);
  assert_status(nadir_grad_get(r->f.predict, r->f.w, values, 4), NADIR_E_STATE);
  assert_exact(values[0], 7);
  assert_ok(nadir_session_status(r->f.train));
  assert_string_equal(nadir_session_error(r->f.train), "");
}

static void gradients_are_set_with_exactly_their_bytes(void **state) {
  room *r = (room *)*state;
  assert_rejected(r, r->f.train, nadir_grads_flat_set(r->f.train, NADIR_F32, zeros, 4), NADIR_E_ARGUMENT,
                  "grads_flat_set", "4", "8");
  assert_rejected(r, r->f.predict, nadir_grads_flat_set(r->f.predict, NADIR_F32, zeros, 8), NADIR_E_STATE,
                  "grads_flat_set", "loss");
}

static void learning_rate_is_finite_and_not_negative(void **state) {
  room *r = (room *)*state;
  const double rates[] = {-0.1, -1e-300, NAN, INFINITY, -INFINITY};
  size_t i;
  fit_set(&r->f, 1, 1);
  fit_step(&r->f, -2, -4, 0);
  for (i = 0; i < COUNT_OF(rates); ++i) {
    assert_rejected(r, r->f.train, nadir_sgd_step(r->f.train, rates[i]), NADIR_E_ARGUMENT, "sgd_step");
    assert_exact(param_value(r->f.graph, r->f.w, NADIR_F32), 1);
    assert_exact(param_value(r->f.graph, r->f.b, NADIR_F32), 1);
  }
  assert_ok(nadir_sgd_step(r->f.train, 0.125));
  assert_exact(param_value(r->f.graph, r->f.w, NADIR_F32), 1 + 12 * 0.125);
}

static void memory_has_known_parts(void **state) {
  room *r = (room *)*state;
  size_t bytes = 7;
  assert_status(nadir_session_memory(r->f.train, "heap", &bytes), NADIR_E_ARGUMENT);
  assert_status(nadir_session_memory(r->f.train, "", &bytes), NADIR_E_ARGUMENT);
  assert_int_equal(bytes, 7);
  assert_ok(nadir_session_status(r->f.train));
}

#define plan_test(function) cmocka_unit_test_setup_teardown(function, plan_setup, plan_teardown)
#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      plan_test(loss_is_a_scalar),
      plan_test(loss_depends_on_a_parameter),
      plan_test(session_computes_something),
      plan_test(nodes_are_of_the_graph),
      plan_test(outputs_come_with_their_count),
      plan_test(max_batch_is_at_least_one),
      plan_test(batch_whose_memory_overflows_is_refused),
      cmocka_unit_test(batch_that_overflows_squared_is_refused),
      plan_test(session_options_are_checked),
      plan_test(session_over_its_limit_is_not_made),
      cmocka_unit_test(session_that_was_not_made_does_not_end_the_declaration),
      cmocka_unit_test(nothing_is_declared_after_the_first_session),
      test(bytes_are_a_whole_number_of_rows),
      test(batch_is_at_most_the_maximum),
      test(only_inputs_that_are_used_can_be_given),
      test(memory_that_is_bound_is_aligned_to_its_element),
      test(rejected_values_leave_the_former_ones),
      test(inputs_have_the_same_batch),
      test(every_input_was_given),
      test(values_are_read_with_exactly_their_bytes),
      test(gradients_are_read_with_exactly_their_bytes_and_silently),
      test(gradients_are_set_with_exactly_their_bytes),
      test(learning_rate_is_finite_and_not_negative),
      test(memory_has_known_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
