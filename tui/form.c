#include "tui/form.h"

#include "tui/dials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LOCK = BD_FIELD_COUNT,
  ROWS,
  NAME_COLUMN = 2,
  VALUE_COLUMN = 15,
  HELP_COLUMN = 34,
  WIDTH = 92
};

struct form {
  char names[256];    // the layers, for the title
  bd_dial dial;       // as it will be
  bool mixed[ROWS];   // the layers differ there
  bool changed[ROWS]; // was set here: only these are applied
  int row;            // selected
  bool typing;        // a number is being typed there
  bd_line line;       // its text
  char problem[256];  // what was wrong with it; "" nothing
};

static void note_mixed(struct form *form, const bd_dial *other) {
  char ours[64], theirs[64];
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    bd_setting_get(&form->dial.setting, field, ours, sizeof ours);
    bd_setting_get(&other->setting, field, theirs, sizeof theirs);
    form->mixed[field] |= strcmp(ours, theirs) != 0;
  }
  form->mixed[LOCK] |= form->dial.locked != other->locked;
}

static bool is_number(int row) {
  return row != LOCK && !bd_setting_field(row)->choices;
}

static void touch(struct form *form) {
  form->changed[form->row] = true;
  form->mixed[form->row] = false;
}

static void step(struct form *form, int steps) {
  form->problem[0] = '\0';
  if (form->row == LOCK) {
    form->dial.locked = !form->dial.locked;
  } else {
    bd_setting_step(&form->dial.setting, form->row,
                    form->row == BD_FIELD_PRUNE ? 5 * steps : steps);
  }
  touch(form);
}

// Takes the typed number over. False: it is wrong, and stays to be mended.
static bool settle(struct form *form) {
  bd_error err;
  if (!form->typing) return true;
  if (form->line.text[0]) {
    if (bd_setting_set(&form->dial.setting, form->row, form->line.text, &err) != BD_OK) {
      snprintf(form->problem, sizeof form->problem, "%.*s", (int)sizeof form->problem - 1,
               err.text);
      return false;
    }
    touch(form);
  }
  form->typing = false;
  form->problem[0] = '\0';
  return true;
}

static void move(struct form *form, int rows) {
  if (settle(form)) form->row = (form->row + rows + ROWS) % ROWS;
}

static void apply(struct form *form, bd_ui *ui) {
  if (!settle(form)) return;
  bd_error err;
  bd_status status =
      bd_dials_apply(&ui->desk, &form->dial, form->changed, form->changed[LOCK], &err);
  if (status != BD_OK) bd_desk_fail(&ui->desk, "%s", err.text);
  bd_ui_close(ui);
}

// A key while a number is being typed. False: it has another meaning.
static bool typing_key(struct form *form, const char *key) {
  if (strcmp(key, "<esc>") == 0) return false;
  return bd_line_key(&form->line, key);
}

static void begin_typing(struct form *form, const char *key) {
  form->typing = true;
  form->problem[0] = '\0';
  bd_line_set(&form->line, bd_key_among(key, "<bs> <c-u>") ? "" : key);
}

static const struct {
  const char *keys;
  void (*act)(struct form *form, int amount);
  int amount;
} moves[] = {{"<up> k <btab> <c-p>", move, -1},
             {"<down> j <tab> <c-n>", move, 1},
             {"<left> h -", step, -1},
             {"<right> l <space> + =", step, 1}};

static void form_key(void *state, bd_ui *ui, const char *key) {
  struct form *form = state;
  if (form->typing && typing_key(form, key)) return;
  if (strcmp(key, "<enter>") == 0) {
    apply(form, ui);
  } else if (bd_key_among(key, "<esc> q")) {
    bd_ui_close(ui);
  } else if (is_number(form->row) && bd_key_among(key, "0 1 2 3 4 5 6 7 8 9 . f <bs> <c-u>")) {
    begin_typing(form, key);
  } else {
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
      if (bd_key_among(key, moves[i].keys)) moves[i].act(form, moves[i].amount);
    }
  }
}

static void form_paste(void *state, const char *text) {
  struct form *form = state;
  if (form->typing) bd_line_insert(&form->line, text);
}

// --- drawing -------------------------------------------------------------------------------------

// What the value of a row means: the choice's line, or the field's.
static const char *explain(const struct form *form, int row, const char *value) {
  if (row == LOCK) return "held against allocate and prune-overall";
  const bd_field *field = bd_setting_field(row);
  for (int i = 0; i < field->choice_count && !form->mixed[row]; i++) {
    if (strcmp(field->choices[i].name, value) == 0) return field->choices[i].help;
  }
  return field->help;
}

static const char *show_value(const struct form *form, int row, char *out, size_t size) {
  if (row == form->row && form->typing) return form->line.text;
  if (form->mixed[row]) return "(differ)";
  if (row == LOCK) return form->dial.locked ? "on" : "off";
  return bd_setting_get(&form->dial.setting, row, out, size);
}

