/*
 * What parameters start from: the distributions against their functions, gains and fans against PyTorch's formulas, orthogonality;
 * and nadir_param_init.
 *
 * The numbers of a name do not depend on what is made of them, so that a scaled distribution is compared with the plain one
 * element by element.
 */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

#define MANY 20000

static double numbers[MANY], others[MANY];

static const int64_t many[] = {MANY}, two_3[] = {2, 3};

/* The values of a parameter "w" alone in a graph of that seed. */
static size_t draw(uint64_t seed, nadir_dtype dtype, const int64_t *shape, int32_t rank, const char *options,
                   double *values) {
  nadir_graph *g = nadir_graph_new(NULL);
  nadir_node w;
  size_t count = 1;
  int32_t axis;
  for (axis = 0; axis < rank; ++axis) count *= (size_t)shape[axis];
  assert_true(count <= MANY);
  assert_ok(nadir_graph_set_seed(g, seed));
  w = nadir_param_add(g, "w", dtype, shape, rank, options);
  assert_graph_ok(g);
  assert_ok(get_param(g, w, dtype, values, count));
  nadir_graph_free(g);
  return count;
}

/* ------------------------------------------------------------------------------------------------ distributions */

/* A distribution on the numbers of [low, high]. */
typedef struct distribution {
  double (*below)(double x); /* of the whole line; what lies outside is cut off */
  double mean, std, low, high;
} distribution;

static double normal_below(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }

static double identity(double x) { return x; }

static double share_below(const distribution *d, double x) {
  const double z = (x - d->mean) / d->std, low = (d->low - d->mean) / d->std, high = (d->high - d->mean) / d->std;
  /* Beyond the mean by the other tail, in which differences of small numbers are exact. */
  if (d->below == normal_below && low > 0) {
    return (normal_below(-low) - normal_below(-z)) / (normal_below(-low) - normal_below(-high));
  }
  return (d->below(z) - d->below(low)) / (d->below(high) - d->below(low));
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The test of Kolmogorov and Smirnov: a distance above 1.95 / sqrt(n) has a probability of 1e-3. Sorts the values. */
static void assert_distributed(double *values, size_t count, const distribution *d, const char *what) {
  double distance = 0;
  size_t i;
  qsort(values, count, sizeof *values, compare);
  assert_true(values[0] >= d->low && values[count - 1] <= d->high);
  for (i = 0; i < count; ++i) {
    const double share = share_below(d, values[i]);
    distance = fmax(distance, fmax(share - (double)i / (double)count, (double)(i + 1) / (double)count - share));
  }
  if (!(distance < 1.95 / sqrt((double)count))) fail_msg("%s: distance %g", what, distance);
}

static void numbers_are_distributed_as_they_are_called(void **state) {
  static const struct {
    const char *options;
    distribution wanted;
  } rows[] = {{"init=uniform", {identity, 0, 1, 0, 1}},
              {"init=uniform low=-3 high=5", {identity, 0, 1, -3, 5}},
              {"init=normal", {normal_below, 0, 1, -100, 100}},
              {"init=normal mean=-3 std=0.25", {normal_below, -3, 0.25, -100, 100}},
              {"init=trunc_normal", {normal_below, 0, 1, -2, 2}},
              {"init=trunc_normal mean=5 std=0.5", {normal_below, 5, 0.5, -2, 2}},
              {"init=trunc_normal mean=0.5 std=0.1 low=0.45 high=0.7", {normal_below, 0.5, 0.1, 0.45, 0.7}},
              {"init=trunc_normal low=1 high=1.001", {normal_below, 0, 1, 1, 1.001}},
              {"init=trunc_normal low=-100 high=100", {normal_below, 0, 1, -100, 100}},
              {"init=trunc_normal low=-100 high=-3", {normal_below, 0, 1, -100, -3}},
              {"init=trunc_normal low=3 high=100", {normal_below, 0, 1, 3, 100}},
              {"init=trunc_normal mean=1 std=2 low=41 high=43", {normal_below, 1, 2, 41, 43}}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) {
    assert_distributed(numbers, draw(1, NADIR_F64, many, 1, rows[i].options, numbers), &rows[i].wanted,
                       rows[i].options);
  }
}

/* The standard deviation of a difference of moments from what is wanted, times 5. */
static void moments_are_those_asked_for(void **state) {
  static const struct {
    const char *options;
    double mean, variance;
  } rows[] = {{"init=normal mean=-3 std=2", -3, 4},
              {"init=normal std=0", 0, 0},
              {"init=trunc_normal", 0, 0.77374130320475}, /* 1 - 4 phi(2) / (2 Phi(2) - 1) */
              {"init=uniform low=-1 high=3", 1, 16.0 / 12}};
  size_t i, k;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) {
    const size_t count = draw(2, NADIR_F64, many, 1, rows[i].options, numbers);
    double mean = 0, variance = 0;
    for (k = 0; k < count; ++k) mean += numbers[k] / (double)count;
    for (k = 0; k < count; ++k) variance += (numbers[k] - mean) * (numbers[k] - mean) / (double)count;
    assert_true(fabs(mean - rows[i].mean) <= 5 * sqrt(rows[i].variance / (double)count));
    assert_true(fabs(variance - rows[i].variance) <= 5 * rows[i].variance * sqrt(2 / (double)count));
  }
}

