// What the rest of core/quant may see of an index.
#ifndef BD_QUANT_INDEX_PRIVATE_H
#define BD_QUANT_INDEX_PRIVATE_H

#include "core/quant/index.h"
#include "core/quant/prefix.h"

enum { BD_BLOCK = 32 };

struct bd_index {
  float *values;     // sorted
  float *heads;      // the first value of each block of BD_BLOCK: the upper part of a search
  bd_prefix *prefix; // before each block, and the whole
  size_t blocks;
  bd_stats stats;
  bd_rounding round;
};

// The sums before a place, 0..count: O(1).
bd_prefix bd_index_prefix(const bd_index *index, size_t place);

// Rounds a level to the tensor's type.
double bd_index_round(const bd_index *index, double value);

#endif
