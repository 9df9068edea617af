// Finding layers by a text or a name, and filtering the table.
#ifndef BD_TUI_FIND_H
#define BD_TUI_FIND_H

#include "tui/ui.h"

// Takes the next layer that matches (viewers/match.h) in hand, around; remembers the text for n and
// N.
bd_status bd_find(bd_ui *ui, const char *text, bd_error *err);
bd_status bd_find_again(bd_ui *ui, int step, bd_error *err);
// Shows only the layers that match; "" shows all. BD_INVALID where none does: nothing changes.
bd_status bd_find_filter(bd_ui *ui, const char *text, bd_error *err);
// Takes the layer of that name in hand. BD_INVALID names the nearest.
bd_status bd_find_tensor(bd_ui *ui, const char *name, bd_error *err);

#endif
