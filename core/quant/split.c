// Parts are worked on in blocks; what a block needs of memory is given back after each part, and
// only segments and a few figures stay.
#include "core/quant/split.h"

#include "core/quant/index_private.h"
#include "core/quant/memory.h"
#include "core/quant/segments.h"
#include "core/quant/work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_WEIGHTS = 1 << 14, LEVELS_MOST = BD_LEVELS_MAX + 1 };

// Sums over the parts of a block, in their order.
typedef struct totals {
  double sse_prune, sse_cluster, sse_map, bound, bits, max_error;
  int merged, most_levels;
  bool proved, clustered;
  size_t codes[LEVELS_MOST], masked; // weights of each place among the levels; of a bitmap
} totals;

typedef struct split {
  const bd_index *index;
  const float *weights;
  bd_ties ties;
  const bd_setting *setting;
  bd_effort effort;
  const bd_cancel *cancel;
  bd_result *result;
  size_t block_parts;
} split;

bd_parts bd_split_parts(bd_axes axes, const bd_setting *setting) {
  if (setting->granularity == BD_TENSOR) return bd_parts_of(axes, 0);
  size_t channel = axes.outer * axes.inner;
  return bd_parts_of(axes, setting->granularity == BD_CHANNEL ? channel : setting->group);
}

// --- one part -----------------------------------------------------------------------------------

// The part's weights side by side, and how many ties among them are pruned.
static void gather(const split *all, size_t part, float *values, size_t *positive,
                   size_t *negative) {
  const bd_parts *parts = &all->result->parts;
  size_t size = bd_parts_size(parts, part);
  *positive = *negative = 0;
  for (size_t from = 0; from < size;) {
    bd_stretch stretch = bd_parts_stretch(parts, part, from);
    const float *weights = all->weights + stretch.place;
    memcpy(values + from, weights, stretch.count * sizeof *values);
    for (size_t i = 0; all->ties.threshold > 0 && i < stretch.count; i++) {
      bool pruned = bd_tie_pruned(&all->ties, weights[i], stretch.place + i);
      *positive += pruned && weights[i] > 0;
      *negative += pruned && weights[i] < 0;
    }
    from += stretch.count;
  }
}

static void add_codes(const bd_result *one, totals *sums) {
  size_t gap = one->hole.to - one->hole.from;
  size_t masked = one->setting.zero == BD_MASK ? gap : 0;
  for (int i = 0; i < one->level_count; i++)
    sums->codes[i] += one->occupancy[i] - (one->levels[i] == 0 ? masked : 0);
  sums->masked += masked;
}

static void add_part(const bd_result *one, totals *sums) {
  sums->sse_prune += one->sse_prune;
  sums->sse_cluster += one->sse_cluster;
  sums->sse_map += one->sse_map;
  sums->bound += one->cluster_bound;
  sums->bits += round(one->bits_per_weight * (double)one->count);
  sums->max_error = fmax(sums->max_error, one->max_error);
  sums->merged += one->merged;
  sums->proved = sums->proved && one->proved;
  sums->clustered = !isnan(one->optimum_ratio);
  if (one->level_count > sums->most_levels) sums->most_levels = one->level_count;
  add_codes(one, sums);
}

// segments: room for BD_SEGMENTS_MAX. Returns how many were used.
static int keep_part(const bd_result *one, const bd_index *index, bd_part *part,
                     bd_segment *segments) {
  int count = bd_segments_of(one, index, segments);
  *part = (bd_part){.step = one->step,
                    .zero_point = one->zero_point,
                    .energy = (float)index->stats.energy,
                    .sse_prune = (float)one->sse_prune,
                    .sse_cluster = (float)one->sse_cluster,
                    .sse_map = (float)one->sse_map,
                    .segment_count = (uint16_t)count,
                    .level_count = (uint16_t)one->level_count,
                    .proved = one->proved};
  return count;
}

static bd_status run_part(const split *all, size_t number, float *values, totals *sums,
                          bd_segment *segments, int *used, bd_error *err) {
  bd_result *result = all->result, *one = NULL;
  bd_index *index;
  size_t positive, negative;
  gather(all, number, values, &positive, &negative);
  BD_TRY(bd_index_new(values, bd_parts_size(&result->parts, number), all->index->round, all->cancel,
                      &index, err));
  bd_hole hole = bd_index_hole_at(index, (double)all->ties.threshold, positive, negative);
  bd_status status =
      bd_work_run(index, &hole, all->setting, all->effort, NULL, all->cancel, &one, err);
  if (status == BD_OK) {
    *used = keep_part(one, index, &result->part[number], segments);
    add_part(one, sums);
  }
  bd_result_free(one);
  bd_index_free(index);
  return status;
}

// --- a block of parts ---------------------------------------------------------------------------

static size_t block_end(const split *all, size_t block) {
  size_t end = (block + 1) * all->block_parts, count = all->result->parts.count;
  return end < count ? end : count;
}

