// The help: every key and command, from the key table, over the panels; it scrolls.
#ifndef BD_TUI_HELP_H
#define BD_TUI_HELP_H

#include "tui/ui.h"

void bd_help_open(bd_ui *ui);

#endif
