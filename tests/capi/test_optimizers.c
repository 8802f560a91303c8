/*
 * The rules: a hundred steps of each, with and without its options, against the published formula, computed here in
 * double precision an element at a time; groups of parameters; and what no step may touch.
 */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 100

/* ------------------------------------------------------------------------------------------------ the formulas */

typedef struct settings {
  double lr, maximize, weight_decay, momentum, dampening, nesterov, lr_decay, initial_accumulator_value, eps, alpha,
      centered, beta1, beta2, amsgrad, momentum_decay;
} settings;

/* An element of a parameter, and its state. What a rule keeps is named as in its formula. */
typedef struct element {
  double w, b, s, v, a, m, u, v_max;
} element;

static void sgd(const settings *o, element *e, double g, int t) {
  g += o->weight_decay * e->w;
  if (o->momentum != 0) {
    e->b = t == 1 ? g : o->momentum * e->b + (1 - o->dampening) * g;
    g = o->nesterov != 0 ? g + o->momentum * e->b : e->b;
  }
  e->w -= o->lr * g;
}

static void adagrad(const settings *o, element *e, double g, int t) {
  if (t == 1) e->s = o->initial_accumulator_value;
  g += o->weight_decay * e->w;
  e->s += g * g;
  e->w -= o->lr / (1 + (t - 1) * o->lr_decay) * g / (sqrt(e->s) + o->eps);
}

static void rmsprop(const settings *o, element *e, double g, int t) {
  (void)t;
  g += o->weight_decay * e->w;
  e->v = o->alpha * e->v + (1 - o->alpha) * g * g;
  e->a = o->alpha * e->a + (1 - o->alpha) * g;
  g /= sqrt(o->centered != 0 ? e->v - e->a * e->a : e->v) + o->eps;
  e->b = o->momentum * e->b + g;
  e->w -= o->lr * e->b; /* without momentum b is g */
}

static void moments(const settings *o, element *e, double g) {
  e->m = o->beta1 * e->m + (1 - o->beta1) * g;
  e->v = o->beta2 * e->v + (1 - o->beta2) * g * g;
}

/* The step of Kingma and Ba's algorithm 1, as it stands there: with both moments corrected. */
static void adam_step(const settings *o, element *e, double g, int t) {
  double v_corrected;
  moments(o, e, g);
  if (e->v > e->v_max) e->v_max = e->v;
  v_corrected = (o->amsgrad != 0 ? e->v_max : e->v) / (1 - pow(o->beta2, t));
  e->w -= o->lr * (e->m / (1 - pow(o->beta1, t))) / (sqrt(v_corrected) + o->eps);
}

static void adam(const settings *o, element *e, double g, int t) { adam_step(o, e, g + o->weight_decay * e->w, t); }

static void adamw(const settings *o, element *e, double g, int t) {
  e->w *= 1 - o->lr * o->weight_decay;
  adam_step(o, e, g, t);
}

static void adamax(const settings *o, element *e, double g, int t) {
  g += o->weight_decay * e->w;
  e->m = o->beta1 * e->m + (1 - o->beta1) * g;
  e->u = fmax(o->beta2 * e->u, fabs(g) + o->eps);
  e->w -= o->lr / (1 - pow(o->beta1, t)) * e->m / e->u;
}

static double nadam_mu(const settings *o, int t) { return o->beta1 * (1 - 0.5 * pow(0.96, t * o->momentum_decay)); }

static void nadam(const settings *o, element *e, double g, int t) {
  const double mu = nadam_mu(o, t), mu_next = nadam_mu(o, t + 1);
  double product = 1, m_corrected;
  int i;
  for (i = 1; i <= t; ++i) product *= nadam_mu(o, i);
  g += o->weight_decay * e->w;
  moments(o, e, g);
  m_corrected = mu_next * e->m / (1 - product * mu_next) + (1 - mu) * g / (1 - product);
  e->w -= o->lr * m_corrected / (sqrt(e->v / (1 - pow(o->beta2, t))) + o->eps);
}

