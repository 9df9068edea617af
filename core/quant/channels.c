#include "core/quant/channels.h"

#include "core/quant/index_private.h"
#include "core/quant/segments.h"

#include <math.h>
#include <stdlib.h>

enum { TILE = 1 << 15 }; // weights read at once

// Sums over one channel's weights, and the fence beyond which one is an outlier.
typedef struct sums {
  double sum, square, sse, low, high, fence_low, fence_high;
  size_t outliers;
} sums;

typedef struct measuring {
  const bd_index *index;
  bd_setting setting;
  const bd_cancel *cancel;
  bd_channels *out;
  sums *sums; // one a channel
  // The setting with levels that all channels share.
  const bd_result *shared;
  bd_segment segments[BD_SEGMENTS_MAX];
  int segment_count;
  size_t positive_ties, negative_ties; // at the prune threshold, still to be pruned
} measuring;

// --- ranges -------------------------------------------------------------------------------------

// Weights of one channel that stand side by side.
typedef void visit(measuring *of, sums *to, const float *weights, size_t count);

static void visit_tile(measuring *of, visit *each, const float *weights, size_t first,
                       size_t count) {
  const bd_axes *axes = &of->index->reread.axes;
  for (size_t i = 0; i < count;) {
    size_t place = first + i, left = axes->inner - place % axes->inner;
    size_t run = left < count - i ? left : count - i;
    each(of, &of->sums[bd_axes_channel(axes, place)], weights + i, run);
    i += run;
  }
}

// All weights in stored order.
static bd_status over_weights(measuring *of, visit *each, bd_error *err) {
  const bd_reread *reread = &of->index->reread;
  size_t all = of->index->stats.count;
  float *weights = malloc(TILE * sizeof *weights);
  bd_status status = weights ? BD_OK : bd_fail_memory(err, "the channels of a layer");
  for (size_t first = 0; first < all && status == BD_OK; first += TILE) {
    size_t count = all - first < TILE ? all - first : TILE;
    status = bd_cancelled(of->cancel) ? bd_fail(err, BD_CANCELLED, "measuring was cancelled")
                                      : reread->read(reread, first, count, weights, err);
    if (status == BD_OK) visit_tile(of, each, weights, first, count);
  }
  free(weights);
  return status;
}

static bool prune_tie(measuring *of, float weight) {
  float threshold = (float)of->shared->hole.threshold;
  size_t *left = weight == threshold    ? &of->positive_ties
                 : weight == -threshold ? &of->negative_ties
                                        : NULL;
  if (!left || *left == 0) return false;
  --*left;
  return true;
}

static double quantized(measuring *of, float weight) {
  if (prune_tie(of, weight)) return 0;
  if (of->setting.bits == BD_BITS_FLOAT)
    return fabs((double)weight) < of->shared->hole.threshold ? 0 : (double)weight;
  return (double)bd_segments_level(of->segments, of->segment_count, weight);
}

static void add_weights(measuring *of, sums *to, const float *weights, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double weight = (double)weights[i], off = weight - quantized(of, weights[i]);
    to->low = fmin(to->low, weight);
    to->high = fmax(to->high, weight);
    to->sum += weight;
    to->square += weight * weight;
    to->sse += off * off;
  }
}

static void count_outliers(measuring *of, sums *to, const float *weights, size_t count) {
  (void)of;
  for (size_t i = 0; i < count; i++)
    to->outliers += (double)weights[i] < to->fence_low || (double)weights[i] > to->fence_high;
}

static void set_fence(sums *to, double count) {
  double mean = to->sum / count;
  double reach = BD_OUTLIER * sqrt(fmax(to->square / count - mean * mean, 0));
  bool spread = reach > 1e-7 * fabs(mean); // else rounding alone tells them apart
  to->fence_low = spread ? mean - reach : -INFINITY;
  to->fence_high = spread ? mean + reach : INFINITY;
}

