// The network's answers under the current settings, on data: computed in the background after every
// edit, growing sample by sample, cancelled by the next edit.
#ifndef BD_SESSION_LIVE_H
#define BD_SESSION_LIVE_H

#include "core/session/session.h"
#include "core/study/eval.h"

// What it needs; taken over by the session. labels may be NULL.
typedef struct bd_live_parts {
  bd_data *data;
  bd_engine *engine;
  int64_t *labels;
} bd_live_parts;

// Opens the parts, on the session's own thread: reading data and compiling cost nothing at start.
// cancel: the session closes.
typedef bd_status (*bd_live_open)(void *arg, const bd_model *model, const bd_cancel *cancel,
                                  bd_live_parts *out, bd_error *err);

// Starts it; arg must live as long as the session. Where the network cannot be run, its notice says
// why, and everything else goes on. Once a session.
bd_status bd_session_go_live(bd_session *session, bd_live_open open, void *arg, bd_error *err);

typedef struct bd_live_state {
  bool on;               // asked for, and not failed
  bool current;          // figures belong to the settings as they are
  bool done;             // and all samples are in
  bool measuring;        // local errors of layers are still to come
  bd_evaluation figures; // samples 0: none yet; quantized empty: the float network alone so far
} bd_live_state;
// As of the last poll.
const bd_live_state *bd_session_live(const bd_session *session);

#endif
