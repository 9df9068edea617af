// What is done with a result: quantized weights, histograms.
#include "core/quant/index_private.h"
#include "core/quant/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bd_result_free(bd_result *result) {
  if (!result) return;
  free(result->levels);
  free(result->occupancy);
  free(result->cells);
  free(result->trace.swarm);
  free(result->trace.lloyd);
  free(result);
}

// --- from a value to its level ------------------------------------------------------------------

enum { TABLE_BITS = 14, TABLE = 1 << TABLE_BITS, SEGMENTS_MAX = BD_LEVELS_MAX + 3 };

// Runs of values with one level, ascending: the cells, and the hole between them. A value belongs
// to the first segment that ends at it or after it.
typedef struct segments {
  int count;
  float ends[SEGMENTS_MAX];
  float levels[SEGMENTS_MAX];
  uint16_t table[TABLE]; // where to begin for the upper bits of a value
} segments;

static void add_segment(segments *all, float end, double level) {
  all->ends[all->count] = end;
  all->levels[all->count++] = (float)level;
}

// Surviving ties at +threshold stand after the hole, so the hole ends before them; ties at
// -threshold stand before it already.
static void add_hole(const bd_result *result, const bd_index *index, segments *all) {
  bd_hole hole = result->hole;
  if (hole.from == hole.to) return;
  float end = index->values[hole.to - 1];
  if (hole.to < result->count && index->values[hole.to] == end) end = nextafterf(end, -INFINITY);
  add_segment(all, end, 0);
}

static void fill_segments(const bd_result *result, const bd_index *index, segments *all) {
  int cell = 0;
  all->count = 0;
  for (; cell < result->cell_count && result->cells[cell].to <= result->hole.from; cell++)
    add_segment(all, index->values[result->cells[cell].to - 1],
                result->levels[result->cells[cell].level]);
  add_hole(result, index, all);
  for (; cell < result->cell_count; cell++)
    add_segment(all, index->values[result->cells[cell].to - 1],
                result->levels[result->cells[cell].level]);
}

// The upper bits of a float, in the order of the floats.
static uint32_t table_place(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return bits >> (32 - TABLE_BITS);
}

static void fill_table(segments *all) {
  uint32_t place = 0;
  for (int segment = 0; segment < all->count; segment++)
    for (uint32_t last = table_place(all->ends[segment]); place <= last; place++)
      all->table[place] = (uint16_t)segment;
  for (; place < TABLE; place++)
    all->table[place] = (uint16_t)(all->count - 1);
}

static float level_in(const segments *all, float weight) {
  int segment = all->table[table_place(weight)];
  while (segment + 1 < all->count && weight > all->ends[segment])
    segment++;
  return all->levels[segment];
}

// --- apply --------------------------------------------------------------------------------------

// Ties at the threshold that are still to be pruned, by index.
typedef struct tie_count {
  float threshold;
  size_t positive, negative;
} tie_count;

static bool prune_tie(tie_count *ties, float weight) {
  size_t *left = weight == ties->threshold    ? &ties->positive
                 : weight == -ties->threshold ? &ties->negative
                                              : NULL;
  if (!left || *left == 0) return false;
  --*left;
  return true;
}

static tie_count ties_of(const bd_hole *hole) {
  return (tie_count){(float)hole->threshold, hole->positive_ties, hole->negative_ties};
}

static void apply_levels(const bd_result *result, const segments *all, const float *weights,
                         float *out) {
  tie_count ties = ties_of(&result->hole);
  for (size_t i = 0; i < result->count; i++)
    out[i] = prune_tie(&ties, weights[i]) ? 0 : level_in(all, weights[i]);
}

static void apply_float(const bd_result *result, const float *weights, float *out) {
  tie_count ties = ties_of(&result->hole);
  for (size_t i = 0; i < result->count; i++) {
    bool pruned = fabsf(weights[i]) < ties.threshold || prune_tie(&ties, weights[i]);
    out[i] = pruned ? 0 : weights[i];
  }
}

void bd_result_apply(const bd_result *result, const bd_index *index, const float *weights,
                     float *out) {
  if (result->setting.bits == BD_BITS_FLOAT) {
    apply_float(result, weights, out);
    return;
  }
  segments all;
  fill_segments(result, index, &all);
  fill_table(&all);
  apply_levels(result, &all, weights, out);
}

double bd_result_level_of(const bd_result *result, const bd_index *index, double weight) {
  if (result->setting.bits == BD_BITS_FLOAT)
    return fabs(weight) < result->hole.threshold ? 0 : weight;
  segments all;
  fill_segments(result, index, &all);
  int segment = 0;
  while (segment + 1 < all.count && weight > (double)all.ends[segment])
    segment++;
  return (double)all.levels[segment];
}

void bd_result_histogram(const bd_result *result, double low, double high, int bins,
                         size_t *counts) {
  int level = 0;
  while (level < result->level_count && result->levels[level] < low)
    level++;
  for (int bin = 0; bin < bins; bin++) {
    bool last = bin + 1 == bins;
    double end = last ? high : low + (high - low) * (bin + 1) / bins;
    counts[bin] = 0;
    for (; level < result->level_count; level++) {
      double value = result->levels[level];
      if (last ? value > end : value >= end) break;
      counts[bin] += result->occupancy[level];
    }
  }
}
