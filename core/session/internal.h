// Shared by the files of core/session only.
#ifndef BD_SESSION_INTERNAL_H
#define BD_SESSION_INTERNAL_H

#include "core/session/insight.h"
#include "core/session/live.h"
#include "core/session/remake.h"
#include "core/session/seen.h"
#include "core/session/sensing.h"
#include "core/session/session.h"
#include "core/session/tasks.h"
#include "core/session/undo.h"

#include <cjson/cJSON.h>
#include <pthread.h>

// What a job computes for a layer, in the order in which a layer needs it.
typedef enum bd_stage {
  BD_STAGE_INDEX,
  BD_STAGE_QUICK,
  BD_STAGE_PROOF,
  BD_STAGE_CURVE,
  BD_STAGE_INSIGHT,
  BD_STAGE_SEEN, // of a configuration that is not the session's
  BD_STAGE_BOUND // no job: news of a proof under way
} bd_stage;

// A finished job on its way from a worker to the UI thread.
typedef struct bd_delivery {
  struct bd_delivery *next;
  int layer;
  bd_stage stage;
  uint64_t generation;
  bd_status status;
  bd_error error;
  bd_index *index;   // BD_STAGE_INDEX
  bd_result *result; // BD_STAGE_QUICK, BD_STAGE_PROOF (NULL: only the proof was missing)
  bd_certificate certificate;
  double curve[BD_BITS_MAX + 1], curve_prune, curve_bytes[BD_BITS_MAX + 1];
  struct bd_delivery *beside; // another job in flight
  bd_ticket ticket;           // of the job
  double began, took;         // s
  atomic_int thread;          // that it runs on; 0: not yet
  int part;                   // BD_STAGE_INSIGHT
  double bound;               // BD_STAGE_BOUND
  double values[BD_SPREAD_SEEDS];
  bd_channels *channels; // BD_STAGE_INSIGHT of the channels
} bd_delivery;

// Jobs of the insight: one for each method, each init, the optimum, and the channels.
enum { BD_INSIGHT_PARTS = BD_METHODS_MAX + BD_INITS_MAX + 2 };
typedef struct bd_insight_jobs {
  bd_setting methods, spread, channels; // what the parts are computed for
  bd_ticket ticket[BD_INSIGHT_PARTS];
  uint64_t generation[BD_INSIGHT_PARTS];
  bool done[BD_INSIGHT_PARTS];
} bd_insight_jobs;

typedef struct bd_seen_list {
  bd_seen *items;
  int count;
  int from;      // layers before it are settled
  uint64_t now;  // the one that the session is at; 0: not known yet
  uint64_t last; // id that was given last
  bool unsaved;  // a pin was set or taken off by hand since the last save
} bd_seen_list;

typedef struct bd_slot {
  bd_index *index;
  bd_result *result;
  char *refused;             // found while indexing
  uint64_t generation;       // counts the settings of this layer
  uint64_t curve_generation; // counts those that change its curve
  bd_ticket ticket;          // of the job under way, 0 none
  bd_stage stage;            // its stage
  bool busy, curve_done;
  bool failed; // no memory for this setting's result: it stays stale
} bd_slot;

struct bd_session {
  bd_model *model;
  int count;
  bd_layer_state *states; // what the outside sees
  bd_slot *slots;
  bd_repair_plan repair;
  bd_dial *saved; // as last saved or loaded
  bd_repair_plan saved_repair;
  char *config_path;
  cJSON *kept;      // the config as read: keys that are not ours
  bool owns_config; // config_path was read or written by this session
  bd_undo *undo;

  bd_insight insight; // of the layer in hand
  bd_insight_jobs insight_jobs;
  unsigned wants;

  bd_survey *survey;     // as of the last poll
  bd_survey *new_survey; // waits for the next one; with `surveyed` under the lock
  bool surveyed, survey_pending;

  struct bd_live *live; // NULL: no data
  bd_live_state live_state;
  bd_repair *live_repair;            // the last one that was made
  uint64_t live_wanted, live_posted; // count the settings; of the last request
  struct bd_sensing *sensing;        // NULL: no sweep was started
  bd_sensing_state sensing_state;

  bd_seen_list seen;

