#include "tui/footer.h"

#include "tui/wrap.h"

#include <stdio.h>
#include <string.h>

enum { PLACES = 3, ENTRIES_MAX = 48, JOBS_COLUMNS = 12 };

// One entry of the footer: rows that follow each other with the same label share it ("+ - bits").
struct entry {
  const char *keys[2]; // the second may be NULL
  const char *label;
};

// Where a row stands in the footer: what everybody needs, then the panel's own, then the rest.
// -1: not there.
static int place_of(bd_binding row, int focus) {
  if (!row.command->label || !row.command->keys[0]) return -1;
  if (row.panel >= 0) return row.panel == focus ? 1 : -1;
  return row.command->id <= BD_DO_QUIT ? 0 : 2;
}

static bool joins(const struct entry *entry, const bd_command *command) {
  return !entry->keys[1] && strcmp(entry->label, command->label) == 0;
}

// All entries, in order. Returns how many.
static int gather(int focus, struct entry entries[ENTRIES_MAX]) {
  int count = 0;
  for (int place = 0; place < PLACES; place++) {
    for (int i = 0; bd_key_row(i).command; i++) {
      const bd_command *command = bd_key_row(i).command;
      if (place_of(bd_key_row(i), focus) != place) continue;
      if (count > 0 && joins(&entries[count - 1], command)) {
        entries[count - 1].keys[1] = command->keys;
      } else if (count < ENTRIES_MAX) {
        entries[count++] = (struct entry){{command->keys, NULL}, command->label};
      }
    }
  }
  return count;
}

static int entry_width(const struct entry *entry) {
  char key[16];
  int width = (int)strlen(entry->label) + 1;
  for (int i = 0; i < 2 && entry->keys[i]; i++) {
    width += (int)strlen(bd_key_show(entry->keys[i], key, sizeof key)) + (i > 0);
  }
  return width;
}

static int draw_entry(bd_area area, int column, const struct entry *entry) {
  char key[16];
  for (int i = 0; i < 2 && entry->keys[i]; i++) {
    if (i > 0) column++;
    column = bd_print(area, column, 0, BD_ROLE_KEY, bd_key_show(entry->keys[i], key, sizeof key));
  }
  return bd_print(area, column + 1, 0, BD_ROLE_DIM, entry->label);
}

// As many entries as fit.
static void draw_keys(bd_area area, int focus) {
  struct entry entries[ENTRIES_MAX];
  int count = gather(focus, entries), column = 0;
  for (int i = 0; i < count; i++) {
    if (column + entry_width(&entries[i]) > area.columns) continue;
    column = draw_entry(area, column, &entries[i]) + 2;
  }
}

static bd_role message_role(const bd_ui *ui) {
  return ui->desk.failed ? BD_ROLE_ERROR : BD_ROLE_MESSAGE;
}

void bd_draw_long_message(const bd_ui *ui, bd_area screen) {
  const char *text = ui->desk.message;
  int columns = screen.columns - JOBS_COLUMNS, lines = bd_wrap_lines(text, columns);
  if (lines < 2) return;
  bd_area area = bd_area_part(screen, 0, screen.rows - lines, screen.columns, lines);
  bd_clear(area, BD_ROLE_TEXT);
  for (int row = 0; row < area.rows; row++) {
    int length = bd_wrap(text, columns);
    bd_printf(area, 0, row, message_role(ui), "%.*s", length, text);
    text = bd_wrap_next(text, length);
  }
}

void bd_draw_footer(const bd_ui *ui, bd_area area) {
  char jobs[32] = "";
  int pending = bd_session_pending(ui->desk.session);
  if (pending > 0) snprintf(jobs, sizeof jobs, "%d job%s", pending, pending == 1 ? "" : "s");
  bd_print_right(area, area.columns, 0, BD_ROLE_STALE, jobs);
  bd_area left = bd_area_part(area, 0, 0, area.columns - (int)strlen(jobs) - 2, 1);
  if (ui->desk.message[0]) {
    bd_print_fit(left, 0, 0, left.columns, message_role(ui), ui->desk.message);
  } else {
    draw_keys(left, ui->focus);
  }
}
