// The last line: keys that work here, a message, how many jobs run.
#ifndef BD_TUI_FOOTER_H
#define BD_TUI_FOOTER_H

#include "tui/ui.h"

// area: the last line of the screen.
void bd_draw_footer(const bd_ui *ui, bd_area area);
// A message too long for one line, over the lines above it; nothing where it is not. screen: whole.
void bd_draw_long_message(const bd_ui *ui, bd_area screen);

#endif
