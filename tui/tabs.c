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

// " 4 name ", or " 4" where the name has no room.
typedef struct tabs {
  int width[BD_PANELS_MAX]; // 0: the panel is shown, or the table
  bool named[BD_PANELS_MAX];
  int columns;
} tabs;

static int digits(int panel) {
  return panel + 1 < 10 ? 1 : 2;
}

static int name_columns(const bd_ui *ui, int panel) {
  return (int)strlen(ui->classes[panel]->name);
}

// Gives the panel its name, where that fits; false where it does not.
static bool name(const bd_ui *ui, tabs *t, int panel, int room) {
  int more = name_columns(ui, panel) + 2;
  if (t->columns + more > room) return false;
  t->named[panel] = true;
  t->width[panel] += more;
  t->columns += more;
  return true;
}

// All numbers, and the names nearest to the panel in whose title they stand: those are the next
// that Tab comes to. That panel's own name takes `taken` columns.
static tabs plan(const bd_ui *ui, int columns, int taken) {
  tabs t = {.columns = 0};
  int own = 0, room = columns - taken - 1 - columns / 4; // a part for what the panel says of itself
  for (int i = 1; i < ui->panels; i++) {
    if (bd_tabs_in(ui, i)) own = i;
    if (!is_shown(ui, i)) t.width[i] = 1 + digits(i);
    t.columns += t.width[i];
  }
  for (int distance = 1; distance < ui->panels; distance++) {
    for (int side = 1; side >= -1; side -= 2) {
      int panel = own + side * distance;
      if (panel < 1 || panel >= ui->panels || is_shown(ui, panel)) continue;
      if (!name(ui, &t, panel, room)) return t;
    }
  }
  return t;
}

int bd_tabs_draw(const bd_ui *ui, bd_area title, int taken) {
  tabs t = plan(ui, title.columns, taken);
  int column = title.columns - t.columns - 1;
  if (t.columns == 0 || column < taken) return 0;
  for (int i = 0; i < ui->panels; i++) {
    if (!t.width[i]) continue;
    int at = bd_printf(title, column, 0, BD_ROLE_KEY, " %d", i + 1);
    if (t.named[i]) bd_printf(title, at, 0, BD_ROLE_DIM, " %s ", ui->classes[i]->name);
    column += t.width[i];
  }
  bd_put(title, column, 0, ' ', BD_ROLE_DIM);
  return t.columns;
}

int bd_tabs_at(const bd_ui *ui, int column, int row) {
  int own = 0;
  for (int i = 1; i < ui->panels; i++)
    if (bd_tabs_in(ui, i)) own = i;
  bd_rect title = ui->layout.panels[own].title;
  if (own == 0 || row != title.row) return -1;
  int taken = 3 + name_columns(ui, own); // " name "
  tabs t = plan(ui, title.columns, taken);
  int at = title.column + title.columns - t.columns - 1;
  if (at < title.column + taken) return -1;
  for (int i = 0; i < ui->panels; i++) {
    if (column >= at && column < at + t.width[i]) return i;
    at += t.width[i];
  }
  return -1;
}
