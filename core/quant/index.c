#include "core/quant/index_private.h"

#include "core/quant/memory.h"
#include "core/quant/radix.h"

#include <math.h>
#include <stdlib.h>

enum { POLL_VALUES = 1 << 20, POLL_TIER = 1 << 16 }; // between two looks at the flag

static bd_status fail_cancelled(bd_error *err) {
  return bd_fail(err, BD_CANCELLED, "indexing was cancelled");
}

// At least half of the values are as far from 0 as the median, and the mean is within a deviation
// of it: nothing here cancels.
static bool fill_sums(bd_index *index, const bd_cancel *cancel) {
  bd_stats *stats = &index->stats;
  stats->median = (double)bd_index_value(index, stats->count / 2);
  if (!bd_index_fill_prefix(index, cancel)) return false;
  bd_prefix all = bd_index_prefix(index, stats->count), *total = &all;
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
  for (size_t i = 1; i < index->entries; i++) {
    if (i % POLL_VALUES == 0 && bd_cancelled(cancel)) return false;
    stats->distinct += values[i] != values[i - 1];
  }
  stats->min = (double)values[0];
  stats->max = (double)values[index->entries - 1];
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
static bd_status fill_tiers(bd_index *index, const bd_cancel *cancel, bd_error *err) {
  pad(index->values, index->entries);
  index->tiers[0] = index->values;
  index->tier_count = 1;
  for (size_t count = index->blocks; count > 1; count = padded(count) / BD_BLOCK) {
    float *tier = bd_large_alloc(padded(count), sizeof *tier);
    if (!tier) return bd_fail_memory(err, "the index of the weights");
    const float *below = index->tiers[index->tier_count - 1];
    index->tiers[index->tier_count++] = tier;
    for (size_t i = 0; i < count; i++) {
      if (i % POLL_TIER == 0 && bd_cancelled(cancel)) return fail_cancelled(err);
      tier[i] = below[i * BD_BLOCK];
    }
    pad(tier, count);
    if (count <= BD_BLOCK) break;
  }
  return BD_OK;
}

static bd_status check_finite(const float *weights, size_t count, const bd_cancel *cancel,
                              bd_error *err) {
  float poison = 0; // NaN as soon as one weight is NaN or Inf: no branch in the loop
  for (size_t first = 0; first < count; first += POLL_VALUES) {
    size_t end = count - first < POLL_VALUES ? count : first + POLL_VALUES;
    if (bd_cancelled(cancel)) return fail_cancelled(err);
    for (size_t i = first; i < end; i++)
      poison += weights[i] * 0.0f;
  }
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
  return done ? BD_OK : fail_cancelled(err);
}

// --- with importance ----------------------------------------------------------------------------

static bd_status check_importance(const float *importance, size_t count, const bd_cancel *cancel,
                                  bd_error *err) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (i % POLL_VALUES == 0 && bd_cancelled(cancel)) return fail_cancelled(err);
    if (!(importance[i] >= 0 && isfinite(importance[i])))
      return bd_fail(err, BD_INVALID, "importance %zu of %zu is %g: use finite ones from 0 on", i,
                     count, (double)importance[i]);
    sum += (double)importance[i];
  }
  return sum > 0 ? BD_OK : bd_fail(err, BD_INVALID, "all of its importance is 0: nothing counts");
}

static bd_status sort_pairs(bd_index *index, const float *weights, const float *importance,
                            const bd_cancel *cancel, bd_error *err) {
  size_t count = index->stats.count;
  BD_TRY(check_importance(importance, count, cancel, err));
  index->importance = bd_large_alloc(padded(count), sizeof *index->importance);
  index->importants = bd_large_alloc(index->blocks + 1, sizeof *index->importants);
  bd_pair *pairs = bd_scratch_alloc(count, sizeof *pairs);
  bd_pair *spare = bd_scratch_alloc(count, sizeof *spare);
  bd_status status = index->importance && index->importants && pairs && spare
                         ? BD_OK
                         : bd_fail_memory(err, "the index of the weights");
  if (status == BD_OK && !bd_radix_sort_pairs(weights, importance, count, pairs, spare,
                                              index->values, index->importance, cancel))
    status = fail_cancelled(err);
  free(pairs);
  free(spare);
  return status;
}

