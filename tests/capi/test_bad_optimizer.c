/*
 * What optimisers, their groups, schedules, hooks and states refuse: the status, what the message says, and that all is as
 * it was.
 */
#include "model.h"

#include <math.h>
#include <string.h>

static model m;
static nadir_optimizer *adam;

static int setup(void **state) {
  (void)state;
  model_open(&m, NADIR_F64, MODEL_LINEAR);
  adam = nadir_adam_new(m.session, 0.125, NULL);
  assert_non_null(adam);
  model_step(&m, adam, 1);
  return 0;
}

/* After all that was refused, it goes on as if nothing had been asked. */
static int teardown(void **state) {
  model plain;
  nadir_optimizer *undisturbed;
  (void)state;
  model_open(&plain, NADIR_F64, MODEL_LINEAR);
  undisturbed = nadir_adam_new(plain.session, 0.125, NULL);
  model_step(&plain, undisturbed, 1);
  model_step(&plain, undisturbed, 2);
  model_step(&m, adam, 2);
  assert_models_equal(&m, &plain);
  nadir_optimizer_free(undisturbed);
  nadir_optimizer_free(adam);
  model_close(&plain);
  model_close(&m);
  return 0;
}

#define assert_not_made(optimizer, status, ...)               \
  do {                                                        \
    assert_null(optimizer);                                   \
    assert_status(nadir_session_status(m.session), status);   \
    assert_says(nadir_session_error(m.session), __VA_ARGS__); \
  } while (0)

#define assert_not_done(got, wanted, ...)                     \
  do {                                                        \
    assert_status(got, wanted);                               \
    assert_status(nadir_session_status(m.session), wanted);   \
    assert_says(nadir_session_error(m.session), __VA_ARGS__); \
  } while (0)

/* ----------------------------------------------------------------------------------------------------- the makers */

static void learning_rates_out_of_range_are_refused(void **state) {
  const double bad[] = {-1, -1e-300, NAN, INFINITY, -INFINITY};
  size_t i, r;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) {
    for (i = 0; i < COUNT_OF(bad); ++i) {
      assert_not_made(optimizer_rules[r].make(m.session, bad[i], NULL), NADIR_E_ARGUMENT, optimizer_rules[r].name,
                      "learning rate");
    }
  }
}

/* A rate that is no finite f32 would make every such parameter infinite. */
static void learning_rate_too_large_for_f32_is_refused(void **state) {
  model single;
  size_t r;
  (void)state;
  model_open(&single, NADIR_F32, MODEL_LINEAR);
  for (r = 0; r + 1 < OPTIMIZER_RULES; ++r) {
    assert_null(optimizer_rules[r].make(single.session, 1e39, NULL));
    assert_status(nadir_session_status(single.session), NADIR_E_ARGUMENT);
  }
  model_close(&single);
}

static void learning_rate_0_is_allowed(void **state) {
  size_t r;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) {
    nadir_optimizer *optimizer = optimizer_rules[r].make(m.session, 0, NULL);
    assert_non_null(optimizer);
    nadir_optimizer_free(optimizer);
  }
}

typedef struct bad_option {
  const char *rule, *options, *says, *says_too;
} bad_option;

