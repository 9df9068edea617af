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

// " 4 name " or " 4 ".
static int width(const bd_ui *ui, int panel, bool named) {
  if (panel == 0 || is_shown(ui, panel)) return 0;
  return named ? 4 + (int)strlen(ui->classes[panel]->name) : 3;
}

static int total(const bd_ui *ui, bool named) {
  int columns = 0;
  for (int i = 0; i < ui->panels; i++)
    columns += width(ui, i, named);
  return columns;
}

// The names where they fit beside the panel's own, which takes `taken` columns.
static bool named_in(const bd_ui *ui, int columns, int taken) {
  return taken + total(ui, true) + 1 <= columns;
}

int bd_tabs_draw(const bd_ui *ui, bd_area title, int taken) {
  bool named = named_in(ui, title.columns, taken);
  int columns = total(ui, named), column = title.columns - columns - 1;
  if (columns == 0 || column < taken) return 0;
  for (int i = 0; i < ui->panels; i++) {
    int next = column + width(ui, i, named);
    if (next == column) continue;
    bd_printf(title, column, 0, BD_ROLE_KEY, " %d ", i + 1);
    if (named) bd_printf(title, column + 3, 0, BD_ROLE_DIM, "%s ", ui->classes[i]->name);
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
  bool named = named_in(ui, title.columns, own_name(ui, lowest));
  int at = title.column + title.columns - total(ui, named) - 1;
  for (int i = 0; i < ui->panels; i++) {
    int next = at + width(ui, i, named);
    if (column >= at && column < next) return i;
    at = next;
  }
  return -1;
}
