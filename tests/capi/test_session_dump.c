/*
 * The plan of a session as a text: what a reader finds in it, and that it never writes past its buffer.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *dump(const nadir_session *session, const char *format) {
  size_t needed = 0;
  char *text;
  assert_ok(nadir_session_dump(session, format, NULL, 0, &needed));
  text = (char *)malloc(needed);
  assert_non_null(text);
  assert_ok(nadir_session_dump(session, format, text, needed, NULL));
  assert_int_equal(strlen(text) + 1, needed);
  return text;
}

static const int64_t wide[] = {NADIR_BATCH, 6}, row[] = {6}, table[] = {7, 6};

/* Where a part of a text occurs after another place of it. */
static const char *after(const char *from, const char *part) {
  const char *found = strstr(from, part);
  if (found == NULL) print_error("no \"%s\" in:\n%s\n", part, from);
  assert_non_null(found);
  return found;
}

static void text_tells_the_line_fit_step_by_step(void **state) {
  fit f;
  char *text;
  const char *at;
  (void)state;
  fit_open(&f, NADIR_F32, 5);
  text = dump(f.train, "text");
  at = after(text, "constants:\n");
  at = after(at, "forward:\n");
  at = after(at,
             "matmul(input x f32 [batch, 1], parameter fit.weight f32 [1, 1], parameter fit.bias f32 [1]) -> arena ");
  at = after(at, " + 20 bytes f32 [batch, 1]\n");
  at = after(at, " = fused over [batch]");
  at = after(at, " = sub(");
  at = after(at, "input t f32 [batch, 1]) -> ");
  at = after(at, " = square(");
  at = after(at, " = mean(");
  at = after(at, "\nbackward:\n");
  at = after(at, "gradient = ");
  after(at, " -> gradient of fit.bias f32 [1]");
  after(at, " -> gradient of fit.weight f32 [1, 1]");
  at = after(at, "accumulating backward:\n");
  after(at, "gradient of fit.weight");
  at = after(at, "input x: arena ");
  at = after(at, "output mean#");
  at = after(at, "batch: at most 5\n");
  at = after(at, "steps: ");
  assert_int_equal(atoi(at + strlen("steps: ")), nadir_session_step_count(f.train));
  at = after(at, "arena: ");
  at = after(at, "parameters: 8 bytes\ngradients: 8 bytes\n");
  free(text);
  fit_close(&f);
}

static void arena_and_gradients_are_as_memory_tells(void **state) {
  fit f;
  char *text;
  size_t arena, gradients;
  (void)state;
  fit_open(&f, NADIR_F64, 3);
  text = dump(f.predict, "text");
  assert_ok(nadir_session_memory(f.predict, "arena", &arena));
  assert_ok(nadir_session_memory(f.predict, "gradients", &gradients));
  assert_int_equal(strtoul(after(text, "\narena: ") + 8, NULL, 10), arena);
  assert_int_equal(strtoul(after(text, "\ngradients: ") + 12, NULL, 10), gradients);
  assert_int_equal(gradients, 0);
  free(text);
  fit_close(&f);
}

static void members_of_a_fused_step_are_shown_with_their_registers(void **state) {
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, wide, 2), r = nadir_input_add(g, "r", NADIR_F32, row, 1);
  const nadir_node sum = nadir_add(g, x, r);
  const nadir_node y = nadir_exp(g, nadir_neg(g, sum));
  nadir_session *session;
  char *text;
  const char *at;
  (void)state;
  assert_ok(nadir_graph_node_set_name(g, sum, "moved"));
  assert_ok(nadir_graph_node_set_name(g, y, "y"));
  session = nadir_session_new(g, NADIR_NONE, &y, 1, 4, NULL);
  assert_non_null(session);
  text = dump(session, "text");
  at = after(text, "  0 y = fused over [batch, 6]");
  at = after(at, ", registers: ");
  at = after(at, "\n      moved = add(input x f32 [batch, 6], input r f32 [batch, 6] laid out in register ");
  at = after(at, " repeated) -> register ");
  at = after(at, " = neg(register ");
  at = after(at, "\n      y = exp(register ");
  at = after(at, " -> arena ");
  at = after(at, " + 96 bytes f32 [batch, 6]\nbackward:\n");
  at = after(at, "output y: arena ");
  free(text);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* A model with every kind of place: constants, states, indices, a convolution, and a parameter beside the loss. */
