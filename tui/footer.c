#include "tui/footer.h"

#include <stdio.h>
#include <string.h>

// One entry of the footer: rows that follow each other with the same label share it ("+ - bits").
struct entry {
  const char *keys[2]; // the second may be NULL
  const char *label;
};

// The entry at row *index, which moves past it. False: there are no more.
static bool next_entry(int *index, int focus, struct entry *out) {
  *out = (struct entry){{NULL, NULL}, NULL};
  for (;; (*index)++) {
    bd_binding row = bd_key_row(*index);
    if (!row.command) return out->label != NULL;
    bool here = row.command->label && row.command->keys[0] && (row.panel < 0 || row.panel == focus);
    if (!out->label) {
      if (here) *out = (struct entry){{row.command->keys, NULL}, row.command->label};
    } else if (here && !out->keys[1] && strcmp(row.command->label, out->label) == 0) {
      out->keys[1] = row.command->keys;
    } else {
      return true;
    }
  }
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

// As many entries as fit, in the order of the table: what stands first there is needed most.
static void draw_keys(bd_area area, int focus) {
  struct entry entry;
  int column = 0;
  for (int index = 0; next_entry(&index, focus, &entry);) {
    if (column + entry_width(&entry) > area.columns) continue;
    column = draw_entry(area, column, &entry) + 2;
  }
}

void bd_draw_footer(const bd_ui *ui, bd_area area) {
  char jobs[32] = "";
  int pending = bd_session_pending(ui->desk.session);
  if (pending > 0) snprintf(jobs, sizeof jobs, "%d job%s", pending, pending == 1 ? "" : "s");
  bd_print_right(area, area.columns, 0, BD_ROLE_STALE, jobs);
  bd_area left = bd_area_part(area, 0, 0, area.columns - (int)strlen(jobs) - 2, 1);
  if (ui->desk.message[0]) {
    bd_print_fit(left, 0, 0, left.columns, ui->desk.failed ? BD_ROLE_ERROR : BD_ROLE_MESSAGE,
                 ui->desk.message);
  } else {
    draw_keys(left, ui->focus);
  }
}
