#include "tui/spend.h"

#include "core/base/text.h"
#include "core/session/spend.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Columns of the sheet, rows beside the layers' ones.
enum { COLUMNS = 62, HEAD_ROWS = 5, COLUMNS_OF_A_CHANGE = 12 };

static const double step = 0.1; // bits a weight

struct sheet {
  bd_line line; // the budget as it is typed or turned
  bool typed;   // it is no longer the one that the sheet proposed
  bd_spend spend;
  char problem[160]; // why there is none; "" there is one
  int top;
};

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

static void refresh(struct sheet *sheet, const bd_session *session) {
  double bytes = 0;
  bd_error err;
  bd_spend_free(&sheet->spend);
  bd_status status = read_budget(session, sheet->line.text, &bytes, &err);
  if (status == BD_OK) status = bd_session_spend(session, bytes, false, &sheet->spend, &err);
  snprintf(sheet->problem, sizeof sheet->problem, "%.*s", (int)sizeof sheet->problem - 1,
           status == BD_OK ? "" : err.text);
}

// The slider: from what is shown, in steps of a tenth of a bit.
static void turn(struct sheet *sheet, const bd_session *session, int steps) {
  double weights = weights_of(session), bytes = 0;
  char text[32];
  if (weights <= 0 || read_budget(session, sheet->line.text, &bytes, NULL) != BD_OK) return;
  double bits = round(8 * bytes / weights / step) * step + steps * step;
  snprintf(text, sizeof text, "%.1f", fmin(fmax(bits, step), BD_BITS_FLOAT));
  bd_line_set(&sheet->line, text);
}

static bd_status take(bd_ui *ui, const char *text, bd_error *err) {
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

bd_status bd_spend_now(bd_ui *ui, const char *text, bd_error *err) {
  return take(ui, text, err);
}

// --- keys ----------------------------------------------------------------------------------------

static void spend_free(void *state) {
  struct sheet *sheet = state;
  if (sheet) bd_spend_free(&sheet->spend);
  free(sheet);
}

static const struct {
  const char *keys;
  int steps, rows;
} moves[] = {
    {"+ = <right> <up>", 1, 0}, {"- <left> <down>", -1, 0}, {"<pgup>", 0, -1}, {"<pgdn>", 0, 1}};

static void spend_key(void *state, bd_ui *ui, const char *key) {
  struct sheet *sheet = state;
  bd_error err;
  if (bd_key_among(key, "<esc> q")) {
    bd_ui_close(ui);
    return;
  }
  if (strcmp(key, "<enter>") == 0) {
    char text[sizeof sheet->line.text];
    memcpy(text, sheet->line.text, sizeof text);
    bd_ui_close(ui);
    if (take(ui, text, &err) != BD_OK) bd_desk_fail(&ui->desk, "%s", err.text);
    return;
  }
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    if (!bd_key_among(key, moves[i].keys)) continue;
    turn(sheet, ui->desk.session, moves[i].steps);
    sheet->typed = false;
    sheet->top += moves[i].rows;
    return;
  }
  // What is typed first takes the place of what was proposed.
  if (!sheet->typed) bd_line_set(&sheet->line, "");
  sheet->typed = true;
  bd_line_key(&sheet->line, key);
}

// --- drawing -------------------------------------------------------------------------------------

static void draw_change(const bd_desk *desk, const struct sheet *sheet, int layer, bd_area area,
                        int row) {
  char name[512], brief[512];
  const bd_layer *about = bd_model_layer(bd_session_model(desk->session), layer);
  const bd_layer_state *state = bd_session_layer(desk->session, layer);
  int before = state->dial.setting.bits, after = sheet->spend.bits[layer];
  bd_show_name(name, sizeof name, about->tensor, bd_canvas_ascii(area.canvas));
  bd_print(area, 2, row, BD_ROLE_TEXT,
           bd_show_short(brief, sizeof brief, name, area.columns - COLUMNS_OF_A_CHANGE - 3));
  int at = area.columns - COLUMNS_OF_A_CHANGE;
  if (before == after) {
    bd_printf(area, at, row, BD_ROLE_DIM, "%2d%s", before, state->dial.locked ? "  held" : "");
    return;
  }
  bd_printf(area, at, row, BD_ROLE_DIM, "%2d", before);
  bd_put(area, at + 3, row, bd_glyph_sign(area.canvas, BD_SIGN_ARROW), BD_ROLE_DIM);
  bd_printf(area, at + 5, row, BD_ROLE_CHANGED, "%d", after);
}

