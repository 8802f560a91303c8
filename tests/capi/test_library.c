/*
 * The library itself: versions, names and features; and the host: allocator tables, logs, and when they are destroyed.
 */
#include "support.h"

#include <string.h>

#include "ledger.h"

/* ---------------------------------------------------------------------------------------------- versions and names */

static void version_is_that_of_the_header(void **state) {
  (void)state;
  assert_string_equal(nadir_version_string(), "0.1.0");
  assert_int_equal(nadir_version_number(),
                   NADIR_VERSION_MAJOR * 1000000 + NADIR_VERSION_MINOR * 1000 + NADIR_VERSION_PATCH);
  assert_true(nadir_abi_version() >= 0);
}

static void statuses_have_their_names(void **state) {
  static const char *const names[] = {
      "NADIR_OK",           "NADIR_E_ARGUMENT", "NADIR_E_SHAPE",    "NADIR_E_DTYPE",
      "NADIR_E_NO_MEMORY",  "NADIR_E_STATE",    "NADIR_E_BUSY",     "NADIR_E_UNSUPPORTED",
      "NADIR_E_IO",         "NADIR_E_FORMAT",   "NADIR_E_CALLBACK", "NADIR_E_CANCELLED",
      "NADIR_E_NOT_FINITE", "NADIR_E_VERSION",  "NADIR_E_INTERNAL", "NADIR_E_MISMATCH"};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(names); ++i) assert_string_equal(nadir_status_name((nadir_status)i), names[i]);
  assert_string_equal(nadir_status_name(-1), "NADIR_E_UNKNOWN");
  assert_string_equal(nadir_status_name(16), "NADIR_E_UNKNOWN");
  assert_string_equal(nadir_status_name(INT32_MIN), "NADIR_E_UNKNOWN");
}

static void dtypes_have_their_sizes_and_names(void **state) {
  (void)state;
  assert_int_equal(nadir_dtype_size(NADIR_F32), 4);
  assert_int_equal(nadir_dtype_size(NADIR_F64), 8);
  assert_int_equal(nadir_dtype_size(0), 0);
  assert_int_equal(nadir_dtype_size(NADIR_I32), 4);
  assert_int_equal(nadir_dtype_size(NADIR_I64), 8);
  assert_int_equal(nadir_dtype_size(NADIR_U8), 1);
  assert_int_equal(nadir_dtype_size(6), 0);
  assert_int_equal(nadir_dtype_size(-1), 0);
  assert_string_equal(nadir_dtype_name(NADIR_F32), "f32");
  assert_string_equal(nadir_dtype_name(NADIR_F64), "f64");
  assert_string_equal(nadir_dtype_name(NADIR_I32), "i32");
  assert_string_equal(nadir_dtype_name(NADIR_I64), "i64");
  assert_string_equal(nadir_dtype_name(NADIR_U8), "u8");
  assert_string_equal(nadir_dtype_name(0), "none");
  assert_string_equal(nadir_dtype_name(-7), "none");
}

static void features_agree_with_each_other(void **state) {
  static const char *const simd[] = {"sse2", "avx2", "avx512", "neon"};
  int32_t any = 0;
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(simd); ++i) any |= nadir_has_feature(simd[i]);
  /* Kernels without vectors are there where no others are. */
  assert_int_equal(nadir_has_feature("scalar"), !any);
  assert_int_equal(nadir_has_feature("simd"), any);
  assert_int_equal(nadir_has_feature(nadir_isa()), 1);
  assert_int_equal(nadir_has_feature("flux"), 0);
  assert_int_equal(nadir_has_feature(""), 0);
  assert_ptr_equal(nadir_isa(), nadir_isa());
}

/* --------------------------------------------------------------------------------------------------------- hosts */

