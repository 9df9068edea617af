// The live jobs. The UI thread decides here what is computed next; workers get copies, and leave a
// delivery. At most one job runs for a layer, and no more than there are threads, so that nothing
// queues up in front of the next turn of a dial.
#include "core/session/internal.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct order {
  bd_session *session; // workers use its lock, deliveries and wake pipe only
  const bd_model *model;
  const bd_index *index;
  bd_setting setting;
  bool pair;                   // the user waits: two threads may work on it
  struct bd_optimum *approach; // what a proof goes on from; NULL: all over again
  bd_delivery *delivery;
} order;

static void deliver(bd_session *session, bd_delivery *delivery) {
  pthread_mutex_lock(&session->lock);
  delivery->next = session->deliveries;
  session->deliveries = delivery;
  pthread_mutex_unlock(&session->lock);
  bd_session_wake(session);
}

static void compute_curve(const order *o, bd_delivery *out, const bd_cancel *cancel) {
  bd_setting setting = o->setting;
  bd_effort effort = bd_effort_for(&setting);
  for (setting.bits = 1; setting.bits <= BD_BITS_MAX; setting.bits++) {
    bd_result *result;
    out->status = bd_quantize(o->index, &setting, effort, cancel, &result, &out->error);
    if (out->status != BD_OK) return;
    out->curve[setting.bits] = result->sqnr_db;
    out->curve_bytes[setting.bits] = result->bytes;
    out->curve_prune = bd_sqnr_db(bd_index_stats(o->index)->energy, result->sse_prune);
    bd_result_free(result);
  }
}

// The proof goes on; what it knows by now is shown. Without memory it is not.
static void report_bound(void *arg, double bound) {
  const order *o = arg;
  bd_delivery *news = calloc(1, sizeof *news);
  if (!news) return;
  news->layer = o->delivery->layer;
  news->stage = BD_STAGE_BOUND;
  news->generation = o->delivery->generation;
  news->bound = bound;
  deliver(o->session, news);
}

static void prove(order *o, bd_delivery *out, const bd_cancel *cancel) {
  bd_watch watch = {report_bound, o, o->pair};
  if (o->approach)
    out->status = bd_quantize_prove(o->index, &o->setting, o->approach, &watch, cancel,
                                    &out->certificate, &out->error);
  else
    out->status = bd_quantize_watched(o->index, &o->setting, BD_PROVED, &watch, cancel,
                                      &out->result, &out->error);
}

static void quantize(const order *o, bd_delivery *out, const bd_cancel *cancel) {
  bd_watch watch = {NULL, NULL, o->pair};
  out->status = bd_quantize_watched(o->index, &o->setting, BD_QUICK, &watch, cancel, &out->result,
                                    &out->error);
}

static void free_order(order *o) {
  free(o->approach);
  free(o);
}

static void run(void *arg, const bd_cancel *cancel) {
  order *o = arg;
  bd_delivery *out = o->delivery;
  double began = bd_seconds();
  atomic_store(&out->thread, (int)gettid());
  if (out->stage == BD_STAGE_INDEX)
    out->status = bd_study_index(o->model, out->layer, cancel, &out->index, &out->error);
  else if (out->stage == BD_STAGE_CURVE)
    compute_curve(o, out, cancel);
  else if (out->stage == BD_STAGE_INSIGHT)
    out->status = bd_insight_compute(o->index, o->setting, cancel, out, &out->error);
  else if (out->stage == BD_STAGE_SEEN)
    out->status = bd_quantize(o->index, &o->setting, bd_effort_for(&o->setting), cancel,
                              &out->result, &out->error);
  else if (out->stage == BD_STAGE_PROOF)
    prove(o, out, cancel);
  else
    quantize(o, out, cancel);
  out->took = bd_seconds() - began;
  deliver(o->session, out);
  free_order(o);
}

static void drop(void *arg) {
  order *o = arg;
  o->delivery->status = BD_CANCELLED;
  deliver(o->session, o->delivery);
  free_order(o);
}

void bd_delivery_free(bd_delivery *delivery) {
  bd_index_free(delivery->index);
  bd_result_free(delivery->result);
  bd_channels_free(delivery->channels);
  free(delivery);
}

// --- what is wanted ------------------------------------------------------------------------------

