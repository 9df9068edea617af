// Which weights a prune ratio sets to zero, found on the sorted values alone.
#include "core/quant/index_private.h"

#include <math.h>
#include <string.h>

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Weights with |w| <= size.
static size_t within(const bd_index *index, double size) {
  return bd_index_through(index, size) - bd_index_before(index, -size);
}

// The m-th smallest |w|, m >= 1: bisection over the bits of positive floats, which are in order.
static double threshold_of(const bd_index *index, size_t pruned) {
  uint32_t low = 0, high = 0x7F7FFFFFu;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (within(index, (double)float_of(middle)) >= pruned)
      high = middle;
    else
      low = middle + 1;
  }
  return (double)float_of(low);
}

static size_t rounded_count(double ratio, size_t count) {
  double asked = floor(ratio * (double)count + 0.5);
  if (!(asked > 0)) return 0;
  return asked >= (double)count ? count : (size_t)asked;
}

bd_hole bd_index_hole(const bd_index *index, double ratio) {
  const bd_stats *stats = &index->stats;
  bd_hole hole = {.from = bd_index_before(index, 0),
                  .to = bd_index_through(index, 0),
                  .pruned = rounded_count(ratio, stats->count)};
  if (hole.pruned <= stats->zeros) return hole;
  double threshold = hole.threshold = threshold_of(index, hole.pruned);
  size_t negative_end = bd_index_through(index, -threshold);
  size_t positive_start = bd_index_before(index, threshold);
  size_t ties = hole.pruned - (positive_start - negative_end);
  size_t positive = bd_index_through(index, threshold) - positive_start;
  hole.positive_ties = ties < positive ? ties : positive;
  hole.negative_ties = ties - hole.positive_ties;
  hole.from = negative_end - hole.negative_ties;
  hole.to = positive_start + hole.positive_ties;
  return hole;
}
