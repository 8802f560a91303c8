/*
 * The memory of optimisers: every allocation of making and furnishing one fails in turn, once and for good, and each time the
 * call says so, changed nothing, and succeeds when memory is back. A step of theirs allocates nothing.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "ledger.h"

/* All rules, and after them Levenberg and Marquardt's. */
#define ALL_RULES (OPTIMIZER_RULES + 1)

typedef struct program {
  ledger ledger;
  model m;
  nadir_session *other;
  size_t rule;
  nadir_optimizer *optimizer;
} program;

static int is_first_order(const program *p) { return p->rule + 1 < OPTIMIZER_RULES; }

static nadir_optimizer *make(const program *p, nadir_session *session) {
  if (p->rule == OPTIMIZER_RULES) return nadir_lm_new(session, p->m.loss, "max_iter=2");
  return optimizer_rules[p->rule].make(session, 0.01, is_first_order(p) ? "ema_decay=0.5" : "history_size=3");
}

/* The calls that may allocate, each of which may be made again when it failed. */
static nadir_status make_optimizer(program *p) {
  p->optimizer = make(p, p->m.session);
  return nadir_session_status(p->m.session);
}

static nadir_status add_group(program *p) {
  return is_first_order(p) ? nadir_optimizer_group(p->optimizer, "*.bias", "lr=0.5 weight_decay=0") : NADIR_OK;
}

static nadir_status add_another_group(program *p) {
  return is_first_order(p) ? nadir_optimizer_group(p->optimizer, "encoder.*", "lr=0.25") : NADIR_OK;
}

static nadir_status replace_group(program *p) {
  return is_first_order(p) ? nadir_optimizer_group(p->optimizer, "*.bias", "weight_decay=0.125") : NADIR_OK;
}

static nadir_status set_schedule(program *p) {
  if (p->rule == OPTIMIZER_RULES) return NADIR_OK;
  return nadir_optimizer_schedule(p->optimizer, "multi_step", "milestones=1,2,3,5,8,13,21,34,55,89 gamma=0.5");
}

/* Levenberg and Marquardt's method stays with its residuals. */
static nadir_status attach(program *p) {
  return p->rule == OPTIMIZER_RULES ? NADIR_OK : nadir_optimizer_attach(p->optimizer, p->other);
}

static nadir_status (*const calls[])(program *p) = {make_optimizer, add_group,    add_another_group,
                                                    replace_group,  set_schedule, attach};

static void program_open(program *p, size_t rule) {
  nadir_host *host;
  memset(p, 0, sizeof *p);
  p->ledger.fill = 0xa5;
  p->rule = rule;
  host = ledger_host(&p->ledger);
  model_define(&p->m, host, NADIR_F64, NADIR_F64, MODEL_CURVED);
  if (rule == OPTIMIZER_RULES) { /* whose step makes a pass a parameter */
    assert_ok(nadir_param_set_trainable(p->m.graph, "*", 0));
    assert_ok(nadir_param_set_trainable(p->m.graph, "*.bias", 1));
  }
  model_compile(&p->m, NULL);
  p->other = nadir_session_new(p->m.graph, p->m.loss, NULL, 0, 2, NULL);
  assert_graph_ok(p->m.graph);
  nadir_host_free(host);
}

static void program_close(program *p) {
  nadir_optimizer_free(p->optimizer);
  nadir_session_free(p->other);
  model_close(&p->m);
  assert_int_equal(p->ledger.live_bytes, 0);
  assert_int_equal(p->ledger.faults, 0);
}

static void train(program *p) {
  int t;
  for (t = 0; t < 3; ++t) {
    model_write(&p->m, p->rule == OPTIMIZER_RULES ? p->m.session : p->other, t);
    assert_ok(nadir_train_step(p->optimizer, NULL));
  }
}

/* A call that failed for memory says so and has changed nothing. Until it is attached, the optimiser is of the first session. */
static void check_failure(program *p, nadir_status (*call)(program *), snapshot *before, int for_good) {
  if (for_good) assert_status(call(p), NADIR_E_NO_MEMORY);
  assert_status(nadir_session_status(p->m.session), NADIR_E_NO_MEMORY);
  assert_string_not_equal(nadir_session_error(p->m.session), "");
  if (call == make_optimizer) assert_null(p->optimizer);
  assert_as_before(before, &p->m, p->optimizer);
}

