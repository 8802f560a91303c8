/*
 * Memory: every allocation of a whole program fails in turn, once and for good, and each time the call says so, nothing
 * leaks, and the same call succeeds when memory is back, to the same bits. A step allocates nothing.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

#define MAX_BATCH 5

typedef struct program {
  ledger ledger;
  nadir_dtype dtype;
  nadir_host *host;
  fit f;
  nadir_node a, b, c, n[16];
  nadir_session *all;
  unsigned char outcome[16384];
  size_t length;
} program;

/* A call of the program. It may be made again when it fails. */
typedef struct call {
  nadir_status (*make)(program *p);
  enum { ELSEWHERE, ON_GRAPH, BUILD_ERROR } reason; /* where a failure is to be found */
} call;

static void note(program *p, const void *bytes, size_t count) {
  assert_true(p->length + count <= sizeof p->outcome);
  memcpy(p->outcome + p->length, bytes, count);
  p->length += count;
}

static nadir_status keep(program *p, nadir_node *slot, nadir_node node) {
  const nadir_status status = nadir_graph_status(p->f.graph);
  if (node == NADIR_NONE) return status == NADIR_OK ? NADIR_E_INTERNAL : status;
  *slot = node;
  return NADIR_OK;
}

static nadir_status keep_session(program *p, nadir_session **slot, nadir_session *session) {
  const nadir_status status = nadir_graph_status(p->f.graph);
  if (session == NULL) return status == NADIR_OK ? NADIR_E_INTERNAL : status;
  *slot = session;
  return NADIR_OK;
}

#define NODE(name, slot, expression) \
  static nadir_status name(program *p) { return keep(p, &p->slot, expression); }

/* --------------------------------------------------------------------------------------------------- the line fit */

static const int64_t column[] = {NADIR_BATCH, 1}, two_3[] = {2, 3}, three_2[] = {3, 2}, three[] = {3}, four[] = {4};

static nadir_status make_host(program *p) {
  p->host = ledger_host(&p->ledger);
  return p->host != NULL ? NADIR_OK : NADIR_E_NO_MEMORY;
}

static nadir_status make_graph(program *p) {
  p->f.graph = nadir_graph_new(p->host);
  return p->f.graph != NULL ? NADIR_OK : NADIR_E_NO_MEMORY;
}

NODE(add_x, f.x, nadir_input_add(p->f.graph, "x", p->dtype, column, 2))
NODE(add_t, f.t, nadir_input_add(p->f.graph, "t", p->dtype, column, 2))
NODE(add_layer, f.y, nadir_linear_add(p->f.graph, "fit", p->f.x, 1, NULL))
NODE(add_loss, f.loss, nadir_mse_loss(p->f.graph, p->f.y, p->f.t, NULL))

static nadir_status make_train(program *p) {
  return keep_session(p, &p->f.train, nadir_session_new(p->f.graph, p->f.loss, NULL, 0, MAX_BATCH, NULL));
}

static nadir_status make_predict(program *p) {
  return keep_session(p, &p->f.predict, nadir_session_new(p->f.graph, NADIR_NONE, &p->f.y, 1, 1, NULL));
}

static nadir_status train_and_predict(program *p) {
  const double unseen = 10;
  fit_trace trace;
  double value;
  p->f.w = nadir_graph_find(p->f.graph, "fit.weight");
  p->f.b = nadir_graph_find(p->f.graph, "fit.bias");
  value = param_value(p->f.graph, p->f.w, p->dtype); /* as drawn, before fit_run sets it */
  note(p, &value, sizeof value);
  fit_run(&p->f, NULL, &trace);
  assert_trace_is_table(&trace, p->dtype);
  note(p, &trace, sizeof trace);
  assert_ok(write_values(p->f.predict, p->f.x, p->dtype, &unseen, 1));
  assert_ok(nadir_forward(p->f.predict));
  value = read_value(p->f.predict, p->f.y, p->dtype);
  note(p, &value, sizeof value);
  return NADIR_OK;
}

