/*
 * Exponentials, logarithms, angles and the activations made of them: values, first and second derivatives in closed form, in
 * both float types. How exact the values are to the last place is tested inside; here it matters that each gradient is that of
 * its function.
 */
#include "support.h"

#include <math.h>

#define POINTS 6

typedef nadir_node (*build)(nadir_graph *graph, nadir_node x);
typedef double (*function)(double x);

static nadir_node elu(nadir_graph *graph, nadir_node x) { return nadir_elu(graph, x, "alpha=0.75"); }
static nadir_node softplus(nadir_graph *graph, nadir_node x) { return nadir_softplus(graph, x, "beta=2 threshold=5"); }
static nadir_node softplus_beyond(nadir_graph *graph, nadir_node x) { return nadir_softplus(graph, x, "threshold=-9"); }

static const double scale = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717;

static double one(double x) { return 1 + 0 * x; }
static double zero(double x) { return 0 * x; }
static double same(double x) { return x; }
static double neg_sin(double x) { return -sin(x); }
static double neg_cos(double x) { return -cos(x); }
static double log_1(double x) { return 1 / x; }
static double log_2(double x) { return -1 / (x * x); }
static double log1p_1(double x) { return 1 / (1 + x); }
static double log1p_2(double x) { return -1 / ((1 + x) * (1 + x)); }
static double log2_1(double x) { return 1 / (x * log(2)); }
static double log2_2(double x) { return -1 / (x * x * log(2)); }
static double log2_0(double x) { return log(x) / log(2); }
static double tan_1(double x) { return 1 / (cos(x) * cos(x)); }
static double tan_2(double x) { return 2 * tan(x) * tan_1(x); }
static double asin_1(double x) { return 1 / sqrt(1 - x * x); }
static double asin_2(double x) { return x / pow(1 - x * x, 1.5); }
static double acos_1(double x) { return -asin_1(x); }
static double acos_2(double x) { return -asin_2(x); }
static double atan_1(double x) { return 1 / (1 + x * x); }
static double atan_2(double x) { return -2 * x / ((1 + x * x) * (1 + x * x)); }
static double tanh_1(double x) { return 1 - tanh(x) * tanh(x); }
static double tanh_2(double x) { return -2 * tanh(x) * tanh_1(x); }
static double rsqrt_0(double x) { return 1 / sqrt(x); }
static double rsqrt_1(double x) { return -0.5 * pow(x, -1.5); }
static double rsqrt_2(double x) { return 0.75 * pow(x, -2.5); }
static double expm1_0(double x) { return exp(x) - 1; }
static double log1p_0(double x) { return log(1 + x); }
static double s(double x) { return 1 / (1 + exp(-x)); }
static double s_1(double x) { return s(x) * (1 - s(x)); }
static double s_2(double x) { return s_1(x) * (1 - 2 * s(x)); }
static double log_s(double x) { return -log(1 + exp(-x)); }
static double log_s_1(double x) { return s(-x); }
static double log_s_2(double x) { return -s_1(x); }
static double silu_0(double x) { return x * s(x); }
static double silu_1(double x) { return s(x) + x * s_1(x); }
static double silu_2(double x) { return 2 * s_1(x) + x * s_2(x); }
/* mish = x t(x) with t = tanh(log(1 + e^x)), t' = (1 - t²) s, t'' = (1 - t²) (s' - 2 t s²) */
static double t(double x) { return tanh(log(1 + exp(x))); }
static double t_1(double x) { return (1 - t(x) * t(x)) * s(x); }
static double t_2(double x) { return (1 - t(x) * t(x)) * (s_1(x) - 2 * t(x) * s(x) * s(x)); }
static double mish_0(double x) { return x * t(x); }
static double mish_1(double x) { return t(x) + x * t_1(x); }
static double mish_2(double x) { return 2 * t_1(x) + x * t_2(x); }
static double elu_0(double x) { return x > 0 ? x : 0.75 * (exp(x) - 1); }
static double elu_1(double x) { return x > 0 ? 1 : 0.75 * exp(x); }
static double elu_2(double x) { return x > 0 ? 0 : 0.75 * exp(x); }
static double selu_0(double x) { return x > 0 ? scale * x : scale * alpha * (exp(x) - 1); }
static double selu_1(double x) { return x > 0 ? scale : scale * alpha * exp(x); }
static double selu_2(double x) { return x > 0 ? 0 : scale * alpha * exp(x); }
static double softplus_0(double x) { return 2 * x > 5 ? x : log(1 + exp(2 * x)) / 2; }
static double softplus_1(double x) { return 2 * x > 5 ? 1 : s(2 * x); }
static double softplus_2(double x) { return 2 * x > 5 ? 0 : 2 * s_1(2 * x); }

typedef struct derivative_case {
  const char *name;
  build build;
  function y, first, second;
  double low, high; /* of the points */
} derivative_case;