static void truncated_numbers_stay_within_their_ends(void **state) {
  const float low = 0.1F, high = 0.3F;
  size_t i;
  (void)state;
  draw(3, NADIR_F32, many, 1, "init=trunc_normal mean=0.1 std=1e-9 low=0.1 high=0.3", numbers);
  draw(3, NADIR_F32, many, 1, "init=trunc_normal mean=0.3 std=1e-9 low=0.1 high=0.3", others);
  for (i = 0; i < MANY; ++i) {
    assert_true(numbers[i] >= low && numbers[i] <= high);
    assert_true(others[i] >= low && others[i] <= high);
  }
  /* 2 + 0.7 * ((0.6 - 2) / 0.7) is above 0.6 by rounding. */
  draw(3, NADIR_F64, many, 1, "init=trunc_normal mean=2 std=0.7 low=0.5999999999999999 high=0.6", numbers);
  for (i = 0; i < MANY; ++i) assert_true(numbers[i] >= 0.5999999999999999 && numbers[i] <= 0.6);
}

/* ------------------------------------------------------------------------------------------------ gains and fans */

typedef struct scaled {
  const char *init, *options;
  int64_t shape[5];
  int32_t rank;
  double gain, fan; /* the standard deviation is gain / sqrt(fan) */
} scaled;

#define LINEAR {3, 5}, 2
#define CONV1D {8, 4, 3}, 3
#define CONV2D {6, 4, 3, 5}, 4
#define CONV3D {2, 3, 2, 4, 3}, 5

/* As torch.nn.init has them: calculate_gain, _calculate_fan_in_and_fan_out. */
static const scaled scalings[] = {
    {"xavier", "", LINEAR, 1, (5 + 3) / 2.0},
    {"xavier", "gain=2.5", LINEAR, 2.5, (5 + 3) / 2.0},
    {"xavier", "", CONV1D, 1, (4 * 3 + 8 * 3) / 2.0},
    {"xavier", "gain=0.5", CONV2D, 0.5, (4 * 15 + 6 * 15) / 2.0},
    {"xavier", "", CONV3D, 1, (3 * 24 + 2 * 24) / 2.0},
    {"kaiming", "", LINEAR, 1.4142135623730951, 5},
    {"kaiming", "a=0.2", LINEAR, 1.3867504905630728, 5},
    {"kaiming", "nonlinearity=leaky_relu a=2.23606797749979", CONV2D, 0.5773502691896258, 60},
    {"kaiming", "fan_mode=fan_in nonlinearity=relu", CONV1D, 1.4142135623730951, 12},
    {"kaiming", "fan_mode=fan_out nonlinearity=relu", CONV1D, 1.4142135623730951, 24},
    {"kaiming", "fan_mode=fan_out nonlinearity=tanh", LINEAR, 1.6666666666666667, 3},
    {"kaiming", "nonlinearity=sigmoid", CONV2D, 1, 60},
    {"kaiming", "fan_mode=fan_out nonlinearity=linear", CONV2D, 1, 90},
    {"kaiming", "nonlinearity=selu fan_mode=fan_out", CONV3D, 0.75, 48},
};

