#include "core/session/live.h"

#include "core/base/memory.h"
#include "core/session/errors.h"
#include "core/session/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Of float outputs, so that each sample runs once for an edit; of activations, so that it begins at
// the layer that was edited. No more of these than a quarter of what is left under --memory.
enum { KEEP_BYTES = 256 << 20, KEEP_ACTIVATIONS = 512 << 20 };

struct bd_live {
  pthread_t thread;
  pthread_mutex_t lock; // of all below
  pthread_cond_t work;
  bd_wish *wishes; // the newest request; NULL none
  bool closing, failed, busy, ready;
  bool measuring; // local errors are wanted, or not known to be none
  bd_evaluation figures;
  uint64_t generation; // of the request that figures belong to; 0: the float network alone
  uint64_t wished;     // of the newest request
  uint64_t served;     // of the one under way

  bd_session *session; // workers use its wake pipe and notice
  const bd_model *model;
  int count, threads;
  bd_live_open open;
  void *arg;
  bd_cancel cancel; // of the evaluation under way

  // the thread's own
  bd_live_parts parts;
  bd_eval *eval;
  bd_swap *swap;
  bd_wish *applied;
  bool whole; // `applied` is all of the last request

  bd_errors *errors;
};

// --- on the live thread --------------------------------------------------------------------------

static void show(void *arg, const bd_evaluation *so_far) {
  bd_live *live = arg;
  pthread_mutex_lock(&live->lock);
  live->figures = *so_far;
  live->generation = live->served;
  pthread_mutex_unlock(&live->lock);
  bd_session_wake(live->session);
}

static bd_status evaluate(bd_live *live, const bd_swap *swap, bd_error *err) {
  bd_evaluation figures;
  BD_TRY(bd_eval_run(live->eval, swap, live->threads, &live->cancel, show, live, &figures, err));
  show(live, &figures);
  return BD_OK;
}

static bd_status apply(bd_live *live, int layer, const bd_wish *wanted, bd_error *err) {
  bd_wish *held = &live->applied[layer];
  if (!wanted->index || (held->index && bd_setting_equal(&held->setting, &wanted->setting)))
    return BD_OK;
  bd_result *result;
  bd_effort effort = bd_effort_for(&wanted->setting);
  BD_TRY(bd_quantize(wanted->index, &wanted->setting, effort, &live->cancel, &result, err));
  bd_status status = bd_eval_set(live->swap, live->model, layer, wanted->index, result, err);
  bd_result_free(result);
  if (status == BD_OK) *held = *wanted;
  return status;
}

static bd_status serve(bd_live *live, const bd_wish *wishes, bd_error *err) {
  live->whole = false;
  for (int i = 0; i < live->count; i++)
    BD_TRY(apply(live, i, &wishes[i], err));
  BD_TRY(evaluate(live, live->swap, err));
  live->whole = true;
  return BD_OK;
}

static bd_status prepare(bd_live *live, bd_error *err) {
  live->applied = calloc((size_t)live->count + 1, sizeof *live->applied);
  if (!live->applied) return bd_fail_memory(err, "the accuracy");
  BD_TRY(live->open(live->arg, live->model, &live->cancel, &live->parts, err));
  bd_survey *survey;
  BD_TRY(bd_survey_new(live->model, live->parts.engine, &survey, err));
  bd_session_give_survey(live->session, survey, true);
  BD_TRY(bd_eval_new(live->parts.engine, live->parts.data, live->parts.labels, KEEP_BYTES,
                     &live->eval, err));
  size_t quarter = bd_memory_left() / 4;
  bd_eval_keep(live->eval, quarter < KEEP_ACTIVATIONS ? quarter : KEEP_ACTIVATIONS);
  BD_TRY(bd_swap_new(live->parts.engine, &live->swap, err));
  return evaluate(live, NULL, err);
}

// The local error of a layer, where the settings that are there are those of now.
static bool wants_error(bd_live *live, int *layer) {
  return live->whole && !atomic_load(&live->cancel) &&
         bd_errors_next(live->errors, live->applied, layer);
}

// What is done next: a request in *wishes, or else the local error of *layer. False: the session
// closes.
static bool await(bd_live *live, bd_wish **wishes, int *layer) {
  bool error = false;
  pthread_mutex_lock(&live->lock);
  live->ready = true;
  live->busy = false;
  while (!live->wishes && !live->closing && !(error = wants_error(live, layer))) {
    live->measuring = false;
    bd_session_wake(live->session);
    pthread_cond_wait(&live->work, &live->lock);
  }
  bool open = !live->closing;
  *wishes = open && !error ? live->wishes : NULL;
  if (*wishes) {
    live->wishes = NULL;
    live->busy = live->measuring = true;
    live->served = live->wished;
    atomic_store(&live->cancel, false);
  }
  pthread_mutex_unlock(&live->lock);
  bd_session_wake(live->session);
  return open;
}

// The reason first, so that who sees the failure has it.
static void give_up(bd_live *live, const bd_error *err) {
  bd_session_say(live->session, err->text);
  pthread_mutex_lock(&live->lock);
  live->failed = !live->closing;
  live->busy = false;
  pthread_mutex_unlock(&live->lock);
  bd_session_wake(live->session);
}