static const derivative_case cases[] = {
    {"exp", nadir_exp, exp, exp, exp, -3, 3},
    {"expm1", nadir_expm1, expm1_0, exp, exp, -3, 3},
    {"log", nadir_log, log, log_1, log_2, 0.125, 4},
    {"log1p", nadir_log1p, log1p_0, log1p_1, log1p_2, -0.75, 4},
    {"log2", nadir_log2, log2_0, log2_1, log2_2, 0.125, 4},
    {"rsqrt", nadir_rsqrt, rsqrt_0, rsqrt_1, rsqrt_2, 0.125, 4},
    {"sin", nadir_sin, sin, cos, neg_sin, -3, 3},
    {"cos", nadir_cos, cos, neg_sin, neg_cos, -3, 3},
    {"tan", nadir_tan, tan, tan_1, tan_2, -1.25, 1.25},
    {"asin", nadir_asin, asin, asin_1, asin_2, -0.75, 0.75},
    {"acos", nadir_acos, acos, acos_1, acos_2, -0.75, 0.75},
    {"atan", nadir_atan, atan, atan_1, atan_2, -3, 3},
    {"sinh", nadir_sinh, sinh, cosh, sinh, -3, 3},
    {"cosh", nadir_cosh, cosh, sinh, cosh, -3, 3},
    {"tanh", nadir_tanh, tanh, tanh_1, tanh_2, -2, 2},
    {"sigmoid", nadir_sigmoid, s, s_1, s_2, -4, 4},
    {"log_sigmoid", nadir_log_sigmoid, log_s, log_s_1, log_s_2, -4, 4},
    {"silu", nadir_silu, silu_0, silu_1, silu_2, -4, 4},
    {"mish", nadir_mish, mish_0, mish_1, mish_2, -4, 4},
    {"elu", elu, elu_0, elu_1, elu_2, -3, 3},
    {"selu", nadir_selu, selu_0, selu_1, selu_2, -3, 3},
    {"softplus", softplus, softplus_0, softplus_1, softplus_2, -2, 4},
    {"softplus beyond its threshold", softplus_beyond, same, one, zero, -3, 3},
};

static void check(const derivative_case *c, nadir_dtype dtype) {
  const int64_t shape[] = {NADIR_BATCH};
  /* Some ten roundings, and second derivatives that cancel by as much again. */
  const double tolerance = dtype == NADIR_F32 ? 2e-5 : 4e-14;
  const function functions[3] = {c->y, c->first, c->second};
  double x_values[POINTS], got[POINTS];
  size_t i, j;
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_input_add(graph, "x", dtype, shape, 1);
  nadir_node outputs[3];
  nadir_session *session;
  outputs[0] = c->build(graph, x);
  assert_ok(nadir_gradients(graph, nadir_sum(graph, outputs[0], NULL, 0, NULL), NADIR_NONE, &x, 1, &outputs[1]));
  assert_ok(nadir_gradients(graph, nadir_sum(graph, outputs[1], NULL, 0, NULL), NADIR_NONE, &x, 1, &outputs[2]));
  session = nadir_session_new(graph, NADIR_NONE, outputs, 3, POINTS, NULL);
  assert_graph_ok(graph);
  /* Exact in either type. */
  for (i = 0; i < POINTS; ++i)
    x_values[i] = c->low + (c->high - c->low) * (floor(64.0 * (double)i / (POINTS - 1)) / 64);
  assert_ok(write_values(session, x, dtype, x_values, POINTS));
  assert_ok(nadir_forward(session));
  for (j = 0; j < 3; ++j) {
    assert_ok(read_values(session, outputs[j], dtype, got, POINTS));
    for (i = 0; i < POINTS; ++i) {
      const double wanted = functions[j](x_values[i]);
      if (!(fabs(got[i] - wanted) <= tolerance * fmax(1, fabs(wanted)))) {
        fail_msg("%s, derivative %d at %g: %.17g, not %.17g", c->name, (int)j, x_values[i], got[i], wanted);
      }
    }
  }
  nadir_session_free(session);
  nadir_graph_free(graph);
}

static void values_and_derivatives_follow_the_closed_form(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    check(&cases[i], NADIR_F32);
    check(&cases[i], NADIR_F64);
  }
}

/* What would overflow if written as it stands: at ±1e4 the gradient of softplus is 1 or 0, and nothing is NaN. */
static void activations_do_not_overflow(void **state) {
  static const build builds[] = {nadir_sigmoid, nadir_log_sigmoid, nadir_silu, nadir_mish, nadir_selu};
  const int64_t shape[] = {NADIR_BATCH};
  const float far[] = {-1e4f, 1e4f};
  float got[2];
  size_t i, j;
  (void)state;
  for (i = 0; i < COUNT_OF(builds); ++i) {
    nadir_graph *graph = nadir_graph_new(NULL);
    const nadir_node x = nadir_input_add(graph, "x", NADIR_F32, shape, 1);
    nadir_node outputs[2];
    nadir_session *session;
    outputs[0] = builds[i](graph, x);
    assert_ok(nadir_gradients(graph, nadir_sum(graph, outputs[0], NULL, 0, NULL), NADIR_NONE, &x, 1, &outputs[1]));
    session = nadir_session_new(graph, NADIR_NONE, outputs, 2, 2, NULL);
    assert_ok(nadir_session_write(session, x, far, sizeof far));
    assert_ok(nadir_forward(session));
    for (j = 0; j < 2; ++j) {
      assert_ok(nadir_session_read(session, outputs[j], got, sizeof got));
      assert_true(isfinite(got[0]) && isfinite(got[1]));
    }
    nadir_session_free(session);
    nadir_graph_free(graph);
  }
}

static void unknown_options_are_refused(void **state) {
  nadir_graph *graph = nadir_graph_new(NULL);
  const nadir_node x = nadir_param_add(graph, "x", NADIR_F32, NULL, 0, NULL);
  (void)state;
  assert_int_equal(nadir_elu(graph, x, "alfa=1"), NADIR_NONE);
  assert_says(nadir_graph_error(graph), "elu", "alfa", "alpha");
  assert_ok(nadir_graph_clear_error(graph));
  assert_int_equal(nadir_softplus(graph, x, "beta=two"), NADIR_NONE);
  assert_says(nadir_graph_error(graph), "softplus", "beta", "two");
  nadir_graph_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_and_derivatives_follow_the_closed_form),
      cmocka_unit_test(activations_do_not_overflow),
      cmocka_unit_test(unknown_options_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