static void scaled_numbers_have_the_gain_and_the_fan_of_their_shape(void **state) {
  char options[128];
  size_t i, k;
  (void)state;
  for (i = 0; i < COUNT_OF(scalings); ++i) {
    const scaled *row = &scalings[i];
    const double std = row->gain / sqrt(row->fan), bound = sqrt(3.0) * std;
    size_t count;
    snprintf(options, sizeof options, "init=%s_normal %s", row->init, row->options);
    count = draw(4, NADIR_F64, row->shape, row->rank, options, numbers);
    draw(4, NADIR_F64, row->shape, row->rank, "init=normal", others);
    for (k = 0; k < count; ++k) assert_relative(numbers[k], std * others[k], 1e-14, 1e-3);
    snprintf(options, sizeof options, "init=%s_uniform %s", row->init, row->options);
    draw(4, NADIR_F64, row->shape, row->rank, options, numbers);
    draw(4, NADIR_F64, row->shape, row->rank, "init=uniform", others);
    for (k = 0; k < count; ++k) assert_near(numbers[k], bound * (2 * others[k] - 1), 1e-14);
  }
}

/* ---------------------------------------------------------------------------------------------------- orthogonal */

static void assert_orthogonal(const double *q, size_t rows, size_t columns, double gain, double tolerance) {
  const size_t count = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
  size_t a, b, k;
  for (a = 0; a < count; ++a) {
    for (b = 0; b < count; ++b) {
      double dot = 0;
      for (k = 0; k < length; ++k) {
        dot += rows < columns ? q[a * columns + k] * q[b * columns + k] : q[k * columns + a] * q[k * columns + b];
      }
      assert_near(dot / (gain * gain), a == b, tolerance);
    }
  }
}

static void orthogonal_rows_or_columns_are_orthonormal_times_the_gain(void **state) {
  static const struct {
    int64_t shape[4];
    int32_t rank;
    size_t rows, columns;
  } rows[] = {{{5, 5}, 2, 5, 5},         {{9, 4}, 2, 9, 4},         {{4, 9}, 2, 4, 9}, {{6, 2, 2, 2}, 4, 6, 8},
              {{12, 2, 1, 3}, 4, 12, 6}, {{1, 7}, 2, 1, 7},         {{7, 1}, 2, 7, 1}, {{1, 1}, 2, 1, 1},
              {{120, 120}, 2, 120, 120}, {{30, 5, 3, 3}, 4, 30, 45}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) {
    draw(5, NADIR_F64, rows[i].shape, rows[i].rank, "init=orthogonal", numbers);
    assert_orthogonal(numbers, rows[i].rows, rows[i].columns, 1, 1e-14);
    draw(5, NADIR_F64, rows[i].shape, rows[i].rank, "init=orthogonal gain=2.5", numbers);
    assert_orthogonal(numbers, rows[i].rows, rows[i].columns, 2.5, 1e-14);
    draw(5, NADIR_F32, rows[i].shape, rows[i].rank, "init=orthogonal gain=0.5", numbers);
    assert_orthogonal(numbers, rows[i].rows, rows[i].columns, 0.5, 1e-6);
  }
}

/* Each column of an orthogonal 3 by 3 matrix, and each row, is a point of the sphere, and what is evenly distributed there has
   evenly distributed coordinates (Archimedes). Half of the matrices are reflections. */
static void orthogonal_matrices_are_distributed_evenly(void **state) {
  enum { DRAWS = 4000 };
  static const distribution even = {identity, 0, 1, -1, 1};
  static const int64_t three_3[] = {3, 3};
  static double coordinates[9][DRAWS];
  double q[9];
  int reflections = 0, i, k;
  (void)state;
  for (i = 0; i < DRAWS; ++i) {
    draw((uint64_t)i, NADIR_F64, three_3, 2, "init=orthogonal", q);
    for (k = 0; k < 9; ++k) coordinates[k][i] = fmax(-1, fmin(1, q[k]));
    reflections +=
        q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6]) + q[2] * (q[3] * q[7] - q[4] * q[6]) <
        0;
  }
  for (k = 0; k < 9; ++k) assert_distributed(coordinates[k], DRAWS, &even, "orthogonal");
  assert_true(abs(reflections - DRAWS / 2) < 5 * sqrt(DRAWS) / 2);
}

