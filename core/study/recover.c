#include "core/study/recover.h"

#include "core/engine/parallel.h"
#include "core/study/bisect.h"
#include "core/study/eval.h"
#include "core/study/lockstep.h"
#include "core/study/mend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16000, ROWS_LEAST = 2048 };
static const int64_t ROOM = 1 << 25; // numbers that the rows of one layer hold at most

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

// One recovery under way.
typedef struct recovery {
  const bd_model *model;
  const bd_layer_study *studies;
  const bd_data *data;
  bd_recovery how;
  int threads;
  size_t memory;
  const bd_cancel *cancel;
  bd_progress progress;
  void *arg;
  bd_engine *engine;
  bd_swap *swap;
  bd_linear *linear; // by layer
  int *order;        // layers to repair, as they run
  int wanted;        // how many
  int done;
  bd_repair *repair;
} recovery;

static bd_status keep_reason(bd_recovered *layer, const char *why, bd_error *err) {
  layer->why = strdup(why);
  return layer->why ? BD_OK : bd_fail_memory(err, "a message");
}

// --- which layers, in which order ----------------------------------------------------------------

static bd_status why_not(const recovery *r, int layer, bd_error *why) {
  const bd_linear *linear = &r->linear[layer];
  BD_TRY(bd_engine_linear(r->engine, layer, &r->linear[layer], why));
  if (r->studies[layer].result->most_levels == 0) return bd_fail(why, BD_INVALID, "it stays float");
  if (bd_engine_channels(r->engine, layer) != linear->groups * linear->out)
    return bd_fail(why, BD_INVALID, "its users differ");
  return BD_OK;
}

static bool is_untouched(const bd_result *result) {
  return !result || (result->setting.bits == BD_BITS_FLOAT && result->hole.pruned == 0);
}

static bd_status choose_layers(recovery *r, bd_error *err) {
  for (int i = 0; i < r->repair->count; i++) {
    bd_error why = {""};
    if (is_untouched(r->studies[i].result)) continue;
    bd_status status = why_not(r, i, &why);
    if (status == BD_INVALID)
      BD_TRY(keep_reason(&r->repair->layers[i], why.text, err));
    else if (status != BD_OK)
      return bd_fail(err, status, "%s", why.text);
    else
      r->order[r->wanted++] = i;
  }
  for (int i = 1; i < r->wanted; i++) // few, and nearly in order
    for (int k = i; k > 0 && r->linear[r->order[k]].step < r->linear[r->order[k - 1]].step; k--) {
      int swap = r->order[k];
      r->order[k] = r->order[k - 1];
      r->order[k - 1] = swap;
    }
  return BD_OK;
}

// --- one layer -----------------------------------------------------------------------------------

static bd_status match(const bd_mending *layer, const bd_layer_study *study, bd_recovered *out,
                       bd_error *err) {
  BD_TRY(bd_coded_of(study->result, study->index, layer->weights, bd_mending_axes(layer),
                     &out->coded, err));
  return bd_mend_match(layer, out->coded, err);
}

static bd_status mend(const recovery *r, int layer, const bd_rows *rows, bd_error *err) {
  const bd_layer_study *study = &r->studies[layer];
  bd_recovered *out = &r->repair->layers[layer];
  bd_weights weights;
  BD_TRY(bd_model_weights(r->model, layer, &weights, err));
  bd_mending mending = {.engine = r->engine,
                        .linear = &r->linear[layer],
                        .weights = weights.data,
                        .count = weights.count,
                        .round = bd_study_rounding(bd_model_layer(r->model, layer)->type),
                        .setting = &study->result->setting,
                        .rows = rows,
                        .threads = r->threads,
                        .cancel = r->cancel};
  bd_status status = r->how == BD_RECOVER_MATCH
                         ? match(&mending, study, out, err)
                         : bd_mend_reconstruct(&mending, &out->coded, &out->cheap, err);
  bd_weights_free(&weights);
  out->channels = r->linear[layer].groups * r->linear[layer].out;
  return status;
}

