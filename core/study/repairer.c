#include "core/study/repairer.h"

#include "core/engine/parallel.h"
#include "core/study/bisect.h"
#include "core/study/eval.h"
#include "core/study/lockstep.h"
#include "core/study/mend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16000, ROWS_LEAST = 2048 };
static const int64_t ROOM = 1 << 25;         // numbers that the rows of one layer hold at most
static const size_t KEEP = (size_t)64 << 20; // bytes of float outputs

// A layer: how it can be seen, and what was made of it last.
typedef struct part {
  bd_linear linear;
  char *why; // NULL, or why it can never be repaired
  bool known;
  bd_setting setting; // as of the last run; bits BD_BITS_FLOAT: it was not touched
  bd_coded *coded;    // of that setting, behind what stands in front of it; NULL: to be made
  bool cheap;
} part;

struct bd_repairer {
  const bd_model *model;
  int count, threads;
  size_t memory;
  bd_engine *engine;
  bd_swap *swap;
  bd_lockstep *lockstep;
  bd_data *used; // the samples of the lockstep
  bd_eval *eval; // on them
  bd_rows rows;
  part *parts;
  int *order; // of the layers that can be repaired, as they run
  int can;
  bd_recovery how; // as of the last run
};

// One run.
typedef struct recovery {
  bd_repairer *own;
  const bd_layer_study *studies;
  const bd_cancel *cancel;
  bd_progress progress;
  void *arg;
  int done, total;
  int *wanted; // layers to repair, as they run
  int count;
  bd_repair *repair;
} recovery;

static bd_status keep_reason(char **why, const char *text, bd_error *err) {
  *why = strdup(text);
  return *why ? BD_OK : bd_fail_memory(err, "a message");
}

// --- which layers, in which order ----------------------------------------------------------------

static bd_status look_at(bd_repairer *own, int layer, bd_error *why) {
  bd_linear *linear = &own->parts[layer].linear;
  BD_TRY(bd_engine_linear(own->engine, layer, linear, why));
  if (bd_engine_channels(own->engine, layer) != linear->groups * linear->out)
    return bd_fail(why, BD_INVALID, "its users differ");
  return BD_OK;
}

static int step_of(const bd_repairer *own, int place) {
  return own->parts[own->order[place]].linear.step;
}

static bd_status find_order(bd_repairer *own, bd_error *err) {
  for (int i = 0; i < own->count; i++) {
    bd_error why = {""};
    if (bd_model_layer(own->model, i)->refused) continue;
    bd_status status = look_at(own, i, &why);
    if (status == BD_INVALID)
      BD_TRY(keep_reason(&own->parts[i].why, why.text, err));
    else if (status != BD_OK)
      return bd_fail(err, status, "%s", why.text);
    else
      own->order[own->can++] = i;
  }
  for (int i = 1; i < own->can; i++) // nearly in order
    for (int k = i; k > 0 && step_of(own, k) < step_of(own, k - 1); k--) {
      int swap = own->order[k];
      own->order[k] = own->order[k - 1];
      own->order[k - 1] = swap;
    }
  return BD_OK;
}

static bool is_untouched(const bd_result *result) {
  return !result || (result->setting.bits == BD_BITS_FLOAT && result->hole.pruned == 0);
}

static bd_status choose_layers(recovery *r, bd_error *err) {
  const bd_repairer *own = r->own;
  for (int i = 0; i < own->count; i++) {
    const bd_result *result = r->studies[i].result;
    if (!is_untouched(result) && own->parts[i].why)
      BD_TRY(keep_reason(&r->repair->layers[i].why, own->parts[i].why, err));
  }
  for (int i = 0; i < own->can; i++) {
    const bd_result *result = r->studies[own->order[i]].result;
    if (is_untouched(result)) continue;
    if (result->most_levels)
      r->wanted[r->count++] = own->order[i];
    else
      BD_TRY(keep_reason(&r->repair->layers[own->order[i]].why, "it stays float", err));
  }
  return BD_OK;
}

// --- what is known already -----------------------------------------------------------------------

static void forget(part *p) {
  bd_coded_free(p->coded);
  p->coded = NULL;
}