static const call line_fit[] = {{make_host, ELSEWHERE}, {make_graph, ELSEWHERE},  {add_x, BUILD_ERROR},
                                {add_t, BUILD_ERROR},   {add_layer, BUILD_ERROR}, {add_loss, BUILD_ERROR},
                                {make_train, ON_GRAPH}, {make_predict, ON_GRAPH}, {train_and_predict, ELSEWHERE}};

/* ----------------------------------------------------------------------------------------------- every builder */

static nadir_node add_table(program *p) {
  const double values[] = {1, -2, 3, 0.5, 4, -0.25};
  return constant_values(p->f.graph, NULL, p->dtype, two_3, 2, values);
}

NODE(all_a, a, nadir_param_add(p->f.graph, "a", p->dtype, two_3, 2, "init=uniform low=1 high=2"))
NODE(all_b, b, nadir_param_add(p->f.graph, NULL, p->dtype, three, 1, "init=constant value=1.5"))
NODE(all_c, c, add_table(p))
NODE(all_add, n[0], nadir_add(p->f.graph, p->a, p->b))
NODE(all_sub, n[1], nadir_sub(p->f.graph, p->n[0], p->c))
NODE(all_mul, n[2], nadir_mul(p->f.graph, p->n[1], p->a))
NODE(all_div, n[3], nadir_div(p->f.graph, p->n[2], p->b))
NODE(all_neg, n[4], nadir_neg(p->f.graph, p->n[3]))
NODE(all_square, n[5], nadir_square(p->f.graph, p->n[4]))
NODE(all_reshape, n[6], nadir_reshape(p->f.graph, p->n[5], three_2, 2))
NODE(all_matmul, n[7], nadir_matmul(p->f.graph, p->n[6], p->n[5], "transpose_a=1 transpose_b=1"))
NODE(all_layer, n[8], nadir_linear_add(p->f.graph, NULL, p->n[7], 2, NULL))
NODE(all_mean, n[9], nadir_mean(p->f.graph, p->n[8], NULL, 0, "keepdim=1"))
NODE(all_broadcast, n[10], nadir_broadcast_to(p->f.graph, p->n[9], two_3, 2))
NODE(all_mse, n[11], nadir_mse_loss(p->f.graph, p->n[10], p->n[4], "reduction=sum"))
NODE(all_sum, n[12], nadir_sum(p->f.graph, p->n[8], NULL, 0, NULL))
NODE(all_loss, f.loss, nadir_add(p->f.graph, p->n[11], p->n[12]))

static nadir_status all_name(program *p) { return nadir_graph_node_set_name(p->f.graph, p->f.loss, "the loss"); }

static nadir_status all_init(program *p) { return nadir_param_init(p->f.graph, "linear*.weight", "init=orthogonal"); }

static nadir_status all_gradients(program *p) {
  nadir_node xs[2];
  xs[0] = p->a;
  xs[1] = p->b;
  return nadir_gradients(p->f.graph, p->f.loss, NADIR_NONE, xs, 2, &p->n[13]);
}

static nadir_status all_dump(program *p) {
  static char text[16384], dot[16384];
  const nadir_status status = nadir_graph_dump(p->f.graph, "text", text, sizeof text, NULL);
  return status != NADIR_OK ? status : nadir_graph_dump(p->f.graph, "dot", dot, sizeof dot, NULL);
}

static nadir_status all_session(program *p) {
  nadir_node outputs[3];
  outputs[0] = p->n[13];
  outputs[1] = p->n[14];
  outputs[2] = p->n[7];
  return keep_session(p, &p->all, nadir_session_new(p->f.graph, p->f.loss, outputs, 3, 1, "finite=gradients"));
}

static nadir_status all_run(program *p) {
  double values[10] = {0};
  char *text;
  assert_ok(nadir_forward(p->all));
  assert_ok(nadir_backward(p->all));
  values[0] = read_value(p->all, p->f.loss, p->dtype);
  assert_ok(read_values(p->all, p->n[13], p->dtype, values + 1, 6));
  assert_ok(read_values(p->all, p->n[14], p->dtype, values + 7, 3));
  note(p, values, sizeof values);
  assert_ok(nadir_sgd_step(p->all, 1e-6));
  assert_ok(get_param(p->f.graph, p->a, p->dtype, values, 6));
  note(p, values, sizeof values);
  text = dump_text(p->f.graph, "text"); /* derived names included */
  note(p, text, strlen(text));
  free(text);
  return NADIR_OK;
}

