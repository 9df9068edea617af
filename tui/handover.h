// Handing the network to another tool: a page that chooses format and path and shows what will be
// lost, and the exports that run in the background.
#ifndef BD_TUI_HANDOVER_H
#define BD_TUI_HANDOVER_H

#include "tui/ui.h"

// Opens the page. BD_INVALID: read-only, or an export is still being written.
bd_status bd_handover_open(bd_ui *ui, bd_error *err);
// `:export FORMAT[/VERSION] PATH`, without the page.
bd_status bd_handover_run(bd_ui *ui, const char *argument, bd_error *err);
// `:target FORMAT[/VERSION]`, or none: what the dials warn of.
bd_status bd_handover_target(bd_ui *ui, const char *argument, bd_error *err);

// Takes in what the background finished; true where something new is to be drawn.
bool bd_handover_poll(bd_ui *ui);
// The path that is being written to; NULL: none.
const char *bd_handover_writes(const bd_ui *ui);
// Is something under way?
bool bd_handover_busy(const bd_ui *ui);
void bd_handover_free(bd_handover *handover);

#endif