/* Algorithm 2 of Liu et al., with eps where PyTorch has it. */
static void radam(const settings *o, element *e, double g, int t) {
  const double longest = 2 / (1 - o->beta2) - 1;
  const double correction = 1 - pow(o->beta2, t);
  const double length = longest - 2 * t * pow(o->beta2, t) / correction;
  double m_corrected, rectified = 1;
  moments(o, e, g + o->weight_decay * e->w);
  m_corrected = e->m / (1 - pow(o->beta1, t));
  if (length > 5) {
    rectified = sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) *
                sqrt(correction) / (sqrt(e->v) + o->eps);
  }
  e->w -= o->lr * m_corrected * rectified;
}

static void lion(const settings *o, element *e, double g, int t) {
  const double direction = o->beta1 * e->m + (1 - o->beta1) * g;
  (void)t;
  e->w -= o->lr * o->weight_decay * e->w + o->lr * ((direction > 0) - (direction < 0));
  e->m = o->beta2 * e->m + (1 - o->beta2) * g;
}

typedef struct formula {
  const char *name;
  void (*step)(const settings *o, element *e, double g, int t);
  const char *defaults; /* PyTorch's; Lion's are its paper's */
} formula;

static const formula formulas[] = {
    {"sgd", sgd, ""},
    {"adagrad", adagrad, "eps=1e-10"},
    {"rmsprop", rmsprop, "alpha=0.99 eps=1e-8"},
    {"adam", adam, "beta1=0.9 beta2=0.999 eps=1e-8"},
    {"adamw", adamw, "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0.01"},
    {"adamax", adamax, "beta1=0.9 beta2=0.999 eps=1e-8"},
    {"nadam", nadam, "beta1=0.9 beta2=0.999 eps=1e-8 momentum_decay=0.004"},
    {"radam", radam, "beta1=0.9 beta2=0.999 eps=1e-8"},
    {"lion", lion, "beta1=0.9 beta2=0.99"},
};

static const formula *formula_of(const char *name) {
  size_t i;
  for (i = 0; strcmp(formulas[i].name, name) != 0; ++i) assert_true(i + 1 < COUNT_OF(formulas));
  return &formulas[i];
}

static void set_option(settings *o, const char *name, double value) {
  static const struct {
    const char *name;
    size_t offset;
  } table[] = {
#define ENTRY(option) {#option, offsetof(settings, option)}
      ENTRY(lr),        ENTRY(maximize), ENTRY(weight_decay),  ENTRY(momentum),
      ENTRY(dampening), ENTRY(nesterov), ENTRY(lr_decay),      ENTRY(initial_accumulator_value),
      ENTRY(eps),       ENTRY(alpha),    ENTRY(centered),      ENTRY(beta1),
      ENTRY(beta2),     ENTRY(amsgrad),  ENTRY(momentum_decay)};
#undef ENTRY
  size_t i;
  for (i = 0; strcmp(table[i].name, name) != 0; ++i) assert_true(i + 1 < COUNT_OF(table));
  memcpy((char *)o + table[i].offset, &value, sizeof value);
}

/* Sets what `options` says. */
static void set_options(settings *o, const char *options) {
  char name[32], *end;
  int length;
  while (sscanf(options, " %31[^= ]=%n", name, &length) == 1) {
    options += length;
    set_option(o, name, strtod(options, &end));
    options = end;
  }
}

/* ------------------------------------------------------------------------------- the formulas over all parameters */

typedef struct reference {
  const formula *rule;
  settings base, of[MODEL_PARAMS]; /* the optimiser's, and each parameter's */
  int still[MODEL_PARAMS];         /* whether a parameter is not trained */
  element elements[MODEL_PARAMS][MODEL_LONGEST];
} reference;

static void reference_open(reference *r, const char *rule, double lr, const char *options) {
  size_t i;
  int p;
  memset(r, 0, sizeof *r);
  r->rule = formula_of(rule);
  r->base.lr = lr;
  set_options(&r->base, r->rule->defaults);
  set_options(&r->base, options);
  r->still[APART] = 1;
  for (p = 0; p < MODEL_PARAMS; ++p) {
    r->of[p] = r->base;
    for (i = 0; i < model_counts[p]; ++i) r->elements[p][i].w = model_start(p, i);
  }
}

