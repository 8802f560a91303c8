/*
 * Profiling: what is counted, and that it changes nothing but the time. Expected bytes and flops are worked out by hand.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "ledger.h"

static nadir_profile_entry entry_of(const nadir_session *session, int32_t index) {
  nadir_profile_entry entry;
  memset(&entry, 0, sizeof entry);
  entry.struct_size = sizeof entry;
  assert_ok(nadir_session_profile(session, index, &entry));
  assert_int_equal(entry.step, index);
  return entry;
}

/* The first step of that phase and kind. */
static nadir_profile_entry find_entry(const nadir_session *session, int32_t phase, const char *what) {
  nadir_profile_entry entry;
  int32_t i;
  for (i = 0; i < nadir_session_step_count(session); ++i) {
    entry = entry_of(session, i);
    if (entry.phase == phase && strcmp(entry.what, what) == 0) return entry;
  }
  print_error("no step \"%s\"\n", what);
  assert_true(0);
  return entry;
}

/* All steps of a phase, of which there must be one, ran so often. */
static void assert_calls(const nadir_session *session, int32_t phase, uint64_t calls) {
  int32_t i, found = 0;
  for (i = 0; i < nadir_session_step_count(session); ++i) {
    const nadir_profile_entry entry = entry_of(session, i);
    if (entry.phase != phase) continue;
    assert_int_equal(entry.calls, calls);
    assert_true(calls > 0 || entry.nanoseconds == 0);
    ++found;
  }
  assert_true(found > 0);
}

static const double xs[] = {1, -2, 3, 0.5, 4}, ts[] = {5, -4, 11, 3.5, 14};

static void write_rows(fit *f, size_t rows) {
  assert_ok(write_values(f->train, f->x, f->dtype, xs, rows));
  assert_ok(write_values(f->train, f->t, f->dtype, ts, rows));
}

static int setup(void **state) {
  static fit f;
  fit_open(&f, NADIR_F32, 5);
  fit_set(&f, 1, 1);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fit *f = (fit *)*state;
  assert_fit_trains(f);
  fit_close(f);
  return 0;
}

/* ------------------------------------------------------------------------------------------------------- counting */

static void calls_are_those_of_the_passes(void **state) {
  fit *f = (fit *)*state;
  int i;
  write_rows(f, 5);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_session_set_profiling(f->train, 1));
  for (i = 0; i < 7; ++i) assert_ok(nadir_forward(f->train));
  assert_calls(f->train, NADIR_PHASE_FORWARD, 7);
  assert_calls(f->train, NADIR_PHASE_CONSTANTS, 0);
  write_rows(f, 3);
  for (i = 0; i < 3; ++i) {
    assert_ok(nadir_forward(f->train));
    assert_ok(nadir_backward(f->train)); /* the first one overwrites */
  }
  assert_calls(f->train, NADIR_PHASE_FORWARD, 10);
  assert_calls(f->train, NADIR_PHASE_CONSTANTS, 1);
  assert_calls(f->train, NADIR_PHASE_BACKWARD, 1);
  assert_calls(f->train, NADIR_PHASE_ACCUMULATING, 2);
}

static void passes_of_other_calls_count_too(void **state) {
  fit *f = (fit *)*state;
  nadir_optimizer *sgd = nadir_sgd_new(f->train, 0.01, NULL);
  assert_non_null(sgd);
  assert_ok(nadir_session_set_profiling(f->train, 1));
  write_rows(f, 2);
  assert_ok(nadir_train_step(sgd, NULL));
  assert_ok(nadir_train_step(sgd, NULL));
  assert_calls(f->train, NADIR_PHASE_FORWARD, 2);
  assert_calls(f->train, NADIR_PHASE_BACKWARD, 2);
  assert_calls(f->train, NADIR_PHASE_ACCUMULATING, 0);
  nadir_optimizer_free(sgd);
}

static void switching_on_again_starts_from_zero(void **state) {
  fit *f = (fit *)*state;
  write_rows(f, 2);
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_session_set_profiling(f->train, -1)); /* any number but 0 */
  assert_calls(f->train, NADIR_PHASE_FORWARD, 0);
  assert_ok(nadir_forward(f->train));
  assert_calls(f->train, NADIR_PHASE_FORWARD, 1);
}

static void sessions_of_a_graph_are_profiled_apart(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry entry;
  entry.struct_size = sizeof entry;
  assert_ok(nadir_session_set_profiling(f->predict, 1));
  write_rows(f, 1);
  assert_ok(nadir_forward(f->train));
  assert_calls(f->predict, NADIR_PHASE_FORWARD, 0);
  assert_status(nadir_session_profile(f->train, 0, &entry), NADIR_E_STATE);
}

