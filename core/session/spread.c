#include "core/session/spread.h"

#include "core/study/lamp.h"

#include <math.h>
#include <stdlib.h>

// Of a setting's ratio: whole weights.
static double share_of(const bd_session *session, const double *prune) {
  double all = 0, pruned = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (state->refused || !state->index) continue;
    double weights = (double)bd_index_stats(state->index)->count;
    all += weights;
    pruned += floor((prune ? prune[i] : state->dial.setting.prune) * weights + 0.5);
  }
  return all > 0 ? pruned / all : 0;
}

double bd_session_pruned(const bd_session *session) {
  return share_of(session, NULL);
}

static bd_status fill(const bd_session *session, bd_lamp_layer *layers, bd_error *err) {
  int missing = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    layers[i].prune = state->dial.setting.prune;
    if (state->refused) continue;
    layers[i].index = state->index;
    layers[i].held = state->dial.locked;
    missing += !state->index;
  }
  if (!missing) return BD_OK;
  return bd_fail(err, BD_INVALID, "%d layer%s not read yet: in a moment", missing,
                 missing == 1 ? " is" : "s are");
}

static bd_status spread(const bd_session *session, double overall, bd_lamp_layer *layers,
                        bd_spread *out, bd_error *err) {
  int count = bd_session_count(session);
  if (!layers || !out->prune) return bd_fail_memory(err, "the ratios");
  BD_TRY(fill(session, layers, err));
  BD_TRY(bd_lamp(layers, count, overall, err));
  for (int i = 0; i < count; i++) {
    out->prune[i] = layers[i].prune;
    out->changed += layers[i].prune != bd_session_layer(session, i)->dial.setting.prune;
    out->locked += layers[i].index && layers[i].held;
  }
  out->before = bd_session_pruned(session);
  out->after = share_of(session, out->prune);
  return BD_OK;
}

bd_status bd_session_spread(const bd_session *session, double overall, bd_spread *out,
                            bd_error *err) {
  size_t room = (size_t)bd_session_count(session) + 1;
  bd_lamp_layer *layers = calloc(room, sizeof *layers);
  *out = (bd_spread){.prune = calloc(room, sizeof *out->prune)};
  bd_status status = spread(session, overall, layers, out, err);
  free(layers);
  if (status != BD_OK) bd_spread_free(out);
  return status;
}

void bd_spread_free(bd_spread *spread) {
  free(spread->prune);
  *spread = (bd_spread){0};
}

int bd_session_take_spread(bd_session *session, const bd_spread *spread) {
  int count = bd_session_count(session);
  bd_dial *dials = calloc((size_t)count + 1, sizeof *dials);
  if (!dials) return 0;
  for (int i = 0; i < count; i++) {
    dials[i] = bd_session_layer(session, i)->dial;
    dials[i].setting.prune = spread->prune[i];
  }
  int changed = bd_session_edit_all(session, dials, NULL, "prune overall");
  free(dials);
  return changed;
}