static const bad_option bad_options[] = {
    {"sgd", "momentum=-0.1", "momentum", "-0.1"},
    {"sgd", "momentum=nan", "momentum", "nan"},
    {"sgd", "weight_decay=-1", "weight_decay", "-1"},
    {"sgd", "weight_decay=inf", "weight_decay", "inf"},
    {"sgd", "nesterov=1", "nesterov", "momentum"},
    {"sgd", "nesterov=1 momentum=0.9 dampening=0.1", "nesterov", "dampening"},
    {"sgd", "nesterov=2 momentum=0.9", "nesterov", "2"},
    {"sgd", "maximize=yes", "maximize", "yes"},
    {"sgd", "momentun=0.9", "momentun", "momentum"},
    {"sgd", "beta1=0.9", "beta1", NULL},
    {"sgd", "momentum", "momentum", "="},
    {"sgd", "momentum=0.9 momentum=0.9", "momentum", "twice"},
    {"sgd", "lr=0.1", "lr", NULL},
    {"sgd", "ema_decay=1.5", "ema_decay", "1.5"},
    {"sgd", "ema_decay=-0.5", "ema_decay", "-0.5"},
    {"sgd", "clip_norm=-1", "clip_norm", "-1"},
    {"sgd", "clip_norm=nan", "clip_norm", "nan"},
    {"sgd", "clip_value=-1", "clip_value", "-1"},
    {"adagrad", "lr_decay=-1", "lr_decay", "-1"},
    {"adagrad", "initial_accumulator_value=-1", "initial_accumulator_value", "-1"},
    {"adagrad", "eps=-1e-8", "eps", "-1e-08"},
    {"adagrad", "lr_dekay=1", "lr_dekay", "lr_decay"},
    {"rmsprop", "alpha=-0.1", "alpha", "-0.1"},
    {"rmsprop", "eps=-1", "eps", "-1"},
    {"rmsprop", "momentum=-1", "momentum", "-1"},
    {"rmsprop", "weight_decay=-1", "weight_decay", "-1"},
    {"rmsprop", "centred=1", "centred", "centered"},
    {"adam", "beta1=1", "beta1", "1"},
    {"adam", "beta1=-0.1", "beta1", "-0.1"},
    {"adam", "beta2=1", "beta2", "1"},
    {"adam", "beta2=1.5", "beta2", "1.5"},
    {"adam", "beta2=nan", "beta2", "nan"},
    {"adam", "eps=-1", "eps", "-1"},
    {"adam", "weight_decay=-1", "weight_decay", "-1"},
    {"adam", "amsgrad=3", "amsgrad", "3"},
    {"adam", "beta_1=0.9", "beta_1", "beta1"},
    {"adam", "betas=0.9", "betas", "beta"},
    {"adam", "momentum_decay=1", "momentum_decay", NULL},
    {"adamw", "beta1=1", "beta1", "1"},
    {"adamw", "weight_decay=-1", "weight_decay", "-1"},
    {"adamax", "beta2=1", "beta2", "1"},
    {"adamax", "amsgrad=1", "amsgrad", NULL},
    {"nadam", "momentum_decay=-1", "momentum_decay", "-1"},
    {"nadam", "beta1=1", "beta1", "1"},
    {"radam", "beta2=1", "beta2", "1"},
    {"radam", "eps=-1", "eps", "-1"},
    {"lion", "beta1=1", "beta1", "1"},
    {"lion", "beta2=-0.5", "beta2", "-0.5"},
    {"lion", "weight_decay=-1", "weight_decay", "-1"},
    {"lion", "eps=1", "eps", NULL},
    {"lbfgs", "max_iter=0", "max_iter", "0"},
    {"lbfgs", "max_iter=1.5", "max_iter", "1.5"},
    {"lbfgs", "max_eval=0", "max_eval", "0"},
    {"lbfgs", "history_size=0", "history_size", "0"},
    {"lbfgs", "tolerance_grad=-1", "tolerance_grad", "-1"},
    {"lbfgs", "tolerance_change=-1", "tolerance_change", "-1"},
    {"lbfgs", "line_search=wolfe", "wolfe", "strong_wolfe"},
    {"lbfgs", "tolerance_gradient=1", "tolerance_gradient", "tolerance_grad"},
};

static void options_out_of_range_or_unknown_are_refused(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(bad_options); ++i) {
    const bad_option *b = &bad_options[i];
    nadir_optimizer *optimizer = maker_of(b->rule)(m.session, 1, b->options);
    if (optimizer != NULL) print_error("%s %s was made\n", b->rule, b->options);
    assert_not_made(optimizer, NADIR_E_ARGUMENT, b->rule, b->says, b->says_too != NULL ? b->says_too : b->says);
  }
}