static bool needs(const bd_session *session, int layer, bd_stage stage) {
  const bd_layer_state *state = &session->states[layer];
  if (state->refused) return false;
  switch (stage) {
  case BD_STAGE_INDEX:
    return !state->index;
  case BD_STAGE_QUICK:
    return state->index && state->stale && !session->slots[layer].failed;
  case BD_STAGE_PROOF:
    return state->index && !state->stale && state->proving;
  case BD_STAGE_CURVE:
    return state->index && !session->slots[layer].curve_done;
  case BD_STAGE_INSIGHT: // not a layer's need: bd_insight_pick, bd_seen_pick
  case BD_STAGE_SEEN:
  case BD_STAGE_BOUND:
    break;
  }
  return false;
}

static bool wants(const bd_session *session, int layer, bd_stage stage) {
  return layer >= 0 && layer < session->count && !session->slots[layer].busy &&
         needs(session, layer, stage);
}

typedef struct pick {
  int layer;
  bd_stage stage;
} pick;

static bool pick_in(const bd_session *session, int first, int last, bd_stage from, bd_stage to,
                    pick *out) {
  for (bd_stage stage = from; stage <= to; stage++)
    for (int layer = first; layer <= last; layer++)
      if (wants(session, layer, stage)) {
        *out = (pick){layer, stage};
        return true;
      }
  return false;
}

// The layer in hand, then what is visible, then every other result; proofs of the layer in hand
// before those.
static bool pick_urgent(bd_session *session, pick *out) {
  int hand = session->in_hand, first = session->first, last = session->last;
  return pick_in(session, hand, hand, BD_STAGE_INDEX, BD_STAGE_QUICK, out) ||
         pick_in(session, first, last, BD_STAGE_INDEX, BD_STAGE_QUICK, out) ||
         pick_in(session, hand, hand, BD_STAGE_PROOF, BD_STAGE_CURVE, out);
}

// The first layer of all that wants one of the stages.
static bool pick_all(bd_session *session, bd_stage from, bd_stage to, pick *out) {
  for (bd_stage stage = from; stage <= to; stage++) {
    int *next = &session->next[stage];
    while (*next < session->count && !wants(session, *next, stage))
      ++*next;
    *out = (pick){*next, stage};
    if (*next < session->count) return true;
  }
  return false;
}

static bool pick_rest(bd_session *session, pick *out) {
  int first = session->first, last = session->last;
  bool curves = (session->wants & BD_WANT_CURVES) != 0; // of all layers, before proofs
  return (curves && pick_all(session, BD_STAGE_CURVE, BD_STAGE_CURVE, out)) ||
         pick_in(session, first, last, BD_STAGE_PROOF, BD_STAGE_CURVE, out) ||
         pick_all(session, BD_STAGE_PROOF, BD_STAGE_CURVE, out);
}

// What a layer wants has changed: pick_all looks at it again.
static void look_again(bd_session *session, int layer) {
  for (bd_stage stage = BD_STAGE_INDEX; stage <= BD_STAGE_CURVE; stage++)
    if (layer < session->next[stage] && wants(session, layer, stage)) session->next[stage] = layer;
}

// Hands a job to the pool; the ticket names it. False without memory.
static bool submit(bd_session *session, int layer, bd_stage stage, int part, uint64_t generation,
                   bd_setting setting, bd_ticket *ticket) {
  order *o = calloc(1, sizeof *o);
  bd_delivery *delivery = calloc(1, sizeof *delivery);
  if (!o || !delivery) {
    free(o);
    free(delivery);
    session->short_of_memory = true;
    return false;
  }
  delivery->layer = layer;
  delivery->stage = stage;
  delivery->part = part;
  delivery->generation = generation;
  const bd_slot *slot = &session->slots[layer];
  bool pair = layer == session->in_hand && bd_pool_threads(session->pool) > 1;
  *o = (order){session, session->model, slot->index, setting, pair, NULL, delivery};
  if (stage == BD_STAGE_PROOF) o->approach = bd_approach_copy(slot->result->approach);
  session->in_flight++;
  bd_tasks_begin(session, delivery);
  *ticket = delivery->ticket = bd_pool_submit(session->pool, (bd_task){run, drop, o, 0});
  return true;
}

// Without memory for a job its layer goes without: nobody may wait for what never comes.
static void do_without(bd_session *session, pick lost) {
  bd_layer_state *state = &session->states[lost.layer];
  if (lost.stage == BD_STAGE_INDEX) state->refused = "no memory left to read it";
  if (lost.stage == BD_STAGE_QUICK) session->slots[lost.layer].failed = true;
  if (lost.stage == BD_STAGE_PROOF) state->proving = false;
  if (lost.stage == BD_STAGE_CURVE) session->slots[lost.layer].curve_done = true;
}