// The accuracy goes on without local errors.
static void measure(bd_live *live, int layer) {
  bd_error why;
  bd_status status = bd_errors_measure(live->errors, &live->parts, layer, &live->applied[layer],
                                       &live->cancel, &why);
  if (status == BD_OK || status == BD_CANCELLED) return;
  bd_session_say(live->session, why.text);
  bd_errors_give_up(live->errors);
}

static void *run(void *arg) {
  bd_live *live = arg;
  bd_error err = {{0}};
  bd_status status = prepare(live, &err);
  bd_wish *wishes;
  int layer;
  while (status == BD_OK && await(live, &wishes, &layer)) {
    if (wishes)
      status = serve(live, wishes, &err);
    else
      measure(live, layer);
    if (status == BD_CANCELLED) status = BD_OK; // by the next edit
    free(wishes);
  }
  if (status != BD_OK) give_up(live, &err);
  return NULL;
}

// --- on the UI thread ----------------------------------------------------------------------------

bd_status bd_session_go_live(bd_session *session, bd_live_open open, void *arg, bd_error *err) {
  bd_live *live = calloc(1, sizeof *live);
  if (!live) return bd_fail_memory(err, "the accuracy");
  live->session = session;
  live->model = session->model;
  live->count = session->count;
  live->threads = bd_pool_threads(session->pool);
  live->open = open;
  live->arg = arg;
  live->busy = live->measuring = true;
  bd_status status = bd_errors_new(session->model, live->threads, &live->errors, err);
  if (status != BD_OK) {
    free(live);
    return status;
  }
  pthread_mutex_init(&live->lock, NULL);
  pthread_cond_init(&live->work, NULL);
  if (pthread_create(&live->thread, NULL, run, live) != 0) {
    pthread_cond_destroy(&live->work);
    pthread_mutex_destroy(&live->lock);
    bd_errors_free(live->errors);
    free(live);
    return bd_fail(err, BD_FAILED, "no thread can be started: check `ulimit -u`");
  }
  session->live = live;
  session->live_state.on = true;
  bd_live_look(session);
  return BD_OK;
}

void bd_live_free(bd_live *live) {
  if (!live) return;
  pthread_mutex_lock(&live->lock);
  live->closing = true;
  atomic_store(&live->cancel, true);
  pthread_cond_signal(&live->work);
  pthread_mutex_unlock(&live->lock);
  pthread_join(live->thread, NULL);
  bd_errors_free(live->errors);
  bd_swap_free(live->swap);
  bd_eval_free(live->eval);
  bd_engine_free(live->parts.engine);
  bd_data_free(live->parts.data);
  free(live->parts.labels);
  free(live->applied);
  free(live->wishes);
  pthread_cond_destroy(&live->work);
  pthread_mutex_destroy(&live->lock);
  free(live);
}

void bd_live_source(const bd_live *live, bd_live_open *open, void **arg) {
  *open = live->open;
  *arg = live->arg;
}

void bd_live_changed(bd_session *session) {
  session->live_wanted++;
  session->live_state.current = session->live_state.done = false;
  bd_live *live = session->live;
  if (!live) return;
  pthread_mutex_lock(&live->lock);
  free(live->wishes);
  live->wishes = NULL;
  // The float network's first pass is never in vain: its outputs are kept.
  if (live->ready) atomic_store(&live->cancel, true);
  pthread_mutex_unlock(&live->lock);
}

static bool settled(const bd_session *session) {
  for (int i = 0; i < session->count; i++) {
    const bd_layer_state *state = &session->states[i];
    if (!state->refused && (!state->index || state->stale)) return false;
  }
  return true;
}

static void post(bd_session *session) {
  bd_live *live = session->live;
  bd_wish *wishes = calloc((size_t)session->count + 1, sizeof *wishes);
  if (!wishes) return;
  for (int i = 0; i < session->count; i++)
    wishes[i] = (bd_wish){session->states[i].index, session->states[i].dial.setting};
  pthread_mutex_lock(&live->lock);
  free(live->wishes);
  live->wishes = wishes;
  live->wished = session->live_wanted;
  pthread_cond_signal(&live->work);
  pthread_mutex_unlock(&live->lock);
  session->live_posted = session->live_wanted;
}

bool bd_live_poll(bd_session *session) {
  bd_live *live = session->live;
  if (!live) return false;
  if (session->live_posted != session->live_wanted && settled(session)) post(session);
  bd_live_state *state = &session->live_state, old = *state;
  pthread_mutex_lock(&live->lock);
  state->on = !live->failed;
  state->figures = live->figures;
  state->current = live->generation == session->live_wanted;
  state->done = state->current && !live->busy;
  state->measuring = live->measuring;
  pthread_mutex_unlock(&live->lock);
  bool errors = bd_errors_poll(live->errors, session);
  return errors || old.figures.samples != state->figures.samples || old.current != state->current ||
         old.done != state->done || old.on != state->on;
}

int bd_live_pending(const bd_session *session) {
  const bd_live_state *state = &session->live_state;
  return state->on ? !state->done + state->measuring : 0;
}

void bd_live_look(bd_session *session) {
  if (session->live)
    bd_errors_look_at(session->live->errors, session->in_hand, session->first, session->last);
}

const bd_live_state *bd_session_live(const bd_session *session) {
  return &session->live_state;
}
