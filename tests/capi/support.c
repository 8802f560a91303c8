#include "support.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------- assertions */

static double magnitude(double x) { return x < 0 ? -x : x; }

void assert_near_at(double got, double wanted, double tolerance, double floor, const char *file, int line) {
  const double scale = magnitude(wanted) > floor ? magnitude(wanted) : floor;
  if (got == wanted || magnitude(got - wanted) <= tolerance * scale) return;
  print_error("%.17g is not %.17g (off by %.2g, allowed %.2g)\n", got, wanted, got - wanted, tolerance * scale);
  _fail(file, line);
}

void assert_says_at(const char *message, const char *const *parts, const char *file, int line) {
  if (message == NULL) {
    print_error("there is no message\n");
    _fail(file, line);
    return;
  }
  for (; *parts != NULL; ++parts) {
    if (strstr(message, *parts) != NULL) continue;
    print_error("the message `%s` does not say `%s`\n", message, *parts);
    _fail(file, line);
  }
}

void assert_graph_ok_at(const nadir_graph *graph, const char *file, int line) {
  const nadir_status status = nadir_graph_status(graph);
  if (status == NADIR_OK) return;
  print_error("%s: %s\n", nadir_status_name(status), graph != NULL ? nadir_graph_error(graph) : "no graph");
  _fail(file, line);
}

/* ------------------------------------------------------------------------------------------------------ values */

static void *block_new(nadir_dtype dtype, size_t count, size_t *bytes) {
  void *block;
  *bytes = count * nadir_dtype_size(dtype);
  block = malloc(*bytes > 0 ? *bytes : 1);
  assert_non_null(block);
  return block;
}

static void *pack(nadir_dtype dtype, const double *values, size_t count, size_t *bytes) {
  void *block = block_new(dtype, count, bytes);
  size_t i;
  for (i = 0; i < count; ++i) {
    if (dtype == NADIR_F32) {
      ((float *)block)[i] = (float)values[i];
    } else {
      ((double *)block)[i] = values[i];
    }
  }
  return block;
}

static void unpack(nadir_dtype dtype, void *block, double *values, size_t count, nadir_status status) {
  size_t i;
  for (i = 0; i < count && status == NADIR_OK; ++i) {
    values[i] = dtype == NADIR_F32 ? (double)((const float *)block)[i] : ((const double *)block)[i];
  }
  free(block);
}

nadir_status write_values(nadir_session *session, nadir_node input, nadir_dtype dtype, const double *values,
                          size_t count) {
  size_t bytes;
  void *block = pack(dtype, values, count, &bytes);
  const nadir_status status = nadir_session_write(session, input, block, bytes);
  free(block);
  return status;
}

nadir_status read_values(nadir_session *session, nadir_node node, nadir_dtype dtype, double *values, size_t count) {
  size_t bytes;
  void *block = block_new(dtype, count, &bytes);
  const nadir_status status = nadir_session_read(session, node, block, bytes);
  unpack(dtype, block, values, count, status);
  return status;
}

nadir_status set_param(nadir_graph *graph, nadir_node param, nadir_dtype dtype, const double *values, size_t count) {
  size_t bytes;
  void *block = pack(dtype, values, count, &bytes);
  const nadir_status status = nadir_param_set(graph, param, block, bytes);
  free(block);
  return status;
}

nadir_status get_param(const nadir_graph *graph, nadir_node param, nadir_dtype dtype, double *values, size_t count) {
  size_t bytes;
  void *block = block_new(dtype, count, &bytes);
  const nadir_status status = nadir_param_get(graph, param, block, bytes);
  unpack(dtype, block, values, count, status);
  return status;
}

nadir_status get_grad(const nadir_session *session, nadir_node param, nadir_dtype dtype, double *values, size_t count) {
  size_t bytes;
  void *block = block_new(dtype, count, &bytes);
  const nadir_status status = nadir_grad_get(session, param, block, bytes);
  unpack(dtype, block, values, count, status);
  return status;
}

double read_value(nadir_session *session, nadir_node node, nadir_dtype dtype) {
  double value = 0;
  assert_ok(read_values(session, node, dtype, &value, 1));
  return value;
}

double param_value(const nadir_graph *graph, nadir_node param, nadir_dtype dtype) {
  double value = 0;
  assert_ok(get_param(graph, param, dtype, &value, 1));
  return value;
}

double grad_value(const nadir_session *session, nadir_node param, nadir_dtype dtype) {
  double value = 0;
  assert_ok(get_grad(session, param, dtype, &value, 1));
  return value;
}

nadir_node constant_values(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                           const double *values) {
  size_t count = 1;
  size_t bytes;
  void *block;
  nadir_node node;
  int32_t i;
  for (i = 0; i < rank; ++i) count *= (size_t)shape[i];
  block = pack(dtype, values, count, &bytes);
  node = nadir_constant_add(graph, name, dtype, shape, rank, block, bytes);
  free(block);
  return node;
}

