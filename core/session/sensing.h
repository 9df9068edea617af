// The sensitivity sweep of a session, in the background: what each layer alone costs on data, at 2
// to 8 bits. Usable from the first samples on, saved beside the model, gone on with next time.
#ifndef BD_SESSION_SENSING_H
#define BD_SESSION_SENSING_H

#include "core/session/live.h"
#include "core/study/sweep.h"

// Starts the sweep of the settings as they are, on the data that the session went live with. save:
// keep it in MODEL.sensitivity.json; one that is there already is gone on with where it is of the
// same sweep, else it stays and nothing is saved. BD_INVALID: there is no data, or a sweep runs.
bd_status bd_session_sweep(bd_session *session, bool save, bd_error *err);
// Ends the one that runs; what it has stays.
void bd_session_stop_sweep(bd_session *session);

typedef struct bd_sensing_state {
  bool running;
  int64_t samples, wanted; // of the figures; 0: none yet
} bd_sensing_state;
// As of the last poll.
const bd_sensing_state *bd_session_sensing(const bd_session *session);
// What the layer costs at so many bits (1..8), as far as the sweep is by now; false where that is
// not known, or the layer's setting (bits apart) is another one than was swept.
bool bd_session_effect(const bd_session *session, int layer, int bits, bd_effect *out);
// Top-1 of the float network; NaN without labels.
double bd_session_float_top1(const bd_session *session);

#endif
