// Unsaved edits that outlive the explorer, however it ends: written a second after an edit, beside
// the work, to XDG_STATE_HOME/bitdial/rescue; offered at the next start on the same model.
// Explorers that are open at once have a file each, and never take one whose owner still runs.
#ifndef BD_TUI_RESCUE_H
#define BD_TUI_RESCUE_H

#include "core/session/session.h"

typedef struct bd_rescue bd_rescue;

// NULL where nothing can be kept: no home, no room, no memory. All functions take NULL. The session
// must outlive it.
bd_rescue *bd_rescue_open(bd_session *session);
// ended: somebody ended the explorer from outside; edits are then kept as they are now, else those
// of this run are forgotten, for the user has left them.
void bd_rescue_close(bd_rescue *rescue, bool ended);

// To be called after edits and when the time that it returned (in ms; -1: never) has passed.
int bd_rescue_tick(bd_rescue *rescue);

// Are there edits of an earlier run?
bool bd_rescue_waits(const bd_rescue *rescue);
// Takes them back, as one undo step, and forgets them. BD_INVALID: there are none, or they were
// made for another state of the model.
bd_status bd_rescue_take(bd_rescue *rescue, bd_error *err);
// Forgets them, and those of this run: the user saved something newer.
void bd_rescue_forget(bd_rescue *rescue);

#endif