/* The clock moves, and a large step takes longer than its counting. */
static void time_is_that_of_the_steps(void **state) {
  static const int64_t shape[] = {300, 300};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node p = nadir_param_add(g, "p", NADIR_F32, shape, 2, "init=uniform");
  const nadir_node y = nadir_matmul(g, p, p, NULL);
  nadir_session *session = nadir_session_new(g, NADIR_NONE, &y, 1, 1, NULL);
  nadir_profile_entry once, twice;
  (void)state;
  assert_ok(nadir_session_set_profiling(session, 1));
  assert_ok(nadir_forward(session));
  once = entry_of(session, 0);
  assert_true(once.nanoseconds > 1000);
  assert_true(once.nanoseconds < UINT64_C(60000000000));
  assert_ok(nadir_forward(session));
  twice = entry_of(session, 0);
  assert_true(twice.nanoseconds > once.nanoseconds + 1000);
  nadir_session_free(session);
  nadir_graph_free(g);
}

static void entries_have_the_names_of_the_dump(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry entry;
  assert_ok(nadir_session_set_profiling(f->train, 1));
  entry = find_entry(f->train, NADIR_PHASE_FORWARD, "matmul");
  assert_string_equal(entry.node, nadir_graph_node_name(f->graph, f->y));
  entry = find_entry(f->train, NADIR_PHASE_FORWARD, "fused");
  assert_string_equal(entry.node, nadir_graph_node_name(f->graph, f->loss));
  assert_null(entry.param);
  entry = find_entry(f->train, NADIR_PHASE_BACKWARD, "matmul");
  assert_string_equal(entry.node, "gradient");
  assert_string_equal(entry.param, "fit.weight");
}

/* ------------------------------------------------------------------------------------------------- bytes and flops */

typedef struct bench {
  nadir_graph *graph;
  nadir_session *session;
} bench;

static bench bench_of(nadir_graph *g, nadir_node y, int64_t max_batch) {
  bench b;
  b.graph = g;
  assert_graph_ok(g);
  b.session = nadir_session_new(g, NADIR_NONE, &y, 1, max_batch, NULL);
  assert_non_null(b.session);
  assert_ok(nadir_session_set_profiling(b.session, 1));
  return b;
}

static void bench_close(bench b) {
  nadir_session_free(b.session);
  nadir_graph_free(b.graph);
}

#define assert_cost(session, index, wanted_what, wanted_bytes, wanted_flops) \
  do {                                                                       \
    const nadir_profile_entry cost = entry_of(session, index);               \
    assert_string_equal(cost.what, wanted_what);                             \
    assert_int_equal(cost.bytes, wanted_bytes);                              \
    assert_int_equal(cost.flops, wanted_flops);                              \
  } while (0)

static void product_moves_its_matrices_at_the_present_batch(void **state) {
  static const int64_t shape[] = {NADIR_BATCH, 20};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, shape, 2);
  const bench b = bench_of(g, nadir_linear_add(g, "layer", x, 30, NULL), 7);
  const double values[5 * 20] = {0};
  (void)state;
  /* The weights are turned once. */
  assert_int_equal(nadir_session_step_count(b.session), 2);
  assert_string_equal(entry_of(b.session, 0).what, "copy");
  assert_int_equal(entry_of(b.session, 0).phase, NADIR_PHASE_WEIGHTS);
  assert_int_equal(entry_of(b.session, 0).bytes, 8 * 2 * 20 * 30);
  assert_cost(b.session, 1, "matmul", 8 * (7 * 20 + 20 * 30 + 30 + 7 * 30), 2 * 7 * 20 * 30);
  assert_ok(nadir_session_write(b.session, x, values, sizeof values));
  assert_ok(nadir_forward(b.session));
  assert_cost(b.session, 1, "matmul", 8 * (5 * 20 + 20 * 30 + 30 + 5 * 30), 2 * 5 * 20 * 30);
  assert_ok(nadir_session_write(b.session, x, values, 0));
  assert_ok(nadir_forward(b.session));
  assert_cost(b.session, 1, "matmul", 8 * (20 * 30 + 30), 0);
  bench_close(b);
}

