#include "viewers/order.h"

#include "viewers/match.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What a layer is sorted by: text, or a number where text is NULL.
typedef struct sort_key {
  const char *text;
  double number; // NaN: not known
  int layer;
} sort_key;

static double shape_key(const bd_layer *layer) {
  double key = 0; // by rank, then by the outermost dimension
  for (int i = 0; i < 2 && i < layer->rank; i++)
    key = key * 1e7 + (double)layer->shape[i];
  return (double)layer->rank * 1e15 + key;
}

static double macs_of(const bd_session *session, int layer) {
  const bd_survey *survey = bd_session_survey(session);
  return survey ? survey->macs[layer] : NAN;
}

static double number_key(bd_column sort, const bd_layer *layer, const bd_layer_state *state) {
  const bd_result *result = state->result;
  switch (sort) {
  case BD_COLUMN_SHAPE:
    return shape_key(layer);
  case BD_COLUMN_WEIGHTS:
    return (double)layer->weights;
  case BD_COLUMN_BITS:
    return state->refused ? NAN : (double)state->dial.setting.bits;
  case BD_COLUMN_PRUNE:
    return state->refused ? NAN : state->dial.setting.prune;
  case BD_COLUMN_SQNR:
    return result ? result->sqnr_db : NAN;
  case BD_COLUMN_LOCAL:
    return state->local_db;
  case BD_COLUMN_OPTIMUM:
    return result ? result->optimum_ratio : NAN;
  case BD_COLUMN_SIZE:
    return result ? result->bytes : NAN;
  default:
    return 0;
  }
}

static sort_key key_of(bd_column sort, const bd_session *session, int index) {
  const bd_layer *layer = bd_model_layer(bd_session_model(session), index);
  sort_key key = {NULL, 0, index};
  if (sort == BD_COLUMN_TENSOR) key.text = layer->tensor;
  if (sort == BD_COLUMN_OP) key.text = bd_show_kind(layer);
  if (sort == BD_COLUMN_MACS)
    key.number = macs_of(session, index);
  else if (!key.text)
    key.number = number_key(sort, layer, bd_session_layer(session, index));
  return key;
}

// Names with numbers in them sort as people count: conv2 before conv10.
static int compare(const sort_key *a, const sort_key *b, bool reverse) {
  int order = 0;
  if (a->text) {
    order = strverscmp(a->text, b->text);
  } else if (isnan(a->number) || isnan(b->number)) {
    order = (isnan(a->number) ? 1 : 0) - (isnan(b->number) ? 1 : 0);
    reverse = false;
  } else {
    order = (a->number > b->number) - (a->number < b->number);
  }
  if (order) return reverse ? -order : order;
  return a->layer - b->layer;
}

static int compare_rising(const void *a, const void *b) {
  return compare(a, b, false);
}

static int compare_falling(const void *a, const void *b) {
  return compare(a, b, true);
}

static bool still_sorted(const bd_order *order, const bd_session *session) {
  for (int i = 1; i < order->count; i++) {
    sort_key before = key_of(order->sort, session, order->layers[i - 1]);
    sort_key after = key_of(order->sort, session, order->layers[i]);
    if (compare(&before, &after, order->reverse) > 0) return false;
  }
  return true;
}

static bool reserve(bd_order *order, int total) {
  if (order->layers && order->total == total) return true;
  bd_order_close(order);
  order->layers = calloc((size_t)total + 1, sizeof *order->layers);
  order->places = calloc((size_t)total + 1, sizeof *order->places);
  order->total = total;
  order->done_sort = BD_COLUMN_COUNT; // nothing is in order yet
  if (order->layers && order->places) return true;
  bd_order_close(order);
  return false;
}

static void apply_filter(bd_order *order, const bd_session *session) {
  const bd_model *model = bd_session_model(session);
  order->count = 0;
  for (int i = 0; i < order->total; i++)
    if (bd_layer_matches(bd_model_layer(model, i), order->filter))
      order->layers[order->count++] = i;
}

static void apply_sort(bd_order *order, const bd_session *session) {
  size_t count = (size_t)order->count;
  sort_key *keys = calloc(count + 1, sizeof *keys);
  if (!keys) return; // model order will do
  for (size_t i = 0; i < count; i++)
    keys[i] = key_of(order->sort, session, order->layers[i]);
  qsort(keys, count, sizeof *keys, order->reverse ? compare_falling : compare_rising);
  for (size_t i = 0; i < count; i++)
    order->layers[i] = keys[i].layer;
  free(keys);
}

static void note_places(bd_order *order) {
  for (int i = 0; i < order->total; i++)
    order->places[i] = -1;
  for (int i = 0; i < order->count; i++)
    order->places[order->layers[i]] = i;
}

// Values that jobs and dials change; the rest of a layer never does.
static bool is_live(bd_column sort) {
  return sort >= BD_COLUMN_MACS;
}

void bd_order_update(bd_order *order, const bd_session *session, const char *filter) {
  if (!reserve(order, bd_session_count(session))) return;
  bool fresh = order->done_sort == order->sort && order->done_reverse == order->reverse &&
               strncmp(order->filter, filter, sizeof order->filter - 1) == 0;
  if (fresh && (!is_live(order->sort) || still_sorted(order, session))) return;
  snprintf(order->filter, sizeof order->filter, "%s", filter);
  order->done_sort = order->sort;
  order->done_reverse = order->reverse;
  apply_filter(order, session);
  if (order->sort != BD_COLUMN_NUMBER || order->reverse) apply_sort(order, session);
  note_places(order);
}

void bd_order_close(bd_order *order) {
  free(order->layers);
  free(order->places);
  order->layers = order->places = NULL;
  order->count = order->total = 0;
}
