#include "core/session/seen.h"

#include "core/base/text.h"
#include "core/session/config.h"
#include "core/session/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- the list ------------------------------------------------------------------------------------

int bd_session_seen_count(const bd_session *session) {
  return session->seen.count;
}

const bd_seen *bd_session_seen(const bd_session *session, int index) {
  return &session->seen.items[index];
}

int bd_session_seen_find(const bd_session *session, uint64_t id) {
  for (int i = session->seen.count - 1; i >= 0; i--)
    if (session->seen.items[i].id == id) return i;
  return -1;
}

int bd_session_seen_now(const bd_session *session) {
  return session->seen.now ? bd_session_seen_find(session, session->seen.now) : -1;
}

void bd_seen_free(bd_session *session) {
  for (int i = 0; i < session->seen.count; i++)
    free(session->seen.items[i].layers);
  free(session->seen.items);
}

static void drop(bd_seen_list *list, int index) {
  free(list->items[index].layers);
  list->count--;
  memmove(&list->items[index], &list->items[index + 1],
          (size_t)(list->count - index) * sizeof *list->items);
}

// How many are kept beside the pins.
static int room_for(const bd_session *session) {
  int fit = BD_SEEN_LAYERS / (session->count + 1);
  return fit < BD_SEEN_LEAST ? BD_SEEN_LEAST : fit > BD_SEEN_MOST ? BD_SEEN_MOST : fit;
}

static void forget_oldest(bd_session *session) {
  bd_seen_list *list = &session->seen;
  int oldest = -1, loose = 0;
  for (int i = list->count - 1; i >= 0; i--) {
    if (list->items[i].pin) continue;
    oldest = i;
    loose++;
  }
  if (loose >= room_for(session)) drop(list, oldest);
}

// Adds one that takes over the layers. NULL without memory: they are freed.
static bd_seen *append(bd_session *session, bd_seen_layer *layers) {
  bd_seen_list *list = &session->seen;
  forget_oldest(session);
  bd_seen *grown = realloc(list->items, ((size_t)list->count + 1) * sizeof *grown);
  if (grown) list->items = grown;
  if (!grown || !layers) {
    free(layers);
    return NULL;
  }
  bd_seen *fresh = &list->items[list->count++];
  *fresh = (bd_seen){.id = ++list->last, .layers = layers};
  fresh->totals.missing = session->count;
  return fresh;
}

static bool is_refused(const bd_session *session, int layer) {
  return session->states[layer].refused != NULL;
}

static bool same_settings(const bd_session *session, const bd_seen_layer *a,
                          const bd_seen_layer *b) {
  for (int i = 0; i < session->count; i++)
    if (!is_refused(session, i) && !bd_setting_equal(&a[i].setting, &b[i].setting)) return false;
  return true;
}

// The one with the same settings, moved to the end; or a new one that takes the layers over, which
// are freed otherwise.
static bd_seen *merge(bd_session *session, bd_seen_layer *layers) {
  bd_seen_list *list = &session->seen;
  for (int i = 0; layers && i < list->count; i++) {
    if (!same_settings(session, list->items[i].layers, layers)) continue;
    free(layers);
    bd_seen found = list->items[i];
    memmove(&list->items[i], &list->items[i + 1],
            (size_t)(list->count - i - 1) * sizeof *list->items);
    list->items[list->count - 1] = found;
    return &list->items[list->count - 1];
  }
  return append(session, layers);
}

// --- results -------------------------------------------------------------------------------------

static void put_result(bd_seen_layer *layer, const bd_result *result) {
  layer->bytes = result->bytes;
  layer->sse = result->sse;
  layer->sqnr_db = result->sqnr_db;
  layer->bits_per_weight = result->bits_per_weight;
  layer->entropy_bits = result->entropy_bits;
  layer->state = BD_SEEN_KNOWN;
}

// In the order of the layers, as everywhere: the same sums to the last digit.
static void add_up(const bd_session *session, bd_seen *seen) {
  bd_totals totals = {0};
  for (int i = 0; i < session->count; i++) {
    const bd_seen_layer *layer = &seen->layers[i];
    if (is_refused(session, i)) continue;
    totals.missing += layer->state != BD_SEEN_KNOWN;
    if (layer->state != BD_SEEN_KNOWN) continue;
    const bd_stats *stats = bd_index_stats(session->states[i].index);
    bd_result sums = {.count = stats->count,
                      .bytes = layer->bytes,
                      .sse = layer->sse,
                      .bits_per_weight = layer->bits_per_weight,
                      .entropy_bits = layer->entropy_bits};
    bd_totals_add(&totals, &sums, stats);
  }
  if (totals.missing) totals = (bd_totals){.missing = totals.missing};
  bd_totals_close(&totals);
  seen->totals = totals;
}