static void many_products_are_one_after_another(void **state) {
  static const int64_t many[] = {6, 4, 3}, one[] = {3, 5};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node a = nadir_input_add(g, "a", NADIR_F32, many, 3), c = nadir_input_add(g, "c", NADIR_F32, one, 2);
  const bench b = bench_of(g, nadir_matmul(g, a, c, NULL), 1);
  (void)state;
  /* The second one, repeated, counts once. */
  assert_cost(b.session, 0, "matmul", 4 * (6 * 4 * 3 + 3 * 5 + 6 * 4 * 5), 2 * 6 * 4 * 3 * 5);
  bench_close(b);
}

/* What members have in registers is not moved; an input of two of them counts once, and a row once. */
static void fused_step_moves_what_it_reads_and_keeps(void **state) {
  static const int64_t shape[] = {NADIR_BATCH, 6}, row[] = {6};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, shape, 2), r = nadir_input_add(g, "r", NADIR_F32, row, 1);
  const nadir_node y = nadir_mul(g, nadir_exp(g, nadir_add(g, x, r)), nadir_neg(g, x));
  const bench b = bench_of(g, y, 100);
  (void)state;
  assert_int_equal(nadir_session_step_count(b.session), 1);
  assert_cost(b.session, 0, "fused", 4 * (600 + 6 + 600), 4 * 600);
  bench_close(b);
}

static void what_a_member_writes_and_another_reads_counts_once(void **state) {
  static const int64_t shape[] = {50};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F64, shape, 1);
  nadir_node outputs[2];
  nadir_session *session;
  (void)state;
  outputs[0] = nadir_sin(g, x);
  outputs[1] = nadir_cos(g, outputs[0]);
  session = nadir_session_new(g, NADIR_NONE, outputs, 2, 1, NULL);
  assert_ok(nadir_session_set_profiling(session, 1));
  assert_int_equal(nadir_session_step_count(session), 1);
  assert_cost(session, 0, "fused", 8 * 3 * 50, 2 * 50);
  nadir_session_free(session);
  nadir_graph_free(g);
}

static void sums_read_all_and_casts_compute_nothing(void **state) {
  static const int64_t shape[] = {4, 2000};
  const int32_t axis = 1;
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, shape, 2);
  bench b = bench_of(g, nadir_sum(g, x, &axis, 1, NULL), 1); /* too long a row to be fused */
  (void)state;
  assert_cost(b.session, 0, "sum", 4 * (8000 + 4), 8000);
  nadir_session_free(b.session);
  b = bench_of(g, nadir_cast(g, x, NADIR_F64), 1);
  assert_cost(b.session, 0, "cast", 12 * 8000, 0);
  bench_close(b);
}

/* Of several groups of axes all but the last are reduced to a place in between. */
static void reductions_in_two_steps_move_what_is_between(void **state) {
  static const int64_t shape[] = {3, 5, 7};
  const int32_t axes[] = {0, 2};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, shape, 3);
  const bench b = bench_of(g, nadir_sum(g, x, axes, 2, NULL), 1);
  (void)state;
  assert_int_equal(nadir_session_step_count(b.session), 2);
  assert_cost(b.session, 0, "sum", 4 * (3 * 5 * 7 + 3 * 5), 3 * 5 * 7);
  assert_cost(b.session, 1, "sum", 4 * (3 * 5 + 5), 3 * 5);
  bench_close(b);
}

static void convolution_multiplies_a_window_an_element(void **state) {
  static const int64_t image[] = {NADIR_BATCH, 4, 8, 8}, weights[] = {6, 2, 3, 3};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, image, 4);
  const nadir_node w = nadir_input_add(g, "w", NADIR_F32, weights, 4);
  const bench b = bench_of(g, nadir_conv2d(g, x, w, NADIR_NONE, "groups=2"), 10);
  (void)state;
  assert_cost(b.session, 0, "conv", 4 * (10 * 4 * 64 + 6 * 2 * 9 + 10 * 6 * 36), 2 * 10 * 6 * 36 * 9 * 2);
  bench_close(b);
}

static void reading_by_index_moves_what_it_reads(void **state) {
  static const int64_t table[] = {1000, 8}, numbers[] = {NADIR_BATCH};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, table, 2);
  const nadir_node i = nadir_input_add(g, "i", NADIR_I64, numbers, 1);
  const bench b = bench_of(g, nadir_index_select(g, x, 0, i), 3);
  (void)state;
  assert_cost(b.session, 0, "index_select", 3 * 8 + 2 * 4 * 3 * 8, 0);
  bench_close(b);
}

