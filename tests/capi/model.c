#include "model.h"

#include <stdlib.h>
#include <string.h>

const char *const model_names[MODEL_PARAMS] = {"encoder.weight", "encoder.bias", "decoder.weight",
                                               "decoder.bias",   "head",         "apart"};
const size_t model_counts[MODEL_PARAMS] = {33, 11, 259, 1, 16, 5};

const optimizer_rule optimizer_rules[OPTIMIZER_RULES] = {{"sgd", nadir_sgd_new},         {"adagrad", nadir_adagrad_new},
                                                         {"rmsprop", nadir_rmsprop_new}, {"adam", nadir_adam_new},
                                                         {"adamw", nadir_adamw_new},     {"adamax", nadir_adamax_new},
                                                         {"nadam", nadir_nadam_new},     {"radam", nadir_radam_new},
                                                         {"lion", nadir_lion_new},       {"lbfgs", nadir_lbfgs_new}};

optimizer_maker maker_of(const char *name) {
  size_t i;
  for (i = 0; i < OPTIMIZER_RULES; ++i) {
    if (strcmp(optimizer_rules[i].name, name) == 0) return optimizer_rules[i].make;
  }
  fail_msg("there is no optimiser %s", name);
  return NULL;
}

/* ----------------------------------------------------------------------------------------------------- numbers */

/* A number in [-1, 1] of 12 bits, by a hash (the finaliser of MurmurHash3). */
static double scattered(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t h = a * 0x9e3779b9u ^ b * 0x85ebca6bu ^ (c + 1) * 0xc2b2ae35u;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  h ^= h >> 16;
  return ((double)(h >> 20) - 2048) / 2048;
}

double model_start(int param, size_t element) { return scattered(0, (uint32_t)param, (uint32_t)element); }

double model_slope(int step, int param, size_t element) {
  return 2 * scattered((uint32_t)step + 1, (uint32_t)param, (uint32_t)element);
}

/* ------------------------------------------------------------------------------------------------------- model */

static nadir_node term_of(model *m, int p, model_form form) {
  nadir_graph *g = m->graph;
  const nadir_node w = m->dtypes[p] == m->dtype ? m->params[p] : nadir_cast(g, m->params[p], m->dtype);
  const nadir_node linear = nadir_sum(g, nadir_mul(g, w, m->slopes[p]), NULL, 0, NULL);
  nadir_node gap, slope_squared;
  if (form == MODEL_LINEAR) return linear;
  slope_squared = nadir_square(g, m->slopes[p]);
  gap = nadir_sub(g, nadir_square(g, w), slope_squared);
  return nadir_add(g, linear, nadir_sum(g, nadir_square(g, gap), NULL, 0, NULL));
}

void model_define(model *m, const nadir_host *host, nadir_dtype dtype, nadir_dtype decoder_dtype, model_form form) {
  static const int64_t shapes[MODEL_PARAMS][2] = {{3, 11}, {11}, {7, 37}, {1}, {16}, {5}};
  int p;
  memset(m, 0, sizeof *m);
  m->dtype = dtype;
  m->graph = nadir_graph_new(host);
  for (p = 0; p < MODEL_PARAMS; ++p) {
    const int32_t rank = shapes[p][1] != 0 ? 2 : 1;
    m->dtypes[p] = p == DECODER_WEIGHT || p == DECODER_BIAS ? decoder_dtype : dtype;
    m->params[p] = nadir_param_add(m->graph, model_names[p], m->dtypes[p], shapes[p], rank, NULL);
    m->slopes[p] = nadir_input_add(m->graph, NULL, dtype, shapes[p], rank);
  }
  m->loss = term_of(m, 0, form);
  for (p = 1; p < APART; ++p) {
    const nadir_node term = term_of(m, p, form);
    m->loss = nadir_add(m->graph, m->loss, term);
  }
  assert_graph_ok(m->graph);
}

void model_compile(model *m, const char *options) {
  m->session = nadir_session_new(m->graph, m->loss, NULL, 0, 1, options);
  assert_graph_ok(m->graph);
  model_reset(m);
}

void model_open(model *m, nadir_dtype dtype, model_form form) {
  model_define(m, NULL, dtype, dtype, form);
  model_compile(m, NULL);
}

void model_close(model *m) {
  nadir_session_free(m->session);
  nadir_graph_free(m->graph);
}

void model_reset(model *m) {
  double values[MODEL_LONGEST];
  size_t i;
  int p;
  for (p = 0; p < MODEL_PARAMS; ++p) {
    for (i = 0; i < model_counts[p]; ++i) values[i] = model_start(p, i);
    assert_ok(set_param(m->graph, m->params[p], m->dtypes[p], values, model_counts[p]));
  }
}