static void draw_row(const struct form *form, int row, bd_area area) {
  char buffer[64];
  bool selected = row == form->row;
  const char *value = show_value(form, row, buffer, sizeof buffer);
  const char *name = row == LOCK ? "lock" : bd_setting_field(row)->name;
  bd_print(area, NAME_COLUMN, 0, BD_ROLE_TEXT, name);
  bd_print_fit(area, HELP_COLUMN, 0, area.columns - HELP_COLUMN - 1, BD_ROLE_DIM,
               explain(form, row, value));
  bd_print_fit(area, VALUE_COLUMN, 0, HELP_COLUMN - VALUE_COLUMN - 3,
               form->changed[row] ? BD_ROLE_CHANGED : BD_ROLE_TEXT, value);
  if (!selected) return;
  bd_tint(area, 0, 0, area.columns, BD_ROLE_CURSOR);
  bd_put(area, NAME_COLUMN - 1, 0, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
  if (form->typing) {
    bd_tint(area, VALUE_COLUMN + bd_line_column(&form->line), 0, 1, BD_ROLE_PROMPT);
  } else if (!is_number(row)) {
    bd_put(area, VALUE_COLUMN - 2, 0, '<', BD_ROLE_CURSOR);
    bd_put(area, HELP_COLUMN - 3, 0, '>', BD_ROLE_CURSOR);
  }
}

static void draw_hints(bd_area area) {
  static const char *const hints[][2] = {
      {"Left Right", "turn"}, {"0-9", "type a number"}, {"Enter", "apply"}, {"Esc", "cancel"}};
  int column = NAME_COLUMN;
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
    column = bd_print(area, column, 0, BD_ROLE_KEY, hints[i][0]);
    column = bd_print(area, column + 1, 0, BD_ROLE_DIM, hints[i][1]) + 2;
  }
}

// What the form does not hold, for it is not a layer's.
static void draw_elsewhere(bd_area area, int row) {
  static const int commands[] = {BD_DO_ALLOCATE, BD_DO_PRUNE_OVERALL, BD_DO_RECOVER};
  int column =
      bd_print(area, NAME_COLUMN - 1, row, BD_ROLE_DIM, " after Esc, for the whole network:");
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    char key[16];
    const bd_command *command = bd_key_row(commands[i]).command;
    bd_key_show(command->keys, key, sizeof key);
    column = bd_printf(area, column, row, BD_ROLE_KEY, " %s", key);
    column = bd_printf(area, column, row, BD_ROLE_DIM, " %s ",
                       command->label ? command->label : command->name);
  }
}

// What is wrong; else what the selected value means, for its row may be too short to say it all.
static void draw_note(const struct form *form, bd_area area) {
  char buffer[64];
  const char *value = show_value(form, form->row, buffer, sizeof buffer);
  bool wrong = form->problem[0] != '\0';
  bd_print_fit(area, 0, 0, area.columns, wrong ? BD_ROLE_ERROR : BD_ROLE_TEXT,
               wrong ? form->problem : explain(form, form->row, value));
}

static void form_draw(void *state, bd_ui *ui, bd_area screen) {
  struct form *form = state;
  (void)ui;
  int columns = screen.columns < WIDTH ? screen.columns : WIDTH, rows = ROWS + 5;
  bd_area box =
      bd_area_part(screen, (screen.columns - columns) / 2, (screen.rows - rows) / 2, columns, rows);
  bd_clear(box, BD_ROLE_TEXT);
  bd_rule(box, 0, 0, columns, false, BD_ROLE_RULE);
  int column = bd_print(box, 1, 0, BD_ROLE_FOCUS, " settings of ");
  column = bd_print_fit(box, column, 0, columns - column - 3, BD_ROLE_FOCUS, form->names);
  bd_put(box, column, 0, ' ', BD_ROLE_FOCUS);
  for (int row = 0; row < ROWS; row++)
    draw_row(form, row, bd_area_part(box, 0, row + 1, columns, 1));
  draw_note(form, bd_area_part(box, NAME_COLUMN, ROWS + 2, columns - 2 * NAME_COLUMN, 1));
  draw_hints(bd_area_part(box, 0, ROWS + 3, columns, 1));
  bd_rule(box, 0, ROWS + 4, columns, false, BD_ROLE_RULE);
  draw_elsewhere(box, ROWS + 4);
}

static const bd_overlay_class form_class = {form_draw, form_key, form_paste, free};

bd_status bd_form_open(bd_ui *ui, bd_error *err) {
  const bd_session *session = ui->desk.session;
  int *layers = malloc(((size_t)bd_session_count(session) + 1) * sizeof *layers);
  struct form *form = calloc(1, sizeof *form);
  int count = layers && form ? bd_dials_layers(&ui->desk, layers) : 0;
  if (count > 0) {
    form->dial = bd_session_layer(session, layers[0])->dial;
    for (int i = 1; i < count; i++)
      note_mixed(form, &bd_session_layer(session, layers[i])->dial);
    bd_dials_names(&ui->desk, form->names, sizeof form->names);
    bd_ui_open(ui, &form_class, form);
    form = NULL;
  }
  free(form);
  free(layers);
  // Nothing to edit: the same line as a dial gives.
  return count > 0 ? BD_OK : bd_dials_step(&ui->desk, BD_FIELD_BITS, 0, err);
}
