/* Results that are written where a copy would have taken them: the values are those of the copy, and there is none. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { ROWS = 2, TERMS = 3, COLUMNS = 4, BATCH = 3 };

/* How many steps of a session's plan are copies. */
static int copies_of(const nadir_session *session) {
  static const char word[] = " = copy(";
  size_t needed;
  int count = 0;
  char *text;
  const char *at;
  assert_ok(nadir_session_dump(session, "text", NULL, 0, &needed));
  text = malloc(needed);
  assert_non_null(text);
  assert_ok(nadir_session_dump(session, "text", text, needed, NULL));
  for (at = strstr(text, word); at; at = strstr(at + 1, word)) ++count;
  free(text);
  return count;
}

static void fill(double *values, int count, double first) {
  int i;
  for (i = 0; i < count; ++i) values[i] = first + 0.5 * i;
}

/* a [batch, rows, terms] times b [terms, columns], an element. */
static double product_at(const double *a, const double *b, int n, int i, int j) {
  double sum = 0;
  int l;
  for (l = 0; l < TERMS; ++l) sum += a[(n * ROWS + i) * TERMS + l] * b[l * COLUMNS + j];
  return sum;
}

/* x [batch, rows, terms] and w [terms, columns], with values. */
struct factors {
  nadir_graph *graph;
  nadir_node x, w, product;
  double a[BATCH * ROWS * TERMS], b[TERMS * COLUMNS];
};

static void make_factors(struct factors *f) {
  const int64_t x_shape[] = {NADIR_BATCH, ROWS, TERMS}, w_shape[] = {TERMS, COLUMNS};
  f->graph = nadir_graph_new(NULL);
  f->x = nadir_input_add(f->graph, "x", NADIR_F64, x_shape, 3);
  f->w = nadir_param_add(f->graph, "w", NADIR_F64, w_shape, 2, NULL);
  f->product = nadir_matmul(f->graph, f->x, f->w, NULL);
  fill(f->a, BATCH * ROWS * TERMS, -2);
  fill(f->b, TERMS * COLUMNS, 1);
  assert_graph_ok(f->graph);
  assert_ok(set_param(f->graph, f->w, NADIR_F64, f->b, TERMS * COLUMNS));
}

/* The heads of attention: dimensions change places, and then two are one, which no strides can tell. Products with one matrix are
   one product, whose rows would not lie at equal distances: these are copied. */
