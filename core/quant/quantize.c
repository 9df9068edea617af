#include "core/quant/quantize.h"

#include "core/quant/work.h"

#include <math.h>
#include <stdlib.h>

bool bd_work_zero_level(const bd_work *work) {
  return work->setting->zero == BD_CODE && work->survivors.gap > 0;
}

static bd_status run(const bd_work *work, bd_error *err) {
  bd_result *result = work->result;
  result->optimum_ratio = NAN; // unless a clustering decides
  if (bd_cancelled(work->cancel)) return bd_fail(err, BD_CANCELLED, "quantizing was cancelled");
  if (work->setting->bits == BD_BITS_FLOAT) {
    bd_measure_float(&work->survivors, result);
    return BD_OK;
  }
  const bd_method_row *method = bd_method_of(work->setting->method);
  bd_runs runs;
  BD_TRY(method->run(work, &runs, err));
  return bd_measure(&work->survivors, &runs, method->split, result, err);
}

bd_status bd_quantize(const bd_index *index, const bd_setting *setting, bd_effort effort,
                      const bd_cancel *cancel, bd_result **out, bd_error *err) {
  *out = NULL;
  BD_TRY(bd_setting_check(setting, err));
  bd_result *result = calloc(1, sizeof *result);
  if (!result) return bd_fail_memory(err, "a result");
  result->setting = *setting;
  if (setting->scale == BD_POW2) result->setting.grid = BD_SIGNED;
  result->count = index->stats.count;
  result->hole = bd_index_hole(index, setting->prune);
  bd_work work = {.survivors = bd_survivors_of(index, result->hole),
                  .setting = &result->setting,
                  .effort = effort,
                  .cancel = cancel,
                  .result = result};
  bd_status status = run(&work, err);
  if (status == BD_OK)
    *out = result;
  else
    bd_result_free(result);
  return status;
}
