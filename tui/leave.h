// Leaving: at once where everything is saved, else after a question.
#ifndef BD_TUI_LEAVE_H
#define BD_TUI_LEAVE_H

#include "tui/ui.h"

void bd_leave(bd_ui *ui);
// Is the question on the screen?
bool bd_leave_asks(const bd_ui *ui);

#endif
