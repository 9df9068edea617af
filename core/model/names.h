// Names → pointers: a balanced tree (tsearch), so that no choice of names makes it slow.
#ifndef BD_MODEL_NAMES_H
#define BD_MODEL_NAMES_H

#include "core/model/arena.h"

typedef struct bd_names {
  bd_arena *arena; // for the entries
  void *tree;
} bd_names;

// The place of that name's pointer, made with NULL in it where the name is new; the name is kept,
// not copied. NULL without memory.
void **bd_names_place(bd_names *names, const char *name);

// The pointer of that name, or NULL.
void *bd_names_get(const bd_names *names, const char *name);

// Forgets all names.
void bd_names_clear(bd_names *names);

#endif