static void sessions_without_loss_are_refused(void **state) {
  nadir_session *predicts = nadir_session_new(m.graph, NADIR_NONE, &m.loss, 1, 1, NULL);
  double norm;
  size_t r;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) {
    assert_null(optimizer_rules[r].make(predicts, 0.1, NULL));
    assert_status(nadir_session_status(predicts), NADIR_E_STATE);
    assert_says(nadir_session_error(predicts), optimizer_rules[r].name, "loss");
  }
  assert_null(nadir_lm_new(predicts, m.loss, NULL));
  assert_status(nadir_session_status(predicts), NADIR_E_STATE);
  assert_status(nadir_clip_grad_norm(predicts, 1, &norm), NADIR_E_STATE);
  assert_says(nadir_session_error(predicts), "clip_grad_norm", "loss");
  assert_status(nadir_clip_grad_value(predicts, 1), NADIR_E_STATE);
  assert_says(nadir_session_error(predicts), "clip_grad_value", "loss");
  nadir_session_free(predicts);
}

static void nulls_are_answered(void **state) {
  double value = 7;
  nadir_dtype dtype;
  size_t count, r;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) assert_null(optimizer_rules[r].make(NULL, 0.1, NULL));
  assert_null(nadir_lm_new(NULL, m.loss, NULL));
  nadir_optimizer_free(NULL);
  assert_status(nadir_optimizer_step(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_train_step(NULL, &value), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_group(NULL, "*", NULL), NADIR_E_ARGUMENT);
  assert_not_done(nadir_optimizer_group(adam, NULL, NULL), NADIR_E_ARGUMENT, "optimizer_group", "NULL");
  assert_status(nadir_optimizer_set(NULL, "lr", 1), NADIR_E_ARGUMENT);
  assert_not_done(nadir_optimizer_set(adam, NULL, 1), NADIR_E_ARGUMENT, "optimizer_set", "NULL");
  assert_status(nadir_optimizer_get(NULL, "lr", &value), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_get(adam, NULL, &value), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_get(adam, "lr", NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_schedule(NULL, "step", "step_size=1"), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_report(NULL, 1), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_swap_ema(NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_set_hook(NULL, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_attach(NULL, m.session), NADIR_E_ARGUMENT);
  assert_not_done(nadir_optimizer_attach(adam, NULL), NADIR_E_ARGUMENT, "optimizer_attach", "NULL");
  assert_int_equal(nadir_optimizer_state_count(NULL), 0);
  assert_null(nadir_optimizer_state_name(NULL, 0));
  assert_status(nadir_optimizer_state_info(NULL, "step", &dtype, &count), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_info(adam, NULL, &dtype, &count), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_info(adam, "step", NULL, &count), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_info(adam, "step", &dtype, NULL), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_get(NULL, "decoder.bias.exp_avg", &value, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_get(adam, NULL, &value, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg", NULL, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_set(NULL, "decoder.bias.exp_avg", &value, 8), NADIR_E_ARGUMENT);
  assert_not_done(nadir_optimizer_state_set(adam, NULL, &value, 8), NADIR_E_ARGUMENT, "optimizer_state_set", "NULL");
  assert_not_done(nadir_optimizer_state_set(adam, "decoder.bias.exp_avg", NULL, 8), NADIR_E_ARGUMENT,
                  "optimizer_state_set", "NULL");
  assert_status(nadir_clip_grad_norm(NULL, 1, &value), NADIR_E_ARGUMENT);
  assert_status(nadir_clip_grad_value(NULL, 1), NADIR_E_ARGUMENT);
  assert_status(nadir_param_set_trainable(NULL, "*", 0), NADIR_E_ARGUMENT);
  assert_status(nadir_param_set_trainable(m.graph, NULL, 0), NADIR_E_ARGUMENT);
  assert_says(nadir_graph_error(m.graph), "param_set_trainable", "NULL");
  assert_exact(value, 7);
}

static void null_and_empty_options_are_the_defaults(void **state) {
  size_t r;
  (void)state;
  for (r = 0; r < OPTIMIZER_RULES; ++r) {
    nadir_optimizer *optimizer = optimizer_rules[r].make(m.session, 0.1, "");
    assert_non_null(optimizer);
    assert_ok(nadir_session_status(m.session));
    nadir_optimizer_free(optimizer);
  }
  assert_ok(nadir_optimizer_group(adam, "*", NULL));
  assert_ok(nadir_optimizer_group(adam, "*", ""));
  assert_ok(nadir_optimizer_schedule(adam, "constant", ""));
  assert_ok(nadir_optimizer_schedule(adam, NULL, NULL));
  assert_ok(nadir_optimizer_set_hook(adam, NULL));
}

/* ------------------------------------------------------------------------------------------------------- freezing */

static void patterns_that_match_nothing_are_refused(void **state) {
  const char *const patterns[] = {"",           "coder", "encoder", "encoder.", "?encoder.weight",
                                  "*.weight.*", "head?", "HEAD",    "[he]ad",   "encoder.weigh"};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(patterns); ++i) {
    assert_status(nadir_param_set_trainable(m.graph, patterns[i], 0), NADIR_E_ARGUMENT);
    assert_says(nadir_graph_error(m.graph), "param_set_trainable", patterns[i]);
    assert_not_done(nadir_optimizer_group(adam, patterns[i], "lr=1"), NADIR_E_ARGUMENT, "optimizer_group", patterns[i]);
  }
  /* A parameter, but none of the optimiser's. */
  assert_not_done(nadir_optimizer_group(adam, "apart", "lr=1"), NADIR_E_ARGUMENT, "optimizer_group", "\"apart\"");
}

/* --------------------------------------------------------------------------------------------- groups and settings */

static void bad_options_of_groups_are_refused(void **state) {
  static const struct {
    const char *options, *says;
  } cases[] = {{"lr=-1", "lr"},
               {"lr=nan", "lr"},
               {"lr=inf", "lr"},
               {"beta1=1", "beta1"},
               {"beta2=-1", "beta2"},
               {"eps=-1", "eps"},
               {"weight_decay=-1", "weight_decay"},
               {"amsgrad=1", "amsgrad"},
               {"betta1=0.5", "beta1"},
               {"ema_decay=0.5", "ema_decay"},
               {"clip_norm=1", "clip_norm"}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    assert_not_done(nadir_optimizer_group(adam, "*", cases[i].options), NADIR_E_ARGUMENT, "optimizer_group",
                    cases[i].says);
  }
}

static void rules_without_groups_say_so(void **state) {
  nadir_optimizer *lbfgs = nadir_lbfgs_new(m.session, 1, NULL);
  (void)state;
  assert_not_done(nadir_optimizer_group(lbfgs, "*", "lr=1"), NADIR_E_ARGUMENT, "optimizer_group", "groups");
  nadir_optimizer_free(lbfgs);
}

typedef struct bad_setting {
  const char *rule, *options, *setting;
  double value;
  const char *says;
} bad_setting;

static const bad_setting bad_settings[] = {
    {"adam", NULL, "lr", -1, "lr"},
    {"adam", NULL, "lr", NAN, "lr"},
    {"adam", NULL, "lr", INFINITY, "lr"},
    {"adam", NULL, "beta1", 1, "beta1"},
    {"adam", NULL, "beta2", -0.1, "beta2"},
    {"adam", NULL, "beta2", NAN, "beta2"},
    {"adam", NULL, "eps", -1, "eps"},
    {"adam", NULL, "weight_decay", -1, "weight_decay"},
    {"adam", NULL, "amsgrad", 1, "fixed"},
    {"adam", NULL, "betta1", 0.5, "beta1"},
    {"adam", NULL, "momentum", 0.5, "momentum"},
    {"adam", NULL, "current_lr", 0.5, "current_lr"},
    {"adam", NULL, "step", 1, "step"},
    {"adam", NULL, "", 1, "\"\""},
    {"sgd", NULL, "momentum", 0.5, "fixed"},
    {"sgd", "momentum=0.5", "momentum", 0, "fixed"},
    {"sgd", "momentum=0.5", "momentum", -1, "momentum"},
    {"sgd", "momentum=0.5", "nesterov", 1, "fixed"},
    {"sgd", "momentum=0.5 nesterov=1", "dampening", 0.5, "dampening"},
    {"adagrad", NULL, "initial_accumulator_value", 1, "fixed"},
    {"rmsprop", NULL, "centered", 1, "fixed"},
    {"rmsprop", NULL, "momentum", 1, "fixed"},
    {"lbfgs", NULL, "history_size", 3, "fixed"},
    {"lbfgs", NULL, "line_search", 1, "fixed"},
    {"lbfgs", NULL, "max_iter", 0, "max_iter"},
};

static void bad_settings_are_refused(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(bad_settings); ++i) {
    const bad_setting *b = &bad_settings[i];
    nadir_optimizer *optimizer = maker_of(b->rule)(m.session, 0.5, b->options);
    const nadir_status status = nadir_optimizer_set(optimizer, b->setting, b->value);
    if (status != NADIR_E_ARGUMENT) print_error("%s of %s was set to %g\n", b->setting, b->rule, b->value);
    assert_not_done(status, NADIR_E_ARGUMENT, "optimizer_set", b->says);
    assert_exact(setting_of(optimizer, "lr"), 0.5);
    nadir_optimizer_free(optimizer);
  }
}

static void unknown_settings_cannot_be_read(void **state) {
  const char *const names[] = {"", "rate", "betta1", "momentum", "lr "};
  double value = 7;
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(names); ++i) {
    assert_status(nadir_optimizer_get(adam, names[i], &value), NADIR_E_ARGUMENT);
    assert_exact(value, 7);
  }
}

/* ------------------------------------------------------------------------------------------------------ schedules */

typedef struct bad_schedule {
  const char *name, *options, *says, *says_too;
} bad_schedule;

static const bad_schedule bad_schedules[] = {
    {"", NULL, "\"\"", NULL},
    {"cosin", "t_max=10", "cosin", "cosine"},
    {"Step", "step_size=10", "Step", "step"},
    {"multistep", "milestones=1", "multistep", "multi_step"},
    {"constant", "factor=-1", "factor", "-1"},
    {"constant", "factor=nan", "factor", "nan"},
    {"constant", "total_iters=-1", "total_iters", "-1"},
    {"constant", "total_iters=1.5", "total_iters", "1.5"},
    {"constant", "gamma=1", "gamma", NULL},
    {"step", NULL, "step_size", NULL},
    {"step", "gamma=0.5", "step_size", NULL},
    {"step", "step_size=0", "step_size", "0"},
    {"step", "step_size=-1", "step_size", "-1"},
    {"step", "step_size=2.5", "step_size", "2.5"},
    {"step", "step_size=5 gamma=-1", "gamma", "-1"},
    {"step", "stepsize=5", "stepsize", "step_size"},
    {"multi_step", NULL, "milestones", NULL},
    {"multi_step", "milestones=", "milestones", NULL},
    {"multi_step", "milestones=3,,5", "milestones", "3,,5"},
    {"multi_step", "milestones=3,x", "milestones", "3,x"},
    {"multi_step", "milestones=-3", "milestones", "-3"},
    {"multi_step", "milestones=1,2,", "milestones", "1,2,"},
    {"exponential", NULL, "gamma", NULL},
    {"exponential", "gamma=-0.5", "gamma", "-0.5"},
    {"exponential", "gamma=inf", "gamma", "inf"},
    {"polynomial", NULL, "total_iters", NULL},
    {"polynomial", "total_iters=0", "total_iters", "0"},
    {"polynomial", "total_iters=5 power=-1", "power", "-1"},
    {"polynomial", "total_iters=5 power=nan", "power", "nan"},
    {"cosine", NULL, "t_max", NULL},
    {"cosine", "t_max=0", "t_max", "0"},
    {"cosine", "t_max=5 eta_min=-1", "eta_min", "-1"},
    {"cosine_restarts", NULL, "t_0", NULL},
    {"cosine_restarts", "t_0=0", "t_0", "0"},
    {"cosine_restarts", "t_0=5 t_mult=0", "t_mult", "0"},
    {"cosine_restarts", "t_0=5 t_mult=1.5", "t_mult", "1.5"},
    {"one_cycle", "total_steps=10", "max_lr", NULL},
    {"one_cycle", "max_lr=1", "total_steps", NULL},
    {"one_cycle", "max_lr=-1 total_steps=10", "max_lr", "-1"},
    {"one_cycle", "max_lr=1 total_steps=0", "total_steps", "0"},
    {"one_cycle", "max_lr=1 total_steps=10 pct_start=1.5", "pct_start", "1.5"},
    {"one_cycle", "max_lr=1 total_steps=10 pct_start=-0.5", "pct_start", "-0.5"},
    {"one_cycle", "max_lr=1 total_steps=10 anneal=cosine", "cosine", "cos"},
    {"one_cycle", "max_lr=1 total_steps=10 div_factor=0", "div_factor", "0"},
    {"one_cycle", "max_lr=1 total_steps=10 final_div_factor=0", "final_div_factor", "0"},
    {"one_cycle", "max_lr=1 total_steps=10 base_momentum=1", "base_momentum", "1"},
    {"one_cycle", "max_lr=1 total_steps=10 max_momentum=-1", "max_momentum", "-1"},
    {"one_cycle", "max_lr=1 total_steps=10 three_phase=2", "three_phase", "2"},
    {"plateau", "factor=1", "factor", "1"},
    {"plateau", "factor=-0.5", "factor", "-0.5"},
    {"plateau", "patience=-1", "patience", "-1"},
    {"plateau", "mode=least", "least", "min"},
    {"plateau", "threshold=-1", "threshold", "-1"},
    {"plateau", "threshold_mode=relative", "relative", "rel"},
    {"plateau", "cooldown=-1", "cooldown", "-1"},
    {"plateau", "min_lr=-1", "min_lr", "-1"},
    {"plateau", "eps=-1", "eps", "-1"},
    {"constant", "interval=0", "interval", "0"},
    {"constant", "interval=1.5", "interval", "1.5"},
    {"constant", "warmup=-1", "warmup", "-1"},
    {"constant", "warmup=5 warmup_start=-1", "warmup_start", "-1"},
    {"constant", "warmup=5 warmup_start=1.5", "warmup_start", "1.5"},
    {"constant", "warm_up=5", "warm_up", "warmup"},
};

/* The schedule that there was stays. */
static void bad_schedules_are_refused(void **state) {
  nadir_optimizer *sgd = nadir_sgd_new(m.session, 1, "momentum=0.5");
  size_t i;
  (void)state;
  assert_ok(nadir_optimizer_schedule(sgd, "constant", "factor=0.25 total_iters=9"));
  for (i = 0; i < COUNT_OF(bad_schedules); ++i) {
    const bad_schedule *b = &bad_schedules[i];
    const nadir_status status = nadir_optimizer_schedule(sgd, b->name, b->options);
    if (status != NADIR_E_ARGUMENT) print_error("%s %s was accepted\n", b->name, b->options ? b->options : "");
    assert_not_done(status, NADIR_E_ARGUMENT, "optimizer_schedule", b->says, b->says_too ? b->says_too : b->says);
    assert_exact(setting_of(sgd, "current_lr"), 0.25);
  }
  nadir_optimizer_free(sgd);
}

/* Rules without a momentum to drive. */
static void cycle_of_momentum_wants_a_momentum(void **state) {
  static const struct {
    const char *rule, *options;
  } cases[] = {{"sgd", NULL}, {"rmsprop", NULL}, {"adagrad", NULL}, {"lbfgs", NULL}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    nadir_optimizer *optimizer = maker_of(cases[i].rule)(m.session, 1, cases[i].options);
    assert_not_done(nadir_optimizer_schedule(optimizer, "one_cycle", "max_lr=1 total_steps=10"), NADIR_E_ARGUMENT,
                    "optimizer_schedule", "momentum");
    assert_ok(nadir_optimizer_schedule(optimizer, "one_cycle", "max_lr=1 total_steps=10 cycle_momentum=0"));
    nadir_optimizer_free(optimizer);
  }
}

static void report_without_a_plateau_is_declined(void **state) {
  (void)state;
  assert_not_done(nadir_optimizer_report(adam, 1), NADIR_E_STATE, "optimizer_report", "plateau");
  assert_ok(nadir_optimizer_schedule(adam, "step", "step_size=5"));
  assert_not_done(nadir_optimizer_report(adam, 1), NADIR_E_STATE, "optimizer_report", "plateau");
  assert_ok(nadir_optimizer_schedule(adam, "plateau", NULL));
  assert_ok(nadir_optimizer_report(adam, 1));
  assert_ok(nadir_optimizer_schedule(adam, NULL, NULL));
  assert_not_done(nadir_optimizer_report(adam, 1), NADIR_E_STATE, "optimizer_report", "plateau");
}

/* ------------------------------------------------------------------------------------ average, hook, session, state */

static void swap_without_an_average_is_declined(void **state) {
  (void)state;
  assert_not_done(nadir_optimizer_swap_ema(adam), NADIR_E_STATE, "optimizer_swap_ema", "ema_decay");
}

static int destroyed;
static nadir_status run_hook(void *user, nadir_session *session) { return (void)user, (void)session, NADIR_E_IO; }
static void destroy_hook(void *user) { (void)user, ++destroyed; }

static void malformed_hooks_are_not_taken_over(void **state) {
  nadir_gradient_hook hook;
  (void)state;
  memset(&hook, 0, sizeof hook);
  hook.destroy = destroy_hook;
  hook.run = run_hook;
  assert_not_done(nadir_optimizer_set_hook(adam, &hook), NADIR_E_ARGUMENT, "optimizer_set_hook", "struct_size");
  hook.struct_size = sizeof hook - 1;
  assert_not_done(nadir_optimizer_set_hook(adam, &hook), NADIR_E_ARGUMENT, "optimizer_set_hook", "struct_size");
  hook.struct_size = sizeof hook;
  hook.run = NULL;
  assert_not_done(nadir_optimizer_set_hook(adam, &hook), NADIR_E_ARGUMENT, "optimizer_set_hook", "run");
  assert_int_equal(destroyed, 0);
}

static void sessions_of_other_parameters_are_refused(void **state) {
  nadir_session *predicts = nadir_session_new(m.graph, NADIR_NONE, &m.loss, 1, 1, NULL);
  nadir_session *fewer;
  nadir_node loss;
  model other;
  (void)state;
  assert_not_done(nadir_optimizer_attach(adam, predicts), NADIR_E_ARGUMENT, "optimizer_attach");
  nadir_session_free(predicts);
  loss = nadir_sum(m.graph, nadir_square(m.graph, m.params[HEAD]), NULL, 0, NULL);
  fewer = nadir_session_new(m.graph, loss, NULL, 0, 1, NULL);
  assert_not_done(nadir_optimizer_attach(adam, fewer), NADIR_E_ARGUMENT, "optimizer_attach", "parameters");
  nadir_session_free(fewer);
  model_open(&other, NADIR_F64, MODEL_LINEAR);
  assert_not_done(nadir_optimizer_attach(adam, other.session), NADIR_E_ARGUMENT, "optimizer_attach", "graph");
  model_close(&other);
  assert_ok(nadir_optimizer_attach(adam, m.session)); /* where it is */
}

static void bad_state_is_refused(void **state) {
  double value[2] = {1, 2};
  nadir_dtype dtype = 7;
  size_t count = 7;
  (void)state;
  assert_status(nadir_optimizer_state_info(adam, "decoder.bias", &dtype, &count), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_info(adam, "", &dtype, &count), NADIR_E_ARGUMENT);
  assert_int_equal(dtype, 7);
  assert_int_equal(count, 7);
  assert_status(nadir_optimizer_state_get(adam, "decoder.bias.exp_av", value, 8), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg", value, 7), NADIR_E_ARGUMENT);
  assert_status(nadir_optimizer_state_get(adam, "decoder.bias.exp_avg", value, 16), NADIR_E_ARGUMENT);
  assert_exact(value[0], 1);
  assert_not_done(nadir_optimizer_state_set(adam, "decoder.bias.exp_av", value, 8), NADIR_E_ARGUMENT,
                  "optimizer_state_set", "decoder.bias.exp_av");
  assert_not_done(nadir_optimizer_state_set(adam, "decoder.bias.exp_avg", value, 4), NADIR_E_ARGUMENT,
                  "optimizer_state_set", "decoder.bias.exp_avg", "8");
  assert_not_done(nadir_optimizer_state_set(adam, "decoder.bias.exp_avg", value, 16), NADIR_E_ARGUMENT,
                  "optimizer_state_set", "8");
  assert_not_done(nadir_optimizer_state_set(adam, "", value, 8), NADIR_E_ARGUMENT, "optimizer_state_set");
}

static void bad_clips_are_refused(void **state) {
  double norm = 7;
  (void)state;
  model_pass(&m, 1);
  assert_not_done(nadir_clip_grad_norm(m.session, -1, &norm), NADIR_E_ARGUMENT, "clip_grad_norm", "-1");
  assert_not_done(nadir_clip_grad_norm(m.session, NAN, &norm), NADIR_E_ARGUMENT, "clip_grad_norm", "nan");
  assert_not_done(nadir_clip_grad_value(m.session, -0.5), NADIR_E_ARGUMENT, "clip_grad_value", "-0.5");
  assert_not_done(nadir_clip_grad_value(m.session, NAN), NADIR_E_ARGUMENT, "clip_grad_value", "nan");
  assert_exact(norm, 7);
  assert_exact(grad_value(m.session, m.params[DECODER_BIAS], NADIR_F64), model_slope(1, DECODER_BIAS, 0));
}

/* -------------------------------------------------------------------------------------------- Levenberg, Marquardt */

static void residuals_that_do_not_fit_are_refused(void **state) {
  const double number = 2;
  nadir_node apart, cast, constant;
  model single;
  (void)state;
  apart = nadir_square(m.graph, m.params[APART]);
  cast = nadir_cast(m.graph, m.params[HEAD], NADIR_F32);
  constant = constant_values(m.graph, NULL, NADIR_F64, NULL, 0, &number);
  assert_not_made(nadir_lm_new(m.session, NADIR_NONE, NULL), NADIR_E_ARGUMENT, "lm", "residuals");
  assert_not_made(nadir_lm_new(m.session, apart, NULL), NADIR_E_ARGUMENT, "lm", "residuals");
  assert_not_made(nadir_lm_new(m.session, constant, NULL), NADIR_E_ARGUMENT, "lm", "residuals");
  assert_not_made(nadir_lm_new(m.session, cast, NULL), NADIR_E_DTYPE, "lm", "f64");
  model_open(&single, NADIR_F32, MODEL_LINEAR);
  assert_null(nadir_lm_new(single.session, single.loss, NULL));
  assert_status(nadir_session_status(single.session), NADIR_E_DTYPE);
  assert_says(nadir_session_error(single.session), "lm", "f64");
  model_close(&single);
}

static void bad_options_of_levenberg_and_marquardt_are_refused(void **state) {
  static const struct {
    const char *options, *says, *says_too;
  } cases[] = {{"max_iter=0", "max_iter", "0"},
               {"lambda=-1", "lambda", "-1"},
               {"lambda=nan", "lambda", "nan"},
               {"up=1", "up", "1"},
               {"up=0.5", "up", "0.5"},
               {"down=0.5", "down", "0.5"},
               {"tolerance_grad=-1", "tolerance_grad", "-1"},
               {"tolerance_change=-1", "tolerance_change", "-1"},
               {"lamda=1", "lamda", "lambda"},
               {"maximize=1", "maximize", NULL},
               {"ema_decay=0.5", "ema_decay", NULL}};
  size_t i;
  (void)state;
  for (i = 0; i < COUNT_OF(cases); ++i) {
    assert_not_made(nadir_lm_new(m.session, m.loss, cases[i].options), NADIR_E_ARGUMENT, "lm", cases[i].says,
                    cases[i].says_too ? cases[i].says_too : cases[i].says);
  }
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(learning_rates_out_of_range_are_refused),
      test(learning_rate_too_large_for_f32_is_refused),
      test(learning_rate_0_is_allowed),
      test(options_out_of_range_or_unknown_are_refused),
      test(sessions_without_loss_are_refused),
      test(nulls_are_answered),
      test(null_and_empty_options_are_the_defaults),
      test(patterns_that_match_nothing_are_refused),
      test(bad_options_of_groups_are_refused),
      test(rules_without_groups_say_so),
      test(bad_settings_are_refused),
      test(unknown_settings_cannot_be_read),
      test(bad_schedules_are_refused),
      test(cycle_of_momentum_wants_a_momentum),
      test(report_without_a_plateau_is_declined),
      test(swap_without_an_average_is_declined),
      test(malformed_hooks_are_not_taken_over),
      test(sessions_of_other_parameters_are_refused),
      test(bad_state_is_refused),
      test(bad_clips_are_refused),
      test(residuals_that_do_not_fit_are_refused),
      test(bad_options_of_levenberg_and_marquardt_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
