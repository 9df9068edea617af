#include "core/quant/coded.h"

#include <stdlib.h>
#include <string.h>

// --- parts --------------------------------------------------------------------------------------

static size_t groups_of_channel(const bd_parts *parts) {
  size_t weights = parts->axes.outer * parts->axes.inner;
  return parts->group == 0 ? 0 : (weights + parts->group - 1) / parts->group;
}

bd_parts bd_parts_of(bd_axes axes, size_t group) {
  bd_parts parts = {.axes = axes, .group = group, .count = 1};
  if (group > 0) parts.count = axes.channels * groups_of_channel(&parts);
  return parts;
}

size_t bd_axes_channel(const bd_axes *axes, size_t place) {
  return place / axes->inner % axes->channels;
}

size_t bd_parts_find(const bd_parts *parts, size_t place) {
  if (parts->group == 0) return 0;
  const bd_axes *axes = &parts->axes;
  size_t outer = place / (axes->inner * axes->channels), inner = place % axes->inner;
  size_t within = outer * axes->inner + inner;
  return bd_axes_channel(axes, place) * groups_of_channel(parts) + within / parts->group;
}

// --- codes --------------------------------------------------------------------------------------

static bd_status reserve(bd_coded *coded, size_t levels, bd_error *err) {
  coded->codes = malloc((coded->count + 1) * sizeof *coded->codes);
  coded->books = calloc(coded->parts.count + 1, sizeof *coded->books);
  coded->levels = malloc((levels + 1) * sizeof *coded->levels);
  if (coded->codes && coded->books && coded->levels) return BD_OK;
  return bd_fail_memory(err, "the codes of a layer");
}

static uint16_t code_of(const bd_book *book, double value) {
  int low = 0, high = book->count - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (book->levels[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return (uint16_t)low;
}

static bd_status fill(const bd_result *result, const bd_index *index, const float *weights,
                      bd_coded *coded, bd_error *err) {
  BD_TRY(reserve(coded, (size_t)result->level_count, err));
  memcpy(coded->levels, result->levels, (size_t)result->level_count * sizeof *coded->levels);
  coded->books[0] = (bd_book){.levels = coded->levels,
                              .count = result->level_count,
                              .step = result->step,
                              .zero_point = result->zero_point};
  float *values = malloc((coded->count + 1) * sizeof *values);
  if (!values) return bd_fail_memory(err, "the quantized weights of a layer");
  bd_result_apply(result, index, weights, values);
  for (size_t i = 0; i < coded->count; i++)
    coded->codes[i] = code_of(&coded->books[0], (double)values[i]);
  free(values);
  return BD_OK;
}

bd_status bd_coded_of(const bd_result *result, const bd_index *index, const float *weights,
                      bd_axes axes, bd_coded **out, bd_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) return bd_fail_memory(err, "the codes of a layer");
  (*out)->setting = result->setting;
  (*out)->count = result->count;
  (*out)->parts = bd_parts_of(axes, 0);
  bd_status status = fill(result, index, weights, *out, err);
  if (status != BD_OK) {
    bd_coded_free(*out);
    *out = NULL;
  }
  return status;
}

void bd_coded_free(bd_coded *coded) {
  if (!coded) return;
  free(coded->codes);
  free(coded->books);
  free(coded->levels);
  free(coded->scale);
  free(coded->shift);
  free(coded);
}

double bd_coded_value(const bd_coded *coded, size_t place) {
  const bd_book *book = &coded->books[bd_parts_find(&coded->parts, place)];
  double value = book->levels[coded->codes[place]];
  return coded->scale ? value * coded->scale[bd_axes_channel(&coded->parts.axes, place)] : value;
}

void bd_coded_values(const bd_coded *coded, float *out) {
  for (size_t i = 0; i < coded->count; i++)
    out[i] = (float)bd_coded_value(coded, i);
}