// Segments of the block's parts one after the other, then cut to size.
static bd_status keep_segments(const split *all, size_t block, bd_segment *segments, size_t used,
                               bd_error *err) {
  bd_segment *kept = malloc((used + 1) * sizeof *kept);
  if (!kept) return bd_fail_memory(err, "the levels of a layer's parts");
  memcpy(kept, segments, used * sizeof *kept);
  all->result->blocks[block] = kept;
  for (size_t number = block * all->block_parts; number < block_end(all, block); number++) {
    all->result->part[number].segments = kept;
    kept += all->result->part[number].segment_count;
  }
  return BD_OK;
}

static bd_status run_block(const split *all, size_t block, float *values, bd_segment *segments,
                           totals *sums, bd_error *err) {
  size_t used = 0;
  *sums = (totals){.proved = true};
  for (size_t number = block * all->block_parts; number < block_end(all, block); number++) {
    int count;
    BD_TRY(run_part(all, number, values, sums, segments + used, &count, err));
    used += (size_t)count;
  }
  return keep_segments(all, block, segments, used, err);
}

static void add_totals(totals *sums, const totals *more) {
  sums->sse_prune += more->sse_prune;
  sums->sse_cluster += more->sse_cluster;
  sums->sse_map += more->sse_map;
  sums->bound += more->bound;
  sums->bits += more->bits;
  sums->max_error = fmax(sums->max_error, more->max_error);
  sums->merged += more->merged;
  sums->proved = sums->proved && more->proved;
  sums->clustered = more->clustered;
  if (more->most_levels > sums->most_levels) sums->most_levels = more->most_levels;
  for (int i = 0; i < LEVELS_MOST; i++)
    sums->codes[i] += more->codes[i];
  sums->masked += more->masked;
}

static bd_status run_blocks(const split *all, totals *sums, bd_error *err) {
  const bd_parts *parts = &all->result->parts;
  size_t largest = bd_parts_size(parts, 0); // the first of a channel is no shorter than the others
  size_t most = largest < BD_LEVELS_MAX ? largest + 3 : BD_SEGMENTS_MAX;
  float *values = bd_scratch_alloc(largest, sizeof *values);
  bd_segment *segments = malloc((all->block_parts * most + BD_SEGMENTS_MAX) * sizeof *segments);
  bd_status status = values && segments ? BD_OK : bd_fail_memory(err, "the parts of a layer");
  *sums = (totals){.proved = true};
  for (size_t block = 0; status == BD_OK && block < all->result->block_count; block++) {
    totals own;
    status = run_block(all, block, values, segments, &own, err);
    if (status == BD_OK) add_totals(sums, &own);
  }
  free(values);
  free(segments);
  return status;
}

// --- the whole ----------------------------------------------------------------------------------

static void take_totals(const bd_index *index, const totals *sums, bd_result *result) {
  result->most_levels = sums->most_levels;
  result->merged = sums->merged;
  result->sse_prune = sums->sse_prune;
  result->sse_cluster = sums->sse_cluster;
  result->sse_map = sums->sse_map;
  result->max_error = sums->max_error;
  result->proved = sums->proved;
  result->cluster_bound = sums->bound;
  result->optimum_ratio =
      sums->clustered ? bd_optimum_ratio(sums->sse_cluster, sums->bound) : (double)NAN;
  bd_measure_sums(index, sums->bits, sums->codes, LEVELS_MOST, sums->masked, result);
}

static bd_status run_split(split *all, bd_error *err) {
  bd_result *result = all->result;
  size_t size = bd_parts_size(&result->parts, 0), parts = result->parts.count;
  all->block_parts = size < BLOCK_WEIGHTS ? BLOCK_WEIGHTS / size : 1;
  size_t blocks = parts / all->block_parts + (parts % all->block_parts != 0);
  result->part = calloc(parts, sizeof *result->part);
  result->blocks = calloc(blocks, sizeof *result->blocks);
  if (!result->part || !result->blocks) return bd_fail_memory(err, "the parts of a layer");
  result->block_count = blocks;
  totals sums;
  BD_TRY(run_blocks(all, &sums, err));
  take_totals(all->index, &sums, result);
  return BD_OK;
}

bd_status bd_split_quantize(const bd_index *index, const bd_hole *hole, const bd_setting *setting,
                            bd_effort effort, const bd_cancel *cancel, bd_result **out,
                            bd_error *err) {
  const bd_reread *source = &index->reread;
  split all = {.index = index, .setting = setting, .effort = effort, .cancel = cancel};
  float *owned = NULL;
  BD_TRY(source->read(source, &all.weights, &owned, err));
  all.result = calloc(1, sizeof *all.result);
  bd_status status = all.result ? BD_OK : bd_fail_memory(err, "a result");
  if (status == BD_OK) {
    *all.result = (bd_result){.setting = *setting,
                              .count = index->stats.count,
                              .hole = *hole,
                              .parts = bd_split_parts(source->axes, setting)};
    all.ties = bd_ties_of(hole, all.weights, index->stats.count);
    status = run_split(&all, err);
  }
  free(owned);
  if (status == BD_OK)
    *out = all.result;
  else
    bd_result_free(all.result);
  return status;
}
