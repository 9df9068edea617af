// What is asked of an index: where a value stands, and sums up to a place.
#include "core/base/widest.h"
#include "core/quant/index_private.h"

#include <math.h>

enum { LANES = 8, POLL_BLOCKS = 1 << 13 }; // a quarter of a million values between two looks

// --- sums ---------------------------------------------------------------------------------------

static bd_block stored(const bd_prefix *prefix) {
  return (bd_block){prefix->sum, prefix->square, prefix->sum_low, prefix->square_low};
}

static bd_prefix loaded(const bd_block *block, size_t place) {
  return (bd_prefix){block->sum,        block->square, block->sum_low,
                     block->square_low, (double)place, 0};
}

// The prefix after `count` more values. Wide from value to value: a block may hold an outlier. In
// lanes, so that it vectorises.
static inline __attribute__((always_inline)) bd_prefix
sum_run(bd_prefix prefix, const float *values, size_t count, double centre) {
  double sum[LANES] = {0}, low[LANES] = {0}, square[LANES] = {0}, square_low[LANES] = {0};
  for (size_t i = 0; i < count; i += LANES) {
    double away[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
      away[lane] = i + lane < count ? (double)values[i + lane] - centre : 0;
    for (size_t lane = 0; lane < LANES; lane++) {
      bd_wide_add(&sum[lane], &low[lane], away[lane]);
      bd_wide_add(&square[lane], &square_low[lane], away[lane] * away[lane]);
      square_low[lane] += bd_square_low(away[lane]);
    }
  }
  for (size_t width = LANES / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; lane++) {
      bd_wide_add(&sum[lane], &low[lane], sum[lane + width]);
      bd_wide_add(&square[lane], &square_low[lane], square[lane + width]);
      low[lane] += low[lane + width];
      square_low[lane] += square_low[lane + width];
    }
  }
  prefix = bd_prefix_plus(prefix, sum[0], square[0]);
  prefix.sum_low += low[0];
  prefix.square_low += square_low[0];
  return prefix;
}

static size_t block_size(const bd_index *index, size_t block) {
  size_t left = index->stats.count - block * BD_BLOCK;
  return left < BD_BLOCK ? left : BD_BLOCK;
}

// Fills prefix with sums around the median; false where it was cancelled.
BD_WIDEST static bool fill_blocks(bd_index *index, const bd_cancel *cancel) {
  bd_prefix running = {0};
  for (size_t block = 0; block < index->blocks; block++) {
    if (block % POLL_BLOCKS == 0 && bd_cancelled(cancel)) return false;
    index->prefix[block] = stored(&running);
    running = sum_run(running, index->values + block * BD_BLOCK, block_size(index, block),
                      index->stats.median);
  }
  index->prefix[index->blocks] = stored(&running);
  return true;
}

// By importance, one value after the other.
static bd_prefix add_run(bd_prefix prefix, const bd_index *index, size_t block, size_t count) {
  const float *values = index->values + block * BD_BLOCK;
  const float *importance = index->importance + block * BD_BLOCK;
  for (size_t i = 0; i < count; i++)
    bd_prefix_add(&prefix, (double)values[i] - index->stats.median, (double)importance[i]);
  return prefix;
}

static bool fill_importants(bd_index *index, const bd_cancel *cancel) {
  bd_prefix running = {0};
  for (size_t block = 0; block < index->blocks; block++) {
    if (block % POLL_BLOCKS == 0 && bd_cancelled(cancel)) return false;
    index->importants[block] = running;
    running = add_run(running, index, block, block_size(index, block));
  }
  index->importants[index->blocks] = running;
  return true;
}

static void fill_entries(bd_index *index) {
  bd_prefix running = {0};
  for (size_t entry = 0; entry < index->entries; entry++) {
    index->prefix[entry] = stored(&running);
    size_t count = index->starts[entry + 1] - index->starts[entry];
    bd_prefix_add(&running, (double)index->values[entry] - index->stats.median, (double)count);
  }
  index->prefix[index->entries] = stored(&running);
}

bool bd_index_fill_prefix(bd_index *index, const bd_cancel *cancel) {
  if (index->importance && !fill_importants(index, cancel)) return false;
  if (!index->starts) return fill_blocks(index, cancel);
  fill_entries(index);
  return true;
}