// --- the three ways to an index -----------------------------------------------------------------

static bd_status start(size_t count, bd_rounding round, size_t entries, bd_index **out,
                       bd_error *err) {
  *out = NULL;
  if (count == 0) return bd_fail(err, BD_INVALID, "there are no weights to quantize");
  if (count > SIZE_MAX / sizeof(float) / 2)
    return bd_fail(err, BD_INVALID, "%zu weights are more than memory can hold", count);
  bd_index *index = *out = calloc(1, sizeof *index);
  if (!index) return bd_fail_memory(err, "the index of the weights");
  index->stats.count = count;
  index->round = round;
  index->entries = entries;
  index->blocks = (entries + BD_BLOCK - 1) / BD_BLOCK;
  index->values = bd_large_alloc(padded(entries), sizeof *index->values);
  return index->values ? BD_OK : bd_fail_memory(err, "the index of the weights");
}

// Tiers, statistics and sums of the sorted values.
static bd_status finish(bd_index *index, const bd_cancel *cancel, bd_error *err) {
  size_t sums = index->starts ? index->entries : index->blocks;
  index->prefix = bd_large_alloc(sums + 1, sizeof *index->prefix);
  if (!index->prefix) return bd_fail_memory(err, "the index of the weights");
  BD_TRY(fill_tiers(index, cancel, err));
  if (fill_counts(index, cancel) && fill_sums(index, cancel)) return BD_OK;
  return fail_cancelled(err);
}

static bd_status end(bd_status status, bd_index **out) {
  if (status == BD_OK) return BD_OK;
  bd_index_free(*out);
  *out = NULL;
  return status;
}

bd_status bd_index_new(const float *weights, size_t count, bd_rounding round,
                       const bd_cancel *cancel, bd_index **out, bd_error *err) {
  bd_status status = start(count, round, count, out, err);
  if (status == BD_OK) status = check_finite(weights, count, cancel, err);
  if (status == BD_OK) status = sort_values(*out, weights, cancel, err);
  if (status == BD_OK) status = finish(*out, cancel, err);
  return end(status, out);
}

bd_status bd_index_new_weighted(const float *weights, const float *importance, size_t count,
                                bd_rounding round, const bd_cancel *cancel, bd_index **out,
                                bd_error *err) {
  bd_status status = start(count, round, count, out, err);
  if (status == BD_OK) status = check_finite(weights, count, cancel, err);
  if (status == BD_OK) status = sort_pairs(*out, weights, importance, cancel, err);
  if (status == BD_OK) status = finish(*out, cancel, err);
  return end(status, out);
}

static bd_status take_counts(bd_index *index, const float *values, const size_t *counts,
                             bd_error *err) {
  index->starts = calloc(index->entries + 1, sizeof *index->starts);
  if (!index->starts) return bd_fail_memory(err, "the index of the weights");
  for (size_t i = 0; i < index->entries; i++) {
    index->values[i] = values[i];
    index->starts[i + 1] = index->starts[i] + counts[i];
  }
  return BD_OK;
}

bd_status bd_index_new_counted(const float *values, const size_t *counts, size_t entries,
                               bd_rounding round, bd_index **out, bd_error *err) {
  size_t count = 0;
  for (size_t i = 0; i < entries; i++)
    count += counts[i];
  bd_status status = start(count, round, entries, out, err);
  if (status == BD_OK) status = check_finite(values, entries, NULL, err);
  if (status == BD_OK) status = take_counts(*out, values, counts, err);
  if (status == BD_OK) status = finish(*out, NULL, err);
  return end(status, out);
}

void bd_index_free(bd_index *index) {
  if (!index) return;
  free(index->values);
  for (int tier = 1; tier < index->tier_count; tier++)
    free(index->tiers[tier]);
  free(index->starts);
  free(index->prefix);
  free(index->importance);
  free(index->importants);
  free(index);
}

void bd_index_set_reread(bd_index *index, const bd_reread *reread) {
  index->reread = *reread;
}

const bd_stats *bd_index_stats(const bd_index *index) {
  return &index->stats;
}

double bd_index_round(const bd_index *index, double value) {
  double rounded = index->round ? index->round(value) : (double)(float)value;
  return rounded + 0.0; // -0 becomes 0
}
