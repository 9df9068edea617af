// The points of the frontier: the configurations that the session has seen, and, where every layer
// is known at every width, the same bits everywhere with all else as it is.
#ifndef BD_VIEWERS_SPOTS_H
#define BD_VIEWERS_SPOTS_H

#include "core/session/seen.h"

#include <stdbool.h>

// What size stands against. Top-1 is agreement with the float network where there are no labels.
typedef enum bd_measure { BD_BY_SQNR, BD_BY_KL, BD_BY_TOP1, BD_BY_COUNT } bd_measure;

typedef struct bd_spot {
  double bytes, bits_per_weight, sqnr_db, kl, top1; // NaN: not known
  uint64_t id;                                      // of a configuration; 0: a reference
  int bits;                                         // of a reference, 1 to 8
  bool now;                                         // the session is at it
  char pin;                                         // its letter, 0 none
  bool on_line;                                     // no other one beats it by the measure
} bd_spot;

typedef struct bd_spots {
  bd_spot *list; // by rising bytes. Owned.
  int count;
  int on_line;
} bd_spots;

// Those whose bytes and measure are known; *left_out counts the other configurations. Empty without
// memory. Free spots->list.
void bd_spots_gather(const bd_session *session, bd_measure measure, bd_spots *out, int *left_out);
// The measure's value: +Inf for an SQNR that is exact.
double bd_spot_value(const bd_spot *spot, bd_measure measure);
// '@' where the session is, a pin's letter, '*' on the line, '.' beaten; a reference's bits.
char bd_spot_sign(const bd_spot *spot);
// The spot of a configuration. Where the session is and repairs, KL and top-1 are not known: those
// that were recorded are of the network as it was before the repair.
bd_spot bd_spot_of(const bd_session *session, const bd_seen *seen);

#endif