static const call every_builder[] = {
    {make_host, ELSEWHERE},    {make_graph, ELSEWHERE},      {all_a, BUILD_ERROR},      {all_b, BUILD_ERROR},
    {all_c, BUILD_ERROR},      {all_add, BUILD_ERROR},       {all_sub, BUILD_ERROR},    {all_mul, BUILD_ERROR},
    {all_div, BUILD_ERROR},    {all_neg, BUILD_ERROR},       {all_square, BUILD_ERROR}, {all_reshape, BUILD_ERROR},
    {all_matmul, BUILD_ERROR}, {all_layer, BUILD_ERROR},     {all_mean, BUILD_ERROR},   {all_broadcast, BUILD_ERROR},
    {all_mse, BUILD_ERROR},    {all_sum, BUILD_ERROR},       {all_loss, BUILD_ERROR},   {all_name, ON_GRAPH},
    {all_init, ON_GRAPH},      {all_gradients, BUILD_ERROR}, {all_dump, ELSEWHERE},     {all_session, ON_GRAPH},
    {all_run, ELSEWHERE}};

/* ------------------------------------------------------------- pieces, indices, random numbers, gradients compared */

static nadir_node add_index(program *p) {
  const int64_t rows[] = {2, 0, 1, 2};
  return nadir_constant_add(p->f.graph, NULL, NADIR_I64, four, 1, rows, sizeof rows);
}

static nadir_node add_pieces(program *p) {
  nadir_node pieces[3];
  pieces[0] = p->a;
  pieces[1] = p->n[0];
  pieces[2] = p->a;
  return nadir_concat(p->f.graph, pieces, 3, 0);
}

NODE(some_a, a, nadir_param_add(p->f.graph, "a", p->dtype, three_2, 2, "init=uniform low=1 high=2"))
NODE(some_index, b, add_index(p))
NODE(some_noise, n[0], nadir_normal(p->f.graph, p->dtype, three_2, 2, NULL))
NODE(some_pieces, n[1], add_pieces(p))
NODE(some_rows, n[2], nadir_index_select(p->f.graph, p->n[1], 0, p->b))
NODE(some_padding, n[3], nadir_pad(p->f.graph, p->n[2], 0, 1, 2, "mode=reflect"))
NODE(some_order, n[4], nadir_transpose(p->f.graph, p->n[3], 0, 1))
NODE(some_shares, n[5], nadir_softmax(p->f.graph, p->n[4], -1))
NODE(some_set, n[6], nadir_slice_set(p->f.graph, p->n[5], 1, 1, NADIR_OPEN, 2, p->n[8]))
NODE(some_number, n[8], nadir_full(p->f.graph, p->dtype, NULL, 0, 0.5))
NODE(some_triangle, n[7], nadir_tril(p->f.graph, p->n[6], 1))
NODE(some_dropped, n[9], nadir_dropout(p->f.graph, p->n[7], 0.25))
NODE(some_loss, f.loss, nadir_norm(p->f.graph, p->n[9], NULL, 0, NULL))

static nadir_status some_parts(program *p) {
  const int64_t lengths[] = {1, 1};
  return nadir_split(p->f.graph, p->n[7], 0, lengths, 2, &p->n[10]);
}

static nadir_status some_session(program *p) {
  return keep_session(p, &p->all, nadir_session_new(p->f.graph, p->f.loss, &p->n[10], 2, 1, NULL));
}

static nadir_status some_check(program *p) {
  double worst = -1;
  const nadir_status status = nadir_grad_check(p->all, NULL, &worst);
  if (status == NADIR_OK) note(p, &worst, sizeof worst);
  return status;
}

