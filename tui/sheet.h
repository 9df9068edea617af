// A sheet over the panels for one number that is spent over all layers: the number is turned or
// typed, every layer's row shows what it would get, Enter takes it over, Esc leaves all as it was.
#ifndef BD_TUI_SHEET_H
#define BD_TUI_SHEET_H

#include "tui/ui.h"

// What a sheet is about; self is its own state, text the number as it stands.
typedef struct bd_sheet_class {
  const char *title, *asks, *takes; // "allocate", "bits a weight, or a size: ", "take the best"
  int columns;                      // of a layer's change
  // Before each drawing: what the text would do. Its failure is shown in the place of the layers.
  bd_status (*refresh)(void *self, const bd_session *session, const char *text, bd_error *err);
  // The text some steps on, where there is one.
  void (*turn)(const bd_session *session, int steps, char *text, size_t size);
  bd_status (*take)(bd_ui *ui, const char *text, bd_error *err);
  void (*draw_sum)(const void *self, const bd_desk *desk, bd_area area, int row);
  void (*draw_change)(const void *self, const bd_desk *desk, int layer, bd_area area, int row);
  void (*free)(void *self);
} bd_sheet_class;

// Takes self, which may be NULL: BD_FAILED, without memory.
bd_status bd_sheet_open(bd_ui *ui, const bd_sheet_class *about, void *self, const char *text,
                        bd_error *err);

// "before → after" from a column on. Returns the column behind it.
int bd_sheet_arrow(bd_area area, int column, int row);

#endif