static bd_status measure_ranges(measuring *of, bd_error *err) {
  const bd_axes *axes = &of->index->reread.axes;
  double count = (double)(axes->outer * axes->inner);
  for (size_t i = 0; i < of->out->count; i++)
    of->sums[i] = (sums){.low = INFINITY, .high = -INFINITY};
  BD_TRY(over_weights(of, add_weights, err));
  for (size_t i = 0; i < of->out->count; i++)
    set_fence(&of->sums[i], count);
  BD_TRY(over_weights(of, count_outliers, err));
  for (size_t i = 0; i < of->out->count; i++) {
    const sums *one = &of->sums[i];
    float db = (float)bd_sqnr_db(one->square, one->sse);
    of->out->channels[i] = (bd_channel){.min = (float)one->low,
                                        .max = (float)one->high,
                                        .rms = (float)sqrt(one->square / count),
                                        .outliers = (uint32_t)one->outliers,
                                        .shared_db = db,
                                        .own_db = db};
  }
  return BD_OK;
}

// --- levels -------------------------------------------------------------------------------------

static bd_status quantize(const measuring *of, bd_granularity granularity, bd_result **out,
                          bd_error *err) {
  bd_setting setting = of->setting;
  setting.granularity = granularity;
  return bd_quantize(of->index, &setting, bd_effort_for(&setting), of->cancel, out, err);
}

static bd_status measure_shared(measuring *of, bd_error *err) {
  bd_result *result;
  BD_TRY(quantize(of, BD_TENSOR, &result, err));
  of->out->shared_db = of->out->own_db = result->sqnr_db;
  of->out->shared_bytes = of->out->own_bytes = result->bytes;
  of->shared = result;
  of->positive_ties = result->hole.positive_ties;
  of->negative_ties = result->hole.negative_ties;
  if (of->setting.bits != BD_BITS_FLOAT)
    of->segment_count = bd_segments_of(result, of->index, of->segments);
  bd_status status = measure_ranges(of, err);
  bd_result_free(result);
  return status;
}

// One channel, and weights that stay float, have no other levels of their own.
static bd_status measure_own(const measuring *of, bd_error *err) {
  bd_result *result;
  if (of->setting.bits == BD_BITS_FLOAT || of->out->count == 1) return BD_OK;
  BD_TRY(quantize(of, BD_CHANNEL, &result, err));
  of->out->own_db = result->sqnr_db;
  of->out->own_bytes = result->bytes;
  for (size_t i = 0; i < of->out->count; i++) {
    const bd_part *part = &result->part[i];
    double sse = (double)part->sse_prune + (double)part->sse_cluster + (double)part->sse_map;
    of->out->channels[i].own_db = (float)bd_sqnr_db((double)part->energy, sse);
  }
  bd_result_free(result);
  return BD_OK;
}

static bd_status measure(measuring *of, bd_error *err) {
  size_t count = of->index->reread.axes.channels;
  of->out = calloc(1, sizeof *of->out);
  if (!of->out) return bd_fail_memory(err, "the channels of a layer");
  of->out->count = count;
  of->out->channels = calloc(count, sizeof *of->out->channels);
  of->sums = calloc(count, sizeof *of->sums);
  if (!of->out->channels || !of->sums) return bd_fail_memory(err, "the channels of a layer");
  BD_TRY(measure_shared(of, err));
  return measure_own(of, err);
}

bd_status bd_channels_measure(const bd_index *index, const bd_setting *setting,
                              const bd_cancel *cancel, bd_channels **out, bd_error *err) {
  *out = NULL;
  if (!index->reread.read || index->reread.axes.channels == 0)
    return bd_fail(err, BD_INVALID, "the weights in stored order are not at hand");
  measuring of = {.index = index, .setting = *setting, .cancel = cancel};
  bd_status status = measure(&of, err);
  free(of.sums);
  if (status == BD_OK)
    *out = of.out;
  else
    bd_channels_free(of.out);
  return status;
}

void bd_channels_free(bd_channels *channels) {
  if (!channels) return;
  free(channels->channels);
  free(channels);
}
