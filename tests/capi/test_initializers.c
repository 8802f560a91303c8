/*
 * How parameters start: distributions, fans and gains by their formulas, orthogonality, and that one parameter more changes no other.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 60000

static double values[MOST];

/* The values of a parameter "w" of that shape, and how many there are. */
static size_t start(nadir_dtype dtype, const int64_t *shape, int32_t rank, const char *options) {
  nadir_graph *const graph = nadir_graph_new(NULL);
  const nadir_node w = nadir_param_add(graph, "w", dtype, shape, rank, options);
  size_t count = 1;
  int32_t i;
  for (i = 0; i < rank; ++i) count *= (size_t)shape[i];
  assert_graph_ok(graph);
  assert_ok(get_param(graph, w, dtype, values, count));
  nadir_graph_free(graph);
  return count;
}

typedef struct moments {
  double mean, deviation, least, greatest;
} moments;

static moments moments_of(size_t count) {
  moments m = {0, 0, INFINITY, -INFINITY};
  size_t i;
  for (i = 0; i < count; ++i) {
    m.mean += values[i] / (double)count;
    m.least = fmin(m.least, values[i]);
    m.greatest = fmax(m.greatest, values[i]);
  }
  for (i = 0; i < count; ++i) m.deviation += (values[i] - m.mean) * (values[i] - m.mean) / (double)count;
  m.deviation = sqrt(m.deviation);
  return m;
}

static void normal_numbers(void **state) {
  const int64_t shape[] = {50000};
  const size_t count = start(NADIR_F64, shape, 1, "init=normal mean=2 std=3");
  const moments m = moments_of(count);
  size_t i, within = 0;
  (void)state;
  assert_near(m.mean, 2, 0.03);
  assert_relative(m.deviation, 3, 0.02, 0);
  for (i = 0; i < count; ++i) within += fabs(values[i] - 2) < 3;
  assert_near((double)within / (double)count, erf(1 / sqrt(2.0)), 0.012);
}

static void truncated_numbers(void **state) {
  /* The moments of a normal distribution cut off at a and b, in deviations: by the density and the distribution there. */
  const double mean = 1, std = 2, low = 0, high = 4, a = (low - mean) / std, b = (high - mean) / std;
  const double density_a = exp(-a * a / 2) / sqrt(8 * atan(1)), density_b = exp(-b * b / 2) / sqrt(8 * atan(1));
  const double share = (erf(b / sqrt(2.0)) - erf(a / sqrt(2.0))) / 2, shift = (density_a - density_b) / share;
  const double wanted_deviation = std * sqrt(1 + (a * density_a - b * density_b) / share - shift * shift);
  const int64_t shape[] = {50000};
  moments m = moments_of(start(NADIR_F64, shape, 1, "init=trunc_normal mean=1 std=2 low=0 high=4"));
  (void)state;
  assert_near(m.mean, mean + std * shift, 0.03);
  assert_relative(m.deviation, wanted_deviation, 0.02, 0);
  assert_true(m.least >= 0 && m.greatest <= 4);
  assert_true(m.least < 0.01 && m.greatest > 3.99);
  m = moments_of(start(NADIR_F32, shape, 1, "init=trunc_normal"));
  assert_true(m.least >= -2 && m.greatest <= 2);
  assert_relative(m.deviation, 0.8796, 0.02, 0); /* of a standard normal distribution between -2 and 2 */
}

