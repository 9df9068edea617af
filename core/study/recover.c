#include "core/study/recover.h"

#include "core/study/eval.h"
#include "core/study/repairer.h"

#include <stdlib.h>
#include <string.h>

const bd_choice bd_recoveries[BD_RECOVERY_COUNT] = {
    {"none", "quantized as it is"},
    {"match", "a scale and a shift for each output channel restore its mean and deviation"},
    {"reconstruct", "prune, fit and round each layer anew against the float network's outputs"},
};

int bd_recovery_find(const char *name) {
  for (int i = 0; i < BD_RECOVERY_COUNT; i++)
    if (strcmp(bd_recoveries[i].name, name) == 0) return i;
  return -1;
}

bd_status bd_recover(const bd_model *model, const bd_layer_study *studies,
                     const bd_data *calibration, bd_recovery how, const bd_recover_options *options,
                     const bd_cancel *cancel, bd_progress progress, void *arg, bd_repair **out,
                     bd_error *err) {
  bd_repairer *repairer;
  *out = NULL;
  BD_TRY(bd_repairer_new(model, calibration, options, cancel, &repairer, err));
  bd_status status = bd_repairer_run(repairer, studies, how, cancel, progress, arg, out, err);
  bd_repairer_free(repairer);
  return status;
}

bd_status bd_repair_set(bd_swap *swap, const bd_model *model, int layer,
                        const bd_layer_study *study, const bd_repair *repair, bd_error *err) {
  const bd_coded *coded = repair ? repair->layers[layer].coded : NULL;
  return bd_repair_set_coded(swap, model, layer, study, coded, err);
}

bd_status bd_repair_set_coded(bd_swap *swap, const bd_model *model, int layer,
                              const bd_layer_study *study, const bd_coded *coded, bd_error *err) {
  if (!study->result) return BD_OK;
  if (!coded) return bd_eval_set(swap, model, layer, study->index, study->result, err);
  float *values = malloc((coded->count + 1) * sizeof *values);
  if (!values) return bd_fail_memory(err, "repaired weights");
  bd_coded_values(coded, values);
  bd_status status = bd_swap_set(swap, layer, values, err);
  free(values);
  return status == BD_OK ? bd_swap_shift(swap, layer, coded->shift, err) : status;
}

bd_status bd_repair_share(const bd_repair *repair, bd_repair **out, bd_error *err) {
  bd_repair *shared = *out = malloc(sizeof *shared);
  if (!shared) return bd_fail_memory(err, "the repair");
  *shared = *repair;
  shared->layers = calloc((size_t)repair->count + 1, sizeof *shared->layers);
  if (!shared->layers) {
    free(shared);
    *out = NULL;
    return bd_fail_memory(err, "the repair");
  }
  for (int i = 0; i < repair->count; i++) {
    shared->layers[i] = repair->layers[i];
    shared->layers[i].coded = bd_coded_share(repair->layers[i].coded);
    shared->layers[i].why = NULL;
  }
  return BD_OK;
}

void bd_repair_free(bd_repair *repair) {
  if (!repair) return;
  for (int i = 0; repair->layers && i < repair->count; i++) {
    bd_coded_free(repair->layers[i].coded);
    free(repair->layers[i].why);
  }
  free(repair->layers);
  free(repair);
}
