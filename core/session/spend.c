#include "core/session/spend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAST_WIDTH = 2, WIDTHS = BD_BITS_MAX - LEAST_WIDTH + 1 };

typedef struct choices {
  bd_candidate (*candidates)[WIDTHS];
  bd_menu *menus;
  int *layers; // of the menus
  int *chosen;
  int count;
} choices;

// Σ(w−ŵ)² over Σw².
static bool fill_menu(const bd_layer_state *state, bd_candidate out[WIDTHS], bd_menu *menu) {
  bool held = state->dial.locked;
  *menu = (bd_menu){out, held ? 1 : WIDTHS};
  if (held) {
    if (!state->result || state->stale) return false;
    out[0] = (bd_candidate){state->result->bytes, bd_sqnr_share(state->result->sqnr_db)};
    return true;
  }
  for (int i = 0; i < WIDTHS; i++) {
    int bits = LEAST_WIDTH + i;
    if (isnan(state->curve_bytes[bits])) return false;
    out[i] = (bd_candidate){state->curve_bytes[bits], bd_sqnr_share(state->curve[bits])};
  }
  return true;
}

static bd_status fill(const bd_session *session, choices *c, bd_spend *out, bd_error *err) {
  int missing = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    out->bits[i] = state->dial.setting.bits;
    if (state->refused) continue;
    if (fill_menu(state, c->candidates[c->count], &c->menus[c->count])) {
      out->weights += (double)bd_index_stats(state->index)->count;
      c->layers[c->count++] = i;
    } else {
      missing++;
    }
  }
  if (!missing) return BD_OK;
  return bd_fail(err, BD_INVALID, "%d layer%s not known at every width yet: in a moment", missing,
                 missing == 1 ? " is" : "s are");
}

static void take(const bd_session *session, const choices *c, bd_spend *out) {
  for (int k = 0; k < c->count; k++) {
    const bd_layer_state *state = bd_session_layer(session, c->layers[k]);
    int bits = state->dial.setting.bits;
    out->bits[c->layers[k]] = state->dial.locked ? bits : LEAST_WIDTH + c->chosen[k];
    out->changed += out->bits[c->layers[k]] != bits;
  }
  out->bytes = out->found.bytes;
}

static bd_status spend(const bd_session *session, double bytes, bool exact, choices *c,
                       bd_spend *out, bd_error *err) {
  bd_budget budget = {BD_BUDGET_BYTES, bytes};
  if (!out->bits || !c->candidates || !c->menus || !c->layers || !c->chosen)
    return bd_fail_memory(err, "the allocation");
  BD_TRY(fill(session, c, out, err));
  BD_TRY(exact ? bd_allocate(c->menus, c->count, budget, NULL, c->chosen, &out->found, err)
               : bd_allocate_greedy(c->menus, c->count, budget, c->chosen, &out->found, err));
  take(session, c, out);
  return BD_OK;
}

bd_status bd_session_spend(const bd_session *session, double bytes, bool exact, bd_spend *out,
                           bd_error *err) {
  size_t room = (size_t)bd_session_count(session) + 1;
  choices c = {calloc(room, sizeof *c.candidates), calloc(room, sizeof *c.menus),
               calloc(room, sizeof *c.layers), calloc(room, sizeof *c.chosen), 0};
  *out = (bd_spend){.bits = calloc(room, sizeof *out->bits)};
  bd_status status = spend(session, bytes, exact, &c, out, err);
  free(c.candidates);
  free(c.menus);
  free(c.layers);
  free(c.chosen);
  if (status != BD_OK) bd_spend_free(out);
  return status;
}

void bd_spend_free(bd_spend *spend) {
  free(spend->bits);
  *spend = (bd_spend){0};
}

int bd_session_take_spend(bd_session *session, const bd_spend *spend) {
  int count = bd_session_count(session);
  bd_dial *dials = calloc((size_t)count + 1, sizeof *dials);
  if (!dials) return 0;
  for (int i = 0; i < count; i++) {
    dials[i] = bd_session_layer(session, i)->dial;
    dials[i].setting.bits = spend->bits[i];
  }
  int changed = bd_session_edit_all(session, dials, NULL, "allocation");
  free(dials);
  return changed;
}
