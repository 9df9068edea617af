#include "tui/prompt.h"

#include "tui/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 8 };

struct prompt {
  char label[64];
  const char *command; // NULL: the line is a command
  bool empty_counts;   // an empty line says something too
  bd_line line;
  bd_candidates candidates; // for what is typed
  int chosen;               // by Tab; -1 none yet
};

static void update(struct prompt *prompt, bd_ui *ui) {
  prompt->chosen = -1;
  if (!prompt->command) bd_complete(ui, prompt->line.text, &prompt->candidates);
}

// Puts the next candidate in the place of what it completes.
static void choose(struct prompt *prompt, int step) {
  const bd_candidates *all = &prompt->candidates;
  if (all->count == 0) return;
  prompt->chosen = prompt->chosen < 0 && step < 0
                       ? all->count - 1
                       : (prompt->chosen + step + all->count) % all->count;
  char text[BD_LINE_MAX];
  snprintf(text, sizeof text, "%.*s%s", (int)all->from, prompt->line.text,
           all->items[prompt->chosen].text);
  bd_line_set(&prompt->line, text);
}

// Closes the prompt, then runs what was typed: so that what it runs finds the panels uncovered.
static void run(const struct prompt *prompt, bd_ui *ui) {
  char line[BD_LINE_MAX + 64];
  bool nothing = prompt->line.text[0] == '\0' && !prompt->empty_counts;
  if (prompt->command) {
    snprintf(line, sizeof line, "%s %s", prompt->command, prompt->line.text);
  } else {
    snprintf(line, sizeof line, "%s", prompt->line.text);
    bd_history_add(&ui->history, line);
  }
  bd_ui_close(ui);
  if (!nothing) bd_ui_try(ui, line);
}

// Arrows recall lines typed before; Tab completes. False: the key is none of these.
static bool command_key(struct prompt *prompt, bd_ui *ui, const char *key) {
  if (prompt->command) return false;
  if (bd_key_among(key, "<tab> <btab>")) {
    choose(prompt, strcmp(key, "<tab>") == 0 ? 1 : -1);
    return true;
  }
  if (!bd_key_among(key, "<up> <down> <c-p> <c-n>")) return false;
  bd_history_step(&ui->history, &prompt->line, bd_key_among(key, "<up> <c-p>") ? -1 : 1);
  update(prompt, ui);
  return true;
}

static void prompt_key(void *state, bd_ui *ui, const char *key) {
  struct prompt *prompt = state;
  bool empty = prompt->line.text[0] == '\0';
  if (strcmp(key, "<enter>") == 0) {
    run(prompt, ui);
  } else if (strcmp(key, "<esc>") == 0 || (empty && bd_key_among(key, "<bs> <c-h>"))) {
    bd_ui_close(ui);
  } else if (!command_key(prompt, ui, key) && bd_line_key(&prompt->line, key)) {
    update(prompt, ui);
  }
}

static void prompt_paste(void *state, const char *text) {
  struct prompt *prompt = state;
  bd_line_insert(&prompt->line, text);
}

// One candidate: its name, what it is; the one chosen stands out.
static void draw_candidate(const bd_candidate *item, int name_columns, bool chosen, bd_area row) {
  bd_clear(row, BD_ROLE_PROMPT);
  bd_print_fit(row, 1, 0, name_columns, BD_ROLE_KEY, item->text);
  if (item->help) bd_print(row, name_columns + 3, 0, BD_ROLE_PROMPT, item->help);
  if (chosen) bd_tint(row, 0, 0, row.columns, BD_ROLE_CURSOR);
}

// As wide as the longest name shown, within reason.
static int name_columns(const bd_candidate *items, int count, int most) {
  int longest = 16;
  for (int i = 0; i < count; i++) {
    int length = (int)strlen(items[i].text);
    if (length > longest) longest = length;
  }
  return longest > most ? most : longest;
}

// The candidates, above the last line.
static void draw_candidates(const struct prompt *prompt, bd_area screen) {
  const bd_candidates *all = &prompt->candidates;
  int shown = all->count < SHOWN ? all->count : SHOWN;
  if (shown > screen.rows - 2) shown = screen.rows - 2;
  int first = prompt->chosen >= shown ? prompt->chosen - shown + 1 : 0;
  const bd_candidate *items = all->items + first;
  int columns = name_columns(items, shown, screen.columns / 2);
  for (int i = 0; i < shown; i++) {
    bd_area row = bd_area_part(screen, 0, screen.rows - 1 - shown + i, screen.columns, 1);
    draw_candidate(&items[i], columns, first + i == prompt->chosen, row);
  }
}

static void prompt_draw(void *state, bd_ui *ui, bd_area screen) {
  struct prompt *prompt = state;
  (void)ui;
  draw_candidates(prompt, screen);
  bd_area row = bd_area_part(screen, 0, screen.rows - 1, screen.columns, 1);
  bd_clear(row, BD_ROLE_PROMPT);
  int start = bd_print(row, 0, 0, BD_ROLE_KEY, prompt->label);
  // A line longer than the screen scrolls, so that the cursor is always seen.
  int cursor = bd_line_column(&prompt->line), room = row.columns - start - 1;
  int hidden = cursor > room ? cursor - room : 0;
  const char *text = prompt->line.text;
  for (int i = 0; i < hidden && *text; i++) {
    for (text++; ((unsigned char)*text & 0xC0) == 0x80;)
      text++;
  }
  bd_print(row, start, 0, BD_ROLE_PROMPT, text);
  bd_tint(row, start + cursor - hidden, 0, 1, BD_ROLE_CURSOR);
}

static const bd_overlay_class prompt_class = {prompt_draw, prompt_key, prompt_paste, free};

void bd_prompt_open(bd_ui *ui, const char *label, const char *command, const char *text) {
  struct prompt *prompt = calloc(1, sizeof *prompt);
  if (!prompt) return;
  snprintf(prompt->label, sizeof prompt->label, "%s", label);
  prompt->command = command;
  prompt->empty_counts = command && text[0];
  bd_line_set(&prompt->line, text);
  ui->history.at = ui->history.count;
  update(prompt, ui);
  bd_ui_open(ui, &prompt_class, prompt);
}