/* Step number `t` from 1 on, of the slopes `scale` times those of the model at `t`. */
static void reference_step(reference *r, int t, double scale) {
  size_t i;
  int p;
  for (p = 0; p < MODEL_PARAMS; ++p) {
    if (r->still[p]) continue;
    for (i = 0; i < model_counts[p]; ++i) {
      const double g = scale * model_slope(t, p, i);
      r->rule->step(&r->of[p], &r->elements[p][i], r->of[p].maximize != 0 ? -g : g, t);
    }
  }
}

/*
 * Elements are numbers about 1, of which a hundred steps round each to half an ulp, 6e-8 in f32; one that happens to be
 * near 0 has the errors of those that it was made of.
 */
static double tolerance_of(nadir_dtype dtype) { return dtype == NADIR_F32 ? 6e-6 : 1e-13; }

static void assert_follows(const model *m, const reference *r, const char *what) {
  double values[MODEL_LONGEST];
  size_t i;
  int p;
  for (p = 0; p < MODEL_PARAMS; ++p) {
    const double tolerance = r->still[p] ? 0 : tolerance_of(m->dtypes[p]);
    model_read(m, p, values);
    for (i = 0; i < model_counts[p]; ++i) {
      const double wanted = r->elements[p][i].w;
      if (!(fabs(values[i] - wanted) <= tolerance * fmax(1, fabs(wanted)))) {
        print_error("%s: %s[%u]\n", what, model_names[p], (unsigned)i);
      }
      assert_near(values[i], wanted, tolerance);
    }
  }
}

/* The steps that tell most are the first ones; the last shows that errors do not grow. */
static int is_looked_at(int t) { return t <= 10 || t == STEPS; }

static void follow(model *m, nadir_optimizer *optimizer, reference *r, const char *what) {
  int t;
  for (t = 1; t <= STEPS; ++t) {
    model_step(m, optimizer, t);
    reference_step(r, t, 1);
    if (is_looked_at(t)) assert_follows(m, r, what);
  }
  assert_exact(setting_of(optimizer, "step"), STEPS);
  assert_int_equal(nadir_graph_step(m->graph), STEPS);
}

static nadir_optimizer *optimizer_new(const model *m, const char *rule, double lr, const char *options) {
  nadir_optimizer *optimizer = maker_of(rule)(m->session, lr, options);
  if (optimizer == NULL) print_error("%s: %s\n", rule, nadir_session_error(m->session));
  assert_non_null(optimizer);
  assert_ok(nadir_session_status(m->session));
  return optimizer;
}

