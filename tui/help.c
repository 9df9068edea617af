#include "tui/help.h"

#include "tui/wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMN = 13, HELP_COLUMN = 32 };

struct help {
  int top;  // the first line shown
  int page; // lines that fit, as drawn last
  int lines;
};

// Draws line by line into a window that begins at line `top`.
struct sheet {
  bd_area area;
  int top, line;
};

// All keys of a command, as people read them: "+ =".
static void show_keys(const char *keys, char *out, size_t size) {
  char key[16];
  size_t length = 0;
  out[0] = '\0';
  for (const char *at = keys; *at && length < size; at += strcspn(at, " "), at += strspn(at, " ")) {
    length += (size_t)snprintf(out + length, size - length, "%s%s", length > 0 ? " " : "",
                               bd_key_show(at, key, sizeof key));
  }
}

// The row of the window that the next line takes; -1 where that is not in sight.
static int next_row(struct sheet *sheet) {
  int row = sheet->line++ - sheet->top;
  return row < sheet->area.rows ? row : -1;
}

// What a command or field does, in as many lines as it takes; `keys` and `name` before the first.
static void draw_entry(struct sheet *sheet, const char *keys, const char *name, const char *text) {
  int columns = sheet->area.columns - HELP_COLUMN - 1;
  for (bool first = true; first || *text; first = false) {
    int row = next_row(sheet), length = bd_wrap(text, columns);
    if (first) {
      bd_print_fit(sheet->area, 1, row, NAME_COLUMN - 2, BD_ROLE_KEY, keys);
      bd_print_fit(sheet->area, NAME_COLUMN, row, HELP_COLUMN - NAME_COLUMN - 1, BD_ROLE_DIM, name);
    }
    bd_printf(sheet->area, HELP_COLUMN, row, BD_ROLE_TEXT, "%.*s", length, text);
    text = bd_wrap_next(text, length);
  }
}

static void draw_command(struct sheet *sheet, bd_binding row) {
  char keys[64], name[64];
  bool digits = row.panel < 0 && row.command->id == BD_DO_PANEL;
  const char *argument = row.panel < 0 ? bd_key_argument(row.command->id) : NULL;
  show_keys(row.command->keys, keys, sizeof keys);
  snprintf(name, sizeof name, ":%s%s%s", row.command->name, argument ? " " : "",
           argument ? argument : "");
  draw_entry(sheet, digits ? "1 to 9" : keys, name, row.command->help);
}

static void draw_head(struct sheet *sheet, int panel) {
  if (panel >= 0) sheet->line++;
  int row = next_row(sheet);
  if (panel < 0) {
    bd_print(sheet->area, 1, row, BD_ROLE_HEADER, "everywhere");
  } else {
    bd_printf(sheet->area, 1, row, BD_ROLE_HEADER, "of the panel %s", bd_view_at(panel)->name);
  }
}

static void draw_field(struct sheet *sheet, const bd_field *field) {
  char name[64];
  snprintf(name, sizeof name, ":%s VALUE", field->name);
  draw_entry(sheet, "", name, field->help);
}

// Fields of the setting that have no command of their own.
static void draw_fields(struct sheet *sheet) {
  for (int i = 0; i < BD_FIELD_COUNT; i++) {
    const bd_field *field = bd_setting_field(i);
    if (!bd_key_command(field->name).command) draw_field(sheet, field);
  }
}

// What the panels show, in words.
static void draw_signs(struct sheet *sheet) {
  sheet->line++;
  bd_print(sheet->area, 1, next_row(sheet), BD_ROLE_HEADER, "what the panels show");
  for (int i = 0; i < bd_view_count(); i++) {
    const bd_view_class *view = bd_view_at(i);
    if (view->signs) draw_entry(sheet, "", view->name, view->signs);
  }
}

// Every line of the help; returns how many there are.
static int draw_lines(bd_area area, int top) {
  struct sheet sheet = {area, top, 0};
  int panel = -2;
  for (int i = 0; bd_key_row(i).command; i++) {
    bd_binding row = bd_key_row(i);
    if (row.panel != panel) {
      if (panel == -1) draw_fields(&sheet);
      draw_head(&sheet, row.panel);
    }
    panel = row.panel;
    draw_command(&sheet, row);
  }
  draw_signs(&sheet);
  return sheet.line;
}

static void help_draw(void *state, bd_ui *ui, bd_area screen) {
  struct help *help = state;
  (void)ui;
  bd_area whole = bd_area_part(screen, 0, 1, screen.columns, screen.rows - 1);
  for (int row = 0; row < whole.rows; row++) {
    for (int column = 0; column < whole.columns; column++) {
      bd_put(whole, column, row, ' ', BD_ROLE_TEXT);
    }
  }
  bd_rule(whole, 0, 0, whole.columns, false, BD_ROLE_RULE);
  bd_print(whole, 2, 0, BD_ROLE_FOCUS, " help ");
  help->page = whole.rows - 2;
  help->lines = draw_lines(bd_area_part(whole, 0, 1, whole.columns, help->page), help->top);
  int last = help->top + help->page < help->lines ? help->top + help->page : help->lines;
  int column = bd_print(whole, 1, whole.rows - 1, BD_ROLE_KEY, "Up Down PgUp PgDn");
  column = bd_print(whole, column + 1, whole.rows - 1, BD_ROLE_DIM, "scroll");
  column = bd_print(whole, column + 2, whole.rows - 1, BD_ROLE_KEY, "Esc");
  bd_print(whole, column + 1, whole.rows - 1, BD_ROLE_DIM, "back");
  bd_printf(bd_area_part(whole, whole.columns - 16, whole.rows - 1, 16, 1), 0, 0, BD_ROLE_DIM,
            "%d-%d of %d", help->top + 1, last, help->lines);
}

static const struct {
  const char *keys;
  int lines, pages;
} moves[] = {{"<up> k", -1, 0},
             {"<down> j <enter>", 1, 0},
             {"<pgup> <c-u> <c-b>", 0, -1},
             {"<pgdn> <c-d> <space>", 0, 1},
             {"<home> g", -100000, 0},
             {"<end> G", 100000, 0}};

static void help_key(void *state, bd_ui *ui, const char *key) {
  struct help *help = state;
  if (bd_key_among(key, "<esc> <bs> q ? <f1>")) {
    bd_ui_close(ui);
    return;
  }
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    if (bd_key_among(key, moves[i].keys)) help->top += moves[i].lines + moves[i].pages * help->page;
  }
  if (help->top > help->lines - help->page) help->top = help->lines - help->page;
  if (help->top < 0) help->top = 0;
}

static const bd_overlay_class help_class = {help_draw, help_key, NULL, free};

void bd_help_open(bd_ui *ui) {
  bd_ui_open(ui, &help_class, calloc(1, sizeof(struct help)));
}
