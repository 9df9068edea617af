#include "core/model/names.h"

#include <search.h>
#include <string.h>

typedef struct named {
  const char *name;
  void *pointer;
} named;

static int compare(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

void **bd_names_place(bd_names *names, const char *name) {
  named wanted = {name, NULL};
  named **node = tfind(&wanted, &names->tree, compare);
  if (node) return &(*node)->pointer;
  named *fresh = bd_arena_take(names->arena, 1, sizeof *fresh);
  if (!fresh) return NULL;
  fresh->name = name;
  return tsearch(fresh, &names->tree, compare) ? &fresh->pointer : NULL;
}

void *bd_names_get(const bd_names *names, const char *name) {
  named wanted = {name, NULL};
  named **node = tfind(&wanted, (void *const *)&names->tree, compare);
  return node ? (*node)->pointer : NULL;
}

static void keep(void *ignored) {
  (void)ignored; // entries are the arena's
}

void bd_names_clear(bd_names *names) {
  tdestroy(names->tree, keep);
  names->tree = NULL;
}
