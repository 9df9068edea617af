// From a model's layer to the index of its weights: what there is of them decides how.
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/model/dtype.h"
#include "core/quant/split.h"
#include "core/study/study.h"

#include <math.h>
#include <stdlib.h>

enum { WORDS = 1 << 16 }; // that 16 bits can be; and read at once

static double round_float16(double value) {
  return bd_dtype_round(BD_FLOAT16, value);
}
static double round_bfloat16(double value) {
  return bd_dtype_round(BD_BFLOAT16, value);
}
static double round_float64(double value) {
  return bd_dtype_round(BD_FLOAT64, value);
}

bd_rounding bd_study_rounding(bd_dtype type) {
  switch (type) {
  case BD_FLOAT16:
    return round_float16;
  case BD_BFLOAT16:
    return round_bfloat16;
  case BD_FLOAT64:
    return round_float64;
  case BD_FLOAT32:
    break;
  }
  return NULL;
}

// Without a channel axis all weights are one channel.
bd_axes bd_study_axes(const bd_layer *layer) {
  bd_axes axes = {1, 1, (size_t)layer->weights};
  if (layer->channel_axis < 0) return axes;
  axes.channels = (size_t)layer->shape[layer->channel_axis];
  axes.inner = 1;
  for (int axis = 0; axis < layer->channel_axis; axis++)
    axes.outer *= (size_t)layer->shape[axis];
  for (int axis = layer->channel_axis + 1; axis < layer->rank; axis++)
    axes.inner *= (size_t)layer->shape[axis];
  return axes;
}

static bd_status read_again(const bd_reread *self, size_t first, size_t count, float *out,
                            bd_error *err) {
  return bd_model_weights_some(self->from, self->number, first, count, out, err);
}

// --- 16 bits: a table of counts -----------------------------------------------------------------

static bool is_counted(const bd_model *model, int layer) {
  const bd_layer *about = bd_model_layer(model, layer);
  bool narrow = about->type == BD_FLOAT16 || about->type == BD_BFLOAT16;
  return narrow && about->weights >= WORDS && !bd_model_importance(model, layer);
}

static float value_of(bd_dtype type, uint16_t word) {
  float value;
  bd_dtype_to_float(type, &word, 1, &value);
  return value;
}

static bd_status refuse(bd_dtype type, const uint16_t *words, size_t first, size_t count,
                        bd_error *err) {
  size_t i = 0;
  while (isfinite(value_of(type, words[i])))
    i++;
  return bd_fail(err, BD_INVALID, "weight %zu of %zu is %s: only finite weights can be quantized",
                 first + i, count, isnan(value_of(type, words[i])) ? "NaN" : "infinite");
}

// counts[word]; words: room for as many as are read at once.
static bd_status count_words(const bd_model *model, int layer, const bd_cancel *cancel,
                             uint16_t *words, size_t *counts, bd_error *err) {
  const bd_layer *about = bd_model_layer(model, layer);
  uint16_t exponent = about->type == BD_FLOAT16 ? 0x7c00 : 0x7f80; // all ones: NaN, infinite
  size_t count = (size_t)about->weights;
  for (size_t first = 0; first < count; first += WORDS) {
    size_t piece = count - first < WORDS ? count - first : WORDS;
    bool finite = true;
    if (bd_cancelled(cancel)) return bd_fail(err, BD_CANCELLED, "indexing was cancelled");
    BD_TRY(bd_model_words(model, layer, first, piece, words, err));
    for (size_t i = 0; i < piece; i++) {
      counts[words[i]]++;
      finite &= (words[i] & exponent) != exponent;
    }
    if (!finite) return refuse(about->type, words, first, count, err);
  }
  return BD_OK;
}

// Moves the entries that occur to the front of counts: negative ones from the largest down, then
// positive ones, -0 as 0. Returns how many.
static size_t sort_counts(bd_dtype type, const size_t *counts, float *values, size_t *sorted) {
  size_t used = 0;
  for (unsigned i = 0; i < WORDS; i++) {
    uint16_t word = (uint16_t)(i < WORDS / 2 ? WORDS - 1 - i : i - WORDS / 2);
    size_t count = counts[word] + (word == 0 ? counts[WORDS / 2] : 0);
    if (count == 0 || word == WORDS / 2) continue;
    values[used] = value_of(type, word);
    sorted[used++] = count;
  }
  return used;
}