// Takes the setting over; true where it is another than that of the last run.
static bool has_changed(const recovery *r, int layer) {
  part *p = &r->own->parts[layer];
  const bd_result *result = r->studies[layer].result;
  bd_setting now = bd_setting_default();
  now.bits = BD_BITS_FLOAT;
  if (!is_untouched(result)) now = result->setting;
  bool same = p->known && bd_setting_equal(&p->setting, &now);
  p->setting = now;
  p->known = true;
  return !same;
}

// From the first layer on that has changed, nothing holds any more. Where those that cannot be
// repaired stand is not known: behind them is everything.
static void forget_changed(recovery *r, bd_recovery how) {
  bd_repairer *own = r->own;
  bool changed = own->how != how;
  own->how = how;
  for (int i = 0; i < own->count; i++)
    if (own->parts[i].why) changed |= has_changed(r, i);
  for (int i = 0; i < own->can; i++) {
    changed |= has_changed(r, own->order[i]);
    if (changed) forget(&own->parts[own->order[i]]);
  }
  for (int i = 0; i < r->count; i++)
    r->total += !own->parts[r->wanted[i]].coded;
}

// --- one layer -----------------------------------------------------------------------------------

static bd_status match(const bd_mending *layer, const bd_layer_study *study, bd_coded **out,
                       bd_error *err) {
  BD_TRY(
      bd_coded_of(study->result, study->index, layer->weights, bd_mending_axes(layer), out, err));
  return bd_mend_match(layer, *out, err);
}

static bd_status mend(const recovery *r, int layer, bd_error *err) {
  bd_repairer *own = r->own;
  const bd_layer_study *study = &r->studies[layer];
  part *p = &own->parts[layer];
  bd_weights weights;
  BD_TRY(bd_model_weights(own->model, layer, &weights, err));
  bd_mending mending = {.engine = own->engine,
                        .linear = &p->linear,
                        .weights = weights.data,
                        .count = weights.count,
                        .round = bd_study_rounding(bd_model_layer(own->model, layer)->type),
                        .setting = &study->result->setting,
                        .rows = &own->rows,
                        .threads = own->threads,
                        .cancel = r->cancel};
  p->cheap = false;
  bd_status status = own->how == BD_RECOVER_MATCH
                         ? match(&mending, study, &p->coded, err)
                         : bd_mend_reconstruct(&mending, &p->coded, &p->cheap, err);
  if (status != BD_OK) forget(p);
  bd_weights_free(&weights);
  return status;
}

// Rows enough for the least squares, and no more than fit.
static int64_t rows_wanted(const bd_linear *linear) {
  int64_t width = linear->groups * (linear->in + linear->out), rows = ROOM / width;
  if (rows < ROWS_LEAST) rows = ROWS_LEAST;
  return rows < ROWS ? rows : ROWS;
}

static bd_status repair_layer(recovery *r, int layer, bd_error *err) {
  bd_repairer *own = r->own;
  const bd_linear *linear = &own->parts[layer].linear;
  bd_error why = {""};
  BD_TRY(bd_lockstep_rows(own->lockstep, layer, linear, rows_wanted(linear), r->cancel, &own->rows,
                          err));
  bd_status status = bd_rows_centre(&own->rows, own->threads, &why);
  if (status == BD_OK) status = mend(r, layer, &why);
  if (status == BD_OK || status == BD_CANCELLED) return status;
  return bd_fail(err, status, "layer %s: %s", bd_model_layer(own->model, layer)->tensor, why.text);
}

static bd_status put_repaired(recovery *r, int layer, bd_error *err) {
  return bd_repair_set(r->own->swap, r->own->model, layer, &r->studies[layer], r->repair, err);
}

static bd_status put_plain(recovery *r, int layer, bd_error *err) {
  bd_repairer *own = r->own;
  BD_TRY(bd_repair_set(own->swap, own->model, layer, &r->studies[layer], NULL, err));
  return own->parts[layer].coded ? bd_swap_shift(own->swap, layer, NULL, err) : BD_OK;
}

static bd_status repair_layers(recovery *r, bd_error *err) {
  bd_repairer *own = r->own;
  for (int i = 0; i < r->count; i++) {
    int layer = r->wanted[i];
    part *p = &own->parts[layer];
    bool known = p->coded;
    if (!known) BD_TRY(repair_layer(r, layer, err));
    r->repair->layers[layer] = (bd_recovered){.coded = bd_coded_share(p->coded),
                                              .channels = p->linear.groups * p->linear.out,
                                              .cheap = p->cheap};
    BD_TRY(put_repaired(r, layer, err));
    if (r->progress && !known) r->progress(r->arg, ++r->done, r->total);
  }
  return BD_OK;
}