void model_write(model *m, nadir_session *session, int step) {
  double values[MODEL_LONGEST];
  size_t i;
  int p;
  for (p = 0; p < APART; ++p) {
    for (i = 0; i < model_counts[p]; ++i) values[i] = model_slope(step, p, i);
    assert_ok(write_values(session, m->slopes[p], m->dtype, values, model_counts[p]));
  }
}

void model_pass(model *m, int step) {
  model_write(m, m->session, step);
  assert_ok(nadir_zero_grad(m->session));
  assert_ok(nadir_forward(m->session));
  assert_ok(nadir_backward(m->session));
}

void model_step(model *m, nadir_optimizer *optimizer, int step) {
  model_pass(m, step);
  assert_ok(nadir_optimizer_step(optimizer));
}

void model_read(const model *m, int param, double *values) {
  assert_ok(get_param(m->graph, m->params[param], m->dtypes[param], values, model_counts[param]));
}

/* --------------------------------------------------------------------------------------------------- snapshots */

static snapshot *append(snapshot *s, const void *data, size_t bytes) {
  s = (snapshot *)realloc(s, sizeof *s + s->bytes + bytes);
  assert_non_null(s);
  memcpy(s->data + s->bytes, data, bytes);
  s->bytes += bytes;
  return s;
}

static snapshot *append_vector(snapshot *s, const nadir_optimizer *optimizer, const char *name) {
  nadir_dtype dtype = 0;
  size_t count = 0, bytes;
  void *data;
  assert_non_null(name);
  assert_ok(nadir_optimizer_state_info(optimizer, name, &dtype, &count));
  bytes = count * nadir_dtype_size(dtype);
  data = calloc(bytes + 1, 1);
  assert_non_null(data);
  assert_ok(nadir_optimizer_state_get(optimizer, name, data, bytes));
  s = append(append(s, name, strlen(name) + 1), data, bytes);
  free(data);
  return s;
}

snapshot *snapshot_new(const model *m, const nadir_optimizer *optimizer) {
  snapshot *s = (snapshot *)calloc(1, sizeof *s);
  const uint64_t graph_step = nadir_graph_step(m->graph);
  double values[MODEL_LONGEST];
  int32_t v;
  int p;
  assert_non_null(s);
  s = append(s, &graph_step, sizeof graph_step);
  for (p = 0; p < MODEL_PARAMS; ++p) {
    model_read(m, p, values);
    s = append(s, values, model_counts[p] * sizeof *values);
  }
  for (v = 0; v < nadir_optimizer_state_count(optimizer); ++v) {
    s = append_vector(s, optimizer, nadir_optimizer_state_name(optimizer, v));
  }
  if (optimizer != NULL) {
    values[0] = setting_of(optimizer, "step");
    if (nadir_optimizer_get(optimizer, "current_lr", &values[1]) != NADIR_OK) values[1] = 0; /* the rule has none */
    s = append(s, values, 2 * sizeof *values);
  }
  return s;
}

void assert_as_before_at(snapshot *before, const model *m, const nadir_optimizer *optimizer, const char *file,
                         int line) {
  snapshot *now = snapshot_new(m, optimizer);
  const int equal = now->bytes == before->bytes && memcmp(now->data, before->data, now->bytes) == 0;
  free(now);
  free(before);
  if (equal) return;
  print_error("parameters, state or steps have changed\n");
  _fail(file, line);
}

void assert_models_equal(const model *a, const model *b) {
  double ours[MODEL_LONGEST], theirs[MODEL_LONGEST];
  int p;
  for (p = 0; p < MODEL_PARAMS; ++p) {
    model_read(a, p, ours);
    model_read(b, p, theirs);
    assert_memory_equal(ours, theirs, model_counts[p] * sizeof *ours);
  }
}

void copy_state(const nadir_optimizer *from, nadir_optimizer *to) {
  int32_t v;
  assert_int_equal(nadir_optimizer_state_count(from), nadir_optimizer_state_count(to));
  for (v = 0; v < nadir_optimizer_state_count(from); ++v) {
    const char *name = nadir_optimizer_state_name(from, v);
    nadir_dtype dtype = 0;
    size_t count = 0, bytes;
    void *data;
    assert_string_equal(nadir_optimizer_state_name(to, v), name);
    assert_ok(nadir_optimizer_state_info(from, name, &dtype, &count));
    bytes = count * nadir_dtype_size(dtype);
    data = calloc(bytes + 1, 1);
    assert_non_null(data);
    assert_ok(nadir_optimizer_state_get(from, name, data, bytes));
    assert_ok(nadir_optimizer_state_set(to, name, data, bytes));
    free(data);
  }
}

double setting_of(const nadir_optimizer *optimizer, const char *name) {
  double value = 0;
  assert_ok(nadir_optimizer_get(optimizer, name, &value));
  return value;
}
