// What is done with a result: quantized weights, histograms.
#include "core/quant/index_private.h"
#include "core/quant/segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bd_result_free(bd_result *result) {
  if (!result) return;
  free(result->levels);
  free(result->occupancy);
  free(result->cells);
  for (size_t block = 0; block < result->block_count; block++)
    free(result->blocks[block]);
  free(result->blocks);
  free(result->part);
  free(result->trace.swarm);
  free(result->trace.lloyd);
  free(result->approach);
  free(result);
}

// --- one part -----------------------------------------------------------------------------------

enum { TABLE_BITS = 14, TABLE = 1 << TABLE_BITS };

typedef struct lookup {
  bd_segment segments[BD_SEGMENTS_MAX];
  int count;
  uint16_t table[TABLE]; // where to begin for the upper bits of a value
} lookup;

// The upper bits of a float, in the order of the floats.
static uint32_t table_place(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return bits >> (32 - TABLE_BITS);
}

static void fill_table(lookup *all) {
  uint32_t place = 0;
  for (int segment = 0; segment < all->count; segment++)
    for (uint32_t last = table_place(all->segments[segment].end); place <= last; place++)
      all->table[place] = (uint16_t)segment;
  for (; place < TABLE; place++)
    all->table[place] = (uint16_t)(all->count - 1);
}

static float level_in(const lookup *all, float weight) {
  int segment = all->table[table_place(weight)];
  while (segment + 1 < all->count && weight > all->segments[segment].end)
    segment++;
  return all->segments[segment].level;
}

static void apply_levels(const bd_result *result, const bd_index *index, const bd_ties *ties,
                         const float *weights, float *out) {
  lookup all;
  all.count = bd_segments_of(result, index, all.segments);
  fill_table(&all);
  for (size_t i = 0; i < result->count; i++)
    out[i] = bd_tie_pruned(ties, weights[i], i) ? 0 : level_in(&all, weights[i]);
}

// --- many, or none ------------------------------------------------------------------------------

static void apply_part(const bd_result *result, size_t number, const bd_ties *ties,
                       const float *weights, float *out) {
  const bd_part *part = &result->part[number];
  size_t size = bd_parts_size(&result->parts, number);
  for (size_t from = 0; from < size;) {
    bd_stretch stretch = bd_parts_stretch(&result->parts, number, from);
    for (size_t i = stretch.place; i < stretch.place + stretch.count; i++)
      out[i] = bd_tie_pruned(ties, weights[i], i)
                   ? 0
                   : bd_segments_level(part->segments, part->segment_count, weights[i]);
    from += stretch.count;
  }
}

static void apply_float(const bd_result *result, const bd_ties *ties, const float *weights,
                        float *out) {
  for (size_t i = 0; i < result->count; i++) {
    bool pruned = fabsf(weights[i]) < ties->threshold || bd_tie_pruned(ties, weights[i], i);
    out[i] = pruned ? 0 : weights[i];
  }
}

void bd_result_apply(const bd_result *result, const bd_index *index, const float *weights,
                     float *out) {
  bd_ties ties = bd_ties_of(&result->hole, weights, result->count);
  if (result->setting.bits == BD_BITS_FLOAT)
    apply_float(result, &ties, weights, out);
  else if (!result->part)
    apply_levels(result, index, &ties, weights, out);
  for (size_t number = 0; result->part && number < result->parts.count; number++)
    apply_part(result, number, &ties, weights, out);
}

double bd_result_level_of(const bd_result *result, const bd_index *index, double weight) {
  if (result->setting.bits == BD_BITS_FLOAT)
    return fabs(weight) < result->hole.threshold ? 0 : weight;
  bd_segment segments[BD_SEGMENTS_MAX];
  int count = bd_segments_of(result, index, segments);
  return (double)bd_segments_level(segments, count, (float)weight);
}
