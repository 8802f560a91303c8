/*
 * Every length around a vector's, from nothing on, in both dtypes. All values are whole numbers that every dtype holds
 * exactly, so that the results are exact in any order of summation.
 */
#include "support.h"

#include <string.h>

#define MOST 4500 /* elements of any tensor here */

static const nadir_dtype dtypes[] = {NADIR_F32, NADIR_F64};

static const int64_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65};

static double value(size_t i, int salt) { return (double)((i * 7 + (size_t)salt * 3) % 11) - 5; }

static void fill(double *values, size_t count, int salt) {
  size_t i;
  for (i = 0; i < count; ++i) values[i] = value(i, salt);
}

/* A graph of two inputs and up to eight outputs, computed once. */
typedef struct sheet {
  nadir_dtype dtype;
  nadir_graph *graph;
  nadir_node a, b, outputs[8];
  int32_t count;
  nadir_session *session;
  size_t count_a, count_b;
} sheet;

static void sheet_open(sheet *s, nadir_dtype dtype, const int64_t *shape_a, const int64_t *shape_b) {
  memset(s, 0, sizeof *s);
  s->dtype = dtype;
  s->graph = nadir_graph_new(NULL);
  s->a = nadir_input_add(s->graph, "a", dtype, shape_a, 2);
  s->b = nadir_input_add(s->graph, "b", dtype, shape_b, 2);
  s->count_a = (size_t)(shape_a[0] * shape_a[1]);
  s->count_b = (size_t)(shape_b[0] * shape_b[1]);
}

static void add(sheet *s, nadir_node output) { s->outputs[s->count++] = output; }

static void sheet_compute(sheet *s, const double *a, const double *b) {
  s->session = nadir_session_new(s->graph, NADIR_NONE, s->outputs, s->count, 1, NULL);
  assert_graph_ok(s->graph);
  assert_ok(write_values(s->session, s->a, s->dtype, a, s->count_a));
  assert_ok(write_values(s->session, s->b, s->dtype, b, s->count_b));
  assert_ok(nadir_forward(s->session));
}

static void sheet_close(sheet *s) {
  nadir_session_free(s->session);
  nadir_graph_free(s->graph);
}

/* ------------------------------------------------------------------------------------------------- elementwise */

static void check_elementwise(nadir_dtype dtype, int64_t rows, int64_t columns) {
  const int64_t shape[2] = {rows, columns}, row[2] = {1, columns};
  double a[MOST], b[MOST], got[6][MOST];
  const size_t count = (size_t)(rows * columns);
  sheet s;
  size_t i;
  int32_t k;
  fill(a, count, 1);
  fill(b, (size_t)columns, 2);
  sheet_open(&s, dtype, shape, row);
  add(&s, nadir_add(s.graph, s.a, s.b));
  add(&s, nadir_sub(s.graph, s.b, s.a));
  add(&s, nadir_mul(s.graph, s.a, s.b));
  add(&s, nadir_neg(s.graph, s.a));
  add(&s, nadir_square(s.graph, s.a));
  add(&s, nadir_add(s.graph, nadir_mul(s.graph, nadir_square(s.graph, s.a), s.b), s.a));
  sheet_compute(&s, a, b);
  for (k = 0; k < s.count; ++k) assert_ok(read_values(s.session, s.outputs[k], dtype, got[k], count));
  for (i = 0; i < count; ++i) {
    const double x = a[i], y = b[i % (size_t)columns];
    assert_exact(got[0][i], x + y);
    assert_exact(got[1][i], y - x);
    assert_exact(got[2][i], x * y);
    assert_exact(got[3][i], -x);
    assert_exact(got[4][i], x * x);
    assert_exact(got[5][i], x * x * y + x);
  }
  sheet_close(&s);
}

static void elementwise_operations_of_all_lengths(void **state) {
  size_t d, i;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    for (i = 0; i < COUNT_OF(lengths); ++i) {
      check_elementwise(dtypes[d], 1, lengths[i]);
      check_elementwise(dtypes[d], 3, lengths[i]);
      check_elementwise(dtypes[d], lengths[i], 1);
      check_elementwise(dtypes[d], lengths[i], 5);
    }
  }
}

/* -------------------------------------------------------------------------------------------------- reductions */