static void draw_layers(const bd_desk *desk, struct sheet *sheet, bd_area area) {
  int shown = 0, total = 0;
  for (int i = 0; i < bd_session_count(desk->session); i++)
    total += !bd_session_layer(desk->session, i)->refused;
  if (sheet->top > total - area.rows) sheet->top = total - area.rows;
  if (sheet->top < 0) sheet->top = 0;
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    if (bd_session_layer(desk->session, i)->refused) continue;
    if (shown >= sheet->top && shown < sheet->top + area.rows)
      draw_change(desk, sheet, i, area, shown - sheet->top);
    shown++;
  }
}

static void draw_sum(const bd_desk *desk, const struct sheet *sheet, bd_area area) {
  char before[32], after[32];
  const bd_spend *spend = &sheet->spend;
  bd_totals totals = bd_session_totals(desk->session);
  int column = bd_printf(area, 2, 2, BD_ROLE_TEXT, "%s ",
                         bd_text_bytes(before, sizeof before, totals.bytes));
  bd_put(area, column, 2, bd_glyph_sign(area.canvas, BD_SIGN_ARROW), BD_ROLE_DIM);
  bd_printf(area, column + 2, 2, BD_ROLE_TEXT, "%s, %.2f bits/weight, %d layer%s changed",
            bd_text_bytes(after, sizeof after, spend->bytes), 8 * spend->bytes / spend->weights,
            spend->changed, spend->changed == 1 ? "" : "s");
}

static void draw_keys(bd_area area) {
  static const char *const keys[][2] = {
      {"+ -", "turn"}, {"Enter", "take the best"}, {"Esc", "back"}};
  int column = 2;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    column = bd_print(area, column, area.rows - 1, BD_ROLE_KEY, keys[i][0]);
    column = bd_print(area, column + 1, area.rows - 1, BD_ROLE_DIM, keys[i][1]) + 2;
  }
}

static void spend_draw(void *state, bd_ui *ui, bd_area screen) {
  struct sheet *sheet = state;
  refresh(sheet, ui->desk.session);
  int columns = screen.columns < COLUMNS ? screen.columns : COLUMNS;
  int rows = bd_session_count(ui->desk.session) + HEAD_ROWS;
  if (rows > screen.rows - 2) rows = screen.rows - 2;
  bd_area area =
      bd_area_part(screen, (screen.columns - columns) / 2, (screen.rows - rows) / 2, columns, rows);
  bd_clear(area, BD_ROLE_TEXT);
  bd_rule(area, 0, 0, columns, false, BD_ROLE_RULE);
  bd_print(area, 2, 0, BD_ROLE_FOCUS, " allocate ");
  int column = bd_print(area, 2, 1, BD_ROLE_KEY, "bits a weight, or a size: ");
  bd_print(area, column, 1, BD_ROLE_PROMPT, sheet->line.text);
  bd_tint(area, column + bd_line_column(&sheet->line), 1, 1, BD_ROLE_CURSOR);
  if (sheet->problem[0]) {
    bd_print_fit(area, 2, 2, columns - 3, BD_ROLE_ERROR, sheet->problem);
  } else {
    draw_sum(&ui->desk, sheet, area);
    draw_layers(&ui->desk, sheet, bd_area_part(area, 0, 3, columns, rows - HEAD_ROWS));
  }
  draw_keys(area);
}

static const bd_overlay_class spend_class = {spend_draw, spend_key, NULL, spend_free};

bd_status bd_spend_open(bd_ui *ui, bd_error *err) {
  bd_session *session = ui->desk.session;
  char text[32];
  if (weights_of(session) <= 0)
    return bd_fail(err, BD_INVALID, "no layer is read yet that bits could be spent on");
  struct sheet *sheet = calloc(1, sizeof *sheet);
  if (!sheet) return bd_fail_memory(err, "the sheet");
  bd_totals totals = bd_session_totals(session);
  double bits = totals.weights > 0 ? totals.bits_per_weight : BD_BITS_MAX;
  snprintf(text, sizeof text, "%.1f", ceil(bits / step) * step);
  bd_line_set(&sheet->line, text);
  bd_session_want(session, BD_WANT_CURVES);
  bd_ui_open(ui, &spend_class, sheet);
  return BD_OK;
}
