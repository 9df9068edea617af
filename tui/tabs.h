// The panels that the screen has no place for, named at the end of the lowest panel's title, so
// that they are found: "3 error  5 codebook  6 7 8".
#ifndef BD_TUI_TABS_H
#define BD_TUI_TABS_H

#include "tui/ui.h"

// Is it in that panel's title that they stand?
bool bd_tabs_in(const bd_ui *ui, int panel);
// Draws them at the end of a title of which the first `taken` columns are not free: all numbers,
// and as many names as fit, the next ones first; or nothing. Returns the columns they take.
int bd_tabs_draw(const bd_ui *ui, bd_area title, int taken);
// The panel whose name stands in that cell of the screen, or -1.
int bd_tabs_at(const bd_ui *ui, int column, int row);

#endif
