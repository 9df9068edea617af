// The weights that pruning leaves, as one sorted sequence: places 0..count run over both sides of
// the hole. A cluster may hold values of both sides (one cluster must); a search that lands in the
// hole gives its edge.
#ifndef BD_QUANT_SURVIVORS_H
#define BD_QUANT_SURVIVORS_H

#include "core/quant/index_private.h"

#include <stdbool.h>

typedef struct bd_survivors {
  const bd_index *index;
  bd_hole hole;
  size_t gap;    // values in the hole
  size_t count;  // values outside
  bool weighted; // sums count each value by its importance
  bd_prefix gap_from, gap_to;
} bd_survivors;

// weighted: by the index's importance, where it has one.
bd_survivors bd_survivors_of(const bd_index *index, bd_hole hole, bool weighted);

// The value at a place, 0..count-1.
double bd_survivors_value(const bd_survivors *survivors, size_t place);
// Survivors with value < x; the places before it.
size_t bd_survivors_before(const bd_survivors *survivors, double x);
// The first place after `place` with another value; count at the end.
size_t bd_survivors_next(const bd_survivors *survivors, size_t place);
// The sums before a place, 0..count.
bd_prefix bd_survivors_prefix(const bd_survivors *survivors, size_t place);
// Fetches into the cache what the value and the sums at a place, 0..count, are made of.
static inline void bd_survivors_fetch(const bd_survivors *survivors, size_t place) {
  size_t sorted = place < survivors->hole.from ? place : place + survivors->gap;
  bd_index_fetch_block(survivors->index, sorted / BD_BLOCK);
}
// The places [from, to) hold one value only (or none).
bool bd_survivors_same(const bd_survivors *survivors, size_t from, size_t to);

#endif
