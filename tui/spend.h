// Spending a budget: a sheet over the panels that shows what every layer would get while the budget
// is turned or typed; Enter takes it over as one undo step.
#ifndef BD_TUI_SPEND_H
#define BD_TUI_SPEND_H

#include "tui/ui.h"

// Opens the sheet at the bits/weight that the network has now. BD_INVALID where there is nothing to
// spend on.
bd_status bd_spend_open(bd_ui *ui, bd_error *err);
// "3.5" (bits a weight) or "40KiB": takes the best allocation at once.
bd_status bd_spend_now(bd_ui *ui, const char *text, bd_error *err);

#endif
