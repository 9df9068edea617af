// Spreading one prune ratio over the layers of a session: what LAMP (study/lamp.h) would make of
// them, without data.
#ifndef BD_SESSION_SPREAD_H
#define BD_SESSION_SPREAD_H

#include "core/session/session.h"

typedef struct bd_spread {
  double *prune;       // by layer: what it would get; its own where it is locked or refused. Owned.
  int changed, locked; // layers that would get others, that keep theirs
  double before, after; // share of all weights that is pruned, 0..1
} bd_spread;

// Locked layers stay and count. BD_INVALID: the ratio cannot be reached, says what can; or some
// layer is not read yet. As bd_lamp: milliseconds.
bd_status bd_session_spread(const bd_session *session, double overall, bd_spread *out,
                            bd_error *err);
void bd_spread_free(bd_spread *spread);

// The share of the weights read by now that is pruned, 0..1.
double bd_session_pruned(const bd_session *session);

// Takes the ratios over, as one undo step; returns how many layers changed.
int bd_session_take_spread(bd_session *session, const bd_spread *spread);

#endif
