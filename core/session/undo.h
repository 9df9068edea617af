// Undo and redo: steps of many layers at once.
#ifndef BD_SESSION_UNDO_H
#define BD_SESSION_UNDO_H

#include "core/session/session.h"

typedef struct bd_change {
  int layer;
  bd_dial before, after;
} bd_change;

typedef struct bd_step {
  char *what;
  bd_change *changes;
  int count;
  bd_repair_plan *repair; // how the network is repaired, before [0] and after [1]; NULL: as it was
} bd_step;

typedef struct bd_undo bd_undo;

// Past so many changes of all steps together (some 100 MB) the oldest steps go; so many steps stay,
// however large.
enum { BD_UNDO_CHANGES = 1 << 19, BD_UNDO_STEPS = 100 };

bd_undo *bd_undo_new(void); // NULL without memory
void bd_undo_free(bd_undo *undo);
// Adds a step (copied) and forgets what was undone. before, after: of the repair, NULL where that
// stays. False without memory: the step is then lost.
bool bd_undo_add(bd_undo *undo, const bd_change *changes, int count, const bd_repair_plan *before,
                 const bd_repair_plan *after, const char *what);
// The step to take back or to do again, now behind or ahead; NULL where there is none.
const bd_step *bd_undo_back(bd_undo *undo);
const bd_step *bd_undo_forward(bd_undo *undo);

#endif
