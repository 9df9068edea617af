#include "tui/spend.h"

#include "core/base/text.h"
#include "core/session/spend.h"
#include "tui/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double step = 0.1; // bits a weight

// --- the budget ----------------------------------------------------------------------------------

static double weights_of(const bd_session *session) {
  double weights = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (!state->refused && state->index) weights += (double)bd_index_stats(state->index)->count;
  }
  return weights;
}

static bd_status read_budget(const bd_session *session, const char *text, double *bytes,
                             bd_error *err) {
  char *end;
  double value = strtod(text, &end);
  double size = bd_text_size(text);
  if (end != text && !*end && value > 0 && value <= BD_BITS_FLOAT)
    *bytes = value * weights_of(session) / 8;
  else if (end != text && *end && size > 0)
    *bytes = size;
  else
    return bd_fail(err, BD_INVALID, "'%s' is neither bits a weight (3.5) nor a size (40KiB)", text);
  return BD_OK;
}

static bd_status spend_refresh(void *self, const bd_session *session, const char *text,
                               bd_error *err) {
  bd_spend *spend = self;
  double bytes = 0;
  bd_spend_free(spend);
  BD_TRY(read_budget(session, text, &bytes, err));
  return bd_session_spend(session, bytes, false, spend, err);
}

// The slider: from what is shown, in steps of a tenth of a bit.
static void spend_turn(const bd_session *session, int steps, char *text, size_t size) {
  double weights = weights_of(session), bytes = 0;
  if (weights <= 0 || read_budget(session, text, &bytes, NULL) != BD_OK) return;
  double bits = round(8 * bytes / weights / step) * step + steps * step;
  snprintf(text, size, "%.1f", fmin(fmax(bits, step), BD_BITS_FLOAT));
}

bd_status bd_spend_now(bd_ui *ui, const char *text, bd_error *err) {
  bd_session *session = ui->desk.session;
  char size[32];
  double bytes = 0;
  bd_spend spend;
  BD_TRY(read_budget(session, text, &bytes, err));
  BD_TRY(bd_session_spend(session, bytes, true, &spend, err));
  int changed = bd_session_take_spend(session, &spend);
  bd_desk_say(&ui->desk, "%d layer%s changed: %s, %.2f bits/weight%s; u takes it back", changed,
              changed == 1 ? "" : "s", bd_text_bytes(size, sizeof size, spend.bytes),
              8 * spend.bytes / spend.weights, spend.found.optimal ? ", the best there is" : "");
  bd_spend_free(&spend);
  return BD_OK;
}

// --- the sheet -----------------------------------------------------------------------------------

static void spend_draw_change(const void *self, const bd_desk *desk, int layer, bd_area area,
                              int row) {
  const bd_spend *spend = self;
  const bd_dial *dial = &bd_session_layer(desk->session, layer)->dial;
  int before = dial->setting.bits, after = spend->bits[layer];
  int column = bd_printf(area, 0, row, BD_ROLE_DIM, "%2d", before) + 1;
  if (before == after)
    bd_print(area, column + 1, row, BD_ROLE_DIM, dial->locked ? "held" : "");
  else
    bd_printf(area, bd_sheet_arrow(area, column, row), row, BD_ROLE_CHANGED, "%d", after);
}

static void spend_draw_sum(const void *self, const bd_desk *desk, bd_area area, int row) {
  char before[32], after[32];
  const bd_spend *spend = self;
  bd_totals totals = bd_session_totals(desk->session);
  int column = bd_printf(area, 2, row, BD_ROLE_TEXT, "%s ",
                         bd_text_bytes(before, sizeof before, totals.bytes));
  bd_printf(area, bd_sheet_arrow(area, column, row), row, BD_ROLE_TEXT,
            "%s, %.2f bits/weight, %d layer%s changed",
            bd_text_bytes(after, sizeof after, spend->bytes), 8 * spend->bytes / spend->weights,
            spend->changed, spend->changed == 1 ? "" : "s");
}

static void spend_free(void *self) {
  if (self) bd_spend_free(self);
  free(self);
}

static const bd_sheet_class about = {.title = "allocate",
                                     .asks = "bits a weight, or a size: ",
                                     .takes = "take the best",
                                     .columns = 12,
                                     .refresh = spend_refresh,
                                     .turn = spend_turn,
                                     .take = bd_spend_now,
                                     .draw_sum = spend_draw_sum,
                                     .draw_change = spend_draw_change,
                                     .free = spend_free};

bd_status bd_spend_open(bd_ui *ui, bd_error *err) {
  bd_session *session = ui->desk.session;
  char text[32];
  if (weights_of(session) <= 0)
    return bd_fail(err, BD_INVALID, "no layer is read yet that bits could be spent on");
  bd_totals totals = bd_session_totals(session);
  double bits = totals.weights > 0 ? totals.bits_per_weight : BD_BITS_MAX;
  snprintf(text, sizeof text, "%.1f", ceil(bits / step) * step);
  bd_session_want(session, BD_WANT_CURVES);
  return bd_sheet_open(ui, &about, calloc(1, sizeof(bd_spend)), text, err);
}