// Rows enough for the least squares, and no more than fit.
static int64_t rows_wanted(const bd_linear *linear) {
  int64_t width = linear->groups * (linear->in + linear->out), rows = ROOM / width;
  if (rows < ROWS_LEAST) rows = ROWS_LEAST;
  return rows < ROWS ? rows : ROWS;
}

static bd_status repair_layer(recovery *r, bd_lockstep *lockstep, int layer, bd_error *err) {
  const char *name = bd_model_layer(r->model, layer)->tensor;
  const bd_linear *linear = &r->linear[layer];
  bd_error why = {""};
  bd_rows rows;
  BD_TRY(bd_lockstep_rows(lockstep, linear, rows_wanted(linear), r->cancel, &rows, err));
  bd_status status = bd_rows_centre(&rows, r->threads, &why);
  if (status == BD_OK) status = mend(r, layer, &rows, &why);
  bd_rows_free(&rows);
  if (status != BD_OK && status != BD_CANCELLED)
    return bd_fail(err, status, "layer %s: %s", name, why.text);
  BD_TRY(status);
  return bd_repair_set(r->swap, r->model, layer, &r->studies[layer], r->repair, err);
}

static bd_status repair_layers(recovery *r, bd_lockstep *lockstep, bd_error *err) {
  for (int i = 0; i < r->wanted; i++) {
    BD_TRY(repair_layer(r, lockstep, r->order[i], err));
    if (r->progress) r->progress(r->arg, ++r->done, r->wanted);
  }
  return BD_OK;
}

// --- what is kept --------------------------------------------------------------------------------

bd_status bd_repair_set(bd_swap *swap, const bd_model *model, int layer,
                        const bd_layer_study *study, const bd_repair *repair, bd_error *err) {
  const bd_coded *coded = repair ? repair->layers[layer].coded : NULL;
  if (!study->result) return BD_OK;
  if (!coded) return bd_eval_set(swap, model, layer, study->index, study->result, err);
  float *values = malloc((coded->count + 1) * sizeof *values);
  if (!values) return bd_fail_memory(err, "repaired weights");
  bd_coded_values(coded, values);
  bd_status status = bd_swap_set(swap, layer, values, err);
  free(values);
  return status == BD_OK ? bd_swap_shift(swap, layer, coded->shift, err) : status;
}

static bd_status set_plain(recovery *r, int layer, bd_error *err) {
  BD_TRY(bd_repair_set(r->swap, r->model, layer, &r->studies[layer], NULL, err));
  return r->repair->layers[layer].coded ? bd_swap_shift(r->swap, layer, NULL, err) : BD_OK;
}

static bd_status set_all_plain(recovery *r, bd_error *err) {
  for (int i = 0; i < r->repair->count; i++)
    BD_TRY(set_plain(r, i, err));
  return BD_OK;
}

static bd_status divergence(recovery *r, bd_eval *eval, double *out, bd_error *err) {
  bd_evaluation e;
  BD_TRY(bd_eval_run(eval, r->swap, r->threads, r->cancel, NULL, NULL, &e, err));
  *out = e.kl.count > 0 ? bd_mean_value(&e.kl) : e.signal > 0 ? e.noise / e.signal : e.noise;
  if (!isfinite(*out)) *out = INFINITY;
  return BD_OK;
}

// A recovery at its end, for the bisection.
typedef struct verdict {
  recovery *r;
  bd_eval *eval;
} verdict;

static bd_status put(void *arg, int from, int to, bool repaired, bd_error *err) {
  recovery *r = ((verdict *)arg)->r;
  for (int i = from; i < to; i++) {
    int layer = r->order[i];
    BD_TRY(repaired ? bd_repair_set(r->swap, r->model, layer, &r->studies[layer], r->repair, err)
                    : set_plain(r, layer, err));
  }
  return BD_OK;
}

static bd_status judge_now(void *arg, double *out, bd_error *err) {
  verdict *v = arg;
  return divergence(v->r, v->eval, out, err);
}

static bd_status leave_alone(bd_repair *repair, int layer, bd_error *err) {
  bd_coded_free(repair->layers[layer].coded);
  repair->layers[layer].coded = NULL;
  repair->left++;
  return keep_reason(&repair->layers[layer], "left alone: repairing it made the network worse",
                     err);
}

