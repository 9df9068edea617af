// Parts are worked on tile by tile: as many whole channels as are read at once, or a piece of a
// long one. What a part needs of memory is given back after it; only segments and a few figures
// stay.
#include "core/quant/split.h"

#include "core/base/pair.h"
#include "core/quant/index_private.h"
#include "core/quant/memory.h"
#include "core/quant/optimum.h"
#include "core/quant/segments.h"
#include "core/quant/work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  TILE_WEIGHTS = 1 << 16, // about
  RUN_WEIGHTS = 128,      // to read at once at least
  LEVELS_MOST = BD_LEVELS_MAX + 1
};

// Sums over the parts, in their order.
typedef struct totals {
  double sse_prune, sse_cluster, sse_map, weighted_sse, cluster_fit, bound, bits, max_error;
  int merged, most_levels;
  bool proved;
  size_t codes[LEVELS_MOST], masked; // weights of each place among the levels; of a bitmap
} totals;

// How a tensor is cut into tiles.
typedef struct tiling {
  size_t channels;     // of a tile
  size_t parts;        // of a channel in a tile
  size_t per_channel;  // tiles, where those hold less than a channel; else 1
  size_t count;        // of all tiles
  size_t part_weights; // the most
} tiling;

typedef struct split {
  const bd_index *index;
  bd_ties ties;
  const bd_setting *setting;
  bd_effort effort;
  bool pair; // a second thread may take half of the tiles
  const bd_cancel *cancel;
  bd_result *result;
  tiling tiling;
} split;

bd_parts bd_split_parts(bd_axes axes, const bd_setting *setting) {
  if (setting->granularity == BD_TENSOR) return bd_parts_of(axes, 0);
  size_t channel = axes.outer * axes.inner;
  return bd_parts_of(axes, setting->granularity == BD_CHANNEL ? channel : setting->group);
}

// --- tiles --------------------------------------------------------------------------------------

static size_t over(size_t a, size_t b) {
  return a / b + (a % b != 0);
}

static tiling tiling_of(const bd_parts *parts) {
  const bd_axes *axes = &parts->axes;
  size_t weights = axes->outer * axes->inner, parts_of_channel = parts->count / axes->channels;
  size_t largest = bd_parts_size(parts, 0); // the first of a channel is no shorter than the others
  tiling out = {.channels = 1, .parts = parts_of_channel, .per_channel = 1};
  out.part_weights = largest;
  if (axes->outer == 1 && weights > TILE_WEIGHTS) {
    out.parts = largest < TILE_WEIGHTS ? TILE_WEIGHTS / largest : 1;
    out.per_channel = over(parts_of_channel, out.parts);
  } else {
    size_t least = over(RUN_WEIGHTS, axes->inner), most = TILE_WEIGHTS / weights;
    size_t wanted = least > most ? least : most;
    out.channels = wanted < axes->channels ? wanted : axes->channels;
  }
  out.count = over(axes->channels, out.channels) * out.per_channel;
  return out;
}

// One tile: parts [first, end), and their weights channel by channel.
typedef struct tile {
  size_t first, end;
  size_t channel, channels;
  size_t from, to; // weights of each channel
  float *values;
} tile;

static tile tile_at(const split *all, size_t number, float *values) {
  const tiling *plan = &all->tiling;
  const bd_parts *parts = &all->result->parts;
  size_t of_channel = parts->count / parts->axes.channels;
  tile one = {.channel = number / plan->per_channel * plan->channels, .values = values};
  size_t left = parts->axes.channels - one.channel;
  one.channels = left < plan->channels ? left : plan->channels;
  size_t first = number % plan->per_channel * plan->parts;
  size_t count = of_channel - first < plan->parts ? of_channel - first : plan->parts;
  one.first = one.channel * of_channel + first;
  one.end = one.first + (one.channels - 1) * of_channel + count;
  size_t weights = parts->axes.outer * parts->axes.inner;
  one.from = first * plan->part_weights;
  one.to = first + count < of_channel ? one.from + count * plan->part_weights : weights;
  return one;
}

// Of one tile, and of the row that is read at once where channels do not lie side by side.
static size_t tile_weights(const split *all) {
  const bd_axes *axes = &all->result->parts.axes;
  const tiling *plan = &all->tiling;
  size_t channel = axes->outer * axes->inner, piece = plan->parts * plan->part_weights;
  size_t row = axes->outer > 1 ? plan->channels * axes->inner : 0;
  return plan->channels * (piece < channel ? piece : channel) + row;
}