/* --------------------------------------------------------------------------------------- what numbers depend on */

static const char *const every_init[] = {"init=zeros",          "init=ones",          "init=constant value=0.5",
                                         "init=uniform",        "init=normal",        "init=trunc_normal",
                                         "init=xavier_uniform", "init=xavier_normal", "init=kaiming_uniform",
                                         "init=kaiming_normal", "init=orthogonal"};

enum { FIRST_RANDOM = 3 }; /* of them */

static void numbers_depend_on_seed_and_name_alone(void **state) {
  double alone[6], beside[6], seeded[6], renamed[6], again[6];
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(every_init); ++i) {
    nadir_graph *g = nadir_graph_new(NULL);
    nadir_node w, v;
    assert_ok(nadir_graph_set_seed(g, 6));
    (void)nadir_param_add(g, "before", NADIR_F64, two_3, 2, every_init[i]);
    v = nadir_param_add(g, "v", NADIR_F64, two_3, 2, every_init[i]);
    w = nadir_param_add(g, "w", NADIR_F64, two_3, 2, every_init[i]);
    assert_graph_ok(g);
    assert_ok(get_param(g, w, NADIR_F64, beside, 6));
    assert_ok(get_param(g, v, NADIR_F64, renamed, 6));
    nadir_graph_free(g);
    draw(6, NADIR_F64, two_3, 2, every_init[i], alone);
    draw(6, NADIR_F64, two_3, 2, every_init[i], again);
    draw(7, NADIR_F64, two_3, 2, every_init[i], seeded);
    assert_memory_equal(alone, beside, sizeof alone);
    assert_memory_equal(alone, again, sizeof alone);
    if (i < FIRST_RANDOM) continue;
    assert_memory_not_equal(alone, seeded, sizeof alone);
    assert_memory_not_equal(alone, renamed, sizeof alone);
  }
}

static void numbers_in_f32_are_those_in_f64_rounded(void **state) {
  double wide[6], narrow[6];
  size_t i;
  int k;
  (void)state;
  for (i = 0; i < COUNT_OF(every_init); ++i) {
    draw(8, NADIR_F64, two_3, 2, every_init[i], wide);
    draw(8, NADIR_F32, two_3, 2, every_init[i], narrow);
    for (k = 0; k < 6; ++k) assert_exact(narrow[k], (float)wide[k]);
  }
}

static void shapes_without_elements_are_well(void **state) {
  static const int64_t no_rows[] = {0, 3}, no_columns[] = {3, 0}, no_taps[] = {3, 2, 0};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(every_init); ++i) {
    draw(9, NADIR_F64, no_rows, 2, every_init[i], numbers);
    draw(9, NADIR_F64, no_columns, 2, every_init[i], numbers);
    draw(9, NADIR_F64, no_taps, 3, every_init[i], numbers);
  }
}

/* ---------------------------------------------------------------------------------------------------- param_init */

typedef struct net {
  nadir_graph *graph;
  nadir_node x, loss;
  nadir_session *session;
} net;

/* Parameters enc.0.weight [4, 3], enc.0.bias [4], head.weight [2, 4], head.bias [2] in f64, and single [3, 3] in f32. */
enum { PARAMS = 5 };

static const size_t param_counts[PARAMS] = {12, 4, 8, 2, 9};

static void net_open(net *n, const nadir_host *host) {
  static const int64_t rows_3[] = {NADIR_BATCH, 3}, three_3[] = {3, 3};
  nadir_node y;
  memset(n, 0, sizeof *n);
  n->graph = nadir_graph_new(host);
  assert_ok(nadir_graph_set_seed(n->graph, 10));
  n->x = nadir_input_add(n->graph, "x", NADIR_F64, rows_3, 2);
  y = nadir_linear_add(n->graph, "enc.0", n->x, 4, NULL);
  y = nadir_linear_add(n->graph, "head", nadir_tanh(n->graph, y), 2, NULL);
  n->loss = nadir_mean(n->graph, nadir_square(n->graph, y), NULL, 0, NULL);
  (void)nadir_param_add(n->graph, "single", NADIR_F32, three_3, 2, "init=ones");
  assert_graph_ok(n->graph);
}

