#include "tui/complete.h"

#include <string.h>

// What is typed so far of the word to complete, and where candidates go.
typedef struct search {
  const char *typed;
  bd_candidates *out;
} search;

static void offer(search to, const char *text, const char *help) {
  if (strncmp(text, to.typed, strlen(to.typed)) != 0 || to.out->count == BD_CANDIDATES_MAX) return;
  to.out->items[to.out->count++] = (bd_candidate){text, help};
}

static void offer_commands(search to) {
  for (int i = 0; bd_key_row(i).command; i++) {
    offer(to, bd_key_row(i).command->name, bd_key_row(i).command->help);
  }
  for (int i = 0; i < BD_FIELD_COUNT; i++) {
    const bd_field *field = bd_setting_field(i);
    if (!bd_key_command(field->name).command) offer(to, field->name, field->help);
  }
}

static void offer_fields(search to) {
  for (int i = 0; i < BD_FIELD_COUNT; i++) {
    offer(to, bd_setting_field(i)->name, bd_setting_field(i)->help);
  }
}

static void offer_choices(search to, int field) {
  const bd_field *of = bd_setting_field(field);
  for (int i = 0; i < of->choice_count; i++)
    offer(to, of->choices[i].name, of->choices[i].help);
}

static void offer_layers(search to, const bd_model *model) {
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    offer(to, bd_model_layer(model, i)->tensor, bd_model_layer(model, i)->op);
  }
}

static void offer_panels(search to, const bd_ui *ui) {
  for (int i = 0; i < ui->panels; i++)
    offer(to, ui->classes[i]->name, NULL);
}

static void offer_themes(search to) {
  for (int i = 0; bd_theme_name(i); i++)
    offer(to, bd_theme_name(i), NULL);
}

// The first word of a text, terminated, if it fits.
static void first_word(const char *text, char *out, size_t size) {
  size_t length = strcspn(text, " ");
  if (length >= size) length = size - 1;
  memcpy(out, text, length);
  out[length] = '\0';
}

// `set FIELD VALUE`: the field first.
static void offer_set(search to) {
  char name[64];
  size_t length = strcspn(to.typed, " ");
  if (!to.typed[length]) {
    offer_fields(to);
    return;
  }
  first_word(to.typed, name, sizeof name);
  int field = bd_field_find(name);
  size_t from = length + strspn(to.typed + length, " ");
  to.out->from += from;
  to.typed += from;
  if (field >= 0) offer_choices(to, field);
}

static void offer_arguments(const bd_ui *ui, const char *command, search to) {
  int field = bd_field_find(command);
  bd_binding row = bd_key_command(command);
  if (field >= 0) {
    offer_choices(to, field);
  } else if (row.command && row.panel < 0) {
    int id = row.command->id;
    if (id == BD_DO_SET) offer_set(to);
    if (id == BD_DO_SELECT) offer_layers(to, bd_session_model(ui->desk.session));
    if (id == BD_DO_PANEL) offer_panels(to, ui);
    if (id == BD_DO_THEME) offer_themes(to);
  }
}

void bd_complete(const bd_ui *ui, const char *line, bd_candidates *out) {
  char command[64];
  size_t start = strspn(line, " "), length = strcspn(line + start, " ");
  size_t rest = start + length + strspn(line + start + length, " ");
  out->count = 0;
  if (!line[start + length]) {
    out->from = start;
    offer_commands((search){line + start, out});
    return;
  }
  out->from = rest;
  first_word(line + start, command, sizeof command);
  offer_arguments(ui, command, (search){line + rest, out});
}