// Has the layer the levels that it will have? A proof changes those of init `optimal` alone.
static bool is_final(const bd_layer_state *state) {
  return state->result && !state->stale &&
         !(state->proving && bd_effort_for(&state->dial.setting) == BD_PROVED);
}

static bool settled(bd_session *session) {
  int *from = &session->seen.from; // layers before it are
  while (*from < session->count &&
         (is_refused(session, *from) || is_final(&session->states[*from])))
    ++*from;
  return *from == session->count && session->count > 0;
}

static void record(bd_session *session) {
  bd_seen_layer *layers = calloc((size_t)session->count + 1, sizeof *layers);
  for (int i = 0; layers && i < session->count; i++)
    layers[i].setting = session->states[i].dial.setting;
  bd_seen *seen = merge(session, layers);
  if (!seen) return;
  for (int i = 0; i < session->count; i++)
    if (!is_refused(session, i)) put_result(&seen->layers[i], session->states[i].result);
  add_up(session, seen);
  session->seen.now = seen->id;
}

static bool measure(bd_session *session) {
  const bd_live_state *live = &session->live_state;
  int now = bd_session_seen_now(session);
  if (now < 0 || !live->on || !live->current || !live->done) return false;
  if (session->repair.how != BD_RECOVER_NONE) return false; // of other weights than these
  bd_seen *seen = &session->seen.items[now];
  if (seen->measured) return false;
  seen->measured = true;
  seen->figures = live->figures;
  return true;
}

void bd_seen_changed(bd_session *session) {
  session->seen.now = 0;
  session->seen.from = 0;
}

bool bd_seen_poll(bd_session *session) {
  bool fresh = !session->seen.now && settled(session);
  if (fresh) record(session);
  return measure(session) || fresh;
}

// --- those that are to be computed ---------------------------------------------------------------

// The first layer of it that waits, once it is read; or -1. Where all are there it is added up:
// once, as a network of thousands of layers comes by here after each of them.
static int next_layer(const bd_session *session, bd_seen *seen) {
  int *next = &seen->next;
  while (*next < session->count &&
         (is_refused(session, *next) || seen->layers[*next].state != BD_SEEN_MISSING))
    ++*next;
  if (*next < session->count) return session->states[*next].index ? *next : -1;
  if (!seen->busy) add_up(session, seen);
  return -1;
}

bool bd_seen_pick(bd_session *session, int *layer, uint64_t *id, bd_setting *setting) {
  for (int k = 0; k < session->seen.count; k++) {
    bd_seen *seen = &session->seen.items[k];
    *layer = seen->totals.missing ? next_layer(session, seen) : -1;
    if (*layer < 0) continue;
    seen->layers[*layer].state = BD_SEEN_BUSY;
    seen->busy++;
    *id = seen->id;
    *setting = seen->layers[*layer].setting;
    return true;
  }
  return false;
}

void bd_seen_lost(bd_session *session, int layer, uint64_t id) {
  int index = bd_session_seen_find(session, id);
  if (index < 0) return;
  session->seen.items[index].layers[layer].state = BD_SEEN_FAILED;
  session->seen.items[index].busy--;
}

bool bd_seen_take(bd_session *session, const bd_delivery *delivery) {
  int index = bd_session_seen_find(session, delivery->generation);
  if (index < 0) return false;
  bd_seen *seen = &session->seen.items[index];
  bd_seen_layer *layer = &seen->layers[delivery->layer];
  seen->busy--;
  if (layer->state == BD_SEEN_KNOWN) return false; // the session came by in the meantime
  if (delivery->status == BD_OK)
    put_result(layer, delivery->result);
  else
    layer->state = delivery->status == BD_CANCELLED ? BD_SEEN_MISSING : BD_SEEN_FAILED;
  if (layer->state == BD_SEEN_MISSING && delivery->layer < seen->next) seen->next = delivery->layer;
  session->short_of_memory |= layer->state == BD_SEEN_FAILED;
  return true;
}

// Refused ones that are still to be passed are counted too: 0 where nothing waits, all the same.
int bd_seen_pending(const bd_session *session) {
  int pending = 0;
  for (int k = 0; k < session->seen.count; k++) {
    const bd_seen *seen = &session->seen.items[k];
    if (seen->totals.missing) pending += session->count - seen->next + seen->busy;
  }
  return pending;
}

// --- pins ----------------------------------------------------------------------------------------