static void check_order(int is_one_product) {
  const int32_t axes[] = {1, 0, 2};
  const int64_t shape[] = {ROWS, BATCH * COLUMNS};
  const int64_t x_shape[] = {BATCH, ROWS, TERMS}, w_shape[] = {BATCH, TERMS, COLUMNS};
  double a[BATCH * ROWS * TERMS], b[BATCH * TERMS * COLUMNS], got[BATCH * ROWS * COLUMNS];
  int n, i, j;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_input_add(graph, "x", NADIR_F64, x_shape, 3);
  nadir_node w = nadir_input_add(graph, "w", NADIR_F64, w_shape + is_one_product, 3 - is_one_product);
  nadir_node product = nadir_matmul(graph, x, w, NULL);
  const int matrices = is_one_product ? 1 : BATCH;
  nadir_node out = nadir_reshape(graph, nadir_permute(graph, product, axes, 3), shape, 2);
  nadir_session *session = nadir_session_new(graph, NADIR_NONE, &out, 1, 1, NULL);
  assert_graph_ok(graph);
  assert_int_equal(copies_of(session), is_one_product);
  fill(a, BATCH * ROWS * TERMS, -2);
  fill(b, matrices * TERMS * COLUMNS, 1);
  assert_ok(write_values(session, x, NADIR_F64, a, BATCH * ROWS * TERMS));
  assert_ok(write_values(session, w, NADIR_F64, b, (size_t)(matrices * TERMS * COLUMNS)));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, out, NADIR_F64, got, BATCH * ROWS * COLUMNS));
  for (n = 0; n < BATCH; ++n) {
    for (i = 0; i < ROWS; ++i) {
      for (j = 0; j < COLUMNS; ++j) {
        assert_exact(got[(i * BATCH + n) * COLUMNS + j], product_at(a, b + n % matrices * TERMS * COLUMNS, n, i, j));
      }
    }
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void products_are_written_in_another_order(void **state) {
  (void)state;
  check_order(0);
  check_order(1);
}

/* Pieces of a concatenation along its last dimension: a product, what is made of another, and an input, which alone is copied. */
static void pieces_are_written_in_their_places(void **state) {
  enum { WIDTH = 2 * COLUMNS + TERMS };
  nadir_node pieces[3], out;
  nadir_session *session;
  double got[BATCH * ROWS * WIDTH];
  struct factors f;
  int batch, n, i, j;
  (void)state;
  make_factors(&f);
  pieces[0] = f.product;
  pieces[1] = f.x;
  pieces[2] = nadir_matmul(f.graph, nadir_scale(f.graph, f.x, 2), f.w, NULL);
  out = nadir_concat(f.graph, pieces, 3, 2);
  session = nadir_session_new(f.graph, NADIR_NONE, &out, 1, BATCH, NULL);
  assert_graph_ok(f.graph);
  assert_int_equal(copies_of(session), 1);
  for (batch = 1; batch <= BATCH; ++batch) {
    assert_ok(write_values(session, f.x, NADIR_F64, f.a, (size_t)(batch * ROWS * TERMS)));
    assert_ok(nadir_forward(session));
    assert_ok(read_values(session, out, NADIR_F64, got, (size_t)(batch * ROWS * WIDTH)));
    for (n = 0; n < batch; ++n) {
      for (i = 0; i < ROWS; ++i) {
        const double *row = got + (n * ROWS + i) * WIDTH;
        for (j = 0; j < COLUMNS; ++j) assert_exact(row[j], product_at(f.a, f.b, n, i, j));
        for (j = 0; j < TERMS; ++j) assert_exact(row[COLUMNS + j], f.a[(n * ROWS + i) * TERMS + j]);
        for (j = 0; j < COLUMNS; ++j) assert_exact(row[COLUMNS + TERMS + j], 2 * product_at(f.a, f.b, n, i, j));
      }
    }
  }
  nadir_session_free(session);
  nadir_graph_free(f.graph);
}

/* A transposed product among others: its columns become rows, which lie in line, or single numbers, which are copied. */
static void check_transposed(int is_stacked) {
  const int64_t x_shape[] = {ROWS, TERMS}, w_shape[] = {TERMS, COLUMNS};
  double a[ROWS * TERMS], b[TERMS * COLUMNS], got[COLUMNS * 2 * ROWS];
  int i, j, k;
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_input_add(graph, "x", NADIR_F64, x_shape, 2);
  nadir_node w = nadir_input_add(graph, "w", NADIR_F64, w_shape, 2);
  nadir_node both[2], out;
  nadir_session *session;
  both[0] = nadir_transpose(graph, nadir_matmul(graph, x, w, NULL), 0, 1);
  both[1] = nadir_transpose(graph, nadir_matmul(graph, nadir_scale(graph, x, 2), w, NULL), 0, 1);
  out = is_stacked ? nadir_stack(graph, both, 2, 2) : nadir_concat(graph, both, 2, 1);
  session = nadir_session_new(graph, NADIR_NONE, &out, 1, 1, NULL);
  assert_graph_ok(graph);
  assert_int_equal(copies_of(session), is_stacked ? 2 : 0);
  fill(a, ROWS * TERMS, -2);
  fill(b, TERMS * COLUMNS, 1);
  assert_ok(write_values(session, x, NADIR_F64, a, ROWS * TERMS));
  assert_ok(write_values(session, w, NADIR_F64, b, TERMS * COLUMNS));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, out, NADIR_F64, got, COLUMNS * 2 * ROWS));
  for (i = 0; i < ROWS; ++i) {
    for (j = 0; j < COLUMNS; ++j) {
      for (k = 0; k < 2; ++k) {
        const int column = is_stacked ? 2 * i + k : k * ROWS + i;
        assert_exact(got[j * 2 * ROWS + column], (k + 1) * product_at(a, b, 0, i, j));
      }
    }
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void transposed_products_are_written_in_line(void **state) {
  (void)state;
  check_transposed(0);
  check_transposed(1);
}

/* What is set into a copy must not be there before the copy is made. */
static void what_is_set_is_not_overwritten(void **state) {
  const int64_t shape[] = {NADIR_BATCH, ROWS, COLUMNS + 1};
  double base[BATCH * ROWS * (COLUMNS + 1)], got[BATCH * ROWS * (COLUMNS + 1)];
  nadir_node x, out;
  nadir_session *session;
  struct factors f;
  int n, i, j;
  (void)state;
  make_factors(&f);
  x = nadir_input_add(f.graph, "base", NADIR_F64, shape, 3);
  out = nadir_slice_set(f.graph, x, 2, 1, COLUMNS + 1, 1, f.product);
  session = nadir_session_new(f.graph, NADIR_NONE, &out, 1, BATCH, NULL);
  assert_graph_ok(f.graph);
  fill(base, BATCH * ROWS * (COLUMNS + 1), 100);
  assert_ok(write_values(session, f.x, NADIR_F64, f.a, BATCH * ROWS * TERMS));
  assert_ok(write_values(session, x, NADIR_F64, base, BATCH * ROWS * (COLUMNS + 1)));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, out, NADIR_F64, got, BATCH * ROWS * (COLUMNS + 1)));
  for (n = 0; n < BATCH; ++n) {
    for (i = 0; i < ROWS; ++i) {
      const int row = (n * ROWS + i) * (COLUMNS + 1);
      assert_exact(got[row], base[row]);
      for (j = 0; j < COLUMNS; ++j) assert_exact(got[row + 1 + j], product_at(f.a, f.b, n, i, j));
    }
  }
  nadir_session_free(session);
  nadir_graph_free(f.graph);
}

