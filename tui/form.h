// The form: every field of the setting of the layer in hand, or of all marked ones, edited together
// and applied as one undo step.
#ifndef BD_TUI_FORM_H
#define BD_TUI_FORM_H

#include "tui/ui.h"

bd_status bd_form_open(bd_ui *ui, bd_error *err);

#endif