static bd_status read_rows(const split *all, const tile *one, bd_error *err) {
  const bd_reread *reread = &all->index->reread;
  const bd_axes *axes = &reread->axes;
  size_t inner = axes->inner, weights = axes->outer * inner;
  float *row = one->values + one->channels * weights;
  for (size_t outer = 0; outer < axes->outer; outer++) {
    size_t first = (outer * axes->channels + one->channel) * inner;
    BD_TRY(reread->read(reread, first, one->channels * inner, row, err));
    for (size_t channel = 0; channel < one->channels; channel++)
      memcpy(one->values + channel * weights + outer * inner, row + channel * inner,
             inner * sizeof *row);
  }
  return BD_OK;
}

static bd_status read_tile(const split *all, const tile *one, bd_error *err) {
  const bd_reread *reread = &all->index->reread;
  if (reread->axes.outer > 1) return read_rows(all, one, err);
  size_t first = one->channel * reread->axes.inner + one->from;
  return reread->read(reread, first, one->channels * (one->to - one->from), one->values, err);
}

// --- ties at the prune threshold ----------------------------------------------------------------

// The place after tie number `wanted`, of all of this value.
static bd_status find_tie(const split *all, double value, size_t wanted, size_t *place,
                          bd_error *err) {
  const bd_index *index = all->index;
  const bd_reread *reread = &index->reread;
  size_t count = index->stats.count;
  *place = count;
  if (wanted == bd_index_through(index, value) - bd_index_before(index, value)) return BD_OK;
  float *some = malloc(TILE_WEIGHTS * sizeof *some);
  bd_status status = some ? BD_OK : bd_fail_memory(err, "the weights at the prune threshold");
  for (*place = 0; status == BD_OK && wanted > 0 && *place < count;) {
    size_t piece = count - *place < TILE_WEIGHTS ? count - *place : TILE_WEIGHTS;
    status = bd_cancelled(all->cancel) ? bd_fail(err, BD_CANCELLED, "quantizing was cancelled")
                                       : reread->read(reread, *place, piece, some, err);
    if (status == BD_OK) *place += bd_tie_place(some, piece, (float)value, &wanted);
  }
  free(some);
  return status;
}

static bd_status find_ties(split *all, bd_error *err) {
  const bd_hole *hole = &all->result->hole;
  double threshold = hole->threshold;
  all->ties = (bd_ties){.threshold = (float)threshold};
  if (threshold == 0) return BD_OK;
  BD_TRY(find_tie(all, threshold, hole->positive_ties, &all->ties.positive_end, err));
  return find_tie(all, -threshold, hole->negative_ties, &all->ties.negative_end, err);
}

// How many ties of the part are pruned.
static void count_ties(const split *all, size_t part, const float *values, size_t size,
                       size_t *positive, size_t *negative) {
  float threshold = all->ties.threshold;
  *positive = *negative = 0;
  for (size_t i = 0; threshold > 0 && i < size; i++) {
    if (fabsf(values[i]) != threshold) continue;
    size_t place = bd_parts_stretch(&all->result->parts, part, i).place;
    bool pruned = bd_tie_pruned(&all->ties, values[i], place);
    *positive += pruned && values[i] > 0;
    *negative += pruned && values[i] < 0;
  }
}

// --- one part -----------------------------------------------------------------------------------

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
  sums->weighted_sse += one->weighted_sse;
  sums->cluster_fit += one->cluster_fit;
  sums->bound += one->cluster_bound;
  sums->bits += round(one->bits_per_weight * (double)one->count);
  sums->max_error = fmax(sums->max_error, one->max_error);
  sums->merged += one->merged;
  sums->proved = sums->proved && one->proved;
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

static const float *values_of(const split *all, const tile *one, size_t part) {
  const bd_parts *parts = &all->result->parts;
  size_t of_channel = parts->count / parts->axes.channels;
  size_t channel = part / of_channel - one->channel;
  size_t from = part % of_channel * all->tiling.part_weights;
  return one->values + channel * (one->to - one->from) + (from - one->from);
}