static void fans_and_gains(void **state) {
  static const int64_t linear[] = {200, 100}, kernel[] = {40, 20, 5, 3};
  static const struct {
    const char *init;
    double gain; /* sqrt of this over the fan, or the mean of the fans */
    int fan;     /* 0: in, 1: out, 2: their mean */
  } cases[] = {
      {"xavier_uniform", 1, 2},
      {"xavier_normal gain=2", 4, 2},
      {"kaiming_uniform", 2, 0},
      {"kaiming_uniform a=2", 0.4, 0},
      {"kaiming_uniform nonlinearity=relu fan_mode=fan_out", 2, 1},
      {"kaiming_normal nonlinearity=tanh", 25.0 / 9, 0},
      {"kaiming_normal nonlinearity=sigmoid", 1, 0},
      {"kaiming_normal nonlinearity=linear fan_mode=fan_out", 1, 1},
      {"kaiming_normal nonlinearity=selu", 9.0 / 16, 0},
  };
  size_t k;
  int which;
  (void)state;
  for (k = 0; k < COUNT_OF(cases); ++k) {
    for (which = 0; which < 2; ++which) {
      const double in = which == 0 ? 100 : 20 * 15, out = which == 0 ? 200 : 40 * 15;
      const double fans[] = {in, out, (in + out) / 2};
      const double deviation = sqrt(cases[k].gain / fans[cases[k].fan]);
      char options[128] = "init=";
      moments m;
      strcat(options, cases[k].init);
      m = moments_of(start(NADIR_F32, which == 0 ? linear : kernel, which == 0 ? 2 : 4, options));
      assert_near(m.mean / deviation, 0, 0.05);
      assert_relative(m.deviation, deviation, 0.03, 0);
      if (strstr(options, "uniform")) {
        assert_true(m.greatest <= sqrt(3) * deviation * 1.000001 && m.least >= -sqrt(3) * deviation * 1.000001);
        assert_true(m.greatest > sqrt(3) * deviation * 0.995);
      }
    }
  }
}

static void orthogonal_matrices(void **state) {
  static const int64_t shapes[][4] = {{20, 30, 1, 1}, {30, 20, 1, 1}, {7, 7, 1, 1}, {1, 5, 1, 1}, {12, 4, 3, 2}};
  static const int32_t ranks[] = {2, 2, 2, 2, 4};
  size_t k;
  (void)state;
  for (k = 0; k < COUNT_OF(shapes); ++k) {
    const size_t rows = (size_t)shapes[k][0], count = start(NADIR_F64, shapes[k], ranks[k], "init=orthogonal gain=1.5");
    const size_t columns = count / rows, vectors = rows < columns ? rows : columns;
    size_t a, b, e;
    for (a = 0; a < vectors; ++a) {
      for (b = 0; b <= a; ++b) {
        double dot = 0;
        for (e = 0; e < (rows < columns ? columns : rows); ++e) {
          dot += rows < columns ? values[a * columns + e] * values[b * columns + e]
                                : values[e * columns + a] * values[e * columns + b];
        }
        assert_near(dot, a == b ? 2.25 : 0, 1e-13);
      }
    }
  }
}

static void nobody_changes_another(void **state) {
  const int64_t shape[] = {4, 3};
  const char *const options = "init=orthogonal";
  double alone[12], among[12], otherwise[12], seeded[12];
  nadir_graph *graph = nadir_graph_new(NULL);
  (void)state;
  start(NADIR_F64, shape, 2, options);
  memcpy(alone, values, sizeof alone);
  nadir_param_add(graph, "before", NADIR_F64, shape, 2, "init=normal");
  assert_ok(get_param(graph, nadir_param_add(graph, "w", NADIR_F64, shape, 2, options), NADIR_F64, among, 12));
  assert_ok(get_param(graph, nadir_param_add(graph, "v", NADIR_F64, shape, 2, options), NADIR_F64, otherwise, 12));
  nadir_graph_free(graph);
  graph = nadir_graph_new(NULL);
  assert_ok(nadir_graph_set_seed(graph, 1));
  assert_ok(get_param(graph, nadir_param_add(graph, "w", NADIR_F64, shape, 2, options), NADIR_F64, seeded, 12));
  nadir_graph_free(graph);
  assert_memory_equal(alone, among, sizeof alone);
  assert_memory_not_equal(alone, otherwise, sizeof alone);
  assert_memory_not_equal(alone, seeded, sizeof alone);
}