// --- a place ------------------------------------------------------------------------------------

// The entry that the weight at a place has the value of; counted only.
static size_t entry_at(const bd_index *index, size_t place) {
  size_t low = 0, high = index->entries - 1;
  while (low < high) {
    size_t middle = low + (high - low + 1) / 2;
    if (index->starts[middle] <= place)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

float bd_index_value(const bd_index *index, size_t place) {
  return index->values[index->starts ? entry_at(index, place) : place];
}

static bd_prefix counted_prefix(const bd_index *index, size_t place) {
  size_t entry = entry_at(index, place);
  bd_prefix prefix = loaded(&index->prefix[entry], index->starts[entry]);
  size_t rest = place - index->starts[entry];
  if (rest > 0)
    bd_prefix_add(&prefix, (double)index->values[entry] - index->stats.median, (double)rest);
  return prefix;
}

BD_WIDEST static bd_prefix sorted_prefix(const bd_index *index, size_t place) {
  size_t block = place / BD_BLOCK;
  return sum_run(loaded(&index->prefix[block], place), index->values + block * BD_BLOCK,
                 place % BD_BLOCK, index->stats.median);
}

bd_prefix bd_index_prefix(const bd_index *index, size_t place) {
  return index->starts ? counted_prefix(index, place) : sorted_prefix(index, place);
}

bd_prefix bd_index_weighted_prefix(const bd_index *index, size_t place) {
  size_t block = place / BD_BLOCK;
  return add_run(index->importants[block], index, block, place % BD_BLOCK);
}

bd_sums bd_index_sums(const bd_index *index, size_t from, size_t to) {
  bd_prefix left = bd_index_prefix(index, from), right = bd_index_prefix(index, to);
  return (bd_sums){.count = (double)(to - from),
                   .sum = bd_prefix_sum(&left, &right),
                   .square = bd_prefix_square(&left, &right)};
}

// --- a value ------------------------------------------------------------------------------------

// How many of a block's values are below x: compared all at once, without a branch.
static inline __attribute__((always_inline)) size_t block_below(const float *block, float x) {
  int32_t below = 0;
  for (int i = 0; i < BD_BLOCK; i++)
    below += block[i] < x;
  return (size_t)below;
}

// The block in which the count of values below x ends.
static inline __attribute__((always_inline)) size_t block_of(const bd_index *index, float x) {
  size_t place = 0;
  for (int tier = index->tier_count - 1; tier > 0; tier--) {
    size_t count = block_below(index->tiers[tier] + place * BD_BLOCK, x);
    if (count == 0) return 0; // only before the very first value
    place = place * BD_BLOCK + count - 1;
  }
  return place;
}

BD_WIDEST static size_t below(const bd_index *index, float x) {
  size_t block = block_of(index, x);
  return block * BD_BLOCK + block_below(index->values + block * BD_BLOCK, x);
}

BD_WIDEST void bd_index_fetch(const bd_index *index, double x) {
  bd_index_fetch_block(index, block_of(index, (float)x));
}

// Weights before an entry.
static size_t start_of(const bd_index *index, size_t entry) {
  return index->starts ? index->starts[entry] : entry;
}

size_t bd_index_before(const bd_index *index, double x) {
  if (x > index->stats.max) return index->stats.count;
  float up = (float)x;
  if ((double)up < x) up = nextafterf(up, INFINITY);
  return start_of(index, below(index, up));
}

size_t bd_index_through(const bd_index *index, double x) {
  if (x >= index->stats.max) return index->stats.count;
  float down = (float)x;
  if ((double)down > x) down = nextafterf(down, -INFINITY);
  return start_of(index, below(index, nextafterf(down, INFINITY)));
}

void bd_index_histogram(const bd_index *index, double low, double high, int bins, size_t *counts) {
  size_t before = bd_index_before(index, low);
  for (int bin = 0; bin < bins; bin++) {
    size_t after = bin + 1 < bins ? bd_index_before(index, low + (high - low) * (bin + 1) / bins)
                                  : bd_index_through(index, high);
    counts[bin] = after > before ? after - before : 0;
    before = after;
  }
}
