#include "core/session/live.h"

#include "core/base/memory.h"
#include "core/session/errors.h"
#include "core/session/internal.h"
#include "core/session/remake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Of float outputs, so that each sample runs once for an edit; of activations, so that it begins at
// the layer that was edited. No more of these than a quarter of what is left under --memory.
enum { KEEP_BYTES = 256 << 20, KEEP_ACTIVATIONS = 512 << 20 };

// What is to be evaluated.
typedef struct request {
  bd_wish *wishes; // NULL: none
  bd_repair_plan plan;
  char *config; // that the plan is of; NULL: no memory for its name
} request;

struct bd_live {
  pthread_t thread;
  pthread_mutex_t lock; // of all below
  pthread_cond_t work;
  request newest;
  bd_live_calibrate calibrate;
  bool closing, failed, busy, ready;
  bool measuring; // local errors are wanted, or not known to be none
  bd_evaluation figures;
  uint64_t generation; // of the request that figures belong to; 0: the float network alone
  uint64_t wished;     // of the newest request
  uint64_t served;     // of the one under way
  bd_recovery repaired, serving; // the network that figures are of; that under way
  int mended, to_mend;           // of the repair under way
  bd_error trouble;              // why the network of figures is not repaired; empty: no failure
  bd_repair *repair;             // finished, and not taken in yet
  bd_calibration calibration;    // the one in use, for the config; file NULL: none, or taken in

  bd_session *session; // workers use its wake pipe and notice
  const bd_model *model;
  int count, threads;
  bd_live_open open;
  void *arg;
  bd_cancel cancel; // of the evaluation under way

  // the thread's own
  bd_live_parts parts;
  bd_live_calibration on; // samples NULL: none are open
  bool scores_rest;       // eval is over what calibration leaves
  bd_eval *eval;
  bd_remake *remake;
  char *said;      // of the last repair
  request applied; // the last one
  bool whole;      // all of it is done

  bd_errors *errors;
};

// --- on the live thread --------------------------------------------------------------------------

static void show(void *arg, const bd_evaluation *so_far) {
  bd_live *live = arg;
  pthread_mutex_lock(&live->lock);
  live->figures = *so_far;
  live->generation = live->served;
  live->repaired = live->serving;
  pthread_mutex_unlock(&live->lock);
  bd_session_wake(live->session);
}

static bd_status evaluate(bd_live *live, const bd_swap *swap, bd_error *err) {
  bd_evaluation figures;
  BD_TRY(bd_eval_run(live->eval, swap, live->threads, &live->cancel, show, live, &figures, err));
  show(live, &figures);
  return BD_OK;
}

static bd_status evaluate_on(bd_live *live, bool rest, bd_error *err) {
  if (live->eval && live->scores_rest == rest) return BD_OK;
  bd_eval_free(live->eval);
  live->eval = NULL;
  live->scores_rest = rest;
  const bd_data *data = rest ? live->on.scored : live->parts.data;
  bd_errors_over(live->errors, data);
  BD_TRY(bd_eval_new(live->parts.engine, data, rest ? live->on.labels : live->parts.labels,
                     KEEP_BYTES, &live->eval, err));
  size_t quarter = bd_memory_left() / 4;
  bd_eval_keep(live->eval, quarter < KEEP_ACTIVATIONS ? quarter : KEEP_ACTIVATIONS);
  return BD_OK;
}

static void show_progress(void *arg, int done, int total) {
  bd_live *live = arg;
  pthread_mutex_lock(&live->lock);
  live->mended = done;
  live->to_mend = total;
  pthread_mutex_unlock(&live->lock);
  bd_session_wake(live->session);
}

static void close_calibration(bd_live_calibration *on) {
  bd_data_free(on->samples);
  bd_data_free(on->samples_whole);
  bd_data_free(on->scored);
  bd_data_free(on->whole);
  free(on->labels);
  free(on->about.file);
  *on = (bd_live_calibration){0};
}

// Does the plan name other samples than those that are open? One without a hash takes any.
static bool is_other(const bd_live *live, const bd_repair_plan *plan) {
  bd_repair_plan named = *plan, open = {plan->how, live->on.about};
  if (!live->on.samples) return true;
  if (!*named.calibration.sha256) memcpy(named.calibration.sha256, open.calibration.sha256, 65);
  return named.calibration.file && !bd_repair_plan_equal(&named, &open);
}