static void parameters_are_started_anew(void **state) {
  const int64_t shape[] = {NADIR_BATCH, 3};
  nadir_graph *const graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", NADIR_F64, shape, 2);
  const nadir_node y = nadir_linear_add(graph, "b", nadir_linear_add(graph, "a", x, 3, NULL), 2, NULL);
  const nadir_node loss = nadir_sum(graph, nadir_square(graph, y), NULL, 0, NULL);
  nadir_session *const session = nadir_session_new(graph, loss, NULL, 0, 1, NULL);
  const double xs[] = {1, 2, 3};
  double before[8], after[8], kept[9];
  size_t i;
  (void)state;
  assert_graph_ok(graph);
  assert_ok(write_values(session, x, NADIR_F64, xs, 3));
  assert_ok(nadir_forward(session));
  assert_ok(get_param(graph, nadir_graph_find(graph, "a.weight"), NADIR_F64, kept, 9));
  /* A fan of a bias is refused, and then the weights before it are not changed either. */
  assert_status(nadir_param_init(graph, "a.*", "init=xavier_normal"), NADIR_E_SHAPE);
  assert_says(nadir_graph_error(graph), "param_init", "rank 2 or more", "[3]");
  assert_ok(get_param(graph, nadir_graph_find(graph, "a.weight"), NADIR_F64, values, 9));
  assert_memory_equal(kept, values, sizeof kept);
  assert_ok(nadir_backward(session));

  assert_ok(get_param(graph, nadir_graph_find(graph, "b.weight"), NADIR_F64, before, 6));
  assert_ok(nadir_param_init(graph, "*.bias", "init=constant value=0.5"));
  assert_status(nadir_backward(session), NADIR_E_STATE);
  assert_ok(get_param(graph, nadir_graph_find(graph, "a.bias"), NADIR_F64, after, 3));
  for (i = 0; i < 3; ++i) assert_exact(after[i], 0.5);
  assert_ok(get_param(graph, nadir_graph_find(graph, "b.bias"), NADIR_F64, after, 2));
  for (i = 0; i < 2; ++i) assert_exact(after[i], 0.5);
  assert_ok(get_param(graph, nadir_graph_find(graph, "b.weight"), NADIR_F64, after, 6));
  assert_memory_equal(before, after, 6 * sizeof(double));

  assert_status(nadir_param_init(graph, "c.*", NULL), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(graph), "param_init", "\"c.*\"", "matches no parameter");
  assert_status(nadir_param_init(graph, NULL, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_param_init(NULL, "*", NULL), NADIR_E_ARGUMENT);
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void bad_options_are_refused(void **state) {
  static const struct {
    const char *options, *says;
    nadir_status status;
  } cases[] = {
      {"init=xavier", "xavier", NADIR_E_ARGUMENT},
      {"init=normal std=-1", "std is -1", NADIR_E_ARGUMENT},
      {"init=normal mean=inf", "mean is inf", NADIR_E_ARGUMENT},
      {"init=normal low=1", "low", NADIR_E_ARGUMENT},
      {"init=trunc_normal low=3 high=2", "low < high", NADIR_E_ARGUMENT},
      {"init=trunc_normal low=50 high=60", "next to nothing", NADIR_E_ARGUMENT},
      {"init=kaiming_normal nonlinearity=some", "nonlinearity", NADIR_E_ARGUMENT},
      {"init=kaiming_normal nonlinearity=relu a=1", "a", NADIR_E_ARGUMENT},
      {"init=kaiming_normal fan_mode=in", "fan_mode", NADIR_E_ARGUMENT},
      {"init=xavier_uniform gain=-1", "gain is -1", NADIR_E_ARGUMENT},
  };
  const int64_t shape[] = {2, 3};
  size_t k;
  (void)state;
  for (k = 0; k < COUNT_OF(cases); ++k) {
    nadir_graph *const graph = nadir_graph_new(NULL);
    assert_int_equal(nadir_param_add(graph, "w", NADIR_F32, shape, 2, cases[k].options), NADIR_NONE);
    assert_status(nadir_graph_status(graph), cases[k].status);
    assert_says(nadir_graph_error(graph), "param_add \"w\"", cases[k].says);
    nadir_graph_free(graph);
  }
  for (k = 0; k < 3; ++k) {
    static const char *const inits[] = {"init=orthogonal", "init=xavier_normal", "init=kaiming_uniform"};
    nadir_graph *const graph = nadir_graph_new(NULL);
    assert_int_equal(nadir_param_add(graph, "w", NADIR_F32, shape, 1, inits[k]), NADIR_NONE);
    assert_status(nadir_graph_status(graph), NADIR_E_SHAPE);
    assert_says(nadir_graph_error(graph), "rank 2 or more", "[2]");
    nadir_graph_free(graph);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normal_numbers),          cmocka_unit_test(truncated_numbers),
      cmocka_unit_test(fans_and_gains),          cmocka_unit_test(orthogonal_matrices),
      cmocka_unit_test(nobody_changes_another),  cmocka_unit_test(parameters_are_started_anew),
      cmocka_unit_test(bad_options_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
