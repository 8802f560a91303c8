/*
 * What the tests of the C API share: assertions that tell what the library said, values of either dtype as doubles
 * (which hold every f32 exactly, so that == of doubles compares bits but for the sign of zero), and the line fit with
 * the ten steps that are known by hand.
 *
 * Only the public header is included: these tests see of the library what a host sees.
 */
#ifndef NADIR_TESTS_CAPI_SUPPORT_H
#define NADIR_TESTS_CAPI_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" { /* cmocka.h does not say so itself */
#endif

#include <cmocka.h>

#include <nadir/nadir.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* -------------------------------------------------------------------------------------------------- assertions */

/* Compared by name, so that a failure reads "NADIR_E_STATE" != "NADIR_OK". */
#define assert_status(got, wanted) assert_string_equal(nadir_status_name(got), nadir_status_name(wanted))

#define assert_ok(got) assert_status(got, NADIR_OK)

/* |got - wanted| <= tolerance * max(1, |wanted|); false for NaN. */
#define assert_near(got, wanted, tolerance) assert_near_at(got, wanted, tolerance, 1.0, __FILE__, __LINE__)

/* The same, relative to max(floor, |wanted|). */
#define assert_relative(got, wanted, tolerance, floor) assert_near_at(got, wanted, tolerance, floor, __FILE__, __LINE__)

/* Equal to the bit, but for the sign of zero. */
#define assert_exact(got, wanted) assert_near_at(got, wanted, 0.0, 1.0, __FILE__, __LINE__)

#define assert_nan(got) assert_true((got) != (got))

/* Every one of the texts occurs in the message. */
#define assert_says(message, ...) assert_says_at(message, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

#define assert_graph_ok(graph) assert_graph_ok_at(graph, __FILE__, __LINE__)

void assert_near_at(double got, double wanted, double tolerance, double floor, const char *file, int line);
void assert_says_at(const char *message, const char *const *parts, const char *file, int line);
void assert_graph_ok_at(const nadir_graph *graph, const char *file, int line);

/* ------------------------------------------------------------------------------------------------------ values */

/* Each moves `count` elements of `dtype` through a block of exactly their size, so that memory checkers see a byte too
   many; a count is also how a wrong byte count is asked for. */
nadir_status write_values(nadir_session *session, nadir_node input, nadir_dtype dtype, const double *values,
                          size_t count);
nadir_status read_values(nadir_session *session, nadir_node node, nadir_dtype dtype, double *values, size_t count);
nadir_status set_param(nadir_graph *graph, nadir_node param, nadir_dtype dtype, const double *values, size_t count);
nadir_status get_param(const nadir_graph *graph, nadir_node param, nadir_dtype dtype, double *values, size_t count);
nadir_status get_grad(const nadir_session *session, nadir_node param, nadir_dtype dtype, double *values, size_t count);

/* One element, which must succeed. */
double read_value(nadir_session *session, nadir_node node, nadir_dtype dtype);
double param_value(const nadir_graph *graph, nadir_node param, nadir_dtype dtype);
double grad_value(const nadir_session *session, nadir_node param, nadir_dtype dtype);

nadir_node constant_values(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape, int32_t rank,
                           const double *values);

/* The text of `nadir_graph_dump`, to be given to free(). */
char *dump_text(const nadir_graph *graph, const char *format);

/* A graph one of whose nodes is certainly not taken for one of `graph`, which has a node already. */
nadir_graph *foreign_graph(nadir_node first_of_graph, nadir_node *foreign);

/* ------------------------------------------------------------------------------------------------ the line fit */

/*
 * y = w * x + b, from w = b = 1, on five points of 3x + 2, squared error, learning rate 0.1, one sample a step, in
 * order, twice: every number below is exact decimal arithmetic.
 */
#define FIT_STEPS 10

typedef struct fit_row {
  double x, t, loss, dw, db, w, b; /* w and b after the step */
} fit_row;

extern const fit_row fit_table[FIT_STEPS];

typedef enum fit_form { FIT_LINEAR, FIT_BARE } fit_form; /* a layer "fit", or the parameters "w" and "b" as scalars */

typedef struct fit {
  nadir_dtype dtype;
  nadir_graph *graph;
  nadir_node x, t, w, b, y, loss;
  nadir_session *train, *predict;
} fit;

typedef struct fit_trace {
  fit_row rows[FIT_STEPS];
} fit_trace;

/* Makes the graph: x, t [batch, 1], y and the loss; sets w = b = 1. `loss_options` as of nadir_mse_loss. */
void fit_define(fit *f, const nadir_host *host, nadir_dtype dtype, fit_form form, const char *loss_options);

/* Makes both sessions. */
void fit_compile(fit *f, int64_t max_batch);

/* fit_define and fit_compile of FIT_LINEAR. */
void fit_open(fit *f, nadir_dtype dtype, int64_t max_batch);

/* Frees whatever is there. */
void fit_close(fit *f);

void fit_set(fit *f, double w, double b);

/* A step by the session's own descent, which must succeed. */
void fit_step(fit *f, double x, double t, double learning_rate);

/* The ten steps from w = b = 1; `update` does the descent, NULL for nadir_sgd_step. */
void fit_run(fit *f, void (*update)(fit *f, double learning_rate), fit_trace *trace);

void assert_trace_is_table(const fit_trace *trace, nadir_dtype dtype);
void assert_traces_equal(const fit_trace *a, const fit_trace *b);

/* The ten steps give the ten rows. */
void assert_fit_trains(fit *f);

/* --------------------------------------------------------------------------- a graph that survives bad input */

/* The fit without sessions, watched: whatever is refused must leave it as it was. */
typedef struct bed {
  fit f;
  nadir_graph *other; /* another graph, and a node of it */
  nadir_node foreign;
  char *before; /* the dump to which nothing may be added */
} bed;

/* Between the two, a test may add nodes of its own. */
void bed_open(bed *b);
void bed_watch(bed *b);

/* The graph is as it was, and trains to the right numbers; frees all. */
void bed_close(bed *b);

void assert_unchanged(const bed *b);

/*
 * A builder answered `node`, which must be NADIR_NONE, with that status and a message of those parts. No session can be
 * made of the graph then; nothing changed; the graph is repaired.
 */
#define assert_refused(bed, node, status, ...) \
  assert_refused_at(bed, node, status, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

void assert_refused_at(bed *b, nadir_node node, nadir_status status, const char *const *parts, const char *file,
                       int line);

/*
 * Another call on the graph answered `got`, which must be `wanted`, with a message of those parts. That is no build
 * error: it goes with the next call that succeeds.
 */
#define assert_declined(bed, got, wanted, ...) \
  assert_declined_at(bed, got, wanted, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

void assert_declined_at(bed *b, nadir_status got, nadir_status wanted, const char *const *parts, const char *file,
                        int line);

#ifdef __cplusplus
}
#endif

#endif /* NADIR_TESTS_CAPI_SUPPORT_H */
