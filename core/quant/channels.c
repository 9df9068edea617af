#include "core/quant/channels.h"

#include "core/quant/index_private.h"
#include "core/quant/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct measuring {
  const bd_index *index;
  bd_setting setting;
  const bd_cancel *cancel;
  const float *weights;
  bd_channels *out;
} measuring;

static double decibel(double energy, double sse) {
  return sse > 0 ? 10 * log10(energy / sse) : (double)INFINITY;
}

// --- ranges -------------------------------------------------------------------------------------

// Sums over one channel; `values` are what its weights are quantized to.
typedef struct sums {
  double sum, square, sse, low, high;
  size_t outliers;
} sums;

typedef void visit(sums *to, const float *weights, const float *values, size_t count);

// All weights of a channel, stretch by stretch.
static void over_channel(const bd_axes *axes, size_t channel, const float *weights,
                         const float *values, visit *each, sums *to) {
  for (size_t o = 0; o < axes->outer; o++) {
    size_t place = (o * axes->channels + channel) * axes->inner;
    each(to, weights + place, values + place, axes->inner);
  }
}

static void add_weights(sums *to, const float *weights, const float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double weight = (double)weights[i], off = weight - (double)values[i];
    to->low = fmin(to->low, weight);
    to->high = fmax(to->high, weight);
    to->sum += weight;
    to->square += weight * weight;
    to->sse += off * off;
  }
}

// low and high are the fence.
static void count_outliers(sums *to, const float *weights, const float *values, size_t count) {
  (void)values;
  for (size_t i = 0; i < count; i++)
    to->outliers += (double)weights[i] < to->low || (double)weights[i] > to->high;
}

static void measure_channel(const measuring *of, size_t number, const float *values) {
  const bd_axes *axes = &of->index->reread.axes;
  bd_channel *channel = &of->out->channels[number];
  sums all = {.low = INFINITY, .high = -INFINITY}, fence = {0};
  over_channel(axes, number, of->weights, values, add_weights, &all);
  double count = (double)(axes->outer * axes->inner), mean = all.sum / count;
  double reach = BD_OUTLIER * sqrt(fmax(all.square / count - mean * mean, 0));
  fence.low = mean - reach;
  fence.high = mean + reach;
  if (reach > 0) over_channel(axes, number, of->weights, values, count_outliers, &fence);
  *channel = (bd_channel){.min = (float)all.low,
                          .max = (float)all.high,
                          .rms = (float)sqrt(all.square / count),
                          .outliers = (uint32_t)fence.outliers,
                          .shared_db = (float)decibel(all.square, all.sse)};
  channel->own_db = channel->shared_db;
}

// --- levels -------------------------------------------------------------------------------------

static bd_status quantize(const measuring *of, bd_granularity granularity, bd_result **out,
                          bd_error *err) {
  bd_setting setting = of->setting;
  setting.granularity = granularity;
  return bd_quantize(of->index, &setting, bd_effort_for(&setting), of->cancel, out, err);
}

static bd_status measure_shared(const measuring *of, bd_error *err) {
  bd_result *result;
  size_t count = of->index->stats.count;
  BD_TRY(quantize(of, BD_TENSOR, &result, err));
  of->out->shared_db = of->out->own_db = result->sqnr_db;
  of->out->shared_bytes = of->out->own_bytes = result->bytes;
  float *values = bd_scratch_alloc(count, sizeof *values);
  if (values) bd_result_apply(result, of->index, of->weights, values);
  for (size_t i = 0; values && i < of->out->count && !bd_cancelled(of->cancel); i++)
    measure_channel(of, i, values);
  bd_result_free(result);
  bool done = values;
  free(values);
  if (bd_cancelled(of->cancel)) return bd_fail(err, BD_CANCELLED, "measuring was cancelled");
  return done ? BD_OK : bd_fail_memory(err, "the channels of a layer");
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
    of->out->channels[i].own_db = (float)decibel((double)part->energy, sse);
  }
  bd_result_free(result);
  return BD_OK;
}

static bd_status measure(measuring *of, bd_error *err) {
  of->out = calloc(1, sizeof *of->out);
  if (!of->out) return bd_fail_memory(err, "the channels of a layer");
  of->out->count = of->index->reread.axes.channels;
  of->out->channels = calloc(of->out->count, sizeof *of->out->channels);
  if (!of->out->channels) return bd_fail_memory(err, "the channels of a layer");
  BD_TRY(measure_shared(of, err));
  return measure_own(of, err);
}

bd_status bd_channels_measure(const bd_index *index, const bd_setting *setting,
                              const bd_cancel *cancel, bd_channels **out, bd_error *err) {
  const bd_reread *source = &index->reread;
  *out = NULL;
  if (!source->read || source->axes.channels == 0)
    return bd_fail(err, BD_INVALID, "the weights in stored order are not at hand");
  measuring of = {.index = index, .setting = *setting, .cancel = cancel};
  float *owned = NULL;
  BD_TRY(source->read(source, &of.weights, &owned, err));
  bd_status status = measure(&of, err);
  free(owned);
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
