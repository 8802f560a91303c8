/*
 * Threads: who may run together does; who clashes is told so at once and has done nothing; and a session may change
 * hands. Threads only count; the assertions are made by the main thread.
 */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 20000

/* ------------------------------------------------------------------------------------------------------ threads */

typedef struct tally {
  long ok, busy, state, other; /* answers by status */
  long wrong;                  /* results that cannot be */
} tally;

static nadir_status count(tally *t, nadir_status status) {
  if (status == NADIR_OK) {
    ++t->ok;
  } else if (status == NADIR_E_BUSY) {
    ++t->busy;
  } else if (status == NADIR_E_STATE) {
    ++t->state;
  } else {
    ++t->other;
  }
  return status;
}

/* All threads start at once. */
typedef struct gate {
  pthread_mutex_t mutex;
  pthread_cond_t open;
  int waiting;
} gate;

static gate start = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

typedef struct worker {
  pthread_t thread;
  void (*work)(struct worker *w);
  int of; /* how many start together */
  void *shared;
  nadir_session *session;
  int index;
  tally tally;
} worker;

static void *worker_run(void *argument) {
  worker *w = (worker *)argument;
  pthread_mutex_lock(&start.mutex);
  if (++start.waiting == w->of) pthread_cond_broadcast(&start.open);
  while (start.waiting < w->of) pthread_cond_wait(&start.open, &start.mutex);
  pthread_mutex_unlock(&start.mutex);
  w->work(w);
  return NULL;
}

static void run_together(worker *workers, int count_of) {
  int i;
  start.waiting = 0;
  for (i = 0; i < count_of; ++i) {
    workers[i].of = count_of;
    workers[i].index = i;
    assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
  }
  for (i = 0; i < count_of; ++i) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
}

/* ------------------------------------------------------------------------------------------- readers run together */

#define WIDTH 256

static void predict(worker *w) {
  fit *f = (fit *)w->shared;
  const double x = 3 + w->index;
  double y, param;
  int i;
  for (i = 0; i < ROUNDS; ++i) {
    count(&w->tally, nadir_session_write(w->session, f->x, &x, sizeof x));
    count(&w->tally, nadir_forward(w->session));
    count(&w->tally, nadir_session_read(w->session, f->y, &y, sizeof y));
    count(&w->tally, nadir_param_get(f->graph, f->w, &param, sizeof param));
    if (y != 2 * x + 5 || param != 2) ++w->tally.wrong;
  }
}

static void sessions_that_predict_run_together(void **state) {
  worker workers[3];
  fit f;
  int i;
  (void)state;
  memset(workers, 0, sizeof workers);
  fit_open(&f, NADIR_F64, 1);
  fit_set(&f, 2, 5);
  for (i = 0; i < 3; ++i) {
    workers[i].work = predict;
    workers[i].shared = &f;
    workers[i].session = nadir_session_new(f.graph, NADIR_NONE, &f.y, 1, 1, NULL);
    assert_graph_ok(f.graph);
  }
  run_together(workers, 3);
  for (i = 0; i < 3; ++i) {
    assert_int_equal(workers[i].tally.ok, 4 * ROUNDS);
    assert_int_equal(workers[i].tally.wrong, 0);
    nadir_session_free(workers[i].session);
  }
  fit_close(&f);
}

/* Each builds, compiles and trains its own graph of one host: nothing is shared but the library. */
static void build_and_train(worker *w) {
  const double x = -2, t = -4;
  int i;
  for (i = 0; i < 50; ++i) {
    const int64_t column[] = {NADIR_BATCH, 1};
    nadir_graph *g = nadir_graph_new((const nadir_host *)w->shared);
    const nadir_node in = nadir_input_add(g, "x", NADIR_F64, column, 2),
                     out = nadir_input_add(g, "t", NADIR_F64, column, 2);
    const nadir_node loss = nadir_mse_loss(g, nadir_linear_add(g, "fit", in, 1, NULL), out, NULL);
    nadir_session *s = nadir_session_new(g, loss, NULL, 0, 1, NULL);
    const double ones[] = {1, 1};
    double trained[2] = {0, 0};
    count(&w->tally, nadir_params_flat_set(g, NADIR_F64, ones, sizeof ones));
    count(&w->tally, nadir_session_write(s, in, &x, sizeof x));
    count(&w->tally, nadir_session_write(s, out, &t, sizeof t));
    count(&w->tally, nadir_forward(s));
    count(&w->tally, nadir_backward(s));
    count(&w->tally, nadir_sgd_step(s, 0.125));
    count(&w->tally, nadir_params_flat_get(g, NADIR_F64, trained, sizeof trained));
    if (trained[0] != 2.5 || trained[1] != 0.25) ++w->tally.wrong;
    nadir_graph_free(g);
    nadir_session_free(s);
  }
}