static nadir_graph *whole_model(nadir_session **session) {
  static const int64_t image[] = {NADIR_BATCH, 2, 6, 6}, labels[] = {NADIR_BATCH};
  static const float slopes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  static const int64_t ten[] = {10};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "the \"image\"", NADIR_F32, image, 4);
  const nadir_node t = nadir_input_add(g, "labels\\classes", NADIR_I64, labels, 1);
  nadir_node y = nadir_conv2d_add(g, "conv {1}", x, 3, 3, "padding=1"), loss;
  y = nadir_max_pool2d(g, nadir_relu(g, nadir_batch_norm_add(g, "norm", y, NULL)), 2, NULL);
  y = nadir_linear_add(g, "a \"quoted\" \\ layer", nadir_flatten(g, y, 1, -1), 10, NULL);
  y = nadir_mul(g, y, nadir_constant_add(g, "slopes", NADIR_F32, ten, 1, slopes, sizeof slopes));
  loss = nadir_cross_entropy_loss(g, y, t, NADIR_NONE, NULL);
  assert_int_not_equal(nadir_param_add(g, "unused", NADIR_F32, table, 2, NULL), NADIR_NONE);
  *session = nadir_session_new(g, loss, &y, 1, 8, NULL);
  assert_graph_ok(g);
  assert_non_null(*session);
  return g;
}