static void net_close(net *n) {
  nadir_session_free(n->session);
  nadir_graph_free(n->graph);
}

static void net_values(const net *n, double values[PARAMS][12]) {
  int32_t i;
  memset(values, 0, sizeof(double[PARAMS][12]));
  for (i = 0; i < PARAMS; ++i) {
    const nadir_node param = nadir_param_at(n->graph, i);
    assert_ok(get_param(n->graph, param, i == 4 ? NADIR_F32 : NADIR_F64, values[i], param_counts[i]));
  }
}

static void init_gives_what_param_add_gives(void **state) {
  double wanted[6], values[6];
  size_t i, k;
  (void)state;
  for (i = 0; i < COUNT_OF(every_init); ++i) {
    for (k = 0; k < 2; ++k) {
      const nadir_dtype dtype = k == 0 ? NADIR_F32 : NADIR_F64;
      nadir_graph *g = nadir_graph_new(NULL);
      nadir_node w;
      assert_ok(nadir_graph_set_seed(g, 11));
      w = nadir_param_add(g, "w", dtype, two_3, 2, "init=constant value=9");
      assert_ok(nadir_param_init(g, "w", every_init[i]));
      assert_ok(get_param(g, w, dtype, values, 6));
      draw(11, dtype, two_3, 2, every_init[i], wanted);
      assert_memory_equal(values, wanted, sizeof values);
      assert_ok(nadir_param_init(g, "w", NULL)); /* zeros */
      assert_exact((get_param(g, w, dtype, values, 6), values[5]), 0);
      nadir_graph_free(g);
    }
  }
}

static void init_changes_the_parameters_that_match(void **state) {
  static const struct {
    const char *pattern;
    int matched[PARAMS];
  } rows[] = {{"*", {1, 1, 1, 1, 1}},          {"*.weight", {1, 0, 1, 0, 0}},  {"enc.*", {1, 1, 0, 0, 0}},
              {"enc.?.bias", {0, 1, 0, 0, 0}}, {"head.bias", {0, 0, 0, 1, 0}}, {"single", {0, 0, 0, 0, 1}},
              {"?*e?d.*ia*", {0, 0, 0, 1, 0}}, {"s*", {0, 0, 0, 0, 1}}};
  double before[PARAMS][12], after[PARAMS][12];
  size_t i, k, e;
  (void)state;
  for (i = 0; i < COUNT_OF(rows); ++i) {
    net n;
    net_open(&n, NULL);
    net_values(&n, before);
    assert_ok(nadir_param_init(n.graph, rows[i].pattern, "init=constant value=0.25"));
    net_values(&n, after);
    for (k = 0; k < PARAMS; ++k) {
      for (e = 0; e < param_counts[k]; ++e) assert_exact(after[k][e], rows[i].matched[k] ? 0.25 : before[k][e]);
    }
    net_close(&n);
  }
}

static void init_after_a_session_counts_and_wants_a_new_forward_pass(void **state) {
  const double x[] = {1, -2, 0.5};
  net n;
  (void)state;
  net_open(&n, NULL);
  n.session = nadir_session_new(n.graph, n.loss, NULL, 0, 1, NULL);
  assert_graph_ok(n.graph);
  assert_ok(write_values(n.session, n.x, NADIR_F64, x, 3));
  assert_ok(nadir_forward(n.session));
  assert_ok(nadir_param_init(n.graph, "*.weight", NULL));
  assert_ok(nadir_param_init(n.graph, "head.bias", "init=constant value=3"));
  assert_status(nadir_backward(n.session), NADIR_E_STATE);
  assert_ok(nadir_forward(n.session));
  assert_exact(read_value(n.session, n.loss, NADIR_F64), 9);
  assert_ok(nadir_backward(n.session));
  /* One that is refused is none. */
  assert_ok(nadir_zero_grad(n.session));
  assert_ok(nadir_forward(n.session));
  assert_status(nadir_param_init(n.graph, "*", "init=orthogonal"), NADIR_E_SHAPE);
  assert_ok(nadir_backward(n.session));
  net_close(&n);
}