/* A product that is read twice, or by the host as well, stays where it is. */
static void check_other_readers(int is_output) {
  enum { WIDTH = 2 * COLUMNS };
  nadir_node pieces[2], outputs[2];
  nadir_session *session;
  double got[BATCH * ROWS * WIDTH], product[BATCH * ROWS * COLUMNS];
  struct factors f;
  int n, i, j;
  make_factors(&f);
  pieces[0] = pieces[1] = outputs[1] = f.product;
  outputs[0] = nadir_concat(f.graph, pieces, 2, 2);
  session = nadir_session_new(f.graph, NADIR_NONE, outputs, 1 + is_output, BATCH, NULL);
  assert_graph_ok(f.graph);
  assert_ok(write_values(session, f.x, NADIR_F64, f.a, BATCH * ROWS * TERMS));
  assert_ok(nadir_forward(session));
  assert_ok(read_values(session, outputs[0], NADIR_F64, got, BATCH * ROWS * WIDTH));
  if (is_output) assert_ok(read_values(session, outputs[1], NADIR_F64, product, BATCH * ROWS * COLUMNS));
  for (n = 0; n < BATCH; ++n) {
    for (i = 0; i < ROWS; ++i) {
      for (j = 0; j < WIDTH; ++j) {
        const double wanted = product_at(f.a, f.b, n, i, j % COLUMNS);
        assert_exact(got[(n * ROWS + i) * WIDTH + j], wanted);
        if (is_output) assert_exact(product[(n * ROWS + i) * COLUMNS + j % COLUMNS], wanted);
      }
    }
  }
  nadir_session_free(session);
  nadir_graph_free(f.graph);
}

static void what_has_other_readers_is_copied(void **state) {
  (void)state;
  check_other_readers(0);
  check_other_readers(1);
}

/* Forward and backward, the heads of attention are never copied. */
static void attention_copies_nothing(void **state) {
  const int64_t shape[] = {6, 2, 8};
  nadir_graph *graph = nadir_graph_new(NULL);
  nadir_node x = nadir_param_add(graph, "x", NADIR_F32, shape, 3, "init=normal");
  nadir_node y = nadir_multi_head_attention_add(graph, "attention", x, x, x, NADIR_NONE, NADIR_NONE, 2, NULL, NULL);
  nadir_node loss = nadir_sum(graph, nadir_square(graph, y), NULL, 0, NULL);
  nadir_session *session = nadir_session_new(graph, loss, NULL, 0, 1, NULL);
  (void)state;
  assert_graph_ok(graph);
  assert_int_equal(copies_of(session), 0);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_are_written_in_another_order),   cmocka_unit_test(pieces_are_written_in_their_places),
      cmocka_unit_test(transposed_products_are_written_in_line), cmocka_unit_test(what_is_set_is_not_overwritten),
      cmocka_unit_test(what_has_other_readers_is_copied),        cmocka_unit_test(attention_copies_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