static void check(const char *rule, double lr, const char *options, nadir_dtype dtype, nadir_dtype decoder) {
  static reference r;
  nadir_optimizer *optimizer;
  model m;
  char what[160];
  snprintf(what, sizeof what, "%s %s in %s", rule, options, nadir_dtype_name(dtype));
  model_define(&m, NULL, dtype, decoder, MODEL_LINEAR);
  model_compile(&m, NULL);
  optimizer = optimizer_new(&m, rule, lr, options);
  reference_open(&r, rule, lr, options);
  follow(&m, optimizer, &r, what);
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

static void check_all(const char *rule, double lr, const char *const *options) {
  for (; *options != NULL; ++options) {
    check(rule, lr, *options, NADIR_F64, NADIR_F64);
    check(rule, lr, *options, NADIR_F32, NADIR_F32);
  }
}

/* Each of the options, and the rule without any. */
#define check_rule(rule, lr, ...) check_all(rule, lr, (const char *const[]){"", "maximize=1", __VA_ARGS__, NULL})

static void sgd_is_its_formula(void **state) {
  (void)state;
  check_rule("sgd", 0.05, "weight_decay=0.1", "momentum=0.9", "momentum=0.9 dampening=0.5", "momentum=0.9 nesterov=1",
             "momentum=0.5 nesterov=1 weight_decay=0.01 maximize=1", "momentum=0.7 dampening=0.25 weight_decay=0.03");
}

static void adagrad_is_its_formula(void **state) {
  (void)state;
  check_rule("adagrad", 0.1, "lr_decay=0.05", "initial_accumulator_value=0.5", "eps=0.1",
             "weight_decay=0.1 lr_decay=0.01 initial_accumulator_value=2 eps=1e-3 maximize=1");
}

static void rmsprop_is_its_formula(void **state) {
  (void)state;
  check_rule("rmsprop", 0.01, "alpha=0.9", "eps=0.01", "centered=1", "momentum=0.9", "weight_decay=0.1",
             "alpha=0.8 centered=1 momentum=0.5 weight_decay=0.02 eps=1e-4 maximize=1");
}

static void adam_is_its_formula(void **state) {
  (void)state;
  check_rule("adam", 0.01, "amsgrad=1", "weight_decay=0.1", "beta1=0.5", "beta2=0.9", "beta1=0 beta2=0.5", "eps=0.1",
             "beta1=0.8 beta2=0.9 eps=1e-3 weight_decay=0.05 amsgrad=1 maximize=1");
}

static void adamw_is_its_formula(void **state) {
  (void)state;
  check_rule("adamw", 0.01, "weight_decay=0", "weight_decay=0.5", "amsgrad=1", "beta1=0.5 beta2=0.9 eps=1e-3",
             "weight_decay=0.2 beta1=0.8 beta2=0.95 amsgrad=1 maximize=1");
}

static void adamax_is_its_formula(void **state) {
  (void)state;
  check_rule("adamax", 0.01, "weight_decay=0.1", "beta1=0.5 beta2=0.7", "eps=0.1",
             "beta1=0.8 beta2=0.9 eps=1e-3 weight_decay=0.05 maximize=1");
}

static void nadam_is_its_formula(void **state) {
  (void)state;
  check_rule("nadam", 0.01, "weight_decay=0.1", "momentum_decay=0.5", "beta1=0.5 beta2=0.7", "eps=0.1",
             "beta1=0.8 beta2=0.9 eps=1e-3 weight_decay=0.05 momentum_decay=0.1 maximize=1");
}

/* beta2=0.7 is never rectified, since rho' is 17/3; 0.6, whose rho' is 4, would divide by 0 if it were. */
static void radam_is_its_formula(void **state) {
  (void)state;
  check_rule("radam", 0.01, "weight_decay=0.1", "beta1=0.5 beta2=0.9", "beta2=0.7", "beta2=0.6", "eps=0.1",
             "beta1=0.8 beta2=0.95 eps=1e-3 weight_decay=0.05 maximize=1");
}

static void lion_is_its_formula(void **state) {
  (void)state;
  check_rule("lion", 0.01, "weight_decay=0.5", "beta1=0.5 beta2=0.7",
             "beta1=0.95 beta2=0.98 weight_decay=0.1 maximize=1");
}

static void parameters_of_both_dtypes_follow_the_formulas(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(formulas); ++i) {
    check(formulas[i].name, 0.01, "weight_decay=0.1", NADIR_F64, NADIR_F32);
    check(formulas[i].name, 0.01, "weight_decay=0.1", NADIR_F32, NADIR_F64);
  }
}

/* The first step of Adam is lr in each direction, whatever the gradient: that is what its correction is for. Without the
   powers of t in it, all later steps are too large. */
static void adam_moves_by_the_learning_rate_along_a_constant_gradient(void **state) {
  const double slope = 1.0 / 1024;
  double w = 0;
  nadir_graph *g = nadir_graph_new(NULL);
  const nadir_node x = nadir_param_add(g, "x", NADIR_F64, NULL, 0, NULL), loss = nadir_scale(g, x, slope);
  nadir_session *session = nadir_session_new(g, loss, NULL, 0, 1, NULL);
  nadir_optimizer *adam = nadir_adam_new(session, 0.125, "eps=0");
  int t;
  (void)state;
  assert_non_null(adam);
  for (t = 1; t <= STEPS; ++t) {
    assert_ok(nadir_train_step(adam, NULL));
    w -= 0.125;
    assert_near(param_value(g, x, NADIR_F64), w, 1e-13);
  }
  nadir_optimizer_free(adam);
  nadir_session_free(session);
  nadir_graph_free(g);
}

