#include "core/session/sensing.h"

#include "core/base/clock.h"
#include "core/session/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACTIVATIONS = 256 << 20, WIDTHS = BD_BITS_MAX + 1 }; // bytes; effects of a layer, by bits

static const double save_every = 5; // s

struct bd_sensing {
  pthread_t thread;
  bd_session *session; // the thread uses its wake pipe and notice
  const bd_model *model;
  int count, threads;
  bd_live_open open;
  void *arg;
  bd_layer_study *studies; // indexes of the session; by layer
  bd_setting *settings;    // as they are swept
  char *path;              // NULL: nothing is saved
  bd_cancel cancel;

  pthread_mutex_t lock; // of all below
  bool running;
  int64_t samples, wanted;
  double float_top1;
  bd_effect *effects; // by layer and bits; bits 0: not known yet

  double saved; // the thread's own
};

// --- on its thread -------------------------------------------------------------------------------

static void publish(bd_sensing *s, const bd_sensitivity *so_far) {
  pthread_mutex_lock(&s->lock);
  s->samples = so_far->samples;
  s->wanted = so_far->wanted;
  s->float_top1 = so_far->float_top1;
  for (int k = 0; k < so_far->count; k++) {
    int layer = bd_model_find(s->model, so_far->layers[k].tensor);
    for (int i = 0; i < so_far->layers[k].count; i++) {
      const bd_effect *effect = &so_far->layers[k].effects[i];
      if (effect->bits < WIDTHS) s->effects[layer * WIDTHS + effect->bits] = *effect;
    }
  }
  pthread_mutex_unlock(&s->lock);
  bd_session_wake(s->session);
}

// Where that fails the sweep goes on all the same, and is not saved again.
static void save(bd_sensing *s, const bd_sensitivity *state) {
  bd_error why;
  if (!s->path || bd_sensitivity_write(s->path, state, &why) == BD_OK) return;
  bd_session_say(s->session, why.text);
  free(s->path);
  s->path = NULL;
}

static bd_status show(void *arg, const bd_sensitivity *so_far, bd_error *err) {
  (void)err;
  bd_sensing *s = arg;
  publish(s, so_far);
  if (bd_seconds() - s->saved < save_every) return BD_OK;
  s->saved = bd_seconds();
  save(s, so_far);
  return BD_OK;
}

// What an earlier run left. A file of another sweep is not touched.
static void resume(bd_sensing *s, bd_sensitivity *state) {
  bd_sensitivity earlier;
  bd_error why;
  char said[sizeof why.text + 64];
  if (!s->path || access(s->path, F_OK) != 0) return;
  bd_status status = bd_sensitivity_read(s->path, &earlier, &why);
  if (status == BD_OK) status = bd_sensitivity_resume(state, &earlier, s->path, &why);
  bd_sensitivity_free(&earlier);
  if (status == BD_OK) return;
  snprintf(said, sizeof said, "the sweep is not saved: %s", why.text);
  bd_session_say(s->session, said);
  free(s->path);
  s->path = NULL;
}

static bd_status measure(bd_sensing *s, const bd_sweep_parts *parts, bd_pool *pool, bd_error *err) {
  bd_sensitivity state;
  BD_TRY(bd_sensitivity_new(parts, s->settings, s->threads, &s->cancel, &state, err));
  resume(s, &state);
  if (state.samples) publish(s, &state);
  bd_status status = BD_OK;
  if (state.samples < state.wanted)
    status = bd_sweep_run(parts, &state, ACTIVATIONS, pool, &s->cancel, show, s, err);
  if (state.samples && (status == BD_OK || status == BD_CANCELLED)) save(s, &state);
  bd_sensitivity_free(&state);
  return status;
}

static bd_status with_network(bd_sensing *s, const bd_live_parts *live, bd_pool *pool,
                              bd_error *err) {
  bd_engine_options options = {.apart = true, .cancel = &s->cancel};
  bd_varied varied = bd_varied_default();
  bd_points points;
  bd_engine *apart = NULL;
  BD_TRY(bd_points_make(s->studies, s->settings, NULL, s->count, &varied, &points, err));
  bd_status status = bd_points_quantize(&points, s->studies, pool, &s->cancel, NULL, NULL, err);
  if (status == BD_OK)
    status = bd_engine_compile(s->model, bd_data_inputs(live->data), &options, &apart, err);
  bd_sweep_parts parts = {s->model, live->data, live->labels, live->engine,
                          apart,    s->studies, &points};
  if (status == BD_OK) status = measure(s, &parts, pool, err);
  bd_engine_free(apart);
  bd_points_free(&points);
  return status;
}