/* Makes the calls while allocation number `k` of theirs fails; returns whether one did. */
static int disturbed(program *p, size_t k, int for_good) {
  int failed = 0;
  size_t i;
  p->ledger.fail_at = p->ledger.allocations + k;
  p->ledger.fail_on = for_good;
  for (i = 0; i < COUNT_OF(calls); ++i) {
    snapshot *before = snapshot_new(&p->m, p->optimizer);
    const nadir_status status = calls[i](p);
    if (status == NADIR_OK) {
      free(before);
      continue;
    }
    ++failed;
    assert_status(status, NADIR_E_NO_MEMORY);
    check_failure(p, calls[i], before, for_good);
    ledger_relent(&p->ledger);
    assert_ok(calls[i](p));
  }
  assert_true(failed <= 1);
  return failed;
}

static void fail_everywhere(int for_good) {
  static program plain, p;
  size_t rule, k;
  for (rule = 0; rule < ALL_RULES; ++rule) {
    int failed = 1;
    program_open(&plain, rule);
    assert_int_equal(disturbed(&plain, 1000000, 0), 0);
    train(&plain);
    for (k = 1; failed; ++k) {
      program_open(&p, rule);
      failed = disturbed(&p, k, for_good);
      ledger_relent(&p.ledger);
      train(&p);
      assert_models_equal(&p.m, &plain.m);
      program_close(&p);
      assert_true(k > 1 || failed); /* something is allocated */
    }
    program_close(&plain);
  }
}

static void optimizers_survive_every_allocation_failing_once(void **state) {
  (void)state;
  fail_everywhere(0);
}

static void optimizers_survive_every_allocation_failing_for_good(void **state) {
  (void)state;
  fail_everywhere(1);
}

/* Steps, and whatever else is done beside them: settings, state, clipping, the average. */
static void step_of_any_rule_allocates_nothing(void **state) {
  static program p;
  size_t rule;
  int t;
  (void)state;
  for (rule = 0; rule < ALL_RULES; ++rule) {
    size_t count;
    program_open(&p, rule);
    assert_int_equal(disturbed(&p, 1000000, 0), 0);
    if (rule < OPTIMIZER_RULES) {
      assert_ok(nadir_optimizer_attach(p.optimizer, p.m.session));
      assert_ok(nadir_optimizer_schedule(p.optimizer, "plateau", NULL));
    }
    count = p.ledger.calls;
    for (t = 0; t < 3; ++t) {
      model_pass(&p.m, t);
      assert_ok(nadir_clip_grad_norm(p.m.session, 1, NULL));
      assert_ok(nadir_clip_grad_value(p.m.session, 0.1));
      assert_ok(nadir_optimizer_step(p.optimizer));
      assert_ok(nadir_train_step(p.optimizer, NULL));
      copy_state(p.optimizer, p.optimizer);
      assert_status(nadir_optimizer_set(p.optimizer, "none", 0.5), NADIR_E_ARGUMENT);
      if (rule < OPTIMIZER_RULES) {
        assert_ok(nadir_optimizer_set(p.optimizer, "lr", 0.02));
        assert_exact(setting_of(p.optimizer, "current_lr"), 0.02);
        assert_ok(nadir_optimizer_report(p.optimizer, t));
      }
      if (is_first_order(&p)) {
        assert_ok(nadir_optimizer_swap_ema(p.optimizer));
        assert_status(nadir_train_step(p.optimizer, NULL), NADIR_E_STATE);
        assert_ok(nadir_optimizer_swap_ema(p.optimizer));
      }
    }
    assert_int_equal(p.ledger.calls, count);
    program_close(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(optimizers_survive_every_allocation_failing_once),
      cmocka_unit_test(optimizers_survive_every_allocation_failing_for_good),
      cmocka_unit_test(step_of_any_rule_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