static void refused_init_changes_nothing_and_says_why(void **state) {
  static const struct {
    const char *pattern, *options;
    nadir_status status;
    const char *said[3];
  } rows[] = {{NULL, NULL, NADIR_E_ARGUMENT, {"pattern", "NULL"}},
              {"tail.*", "init=ones", NADIR_E_ARGUMENT, {"\"tail.*\"", "no parameter"}},
              {"", "init=ones", NADIR_E_ARGUMENT, {"\"\"", "no parameter"}},
              {"x", "init=ones", NADIR_E_ARGUMENT, {"\"x\"", "no parameter"}},
              {"*", "init=ones gain=2", NADIR_E_ARGUMENT, {"gain", "init"}},
              {"*", "init", NADIR_E_ARGUMENT, {"init", "key=value"}},
              {"*", "init=xavier_normal", NADIR_E_SHAPE, {"fan", "rank 2 or more", "[4]"}},
              {"head.*", "init=kaiming_uniform", NADIR_E_SHAPE, {"fan", "rank 2 or more", "[2]"}},
              {"*", "init=orthogonal", NADIR_E_SHAPE, {"orthogonal", "rank 2 or more", "[4]"}}};
  double before[PARAMS][12], after[PARAMS][12];
  net n;
  size_t i;
  (void)state;
  net_open(&n, NULL);
  net_values(&n, before);
  for (i = 0; i < COUNT_OF(rows); ++i) {
    assert_status(nadir_param_init(n.graph, rows[i].pattern, rows[i].options), rows[i].status);
    assert_status(nadir_graph_status(n.graph), rows[i].status);
    assert_says_at(nadir_graph_error(n.graph),
                   (const char *const[]){"param_init", rows[i].said[0], rows[i].said[1], rows[i].said[2], NULL},
                   __FILE__, __LINE__);
    net_values(&n, after);
    assert_memory_equal(before, after, sizeof before);
  }
  net_close(&n);
}

static void init_without_memory_changes_nothing(void **state) {
  double before[PARAMS][12], after[PARAMS][12];
  nadir_status status = NADIR_E_NO_MEMORY;
  ledger l;
  nadir_host *host;
  net n;
  size_t fail_at;
  (void)state;
  memset(&l, 0, sizeof l);
  host = ledger_host(&l);
  net_open(&n, host);
  nadir_host_free(host);
  net_values(&n, before);
  for (fail_at = 1; status == NADIR_E_NO_MEMORY; ++fail_at) {
    net_values(&n, after);
    assert_memory_equal(before, after, sizeof before);
    l.fail_at = l.allocations + fail_at;
    status = nadir_param_init(n.graph, "*.weight", "init=orthogonal");
    ledger_relent(&l);
  }
  assert_ok(status);
  assert_true(fail_at > 3); /* the values of both and a matrix for each were refused */
  net_values(&n, after);
  assert_memory_not_equal(before, after, sizeof before);
  net_close(&n);
  assert_int_equal(l.live_bytes, 0);
  assert_int_equal(l.faults, 0);
}

/* ------------------------------------------------------------------------------------------------------ refusals */