static nadir_status some_run(program *p) {
  double values[7];
  size_t step;
  for (step = 0; step < 3; ++step) {
    assert_ok(nadir_forward(p->all));
    assert_ok(nadir_zero_grad(p->all));
    assert_ok(nadir_backward(p->all));
    values[0] = read_value(p->all, p->f.loss, p->dtype);
    assert_ok(get_grad(p->all, p->a, p->dtype, values + 1, 6));
    note(p, values, sizeof values);
    assert_ok(nadir_sgd_step(p->all, 0.1));
  }
  return NADIR_OK;
}

static const call pieces_and_numbers[] = {
    {make_host, ELSEWHERE},       {make_graph, ELSEWHERE},     {some_a, BUILD_ERROR},      {some_index, BUILD_ERROR},
    {some_noise, BUILD_ERROR},    {some_pieces, BUILD_ERROR},  {some_rows, BUILD_ERROR},   {some_padding, BUILD_ERROR},
    {some_order, BUILD_ERROR},    {some_shares, BUILD_ERROR},  {some_number, BUILD_ERROR}, {some_set, BUILD_ERROR},
    {some_triangle, BUILD_ERROR}, {some_dropped, BUILD_ERROR}, {some_loss, BUILD_ERROR},   {some_parts, BUILD_ERROR},
    {some_session, ON_GRAPH},     {some_check, ELSEWHERE},     {some_run, ELSEWHERE}};

/* ----------------------------------------------------------------------------------------------- layers, in f32 */

static nadir_node add_letters(program *p) {
  static const int64_t two[] = {2};
  const int64_t letters[] = {2, 0};
  return nadir_constant_add(p->f.graph, NULL, NADIR_I64, two, 1, letters, sizeof letters);
}

static nadir_node add_memory(program *p) {
  return nadir_lstm_add(p->f.graph, "memory", p->n[1], NADIR_NONE, NADIR_NONE, NADIR_NONE, 4, NULL, &p->n[3], &p->n[4]);
}

static nadir_node add_heads(program *p) {
  return nadir_multi_head_attention_add(p->f.graph, "heads", p->n[2], p->n[2], p->n[2], NADIR_NONE, NADIR_NONE, 2,
                                        "is_causal=1", &p->n[6]);
}

NODE(layers_letters, b, add_letters(p))
NODE(layers_embedding, n[0], nadir_embedding_add(p->f.graph, "letter", p->b, 3, 4, "padding_idx=0"))
NODE(layers_norm, n[1], nadir_layer_norm_add(p->f.graph, NULL, p->n[0], 1, NULL))
NODE(layers_memory, n[2], add_memory(p))
NODE(layers_heads, n[5], add_heads(p))
NODE(layers_groups, n[7], nadir_group_norm_add(p->f.graph, "groups", p->n[5], 2, NULL))
NODE(layers_loss, f.loss, nadir_norm(p->f.graph, p->n[7], NULL, 0, NULL))

static nadir_status layers_session(program *p) {
  nadir_node outputs[3];
  outputs[0] = p->n[3];
  outputs[1] = p->n[4];
  outputs[2] = p->n[6];
  return keep_session(p, &p->all, nadir_session_new(p->f.graph, p->f.loss, outputs, 3, 1, NULL));
}

static nadir_status layers_run(program *p) {
  double values[13];
  assert_ok(nadir_forward(p->all));
  assert_ok(nadir_backward(p->all));
  values[0] = read_value(p->all, p->f.loss, p->dtype);
  assert_ok(get_grad(p->all, nadir_graph_find(p->f.graph, "letter.weight"), p->dtype, values + 1, 12));
  note(p, values, sizeof values);
  return NADIR_OK;
}

static const call layers[] = {
    {make_host, ELSEWHERE},          {make_graph, ELSEWHERE},      {layers_letters, BUILD_ERROR},
    {layers_embedding, BUILD_ERROR}, {layers_norm, BUILD_ERROR},   {layers_memory, BUILD_ERROR},
    {layers_heads, BUILD_ERROR},     {layers_groups, BUILD_ERROR}, {layers_loss, BUILD_ERROR},
    {layers_session, ON_GRAPH},      {layers_run, ELSEWHERE}};

/* ----------------------------------------------------------------------------------------- failing in all places */