  bd_pool *pool;
  int in_hand, first, last;   // what the user looks at
  int next[BD_STAGE_INSIGHT]; // no layer below it wants that stage
  int in_flight;
  bd_delivery *flying; // of the jobs in flight
  bd_task_line finished[BD_TASKS_DONE];
  int finished_count; // in all; the newest overwrites the oldest
  bool short_of_memory;
  bool hurry; // a dial was turned: running proofs and curves give way

  pthread_mutex_t lock; // of deliveries, notice
  bd_delivery *deliveries;
  char *notice, *shown_notice;
  int wake[2]; // a pipe: workers write a byte, the UI polls
};

// Starts as many jobs as there are threads, the most wanted first.
void bd_jobs_dispatch(bd_session *session);
// The layer's setting changed: an earlier job is cancelled, others that matter less give way.
void bd_jobs_changed(bd_session *session, int layer, bool curve_changed);
// Takes in one delivery (which it frees); true where something that is shown changed.
bool bd_jobs_take(bd_session *session, bd_delivery *delivery);
// Layers and stages that are still to be computed, running ones included.
int bd_jobs_pending(const bd_session *session);
// Has ONNX's checker judge the model in the background; its word becomes a notice.
void bd_jobs_check_model(bd_session *session);
void bd_delivery_free(bd_delivery *delivery);

// For the next bd_session_notice; wakes the UI. From any thread.
void bd_session_say(bd_session *session, const char *text);

void bd_survey_start(bd_session *session);
bool bd_survey_poll(bd_session *session);
// Hands a survey over (NULL: there is none), from any thread. better: it takes the place of one.
void bd_session_give_survey(bd_session *session, bd_survey *survey, bool better);
typedef struct bd_live bd_live;
// What the user looks at has changed.
void bd_live_look(bd_session *session);
void bd_live_free(bd_live *live);
// A setting changed: what runs is in vain.
void bd_live_changed(bd_session *session);
// Asks for the accuracy of the settings once all results are in, and takes in figures.
bool bd_live_poll(bd_session *session);
int bd_live_pending(const bd_session *session);

// What opens the data, for another one who needs them.
void bd_live_source(const bd_live *live, bd_live_open *open, void **arg);

// A setting changed: the session is at no configuration that is known.
void bd_seen_changed(bd_session *session);
// Records the configuration once it is settled, and its accuracy.
bool bd_seen_poll(bd_session *session);
// A job was handed to the pool; it came back.
void bd_tasks_begin(bd_session *session, bd_delivery *delivery);
void bd_tasks_end(bd_session *session, const bd_delivery *delivery);

// The next layer of a configuration that is to be computed, if any; taking its result in.
bool bd_seen_pick(bd_session *session, int *layer, uint64_t *id, bd_setting *setting);
bool bd_seen_take(bd_session *session, const bd_delivery *delivery);
// No memory for its job: it stays without.
void bd_seen_lost(bd_session *session, int layer, uint64_t id);
int bd_seen_pending(const bd_session *session);
// Adds one, pinned; settings: one a layer. It gets the letter where that is free, or else another.
bd_status bd_seen_add(bd_session *session, const bd_setting *settings, char letter,
                      const char *name, uint64_t *id, bd_error *err);
void bd_seen_free(bd_session *session);
// Pins: to the config that is kept, and from it.
void bd_pins_store(bd_session *session);
void bd_pins_fetch(bd_session *session);

typedef struct bd_sensing bd_sensing;
void bd_sensing_free(bd_sensing *sensing);
bool bd_sensing_poll(bd_session *session);

void bd_insight_start(bd_session *session);
// Forgets what belongs to another layer or setting than the one in hand.
void bd_insight_refresh(bd_session *session);
// The next part to compute, if any; its setting; the work itself (on a worker); taking it in.
bool bd_insight_pick(bd_session *session, int *part);
bd_setting bd_insight_setting(const bd_session *session, int part);
bd_status bd_insight_compute(const bd_index *index, bd_setting setting, const bd_cancel *cancel,
                             bd_delivery *out, bd_error *err);
bool bd_insight_take(bd_session *session, bd_delivery *delivery);
void bd_insight_free(bd_session *session);
int bd_insight_pending(const bd_session *session);

#endif
