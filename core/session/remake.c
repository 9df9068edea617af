#include "core/session/remake.h"

#include "core/base/memory.h"

#include <stdint.h>
#include <stdlib.h>

// What of a layer is in the swap.
typedef struct put_layer {
  bool done;
  bd_setting setting;
  bd_coded *coded; // NULL: it is not repaired
} put_layer;

struct bd_remake {
  const bd_model *model;
  int count, threads;
  const bd_cancel *cancel;
  bd_swap *swap;
  bd_layer_study *studies; // indexes are borrowed
  put_layer *put;
  const bd_data *calibration;
  bd_repairer *repairer; // on them; NULL until the first repair
};

bd_status bd_remake_new(const bd_model *model, const bd_engine *engine, int threads,
                        const bd_cancel *cancel, bd_remake **out, bd_error *err) {
  bd_remake *r = *out = calloc(1, sizeof **out);
  if (!r) return bd_fail_memory(err, "the accuracy");
  *r = (bd_remake){.model = model, .threads = threads, .cancel = cancel};
  r->count = bd_model_layer_count(model);
  r->studies = calloc((size_t)r->count + 1, sizeof *r->studies);
  r->put = calloc((size_t)r->count + 1, sizeof *r->put);
  bd_status status = r->studies && r->put ? bd_swap_new(engine, &r->swap, err)
                                          : bd_fail_memory(err, "the accuracy");
  if (status == BD_OK) return BD_OK;
  bd_remake_free(r);
  *out = NULL;
  return status;
}

void bd_remake_free(bd_remake *remake) {
  if (!remake) return;
  for (int i = 0; remake->studies && i < remake->count; i++)
    bd_result_free(remake->studies[i].result);
  for (int i = 0; remake->put && i < remake->count; i++)
    bd_coded_free(remake->put[i].coded);
  bd_repairer_free(remake->repairer);
  bd_swap_free(remake->swap);
  free(remake->studies);
  free(remake->put);
  free(remake);
}

const bd_swap *bd_remake_swap(const bd_remake *remake) {
  return remake->swap;
}

void bd_remake_calibrate(bd_remake *remake, const bd_data *calibration) {
  bd_repairer_free(remake->repairer);
  remake->repairer = NULL;
  remake->calibration = calibration;
}

static bd_status quantize(bd_remake *r, int layer, const bd_wish *wish, bd_error *err) {
  bd_layer_study *study = &r->studies[layer];
  bd_result *result;
  if (!wish->index) return BD_OK;
  if (study->result && bd_setting_equal(&study->result->setting, &wish->setting)) return BD_OK;
  BD_TRY(bd_quantize(wish->index, &wish->setting, bd_effort_for(&wish->setting), r->cancel, &result,
                     err));
  bd_result_free(study->result);
  study->result = result;
  study->index = (bd_index *)(uintptr_t)wish->index;
  return BD_OK;
}

bd_status bd_remake_quantize(bd_remake *remake, const bd_wish *wishes, bd_error *err) {
  for (int i = 0; i < remake->count; i++)
    BD_TRY(quantize(remake, i, &wishes[i], err));
  return BD_OK;
}

bd_status bd_remake_repair(bd_remake *remake, bd_recovery how, bd_progress progress, void *arg,
                           bd_repair **out, bd_error *err) {
  size_t left = bd_memory_left();
  bd_recover_options options = {remake->threads, left == SIZE_MAX ? 0 : left / 4};
  *out = NULL;
  if (how == BD_RECOVER_NONE) {
    bd_remake_calibrate(remake, remake->calibration);
    return BD_OK;
  }
  if (!remake->repairer)
    BD_TRY(bd_repairer_new(remake->model, remake->calibration, &options, remake->cancel,
                           &remake->repairer, err));
  return bd_repairer_run(remake->repairer, remake->studies, how, remake->cancel, progress, arg, out,
                         err);
}

static bd_status put_one(bd_remake *r, int layer, const bd_repair *repair, bd_error *err) {
  const bd_layer_study *study = &r->studies[layer];
  put_layer *put = &r->put[layer];
  bd_coded *coded = repair ? repair->layers[layer].coded : NULL;
  if (!study->result) return BD_OK;
  bool same = put->done && put->coded == coded;
  if (same && (coded || bd_setting_equal(&put->setting, &study->result->setting))) return BD_OK;
  put->done = false; // until all of it is in
  BD_TRY(bd_repair_set(r->swap, r->model, layer, study, repair, err));
  if (put->coded && !coded) BD_TRY(bd_swap_shift(r->swap, layer, NULL, err));
  bd_coded_free(put->coded);
  *put = (put_layer){true, study->result->setting, bd_coded_share(coded)};
  return BD_OK;
}

bd_status bd_remake_put(bd_remake *remake, const bd_repair *repair, bd_error *err) {
  for (int i = 0; i < remake->count; i++)
    BD_TRY(put_one(remake, i, repair, err));
  return BD_OK;
}

bool bd_remake_layer(const bd_remake *remake, int layer, bd_remade *out) {
  *out = (bd_remade){&remake->studies[layer], remake->put[layer].coded};
  return remake->put[layer].done;
}