static void graphs_of_one_host_are_independent(void **state) {
  worker workers[2];
  nadir_host *host = nadir_host_new(NULL);
  int i;
  (void)state;
  memset(workers, 0, sizeof workers);
  for (i = 0; i < 2; ++i) {
    workers[i].work = build_and_train;
    workers[i].shared = host;
  }
  run_together(workers, 2);
  nadir_host_free(host);
  for (i = 0; i < 2; ++i) {
    assert_int_equal(workers[i].tally.ok, 50 * 7);
    assert_int_equal(workers[i].tally.wrong, 0);
  }
}

/* --------------------------------------------------------------------------------------------- clashes are answered */

/* loss = sum(w): every gradient is 1, so that a step at rate 1 takes exactly 1 from every element. */
typedef struct slope {
  nadir_graph *graph;
  nadir_node w, loss;
  nadir_session *session;
} slope;

static void slope_open(slope *s) {
  const int64_t shape[] = {WIDTH};
  s->graph = nadir_graph_new(NULL);
  s->w = nadir_param_add(s->graph, "w", NADIR_F64, shape, 1, NULL);
  s->loss = nadir_sum(s->graph, s->w, NULL, 0, NULL);
  s->session = nadir_session_new(s->graph, s->loss, NULL, 0, 1, NULL);
  assert_graph_ok(s->graph);
}

static void slope_close(slope *s) {
  nadir_session_free(s->session);
  nadir_graph_free(s->graph);
}

static void assert_all_equal(const slope *s, double wanted) {
  double w[WIDTH];
  int i;
  assert_ok(get_param(s->graph, s->w, NADIR_F64, w, WIDTH));
  for (i = 0; i < WIDTH; ++i) assert_exact(w[i], wanted);
}

static void assert_works_alone(slope *s) {
  const double zeros[WIDTH] = {0};
  assert_ok(set_param(s->graph, s->w, NADIR_F64, zeros, WIDTH));
  assert_ok(nadir_zero_grad(s->session));
  assert_ok(nadir_forward(s->session));
  assert_ok(nadir_backward(s->session));
  assert_ok(nadir_sgd_step(s->session, 1));
  assert_all_equal(s, -1);
}

static void step_only(worker *w) {
  slope *s = (slope *)w->shared;
  int i;
  for (i = 0; i < ROUNDS; ++i) count(&w->tally, nadir_sgd_step(s->session, 1));
}

static void parameters_count_exactly_the_steps_that_were_answered_ok(void **state) {
  worker workers[2];
  slope s;
  int i;
  (void)state;
  memset(workers, 0, sizeof workers);
  slope_open(&s);
  assert_ok(nadir_forward(s.session));
  assert_ok(nadir_backward(s.session));
  for (i = 0; i < 2; ++i) {
    workers[i].work = step_only;
    workers[i].shared = &s;
  }
  run_together(workers, 2);
  for (i = 0; i < 2; ++i) assert_int_equal(workers[i].tally.ok + workers[i].tally.busy, ROUNDS);
  assert_all_equal(&s, -(double)(workers[0].tally.ok + workers[1].tally.ok));
  assert_works_alone(&s);
  slope_close(&s);
}