static bd_status index_part(const split *all, size_t number, const float *values, size_t size,
                            bd_index **out, bd_error *err) {
  const float *importance = all->index->reread.importance;
  bd_rounding round = all->index->round;
  if (!importance) return bd_index_new(values, size, round, all->cancel, out, err);
  float *own = malloc(size * sizeof *own);
  if (!own) return bd_fail_memory(err, "the importance of a layer's parts");
  double sum = 0;
  for (size_t i = 0; i < size; i++)
    sum += (double)(own[i] = importance[bd_parts_stretch(&all->result->parts, number, i).place]);
  bd_status status = sum > 0
                         ? bd_index_new_weighted(values, own, size, round, all->cancel, out, err)
                         : bd_index_new(values, size, round, all->cancel, out, err);
  free(own);
  return status;
}

// None of the part's weights has importance: it was clustered as if all had the same, and adds
// nothing to what is weighed.
static void leave_unweighted(bd_result *one) {
  one->weighted_sse = one->cluster_fit = one->cluster_bound = 0;
}

// A swarm that starts at a proved optimum (init `pso`) stays there; for thousands of parts, whose
// steps nobody sees, it would only take its time.
static bd_setting setting_of_part(const split *all, size_t size) {
  bd_setting setting = *all->setting;
  bool proved = bd_optimum_at_once(size, (1 << setting.bits) - 1);
  if (setting.init == BD_PSO && proved) setting.init = BD_OPTIMAL;
  return setting;
}

static bd_status run_part(const split *all, const tile *from, size_t number, totals *sums,
                          bd_segment *segments, int *used, bd_error *err) {
  bd_result *result = all->result, *one = NULL;
  bd_index *index;
  const float *values = values_of(all, from, number);
  size_t size = bd_parts_size(&result->parts, number), positive, negative;
  count_ties(all, number, values, size, &positive, &negative);
  bd_setting setting = setting_of_part(all, size);
  BD_TRY(index_part(all, number, values, size, &index, err));
  bd_hole hole = bd_index_hole_at(index, (double)all->ties.threshold, positive, negative);
  bd_status status = bd_work_run(index, &hole, &setting, all->effort, NULL, all->cancel, &one, err);
  if (status == BD_OK) {
    if (all->index->reread.importance && !index->importance) leave_unweighted(one);
    *used = keep_part(one, index, &result->part[number], segments);
    add_part(one, sums);
  }
  bd_result_free(one);
  bd_index_free(index);
  return status;
}

// --- a tile of parts ----------------------------------------------------------------------------

// Segments of the tile's parts one after the other, cut to size.
static bd_status keep_segments(const split *all, size_t number, const tile *one,
                               const bd_segment *segments, size_t used, bd_error *err) {
  bd_segment *kept = malloc((used + 1) * sizeof *kept);
  if (!kept) return bd_fail_memory(err, "the levels of a layer's parts");
  memcpy(kept, segments, used * sizeof *kept);
  all->result->blocks[number] = kept;
  for (size_t part = one->first; part < one->end; part++) {
    all->result->part[part].segments = kept;
    kept += all->result->part[part].segment_count;
  }
  return BD_OK;
}

static bd_status run_tile(const split *all, size_t number, const tile *one, totals *sums,
                          bd_error *err) {
  size_t parts = one->end - one->first, used = 0, most = all->tiling.part_weights + 3;
  if (most > BD_SEGMENTS_MAX) most = BD_SEGMENTS_MAX;
  bd_segment *segments = malloc((parts * most + BD_SEGMENTS_MAX) * sizeof *segments);
  bd_status status =
      segments ? read_tile(all, one, err) : bd_fail_memory(err, "the levels of a layer's parts");
  for (size_t part = one->first; status == BD_OK && part < one->end; part++) {
    int count = 0;
    status = run_part(all, one, part, sums, segments + used, &count, err);
    used += (size_t)count;
  }
  if (status == BD_OK) status = keep_segments(all, number, one, segments, used, err);
  free(segments);
  return status;
}

static bd_status run_tiles(const split *all, size_t from, size_t to, totals *sums, bd_error *err) {
  float *values = bd_scratch_alloc(tile_weights(all), sizeof *values);
  bd_status status = values ? BD_OK : bd_fail_memory(err, "the parts of a layer");
  *sums = (totals){.proved = true};
  for (size_t number = from; status == BD_OK && number < to; number++) {
    tile one = tile_at(all, number, values);
    status = run_tile(all, number, &one, sums, err);
  }
  free(values);
  return status;
}

// The tiles in two halves, whether one thread works on them or two: sums are the same then.
typedef struct halves {
  const split *all;
  totals left, right;
  bd_status left_status, right_status;
  bd_error left_error, right_error;
} halves;

