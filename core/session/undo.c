#include "core/session/undo.h"

#include <stdlib.h>
#include <string.h>

struct bd_undo {
  bd_step *steps;
  int count; // steps held
  int done;  // of these, not undone
  int room;
  size_t changes; // of all steps held
};

bd_undo *bd_undo_new(void) {
  return calloc(1, sizeof(bd_undo));
}

static void free_step(bd_step *step) {
  free(step->what);
  free(step->changes);
  for (int i = 0; step->repair && i < 2; i++)
    bd_repair_plan_free(&step->repair[i]);
  free(step->repair);
}

static void free_steps(bd_undo *undo, int first, int end) {
  for (int i = first; i < end; i++) {
    undo->changes -= (size_t)undo->steps[i].count;
    free_step(&undo->steps[i]);
  }
}

static void forget_from(bd_undo *undo, int first) {
  free_steps(undo, first, undo->count);
  undo->count = first;
}

// Many at once, so that moving the others down costs next to nothing an edit.
static void forget_oldest(bd_undo *undo) {
  size_t changes = undo->changes;
  int first = 0;
  while (changes > BD_UNDO_CHANGES / 4 * 3 && first + BD_UNDO_STEPS < undo->count)
    changes -= (size_t)undo->steps[first++].count;
  free_steps(undo, 0, first);
  undo->count -= first;
  memmove(undo->steps, undo->steps + first, (size_t)undo->count * sizeof *undo->steps);
}

void bd_undo_free(bd_undo *undo) {
  if (!undo) return;
  forget_from(undo, 0);
  free(undo->steps);
  free(undo);
}

static bool make_room(bd_undo *undo) {
  if (undo->count < undo->room) return true;
  int room = undo->room ? undo->room * 2 : 64;
  bd_step *grown = realloc(undo->steps, (size_t)room * sizeof *grown);
  if (!grown) return false;
  undo->steps = grown;
  undo->room = room;
  return true;
}

static bool fill_step(bd_step *step, const bd_change *changes, int count,
                      const bd_repair_plan *before, const bd_repair_plan *after, const char *what) {
  *step = (bd_step){strdup(what), malloc(((size_t)count + 1) * sizeof *changes), count, NULL};
  if (after) step->repair = calloc(2, sizeof *step->repair);
  if (!step->what || !step->changes || (after && !step->repair)) return false;
  if (count) memcpy(step->changes, changes, (size_t)count * sizeof *changes);
  return !after || (bd_repair_plan_copy(before, &step->repair[0], NULL) == BD_OK &&
                    bd_repair_plan_copy(after, &step->repair[1], NULL) == BD_OK);
}

bool bd_undo_add(bd_undo *undo, const bd_change *changes, int count, const bd_repair_plan *before,
                 const bd_repair_plan *after, const char *what) {
  forget_from(undo, undo->done);
  if (!make_room(undo)) return false;
  bd_step step;
  if (!fill_step(&step, changes, count, before, after, what)) {
    free_step(&step);
    return false;
  }
  undo->steps[undo->count++] = step;
  undo->changes += (size_t)count;
  if (undo->changes > BD_UNDO_CHANGES) forget_oldest(undo);
  undo->done = undo->count;
  return true;
}

const bd_step *bd_undo_back(bd_undo *undo) {
  return undo->done > 0 ? &undo->steps[--undo->done] : NULL;
}

const bd_step *bd_undo_forward(bd_undo *undo) {
  return undo->done < undo->count ? &undo->steps[undo->done++] : NULL;
}