/* The other may come in anywhere, so that a call may find the state that the other left. */
static void whole_cycles(worker *w) {
  slope *s = (slope *)w->shared;
  double values[WIDTH];
  int i;
  for (i = 0; i < ROUNDS / 4; ++i) {
    count(&w->tally, nadir_zero_grad(s->session));
    count(&w->tally, nadir_forward(s->session));
    count(&w->tally, nadir_backward(s->session));
    count(&w->tally, nadir_sgd_step(s->session, 1));
    if (count(&w->tally, nadir_session_read(s->session, s->w, values, sizeof values)) == NADIR_OK) {
      if (values[0] != values[WIDTH - 1] || values[0] > 0) ++w->tally.wrong;
    }
    if (count(&w->tally, nadir_grad_get(s->session, s->w, values, sizeof values)) == NADIR_OK) {
      if (values[0] != values[WIDTH - 1] || values[0] < 0) ++w->tally.wrong;
    }
  }
}

static void session_hammered_by_two_threads_survives(void **state) {
  worker workers[2];
  slope s;
  int i;
  (void)state;
  memset(workers, 0, sizeof workers);
  slope_open(&s);
  for (i = 0; i < 2; ++i) {
    workers[i].work = whole_cycles;
    workers[i].shared = &s;
  }
  run_together(workers, 2);
  for (i = 0; i < 2; ++i) {
    assert_int_equal(workers[i].tally.other, 0);
    assert_int_equal(workers[i].tally.wrong, 0);
    assert_int_equal(workers[i].tally.ok + workers[i].tally.busy + workers[i].tally.state, ROUNDS / 4 * 6);
  }
  assert_works_alone(&s);
  slope_close(&s);
}

/* Alone on its session: only the graph's readers are in the way, and only of the step. */
static void train(worker *w) {
  slope *s = (slope *)w->shared;
  tally steps;
  int i;
  memset(&steps, 0, sizeof steps);
  for (i = 0; i < ROUNDS; ++i) {
    if (nadir_zero_grad(s->session) != NADIR_OK) ++w->tally.wrong;
    if (nadir_forward(s->session) != NADIR_OK) ++w->tally.wrong;
    if (nadir_backward(s->session) != NADIR_OK) ++w->tally.wrong;
    count(&steps, nadir_sgd_step(s->session, 1));
  }
  w->tally.ok = steps.ok;
  w->tally.busy = steps.busy;
  w->tally.other = steps.other + steps.state;
}

static int torn(const double *values) {
  int i;
  for (i = 1; i < WIDTH; ++i) {
    if (values[i] != values[0]) return 1;
  }
  return 0;
}

static void look(worker *w) {
  slope *s = (slope *)w->shared;
  double values[WIDTH], last = 0;
  int i;
  for (i = 0; i < ROUNDS; ++i) {
    const nadir_status status = i % 2 == 0 ? nadir_param_get(s->graph, s->w, values, sizeof values)
                                           : nadir_params_flat_get(s->graph, NADIR_F64, values, sizeof values);
    if (count(&w->tally, status) != NADIR_OK) continue;
    if (torn(values) || values[0] > last) ++w->tally.wrong;
    last = values[0];
  }
}

static void gets_beside_training_see_whole_steps(void **state) {
  worker workers[2];
  slope s;
  (void)state;
  memset(workers, 0, sizeof workers);
  slope_open(&s);
  workers[0].work = train;
  workers[1].work = look;
  workers[0].shared = workers[1].shared = &s;
  run_together(workers, 2);
  assert_int_equal(workers[0].tally.ok + workers[0].tally.busy, ROUNDS);
  assert_int_equal(workers[0].tally.wrong, 0);
  assert_int_equal(workers[1].tally.ok + workers[1].tally.busy, ROUNDS);
  assert_int_equal(workers[1].tally.wrong, 0);
  assert_all_equal(&s, -(double)workers[0].tally.ok);
  slope_close(&s);
}

static void train_beside_sets(worker *w) {
  slope *s = (slope *)w->shared;
  int i;
  for (i = 0; i < ROUNDS; ++i) {
    count(&w->tally, nadir_zero_grad(s->session));
    count(&w->tally, nadir_forward(s->session));
    count(&w->tally, nadir_backward(s->session));
    count(&w->tally, nadir_sgd_step(s->session, 1));
  }
}

