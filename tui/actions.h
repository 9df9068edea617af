// What the shared commands do (keys.h names them).
#ifndef BD_TUI_ACTIONS_H
#define BD_TUI_ACTIONS_H

#include "tui/ui.h"

// Runs a shared command. argument: what stands after its name on the command line, or NULL; for
// BD_DO_PANEL from the keyboard, the key.
bd_status bd_action_run(bd_ui *ui, int id, const char *argument, bd_error *err);

#endif
