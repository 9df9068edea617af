#include "core/base/file.h"
#include "core/study/recover.h"

#include <math.h>
#include <stdlib.h>

static bd_status apply_result(const bd_model *model, int layer, const bd_layer_study *study,
                              float *values, bd_error *err) {
  bd_weights weights;
  BD_TRY(bd_model_weights(model, layer, &weights, err));
  bd_result_apply(study->result, study->index, weights.data, values);
  bd_weights_free(&weights);
  return BD_OK;
}

static bd_status apply_layer(const bd_model *model, int layer, const bd_layer_study *study,
                             const bd_recovered *repaired, bd_replacement *out, bd_error *err) {
  const bd_coded *coded = repaired ? repaired->coded : NULL;
  float *values = malloc((study->result->count + 1) * sizeof *values);
  *out = (bd_replacement){.layer = layer, .values = values};
  if (!values) return bd_fail_memory(err, bd_model_layer(model, layer)->tensor);
  if (!coded) return apply_result(model, layer, study, values, err);
  bd_coded_values(coded, values);
  out->shift = coded->shift;
  out->channels = repaired->channels;
  return BD_OK;
}

static double entropy_of(const bd_coded *coded) {
  size_t counts[BD_LEVELS_MAX + 1] = {0};
  double bits = 0, all = (double)coded->count;
  for (size_t i = 0; i < coded->count; i++)
    counts[coded->codes[i]]++;
  for (int code = 0; code <= BD_LEVELS_MAX; code++)
    if (counts[code]) bits -= (double)counts[code] / all * log2((double)counts[code] / all);
  return bits;
}

static void measure(const bd_coded *coded, const float *weights, int64_t channels,
                    bd_result *result) {
  double energy = 0, scales = coded->scale ? 4.0 * (double)channels : 0;
  result->sse = result->sse_prune = result->max_error = 0;
  result->hole.pruned = 0;
  for (size_t i = 0; i < coded->count; i++) {
    double weight = (double)weights[i], value = bd_coded_value(coded, i);
    energy += weight * weight;
    result->sse += (weight - value) * (weight - value);
    result->max_error = fmax(result->max_error, fabs(weight - value));
    if (value != 0) continue;
    result->hole.pruned++;
    result->sse_prune += weight * weight;
  }
  result->sse_cluster = result->sse_map = result->optimum_ratio = NAN;
  result->proved = false;
  result->sqnr_db = bd_sqnr_db(energy, result->sse);
  result->bytes += scales;
  result->bits_per_weight += 8 * scales / (double)coded->count;
  result->entropy_bits = entropy_of(coded);
}

bd_status bd_repair_measure(const bd_repair *repair, const bd_model *model, bd_layer_study *studies,
                            bd_error *err) {
  for (int i = 0; i < repair->count; i++) {
    const bd_recovered *layer = &repair->layers[i];
    bd_weights weights;
    if (!layer->coded) continue;
    BD_TRY(bd_model_weights(model, i, &weights, err));
    measure(layer->coded, weights.data, layer->channels, studies[i].result);
    bd_weights_free(&weights);
  }
  return BD_OK;
}

// A layer that keeps float and every weight is written as it was stored.
static bool changes(const bd_result *result) {
  return result && (result->most_levels > 0 || result->hole.pruned > 0);
}

bd_status bd_study_save(const bd_model *model, const bd_layer_study *studies,
                        const bd_repair *repair, const char *path, bd_error *err) {
  if (bd_file_same(path, bd_model_about(model)->file))
    return bd_fail(err, BD_INVALID, "%s: is the float model itself: choose another name", path);
  int count = bd_model_layer_count(model), used = 0;
  bd_replacement *list = calloc((size_t)count + 1, sizeof *list);
  if (!list) return bd_fail_memory(err, path);
  bd_status status = BD_OK;
  for (int i = 0; i < count && status == BD_OK; i++)
    if (changes(studies[i].result))
      status = apply_layer(model, i, &studies[i], repair ? &repair->layers[i] : NULL, &list[used++],
                           err);
  if (status == BD_OK) status = bd_model_save(model, list, used, path, err);
  for (int i = 0; i < used; i++)
    free((void *)(uintptr_t)list[i].values);
  free(list);
  return status;
}
