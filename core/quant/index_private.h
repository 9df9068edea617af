// What the rest of core/quant may see of an index.
#ifndef BD_QUANT_INDEX_PRIVATE_H
#define BD_QUANT_INDEX_PRIVATE_H

#include "core/quant/index.h"
#include "core/quant/prefix.h"

enum { BD_BLOCK = 32, BD_TIERS = 12 };

struct bd_index {
  // The sorted values, and above them tiers that hold the first of each BD_BLOCK of the tier below:
  // a search looks at one block a tier. Tiers are padded with infinity to whole blocks.
  float *tiers[BD_TIERS];
  int tier_count;
  float *values;     // tiers[0]
  bd_prefix *prefix; // before each block, and the whole
  size_t blocks;
  bd_stats stats;
  bd_rounding round;
  bd_reread reread; // read NULL: none
};

// Fetches into the cache what a search for x and the sums there will look at.
void bd_index_fetch(const bd_index *index, double x);
// The same of a block's values and of the sums before it.
static inline void bd_index_fetch_block(const bd_index *index, size_t block) {
  __builtin_prefetch(index->values + block * BD_BLOCK);
  __builtin_prefetch(index->values + block * BD_BLOCK + BD_BLOCK / 2);
  __builtin_prefetch(&index->prefix[block]);
}

// The sums before a place, 0..count: O(1).
bd_prefix bd_index_prefix(const bd_index *index, size_t place);

// Rounds a level to the tensor's type.
double bd_index_round(const bd_index *index, double value);

// The range that is zero where all of |w| < threshold are pruned, and so many of those at it;
// threshold 0: the exact zeros.
bd_hole bd_index_hole_at(const bd_index *index, double threshold, size_t positive_ties,
                         size_t negative_ties);

#endif
