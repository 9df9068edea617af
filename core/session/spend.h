// Spending a budget of bits over the layers of a session: what allocation (study/allocate.h) would
// make of them, by the relative error of every layer at every width, without data.
#ifndef BD_SESSION_SPEND_H
#define BD_SESSION_SPEND_H

#include "core/session/session.h"
#include "core/study/allocate.h"

typedef struct bd_spend {
  int *bits;   // by layer: what it would get; its own where it is locked or refused. Owned.
  int changed; // layers that would get others
  double weights, bytes; // over all layers that can be quantized
  bd_allocation found;   // cost: the sum of SSE / Σw²
} bd_spend;

// Widths 2 to 8; locked layers stay. exact: the best there is (ms to seconds); else greedy (µs, for
// a slider). BD_INVALID: the budget is too small, says the least; or some layer's widths are not
// known yet. Release with bd_spend_free.
bd_status bd_session_spend(const bd_session *session, double bytes, bool exact, bd_spend *out,
                           bd_error *err);
void bd_spend_free(bd_spend *spend);

// Takes the bits over, as one undo step; returns how many layers changed.
int bd_session_take_spend(bd_session *session, const bd_spend *spend);

#endif