char *dump_text(const nadir_graph *graph, const char *format) {
  size_t needed = 0;
  char *text;
  assert_ok(nadir_graph_dump(graph, format, NULL, 0, &needed));
  text = (char *)malloc(needed);
  assert_non_null(text);
  assert_ok(nadir_graph_dump(graph, format, text, needed, NULL));
  return text;
}

nadir_graph *foreign_graph(nadir_node first_of_graph, nadir_node *foreign) {
  int attempt;
  for (attempt = 0; attempt < 3; ++attempt) {
    nadir_graph *graph = nadir_graph_new(NULL);
    assert_non_null(graph);
    *foreign = nadir_input_add(graph, "x", NADIR_F32, NULL, 0);
    assert_int_not_equal(*foreign, NADIR_NONE);
    if (*foreign != first_of_graph) return graph;
    nadir_graph_free(graph);
  }
  print_error("three graphs in a row have the same tag\n");
  _fail(__FILE__, __LINE__);
  return NULL;
}

/* ------------------------------------------------------------------------------------------------ the line fit */

const fit_row fit_table[FIT_STEPS] = {
    {-2, -4, 9, -12, 6, 2.2, 0.4},
    {-1, -1, 0.64, 1.6, -1.6, 2.04, 0.56},
    {0, 2, 2.0736, 0, -2.88, 2.04, 0.848},
    {1, 5, 4.460544, -4.224, -4.224, 2.4624, 1.2704},
    {2, 8, 3.25730304, -7.2192, -3.6096, 3.18432, 1.63136},
    {-2, -4, 0.5435817984, 2.94912, -1.47456, 2.889408, 1.778816},
    {-1, -1, 0.012230590464, 0.221184, -0.221184, 2.8672896, 1.8009344},
    {0, 2, 0.03962711310336, 0, -0.3981312, 2.8672896, 1.84074752},
    {1, 5, 0.0852423232978944, -0.58392576, -0.58392576, 2.925682176, 1.899140096},
    {2, 8, 0.062248030467784704, -0.997982208, -0.498991104, 3.0254803968, 1.9490392064},
};

static void fit_define_line(fit *f, fit_form form) {
  if (form == FIT_LINEAR) {
    f->y = nadir_linear_add(f->graph, "fit", f->x, 1, NULL);
    f->w = nadir_graph_find(f->graph, "fit.weight");
    f->b = nadir_graph_find(f->graph, "fit.bias");
  } else {
    f->w = nadir_param_add(f->graph, "w", f->dtype, NULL, 0, NULL);
    f->b = nadir_param_add(f->graph, "b", f->dtype, NULL, 0, NULL);
    f->y = nadir_add(f->graph, nadir_mul(f->graph, f->x, f->w), f->b);
  }
}

void fit_define(fit *f, const nadir_host *host, nadir_dtype dtype, fit_form form, const char *loss_options) {
  const int64_t column[] = {NADIR_BATCH, 1};
  memset(f, 0, sizeof *f);
  f->dtype = dtype;
  f->graph = nadir_graph_new(host);
  assert_non_null(f->graph);
  f->x = nadir_input_add(f->graph, "x", dtype, column, 2);
  f->t = nadir_input_add(f->graph, "t", dtype, column, 2);
  fit_define_line(f, form);
  f->loss = nadir_mse_loss(f->graph, f->y, f->t, loss_options);
  assert_graph_ok(f->graph);
  fit_set(f, 1, 1);
}

void fit_compile(fit *f, int64_t max_batch) {
  f->train = nadir_session_new(f->graph, f->loss, NULL, 0, max_batch, NULL);
  assert_graph_ok(f->graph);
  assert_non_null(f->train);
  f->predict = nadir_session_new(f->graph, NADIR_NONE, &f->y, 1, max_batch, NULL);
  assert_graph_ok(f->graph);
  assert_non_null(f->predict);
}

void fit_open(fit *f, nadir_dtype dtype, int64_t max_batch) {
  fit_define(f, NULL, dtype, FIT_LINEAR, NULL);
  fit_compile(f, max_batch);
}

void fit_close(fit *f) {
  nadir_session_free(f->predict);
  nadir_session_free(f->train);
  nadir_graph_free(f->graph);
  memset(f, 0, sizeof *f);
}

void fit_set(fit *f, double w, double b) {
  assert_ok(set_param(f->graph, f->w, f->dtype, &w, 1));
  assert_ok(set_param(f->graph, f->b, f->dtype, &b, 1));
}

static void fit_gradients(fit *f, double x, double t) {
  assert_ok(write_values(f->train, f->x, f->dtype, &x, 1));
  assert_ok(write_values(f->train, f->t, f->dtype, &t, 1));
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
}

void fit_step(fit *f, double x, double t, double learning_rate) {
  fit_gradients(f, x, t);
  assert_ok(nadir_sgd_step(f->train, learning_rate));
}

