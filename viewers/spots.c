#include "viewers/spots.h"

#include "core/study/pareto.h"

#include <math.h>
#include <stdlib.h>

static bool is_now(const bd_session *session, const bd_seen *seen) {
  int now = bd_session_seen_now(session);
  return now >= 0 && bd_session_seen(session, now) == seen;
}

// What was measured is of the network without a repair.
static bool is_measured(const bd_session *session, const bd_spot *spot, const bd_seen *seen) {
  return seen->measured && !(spot->now && bd_session_repair(session)->how != BD_RECOVER_NONE);
}

bd_spot bd_spot_of(const bd_session *session, const bd_seen *seen) {
  const bd_evaluation *e = &seen->figures;
  bd_spot spot = {.bytes = NAN, .bits_per_weight = NAN, .sqnr_db = NAN, .kl = NAN, .top1 = NAN};
  spot.id = seen->id;
  spot.pin = seen->pin;
  spot.now = is_now(session, seen);
  if (!seen->totals.missing) {
    spot.bytes = seen->totals.bytes;
    spot.bits_per_weight = seen->totals.bits_per_weight;
    spot.sqnr_db = seen->totals.sqnr_db;
  }
  if (is_measured(session, &spot, seen)) {
    spot.kl = bd_mean_value(&e->kl);
    spot.top1 = bd_mean_value(e->quantized.top1.count > 0 ? &e->quantized.top1 : &e->agreement);
  }
  return spot;
}

double bd_spot_value(const bd_spot *spot, bd_measure measure) {
  if (measure == BD_BY_KL) return spot->kl;
  return measure == BD_BY_TOP1 ? spot->top1 : spot->sqnr_db;
}

char bd_spot_sign(const bd_spot *spot) {
  if (spot->now) return '@';
  if (spot->pin) return spot->pin;
  if (!spot->id) return (char)('0' + spot->bits);
  return spot->on_line ? '*' : '.';
}

// --- references ----------------------------------------------------------------------------------

// Sums over the layers at so many bits; false where one of them is not known there.
static bool add_up(const bd_session *session, int bits, bd_spot *out) {
  double bytes = 0, sse = 0, energy = 0, weights = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (state->refused) continue;
    if (!state->index || isnan(state->curve_bytes[bits])) return false;
    const bd_stats *stats = bd_index_stats(state->index);
    bytes += state->curve_bytes[bits];
    sse += stats->energy * bd_sqnr_share(state->curve[bits]);
    energy += stats->energy;
    weights += (double)stats->count;
  }
  *out = (bd_spot){.bytes = bytes, .kl = NAN, .top1 = NAN, .bits = bits};
  out->bits_per_weight = 8 * bytes / weights;
  out->sqnr_db = bd_sqnr_db(energy, sse);
  return weights > 0;
}

// Has the session seen it, so that it stands there already?
static bool is_seen(const bd_session *session, int bits) {
  for (int k = 0; k < bd_session_seen_count(session); k++) {
    const bd_seen *seen = bd_session_seen(session, k);
    bool same = true;
    for (int i = 0; same && i < bd_session_count(session); i++) {
      bd_setting wanted = bd_session_layer(session, i)->dial.setting;
      wanted.bits = bits;
      same = bd_session_layer(session, i)->refused ||
             bd_setting_equal(&seen->layers[i].setting, &wanted);
    }
    if (same) return true;
  }
  return false;
}

// --- all of them ---------------------------------------------------------------------------------

static bool is_known(const bd_spot *spot, bd_measure measure) {
  return !isnan(spot->bytes) && !isnan(bd_spot_value(spot, measure));
}

static void add(bd_spots *out, const bd_spot *spot, bd_measure measure) {
  if (is_known(spot, measure)) out->list[out->count++] = *spot;
}

static int by_bytes(const void *a, const void *b) {
  const bd_spot *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return x->bits - y->bits;
}

// References are not on the line: nobody has chosen them.
static void mark_line(bd_spots *out, bd_measure measure) {
  bd_tradeoff *points = calloc((size_t)out->count + 1, sizeof *points);
  int *line = calloc((size_t)out->count + 1, sizeof *line);
  for (int i = 0; points && line && i < out->count; i++) {
    double value = bd_spot_value(&out->list[i], measure);
    bool counts = out->list[i].id != 0;
    points[i] = (bd_tradeoff){out->list[i].bytes, !counts               ? NAN
                                                  : measure == BD_BY_KL ? value
                                                                        : -value};
  }
  if (points && line) out->on_line = bd_pareto(points, out->count, line);
  for (int i = 0; i < out->on_line; i++)
    out->list[line[i]].on_line = true;
  free(points);
  free(line);
}

void bd_spots_gather(const bd_session *session, bd_measure measure, bd_spots *out, int *left_out) {
  int seen = bd_session_seen_count(session);
  *out = (bd_spots){calloc((size_t)seen + BD_BITS_MAX + 1, sizeof *out->list), 0, 0};
  *left_out = 0;
  if (!out->list) return;
  for (int i = 0; i < seen; i++) {
    bd_spot spot = bd_spot_of(session, bd_session_seen(session, i));
    *left_out += !is_known(&spot, measure);
    add(out, &spot, measure);
  }
  // Their error alone is known.
  for (int bits = 1; bits <= BD_BITS_MAX && measure == BD_BY_SQNR; bits++) {
    bd_spot spot;
    if (add_up(session, bits, &spot) && !is_seen(session, bits)) add(out, &spot, measure);
  }
  qsort(out->list, (size_t)out->count, sizeof *out->list, by_bytes);
  mark_line(out, measure);
}
