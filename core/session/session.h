// What the user is editing: a model, a setting for each layer, undo, live jobs, the config file.
// One thread (the UI's) owns a session: every function here is called from it, and what they return
// stays as it is until the next call of bd_session_poll or of a function that changes the session.
// Workers never touch a session: they get immutable settings, and leave results that poll takes in.
#ifndef BD_SESSION_SESSION_H
#define BD_SESSION_SESSION_H

#include "core/study/repair_plan.h"
#include "core/study/study.h"
#include "core/study/survey.h"

#include <cjson/cJSON.h>

typedef struct bd_session bd_session;

// What an edit changes. Marks, cursor and zoom are a viewer's.
typedef struct bd_dial {
  bd_setting setting;
  bool locked; // held against allocation
} bd_dial;

// A layer as it stands. Pointers belong to the session.
typedef struct bd_layer_state {
  bd_dial dial;
  const char *refused;     // NULL, or why (from the model, or NaN and Inf found while indexing)
  const bd_index *index;   // NULL until indexed
  const bd_result *result; // NULL until there is one
  bool stale;              // result belongs to an earlier setting: the new one is being computed
  bool proving;            // the result is there, its proof still runs
  // SQNR in dB at 1..8 bits with the other fields as they are; NaN until known. curve_prune: what
  // pruning alone would leave.
  double curve[BD_BITS_MAX + 1];
  double curve_prune;
  double curve_bytes[BD_BITS_MAX + 1]; // what the layer would take; NaN until known
  // With data (live.h): SQNR in dB of the layer's own output, this layer alone quantized, and
  // repaired where the network is (study/local.h). NaN: it has none, or cannot be run. stale: of an
  // earlier setting.
  bool local_known, local_stale;
  double local_db;
} bd_layer_state;

// Takes over the model, also where it fails. dials: one a layer to start with (copied), NULL for
// the defaults; config_path: where they came from, NULL for none. threads 0: the processors at
// hand. Starts indexing in the background.
bd_status bd_session_new(bd_model *model, const bd_dial *dials, const char *config_path,
                         int threads, bd_session **out, bd_error *err);
// Cancels what runs, waits for it (a few ms), frees the session and its model.
void bd_session_free(bd_session *session);

const bd_model *bd_session_model(const bd_session *session);
int bd_session_count(const bd_session *session); // layers
const bd_layer_state *bd_session_layer(const bd_session *session, int layer);
bd_totals bd_session_totals(const bd_session *session);
// Graph, shapes and what each layer costs to compute; NULL until the background has read them. With
// data (live.h) the shapes are those of the data.
const bd_survey *bd_session_survey(const bd_session *session);
int bd_session_pending(const bd_session *session); // jobs waiting or running

// A descriptor that becomes readable when results wait; poll(2) on it, then bd_session_poll.
int bd_session_wake_fd(const bd_session *session);
// Makes it readable; from any thread.
void bd_session_wake(bd_session *session);
// Takes in what workers finished; true where something changed. Never blocks.
bool bd_session_poll(bd_session *session);
// BD_FAILED where memory ran out for a job: what it was for stays as it was before, or is missing.
bd_status bd_session_trouble(const bd_session *session, bd_error *err);
// A message for the user that came up in the background (the model checker's, say), once; or NULL.
const char *bd_session_notice(bd_session *session);

// Order of the work: the layer in hand, then the visible ones [first, last], then the rest.
void bd_session_look_at(bd_session *session, int in_hand, int first, int last);

// One undo step: layers[i] gets dials[i]. Refused layers are left out. `what` names the step for
// the user ("bits of 3 layers"). Returns how many layers changed; 0 makes no step.
int bd_session_edit(bd_session *session, const int *layers, const bd_dial *dials, int count,
                    const char *what);
// How the network is repaired, and on what: none at the start, until an edit or a load says more.
const bd_repair_plan *bd_session_repair(const bd_session *session);
// One undo step: the plan (copied) takes its place. False where it is the same, or without memory.
bool bd_session_set_repair(bd_session *session, const bd_repair_plan *plan, const char *what);
// What the first dials came with: no step, and not dirty. BD_FAILED: memory.
bd_status bd_session_start_repair(bd_session *session, const bd_repair_plan *plan, bd_error *err);
// All layers (one dial each) and the plan together, as one step; plan NULL: it stays. Returns how
// many layers changed, and one for the plan.
int bd_session_edit_all(bd_session *session, const bd_dial *dials, const bd_repair_plan *plan,
                        const char *what);
// The name of the step that was undone or redone, or NULL where there is none.
const char *bd_session_undo(bd_session *session);
const char *bd_session_redo(bd_session *session);

// Differs from the last save (or from the start)? An edit undone is none; a pin set or taken off is
// one, until it is saved.
bool bd_session_dirty(const bd_session *session);
// Config: written whole or not at all; read as one undo step, or refused (session/config.h). A NULL
// path of save: where it was last saved or loaded, else MODEL.bitdial.json.
bd_status bd_session_save(bd_session *session, const char *path, bd_error *err);
bd_status bd_session_load(bd_session *session, const char *path, bd_error *err);
const char *bd_session_config_path(const bd_session *session); // what save(NULL) writes
// The config that the first dials came from, as bd_config_read kept it: its unknown keys stay, and
// saving over it is no surprise. Taken over.
void bd_session_keep(bd_session *session, cJSON *config);
// Would saving there replace a file that this session has neither read nor written?
bool bd_session_would_replace(const bd_session *session, const char *path);

#endif