static void set(worker *w) {
  slope *s = (slope *)w->shared;
  double values[WIDTH];
  char options[64];
  int i, k;
  for (i = 0; i < ROUNDS; ++i) {
    for (k = 0; k < WIDTH; ++k) values[k] = i;
    snprintf(options, sizeof options, "init=constant value=%d", i);
    count(&w->tally, i % 3 == 0   ? nadir_param_set(s->graph, s->w, values, sizeof values)
                     : i % 3 == 1 ? nadir_params_flat_set(s->graph, NADIR_F64, values, sizeof values)
                                  : nadir_param_init(s->graph, "w", options));
    if (count(&w->tally, nadir_param_get(s->graph, s->w, values, sizeof values)) == NADIR_OK && torn(values)) {
      ++w->tally.wrong;
    }
  }
}

/* A set between forward and backward is NADIR_E_STATE for the trainer, and so is the step then; the setter meets
   only OK and BUSY. */
static void sets_beside_training_are_answered_ok_or_busy(void **state) {
  worker workers[2];
  slope s;
  (void)state;
  memset(workers, 0, sizeof workers);
  slope_open(&s);
  workers[0].work = train_beside_sets;
  workers[1].work = set;
  workers[0].shared = workers[1].shared = &s;
  run_together(workers, 2);
  assert_int_equal(workers[0].tally.other, 0);
  assert_int_equal(workers[1].tally.ok + workers[1].tally.busy, 2 * ROUNDS);
  assert_int_equal(workers[1].tally.wrong, 0);
  assert_works_alone(&s);
  slope_close(&s);
}

/* ------------------------------------------------------------------------------------------ a session changes hands */

typedef struct relay {
  fit f;
  pthread_mutex_t mutex;
  pthread_cond_t turned;
  int step;
} relay;

static void every_other_step(worker *w) {
  relay *r = (relay *)w->shared;
  int mine;
  for (mine = w->index; mine < FIT_STEPS; mine += 2) {
    const double x = fit_table[mine].x, t = fit_table[mine].t;
    pthread_mutex_lock(&r->mutex);
    while (r->step != mine) pthread_cond_wait(&r->turned, &r->mutex);
    count(&w->tally, nadir_session_write(r->f.train, r->f.x, &x, sizeof x));
    count(&w->tally, nadir_session_write(r->f.train, r->f.t, &t, sizeof t));
    count(&w->tally, nadir_zero_grad(r->f.train));
    count(&w->tally, nadir_forward(r->f.train));
    count(&w->tally, nadir_backward(r->f.train));
    count(&w->tally, nadir_sgd_step(r->f.train, 0.1));
    ++r->step;
    pthread_cond_broadcast(&r->turned);
    pthread_mutex_unlock(&r->mutex);
  }
}

static void session_handed_from_thread_to_thread_gives_the_same_bits(void **state) {
  relay r = {{0, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL}, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  worker workers[2];
  fit_trace alone;
  (void)state;
  memset(workers, 0, sizeof workers);
  fit_open(&r.f, NADIR_F64, 1);
  fit_run(&r.f, NULL, &alone);
  fit_set(&r.f, 1, 1);
  workers[0].work = workers[1].work = every_other_step;
  workers[0].shared = workers[1].shared = &r;
  run_together(workers, 2);
  assert_int_equal(workers[0].tally.ok, FIT_STEPS / 2 * 6);
  assert_int_equal(workers[1].tally.ok, FIT_STEPS / 2 * 6);
  assert_exact(param_value(r.f.graph, r.f.w, NADIR_F64), alone.rows[FIT_STEPS - 1].w);
  assert_exact(param_value(r.f.graph, r.f.b, NADIR_F64), alone.rows[FIT_STEPS - 1].b);
  fit_close(&r.f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sessions_that_predict_run_together),
      cmocka_unit_test(graphs_of_one_host_are_independent),
      cmocka_unit_test(parameters_count_exactly_the_steps_that_were_answered_ok),
      cmocka_unit_test(session_hammered_by_two_threads_survives),
      cmocka_unit_test(gets_beside_training_see_whole_steps),
      cmocka_unit_test(sets_beside_training_are_answered_ok_or_busy),
      cmocka_unit_test(session_handed_from_thread_to_thread_gives_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