static bd_status judge(recovery *r, bd_eval *eval, bd_error *err) {
  verdict v = {r, eval};
  bd_bisection bisection = {put, judge_now, &v};
  BD_TRY(set_all_plain(r, err));
  BD_TRY(divergence(r, eval, &r->repair->before, err));
  r->repair->after = r->repair->before;
  bool *kept = calloc((size_t)r->wanted + 1, sizeof *kept);
  if (!kept) return bd_fail_memory(err, "the repair");
  bd_status status = bd_bisect(&bisection, r->wanted, kept, &r->repair->after, err);
  for (int i = 0; i < r->wanted && status == BD_OK; i++)
    if (!kept[i]) status = leave_alone(r->repair, r->order[i], err);
  free(kept);
  return status;
}

// --- all of it -----------------------------------------------------------------------------------

static bd_status run_lockstep(recovery *r, bd_error *err) {
  bd_lockstep *lockstep;
  for (int i = 0; i < r->repair->count; i++) // those that are not repaired, for the ones after them
    BD_TRY(bd_repair_set(r->swap, r->model, i, &r->studies[i], NULL, err));
  BD_TRY(bd_lockstep_new(r->engine, r->swap, r->data, r->threads, r->memory, r->cancel, &lockstep,
                         err));
  int64_t samples = bd_lockstep_runs(lockstep) * bd_data_batch(r->data);
  r->repair->samples = samples < bd_data_samples(r->data) ? samples : bd_data_samples(r->data);
  bd_status status = repair_layers(r, lockstep, err);
  bd_lockstep_free(lockstep);
  return status;
}

static bd_status decide(recovery *r, bd_error *err) {
  enum { KEEP = 256 << 20 };
  bd_data *used;
  bd_eval *eval;
  BD_TRY(bd_data_part(r->data, 0, r->repair->samples, &used, err));
  bd_status status = bd_eval_new(r->engine, used, NULL, KEEP, &eval, err);
  if (status == BD_OK) {
    status = judge(r, eval, err);
    bd_eval_free(eval);
  }
  bd_data_free(used);
  return status;
}

static bd_status recover(recovery *r, bd_error *err) {
  bd_engine_options wanted = {.apart = true};
  size_t count = (size_t)r->repair->count + 1;
  r->repair->layers = calloc(count, sizeof *r->repair->layers);
  r->linear = calloc(count, sizeof *r->linear);
  r->order = calloc(count, sizeof *r->order);
  if (!r->repair->layers || !r->linear || !r->order) return bd_fail_memory(err, "the repair");
  BD_TRY(bd_engine_supports(r->model, err));
  BD_TRY(bd_engine_compile(r->model, bd_data_inputs(r->data), &wanted, &r->engine, err));
  BD_TRY(bd_swap_new(r->engine, &r->swap, err));
  BD_TRY(choose_layers(r, err));
  BD_TRY(run_lockstep(r, err));
  return decide(r, err);
}

bd_status bd_recover(const bd_model *model, const bd_layer_study *studies,
                     const bd_data *calibration, bd_recovery how, const bd_recover_options *options,
                     const bd_cancel *cancel, bd_progress progress, void *arg, bd_repair **out,
                     bd_error *err) {
  recovery r = {.model = model,
                .studies = studies,
                .data = calibration,
                .how = how,
                .threads = bd_threads(options->threads),
                .memory = options->memory,
                .cancel = cancel,
                .progress = progress,
                .arg = arg};
  r.repair = *out = calloc(1, sizeof **out);
  if (!r.repair) return bd_fail_memory(err, "the repair");
  r.repair->how = how;
  r.repair->count = bd_model_layer_count(model);
  bd_status status = recover(&r, err);
  bd_swap_free(r.swap);
  bd_engine_free(r.engine);
  free(r.linear);
  free(r.order);
  if (status == BD_OK) return BD_OK;
  bd_repair_free(r.repair);
  *out = NULL;
  return status;
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
