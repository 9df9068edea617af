// The shapes of a plan, for the values of the graph that it was compiled from.
#include "core/engine/engine.h"
#include "core/engine/plan.h"

#include <stdlib.h>
#include <string.h>

typedef struct made {
  const void *maker;
  int place, slot;
} made;

static int by_maker(const void *a, const void *b) {
  const made *x = a, *y = b;
  if (x->maker != y->maker) return x->maker > y->maker ? 1 : -1;
  return x->place - y->place;
}

static int list_made(const bd_engine *engine, made *out) {
  int count = 0;
  for (int i = 0; i < engine->slot_count; i++)
    if (engine->slots[i].maker && engine->slots[i].shaped)
      out[count++] = (made){engine->slots[i].maker, engine->slots[i].place, i};
  qsort(out, (size_t)count, sizeof *out, by_maker);
  return count;
}

static int input_slot(const bd_engine *engine, const char *name) {
  for (int i = 0; i < engine->main.input_count; i++)
    if (strcmp(engine->slots[engine->main.inputs[i]].name, name) == 0)
      return engine->main.inputs[i];
  return -1;
}

static int slot_of(const bd_engine *engine, const bd_graph *graph, const bd_graph_value *value,
                   const made *all, int count) {
  if (value->kind == BD_VALUE_GIVEN) return input_slot(engine, value->said.name);
  if (value->kind != BD_VALUE_MADE) return -1;
  made wanted = {graph->nodes[value->maker].key, value->place, -1};
  const made *found = bsearch(&wanted, all, (size_t)count, sizeof *all, by_maker);
  return found ? found->slot : -1;
}

bool bd_engine_shapes(const bd_engine *engine, const bd_graph *graph, bd_tensor *out) {
  made *all = malloc(((size_t)engine->slot_count + 1) * sizeof *all);
  if (!all) return false;
  int count = list_made(engine, all);
  for (int i = 0; i < graph->value_count; i++) {
    int slot = slot_of(engine, graph, &graph->values[i], all, count);
    out[i] = slot < 0 ? (bd_tensor){.type = BD_TYPE_NONE} : engine->tensors[slot];
    out[i].data = NULL;
    out[i].last = false;
  }
  free(all);
  return true;
}
