// One prune ratio for the whole network: a sheet over the panels that shows what every layer would
// get of it while it is turned or typed; Enter takes it over as one undo step.
#ifndef BD_TUI_SPREAD_H
#define BD_TUI_SPREAD_H

#include "tui/ui.h"

// Opens the sheet at the ratio that the network has now. BD_INVALID where there is nothing to
// prune.
bd_status bd_spread_open(bd_ui *ui, bd_error *err);
// "0.8" or "80%": takes it at once.
bd_status bd_spread_now(bd_ui *ui, const char *text, bd_error *err);

#endif