static void run_left(void *arg) {
  halves *both = arg;
  size_t middle = both->all->tiling.count / 2;
  both->left_status = run_tiles(both->all, 0, middle, &both->left, &both->left_error);
}

static void run_right(void *arg) {
  halves *both = arg;
  size_t count = both->all->tiling.count;
  both->right_status = run_tiles(both->all, count / 2, count, &both->right, &both->right_error);
}

static void add_totals(const totals *from, totals *to) {
  to->sse_prune += from->sse_prune;
  to->sse_cluster += from->sse_cluster;
  to->sse_map += from->sse_map;
  to->weighted_sse += from->weighted_sse;
  to->cluster_fit += from->cluster_fit;
  to->bound += from->bound;
  to->bits += from->bits;
  to->max_error = fmax(to->max_error, from->max_error);
  to->merged += from->merged;
  to->proved = to->proved && from->proved;
  if (from->most_levels > to->most_levels) to->most_levels = from->most_levels;
  for (int i = 0; i < LEVELS_MOST; i++)
    to->codes[i] += from->codes[i];
  to->masked += from->masked;
}

static bd_status run_halves(const split *all, totals *sums, bd_error *err) {
  halves both = {.all = all};
  bd_pair_run(all->pair && all->tiling.count > 1, run_right, run_left, &both);
  if (both.left_status != BD_OK) return *err = both.left_error, both.left_status;
  if (both.right_status != BD_OK) return *err = both.right_error, both.right_status;
  *sums = both.left;
  add_totals(&both.right, sums);
  return BD_OK;
}

// --- the whole ----------------------------------------------------------------------------------

static void take_totals(const bd_index *index, const totals *sums, bd_result *result) {
  result->most_levels = sums->most_levels;
  result->merged = sums->merged;
  result->sse_prune = sums->sse_prune;
  result->sse_cluster = sums->sse_cluster;
  result->sse_map = sums->sse_map;
  result->weighted_sse = sums->weighted_sse;
  result->cluster_fit = sums->cluster_fit;
  result->max_error = sums->max_error;
  result->proved = sums->proved;
  result->cluster_bound = sums->bound;
  result->optimum_ratio = bd_setting_clusters(&result->setting)
                              ? bd_optimum_ratio(sums->cluster_fit, sums->bound)
                              : (double)NAN;
  bd_measure_sums(index, sums->bits, sums->codes, LEVELS_MOST, sums->masked, result);
}

static bd_status run_split(split *all, bd_error *err) {
  bd_result *result = all->result;
  all->tiling = tiling_of(&result->parts);
  result->part = calloc(result->parts.count, sizeof *result->part);
  result->blocks = calloc(all->tiling.count, sizeof *result->blocks);
  if (!result->part || !result->blocks) return bd_fail_memory(err, "the parts of a layer");
  result->block_count = all->tiling.count;
  totals sums;
  BD_TRY(find_ties(all, err));
  BD_TRY(run_halves(all, &sums, err));
  take_totals(all->index, &sums, result);
  return BD_OK;
}

double bd_split_bytes(bd_axes axes, const bd_setting *setting) {
  if (setting->bits == BD_BITS_FLOAT) return 0;
  bd_parts parts = bd_split_parts(axes, setting);
  if (parts.count <= 1) return 0;
  double segments = (double)(1u << setting->bits) + 1; // the levels, and the pruned
  double weights = (double)axes.outer * (double)axes.inner;
  if (parts.group) weights = fmin(weights, (double)parts.group);
  return (double)parts.count *
         (sizeof(bd_part) + fmin(segments, weights) * (double)sizeof(bd_segment));
}

bd_status bd_split_quantize(const bd_index *index, const bd_hole *hole, const bd_setting *setting,
                            bd_effort effort, bool pair, const bd_cancel *cancel, bd_result **out,
                            bd_error *err) {
  split all = {
      .index = index, .setting = setting, .effort = effort, .pair = pair, .cancel = cancel};
  all.result = calloc(1, sizeof *all.result);
  if (!all.result) return bd_fail_memory(err, "a result");
  *all.result = (bd_result){.setting = *setting,
                            .count = index->stats.count,
                            .hole = *hole,
                            .parts = bd_split_parts(index->reread.axes, setting)};
  bd_status status = run_split(&all, err);
  if (status == BD_OK)
    *out = all.result;
  else
    bd_result_free(all.result);
  return status;
}
