#include "core/quant/index_private.h"

#include "core/base/widest.h"
#include "core/quant/memory.h"
#include "core/quant/radix.h"

#include <math.h>
#include <stdlib.h>

enum { LANES = 8, POLL_BLOCKS = 1 << 15 }; // a million values between two looks at the flag

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
BD_WIDEST static bool fill_prefix(bd_index *index, const bd_cancel *cancel) {
  bd_prefix running = {0};
  for (size_t block = 0; block < index->blocks; block++) {
    if (block % POLL_BLOCKS == 0 && bd_cancelled(cancel)) return false;
    index->prefix[block] = running;
    running = sum_run(running, index->values + block * BD_BLOCK, block_size(index, block),
                      index->stats.median);
  }
  index->prefix[index->blocks] = running;
  return true;
}

// At least half of the values are as far from 0 as the median, and the mean is within a deviation
// of it: nothing here cancels.
static bool fill_sums(bd_index *index, const bd_cancel *cancel) {
  bd_stats *stats = &index->stats;
  stats->median = (double)index->values[stats->count / 2];
  if (!fill_prefix(index, cancel)) return false;
  const bd_prefix *total = &index->prefix[index->blocks];
  double count = (double)stats->count, median = stats->median;
  double sum = total->sum + total->sum_low, square = total->square + total->square_low;
  stats->mean = fmin(fmax(median + sum / count, stats->min), stats->max);
  stats->energy = fmax(square + 2 * median * sum + count * median * median, 0);
  double variance = square / count - (sum / count) * (sum / count);
  stats->deviation = stats->min == stats->max ? 0 : sqrt(fmax(variance, 0));
  return true;
}

static bool fill_counts(bd_index *index, const bd_cancel *cancel) {
  const float *values = index->values;
  bd_stats *stats = &index->stats;
  stats->distinct = 1;
  for (size_t i = 1; i < stats->count; i++) {
    if (i % (POLL_BLOCKS * BD_BLOCK) == 0 && bd_cancelled(cancel)) return false;
    stats->distinct += values[i] != values[i - 1];
  }
  stats->min = (double)values[0];
  stats->max = (double)values[stats->count - 1];
  stats->zeros = bd_index_through(index, 0) - bd_index_before(index, 0);
  return true;
}

static size_t padded(size_t count) {
  return (count + BD_BLOCK - 1) / BD_BLOCK * BD_BLOCK;
}

static void pad(float *tier, size_t count) {
  for (size_t i = count; i < padded(count); i++)
    tier[i] = INFINITY;
}

// Until one block is left.
static bd_status fill_tiers(bd_index *index, bd_error *err) {
  pad(index->values, index->stats.count);
  index->tiers[0] = index->values;
  index->tier_count = 1;
  for (size_t count = index->blocks; count > 1; count = padded(count) / BD_BLOCK) {
    float *tier = bd_large_alloc(padded(count), sizeof *tier);
    if (!tier) return bd_fail_memory(err, "the index of the weights");
    for (size_t i = 0; i < count; i++)
      tier[i] = index->tiers[index->tier_count - 1][i * BD_BLOCK];
    pad(tier, count);
    index->tiers[index->tier_count++] = tier;
    if (count <= BD_BLOCK) break;
  }
  return BD_OK;
}

static bd_status check_finite(const float *weights, size_t count, bd_error *err) {
  float poison = 0; // NaN as soon as one weight is NaN or Inf: no branch in the loop
  for (size_t i = 0; i < count; i++)
    poison += weights[i] * 0.0f;
  if (poison == 0) return BD_OK;
  size_t i = 0;
  while (isfinite(weights[i]))
    i++;
  return bd_fail(err, BD_INVALID, "weight %zu of %zu is %s: only finite weights can be quantized",
                 i, count, isnan(weights[i]) ? "NaN" : "infinite");
}

static bd_status sort_values(bd_index *index, const float *weights, const bd_cancel *cancel,
                             bd_error *err) {
  size_t count = index->stats.count;
  float *spare = bd_scratch_alloc(count, sizeof *spare);
  if (!spare) return bd_fail_memory(err, "sorting the weights");
  bool done = bd_radix_sort(weights, count, index->values, spare, cancel);
  free(spare);
  return done ? BD_OK : bd_fail(err, BD_CANCELLED, "indexing was cancelled");
}

static bd_status fill(bd_index *index, const float *weights, const bd_cancel *cancel,
                      bd_error *err) {
  index->blocks = (index->stats.count + BD_BLOCK - 1) / BD_BLOCK;
  index->values = bd_large_alloc(padded(index->stats.count), sizeof *index->values);
  index->prefix = bd_large_alloc(index->blocks + 1, sizeof *index->prefix);
  if (!index->values || !index->prefix) return bd_fail_memory(err, "the index of the weights");
  BD_TRY(sort_values(index, weights, cancel, err));
  BD_TRY(fill_tiers(index, err));
  if (!fill_counts(index, cancel) || !fill_sums(index, cancel))
    return bd_fail(err, BD_CANCELLED, "indexing was cancelled");
  return BD_OK;
}

bd_status bd_index_new(const float *weights, size_t count, bd_rounding round,
                       const bd_cancel *cancel, bd_index **out, bd_error *err) {
  *out = NULL;
  if (count == 0) return bd_fail(err, BD_INVALID, "there are no weights to quantize");
  if (count > SIZE_MAX / sizeof(float) / 2)
    return bd_fail(err, BD_INVALID, "%zu weights are more than memory can hold", count);
  BD_TRY(check_finite(weights, count, err));
  bd_index *index = calloc(1, sizeof *index);
  if (!index) return bd_fail_memory(err, "the index of the weights");
  index->stats.count = count;
  index->round = round;
  bd_status status = fill(index, weights, cancel, err);
  if (status == BD_OK)
    *out = index;
  else
    bd_index_free(index);
  return status;
}

void bd_index_free(bd_index *index) {
  if (!index) return;
  free(index->values);
  for (int tier = 1; tier < index->tier_count; tier++)
    free(index->tiers[tier]);
  free(index->prefix);
  free(index);
}

void bd_index_set_reread(bd_index *index, const bd_reread *reread) {
  index->reread = *reread;
}

const bd_stats *bd_index_stats(const bd_index *index) {
  return &index->stats;
}

const float *bd_index_values(const bd_index *index) {
  return index->values;
}

double bd_index_round(const bd_index *index, double value) {
  double rounded = index->round ? index->round(value) : (double)(float)value;
  return rounded + 0.0; // -0 becomes 0
}

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

size_t bd_index_before(const bd_index *index, double x) {
  if (x > index->stats.max) return index->stats.count;
  float up = (float)x;
  if ((double)up < x) up = nextafterf(up, INFINITY);
  return below(index, up);
}

size_t bd_index_through(const bd_index *index, double x) {
  if (x >= index->stats.max) return index->stats.count;
  float down = (float)x;
  if ((double)down > x) down = nextafterf(down, -INFINITY);
  return below(index, nextafterf(down, INFINITY));
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

BD_WIDEST bd_prefix bd_index_prefix(const bd_index *index, size_t place) {
  size_t block = place / BD_BLOCK;
  return sum_run(index->prefix[block], index->values + block * BD_BLOCK, place % BD_BLOCK,
                 index->stats.median);
}

bd_sums bd_index_sums(const bd_index *index, size_t from, size_t to) {
  bd_prefix left = bd_index_prefix(index, from), right = bd_index_prefix(index, to);
  return (bd_sums){.count = (double)(to - from),
                   .sum = bd_prefix_sum(&left, &right),
                   .square = bd_prefix_square(&left, &right)};
}