static void malformed_allocators_are_refused_and_not_destroyed(void **state) {
  ledger l;
  nadir_allocator table;
  int fault;
  (void)state;
  for (fault = 0; fault < 4; ++fault) {
    memset(&l, 0, sizeof l);
    table = ledger_allocator(&l);
    if (fault == 0) table.struct_size = 0;
    if (fault == 1) table.struct_size = offsetof(nadir_allocator, deallocate);
    if (fault == 2) table.allocate = NULL;
    if (fault == 3) table.deallocate = NULL;
    assert_null(nadir_host_new(&table));
    assert_int_equal(l.calls, 0);
    assert_int_equal(l.destroyed, 0);
  }
}

static void allocator_without_destroy_will_do(void **state) {
  ledger l;
  nadir_allocator table;
  nadir_host *host;
  (void)state;
  memset(&l, 0, sizeof l);
  table = ledger_allocator(&l);
  table.destroy = NULL;
  host = nadir_host_new(&table);
  assert_non_null(host);
  nadir_host_free(host);
  assert_int_equal(l.live_blocks, 0);
  assert_int_equal(l.faults, 0);
}

/* As a later header might have it. */
static void longer_allocator_table_will_do(void **state) {
  struct {
    nadir_allocator table;
    void *later;
  } longer;
  ledger l;
  nadir_host *host;
  (void)state;
  memset(&l, 0, sizeof l);
  memset(&longer, 0, sizeof longer);
  longer.table = ledger_allocator(&l);
  longer.table.struct_size = sizeof longer;
  host = nadir_host_new(&longer.table);
  assert_non_null(host);
  nadir_host_free(host);
  assert_int_equal(l.destroyed, 1);
}

static void host_lies_in_the_allocator_s_memory(void **state) {
  ledger l;
  nadir_host *host;
  (void)state;
  memset(&l, 0, sizeof l);
  host = ledger_host(&l);
  assert_non_null(host);
  assert_true(l.live_bytes > 0);
  nadir_host_free(host);
  assert_int_equal(l.live_bytes, 0);
  assert_int_equal(l.destroyed, 1);
  assert_int_equal(l.faults, 0);
}

static void host_without_memory_is_not_made_and_not_destroyed(void **state) {
  ledger l;
  (void)state;
  memset(&l, 0, sizeof l);
  l.fail_at = 1;
  l.fail_on = 1;
  assert_null(ledger_host(&l));
  assert_int_equal(l.destroyed, 0);
  assert_int_equal(l.live_bytes, 0);
}

/* The last of four objects to go takes the host with it, whichever it is. */
static void allocator_is_destroyed_with_the_last_object(void **state) {
  int last;
  (void)state;
  for (last = 0; last < 4; ++last) {
    int i;
    ledger l;
    fit f;
    nadir_host *host;
    memset(&l, 0, sizeof l);
    host = ledger_host(&l);
    fit_define(&f, host, NADIR_F32, FIT_LINEAR, NULL);
    fit_compile(&f, 1);
    for (i = 1; i <= 4; ++i) {
      const int which = (last + i) % 4;
      assert_int_equal(l.destroyed, 0);
      if (which == 0) nadir_host_free(host);
      if (which == 1) nadir_graph_free(f.graph);
      if (which == 2) nadir_session_free(f.train);
      if (which == 3) nadir_session_free(f.predict);
    }
    assert_int_equal(l.destroyed, 1);
    assert_int_equal(l.live_bytes, 0);
    assert_int_equal(l.faults, 0);
  }
}

static void graphs_share_a_host(void **state) {
  ledger l;
  fit first, second;
  nadir_host *host;
  (void)state;
  memset(&l, 0, sizeof l);
  host = ledger_host(&l);
  fit_define(&first, host, NADIR_F32, FIT_LINEAR, NULL);
  fit_define(&second, host, NADIR_F64, FIT_BARE, NULL);
  nadir_host_free(host);
  fit_compile(&first, 1);
  fit_compile(&second, 1);
  assert_fit_trains(&first);
  fit_close(&first);
  assert_int_equal(l.destroyed, 0);
  assert_fit_trains(&second);
  fit_close(&second);
  assert_int_equal(l.destroyed, 1);
  assert_int_equal(l.faults, 0);
}

/* ---------------------------------------------------------------------------------------------------------- logs */

