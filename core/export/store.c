#include "core/export/store.h"

#include <ctype.h>
#include <string.h>

bd_store bd_store_of(const bd_export_plan *plan, int layer) {
  const bd_fit *fit = &plan->fits[layer];
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  bd_store out = {.layer = bd_model_layer(plan->tuned->model, layer),
                  .fit = fit,
                  .coded = coded,
                  .grid = fit->integers != NULL,
                  .bits = fit->width,
                  .count = coded->count,
                  .parts = coded->parts,
                  .numbers = coded->levels,
                  .scaled = coded->scale != NULL,
                  .shift = coded->shift,
                  .channels = (size_t)plan->tuned->layers[layer].channels};
  if (out.grid) {
    out.parts = fit->integers->parts;
    out.numbers = fit->integers->steps;
    out.number_count = out.parts.count;
    out.scaled = false;
    if (fit->zero_point) bd_integers_zero_point(fit->integers, fit->width, &out.zero_point);
  } else {
    out.number_count = bd_coded_levels(coded);
  }
  return out;
}

int bd_store_code(const bd_store *store, size_t place) {
  return store->grid ? store->fit->integers->codes[place] + store->zero_point
                     : store->coded->codes[place];
}

size_t bd_store_first(const bd_store *store, size_t part) {
  return (size_t)(store->coded->books[part].levels - store->coded->levels);
}

const char *bd_store_name(const bd_export_plan *plan, int layer, bd_arena *arena) {
  enum { ROOM = 60 };
  char *name =
      bd_arena_text(arena, "layer%d_%s", layer, bd_model_layer(plan->tuned->model, layer)->tensor);
  if (!name) return NULL;
  if (strlen(name) > ROOM) name[ROOM] = '\0';
  for (char *at = name; *at; at++)
    if (!isascii((unsigned char)*at) || !isalnum((unsigned char)*at)) *at = '_';
  return name;
}
