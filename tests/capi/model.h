/*
 * A model for tests of optimisers: parameters of several lengths, most of them no multiple of a vector, and a loss whose
 * gradient is known to the bit, since it is an input: loss = sum(w * slope), over all parameters but "apart". Its numbers
 * are functions of the step, the parameter and the element, and of few enough bits to be exact in f32.
 */
#ifndef NADIR_TESTS_CAPI_MODEL_H
#define NADIR_TESTS_CAPI_MODEL_H

#include "support.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { ENCODER_WEIGHT, ENCODER_BIAS, DECODER_WEIGHT, DECODER_BIAS, HEAD, APART, MODEL_PARAMS };

#define MODEL_LONGEST 259

extern const char *const model_names[MODEL_PARAMS];
extern const size_t model_counts[MODEL_PARAMS];

/* Of a curved loss, sum((w² - slope²)²) is another term, by which it has minima. */
typedef enum model_form { MODEL_LINEAR, MODEL_CURVED } model_form;

typedef struct model {
  nadir_graph *graph;
  nadir_node params[MODEL_PARAMS], slopes[MODEL_PARAMS], loss;
  nadir_dtype dtypes[MODEL_PARAMS], dtype; /* of the parameters, and of the loss */
  nadir_session *session;
} model;

typedef nadir_optimizer *(*optimizer_maker)(nadir_session *session, double learning_rate, const char *options);

/* An optimiser by its name, as "adam". */
typedef struct optimizer_rule {
  const char *name;
  optimizer_maker make;
} optimizer_rule;

#define OPTIMIZER_RULES 10

/* All but Levenberg and Marquardt's. The last is L-BFGS. */
extern const optimizer_rule optimizer_rules[OPTIMIZER_RULES];

optimizer_maker maker_of(const char *name);

/* Defines the graph; the decoder's parameters are of `decoder_dtype`, all else of `dtype`. */
void model_define(model *m, const nadir_host *host, nadir_dtype dtype, nadir_dtype decoder_dtype, model_form form);

/* Makes the session, and sets the parameters to their first values. */
void model_compile(model *m, const char *options);

/* The two, with one dtype and the defaults. */
void model_open(model *m, nadir_dtype dtype, model_form form);

void model_close(model *m);

/* The first value of an element, in [-1, 1], and its slope at a step, in [-2, 2]. */
double model_start(int param, size_t element);
double model_slope(int step, int param, size_t element);

void model_reset(model *m);

/* Writes the slopes of a step to a session of the model's. */
void model_write(model *m, nadir_session *session, int step);

/* Writes, zeroes, goes forward and backward. */
void model_pass(model *m, int step);

/* A pass and a step of the optimiser's, which must succeed. */
void model_step(model *m, nadir_optimizer *optimizer, int step);

void model_read(const model *m, int param, double *values);

/*
 * All that a step may change: parameters, the state of the optimiser (NULL for none), its settings by the schedule, and
 * the graph's step. To be given to free().
 */
typedef struct snapshot {
  size_t bytes;
  unsigned char data[1];
} snapshot;

snapshot *snapshot_new(const model *m, const nadir_optimizer *optimizer);

/* Takes another and compares; frees both. */
#define assert_as_before(before, m, optimizer) assert_as_before_at(before, m, optimizer, __FILE__, __LINE__)
void assert_as_before_at(snapshot *before, const model *m, const nadir_optimizer *optimizer, const char *file,
                         int line);

/* The parameters of two models are equal to the bit. */
void assert_models_equal(const model *a, const model *b);

/* Copies all state of one optimiser into another. */
void copy_state(const nadir_optimizer *from, nadir_optimizer *to);

double setting_of(const nadir_optimizer *optimizer, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* NADIR_TESTS_CAPI_MODEL_H */