static bd_status open_calibration(bd_live *live, const bd_repair_plan *plan, bd_error *err) {
  if (!live->calibrate)
    return bd_fail(err, BD_INVALID, "repair needs data: start with --data PATH");
  if (!is_other(live, plan)) return BD_OK;
  bd_remake_calibrate(live->remake, NULL);
  bd_eval_free(live->eval);
  live->eval = NULL;
  bd_errors_over(live->errors, live->parts.data);
  close_calibration(&live->on);
  BD_TRY(live->calibrate(live->arg, live->model, plan, live->applied.config, &live->cancel,
                         &live->on, err));
  bd_remake_calibrate(live->remake, live->on.samples);
  return BD_OK;
}

// The config is to name them.
static void hand_calibration(bd_live *live) {
  bd_repair_plan plan = {live->serving, live->on.about}, copy = {0};
  if (!plan.calibration.file || bd_repair_plan_copy(&plan, &copy, NULL) != BD_OK) return;
  pthread_mutex_lock(&live->lock);
  free(live->calibration.file);
  live->calibration = copy.calibration;
  pthread_mutex_unlock(&live->lock);
}

// Says what the repair did where it is other news than that of the last one.
static void say_repair(bd_live *live, const bd_repair *repair) {
  char *text = bd_repair_text(repair, live->model, live->on.scored != NULL);
  if (text && (!live->said || strcmp(text, live->said) != 0)) bd_session_say(live->session, text);
  free(live->said);
  live->said = text;
}

static bd_status repair(bd_live *live, const bd_repair_plan *plan, bd_repair **out, bd_error *err) {
  BD_TRY(open_calibration(live, plan, err));
  hand_calibration(live);
  BD_TRY(bd_remake_repair(live->remake, plan->how, show_progress, live, out, err));
  say_repair(live, *out);
  return BD_OK;
}

static void keep_trouble(bd_live *live, const bd_error *why) {
  pthread_mutex_lock(&live->lock);
  live->trouble = *why;
  pthread_mutex_unlock(&live->lock);
}

// One that cannot be made is said; the figures are then those without it.
static bd_status try_repair(bd_live *live, const bd_repair_plan *plan, bd_repair **out,
                            bd_error *err) {
  bd_error why = {{0}};
  *out = NULL;
  live->serving = plan->how;
  keep_trouble(live, &why);
  if (plan->how == BD_RECOVER_NONE)
    return bd_remake_repair(live->remake, plan->how, NULL, NULL, out, err);
  bd_status status = repair(live, plan, out, &why);
  show_progress(live, 0, 0);
  if (status == BD_OK) return BD_OK;
  live->serving = BD_RECOVER_NONE;
  if (status == BD_CANCELLED) return status;
  char said[sizeof why.text + 32];
  snprintf(said, sizeof said, "not repaired: %s", why.text);
  keep_trouble(live, &why);
  bd_session_say(live->session, said);
  return BD_OK;
}

static bd_status serve(bd_live *live, bd_error *err) {
  const request *wanted = &live->applied;
  bd_repair *repair;
  BD_TRY(bd_remake_quantize(live->remake, wanted->wishes, err));
  BD_TRY(try_repair(live, &wanted->plan, &repair, err));
  bd_status status = evaluate_on(live, repair && live->on.scored, err);
  if (status == BD_OK) status = bd_remake_put(live->remake, repair, err);
  pthread_mutex_lock(&live->lock);
  bd_repair_free(live->repair);
  live->repair = repair;
  pthread_mutex_unlock(&live->lock);
  BD_TRY(status);
  BD_TRY(evaluate(live, bd_remake_swap(live->remake), err));
  live->whole = true;
  bd_errors_renew(live->errors, live->remake);
  return BD_OK;
}

static bd_status prepare(bd_live *live, bd_error *err) {
  BD_TRY(live->open(live->arg, live->model, &live->cancel, &live->parts, err));
  bd_survey *survey;
  BD_TRY(bd_survey_new(live->model, live->parts.engine, &survey, err));
  bd_session_give_survey(live->session, survey, true);
  BD_TRY(evaluate_on(live, false, err));
  BD_TRY(bd_remake_new(live->model, live->parts.engine, live->threads, &live->cancel, &live->remake,
                       err));
  return evaluate(live, NULL, err);
}

static void drop(request *r) {
  free(r->wishes);
  bd_repair_plan_free(&r->plan);
  free(r->config);
  *r = (request){0};
}