static bd_status index_counted(const bd_model *model, int layer, bd_rounding round,
                               const bd_cancel *cancel, bd_index **out, bd_error *err) {
  size_t *counts = calloc(2 * WORDS, sizeof *counts);
  float *values = malloc(WORDS * sizeof *values);
  uint16_t *words = malloc(WORDS * sizeof *words);
  bd_dtype type = bd_model_layer(model, layer)->type;
  bd_status status = counts && values && words ? BD_OK : bd_fail_memory(err, "a table of weights");
  if (status == BD_OK) status = count_words(model, layer, cancel, words, counts, err);
  if (status == BD_OK) {
    size_t entries = sort_counts(type, counts, values, counts + WORDS);
    status = bd_index_new_counted(values, counts + WORDS, entries, round, out, err);
  }
  free(counts);
  free(values);
  free(words);
  return status;
}

// --- any ----------------------------------------------------------------------------------------

static bd_status index_sorted(const bd_model *model, int layer, bd_rounding round,
                              const bd_cancel *cancel, bd_index **out, bd_error *err) {
  const float *importance = bd_model_importance(model, layer);
  bd_weights weights;
  BD_TRY(bd_model_weights_polled(model, layer, cancel, &weights, err));
  bd_status status =
      importance
          ? bd_index_new_weighted(weights.data, importance, weights.count, round, cancel, out, err)
          : bd_index_new(weights.data, weights.count, round, cancel, out, err);
  bd_weights_free(&weights);
  return status;
}

bd_status bd_study_index(const bd_model *model, int layer, const bd_cancel *cancel, bd_index **out,
                         bd_error *err) {
  *out = NULL;
  const bd_layer *about = bd_model_layer(model, layer);
  bd_rounding round = bd_study_rounding(about->type);
  bd_status status = (is_counted(model, layer) && !about->refused ? index_counted : index_sorted)(
      model, layer, round, cancel, out, err);
  if (status != BD_OK) return status;
  bd_reread reread = {.axes = bd_study_axes(about),
                      .read = read_again,
                      .importance = bd_model_importance(model, layer),
                      .from = model,
                      .number = layer};
  bd_index_set_reread(*out, &reread);
  return BD_OK;
}

// --- memory -------------------------------------------------------------------------------------

// What stays of a layer beside its stored weights, and what comes and goes while it is indexed:
// sorted weights with their sums, and the weights as they are read and a spare copy; with
// importance that of each, in both orders, and pairs to sort.
static double index_bytes(const bd_model *model, int layer, double *passing) {
  double weights = (double)bd_model_layer(model, layer)->weights;
  bool counted = is_counted(model, layer), weighted = bd_model_importance(model, layer);
  *passing = counted ? 32.0 * WORDS : weights * (weighted ? 20 : 8);
  return counted ? 64.0 * WORDS : weights * (weighted ? 15.2 : 5.4);
}

bd_status bd_study_fits(const bd_model *model, const bd_setting *settings, bd_error *err) {
  double needed = 0, largest = 0;
  bool apart = bd_model_about(model)->data_files > 0; // those are read each time
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    const bd_layer *layer = bd_model_layer(model, i);
    double passing;
    if (layer->refused) continue;
    needed += index_bytes(model, i, &passing);
    if (!apart) needed += (double)bd_dtype_size(layer->type) * (double)layer->weights;
    if (settings) needed += bd_split_bytes(bd_study_axes(layer), &settings[i]);
    largest = fmax(largest, passing);
  }
  needed += largest;
  double left = (double)bd_memory_left();
  char much[32], few[32];
  if (needed <= left) return BD_OK;
  return bd_fail(err, BD_FAILED,
                 "%s: takes about %s of memory, %s are left under the ceiling: raise --memory",
                 bd_model_about(model)->file, bd_text_bytes(much, sizeof much, needed),
                 bd_text_bytes(few, sizeof few, left));
}