/* ------------------------------------------------------------------------------------------------------ settings */

/* A setting that is changed between two steps counts from the next one on. */
static void settings_can_be_changed_between_steps(void **state) {
  static const struct {
    const char *rule, *first, *later;
  } cases[] = {{"sgd", "momentum=0.9", "lr=0.02 momentum=0.5 dampening=0.25 weight_decay=0.1 maximize=1"},
               {"adagrad", "", "lr=0.02 lr_decay=0.1 weight_decay=0.1 eps=0.01"},
               {"rmsprop", "momentum=0.9", "lr=0.02 alpha=0.8 momentum=0.5 weight_decay=0.1 eps=0.01"},
               {"adam", "", "lr=0.02 beta1=0.8 beta2=0.9 weight_decay=0.1 eps=0.01"},
               {"adamw", "", "lr=0.02 beta1=0.8 beta2=0.9 weight_decay=0.1 eps=0.01 maximize=1"},
               {"adamax", "", "lr=0.02 beta1=0.8 beta2=0.9 weight_decay=0.1 eps=0.01"},
               {"radam", "", "lr=0.02 beta1=0.8 beta2=0.9 weight_decay=0.1 eps=0.01"},
               {"lion", "", "lr=0.02 beta1=0.8 beta2=0.9 weight_decay=0.1"}};
  static reference r;
  size_t c;
  (void)state;
  for (c = 0; c < COUNT_OF(cases); ++c) {
    nadir_optimizer *optimizer;
    const char *rest = cases[c].later;
    char name[32], *end;
    settings later;
    model m;
    int t, length, p;
    model_open(&m, NADIR_F64, MODEL_LINEAR);
    optimizer = optimizer_new(&m, cases[c].rule, 0.01, cases[c].first);
    reference_open(&r, cases[c].rule, 0.01, cases[c].first);
    for (t = 1; t <= 5; ++t) {
      model_step(&m, optimizer, t);
      reference_step(&r, t, 1);
    }
    while (sscanf(rest, " %31[^= ]=%n", name, &length) == 1) {
      const double value = strtod(rest + length, &end);
      assert_ok(nadir_optimizer_set(optimizer, name, value));
      assert_exact(setting_of(optimizer, name), value);
      rest = end;
    }
    later = r.base;
    set_options(&later, cases[c].later);
    for (p = 0; p < MODEL_PARAMS; ++p) r.of[p] = later;
    for (; t <= 20; ++t) {
      model_step(&m, optimizer, t);
      reference_step(&r, t, 1);
    }
    assert_follows(&m, &r, cases[c].rule);
    nadir_optimizer_free(optimizer);
    model_close(&m);
  }
}

/* Every default that the formulas were given is also what the library says. */
static void settings_can_be_read(void **state) {
  size_t i;
  model m;
  (void)state;
  model_open(&m, NADIR_F32, MODEL_LINEAR);
  for (i = 0; i < COUNT_OF(formulas); ++i) {
    nadir_optimizer *optimizer = optimizer_new(&m, formulas[i].name, 0.1, NULL);
    const char *rest = formulas[i].defaults;
    char name[32], *end;
    int length;
    assert_exact(setting_of(optimizer, "lr"), 0.1); /* not rounded to f32 */
    assert_exact(setting_of(optimizer, "current_lr"), 0.1);
    assert_exact(setting_of(optimizer, "step"), 0);
    assert_exact(setting_of(optimizer, "maximize"), 0);
    while (sscanf(rest, " %31[^= ]=%n", name, &length) == 1) {
      assert_exact(setting_of(optimizer, name), strtod(rest + length, &end));
      rest = end;
    }
    nadir_optimizer_free(optimizer);
  }
  model_close(&m);
}

