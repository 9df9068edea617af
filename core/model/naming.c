#include "core/model/layers.h"

#include "core/base/text.h"

#include <stdint.h>
#include <string.h>

static bool in_subgraph(const bd_found *found) {
  return found->value->scope->parent != NULL;
}

// How many layers have a name of their own accord; counted in the map's pointers themselves.
static bool count_names(const bd_layers *layers, bd_names *counts) {
  for (int i = 0; i < layers->count; i++) {
    void **place = bd_names_place(counts, layers->items[i].value->name);
    if (!place) return false;
    *place = (void *)((uintptr_t)*place + 1);
  }
  return true;
}

static bool clashes(const bd_found *found, const bd_names *counts) {
  return (uintptr_t)bd_names_get(counts, found->value->name) > 1;
}

// "node/branch/" of every graph from the main one down, and the name.
static const char *full_name(const bd_scope *scope, const char *name, bd_arena *arena) {
  for (; name && scope->parent; scope = scope->parent)
    name = bd_arena_text(arena, "%s/%s/%s", scope->node, scope->branch, name);
  return name;
}

// Takes the name, with the layer's number behind it for as long as another layer has it: only in
// graphs that give one name twice.
static bool take(bd_found *found, int index, const char *name, bd_names *taken) {
  while (name && bd_names_get(taken, name))
    name = bd_arena_text(taken->arena, "%s#%d", name, index);
  void **place = name ? bd_names_place(taken, name) : NULL;
  if (!place) return false;
  *place = found;
  found->shown.tensor = name;
  return true;
}

// The name as files may hold it: ONNX's strings are UTF-8, but a hostile file's need not be.
static const char *valid_name(const char *name, bd_arena *arena) {
  size_t length = bd_text_valid(NULL, name);
  if (length == strlen(name)) return name;
  char *valid = bd_arena_take(arena, length + 1, 1);
  if (valid) bd_text_valid(valid, name);
  return valid;
}

static bool name_all(bd_layers *layers, const bd_names *counts, bd_names *taken) {
  // Names that stay verbatim come first, so that none of them has to give way.
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < layers->count; i++) {
      bd_found *found = &layers->items[i];
      bool longer = in_subgraph(found) && clashes(found, counts);
      if (longer != (pass == 1)) continue;
      const char *name = found->value->name;
      if (longer) name = full_name(found->value->scope, name, taken->arena);
      if (name) name = valid_name(name, taken->arena);
      if (!take(found, i, name, taken)) return false;
    }
  return true;
}

bool bd_layers_name(bd_layers *layers, bd_arena *arena) {
  bd_names counts = {arena, NULL};
  layers->names.arena = arena;
  bool done = count_names(layers, &counts) && name_all(layers, &counts, &layers->names);
  bd_names_clear(&counts);
  return done;
}