static void check_reductions(nadir_dtype dtype, int64_t rows, int64_t columns) {
  const int64_t shape[2] = {rows, columns}, one[2] = {1, 1};
  const int32_t first[] = {0}, last[] = {1};
  double a[MOST], got[MOST], by_row[MOST] = {0}, by_column[MOST] = {0}, all = 0;
  const double b = 0;
  int64_t i, k;
  sheet s;
  fill(a, (size_t)(rows * columns), 3);
  for (i = 0; i < rows; ++i) {
    for (k = 0; k < columns; ++k) {
      by_row[i] += a[i * columns + k];
      by_column[k] += a[i * columns + k];
      all += a[i * columns + k];
    }
  }
  sheet_open(&s, dtype, shape, one);
  add(&s, nadir_sum(s.graph, s.a, last, 1, NULL));
  add(&s, nadir_sum(s.graph, s.a, first, 1, NULL));
  add(&s, nadir_add(s.graph, nadir_sum(s.graph, s.a, NULL, 0, NULL), s.b));
  add(&s, nadir_mean(s.graph, s.a, NULL, 0, NULL));
  sheet_compute(&s, a, &b);
  assert_ok(read_values(s.session, s.outputs[0], dtype, got, (size_t)rows));
  for (i = 0; i < rows; ++i) assert_exact(got[i], by_row[i]);
  assert_ok(read_values(s.session, s.outputs[1], dtype, got, (size_t)columns));
  for (i = 0; i < columns; ++i) assert_exact(got[i], by_column[i]);
  assert_exact(read_value(s.session, s.outputs[2], dtype), all);
  if (rows * columns == 0) {
    assert_nan(read_value(s.session, s.outputs[3], dtype));
  } else {
    assert_near(read_value(s.session, s.outputs[3], dtype), all / (double)(rows * columns), 1e-7);
  }
  sheet_close(&s);
}

static void reductions_of_all_lengths(void **state) {
  size_t d, i, k;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    for (i = 0; i < COUNT_OF(lengths); ++i) {
      for (k = 0; k < COUNT_OF(lengths); ++k) check_reductions(dtypes[d], lengths[i], lengths[k]);
    }
  }
}

/* ------------------------------------------------------------------------------------------------------ products */

static const char *const transpositions[] = {"", "transpose_a=1", "transpose_b=1", "transpose_a=1 transpose_b=1"};

static void check_product(nadir_dtype dtype, int64_t m, int64_t k, int64_t n, int t) {
  const int64_t shape_a[2] = {t & 1 ? k : m, t & 1 ? m : k}, shape_b[2] = {t & 2 ? n : k, t & 2 ? k : n};
  double a[MOST], b[MOST], got[MOST];
  int64_t i, j, l;
  sheet s;
  fill(a, (size_t)(m * k), 4);
  fill(b, (size_t)(k * n), 5);
  sheet_open(&s, dtype, shape_a, shape_b);
  add(&s, nadir_matmul(s.graph, s.a, s.b, transpositions[t]));
  sheet_compute(&s, a, b);
  assert_ok(read_values(s.session, s.outputs[0], dtype, got, (size_t)(m * n)));
  for (i = 0; i < m; ++i) {
    for (j = 0; j < n; ++j) {
      double sum = 0;
      for (l = 0; l < k; ++l) sum += (t & 1 ? a[l * m + i] : a[i * k + l]) * (t & 2 ? b[j * k + l] : b[l * n + j]);
      if (got[i * n + j] != sum)
        print_error("[%d, %d] x [%d, %d] %s\n", (int)m, (int)k, (int)k, (int)n, transpositions[t]);
      assert_exact(got[i * n + j], sum);
    }
  }
  sheet_close(&s);
}

/* All pairs of two lengths beside a third that goes through all: every remainder in every place. */
static void products_of_all_lengths(void **state) {
  size_t d, i, k;
  int t;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    for (t = 0; t < 4; ++t) {
      for (i = 0; i < COUNT_OF(lengths); ++i) {
        for (k = 0; k < COUNT_OF(lengths); ++k) {
          check_product(dtypes[d], lengths[i], lengths[(i + k) % COUNT_OF(lengths)], lengths[k], t);
        }
      }
    }
  }
}

/* Beyond the blocks of any cache-sized loop: [1, 4500] x [4500, 1] and its like. */
static void long_products(void **state) {
  size_t d;
  int t;
  (void)state;
  for (d = 0; d < COUNT_OF(dtypes); ++d) {
    for (t = 0; t < 4; ++t) {
      check_product(dtypes[d], 1, MOST, 1, t);
      check_product(dtypes[d], 3, 1111, 4, t);
      check_product(dtypes[d], 1111, 2, 4, t);
      check_product(dtypes[d], 4, 3, 1111, t);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elementwise_operations_of_all_lengths),
      cmocka_unit_test(reductions_of_all_lengths),
      cmocka_unit_test(products_of_all_lengths),
      cmocka_unit_test(long_products),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