static void start(bd_session *session, pick next) {
  bd_slot *slot = &session->slots[next.layer];
  uint64_t generation = next.stage == BD_STAGE_CURVE ? slot->curve_generation : slot->generation;
  slot->stage = next.stage;
  slot->busy = submit(session, next.layer, next.stage, 0, generation,
                      session->states[next.layer].dial.setting, &slot->ticket);
  if (!slot->busy) do_without(session, next);
}

static void start_insight(bd_session *session, int part) {
  bd_insight_jobs *jobs = &session->insight_jobs;
  bool begun =
      submit(session, session->insight.layer, BD_STAGE_INSIGHT, part, jobs->generation[part],
             bd_insight_setting(session, part), &jobs->ticket[part]);
  if (!begun) jobs->done[part] = true;
}

static bool start_seen(bd_session *session) {
  int layer;
  uint64_t id;
  bd_setting setting;
  bd_ticket ticket; // give_way finds it among those in flight
  if (!bd_seen_pick(session, &layer, &id, &setting)) return false;
  if (!submit(session, layer, BD_STAGE_SEEN, 0, id, setting, &ticket))
    bd_seen_lost(session, layer, id);
  return true;
}

// What the user looks at, then what a panel asks to know of it, then the rest.
static bool start_next(bd_session *session) {
  pick next;
  int part;
  if (pick_urgent(session, &next))
    start(session, next);
  else if (bd_insight_pick(session, &part))
    start_insight(session, part);
  else if (pick_all(session, BD_STAGE_INDEX, BD_STAGE_QUICK, &next))
    start(session, next);
  else if (start_seen(session))
    return true;
  else if (pick_rest(session, &next))
    start(session, next);
  else
    return false;
  return true;
}

// --- a dial was turned ---------------------------------------------------------------------------

// Proofs, curves and comparisons can be had again; a dial wants a thread now.
static void give_way(bd_session *session) {
  for (int i = 0; i < session->count; i++) {
    const bd_slot *slot = &session->slots[i];
    if (slot->busy && slot->stage >= BD_STAGE_PROOF) bd_pool_cancel(session->pool, slot->ticket);
  }
  for (int part = 0; part < BD_INSIGHT_PARTS; part++)
    if (session->insight_jobs.ticket[part])
      bd_pool_cancel(session->pool, session->insight_jobs.ticket[part]);
  for (const bd_delivery *d = session->flying; d; d = d->beside)
    if (d->stage == BD_STAGE_SEEN) bd_pool_cancel(session->pool, d->ticket);
}

void bd_jobs_dispatch(bd_session *session) {
  bool crowded = session->in_flight >= bd_pool_threads(session->pool);
  if (session->hurry && crowded) give_way(session);
  session->hurry = false;
  while (session->in_flight < bd_pool_threads(session->pool) && start_next(session))
    continue;
}

void bd_jobs_changed(bd_session *session, int layer, bool curve_changed) {
  bd_layer_state *state = &session->states[layer];
  bd_slot *slot = &session->slots[layer];
  slot->generation++;
  slot->failed = false;
  state->stale = true;
  state->local_stale = state->local_known;
  state->proving = false;
  if (curve_changed) {
    slot->curve_generation++;
    slot->curve_done = false;
    for (int bits = 0; bits <= BD_BITS_MAX; bits++)
      state->curve[bits] = state->curve_bytes[bits] = NAN;
    state->curve_prune = NAN;
  }
  if (slot->busy && slot->stage != BD_STAGE_INDEX) bd_pool_cancel(session->pool, slot->ticket);
  look_again(session, layer);
  session->hurry = true;
  bd_live_changed(session);
  bd_seen_changed(session);
}

// --- a result came back --------------------------------------------------------------------------

static void take_index(bd_session *session, bd_delivery *delivery) {
  bd_layer_state *state = &session->states[delivery->layer];
  bd_slot *slot = &session->slots[delivery->layer];
  if (delivery->status != BD_OK) {
    session->short_of_memory |= delivery->status == BD_FAILED;
    slot->refused = strdup(delivery->error.text);
    state->refused = slot->refused ? slot->refused : "no memory left to read it";
    return;
  }
  slot->index = delivery->index;
  state->index = slot->index;
  delivery->index = NULL;
}

static void take_result(bd_session *session, bd_delivery *delivery) {
  bd_layer_state *state = &session->states[delivery->layer];
  bd_slot *slot = &session->slots[delivery->layer];
  state->proving = false;
  if (delivery->status != BD_OK) { // what is shown stays, and stays marked as of an earlier setting
    slot->failed = state->stale;
    session->short_of_memory = true;
    bd_session_say(session, delivery->error.text);
    return;
  }
  if (!delivery->result) { // a proof of what is shown
    bd_result_take_certificate(slot->result, &delivery->certificate);
    return;
  }
  state->stale = false;
  bd_result_free(slot->result);
  slot->result = delivery->result;
  state->result = slot->result;
  delivery->result = NULL;
  state->proving = delivery->stage == BD_STAGE_QUICK && !slot->result->proved &&
                   bd_setting_clusters(&slot->result->setting);
}

