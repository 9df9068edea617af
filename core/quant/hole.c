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

bd_hole bd_index_hole_at(const bd_index *index, double threshold, size_t positive_ties,
                         size_t negative_ties) {
  bd_hole hole = {
      .threshold = threshold, .positive_ties = positive_ties, .negative_ties = negative_ties};
  if (threshold > 0) {
    hole.from = bd_index_through(index, -threshold) - negative_ties;
    hole.to = bd_index_before(index, threshold) + positive_ties;
  } else {
    hole.from = bd_index_before(index, 0);
    hole.to = bd_index_through(index, 0);
  }
  return hole;
}

bd_hole bd_index_hole(const bd_index *index, double ratio) {
  const bd_stats *stats = &index->stats;
  size_t pruned = rounded_count(ratio, stats->count), positive_ties = 0, negative_ties = 0;
  double threshold = 0;
  if (pruned > stats->zeros) {
    threshold = threshold_of(index, pruned);
    size_t start = bd_index_before(index, threshold);
    size_t ties = pruned - (start - bd_index_through(index, -threshold));
    size_t positive = bd_index_through(index, threshold) - start;
    positive_ties = ties < positive ? ties : positive;
    negative_ties = ties - positive_ties;
  }
  bd_hole hole = bd_index_hole_at(index, threshold, positive_ties, negative_ties);
  hole.pruned = pruned;
  return hole;
}
