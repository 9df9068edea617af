#include "tui/spread.h"

#include "core/session/spread.h"
#include "core/study/lamp.h"
#include "tui/sheet.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double step = 0.05; // as the dial's

// What the text of the sheet would do. Kept until that is another one: the whole network is asked.
struct overall {
  char text[BD_LINE_MAX]; // that the spread is of; "" there is none
  bd_spread spread;
};

static bd_status read_ratio(const char *text, double *ratio, bd_error *err) {
  bd_setting asked = bd_setting_default();
  if (bd_setting_set(&asked, BD_FIELD_PRUNE, text, NULL) != BD_OK)
    return bd_fail(err, BD_INVALID, "'%s' is no ratio from 0 to 1: 0.8 or 80%%", text);
  *ratio = asked.prune;
  return BD_OK;
}

static bd_status overall_refresh(void *self, const bd_session *session, const char *text,
                                 bd_error *err) {
  struct overall *overall = self;
  double ratio = 0;
  if (overall->spread.prune && strcmp(overall->text, text) == 0) return BD_OK;
  bd_spread_free(&overall->spread);
  BD_TRY(read_ratio(text, &ratio, err));
  BD_TRY(bd_session_spread(session, ratio, &overall->spread, err));
  snprintf(overall->text, sizeof overall->text, "%s", text);
  return BD_OK;
}

// To the next multiple of a step, within what no layer is cut off by.
static void overall_turn(const bd_session *session, int steps, char *text, size_t size) {
  (void)session;
  double ratio = 0;
  if (read_ratio(text, &ratio, NULL) != BD_OK) return;
  double next = (steps > 0 ? floor(ratio / step + 1e-6) : ceil(ratio / step - 1e-6)) + steps;
  snprintf(text, size, "%.0f%%", 100 * fmin(fmax(next * step, 0), BD_LAMP_MOST));
}

bd_status bd_spread_now(bd_ui *ui, const char *text, bd_error *err) {
  bd_session *session = ui->desk.session;
  char after[BD_SHOW_SIZE];
  double ratio = 0;
  bd_spread spread;
  BD_TRY(read_ratio(text, &ratio, err));
  BD_TRY(bd_session_spread(session, ratio, &spread, err));
  int changed = bd_session_take_spread(session, &spread);
  bd_desk_say(&ui->desk, "%d layer%s changed: %s of all weights pruned; u takes it back", changed,
              changed == 1 ? "" : "s", bd_show_share(after, spread.after));
  bd_spread_free(&spread);
  return BD_OK;
}

// --- the sheet -----------------------------------------------------------------------------------

static void overall_draw_change(const void *self, const bd_desk *desk, int layer, bd_area area,
                                int row) {
  const struct overall *overall = self;
  const bd_dial *dial = &bd_session_layer(desk->session, layer)->dial;
  double before = dial->setting.prune, after = overall->spread.prune[layer];
  int column = bd_printf(area, 0, row, BD_ROLE_DIM, "%5.1f%%", 100 * before) + 1;
  if (dial->locked)
    bd_print(area, column + 1, row, BD_ROLE_DIM, "locked");
  else if (before != after)
    bd_printf(area, bd_sheet_arrow(area, column, row), row, BD_ROLE_CHANGED, "%4.1f%%",
              100 * after);
}

static void overall_draw_sum(const void *self, const bd_desk *desk, bd_area area, int row) {
  (void)desk;
  const bd_spread *spread = &((const struct overall *)self)->spread;
  int column = bd_printf(area, 2, row, BD_ROLE_TEXT, "%.1f%%", 100 * spread->before) + 1;
  column = bd_printf(area, bd_sheet_arrow(area, column, row), row, BD_ROLE_TEXT,
                     "%.1f%% of all weights, %d layer%s changed", 100 * spread->after,
                     spread->changed, spread->changed == 1 ? "" : "s");
  if (spread->locked) bd_printf(area, column, row, BD_ROLE_DIM, ", %d locked", spread->locked);
}

static void overall_free(void *self) {
  struct overall *overall = self;
  if (overall) bd_spread_free(&overall->spread);
  free(overall);
}

static const bd_sheet_class about = {.title = "prune overall",
                                     .asks = "of the whole network: ",
                                     .takes = "take it",
                                     .columns = 15,
                                     .refresh = overall_refresh,
                                     .turn = overall_turn,
                                     .take = bd_spread_now,
                                     .draw_sum = overall_draw_sum,
                                     .draw_change = overall_draw_change,
                                     .free = overall_free};

bd_status bd_spread_open(bd_ui *ui, bd_error *err) {
  const bd_session *session = ui->desk.session;
  char text[32];
  if (bd_session_totals(session).weights <= 0)
    return bd_fail(err, BD_INVALID, "no layer is read yet that could be pruned");
  snprintf(text, sizeof text, "%.3g%%", 100 * bd_session_pruned(session));
  return bd_sheet_open(ui, &about, calloc(1, sizeof(struct overall)), text, err);
}