// The local error of a layer, where the settings that are there are those of now.
static bool wants_error(bd_live *live, int *layer) {
  return live->whole && !atomic_load(&live->cancel) &&
         bd_errors_next(live->errors, live->remake, layer);
}

// What is done next: the request that is now `applied`, or else the local error of *layer (below 0:
// a request). False: the session closes.
static bool await(bd_live *live, int *layer) {
  bool error = false;
  pthread_mutex_lock(&live->lock);
  live->ready = true;
  live->busy = false;
  while (!live->newest.wishes && !live->closing && !(error = wants_error(live, layer))) {
    live->measuring = false;
    bd_session_wake(live->session);
    pthread_cond_wait(&live->work, &live->lock);
  }
  bool open = !live->closing;
  if (open && !error) {
    drop(&live->applied);
    live->applied = live->newest;
    live->newest = (request){0};
    live->whole = false;
    *layer = -1;
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
  bd_status status = bd_errors_measure(live->errors, layer, live->remake, &live->cancel, &why);
  if (status == BD_OK || status == BD_CANCELLED) return;
  bd_session_say(live->session, why.text);
  bd_errors_give_up(live->errors);
}

static void *run(void *arg) {
  bd_live *live = arg;
  bd_error err = {{0}};
  bd_status status = prepare(live, &err);
  int layer;
  while (status == BD_OK && await(live, &layer)) {
    if (layer < 0)
      status = serve(live, &err);
    else
      measure(live, layer);
    if (status == BD_CANCELLED) status = BD_OK; // by the next edit
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
  bd_eval_free(live->eval);
  bd_remake_free(live->remake);
  close_calibration(&live->on);
  bd_engine_free(live->parts.engine);
  bd_data_free(live->parts.data);
  free(live->parts.labels);
  drop(&live->applied);
  drop(&live->newest);
  bd_repair_free(live->repair);
  free(live->calibration.file);
  free(live->said);
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
  session->live_state.repair = NULL;
  bd_live *live = session->live;
  if (!live) return;
  pthread_mutex_lock(&live->lock);
  drop(&live->newest);
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
  request wanted = {.wishes = calloc((size_t)session->count + 1, sizeof *wanted.wishes)};
  if (!wanted.wishes) return;
  if (bd_repair_plan_copy(&session->repair, &wanted.plan, NULL) != BD_OK) {
    drop(&wanted);
    return;
  }
  wanted.config = strdup(session->config_path);
  for (int i = 0; i < session->count; i++)
    wanted.wishes[i] = (bd_wish){session->states[i].index, session->states[i].dial.setting};
  pthread_mutex_lock(&live->lock);
  drop(&live->newest);
  live->newest = wanted;
  live->wished = session->live_wanted;
  pthread_cond_signal(&live->work);
  pthread_mutex_unlock(&live->lock);
  session->live_posted = session->live_wanted;
}

// What was calibrated on belongs to the plan, for the config to name it; no step of its own.
static void take_calibration(bd_session *session) {
  bd_live *live = session->live;
  bd_repair_plan *plan = &session->repair;
  if (plan->how == BD_RECOVER_NONE || plan->calibration.file || !live->calibration.file) return;
  bd_repair_plan named = {plan->how, live->calibration};
  bool saved = bd_repair_plan_equal(plan, &session->saved_repair);
  bd_repair_plan_put(plan, &named);
  if (saved) bd_repair_plan_put(&session->saved_repair, &named);
}

static void take_repair(bd_session *session) {
  bd_live *live = session->live;
  bd_live_state *state = &session->live_state;
  state->repaired = live->repaired;
  state->mended = live->mended;
  state->to_mend = live->to_mend;
  state->trouble = live->trouble;
  if (live->repair) {
    bd_repair_free(session->live_repair);
    session->live_repair = live->repair;
    live->repair = NULL;
  }
  bool now = state->current && state->repaired != BD_RECOVER_NONE;
  state->repair = now ? session->live_repair : NULL;
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
  take_repair(session);
  take_calibration(session);
  pthread_mutex_unlock(&live->lock);
  bool errors = bd_errors_poll(live->errors, session);
  return errors || old.figures.samples != state->figures.samples || old.current != state->current ||
         old.done != state->done || old.on != state->on || old.mended != state->mended ||
         old.to_mend != state->to_mend;
}

void bd_session_live_repairs(bd_session *session, bd_live_calibrate calibrate) {
  bd_live *live = session->live;
  pthread_mutex_lock(&live->lock);
  live->calibrate = calibrate;
  pthread_mutex_unlock(&live->lock);
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