void fit_run(fit *f, void (*update)(fit *f, double learning_rate), fit_trace *trace) {
  int i;
  fit_set(f, 1, 1);
  for (i = 0; i < FIT_STEPS; ++i) {
    fit_row *row = &trace->rows[i];
    row->x = fit_table[i].x;
    row->t = fit_table[i].t;
    fit_gradients(f, row->x, row->t);
    row->loss = read_value(f->train, f->loss, f->dtype);
    row->dw = grad_value(f->train, f->w, f->dtype);
    row->db = grad_value(f->train, f->b, f->dtype);
    if (update != NULL) {
      update(f, 0.1);
    } else {
      assert_ok(nadir_sgd_step(f->train, 0.1));
    }
    row->w = param_value(f->graph, f->w, f->dtype);
    row->b = param_value(f->graph, f->b, f->dtype);
  }
}

/*
 * f64: numbers of up to 8 (spacing 8.9e-16) are rounded a few times a step, a gradient is up to four times the rounded
 * difference, and a step damps earlier errors. f32: the same with a spacing of 4.8e-7; what is left of y - t at the end
 * is 0.1 of numbers near 8, hence the looser bound of losses and gradients.
 */
void assert_trace_is_table(const fit_trace *trace, nadir_dtype dtype) {
  const double values = dtype == NADIR_F32 ? 5e-7 : 1e-14;
  const double slopes = dtype == NADIR_F32 ? 1e-5 : 1e-14;
  const double floor = dtype == NADIR_F32 ? 1e-2 : 1;
  int i;
  for (i = 0; i < FIT_STEPS; ++i) {
    const fit_row *got = &trace->rows[i];
    const fit_row *wanted = &fit_table[i];
    assert_relative(got->loss, wanted->loss, slopes, floor);
    assert_relative(got->dw, wanted->dw, slopes, floor);
    assert_relative(got->db, wanted->db, slopes, floor);
    assert_relative(got->w, wanted->w, values, floor);
    assert_relative(got->b, wanted->b, values, floor);
  }
}

void assert_traces_equal(const fit_trace *a, const fit_trace *b) {
  int i;
  for (i = 0; i < FIT_STEPS; ++i) {
    assert_exact(a->rows[i].loss, b->rows[i].loss);
    assert_exact(a->rows[i].dw, b->rows[i].dw);
    assert_exact(a->rows[i].db, b->rows[i].db);
    assert_exact(a->rows[i].w, b->rows[i].w);
    assert_exact(a->rows[i].b, b->rows[i].b);
  }
}

void assert_fit_trains(fit *f) {
  fit_trace trace;
  fit_run(f, NULL, &trace);
  assert_trace_is_table(&trace, f->dtype);
}

/* --------------------------------------------------------------------------- a graph that survives bad input */

void bed_open(bed *b) {
  memset(b, 0, sizeof *b);
  fit_define(&b->f, NULL, NADIR_F32, FIT_LINEAR, NULL);
  b->other = foreign_graph(b->f.x, &b->foreign);
}

void bed_watch(bed *b) {
  assert_graph_ok(b->f.graph);
  free(b->before); /* of what was watched before, with less in the graph */
  b->before = dump_text(b->f.graph, "text");
}

void bed_close(bed *b) {
  assert_ok(nadir_graph_clear_error(b->f.graph)); /* that of a test which failed */
  assert_unchanged(b);
  fit_compile(&b->f, 1);
  assert_fit_trains(&b->f);
  fit_close(&b->f);
  nadir_graph_free(b->other);
  free(b->before);
}

void assert_unchanged(const bed *b) {
  char *now = dump_text(b->f.graph, "text");
  assert_string_equal(now, b->before);
  free(now);
  assert_int_equal(nadir_param_count(b->f.graph), 2);
  assert_exact(param_value(b->f.graph, b->f.w, b->f.dtype), 1);
  assert_exact(param_value(b->f.graph, b->f.b, b->f.dtype), 1);
}

void assert_refused_at(bed *b, nadir_node node, nadir_status status, const char *const *parts, const char *file,
                       int line) {
  nadir_graph *g = b->f.graph;
  if (node != NADIR_NONE || nadir_graph_status(g) != status) {
    print_error("node %u, %s: `%s`\n", (unsigned)node, nadir_status_name(nadir_graph_status(g)), nadir_graph_error(g));
    _fail(file, line);
  }
  assert_says_at(nadir_graph_error(g), parts, file, line);
  assert_null(nadir_session_new(g, b->f.loss, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(g), status);
  assert_says_at(nadir_graph_error(g), parts, file, line);
  assert_ok(nadir_graph_clear_error(g));
  assert_ok(nadir_graph_status(g));
  assert_string_equal(nadir_graph_error(g), "");
  assert_unchanged(b);
}

void assert_declined_at(bed *b, nadir_status got, nadir_status wanted, const char *const *parts, const char *file,
                        int line) {
  nadir_graph *g = b->f.graph;
  const double one = 1;
  if (got != wanted || nadir_graph_status(g) != wanted) {
    print_error("%s, then %s: `%s`\n", nadir_status_name(got), nadir_status_name(nadir_graph_status(g)),
                nadir_graph_error(g));
    _fail(file, line);
  }
  assert_says_at(nadir_graph_error(g), parts, file, line);
  assert_unchanged(b);
  assert_ok(set_param(g, b->f.w, b->f.dtype, &one, 1));
  assert_ok(nadir_graph_status(g));
  assert_string_equal(nadir_graph_error(g), "");
}
