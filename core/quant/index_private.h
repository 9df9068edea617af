// What the rest of core/quant may see of an index.
#ifndef BD_QUANT_INDEX_PRIVATE_H
#define BD_QUANT_INDEX_PRIVATE_H

#include "core/quant/index.h"
#include "core/quant/prefix.h"

enum { BD_BLOCK = 32, BD_TIERS = 12 };

// The stored part of a prefix whose mass is the number of values.
typedef struct bd_block {
  double sum, square, sum_low, square_low;
} bd_block;

struct bd_index {
  // The sorted values (each weight's; counted: each distinct one's), and above them tiers that hold
  // the first of each BD_BLOCK of the tier below: a search looks at one block a tier. Tiers are
  // padded with infinity to whole blocks.
  float *tiers[BD_TIERS];
  int tier_count;
  float *values;    // tiers[0]
  size_t entries;   // of values
  size_t *starts;   // counted: weights before each entry, entries + 1 of them; else NULL
  bd_block *prefix; // before each block of entries (counted: before each entry), and the whole
  size_t blocks;
  float *importance;     // of the sorted values; NULL: none
  bd_prefix *importants; // before each block of them, by importance, and the whole
  bd_stats stats;
  bd_rounding round;
  bd_reread reread; // read NULL: none
};

// Fetches into the cache what a search for x and the sums there will look at.
void bd_index_fetch(const bd_index *index, double x);
// The same of a block's values and of the sums before it. A table of counts is in the cache anyway.
static inline void bd_index_fetch_block(const bd_index *index, size_t block) {
  if (index->starts) return;
  __builtin_prefetch(index->values + block * BD_BLOCK);
  __builtin_prefetch(index->values + block * BD_BLOCK + BD_BLOCK / 2);
  __builtin_prefetch(&index->prefix[block]);
}

// The sums before a place, 0..count: O(1), counted O(log distinct). The second one by importance.
bd_prefix bd_index_prefix(const bd_index *index, size_t place);
bd_prefix bd_index_weighted_prefix(const bd_index *index, size_t place);

// Rounds a level to the tensor's type.
double bd_index_round(const bd_index *index, double value);

// How the sums of all blocks are filled; false where it was cancelled.
bool bd_index_fill_prefix(bd_index *index, const bd_cancel *cancel);

// The range that is zero where all of |w| < threshold are pruned, and so many of those at it;
// threshold 0: the exact zeros.
bd_hole bd_index_hole_at(const bd_index *index, double threshold, size_t positive_ties,
                         size_t negative_ties);

#endif
