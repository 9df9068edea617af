#include "core/study/mend.h"

#include "core/study/matching.h"

#include <stdlib.h>
#include <string.h>

bd_axes bd_mending_axes(const bd_mending *layer) {
  const bd_linear *linear = layer->linear;
  if (linear->channels == 0) return (bd_axes){1, 1, layer->count};
  return (bd_axes){(size_t)linear->outer, (size_t)linear->channels, (size_t)linear->inner};
}

// Can the codes' own axes hold a scale for each output channel?
static bool takes_scale(const bd_mending *layer, const bd_coded *coded) {
  bd_axes own = coded->parts.axes, wanted = bd_mending_axes(layer);
  return layer->linear->channels && own.outer == wanted.outer && own.channels == wanted.channels &&
         own.inner == wanted.inner;
}

static void match_group(const bd_mending *layer, int64_t group, const double *weights,
                        const double *wanted, const double *given, bd_coded *coded) {
  const bd_linear *linear = layer->linear;
  bool pow2 = layer->setting->scale == BD_POW2;
  for (int64_t o = 0; o < linear->out; o++) {
    int64_t channel = group * linear->out + o;
    double scale = coded->scale ? bd_match_scale(wanted[o], given[o], pow2) : 1;
    double bias = bd_linear_bias(linear, layer->engine, channel);
    if (coded->scale) coded->scale[channel] = scale;
    coded->shift[channel] = bd_match_shift(layer->rows, group, o, weights, scale, bias);
  }
}

// The quantized weights of a block, out × in, without a scale.
static void take_values(const bd_mending *layer, const bd_coded *coded, int64_t group,
                        double *out) {
  const bd_linear *linear = layer->linear;
  for (int64_t o = 0; o < linear->out; o++)
    for (int64_t j = 0; j < linear->in; j++) {
      size_t place = (size_t)bd_linear_place(linear, group, o, j);
      const bd_book *book = &coded->books[bd_parts_find(&coded->parts, place)];
      *out++ = book->levels[coded->codes[place]];
    }
}

bd_status bd_mend_match(const bd_mending *layer, bd_coded *coded, bd_error *err) {
  const bd_linear *linear = layer->linear;
  size_t channels = (size_t)(linear->groups * linear->out);
  double *values = malloc(((size_t)(linear->out * linear->in) + 1) * sizeof *values);
  double *both = malloc(((size_t)linear->out * 2 + 1) * sizeof *both);
  coded->shift = calloc(channels + 1, sizeof *coded->shift);
  bool scales = takes_scale(layer, coded);
  if (scales) coded->scale = calloc(channels + 1, sizeof *coded->scale);
  bool fine = values && both && coded->shift && (coded->scale || !scales);
  bd_status status = fine ? BD_OK : bd_fail_memory(err, "the repair of a layer");
  for (int64_t group = 0; group < linear->groups && status == BD_OK; group++) {
    take_values(layer, coded, group, values);
    status = bd_match_deviations(layer->rows, group, values, both, both + linear->out, err);
    if (status == BD_OK) match_group(layer, group, values, both, both + linear->out, coded);
    if (bd_cancelled(layer->cancel)) status = BD_CANCELLED;
  }
  free(values);
  free(both);
  return status;
}