static void every_parameter_that_is_used_is_named(void **state) {
  nadir_session *session;
  nadir_graph *g = whole_model(&session);
  char *text = dump(session, "text");
  int32_t i;
  (void)state;
  for (i = 0; i < nadir_param_count(g); ++i) {
    const char *name = nadir_graph_node_name(g, nadir_param_at(g, i));
    char part[64];
    if (strcmp(name, "unused") == 0) continue;
    strcpy(part, "parameter ");
    after(text, strcat(part, name));
    strcpy(part, "gradient of ");
    after(text, strcat(part, name));
  }
  after(text, "conv(input the \"image\" f32 [batch, 2, 6, 6], ");
  after(text, "constant slopes f32 [batch, 10] ");
  after(text, "input labels\\classes i64 [batch]");
  after(text, "state norm.running_mean");
  after(text, "max_pool_index(");
  after(text, "conv_weight(");
  after(text, "matmul(");
  free(text);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* Braces and brackets outside of quoted texts are in pairs, and every quoted text ends; returns the number of statements. */
static int count_statements(const char *dot) {
  int braces = 0, brackets = 0, quoted = 0, statements = 0;
  for (; *dot != '\0'; ++dot) {
    if (quoted) {
      if (*dot == '\\') {
        ++dot;
        assert_int_not_equal(*dot, '\0');
      } else if (*dot == '"') {
        quoted = 0;
      }
      continue;
    }
    if (*dot == '"') quoted = 1;
    braces += (*dot == '{') - (*dot == '}');
    brackets += (*dot == '[') - (*dot == ']');
    statements += *dot == ';';
    assert_true(braces >= 0 && brackets >= 0 && brackets <= 1);
  }
  assert_int_equal(quoted, 0);
  assert_int_equal(braces, 0);
  assert_int_equal(brackets, 0);
  return statements;
}

static void dot_is_well_formed_whatever_the_names(void **state) {
  nadir_session *session;
  nadir_graph *g = whole_model(&session);
  char *dot = dump(session, "dot");
  int32_t i;
  (void)state;
  assert_true(count_statements(dot) > 2 * nadir_session_step_count(session));
  assert_ptr_equal(strstr(dot, "strict digraph nadir {\n"), dot);
  after(dot, "parameter\\na \\\"quoted\\\" \\\\ layer.weight\\n");
  after(dot, "parameter\\nconv {1}.weight\\n");
  after(dot, "parameter\\nunused\\n");
  after(dot, "input\\nlabels\\\\classes\\n");
  for (i = 0; i < nadir_session_step_count(session); ++i) {
    char part[64];
    sprintf(part, "    s%d [label=\"%d ", (int)i, (int)i);
    after(dot, part);
  }
  free(dot);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* Steps that follow each other are joined, also where what one wrote is soon overwritten. */
static void dot_joins_what_writes_to_what_reads(void **state) {
  static const int64_t square[] = {4, 4};
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(g, "x", NADIR_F32, square, 2);
  nadir_node y = nadir_matmul(g, x, x, NULL);
  nadir_session *session;
  char *dot;
  (void)state;
  y = nadir_matmul(g, nadir_matmul(g, y, y, NULL), x, NULL);
  session = nadir_session_new(g, NADIR_NONE, &y, 1, 1, NULL);
  assert_non_null(session);
  dot = dump(session, "dot");
  after(dot, "\n  i0 -> s0;\n");
  after(dot, "\n  s0 -> s1;\n");
  after(dot, "\n  s1 -> s2;\n");
  after(dot, "\n  i0 -> s2;\n");
  assert_null(strstr(dot, "s0 -> s2;"));
  assert_null(strstr(dot, "i0 -> s1;"));
  free(dot);
  nadir_session_free(session);
  nadir_graph_free(g);
}

static void nodes_named_after_the_session_have_their_names(void **state) {
  fit f;
  char *text;
  (void)state;
  fit_open(&f, NADIR_F32, 1);
  assert_ok(nadir_graph_node_set_name(f.graph, f.loss, "error"));
  assert_int_not_equal(nadir_exp(f.graph, f.y), NADIR_NONE);
  text = dump(f.train, "text");
  after(text, " error = ");
  after(text, "\noutput error: arena ");
  assert_null(strstr(text, "exp"));
  free(text);
  fit_close(&f);
}

static void buffers_that_are_too_small_stay_as_they_are(void **state) {
  static const char *const formats[] = {"text", "dot"};
  fit f;
  size_t i, capacity, needed, told;
  (void)state;
  fit_open(&f, NADIR_F32, 1);
  for (i = 0; i < COUNT_OF(formats); ++i) {
    assert_ok(nadir_session_dump(f.train, formats[i], NULL, 0, &needed));
    for (capacity = 1; capacity <= needed; ++capacity) {
      char *buffer = (char *)malloc(capacity); /* of its size, so that memory checkers see a byte too many */
      assert_non_null(buffer);
      memset(buffer, 'x', capacity);
      told = 0;
      if (capacity == needed) {
        assert_ok(nadir_session_dump(f.train, formats[i], buffer, capacity, &told));
        assert_int_equal(strlen(buffer) + 1, needed);
      } else {
        assert_status(nadir_session_dump(f.train, formats[i], buffer, capacity, &told), NADIR_E_ARGUMENT);
        assert_int_equal(buffer[0], 'x');
        assert_int_equal(buffer[capacity - 1], 'x');
      }
      assert_int_equal(told, needed);
      free(buffer);
    }
  }
  fit_close(&f);
}

static void unknown_formats_are_refused(void **state) {
  fit f;
  size_t needed = 7;
  (void)state;
  fit_open(&f, NADIR_F32, 1);
  assert_status(nadir_session_dump(f.train, "", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_session_dump(f.train, "Text", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_status(nadir_session_dump(f.train, "dots", NULL, 0, &needed), NADIR_E_ARGUMENT);
  assert_int_equal(needed, 7);
  assert_ok(nadir_session_status(f.train));
  fit_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_tells_the_line_fit_step_by_step),
      cmocka_unit_test(arena_and_gradients_are_as_memory_tells),
      cmocka_unit_test(members_of_a_fused_step_are_shown_with_their_registers),
      cmocka_unit_test(every_parameter_that_is_used_is_named),
      cmocka_unit_test(dot_is_well_formed_whatever_the_names),
      cmocka_unit_test(dot_joins_what_writes_to_what_reads),
      cmocka_unit_test(nodes_named_after_the_session_have_their_names),
      cmocka_unit_test(buffers_that_are_too_small_stay_as_they_are),
      cmocka_unit_test(unknown_formats_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
