// A layer as plain integers, for C and HDL: codes of an even grid, or places in a list of levels.
#ifndef BD_EXPORT_STORE_H
#define BD_EXPORT_STORE_H

#include "core/export/job.h"

typedef struct bd_store {
  const bd_layer *layer;
  const bd_fit *fit;
  const bd_coded *coded;
  bool grid;      // value = step of its part · (code − zero point); else levels[first + code]
  int zero_point; // of a grid; its codes are signed
  int bits;       // of a code
  size_t count;
  bd_parts parts;
  const double *numbers; // steps, or levels
  size_t number_count;
  bool scaled;         // levels count times a scale a channel
  const double *shift; // what is added to each output channel beside the bias; NULL: nothing
  size_t channels;     // of shift
} bd_store;

bd_store bd_store_of(const bd_export_plan *plan, int layer);
int bd_store_code(const bd_store *store, size_t place);
// Where a part's levels begin.
size_t bd_store_first(const bd_store *store, size_t part);

// A name for files and for C: "layer3_conv1_weight", letters, digits and _ alone, at most 60. In an
// arena; NULL without memory.
const char *bd_store_name(const bd_export_plan *plan, int layer, bd_arena *arena);

#endif
