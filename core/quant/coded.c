#include "core/quant/coded.h"

#include "core/quant/segments.h"

#include <stdlib.h>
#include <string.h>

static bd_status reserve(bd_coded *coded, size_t levels, bd_error *err) {
  coded->codes = malloc((coded->count + 1) * sizeof *coded->codes);
  coded->books = calloc(coded->parts.count + 1, sizeof *coded->books);
  coded->levels = malloc((levels + 1) * sizeof *coded->levels);
  if (coded->codes && coded->books && coded->levels) return BD_OK;
  return bd_fail_memory(err, "the codes of a layer");
}

static size_t count_levels(const bd_result *result) {
  size_t count = result->part ? 0 : (size_t)result->level_count;
  for (size_t part = 0; result->part && part < result->parts.count; part++)
    count += result->part[part].level_count;
  return count;
}

static void fill_parts(const bd_result *result, bd_coded *coded) {
  double *levels = coded->levels;
  for (size_t i = 0; i < result->parts.count; i++) {
    const bd_part *part = &result->part[i];
    double own[BD_SEGMENTS_MAX];
    int count = bd_segments_levels(part->segments, part->segment_count, own);
    memcpy(levels, own, (size_t)count * sizeof *own);
    coded->books[i] = (bd_book){levels, count, part->step, part->zero_point};
    levels += count;
  }
}

static void fill_books(const bd_result *result, bd_coded *coded) {
  if (result->part) {
    fill_parts(result, coded);
    return;
  }
  memcpy(coded->levels, result->levels, (size_t)result->level_count * sizeof *coded->levels);
  coded->books[0] = (bd_book){coded->levels, result->level_count, result->step, result->zero_point};
}

// Values are levels as floats.
static uint16_t code_of(const bd_book *book, float value) {
  int low = 0, high = book->count - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if ((float)book->levels[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return (uint16_t)low;
}

static void fill_codes(const float *values, bd_coded *coded) {
  for (size_t part = 0; part < coded->parts.count; part++) {
    size_t size = bd_parts_size(&coded->parts, part);
    for (size_t from = 0; from < size;) {
      bd_stretch stretch = bd_parts_stretch(&coded->parts, part, from);
      for (size_t i = stretch.place; i < stretch.place + stretch.count; i++)
        coded->codes[i] = code_of(&coded->books[part], values[i]);
      from += stretch.count;
    }
  }
}

static bd_status fill(const bd_result *result, const bd_index *index, const float *weights,
                      bd_coded *coded, bd_error *err) {
  BD_TRY(reserve(coded, count_levels(result), err));
  fill_books(result, coded);
  float *values = malloc((coded->count + 1) * sizeof *values);
  if (!values) return bd_fail_memory(err, "the quantized weights of a layer");
  bd_result_apply(result, index, weights, values);
  fill_codes(values, coded);
  free(values);
  return BD_OK;
}

bd_status bd_coded_of(const bd_result *result, const bd_index *index, const float *weights,
                      bd_axes axes, bd_coded **out, bd_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) return bd_fail_memory(err, "the codes of a layer");
  (*out)->setting = result->setting;
  (*out)->count = result->count;
  (*out)->parts = result->part ? result->parts : bd_parts_of(axes, 0);
  bd_status status = fill(result, index, weights, *out, err);
  if (status != BD_OK) {
    bd_coded_free(*out);
    *out = NULL;
  }
  return status;
}

bd_coded *bd_coded_share(bd_coded *coded) {
  if (coded) atomic_fetch_add(&coded->shares, 1);
  return coded;
}

void bd_coded_free(bd_coded *coded) {
  if (!coded || atomic_fetch_sub(&coded->shares, 1) > 0) return;
  free(coded->codes);
  free(coded->books);
  free(coded->levels);
  free(coded->scale);
  free(coded->shift);
  free(coded);
}

size_t bd_coded_levels(const bd_coded *coded) {
  size_t count = 0;
  for (size_t part = 0; part < coded->parts.count; part++)
    count += (size_t)coded->books[part].count;
  return count;
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
