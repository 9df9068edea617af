#include "core/export/tuned.h"

#include "core/study/recover.h"

#include <stdlib.h>
#include <string.h>

static bd_status keep_pruned(const bd_layer_study *study, const bd_weights *weights, float **out,
                             bd_error *err) {
  *out = malloc((weights->count + 1) * sizeof **out);
  if (!*out) return bd_fail_memory(err, "the pruned weights of a layer");
  bd_result_apply(study->result, study->index, weights->data, *out);
  return BD_OK;
}

// Its error is that of the repaired weights; each channel's scale costs 4 bytes.
static bd_status take_repaired(const bd_recovered *layer, const bd_weights *weights,
                               bd_tuned_layer *out) {
  out->coded = bd_coded_share(layer->coded);
  out->channels = layer->channels;
  if (out->coded->scale) out->bytes += 4 * (double)out->coded->parts.axes.channels;
  out->sse = 0;
  for (size_t i = 0; i < weights->count; i++) {
    double off = (double)weights->data[i] - bd_coded_value(out->coded, i);
    out->sse += off * off;
  }
  return BD_OK;
}

static bd_status take_codes(const bd_layer_study *study, const bd_recovered *repaired,
                            const bd_weights *weights, bd_axes axes, bd_tuned_layer *out,
                            bd_error *err) {
  if (repaired && repaired->coded) return take_repaired(repaired, weights, out);
  return bd_coded_of(study->result, study->index, weights->data, axes, &out->coded, err);
}

static bd_status take_layer(const bd_model *model, int number, const bd_layer_study *study,
                            const bd_recovered *repaired, bd_tuned_layer *out, bd_error *err) {
  const bd_layer *layer = bd_model_layer(model, number);
  const bd_result *result = study->result;
  out->refused = !result;
  out->bytes = result ? result->bytes : 0;
  if (!result) return BD_OK;
  out->energy = bd_index_stats(study->index)->energy;
  out->sse = result->sse;
  if (result->most_levels == 0 && result->hole.pruned == 0) return BD_OK;
  bd_weights weights;
  BD_TRY(bd_model_weights(model, number, &weights, err));
  bd_axes axes = bd_study_axes(layer);
  bd_status status = result->most_levels > 0 ? take_codes(study, repaired, &weights, axes, out, err)
                                             : keep_pruned(study, &weights, &out->pruned, err);
  bd_weights_free(&weights);
  return status;
}

bd_status bd_tuned_of(const bd_model *model, const bd_layer_study *studies, const bd_repair *repair,
                      bd_tuned *out, bd_error *err) {
  int count = bd_model_layer_count(model);
  *out = (bd_tuned){.model = model, .count = count};
  out->layers = calloc((size_t)count + 1, sizeof *out->layers);
  bd_status status = out->layers ? BD_OK : bd_fail_memory(err, "the tuned network");
  for (int i = 0; i < count && status == BD_OK; i++)
    status =
        take_layer(model, i, &studies[i], repair ? &repair->layers[i] : NULL, &out->layers[i], err);
  if (status != BD_OK) bd_tuned_free(out);
  return status;
}

void bd_tuned_free(bd_tuned *tuned) {
  for (int i = 0; tuned->layers && i < tuned->count; i++) {
    bd_coded_free(tuned->layers[i].coded);
    free(tuned->layers[i].pruned);
  }
  free(tuned->layers);
  *tuned = (bd_tuned){0};
}

bd_status bd_tuned_values(const bd_tuned *tuned, int number, float **out, bd_error *err) {
  const bd_tuned_layer *layer = &tuned->layers[number];
  const bd_layer *shown = bd_model_layer(tuned->model, number);
  *out = NULL;
  if (!layer->coded && !layer->pruned) return BD_OK;
  *out = malloc(((size_t)shown->weights + 1) * sizeof **out);
  if (!*out) return bd_fail_memory(err, shown->tensor);
  if (layer->coded)
    bd_coded_values(layer->coded, *out);
  else
    memcpy(*out, layer->pruned, (size_t)shown->weights * sizeof **out);
  return BD_OK;
}