static void take_curve(bd_session *session, const bd_delivery *delivery) {
  bd_layer_state *state = &session->states[delivery->layer];
  session->slots[delivery->layer].curve_done = true;
  session->short_of_memory |= delivery->status != BD_OK;
  if (delivery->status != BD_OK) return;
  memcpy(state->curve, delivery->curve, sizeof state->curve);
  memcpy(state->curve_bytes, delivery->curve_bytes, sizeof state->curve_bytes);
  state->curve[0] = NAN;
  state->curve_prune = delivery->curve_prune;
}

// A bound that comes after the proof, or of an earlier setting, is no news.
static bool take_bound(bd_session *session, const bd_delivery *delivery) {
  const bd_layer_state *state = &session->states[delivery->layer];
  const bd_slot *slot = &session->slots[delivery->layer];
  bool current = delivery->generation == slot->generation && !state->stale && state->proving;
  if (!current || !(delivery->bound > slot->result->cluster_bound)) return false;
  slot->result->cluster_bound = delivery->bound;
  slot->result->optimum_ratio = bd_optimum_ratio(slot->result->cluster_fit, delivery->bound);
  return true;
}

bool bd_jobs_take(bd_session *session, bd_delivery *delivery) {
  if (delivery->stage == BD_STAGE_BOUND) {
    bool news = take_bound(session, delivery);
    bd_delivery_free(delivery);
    return news;
  }
  session->in_flight--;
  bd_tasks_end(session, delivery);
  if (delivery->stage == BD_STAGE_INSIGHT || delivery->stage == BD_STAGE_SEEN) {
    bool insight = delivery->stage == BD_STAGE_INSIGHT;
    bool news = insight ? bd_insight_take(session, delivery) : bd_seen_take(session, delivery);
    bd_delivery_free(delivery);
    return news;
  }
  bd_slot *slot = &session->slots[delivery->layer];
  slot->busy = false;
  slot->ticket = 0;
  bool curve = delivery->stage == BD_STAGE_CURVE;
  // A result of an earlier setting never reaches the screen.
  bool current = delivery->stage == BD_STAGE_INDEX ||
                 delivery->generation == (curve ? slot->curve_generation : slot->generation);
  bool taken = current && delivery->status != BD_CANCELLED;
  if (taken && delivery->stage == BD_STAGE_INDEX) take_index(session, delivery);
  if (taken && curve) take_curve(session, delivery);
  if (taken && (delivery->stage == BD_STAGE_QUICK || delivery->stage == BD_STAGE_PROOF))
    take_result(session, delivery);
  look_again(session, delivery->layer);
  bd_delivery_free(delivery);
  return taken;
}

int bd_jobs_pending(const bd_session *session) {
  int pending = bd_insight_pending(session) + bd_live_pending(session) + bd_seen_pending(session);
  pending += session->sensing_state.running + session->survey_pending;
  for (int layer = 0; layer < session->count; layer++) {
    const bd_layer_state *state = &session->states[layer];
    if (state->refused) continue;
    pending += !state->index + (state->stale && !session->slots[layer].failed) + state->proving +
               !session->slots[layer].curve_done;
  }
  return pending;
}

// --- the model checker ---------------------------------------------------------------------------

static void check(void *arg, const bd_cancel *cancel) {
  bd_session *session = arg;
  bd_error err;
  if (bd_cancelled(cancel) || bd_model_check(session->model, &err) == BD_OK) return;
  bd_session_say(session, err.text);
}

static void check_dropped(void *arg) {
  (void)arg;
}

// Under a ceiling on memory libonnx would print its own troubles: it gets room or is not asked.
enum { CHECK_ROOM = 256 << 20 };

static void say_unchecked(bd_session *session) {
  char room[32], text[256];
  snprintf(text, sizeof text,
           "not checked by ONNX's checker: it gets %s, and less is left below --memory",
           bd_text_bytes(room, sizeof room, CHECK_ROOM));
  bd_session_say(session, text);
}

void bd_jobs_check_model(bd_session *session) {
  if (bd_memory_left() < CHECK_ROOM) {
    say_unchecked(session);
    return;
  }
  bd_pool_submit(session->pool, (bd_task){check, check_dropped, session, 1});
}