static bool is_free(const bd_seen_list *list, char letter) {
  if (letter < 'A' || letter >= 'A' + BD_PINS_MOST) return false;
  for (int i = 0; i < list->count; i++)
    if (list->items[i].pin == letter) return false;
  return true;
}

static char free_letter(const bd_seen_list *list, char wanted) {
  if (is_free(list, wanted)) return wanted;
  for (char letter = 'A'; letter < 'A' + BD_PINS_MOST; letter++)
    if (is_free(list, letter)) return letter;
  return 0;
}

// wanted 0: any letter.
static bd_status pin(bd_session *session, bd_seen *seen, char wanted, const char *name,
                     bd_error *err) {
  char letter = seen->pin ? seen->pin : free_letter(&session->seen, wanted);
  if (!letter) return bd_fail(err, BD_INVALID, "%d are pinned already: unpin one", BD_PINS_MOST);
  seen->pin = letter;
  snprintf(seen->name, sizeof seen->name, "%s", name ? name : "");
  return BD_OK;
}

bd_status bd_session_pin(bd_session *session, int index, const char *name, bd_error *err) {
  BD_TRY(pin(session, &session->seen.items[index], 0, name, err));
  session->seen.unsaved = true;
  return BD_OK;
}

void bd_session_unpin(bd_session *session, int index) {
  session->seen.unsaved = true;
  session->seen.items[index].pin = 0;
  session->seen.items[index].name[0] = '\0';
}

bd_status bd_seen_add(bd_session *session, const bd_setting *settings, char letter,
                      const char *name, uint64_t *id, bd_error *err) {
  bd_seen_layer *layers = calloc((size_t)session->count + 1, sizeof *layers);
  for (int i = 0; layers && i < session->count; i++)
    layers[i].setting = settings[i];
  bd_seen *seen = merge(session, layers);
  if (!seen) return bd_fail_memory(err, "the configuration");
  *id = seen->id;
  return seen->pin && !*name ? BD_OK : pin(session, seen, letter, name, err);
}

static void leave_repair(bd_session *session, uint64_t id, const char *path, bd_recovery how) {
  char said[512];
  if (how == BD_RECOVER_NONE) return;
  session->seen.items[bd_session_seen_find(session, id)].recover = how;
  snprintf(said, sizeof said, "%.200s: the repair that it names is not made: compared without it",
           bd_text_base(path));
  bd_session_say(session, said);
}

bd_status bd_session_take_in(bd_session *session, const char *path, uint64_t *id, bd_error *err) {
  size_t room = (size_t)session->count + 1;
  bd_dial *dials = calloc(room, sizeof *dials);
  bd_setting *settings = calloc(room, sizeof *settings);
  bd_repair_plan plan = {.how = BD_RECOVER_NONE};
  bd_status status = dials && settings
                         ? bd_config_read(path, session->model, dials, &plan, NULL, err)
                         : bd_fail_memory(err, path);
  for (int i = 0; status == BD_OK && i < session->count; i++)
    settings[i] = dials[i].setting;
  if (status == BD_OK) status = bd_seen_add(session, settings, 0, bd_text_base(path), id, err);
  if (status == BD_OK) leave_repair(session, *id, path, plan.how);
  bd_repair_plan_free(&plan);
  free(dials);
  free(settings);
  bd_jobs_dispatch(session);
  return status;
}

// --- adopting ------------------------------------------------------------------------------------

// seen NULL: every layer gets so many bits.
static int adopt(bd_session *session, const bd_seen *seen, int bits, const char *what, int *held) {
  bd_dial *dials = calloc((size_t)session->count + 1, sizeof *dials);
  *held = 0;
  if (!dials) return 0;
  for (int i = 0; i < session->count; i++) {
    const bd_dial *own = &session->states[i].dial;
    dials[i] = *own;
    if (seen)
      dials[i].setting = seen->layers[i].setting;
    else
      dials[i].setting.bits = bits;
    if (!own->locked || bd_setting_equal(&own->setting, &dials[i].setting)) continue;
    *held += !is_refused(session, i);
    dials[i] = *own;
  }
  int changed = bd_session_edit_all(session, dials, NULL, what);
  free(dials);
  return changed;
}

int bd_session_adopt(bd_session *session, int index, int *held) {
  const bd_seen *seen = &session->seen.items[index];
  char what[32] = "taking an earlier configuration";
  if (seen->pin) snprintf(what, sizeof what, "taking pin %c", seen->pin);
  return adopt(session, seen, 0, what, held);
}

int bd_session_adopt_bits(bd_session *session, int bits, int *held) {
  char what[32];
  snprintf(what, sizeof what, "%d bits everywhere", bits);
  return adopt(session, NULL, bits, what, held);
}
