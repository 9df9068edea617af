// The configurations that a session has seen: every settled state of its settings, with its size,
// its error, and its accuracy where the network was run to the end under it. Pinned ones stay, and
// go into the config file; of the others the ones not seen for longest give way. A config can be
// taken in to compare with: it is quantized in the background, and pinned.
#ifndef BD_SESSION_SEEN_H
#define BD_SESSION_SEEN_H

#include "core/session/live.h"

// So many configurations, and so many layers of all of them together (some 15 MB), pins apart.
enum { BD_SEEN_MOST = 200, BD_SEEN_LAYERS = 1 << 17, BD_SEEN_LEAST = 8, BD_PINS_MOST = 26 };

typedef struct bd_seen_layer {
  bd_setting setting;
  enum { BD_SEEN_MISSING, BD_SEEN_BUSY, BD_SEEN_KNOWN, BD_SEEN_FAILED } state;
  double bytes, sse, sqnr_db, bits_per_weight, entropy_bits; // once it is known
} bd_seen_layer;

typedef struct bd_seen {
  uint64_t id;           // of no other one, ever
  bd_seen_layer *layers; // one a layer; a refused one stays missing
  bd_totals totals;      // missing > 0: not all is known yet, and the sums are 0
  char pin;              // 'A' to 'Z'; 0: not pinned
  char name[64];         // of the pin, UTF-8 as it came; "" none
  bd_recovery recover;   // the repair that its config names, which is not made
  bool measured;         // the figures are there
  int next, busy;        // no layer before `next` waits for its job; jobs under way
  bd_evaluation figures; // of all samples
} bd_seen;

// In the order in which they were seen last. Valid until the next poll, or call that changes them.
int bd_session_seen_count(const bd_session *session);
const bd_seen *bd_session_seen(const bd_session *session, int index);
// The one of that id, or -1 where it has given way.
int bd_session_seen_find(const bd_session *session, uint64_t id);
// The one that the session is at; -1 while it is being computed.
int bd_session_seen_now(const bd_session *session);

// Pins it, under the next free letter and a name ("" or NULL: none); or takes the pin off. Pins
// are saved with the config (bd_session_save). BD_INVALID: all letters are taken.
bd_status bd_session_pin(bd_session *session, int index, const char *name, bd_error *err);
void bd_session_unpin(bd_session *session, int index);

// Takes a config of this model in, pinned, under its file's name; the session's settings stay. *id
// names it. A repair that it names is not made, and that is said. Errors as bd_config_read's.
bd_status bd_session_take_in(bd_session *session, const char *path, uint64_t *id, bd_error *err);

// Gives all layers that are not locked the settings of a configuration, or so many bits: one undo
// step. Returns how many changed; *held: locked layers that would have.
int bd_session_adopt(bd_session *session, int index, int *held);
int bd_session_adopt_bits(bd_session *session, int bits, int *held);

#endif
