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

// For a repair: what it calibrates on, and what is then scored; taken over by the session.
typedef struct bd_live_calibration {
  bd_data *samples, *samples_whole; // whole: what samples are a part of, where it is not `whole`
  bd_data *scored, *whole;          // of the data of bd_live_parts, what calibration leaves
  int64_t *labels;                  // of scored
  bd_calibration about;             // for the config; file NULL: it cannot name them
} bd_live_calibration;
// Opens what the plan names, from here or beside the config, or by default the end of the data; on
// the session's own thread.
typedef bd_status (*bd_live_calibrate)(void *arg, const bd_model *model, const bd_repair_plan *plan,
                                       const char *config, const bd_cancel *cancel,
                                       bd_live_calibration *out, bd_error *err);
// From now on a plan that repairs (bd_session_repair) is carried out before figures are taken.
void bd_session_live_repairs(bd_session *session, bd_live_calibrate calibrate);

typedef struct bd_live_state {
  bool on;                 // asked for, and not failed
  bool current;            // figures belong to the settings as they are
  bool done;               // and all samples are in
  bool measuring;          // local errors of layers are still to come
  bd_evaluation figures;   // samples 0: none yet; quantized empty: the float network alone so far
  bd_recovery repaired;    // how the network was repaired that the figures are of
  int mended, to_mend;     // layers of the repair under way; to_mend 0: none is
  const bd_repair *repair; // of these settings, NULL: none; stays until the next poll
  bd_error trouble;        // of current figures: why the repair could not be made; empty: it was
} bd_live_state;
// As of the last poll.
const bd_live_state *bd_session_live(const bd_session *session);

#endif
