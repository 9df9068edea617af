#include "core/quant/quantize.h"

#include "core/quant/split.h"
#include "core/quant/work.h"

#include <math.h>
#include <stdlib.h>

bool bd_work_zero_level(const bd_work *work) {
  return work->setting->zero == BD_CODE && work->survivors.gap > 0;
}

static bd_status run_method(const bd_work *work, bd_error *err) {
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

bd_status bd_work_run(const bd_index *index, const bd_hole *hole, const bd_setting *setting,
                      bd_effort effort, const bd_watch *watch, const bd_cancel *cancel,
                      bd_result **out, bd_error *err) {
  bd_result *result = calloc(1, sizeof *result);
  if (!result) return bd_fail_memory(err, "a result");
  result->setting = *setting;
  result->count = index->stats.count;
  result->parts = bd_parts_of((bd_axes){1, 1, result->count}, 0);
  result->hole = *hole;
  bd_work work = {.survivors = bd_survivors_of(index, *hole, true),
                  .setting = &result->setting,
                  .effort = effort,
                  .watch = watch,
                  .cancel = cancel,
                  .result = result};
  bd_status status = run_method(&work, err);
  if (status == BD_OK)
    *out = result;
  else
    bd_result_free(result);
  return status;
}

// Does the setting give parts levels of their own?
static bool is_split(const bd_setting *setting) {
  return setting->granularity != BD_TENSOR && setting->bits != BD_BITS_FLOAT;
}

static bd_status quantize(const bd_index *index, const bd_setting *asked, bd_effort effort,
                          const bd_watch *watch, const bd_cancel *cancel, bd_result **out,
                          bd_error *err) {
  *out = NULL;
  BD_TRY(bd_setting_check(asked, err));
  bd_setting setting = *asked;
  if (setting.scale == BD_POW2) setting.grid = BD_SIGNED;
  bd_hole hole = bd_index_hole(index, setting.prune);
  bool split = is_split(&setting);
  if (split && !index->reread.read)
    return bd_fail(err, BD_INVALID,
                   "granularity needs the weights in stored order: use granularity tensor");
  if (split && bd_split_parts(index->reread.axes, &setting).count > 1)
    return bd_split_quantize(index, &hole, &setting, effort, watch && watch->pair, cancel, out,
                             err);
  return bd_work_run(index, &hole, &setting, effort, watch, cancel, out, err);
}

bd_status bd_quantize(const bd_index *index, const bd_setting *setting, bd_effort effort,
                      const bd_cancel *cancel, bd_result **out, bd_error *err) {
  return quantize(index, setting, effort, NULL, cancel, out, err);
}

bd_status bd_quantize_watched(const bd_index *index, const bd_setting *setting, bd_effort effort,
                              const bd_watch *watch, const bd_cancel *cancel, bd_result **out,
                              bd_error *err) {
  return quantize(index, setting, effort, watch, cancel, out, err);
}