// --- what is kept --------------------------------------------------------------------------------

static bd_status divergence(void *arg, double *out, bd_error *err) {
  const recovery *r = arg;
  bd_evaluation e;
  BD_TRY(bd_eval_run(r->own->eval, r->own->swap, r->own->threads, r->cancel, NULL, NULL, &e, err));
  *out = e.kl.count > 0 ? bd_mean_value(&e.kl) : e.signal > 0 ? e.noise / e.signal : e.noise;
  if (!isfinite(*out)) *out = INFINITY;
  return BD_OK;
}

static bd_status put(void *arg, int from, int to, bool repaired, bd_error *err) {
  recovery *r = arg;
  for (int i = from; i < to; i++)
    BD_TRY(repaired ? put_repaired(r, r->wanted[i], err) : put_plain(r, r->wanted[i], err));
  return BD_OK;
}

static bd_status leave_alone(bd_repair *repair, int layer, bd_error *err) {
  bd_coded_free(repair->layers[layer].coded);
  repair->layers[layer].coded = NULL;
  repair->left++;
  return keep_reason(&repair->layers[layer].why, "left alone: repairing it made the network worse",
                     err);
}

static bd_status judge(recovery *r, bd_error *err) {
  bd_bisection bisection = {put, divergence, r};
  if (r->count) BD_TRY(put(r, 0, r->count, false, err));
  BD_TRY(divergence(r, &r->repair->before, err));
  r->repair->after = r->repair->before;
  bool *kept = calloc((size_t)r->count + 1, sizeof *kept);
  if (!kept) return bd_fail_memory(err, "the repair");
  bd_status status = bd_bisect(&bisection, r->count, kept, &r->repair->after, err);
  for (int i = 0; i < r->count && status == BD_OK; i++)
    if (!kept[i]) status = leave_alone(r->repair, r->wanted[i], err);
  free(kept);
  return status;
}

// --- all of it -----------------------------------------------------------------------------------

static bd_status recover(recovery *r, bd_recovery how, bd_error *err) {
  bd_repairer *own = r->own;
  size_t count = (size_t)own->count + 1;
  r->repair->how = how;
  r->repair->count = own->count;
  r->repair->samples = bd_data_samples(own->used);
  r->repair->layers = calloc(count, sizeof *r->repair->layers);
  r->wanted = calloc(count, sizeof *r->wanted);
  if (!r->repair->layers || !r->wanted) return bd_fail_memory(err, "the repair");
  for (int i = 0; i < own->count; i++) // as they are, for what stands behind them
    BD_TRY(put_plain(r, i, err));
  BD_TRY(choose_layers(r, err));
  forget_changed(r, how);
  BD_TRY(bd_lockstep_begin(own->lockstep, r->cancel, err));
  BD_TRY(repair_layers(r, err));
  return judge(r, err);
}

bd_status bd_repairer_run(bd_repairer *repairer, const bd_layer_study *studies, bd_recovery how,
                          const bd_cancel *cancel, bd_progress progress, void *arg, bd_repair **out,
                          bd_error *err) {
  recovery r = {
      .own = repairer, .studies = studies, .cancel = cancel, .progress = progress, .arg = arg};
  r.repair = *out = calloc(1, sizeof **out);
  bd_status status = r.repair ? recover(&r, how, err) : bd_fail_memory(err, "the repair");
  free(r.wanted);
  if (status == BD_OK) return BD_OK;
  bd_repair_free(r.repair);
  *out = NULL;
  return status;
}

// --- points --------------------------------------------------------------------------------------

// The layer's rows are there.
static bd_status mend_points(recovery *r, int layer, bd_points *points, bd_error *err) {
  part *p = &r->own->parts[layer];
  bd_layer_study *study = (bd_layer_study *)(uintptr_t)&r->studies[layer];
  for (int i = 0; i < points->count; i++) {
    bd_point *point = &points->list[i];
    if (point->layer != layer || point->result->most_levels == 0) continue;
    study->result = point->result;
    bd_status status = mend(r, layer, err);
    study->result = NULL;
    BD_TRY(status);
    point->coded = p->coded;
    p->coded = NULL;
  }
  return BD_OK;
}