typedef enum manner {
  ONCE,
  FOR_GOOD,
  ABANDON
} manner; /* FOR_GOOD: until the host finds memory; ABANDON: it never does */

static void close_program(program *p) {
  const size_t destroyed = p->host != NULL;
  nadir_session_free(p->all);
  nadir_host_free(p->host);
  fit_close(&p->f);
  assert_int_equal(p->ledger.live_blocks, 0);
  assert_int_equal(p->ledger.live_bytes, 0);
  assert_int_equal(p->ledger.destroyed, destroyed);
  assert_int_equal(p->ledger.faults, 0);
}

/* A failed call says so in the right place, and a build error stays in the way of a session. */
static void check_reason(program *p, const call *c) {
  if (c->reason == ELSEWHERE) return;
  assert_status(nadir_graph_status(p->f.graph), NADIR_E_NO_MEMORY);
  assert_string_not_equal(nadir_graph_error(p->f.graph), "");
  if (c->reason != BUILD_ERROR) return;
  assert_null(nadir_session_new(p->f.graph, p->f.loss, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(p->f.graph), NADIR_E_NO_MEMORY);
}

/* Returns whether to go on. */
static int survive(program *p, const call *c, manner how) {
  check_reason(p, c);
  if (how == FOR_GOOD) {
    if (p->f.graph != NULL) assert_ok(nadir_graph_clear_error(p->f.graph));
    assert_status(c->make(p), NADIR_E_NO_MEMORY);
    check_reason(p, c);
  }
  if (how == ABANDON) return 0;
  ledger_relent(&p->ledger);
  if (p->f.graph != NULL) assert_ok(nadir_graph_clear_error(p->f.graph));
  assert_ok(c->make(p));
  return 1;
}

/* Runs the calls while allocation number `k` fails (0: none); returns the number of calls that did. */
static int run(program *p, const call *calls, size_t count, nadir_dtype dtype, size_t k, manner how) {
  int failed = 0;
  size_t i;
  memset(p, 0, sizeof *p);
  p->dtype = p->f.dtype = dtype;
  p->ledger.fail_at = k;
  p->ledger.fail_on = how != ONCE;
  p->ledger.fill = 0xa5;
  for (i = 0; i < count; ++i) {
    const nadir_status status = calls[i].make(p);
    if (status == NADIR_OK) continue;
    ++failed;
    assert_status(status, NADIR_E_NO_MEMORY);
    assert_true(p->ledger.failures > 0);
    if (!survive(p, &calls[i], how)) break;
  }
  close_program(p);
  return failed;
}

static void fail_everywhere(const call *calls, size_t count, nadir_dtype dtype, manner how) {
  static program undisturbed, disturbed;
  size_t k;
  assert_int_equal(run(&undisturbed, calls, count, dtype, 0, how), 0);
  assert_true(undisturbed.ledger.allocations > 0);
  for (k = 1; k <= undisturbed.ledger.allocations; ++k) {
    const int failed = run(&disturbed, calls, count, dtype, k, how);
    if (failed != 1) print_error("allocation %u of %u\n", (unsigned)k, (unsigned)undisturbed.ledger.allocations);
    assert_int_equal(failed, 1);
    if (how == ABANDON) continue;
    assert_int_equal(disturbed.length, undisturbed.length);
    assert_memory_equal(disturbed.outcome, undisturbed.outcome, undisturbed.length);
  }
}

static void fail_in_both_dtypes(const call *calls, size_t count, manner how) {
  fail_everywhere(calls, count, NADIR_F32, how);
  fail_everywhere(calls, count, NADIR_F64, how);
}

static void line_fit_survives_every_allocation_failing_once(void **state) {
  (void)state;
  fail_in_both_dtypes(line_fit, COUNT_OF(line_fit), ONCE);
}

static void line_fit_survives_every_allocation_failing_for_good(void **state) {
  (void)state;
  fail_in_both_dtypes(line_fit, COUNT_OF(line_fit), FOR_GOOD);
}

static void line_fit_can_be_abandoned_without_memory(void **state) {
  (void)state;
  fail_in_both_dtypes(line_fit, COUNT_OF(line_fit), ABANDON);
}

static void every_builder_survives_every_allocation_failing_once(void **state) {
  (void)state;
  fail_in_both_dtypes(every_builder, COUNT_OF(every_builder), ONCE);
}

static void every_builder_survives_every_allocation_failing_for_good(void **state) {
  (void)state;
  fail_in_both_dtypes(every_builder, COUNT_OF(every_builder), FOR_GOOD);
}

static void every_builder_can_be_abandoned_without_memory(void **state) {
  (void)state;
  fail_in_both_dtypes(every_builder, COUNT_OF(every_builder), ABANDON);
}

static void pieces_and_numbers_survive_every_allocation_failing_once(void **state) {
  (void)state;
  fail_everywhere(pieces_and_numbers, COUNT_OF(pieces_and_numbers), NADIR_F64, ONCE);
}

static void pieces_and_numbers_survive_every_allocation_failing_for_good(void **state) {
  (void)state;
  fail_everywhere(pieces_and_numbers, COUNT_OF(pieces_and_numbers), NADIR_F64, FOR_GOOD);
}

static void pieces_and_numbers_can_be_abandoned_without_memory(void **state) {
  (void)state;
  fail_everywhere(pieces_and_numbers, COUNT_OF(pieces_and_numbers), NADIR_F64, ABANDON);
}

static void layers_survive_every_allocation_failing_once(void **state) {
  (void)state;
  fail_everywhere(layers, COUNT_OF(layers), NADIR_F32, ONCE);
}

static void layers_can_be_abandoned_without_memory(void **state) {
  (void)state;
  fail_everywhere(layers, COUNT_OF(layers), NADIR_F32, ABANDON);
}

/* All bytes of memory at first 0, or all set, which read as NaN. */
static void former_contents_of_memory_do_not_matter(void **state) {
  static program p;
  static unsigned char first[sizeof p.outcome];
  int fill;
  size_t i;
  (void)state;
  for (fill = 0; fill <= 0xff; fill += 0xff) {
    memset(&p, 0, sizeof p);
    p.dtype = p.f.dtype = NADIR_F32;
    p.ledger.fill = (unsigned char)fill;
    for (i = 0; i < COUNT_OF(line_fit); ++i) assert_ok(line_fit[i].make(&p));
    if (fill == 0) memcpy(first, p.outcome, p.length);
    assert_memory_equal(p.outcome, first, p.length);
    close_program(&p);
  }
}

/* A parameter for which there is never memory is refused at the latest with its session. */
static void parameter_beyond_all_memory_is_refused(void **state) {
  const int64_t large[] = {1 << 20};
  nadir_session *session = NULL;
  nadir_node w, loss;
  nadir_graph *g;
  ledger l;
  nadir_host *host;
  (void)state;
  memset(&l, 0, sizeof l);
  l.limit = 1 << 20;
  host = ledger_host(&l);
  g = nadir_graph_new(host);
  w = nadir_param_add(g, "w", NADIR_F32, large, 1, "init=ones");
  loss = nadir_sum(g, w, NULL, 0, NULL);
  session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  assert_null(session);
  assert_status(nadir_graph_status(g), NADIR_E_NO_MEMORY);
  nadir_host_free(host);
  nadir_graph_free(g);
  assert_int_equal(l.live_bytes, 0);
  assert_int_equal(l.faults, 0);
}

/* --------------------------------------------------------------------------------- a step allocates nothing at all */

static ledger step_ledger;

static int setup(void **state) {
  static fit f;
  nadir_host *host;
  memset(&step_ledger, 0, sizeof step_ledger);
  host = ledger_host(&step_ledger);
  fit_define(&f, host, NADIR_F64, FIT_LINEAR, NULL);
  fit_compile(&f, MAX_BATCH);
  nadir_host_free(host);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  fit_close((fit *)*state);
  assert_int_equal(step_ledger.live_bytes, 0);
  assert_int_equal(step_ledger.faults, 0);
  return 0;
}

static double memory[3][MAX_BATCH]; /* x, t, y */

static void whole_step(fit *f, size_t batch) {
  const size_t bytes = batch * sizeof(double);
  double pair[2];
  assert_ok(nadir_session_write(f->train, f->x, memory[0], bytes));
  assert_ok(nadir_session_bind(f->train, f->t, memory[1], bytes));
  assert_ok(nadir_zero_grad(f->train));
  assert_ok(nadir_forward(f->train));
  assert_ok(nadir_backward(f->train));
  assert_ok(nadir_grads_flat_get(f->train, NADIR_F64, pair, sizeof pair));
  assert_ok(nadir_grads_flat_set(f->train, NADIR_F64, pair, sizeof pair));
  assert_ok(nadir_grad_get(f->train, f->w, pair, sizeof *pair));
  assert_ok(nadir_sgd_step(f->train, 0.01));
  assert_ok(nadir_session_read(f->train, f->loss, pair, sizeof *pair));
  assert_ok(nadir_session_status(f->train));
  assert_ok(nadir_params_flat_get(f->graph, NADIR_F64, pair, sizeof pair));
  assert_ok(nadir_params_flat_set(f->graph, NADIR_F64, pair, sizeof pair));
  assert_ok(nadir_param_get(f->graph, f->w, pair, sizeof *pair));
  assert_ok(nadir_param_set(f->graph, f->w, pair, sizeof *pair));
  assert_ok(nadir_session_write(f->predict, f->x, memory[0], bytes));
  assert_ok(nadir_forward(f->predict));
  assert_ok(nadir_session_read(f->predict, f->y, memory[2], bytes));
}

static void step_allocates_nothing_at_any_batch(void **state) {
  fit *f = (fit *)*state;
  const size_t calls = step_ledger.calls;
  size_t batch;
  int round;
  for (round = 0; round < 3; ++round) {
    for (batch = 1; batch <= MAX_BATCH; ++batch) whole_step(f, batch);
    for (batch = MAX_BATCH; batch >= 1; --batch) whole_step(f, batch);
  }
  assert_int_equal(step_ledger.calls, calls);
}

static void step_that_is_refused_allocates_nothing(void **state) {
  fit *f = (fit *)*state;
  const double bad = NAN;
  const size_t calls = step_ledger.calls;
  int round;
  for (round = 0; round < 3; ++round) {
    assert_ok(nadir_session_write(f->train, f->x, &bad, sizeof bad));
    assert_ok(nadir_session_write(f->train, f->t, &bad, sizeof bad));
    assert_ok(nadir_zero_grad(f->train));
    assert_status(nadir_forward(f->train), NADIR_E_NOT_FINITE);
    assert_status(nadir_backward(f->train), NADIR_E_STATE);
    assert_status(nadir_sgd_step(f->train, 0.01), NADIR_E_STATE);
    assert_status(nadir_session_write(f->train, f->x, &bad, 3), NADIR_E_ARGUMENT);
  }
  assert_int_equal(step_ledger.calls, calls);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(line_fit_survives_every_allocation_failing_once),
      cmocka_unit_test(line_fit_survives_every_allocation_failing_for_good),
      cmocka_unit_test(line_fit_can_be_abandoned_without_memory),
      cmocka_unit_test(every_builder_survives_every_allocation_failing_once),
      cmocka_unit_test(every_builder_survives_every_allocation_failing_for_good),
      cmocka_unit_test(every_builder_can_be_abandoned_without_memory),
      cmocka_unit_test(pieces_and_numbers_survive_every_allocation_failing_once),
      cmocka_unit_test(pieces_and_numbers_survive_every_allocation_failing_for_good),
      cmocka_unit_test(pieces_and_numbers_can_be_abandoned_without_memory),
      cmocka_unit_test(layers_survive_every_allocation_failing_once),
      cmocka_unit_test(layers_can_be_abandoned_without_memory),
      cmocka_unit_test(former_contents_of_memory_do_not_matter),
      cmocka_unit_test(parameter_beyond_all_memory_is_refused),
      cmocka_unit_test_setup_teardown(step_allocates_nothing_at_any_batch, setup, teardown),
      cmocka_unit_test_setup_teardown(step_that_is_refused_allocates_nothing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
