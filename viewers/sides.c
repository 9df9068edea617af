#include "viewers/sides.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double own_value(const bd_layer_state *state, bd_side_column column) {
  const bd_result *result = state->result;
  if (column == BD_SIDE_BITS) return state->dial.setting.bits;
  if (column == BD_SIDE_PRUNE) return state->dial.setting.prune;
  if (!result || state->stale) return NAN;
  return column == BD_SIDE_SQNR ? result->sqnr_db : result->bytes;
}

static double other_value(const bd_seen_layer *layer, bd_side_column column) {
  if (column == BD_SIDE_OTHER_BITS) return layer->setting.bits;
  if (column == BD_SIDE_OTHER_PRUNE) return layer->setting.prune;
  if (layer->state != BD_SEEN_KNOWN) return NAN;
  return column == BD_SIDE_OTHER_SQNR ? layer->sqnr_db : layer->bytes;
}

double bd_side_value(const bd_session *session, const bd_seen *other, int layer,
                     bd_side_column column) {
  if (bd_side_is_other(column)) return other_value(&other->layers[layer], column);
  return own_value(bd_session_layer(session, layer), column);
}

char *bd_side_show(char out[BD_SHOW_SIZE], double value, bd_side_column column) {
  out[0] = '\0';
  if (isnan(value)) return out;
  switch (column) {
  case BD_SIDE_BITS:
  case BD_SIDE_OTHER_BITS:
    snprintf(out, BD_SHOW_SIZE, "%.0f", value);
    return out;
  case BD_SIDE_PRUNE:
  case BD_SIDE_OTHER_PRUNE:
    return bd_show_prune(out, value);
  case BD_SIDE_SQNR:
  case BD_SIDE_OTHER_SQNR:
    return bd_show_sqnr(out, value);
  default:
    return bd_show_bytes(out, value);
  }
}

bool bd_side_differs(const bd_session *session, const bd_seen *other, int layer) {
  const bd_layer_state *state = bd_session_layer(session, layer);
  return !state->refused && !bd_setting_equal(&state->dial.setting, &other->layers[layer].setting);
}

char *bd_side_difference(const bd_session *session, const bd_seen *other, int layer, char *out,
                         size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int field = 0; field < BD_FIELD_COUNT && used < size; field++) {
    char from[64], to[64];
    bd_setting_get(&bd_session_layer(session, layer)->dial.setting, field, from, sizeof from);
    bd_setting_get(&other->layers[layer].setting, field, to, sizeof to);
    if (strcmp(from, to) == 0) continue;
    used += (size_t)snprintf(out + used, size - used, "%s%s %s → %s", used ? ", " : "",
                             bd_setting_field(field)->name, from, to);
  }
  return out;
}