static bd_status repair_points(recovery *r, bd_points *points, bd_error *err) {
  bd_repairer *own = r->own;
  bd_error why;
  BD_TRY(bd_lockstep_begin(own->lockstep, r->cancel, err));
  for (int i = 0; i < own->can; i++) {
    int layer = own->order[i];
    const bd_linear *linear = &own->parts[layer].linear;
    BD_TRY(bd_lockstep_rows(own->lockstep, layer, linear, rows_wanted(linear), r->cancel,
                            &own->rows, err));
    bd_status status = bd_rows_centre(&own->rows, own->threads, &why);
    if (status == BD_OK) status = mend_points(r, layer, points, &why);
    if (status == BD_CANCELLED) return status;
    if (status != BD_OK)
      return bd_fail(err, status, "layer %s: %s", bd_model_layer(own->model, layer)->tensor,
                     why.text);
    if (r->progress) r->progress(r->arg, i + 1, own->can);
  }
  return BD_OK;
}

bd_status bd_repairer_points(bd_repairer *repairer, const bd_layer_study *studies,
                             bd_points *points, bd_recovery how, const bd_cancel *cancel,
                             bd_progress progress, void *arg, bd_error *err) {
  size_t count = (size_t)repairer->count + 1;
  bd_layer_study *alone = calloc(count, sizeof *alone);
  if (!alone) return bd_fail_memory(err, "the repair");
  for (int i = 0; i < repairer->count; i++)
    alone[i].index = studies[i].index;
  recovery r = {
      .own = repairer, .studies = alone, .cancel = cancel, .progress = progress, .arg = arg};
  repairer->how = how;
  bd_status status = repair_points(&r, points, err);
  free(alone);
  return status;
}

// --- the repairer --------------------------------------------------------------------------------

// Data that lockstep has no memory for are of no use to judge by either.
static bd_status open_samples(bd_repairer *own, const bd_data *data, bd_error *err) {
  BD_TRY(bd_lockstep_new(own->engine, own->swap, data, own->count, own->threads, own->memory,
                         &own->lockstep, err));
  int64_t samples = bd_lockstep_runs(own->lockstep) * bd_data_batch(data);
  if (samples > bd_data_samples(data)) samples = bd_data_samples(data);
  BD_TRY(bd_data_part(data, 0, samples, &own->used, err));
  return bd_eval_new(own->engine, own->used, NULL, KEEP, &own->eval, err);
}

static bd_status start(bd_repairer *own, const bd_data *data, const bd_cancel *cancel,
                       bd_error *err) {
  bd_engine_options wanted = {.apart = true, .cancel = cancel};
  own->count = bd_model_layer_count(own->model);
  own->parts = calloc((size_t)own->count + 1, sizeof *own->parts);
  own->order = calloc((size_t)own->count + 1, sizeof *own->order);
  if (!own->parts || !own->order) return bd_fail_memory(err, "the repair");
  BD_TRY(bd_engine_supports(own->model, err));
  BD_TRY(bd_engine_compile(own->model, bd_data_inputs(data), &wanted, &own->engine, err));
  BD_TRY(bd_swap_new(own->engine, &own->swap, err));
  BD_TRY(find_order(own, err));
  return open_samples(own, data, err);
}

bd_status bd_repairer_new(const bd_model *model, const bd_data *calibration,
                          const bd_recover_options *options, const bd_cancel *cancel,
                          bd_repairer **out, bd_error *err) {
  bd_repairer *own = *out = calloc(1, sizeof **out);
  if (!own) return bd_fail_memory(err, "the repair");
  own->model = model;
  own->threads = bd_threads(options->threads);
  own->memory = options->memory;
  bd_status status = start(own, calibration, cancel, err);
  if (status == BD_OK) return BD_OK;
  bd_repairer_free(own);
  *out = NULL;
  return status;
}

void bd_repairer_free(bd_repairer *repairer) {
  if (!repairer) return;
  for (int i = 0; repairer->parts && i < repairer->count; i++) {
    bd_coded_free(repairer->parts[i].coded);
    free(repairer->parts[i].why);
  }
  bd_eval_free(repairer->eval);
  bd_data_free(repairer->used);
  bd_lockstep_free(repairer->lockstep);
  bd_rows_free(&repairer->rows);
  bd_swap_free(repairer->swap);
  bd_engine_free(repairer->engine);
  free(repairer->parts);
  free(repairer->order);
  free(repairer);
}
