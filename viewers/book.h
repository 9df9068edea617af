// What the codebook panel says of a level, worked out from a result.
#ifndef BD_VIEWERS_BOOK_H
#define BD_VIEWERS_BOOK_H

#include "core/quant/quantize.h"

// One level.
typedef struct bd_book_level {
  int code; // on a grid: level = step·(code − zero point); else its number, from 0
  double value;
  size_t weights, pruned; // that take it; those of them that were pruned to it
  double low, high;       // the smallest and the greatest of those weights
  int centroids;          // K-means centroids that met here; 0 where nothing was clustered
  double moved;           // from the centroid to the level, the farthest where several met
} bd_book_level;

// Is there an even grid under the levels?
bool bd_book_has_grid(const bd_result *result);
// Did the clustering's centroids move to a grid?
bool bd_book_is_mapped(const bd_result *result);

bd_book_level bd_book_at(const bd_result *result, const bd_index *index, int level);

// The grid's codes, first to last, and how many of them no weight takes.
typedef struct bd_book_codes {
  int first, last, unused;
} bd_book_codes;
bd_book_codes bd_book_codes_of(const bd_result *result);
// The unused ones as text: "−6 −4 2…5". "" for none. Cut to size, ending in …
char *bd_book_unused(const bd_result *result, char *out, size_t size);

#endif
