#include "tui/tabs.h"

#include <string.h>

static bool is_shown(const bd_ui *ui, int panel) {
  return ui->layout.panels[panel].title.rows > 0;
}

bool bd_tabs_in(const bd_ui *ui, int panel) {
  if (panel == 0 || !is_shown(ui, panel)) return false;
  for (int i = panel + 1; i < ui->panels; i++)
    if (is_shown(ui, i)) return false;
  return true;
}

// Fewer letters of a name say nothing.
enum { LETTERS_LEAST = 3, LETTERS_MOST = 32 };

// The letters of a panel's name that stand beside its number.
static int letters_of(const bd_ui *ui, int panel, int most) {
  int length = (int)strlen(ui->classes[panel]->name);
  return length < most ? length : most;
}

// " 4 name ", its name cut to `most` letters, or " 4 ".
static int width(const bd_ui *ui, int panel, int most) {
  if (panel == 0 || is_shown(ui, panel)) return 0;
  int number = panel + 1 < 10 ? 3 : 4;
  return most > 0 ? number + 1 + letters_of(ui, panel, most) : number;
}

static int total(const bd_ui *ui, int most) {
  int columns = 0;
  for (int i = 0; i < ui->panels; i++)
    columns += width(ui, i, most);
  return columns;
}

// How many letters of each name fit beside the panel's own, which takes `taken` columns; 0: none.
static int letters_in(const bd_ui *ui, int columns, int taken) {
  int most = LETTERS_MOST;
  while (most >= LETTERS_LEAST && taken + total(ui, most) + 1 > columns)
    most--;
  return most < LETTERS_LEAST ? 0 : most;
}

int bd_tabs_draw(const bd_ui *ui, bd_area title, int taken) {
  int most = letters_in(ui, title.columns, taken);
  int columns = total(ui, most), column = title.columns - columns - 1;
  if (columns == 0 || column < taken) return 0;
  for (int i = 0; i < ui->panels; i++) {
    int next = column + width(ui, i, most);
    if (next == column) continue;
    int at = bd_printf(title, column, 0, BD_ROLE_KEY, " %d ", i + 1);
    if (most > 0)
      bd_printf(title, at, 0, BD_ROLE_DIM, "%.*s ", letters_of(ui, i, most), ui->classes[i]->name);
    column = next;
  }
  return columns;
}

// The columns of the lowest panel's own name: " name ".
static int own_name(const bd_ui *ui, int panel) {
  return 3 + (int)strlen(ui->classes[panel]->name);
}

int bd_tabs_at(const bd_ui *ui, int column, int row) {
  int lowest = 0;
  for (int i = 1; i < ui->panels; i++)
    if (bd_tabs_in(ui, i)) lowest = i;
  bd_rect title = ui->layout.panels[lowest].title;
  if (lowest == 0 || row != title.row) return -1;
  int most = letters_in(ui, title.columns, own_name(ui, lowest));
  int at = title.column + title.columns - total(ui, most) - 1;
  for (int i = 0; i < ui->panels; i++) {
    int next = at + width(ui, i, most);
    if (column >= at && column < next) return i;
    at = next;
  }
  return -1;
}