static void pooling_compares_a_window_an_element(void **state) {
  static const int64_t image[] = {2, 3, 6, 6};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, image, 4);
  const bench b = bench_of(g, nadir_max_pool2d(g, x, 2, NULL), 1);
  (void)state;
  assert_cost(b.session, 0, "max_pool_index", 4 * 6 * (36 + 9 + 9), 6 * 9 * 4); /* the values and their places */
  bench_close(b);
}

/* Added to, a gradient is read too. */
static void accumulating_reads_what_it_adds_to(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry overwriting, accumulating;
  assert_ok(nadir_session_set_profiling(f->train, 1));
  overwriting = find_entry(f->train, NADIR_PHASE_BACKWARD, "matmul");
  accumulating = find_entry(f->train, NADIR_PHASE_ACCUMULATING, "matmul");
  assert_int_equal(overwriting.bytes, 4 * (5 + 5 + 1));
  assert_int_equal(accumulating.bytes, 4 * (5 + 5 + 1 + 1));
  assert_int_equal(overwriting.flops, 2 * 5);
}

/* ------------------------------------------------------------------------------------------------ it changes nothing */

/* Steps with batches that change, and profiling that is switched between the passes; returns the last loss. */
static double train(fit *f, int profiles, double *pair) {
  double loss = 0;
  int i;
  fit_set(f, 1, 1);
  for (i = 0; i < 40; ++i) {
    write_rows(f, (size_t)(1 + i / 3 % 5));
    if (i % 3 != 2) assert_ok(nadir_zero_grad(f->train));
    if (profiles) assert_ok(nadir_session_set_profiling(f->train, i % 5 != 0));
    assert_ok(nadir_forward(f->train));
    if (profiles && i % 7 == 0) assert_ok(nadir_session_set_profiling(f->train, i % 2));
    assert_ok(nadir_backward(f->train));
    loss = read_value(f->train, f->loss, f->dtype);
    assert_ok(nadir_sgd_step(f->train, 0.01));
  }
  pair[0] = param_value(f->graph, f->w, f->dtype);
  pair[1] = param_value(f->graph, f->b, f->dtype);
  assert_ok(nadir_session_set_profiling(f->train, 0));
  return loss;
}

static void profiling_changes_no_bit(void **state) {
  fit *f = (fit *)*state;
  double plain[2], profiled[2];
  const double loss = train(f, 0, plain);
  assert_exact(train(f, 1, profiled), loss);
  assert_exact(profiled[0], plain[0]);
  assert_exact(profiled[1], plain[1]);
}

static void profiling_leaves_a_pass_to_go_back_from(void **state) {
  fit *f = (fit *)*state;
  write_rows(f, 1);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_ok(nadir_backward(f->train));
  assert_calls(f->train, NADIR_PHASE_FORWARD, 0);
  assert_calls(f->train, NADIR_PHASE_BACKWARD, 1);
  assert_exact(grad_value(f->train, f->b, f->dtype), 2 * (1 * 1 + 1 - 5));
}

/* ------------------------------------------------------------------------------------------------------------ memory */

static ledger counters;

static int setup_ledger(void **state) {
  static fit f;
  nadir_host *host;
  memset(&counters, 0, sizeof counters);
  host = ledger_host(&counters);
  fit_define(&f, host, NADIR_F32, FIT_LINEAR, NULL);
  fit_compile(&f, 5);
  nadir_host_free(host);
  *state = &f;
  return 0;
}

static int teardown_ledger(void **state) {
  fit_close((fit *)*state);
  assert_int_equal(counters.live_bytes, 0);
  assert_int_equal(counters.faults, 0);
  return 0;
}

static void memory_is_reserved_when_switched_on_and_returned_when_off(void **state) {
  fit *f = (fit *)*state;
  size_t calls, plan, plan_before;
  const size_t bytes = counters.live_bytes;
  assert_ok(nadir_session_memory(f->train, "plan", &plan_before));
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_true(counters.live_bytes > bytes);
  calls = counters.calls;
  write_rows(f, 5);
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  write_rows(f, 2);
  assert_ok(nadir_forward(f->train));
  assert_calls(f->train, NADIR_PHASE_FORWARD, 2);
  assert_int_equal(counters.calls, calls);
  assert_ok(nadir_session_memory(f->train, "plan", &plan));
  assert_int_equal(plan, plan_before);
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_ok(nadir_session_set_profiling(f->train, 0));
  assert_int_equal(counters.live_bytes, bytes);
  assert_ok(nadir_session_set_profiling(f->train, 1)); /* and left on */
}

