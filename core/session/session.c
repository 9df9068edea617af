#include "core/session/config.h"
#include "core/session/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void reset_states(bd_session *session, const bd_dial *dials) {
  for (int i = 0; i < session->count; i++) {
    bd_layer_state *state = &session->states[i];
    if (dials)
      state->dial = dials[i];
    else
      state->dial.setting = bd_setting_default();
    session->saved[i] = state->dial;
    state->refused = bd_model_layer(session->model, i)->refused;
    state->stale = !state->refused;
    state->curve_prune = state->local_db = NAN;
    for (int bits = 0; bits <= BD_BITS_MAX; bits++)
      state->curve[bits] = state->curve_bytes[bits] = NAN;
  }
}

static char *default_config_path(const bd_model *model) {
  char *path;
  return asprintf(&path, "%s.bitdial.json", bd_model_about(model)->file) < 0 ? NULL : path;
}

static bd_status open_parts(bd_session *session, const char *config_path, int threads,
                            bd_error *err) {
  size_t room = (size_t)session->count + 1;
  session->states = calloc(room, sizeof *session->states);
  session->slots = calloc(room, sizeof *session->slots);
  session->saved = calloc(room, sizeof *session->saved);
  session->undo = bd_undo_new();
  session->config_path = config_path ? strdup(config_path) : default_config_path(session->model);
  if (!session->states || !session->slots || !session->saved || !session->undo ||
      !session->config_path)
    return bd_fail_memory(err, "the layer table");
  if (pipe2(session->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
    session->wake[0] = session->wake[1] = -1;
    return bd_fail(err, BD_FAILED, "no pipe can be opened: %s", strerror(errno));
  }
  return bd_pool_new(threads, &session->pool, err);
}

bd_status bd_session_new(bd_model *model, const bd_dial *dials, const char *config_path,
                         int threads, bd_session **out, bd_error *err) {
  *out = NULL;
  bd_session *session = calloc(1, sizeof *session);
  if (!session) {
    bd_model_close(model);
    return bd_fail_memory(err, "the session");
  }
  session->model = model;
  session->count = bd_model_layer_count(model);
  session->wake[0] = session->wake[1] = -1;
  session->last = -1;
  pthread_mutex_init(&session->lock, NULL);
  bd_status status = open_parts(session, config_path, threads, err);
  if (status != BD_OK) {
    bd_session_free(session);
    return status;
  }
  reset_states(session, dials);
  bd_insight_start(session);
  session->live_wanted = 1;
  bd_jobs_dispatch(session);
  session->survey_pending = true;
  bd_survey_start(session);
  bd_jobs_check_model(session);
  *out = session;
  return BD_OK;
}

static bd_delivery *collect(bd_session *session) {
  pthread_mutex_lock(&session->lock);
  bd_delivery *list = session->deliveries;
  session->deliveries = NULL;
  pthread_mutex_unlock(&session->lock);
  return list;
}

static void free_layers(bd_session *session) {
  for (int i = 0; i < session->count && session->slots; i++) {
    bd_index_free(session->slots[i].index);
    bd_result_free(session->slots[i].result);
    free(session->slots[i].refused);
  }
  free(session->states);
  free(session->slots);
  free(session->saved);
}

void bd_session_free(bd_session *session) {
  if (!session) return;
  bd_session_stop_sweep(session); // both threads end at the same time
  bd_live_free(session->live);
  bd_repair_free(session->live_repair);
  bd_sensing_free(session->sensing);
  bd_pool_free(session->pool);
  for (bd_delivery *list = collect(session); list;) {
    bd_delivery *next = list->next;
    bd_delivery_free(list);
    list = next;
  }
  free_layers(session);
  bd_survey_free(session->survey);
  bd_survey_free(session->new_survey);
  bd_undo_free(session->undo);
  bd_repair_plan_free(&session->repair);
  bd_repair_plan_free(&session->saved_repair);
  bd_insight_free(session);
  bd_seen_free(session);
  cJSON_Delete(session->kept);
  free(session->config_path);
  free(session->notice);
  free(session->shown_notice);
  if (session->wake[0] >= 0) close(session->wake[0]);
  if (session->wake[1] >= 0) close(session->wake[1]);
  pthread_mutex_destroy(&session->lock);
  bd_model_close(session->model);
  free(session);
}

const bd_model *bd_session_model(const bd_session *session) {
  return session->model;
}

int bd_session_count(const bd_session *session) {
  return session->count;
}

const bd_layer_state *bd_session_layer(const bd_session *session, int layer) {
  return &session->states[layer];
}

bd_totals bd_session_totals(const bd_session *session) {
  bd_totals totals = {0};
  for (int i = 0; i < session->count; i++) {
    const bd_layer_state *state = &session->states[i];
    totals.stale += state->result && state->stale;
    if (state->result)
      bd_totals_add(&totals, state->result, bd_index_stats(state->index));
    else if (!state->refused)
      totals.missing++;
  }
  bd_totals_close(&totals);
  return totals;
}

int bd_session_pending(const bd_session *session) {
  return bd_jobs_pending(session);
}

bd_status bd_session_trouble(const bd_session *session, bd_error *err) {
  return session->short_of_memory ? bd_fail_memory(err, "all results") : BD_OK;
}

int bd_session_wake_fd(const bd_session *session) {
  return session->wake[0];
}

bool bd_session_poll(bd_session *session) {
  char bytes[256];
  while (read(session->wake[0], bytes, sizeof bytes) > 0)
    continue;
  bool changed = false;
  for (bd_delivery *list = collect(session); list;) {
    bd_delivery *next = list->next;
    changed |= bd_jobs_take(session, list);
    list = next;
  }
  changed |= bd_survey_poll(session);
  changed |= bd_live_poll(session);
  changed |= bd_sensing_poll(session);
  changed |= bd_seen_poll(session);
  bd_jobs_dispatch(session);
  return changed;
}

void bd_session_wake(bd_session *session) {
  // A full pipe has woken the UI already.
  if (write(session->wake[1], "", 1) < 0) return;
}

void bd_session_say(bd_session *session, const char *text) {
  pthread_mutex_lock(&session->lock);
  free(session->notice);
  session->notice = strdup(text);
  pthread_mutex_unlock(&session->lock);
  bd_session_wake(session);
}

const char *bd_session_notice(bd_session *session) {
  pthread_mutex_lock(&session->lock);
  char *notice = session->notice;
  session->notice = NULL;
  pthread_mutex_unlock(&session->lock);
  if (!notice) return NULL;
  free(session->shown_notice);
  return session->shown_notice = notice;
}

void bd_session_look_at(bd_session *session, int in_hand, int first, int last) {
  session->in_hand = in_hand;
  session->first = first < 0 ? 0 : first;
  session->last = last >= session->count ? session->count - 1 : last;
  bd_jobs_dispatch(session);
  bd_live_look(session);
}

// --- edits ---------------------------------------------------------------------------------------

static bool same_dial(const bd_dial *a, const bd_dial *b) {
  return a->locked == b->locked && bd_setting_equal(&a->setting, &b->setting);
}

// A lock changes no result; bits alone leave the curve over the bits as it is.
static void put_dial(bd_session *session, int layer, const bd_dial *dial) {
  bd_layer_state *state = &session->states[layer];
  bd_setting old = state->dial.setting;
  state->dial = *dial;
  if (bd_setting_equal(&old, &dial->setting)) return;
  old.bits = dial->setting.bits;
  bd_jobs_changed(session, layer, !bd_setting_equal(&old, &dial->setting));
}

static void put_repair(bd_session *session, const bd_repair_plan *plan) {
  bd_repair_plan_put(&session->repair, plan);
  for (int i = 0; i < session->count; i++)
    session->states[i].local_stale = session->states[i].local_known;
  bd_live_changed(session);
}

// One step; plan NULL: it stays.
static int edit(bd_session *session, const int *layers, const bd_dial *dials, int count,
                const bd_repair_plan *plan, const char *what) {
  bd_change *changes = malloc(((size_t)count + 1) * sizeof *changes);
  if (!changes) return 0;
  if (plan && bd_repair_plan_equal(plan, &session->repair)) plan = NULL;
  int used = 0;
  for (int i = 0; i < count; i++) {
    const bd_layer_state *state = &session->states[layers[i]];
    if (state->refused || same_dial(&state->dial, &dials[i])) continue;
    changes[used++] = (bd_change){layers[i], state->dial, dials[i]};
  }
  int all = used + (plan != NULL);
  // An edit that could not be undone is not made.
  if (all > 0 && !bd_undo_add(session->undo, changes, used, &session->repair, plan, what))
    all = used = 0;
  for (int i = 0; i < used; i++)
    put_dial(session, changes[i].layer, &changes[i].after);
  free(changes);
  if (all > used) put_repair(session, plan);
  bd_jobs_dispatch(session);
  return all;
}

int bd_session_edit(bd_session *session, const int *layers, const bd_dial *dials, int count,
                    const char *what) {
  return edit(session, layers, dials, count, NULL, what);
}

static int *all_layers(const bd_session *session) {
  int *layers = malloc(((size_t)session->count + 1) * sizeof *layers);
  for (int i = 0; layers && i < session->count; i++)
    layers[i] = i;
  return layers;
}

int bd_session_edit_all(bd_session *session, const bd_dial *dials, const bd_repair_plan *plan,
                        const char *what) {
  int *layers = all_layers(session);
  int changed = layers ? edit(session, layers, dials, session->count, plan, what) : 0;
  free(layers);
  return changed;
}

const bd_repair_plan *bd_session_repair(const bd_session *session) {
  return &session->repair;
}

bool bd_session_set_repair(bd_session *session, const bd_repair_plan *plan, const char *what) {
  return edit(session, NULL, NULL, 0, plan, what) > 0;
}

bd_status bd_session_start_repair(bd_session *session, const bd_repair_plan *plan, bd_error *err) {
  if (bd_repair_plan_put(&session->repair, plan) &&
      bd_repair_plan_put(&session->saved_repair, plan))
    return BD_OK;
  return bd_fail_memory(err, "the session");
}

const char *bd_session_undo(bd_session *session) {
  const bd_step *step = bd_undo_back(session->undo);
  if (!step) return NULL;
  for (int i = step->count - 1; i >= 0; i--)
    put_dial(session, step->changes[i].layer, &step->changes[i].before);
  if (step->repair) put_repair(session, &step->repair[0]);
  bd_jobs_dispatch(session);
  return step->what;
}

const char *bd_session_redo(bd_session *session) {
  const bd_step *step = bd_undo_forward(session->undo);
  if (!step) return NULL;
  for (int i = 0; i < step->count; i++)
    put_dial(session, step->changes[i].layer, &step->changes[i].after);
  if (step->repair) put_repair(session, &step->repair[1]);
  bd_jobs_dispatch(session);
  return step->what;
}

// --- saving --------------------------------------------------------------------------------------

bool bd_session_dirty(const bd_session *session) {
  for (int i = 0; i < session->count; i++)
    if (!same_dial(&session->states[i].dial, &session->saved[i])) return true;
  return session->seen.unsaved || !bd_repair_plan_equal(&session->repair, &session->saved_repair);
}

static void mark_saved(bd_session *session) {
  for (int i = 0; i < session->count; i++)
    session->saved[i] = session->states[i].dial;
  bd_repair_plan_put(&session->saved_repair, &session->repair);
}

static void remember_path(bd_session *session, const char *path) {
  char *copy = path ? strdup(path) : NULL;
  if (!copy) return;
  free(session->config_path);
  session->config_path = copy;
}

static bd_dial *copy_dials(const bd_session *session) {
  bd_dial *dials = malloc(((size_t)session->count + 1) * sizeof *dials);
  for (int i = 0; dials && i < session->count; i++)
    dials[i] = session->states[i].dial;
  return dials;
}

bd_status bd_session_save(bd_session *session, const char *path, bd_error *err) {
  bd_dial *dials = copy_dials(session);
  if (!dials) return bd_fail_memory(err, "the config");
  bd_totals totals = bd_session_totals(session);
  bool settled = totals.missing == 0 && totals.stale == 0;
  bd_pins_store(session);
  bd_status status =
      bd_config_write(path ? path : session->config_path, session->model, dials, &session->repair,
                      settled ? &totals : NULL, session->kept, err);
  free(dials);
  if (status != BD_OK) return status;
  remember_path(session, path);
  mark_saved(session);
  session->seen.unsaved = false; // a load leaves it: what was pinned before is not in that file
  session->owns_config = true;
  return BD_OK;
}

// False where memory ran out on the way.
static bool take(bd_session *session, const bd_dial *dials, const bd_repair_plan *plan) {
  bd_session_edit_all(session, dials, plan, "load of a config");
  for (int i = 0; i < session->count; i++)
    if (!session->states[i].refused && !same_dial(&session->states[i].dial, &dials[i]))
      return false;
  return bd_repair_plan_equal(&session->repair, plan);
}

bd_status bd_session_load(bd_session *session, const char *path, bd_error *err) {
  bd_dial *dials = copy_dials(session);
  bd_repair_plan plan = {.how = BD_RECOVER_NONE};
  cJSON *kept = NULL;
  bd_status status = dials ? BD_OK : bd_fail_memory(err, "the config");
  if (status == BD_OK) status = bd_config_read(path, session->model, dials, &plan, &kept, err);
  if (status == BD_OK && !take(session, dials, &plan)) status = bd_fail_memory(err, "the config");
  if (status == BD_OK) {
    bd_session_keep(session, kept);
    remember_path(session, path);
    mark_saved(session);
  } else {
    cJSON_Delete(kept);
  }
  bd_repair_plan_free(&plan);
  free(dials);
  return status;
}

void bd_session_keep(bd_session *session, cJSON *config) {
  cJSON_Delete(session->kept);
  session->kept = config;
  session->owns_config = true;
  bd_pins_fetch(session);
}

bool bd_session_would_replace(const bd_session *session, const char *path) {
  if (!path) path = session->config_path;
  struct stat info;
  bool own = session->owns_config && strcmp(path, session->config_path) == 0;
  return !own && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

const char *bd_session_config_path(const bd_session *session) {
  return session->config_path;
}