typedef struct diary {
  int destroyed;
} diary;

static void diary_write(void *user, int32_t level, const char *message) {
  (void)user;
  (void)level;
  (void)message;
}

static void diary_destroy(void *user) { ++((diary *)user)->destroyed; }

static nadir_log_sink diary_sink(diary *d) {
  nadir_log_sink sink;
  memset(&sink, 0, sizeof sink);
  d->destroyed = 0;
  sink.struct_size = sizeof sink;
  sink.user = d;
  sink.write = diary_write;
  sink.destroy = diary_destroy;
  return sink;
}

static void log_is_destroyed_when_replaced_taken_away_or_left(void **state) {
  diary first, second, third;
  const nadir_log_sink a = diary_sink(&first), b = diary_sink(&second), c = diary_sink(&third);
  nadir_host *host = nadir_host_new(NULL);
  (void)state;
  assert_ok(nadir_host_set_log(host, &a));
  assert_int_equal(first.destroyed, 0);
  assert_ok(nadir_host_set_log(host, &b));
  assert_int_equal(first.destroyed, 1);
  assert_ok(nadir_host_set_log(host, NULL));
  assert_int_equal(second.destroyed, 1);
  assert_ok(nadir_host_set_log(host, &c));
  assert_int_equal(third.destroyed, 0);
  nadir_host_free(host);
  assert_int_equal(first.destroyed, 1);
  assert_int_equal(second.destroyed, 1);
  assert_int_equal(third.destroyed, 1);
}

static void malformed_logs_are_refused_and_leave_the_former(void **state) {
  diary former, bad;
  const nadir_log_sink good = diary_sink(&former);
  nadir_log_sink small = diary_sink(&bad), silent = diary_sink(&bad);
  nadir_host *host = nadir_host_new(NULL);
  (void)state;
  small.struct_size = 4;
  silent.write = NULL;
  assert_ok(nadir_host_set_log(host, &good));
  assert_status(nadir_host_set_log(host, &small), NADIR_E_ARGUMENT);
  assert_status(nadir_host_set_log(host, &silent), NADIR_E_ARGUMENT);
  assert_int_equal(bad.destroyed, 0);
  assert_int_equal(former.destroyed, 0);
  nadir_host_free(host);
  assert_int_equal(former.destroyed, 1);
}

static void log_is_set_before_the_first_graph(void **state) {
  diary early, late;
  const nadir_log_sink a = diary_sink(&early), b = diary_sink(&late);
  nadir_host *host = nadir_host_new(NULL);
  nadir_graph *graph;
  (void)state;
  assert_ok(nadir_host_set_log(host, &a));
  graph = nadir_graph_new(host);
  assert_status(nadir_host_set_log(host, &b), NADIR_E_STATE);
  assert_status(nadir_host_set_log(host, NULL), NADIR_E_STATE);
  nadir_host_free(host);
  assert_int_equal(early.destroyed, 0);
  nadir_graph_free(graph);
  assert_int_equal(early.destroyed, 1);
  assert_int_equal(late.destroyed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(version_is_that_of_the_header),
      cmocka_unit_test(statuses_have_their_names),
      cmocka_unit_test(dtypes_have_their_sizes_and_names),
      cmocka_unit_test(features_agree_with_each_other),
      cmocka_unit_test(malformed_allocators_are_refused_and_not_destroyed),
      cmocka_unit_test(allocator_without_destroy_will_do),
      cmocka_unit_test(longer_allocator_table_will_do),
      cmocka_unit_test(host_lies_in_the_allocator_s_memory),
      cmocka_unit_test(host_without_memory_is_not_made_and_not_destroyed),
      cmocka_unit_test(allocator_is_destroyed_with_the_last_object),
      cmocka_unit_test(graphs_share_a_host),
      cmocka_unit_test(log_is_destroyed_when_replaced_taken_away_or_left),
      cmocka_unit_test(malformed_logs_are_refused_and_leave_the_former),
      cmocka_unit_test(log_is_set_before_the_first_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
