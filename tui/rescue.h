// Unsaved edits that outlive the explorer: written where a signal ends it, offered at the next
// start on the same model, in XDG_STATE_HOME/bitdial/rescue.
#ifndef BD_TUI_RESCUE_H
#define BD_TUI_RESCUE_H

#include "core/session/session.h"

// Keeps the session's edits. Nothing is written where there are none to keep.
void bd_rescue_keep(const bd_session *session);
// Are there edits kept for this model?
bool bd_rescue_waits(const bd_session *session);
// Takes them back, as one undo step, and forgets them. BD_INVALID: there are none, or they were
// made for another state of the model.
bd_status bd_rescue_take(bd_session *session, bd_error *err);
// Forgets them: the user saved something newer.
void bd_rescue_forget(const bd_session *session);

#endif
