// Signals as bytes on a pipe, so that one poll(2) waits for keys, results and signals alike.
#ifndef BD_TUI_SIGNALS_H
#define BD_TUI_SIGNALS_H

#include "core/base/status.h"

// Catches SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP and SIGCONT. One user at a time, whose thread
// is the one that writes to the terminal. Where SIGTERM or SIGHUP has not ended it within seconds,
// for the terminal takes no more, standard output becomes /dev/null.
bd_status bd_signals_open(bd_error *err);
// What they did before is restored.
void bd_signals_close(void);

int bd_signals_fd(void);
// The next signal that came; 0 none.
int bd_signals_next(void);

// Stops this process as the terminal's ^Z would; returns when it is continued.
void bd_signals_stop(void);

#endif