static void bad_options_are_refused_by_name(void **state) {
  static const struct {
    const char *options;
    const char *said[4];
  } rows[] = {{"init=xavier", {"xavier", "xavier_uniform", "orthogonal"}},
              {"init=zeros value=1", {"unknown", "value"}},
              {"init=ones value=1", {"unknown", "value"}},
              {"init=constant vaule=1", {"unknown", "vaule", "value"}},
              {"init=uniform mean=1", {"unknown", "mean"}},
              {"init=normal low=1", {"unknown", "low"}},
              {"init=xavier_uniform nonlinearity=relu", {"unknown", "nonlinearity"}},
              {"init=kaiming_normal gain=1", {"unknown", "gain"}},
              {"init=kaiming_normal nonlinearity=relu a=1", {"unknown", "a;"}},
              {"init=orthogonal std=1", {"unknown", "std"}},
              {"init=uniform low=2 high=1", {"low 2", "high 1", "low <= high"}},
              {"init=uniform high=inf", {"high inf", "finite"}},
              {"init=normal mean=nan", {"mean", "nan", "finite"}},
              {"init=normal std=-1", {"std is -1", "at least 0"}},
              {"init=normal std=inf", {"std is inf", "finite"}},
              {"init=trunc_normal std=0", {"std 0", "within 37 std"}},
              {"init=trunc_normal std=-1", {"std is -1", "at least 0"}},
              {"init=trunc_normal low=2", {"low 2", "high 2", "low < high"}},
              {"init=trunc_normal low=38 high=40", {"low 38", "high 40", "within 37 std"}},
              {"init=trunc_normal mean=50", {"mean 50", "low -2", "within 37 std"}},
              {"init=trunc_normal high=inf", {"high is inf", "finite"}},
              {"init=xavier_normal gain=-1", {"gain is -1", "at least 0"}},
              {"init=orthogonal gain=nan", {"gain", "nan", "finite"}},
              {"init=kaiming_uniform a=inf", {"a is inf", "finite"}},
              {"init=kaiming_uniform fan_mode=fan_avg", {"fan_mode", "fan_avg", "fan_in", "fan_out"}},
              {"init=kaiming_uniform nonlinearity=gelu", {"nonlinearity", "gelu", "leaky_relu", "selu"}}};
  bed b;
  size_t i;
  (void)state;
  bed_open(&b);
  bed_watch(&b);
  for (i = 0; i < COUNT_OF(rows); ++i) {
    assert_refused_at(&b, nadir_param_add(b.f.graph, "p", NADIR_F32, two_3, 2, rows[i].options), NADIR_E_ARGUMENT,
                      (const char *const[]){"param_add", "\"p\"", rows[i].said[0], rows[i].said[1], rows[i].said[2],
                                            rows[i].said[3], NULL},
                      __FILE__, __LINE__);
  }
  bed_close(&b);
}

static void fans_and_matrices_want_two_dimensions(void **state) {
  bed b;
  size_t i;
  (void)state;
  bed_open(&b);
  bed_watch(&b);
  for (i = 6; i < COUNT_OF(every_init); ++i) {
    assert_refused(&b, nadir_param_add(b.f.graph, "p", NADIR_F32, two_3, 1, every_init[i]), NADIR_E_SHAPE, "param_add",
                   "\"p\"", "rank 2 or more", "[2]");
    assert_refused(&b, nadir_param_add(b.f.graph, "p", NADIR_F32, NULL, 0, every_init[i]), NADIR_E_SHAPE, "param_add",
                   "\"p\"", "rank 2 or more", "[]");
  }
  bed_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_distributed_as_they_are_called),
      cmocka_unit_test(moments_are_those_asked_for),
      cmocka_unit_test(truncated_numbers_stay_within_their_ends),
      cmocka_unit_test(scaled_numbers_have_the_gain_and_the_fan_of_their_shape),
      cmocka_unit_test(orthogonal_rows_or_columns_are_orthonormal_times_the_gain),
      cmocka_unit_test(orthogonal_matrices_are_distributed_evenly),
      cmocka_unit_test(numbers_depend_on_seed_and_name_alone),
      cmocka_unit_test(numbers_in_f32_are_those_in_f64_rounded),
      cmocka_unit_test(shapes_without_elements_are_well),
      cmocka_unit_test(init_gives_what_param_add_gives),
      cmocka_unit_test(init_changes_the_parameters_that_match),
      cmocka_unit_test(init_after_a_session_counts_and_wants_a_new_forward_pass),
      cmocka_unit_test(refused_init_changes_nothing_and_says_why),
      cmocka_unit_test(init_without_memory_changes_nothing),
      cmocka_unit_test(bad_options_are_refused_by_name),
      cmocka_unit_test(fans_and_matrices_want_two_dimensions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