/* Every allocation of a call fails in turn; the session stays as it was. */
static void switching_on_without_memory_leaves_all_as_it_was(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry entry;
  size_t needed, k;
  int was_on;
  entry.struct_size = sizeof entry;
  write_rows(f, 2);
  for (was_on = 0; was_on < 2; ++was_on) {
    needed = counters.allocations;
    assert_ok(nadir_session_set_profiling(f->train, 1));
    needed = counters.allocations - needed;
    assert_true(needed > 0);
    assert_ok(nadir_session_set_profiling(f->train, was_on));
    assert_ok(nadir_forward(f->train));
    for (k = 1; k <= needed; ++k) {
      counters.fail_at = counters.allocations + k;
      assert_status(nadir_session_set_profiling(f->train, 1), NADIR_E_NO_MEMORY);
      ledger_relent(&counters);
      assert_status(nadir_session_status(f->train), NADIR_E_NO_MEMORY);
      assert_says(nadir_session_error(f->train), "session_set_profiling");
      if (was_on) {
        assert_calls(f->train, NADIR_PHASE_FORWARD, (uint64_t)k);
      } else {
        assert_status(nadir_session_profile(f->train, 0, &entry), NADIR_E_STATE);
      }
      assert_ok(nadir_forward(f->train));
    }
  }
  assert_ok(nadir_backward(f->train));
}

/* ------------------------------------------------------------------------------------------------------------ errors */

static void entries_are_refused_while_it_is_off(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry entry;
  entry.struct_size = sizeof entry;
  assert_status(nadir_session_profile(f->train, 0, &entry), NADIR_E_STATE);
  assert_ok(nadir_session_set_profiling(f->train, 0));
  assert_ok(nadir_session_set_profiling(f->train, 1));
  assert_ok(nadir_session_profile(f->train, 0, &entry));
  assert_ok(nadir_session_set_profiling(f->train, 0));
  assert_status(nadir_session_profile(f->train, 0, &entry), NADIR_E_STATE);
  assert_ok(nadir_session_status(f->train));
}

static void bad_arguments_leave_the_entry_as_it_was(void **state) {
  fit *f = (fit *)*state;
  nadir_profile_entry entry, before;
  assert_ok(nadir_session_set_profiling(f->train, 1));
  memset(&entry, 0x5a, sizeof entry);
  entry.struct_size = sizeof entry;
  before = entry;
  assert_status(nadir_session_profile(f->train, -1, &entry), NADIR_E_ARGUMENT);
  assert_status(nadir_session_profile(f->train, INT32_MAX, &entry), NADIR_E_ARGUMENT);
  assert_status(nadir_session_profile(f->train, nadir_session_step_count(f->train), &entry), NADIR_E_ARGUMENT);
  assert_memory_equal(&entry, &before, sizeof entry);
  entry.struct_size = before.struct_size = sizeof entry - 1;
  assert_status(nadir_session_profile(f->train, 0, &entry), NADIR_E_ARGUMENT);
  assert_memory_equal(&entry, &before, sizeof entry);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define test_memory(function) cmocka_unit_test_setup_teardown(function, setup_ledger, teardown_ledger)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(calls_are_those_of_the_passes),
      test(passes_of_other_calls_count_too),
      test(switching_on_again_starts_from_zero),
      test(sessions_of_a_graph_are_profiled_apart),
      cmocka_unit_test(time_is_that_of_the_steps),
      test(entries_have_the_names_of_the_dump),
      cmocka_unit_test(product_moves_its_matrices_at_the_present_batch),
      cmocka_unit_test(many_products_are_one_after_another),
      cmocka_unit_test(fused_step_moves_what_it_reads_and_keeps),
      cmocka_unit_test(what_a_member_writes_and_another_reads_counts_once),
      cmocka_unit_test(sums_read_all_and_casts_compute_nothing),
      cmocka_unit_test(reductions_in_two_steps_move_what_is_between),
      cmocka_unit_test(convolution_multiplies_a_window_an_element),
      cmocka_unit_test(reading_by_index_moves_what_it_reads),
      cmocka_unit_test(pooling_compares_a_window_an_element),
      test(accumulating_reads_what_it_adds_to),
      test(profiling_changes_no_bit),
      test(profiling_leaves_a_pass_to_go_back_from),
      test_memory(memory_is_reserved_when_switched_on_and_returned_when_off),
      test_memory(switching_on_without_memory_leaves_all_as_it_was),
      test(entries_are_refused_while_it_is_off),
      test(bad_arguments_leave_the_entry_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