static bd_status sweep(bd_sensing *s, bd_error *err) {
  bd_live_parts live;
  bd_pool *pool;
  BD_TRY(s->open(s->arg, s->model, &s->cancel, &live, err));
  bd_status status = bd_pool_new(s->threads, &pool, err);
  if (status == BD_OK) {
    status = with_network(s, &live, pool, err);
    bd_pool_free(pool);
  }
  bd_engine_free(live.engine);
  bd_data_free(live.data);
  free(live.labels);
  return status;
}

static void *run(void *arg) {
  bd_sensing *s = arg;
  bd_error err = {{0}};
  bd_status status = sweep(s, &err);
  if (status != BD_OK && status != BD_CANCELLED) bd_session_say(s->session, err.text);
  pthread_mutex_lock(&s->lock);
  s->running = false;
  pthread_mutex_unlock(&s->lock);
  bd_session_wake(s->session);
  return NULL;
}

// --- on the UI thread ----------------------------------------------------------------------------

void bd_sensing_free(bd_sensing *s) {
  if (!s) return;
  if (s->session) {
    atomic_store(&s->cancel, true);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
  }
  free(s->studies);
  free(s->settings);
  free(s->effects);
  free(s->path);
  free(s);
}

// Everything but the thread.
static bd_status prepare(const bd_session *session, bool save, bd_sensing *s, bd_error *err) {
  size_t room = (size_t)session->count + 1;
  s->model = session->model;
  s->count = session->count;
  s->threads = bd_pool_threads(session->pool);
  bd_live_source(session->live, &s->open, &s->arg);
  s->studies = calloc(room, sizeof *s->studies);
  s->settings = calloc(room, sizeof *s->settings);
  s->effects = calloc(room * WIDTHS, sizeof *s->effects);
  bool path =
      !save || asprintf(&s->path, "%s.sensitivity.json", bd_model_about(session->model)->file) >= 0;
  if (!s->studies || !s->settings || !s->effects || !path) return bd_fail_memory(err, "the sweep");
  for (int i = 0; i < s->count; i++) {
    const bd_layer_state *state = &session->states[i];
    if (!state->refused && !state->index)
      return bd_fail(err, BD_INVALID, "not every layer is read yet: in a moment");
    s->studies[i].index = session->slots[i].index;
    s->settings[i] = state->dial.setting;
  }
  return BD_OK;
}

bd_status bd_session_sweep(bd_session *session, bool save, bd_error *err) {
  if (!session->live || !session->live_state.on)
    return bd_fail(err, BD_INVALID, "a sweep needs data: start with --data PATH");
  if (session->sensing_state.running) return bd_fail(err, BD_INVALID, "a sweep is running already");
  bd_sensing *s = calloc(1, sizeof *s);
  if (!s) return bd_fail_memory(err, "the sweep");
  bd_status status = prepare(session, save, s, err);
  if (status == BD_OK) {
    bd_sensing_free(session->sensing);
    session->sensing = NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->session = session;
    s->running = true;
    if (pthread_create(&s->thread, NULL, run, s) == 0) {
      session->sensing = s;
      session->sensing_state = (bd_sensing_state){.running = true};
      return BD_OK;
    }
    pthread_mutex_destroy(&s->lock);
    s->session = NULL;
    status = bd_fail(err, BD_FAILED, "no thread can be started: check `ulimit -u`");
  }
  bd_sensing_free(s);
  return status;
}

void bd_session_stop_sweep(bd_session *session) {
  if (session->sensing) atomic_store(&session->sensing->cancel, true);
}

bool bd_sensing_poll(bd_session *session) {
  bd_sensing *s = session->sensing;
  bd_sensing_state old = session->sensing_state;
  if (!s) return false;
  pthread_mutex_lock(&s->lock);
  session->sensing_state = (bd_sensing_state){s->running, s->samples, s->wanted};
  pthread_mutex_unlock(&s->lock);
  return old.running != session->sensing_state.running ||
         old.samples != session->sensing_state.samples;
}

const bd_sensing_state *bd_session_sensing(const bd_session *session) {
  return &session->sensing_state;
}

bool bd_session_effect(const bd_session *session, int layer, int bits, bd_effect *out) {
  bd_sensing *s = session->sensing;
  if (!s || !session->sensing_state.samples) return false;
  bd_setting now = session->states[layer].dial.setting;
  now.bits = s->settings[layer].bits;
  if (!bd_setting_equal(&now, &s->settings[layer])) return false;
  pthread_mutex_lock(&s->lock);
  *out = s->effects[layer * WIDTHS + bits];
  pthread_mutex_unlock(&s->lock);
  return out->bits == bits;
}

double bd_session_float_top1(const bd_session *session) {
  bd_sensing *s = session->sensing;
  if (!s) return NAN;
  pthread_mutex_lock(&s->lock);
  double top1 = s->float_top1;
  pthread_mutex_unlock(&s->lock);
  return top1;
}
