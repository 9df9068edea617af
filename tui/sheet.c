#include "tui/sheet.h"

#include "tui/wrap.h"
#include "viewers/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Columns of the sheet, rows beside the layers' ones.
enum { COLUMNS = 62, HEAD_ROWS = 5 };

struct sheet {
  const bd_sheet_class *about;
  void *self;
  bd_line line; // the number as it is typed or turned
  bool typed;   // it is no longer the one that the sheet proposed
  int top;
};

// --- keys ----------------------------------------------------------------------------------------

static void sheet_free(void *state) {
  struct sheet *sheet = state;
  if (sheet) sheet->about->free(sheet->self);
  free(sheet);
}

static void turn(struct sheet *sheet, const bd_session *session, int steps) {
  char text[sizeof sheet->line.text];
  memcpy(text, sheet->line.text, sizeof text);
  sheet->about->turn(session, steps, text, sizeof text);
  bd_line_set(&sheet->line, text);
}

static void take(struct sheet *sheet, bd_ui *ui) {
  bd_error err;
  char text[sizeof sheet->line.text];
  const bd_sheet_class *about = sheet->about;
  memcpy(text, sheet->line.text, sizeof text);
  bd_ui_close(ui);
  if (about->take(ui, text, &err) != BD_OK) bd_desk_fail(&ui->desk, "%s", err.text);
}

static const struct {
  const char *keys;
  int steps, rows;
} moves[] = {
    {"+ = <right> <up>", 1, 0}, {"- <left> <down>", -1, 0}, {"<pgup>", 0, -1}, {"<pgdn>", 0, 1}};

static void sheet_key(void *state, bd_ui *ui, const char *key) {
  struct sheet *sheet = state;
  if (bd_key_among(key, "<esc> q")) {
    bd_ui_close(ui);
    return;
  }
  if (strcmp(key, "<enter>") == 0) {
    take(sheet, ui);
    return;
  }
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    if (!bd_key_among(key, moves[i].keys)) continue;
    if (moves[i].steps) {
      turn(sheet, ui->desk.session, moves[i].steps);
      sheet->typed = false;
    }
    sheet->top += moves[i].rows;
    return;
  }
  // What is typed first takes the place of what was proposed.
  if (!sheet->typed) bd_line_set(&sheet->line, "");
  sheet->typed = true;
  bd_line_key(&sheet->line, key);
}

// --- drawing -------------------------------------------------------------------------------------

int bd_sheet_arrow(bd_area area, int column, int row) {
  bd_put(area, column, row, bd_glyph_sign(area.canvas, BD_SIGN_ARROW), BD_ROLE_DIM);
  return column + 2;
}

static void draw_layer(const bd_desk *desk, const struct sheet *sheet, int layer, bd_area area,
                       int row) {
  char name[512], brief[512];
  int columns = sheet->about->columns, at = area.columns - columns;
  const bd_layer *about = bd_model_layer(bd_session_model(desk->session), layer);
  bd_show_name(name, sizeof name, about->tensor, bd_canvas_ascii(area.canvas));
  bd_print(area, 2, row, BD_ROLE_TEXT, bd_show_short(brief, sizeof brief, name, at - 3));
  sheet->about->draw_change(sheet->self, desk, layer, bd_area_part(area, at, row, columns, 1), 0);
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
      draw_layer(desk, sheet, i, area, shown - sheet->top);
    shown++;
  }
}

static void draw_keys(const struct sheet *sheet, bd_area area) {
  const char *const keys[][2] = {{"+ -", "turn"}, {"Enter", sheet->about->takes}, {"Esc", "back"}};
  int column = 2;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    column = bd_print(area, column, area.rows - 1, BD_ROLE_KEY, keys[i][0]);
    column = bd_print(area, column + 1, area.rows - 1, BD_ROLE_DIM, keys[i][1]) + 2;
  }
}

static void draw_head(const struct sheet *sheet, bd_area area) {
  bd_clear(area, BD_ROLE_TEXT);
  bd_rule(area, 0, 0, area.columns, false, BD_ROLE_RULE);
  bd_printf(area, 2, 0, BD_ROLE_FOCUS, " %s ", sheet->about->title);
  int column = bd_print(area, 2, 1, BD_ROLE_KEY, sheet->about->asks);
  bd_print(area, column, 1, BD_ROLE_PROMPT, sheet->line.text);
  bd_tint(area, column + bd_line_column(&sheet->line), 1, 1, BD_ROLE_CURSOR);
}

// In as many lines as it takes.
static void draw_problem(bd_area area, const char *text) {
  int columns = area.columns - 3;
  for (int row = 2; *text && row < area.rows - 1; row++) {
    int length = bd_wrap(text, columns);
    bd_printf(area, 2, row, BD_ROLE_ERROR, "%.*s", length, text);
    text = bd_wrap_next(text, length);
  }
}

static void sheet_draw(void *state, bd_ui *ui, bd_area screen) {
  struct sheet *sheet = state;
  const bd_session *session = ui->desk.session;
  bd_error err;
  bd_status status = sheet->about->refresh(sheet->self, session, sheet->line.text, &err);
  int columns = screen.columns < COLUMNS ? screen.columns : COLUMNS;
  int rows = bd_session_count(session) + HEAD_ROWS;
  if (rows > screen.rows - 2) rows = screen.rows - 2;
  bd_area area =
      bd_area_part(screen, (screen.columns - columns) / 2, (screen.rows - rows) / 2, columns, rows);
  draw_head(sheet, area);
  if (status != BD_OK) {
    draw_problem(area, err.text);
  } else {
    sheet->about->draw_sum(sheet->self, &ui->desk, area, 2);
    draw_layers(&ui->desk, sheet, bd_area_part(area, 0, 3, columns, rows - HEAD_ROWS));
  }
  draw_keys(sheet, area);
}

static const bd_overlay_class sheet_class = {sheet_draw, sheet_key, NULL, sheet_free};

bd_status bd_sheet_open(bd_ui *ui, const bd_sheet_class *about, void *self, const char *text,
                        bd_error *err) {
  struct sheet *sheet = calloc(1, sizeof *sheet);
  if (!sheet || !self) {
    about->free(self);
    free(sheet);
    return bd_fail_memory(err, "the sheet");
  }
  sheet->about = about;
  sheet->self = self;
  bd_line_set(&sheet->line, text);
  bd_ui_open(ui, &sheet_class, sheet);
  return BD_OK;
}