/* -------------------------------------------------------------------------------------------------------- groups */

typedef struct group {
  const char *pattern, *options;
  int matches[MODEL_PARAMS]; /* in the order of their numbers: encoder's weight and bias, decoder's, head, apart */
} group;

/* Applies the groups in their order, to an optimiser and to a reference; the last that matches counts alone. */
static void apply_groups(nadir_optimizer *optimizer, reference *r, const group *groups, size_t count) {
  size_t k;
  int p;
  for (k = 0; k < count; ++k) {
    assert_ok(nadir_optimizer_group(optimizer, groups[k].pattern, groups[k].options));
    for (p = 0; p < MODEL_PARAMS; ++p) {
      if (!groups[k].matches[p]) continue;
      r->of[p] = r->base;
      set_options(&r->of[p], groups[k].options != NULL ? groups[k].options : "");
    }
  }
}

static void check_groups(const char *rule, const char *options, const group *groups, size_t count) {
  static reference r;
  nadir_optimizer *optimizer;
  model m;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  optimizer = optimizer_new(&m, rule, 0.01, options);
  reference_open(&r, rule, 0.01, options);
  apply_groups(optimizer, &r, groups, count);
  follow(&m, optimizer, &r, rule);
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

static void groups_have_settings_of_their_own(void **state) {
  const group decay[] = {{"*.bias", "weight_decay=0", {0, 1, 0, 1}}, {"head", "lr=0.05", {0, 0, 0, 0, 1}}};
  const group slow[] = {{"encoder.*", "lr=0.001 weight_decay=0.2", {1, 1}}};
  const group adams[] = {{"d*r.w*t", "beta1=0.5 beta2=0.8 eps=0.1 lr=0.02", {0, 0, 1}},
                         {"?ead", "lr=0", {0, 0, 0, 0, 1}}};
  const group momenta[] = {{"*", "momentum=0.5 weight_decay=0.1", {1, 1, 1, 1, 1, 1}},
                           {"encoder.bias", "momentum=0.25", {0, 1}}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(formulas); ++i) {
    check_groups(formulas[i].name, "weight_decay=0.3", decay, COUNT_OF(decay));
    check_groups(formulas[i].name, "", slow, COUNT_OF(slow));
  }
  check_groups("adam", "amsgrad=1", adams, COUNT_OF(adams));
  check_groups("adamw", "", adams, COUNT_OF(adams));
  check_groups("adamax", "", adams, COUNT_OF(adams));
  check_groups("radam", "", adams, COUNT_OF(adams));
  check_groups("nadam", "momentum_decay=0.1", adams, COUNT_OF(adams)); /* whose products of mu are then two */
  check_groups("sgd", "momentum=0.9", momenta, COUNT_OF(momenta));
  check_groups("rmsprop", "momentum=0.9", momenta, COUNT_OF(momenta));
}

static void last_pattern_that_matches_counts(void **state) {
  const group one_way[] = {{"*.bias", "lr=0.5", {0, 1, 0, 1}}, {"encoder.*", "weight_decay=0.1", {1, 1}}};
  const group other_way[] = {{"encoder.*", "weight_decay=0.1", {1, 1}}, {"*.bias", "lr=0.5", {0, 1, 0, 1}}};
  (void)state;
  check_groups("sgd", "", one_way, COUNT_OF(one_way));
  check_groups("sgd", "", other_way, COUNT_OF(other_way));
}

static void same_pattern_again_replaces_the_settings_in_its_place(void **state) {
  static reference r;
  const group groups[] = {{"*.bias", "lr=0.5", {0, 1, 0, 1}}, {"encoder.*", "weight_decay=0.1", {1, 1}}};
  nadir_optimizer *optimizer;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  optimizer = optimizer_new(&m, "sgd", 0.01, NULL);
  reference_open(&r, "sgd", 0.01, "");
  apply_groups(optimizer, &r, groups, COUNT_OF(groups));
  assert_ok(nadir_optimizer_group(optimizer, "encoder.*", "lr=0.2"));
  r.of[ENCODER_WEIGHT] = r.of[ENCODER_BIAS] = r.base;
  r.of[ENCODER_WEIGHT].lr = r.of[ENCODER_BIAS].lr = 0.2;
  follow(&m, optimizer, &r, "replaced");
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

/* What a group was not given follows the optimiser, what it was given stays. */
static void group_follows_the_optimiser_in_what_it_was_not_given(void **state) {
  static reference r;
  const group groups[] = {{"encoder.*", "lr=0.5", {1, 1}}, {"*.bias", NULL, {0, 1, 0, 1}}};
  nadir_optimizer *optimizer;
  model m;
  int t, p;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  optimizer = optimizer_new(&m, "sgd", 0.01, "weight_decay=0.1");
  reference_open(&r, "sgd", 0.01, "weight_decay=0.1");
  apply_groups(optimizer, &r, groups, COUNT_OF(groups));
  for (t = 1; t <= 10; ++t) {
    if (t == 5) {
      assert_ok(nadir_optimizer_set(optimizer, "lr", 0.02));
      assert_ok(nadir_optimizer_set(optimizer, "weight_decay", 0.3));
      for (p = 0; p < MODEL_PARAMS; ++p) {
        if (p != ENCODER_WEIGHT) r.of[p].lr = 0.02;
        r.of[p].weight_decay = 0.3;
      }
    }
    model_step(&m, optimizer, t);
    reference_step(&r, t, 1);
    assert_follows(&m, &r, "sgd");
  }
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

/* A group may be added when there is state already, which stays. */
static void group_added_between_steps_keeps_the_state(void **state) {
  static reference r;
  const group groups[] = {{"encoder.*", "lr=0.05 weight_decay=0.1", {1, 1}}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(formulas); ++i) {
    nadir_optimizer *optimizer;
    model m;
    int t;
    model_open(&m, NADIR_F64, MODEL_LINEAR);
    optimizer = optimizer_new(&m, formulas[i].name, 0.01, NULL);
    reference_open(&r, formulas[i].name, 0.01, "");
    for (t = 1; t <= 20; ++t) {
      if (t == 10) apply_groups(optimizer, &r, groups, COUNT_OF(groups));
      model_step(&m, optimizer, t);
      reference_step(&r, t, 1);
      assert_follows(&m, &r, formulas[i].name);
    }
    nadir_optimizer_free(optimizer);
    model_close(&m);
  }
}

/* -------------------------------------------------------------------------------------------------------- frozen */

/* The maker's rule trains all but head and the encoder's bias, whose gradients are 0. */
static void check_frozen(const char *rule) {
  static reference r;
  double gradients[MODEL_LONGEST];
  nadir_optimizer *optimizer;
  size_t i;
  model m;
  model_define(&m, NULL, NADIR_F64, NADIR_F64, MODEL_LINEAR);
  assert_ok(nadir_param_set_trainable(m.graph, "*", 0));
  assert_ok(nadir_param_set_trainable(m.graph, "*coder.*", 1));
  assert_ok(nadir_param_set_trainable(m.graph, "enco?er.bias", 0));
  model_compile(&m, NULL);
  optimizer = optimizer_new(&m, rule, 0.01, "weight_decay=0.1 ema_decay=0.5");
  reference_open(&r, rule, 0.01, "weight_decay=0.1");
  r.still[ENCODER_BIAS] = r.still[HEAD] = 1;
  follow(&m, optimizer, &r, rule);
  assert_ok(get_grad(m.session, m.params[HEAD], NADIR_F64, gradients, model_counts[HEAD]));
  for (i = 0; i < model_counts[HEAD]; ++i) assert_exact(gradients[i], 0);
  assert_ok(get_grad(m.session, m.params[DECODER_BIAS], NADIR_F64, gradients, 1));
  assert_exact(gradients[0], model_slope(STEPS, DECODER_BIAS, 0));
  assert_status(nadir_optimizer_group(optimizer, "head", "lr=1"), NADIR_E_ARGUMENT); /* none of its parameters */
  assert_ok(nadir_optimizer_swap_ema(optimizer));
  model_read(&m, HEAD, gradients);
  for (i = 0; i < model_counts[HEAD]; ++i) assert_exact(gradients[i], model_start(HEAD, i));
  nadir_optimizer_free(optimizer);
  model_close(&m);
}

static void frozen_parameters_have_no_gradient_and_stay(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(formulas); ++i) check_frozen(formulas[i].name);
}

/* The sessions that there are keep what they were compiled with. */
static void freezing_counts_for_later_sessions(void **state) {
  nadir_session *later;
  double slope;
  model m;
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  assert_ok(nadir_param_set_trainable(m.graph, "decoder.bias", 0));
  later = nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL);
  assert_non_null(later);
  model_pass(&m, 1);
  assert_exact(grad_value(m.session, m.params[DECODER_BIAS], NADIR_F64), model_slope(1, DECODER_BIAS, 0));
  model_write(&m, later, 1);
  assert_ok(nadir_forward(later));
  assert_ok(nadir_backward(later));
  assert_exact(grad_value(later, m.params[DECODER_BIAS], NADIR_F64), 0);
  assert_ok(nadir_sgd_step(later, 0.5));
  assert_exact(param_value(m.graph, m.params[DECODER_BIAS], NADIR_F64), model_start(DECODER_BIAS, 0));
  slope = model_slope(1, ENCODER_WEIGHT, 0);
  {
    double values[MODEL_LONGEST];
    model_read(&m, ENCODER_WEIGHT, values);
    assert_exact(values[0], model_start(ENCODER_WEIGHT, 0) - 0.5 * slope);
  }
  nadir_session_free(later);
  model_close(&m);
}

/* A graph all of whose parameters are frozen has a loss that no session can train. */
static void session_without_trained_parameters_is_refused(void **state) {
  model m;
  (void)state;
  model_define(&m, NULL, NADIR_F64, NADIR_F64, MODEL_LINEAR);
  assert_ok(nadir_param_set_trainable(m.graph, "*", 0));
  assert_null(nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(m.graph), NADIR_E_ARGUMENT);
  assert_ok(nadir_param_set_trainable(m.graph, "apart", 1)); /* which the loss does not reach */
  assert_null(nadir_session_new(m.graph, m.loss, NULL, 0, 1, NULL));
  assert_status(nadir_graph_status(m.graph), NADIR_E_ARGUMENT);
  assert_ok(nadir_param_set_trainable(m.graph, "head", 7));
  model_compile(&m, NULL);
  model_close(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sgd_is_its_formula),
      cmocka_unit_test(adagrad_is_its_formula),
      cmocka_unit_test(rmsprop_is_its_formula),
      cmocka_unit_test(adam_is_its_formula),
      cmocka_unit_test(adamw_is_its_formula),
      cmocka_unit_test(adamax_is_its_formula),
      cmocka_unit_test(nadam_is_its_formula),
      cmocka_unit_test(radam_is_its_formula),
      cmocka_unit_test(lion_is_its_formula),
      cmocka_unit_test(parameters_of_both_dtypes_follow_the_formulas),
      cmocka_unit_test(adam_moves_by_the_learning_rate_along_a_constant_gradient),
      cmocka_unit_test(settings_can_be_changed_between_steps),
      cmocka_unit_test(settings_can_be_read),
      cmocka_unit_test(groups_have_settings_of_their_own),
      cmocka_unit_test(last_pattern_that_matches_counts),
      cmocka_unit_test(same_pattern_again_replaces_the_settings_in_its_place),
      cmocka_unit_test(group_follows_the_optimiser_in_what_it_was_not_given),
      cmocka_unit_test(group_added_between_steps_keeps_the_state),
      cmocka_unit_test(frozen_parameters_have_no_gradient_and_stay),
      cmocka_unit_test(freezing_counts_for_later_sessions),
      cmocka_unit_test(session_without_trained_parameters_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
