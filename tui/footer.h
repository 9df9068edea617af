// The last line: keys that work here, a message, how many jobs run.
#ifndef BD_TUI_FOOTER_H
#define BD_TUI_FOOTER_H

#include "tui/ui.h"

void bd_draw_footer(const bd_ui *ui, bd_area area);

#endif
