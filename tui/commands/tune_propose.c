// Which allocations are proposed, and which of them is the best.
#include "tui/commands/tune.h"

#include "tui/commands/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- costs ---------------------------------------------------------------------------------------

static double cost_of(const bd_sensitivity *s, const bd_effect *effect, bd_objective objective) {
  if (objective == BD_KL) return effect->kl;
  if (objective == BD_TOP1) return s->float_top1 - effect->top1;
  // An exact layer has no SQNR.
  return effect->relative_sse == 0 ? 0 : pow(10, -effect->local_sqnr_db / 10);
}

static bd_status no_cost(const bd_tuning *t, const bd_point *point, bd_objective objective,
                         const bd_effect *effect, bd_error *err) {
  const char *path = t->options->sensitivity ? t->options->sensitivity : t->options->data;
  const char *tensor = bd_model_layer(t->work.model, point->layer)->tensor;
  if (effect)
    return bd_fail(err, BD_INVALID, "%s: has no %s of layer %.80s: choose another --objective",
                   path, bd_objective_names[objective], tensor);
  return bd_fail(err, BD_INVALID,
                 "%s: has no point of layer %.80s at %d bits and prune %g: sweep those, or give "
                 "--widths that it has",
                 path, tensor, point->setting.bits, point->setting.prune);
}

static bd_status weigh(bd_tuning *t, int i, bd_objective objective, bd_error *err) {
  const bd_point *point = &t->points.list[i];
  const char *tensor = bd_model_layer(t->work.model, point->layer)->tensor;
  if (objective == BD_RELATIVE) {
    t->costs[i] =
        bd_relative_sse(point->result, bd_index_stats(t->work.studies[point->layer].index));
    return BD_OK;
  }
  const bd_effect *effect =
      bd_sensitivity_find(&t->effects, tensor, point->setting.bits, point->setting.prune);
  t->costs[i] = effect ? cost_of(&t->effects, effect, objective) : NAN;
  if (isfinite(t->costs[i])) return BD_OK;
  if (!t->work.given.dials[point->layer].locked) return no_cost(t, point, objective, effect, err);
  t->costs[i] = 0; // the same in every allocation
  return BD_OK;
}

// A few samples may say that fewer bits gain accuracy: what a width loses, every narrower one does,
// and none gains.
static void smooth(bd_tuning *t) {
  for (int i = t->points.count - 1; i >= 0; i--) {
    const bd_point *point = &t->points.list[i];
    bool wider = i + 1 < t->points.count && point[1].layer == point->layer;
    t->costs[i] = fmax(t->costs[i], wider ? t->costs[i + 1] : 0);
  }
}

bd_status bd_tuning_weigh(bd_tuning *t, bd_objective objective, bd_error *err) {
  for (int i = 0; i < t->points.count; i++)
    BD_TRY(weigh(t, i, objective, err));
  if (objective == BD_TOP1) smooth(t);
  return BD_OK;
}

// --- the sweep -----------------------------------------------------------------------------------

static bd_status show_sweep(void *arg, const bd_sensitivity *so_far, bd_error *err) {
  (void)err;
  bd_bar_show(arg, (int)so_far->samples, (int)so_far->wanted);
  return BD_OK;
}

static bd_status read_sweep(bd_tuning *t, bd_error *err) {
  const char *path = t->options->sensitivity;
  BD_TRY(bd_sensitivity_read(path, &t->effects, err));
  t->swept = true;
  const char *how = bd_recoveries[t->work.given.plan.how].name;
  const char *swept =
      *t->effects.recover ? t->effects.recover : bd_recoveries[BD_RECOVER_NONE].name;
  if (strcmp(how, swept) != 0)
    return bd_fail(err, BD_INVALID,
                   "%s: was swept with --recover %s, the settings say %s: sweep again", path, swept,
                   how);
  const char *samples = t->work.given.plan.calibration.sha256;
  if (*samples && *t->effects.calibration && strcmp(samples, t->effects.calibration) != 0)
    return bd_fail(err, BD_INVALID,
                   "%s: was repaired on other calibration data than %s: sweep again, or give its "
                   "own",
                   path, t->work.given.plan.calibration.file);
  return bd_sensitivity_fits(&t->effects, path, t->work.model, t->settings, err);
}

bd_status bd_tuning_sweep(bd_tuning *t, bd_error *err) {
  if (t->options->sensitivity) BD_TRY(read_sweep(t, err));
  // What a loss is in depends on what was swept.
  if (t->swept && t->budget.kind == BD_BUDGET_COST && !t->options->objective)
    t->objective = isnan(t->effects.float_top1) ? BD_KL : BD_TOP1;
  if (t->swept || t->objective == BD_RELATIVE) return BD_OK;
  BD_TRY(bd_network_repair_points(t->options, &t->network, &t->work, &t->points, err));
  bd_sweep_parts parts = bd_network_parts(&t->network, &t->work, &t->points);
  BD_TRY(bd_sensitivity_new(&parts, t->settings, t->options->threads, bd_interrupt(), &t->effects,
                            err));
  bd_network_note_repair(&t->work, &t->effects);
  t->swept = true;
  bd_bar bar = bd_bar_start("samples");
  bd_status status = bd_network_sweep(t->options, &t->network, &t->work, &t->points, &t->effects,
                                      show_sweep, &bar, err);
  bd_bar_end(&bar);
  return status;
}

// --- proposals -----------------------------------------------------------------------------------

static void add_up(const bd_tuning *t, bd_proposal *proposal) {
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[proposal->chosen[k]];
    bd_totals_add(&proposal->totals, point->result,
                  bd_index_stats(t->work.studies[point->layer].index));
  }
  bd_totals_close(&proposal->totals);
}

static bd_status propose(bd_tuning *t, bd_objective objective, bd_budget budget, bd_error *err) {
  bd_proposal *fresh = &t->proposals[t->proposal_count];
  *fresh = (bd_proposal){.objective = objective};
  BD_TRY(bd_tuning_weigh(t, objective, err));
  fresh->chosen = calloc((size_t)t->points.count + 1, sizeof *fresh->chosen);
  if (!fresh->chosen) return bd_fail_memory(err, "the allocation");
  bd_status status = bd_points_allocate(&t->points, t->costs, budget, bd_interrupt(), fresh->chosen,
                                        &t->count, &fresh->found, err);
  if (status != BD_OK) {
    free(fresh->chosen);
    return status;
  }
  t->proposal_count++;
  add_up(t, fresh);
  return BD_OK;
}

// Every layer as the proposal quantizes it; what they point to is the tuning's.
static bd_layer_study *studies_of(const bd_tuning *t, const bd_proposal *proposal) {
  int count = bd_model_layer_count(t->work.model);
  bd_layer_study *studies = calloc((size_t)count + 1, sizeof *studies);
  for (int i = 0; studies && i < count; i++)
    studies[i].index = t->work.studies[i].index;
  for (int k = 0; studies && k < t->count; k++) {
    const bd_point *point = &t->points.list[proposal->chosen[k]];
    studies[point->layer].result = point->result;
  }
  return studies;
}

static bd_status set_layers(const bd_tuning *t, const bd_layer_study *studies,
                            const bd_repair *repair, bd_swap *swap, bd_error *err) {
  for (int i = 0; i < bd_model_layer_count(t->work.model); i++)
    BD_TRY(bd_repair_set(swap, t->work.model, i, &studies[i], repair, err));
  return BD_OK;
}

static bd_status set_swap(const bd_tuning *t, const bd_proposal *proposal, bd_swap *swap,
                          bd_error *err) {
  bd_repair *repair = NULL;
  bd_layer_study *studies = studies_of(t, proposal);
  if (!studies) return bd_fail_memory(err, "the allocation");
  bd_status status = bd_network_repair(t->options, &t->network, &t->work, studies, &repair, err);
  if (status == BD_OK) status = set_layers(t, studies, repair, swap, err);
  bd_repair_free(repair);
  free(studies);
  return status;
}

static void show_samples(void *arg, const bd_evaluation *so_far) {
  bd_bar_show(arg, (int)so_far->samples, (int)so_far->wanted);
}

static bd_status run_samples(const bd_tuning *t, bd_eval *eval, const bd_swap *swap,
                             bd_proposal *proposal, bd_error *err) {
  bd_bar bar = bd_bar_start("samples");
  bd_status status = bd_eval_run(eval, swap, t->options->threads, bd_interrupt(), show_samples,
                                 &bar, &proposal->figures, err);
  bd_bar_end(&bar);
  proposal->measured = status == BD_OK;
  return status;
}

static bd_status measure(bd_tuning *t, bd_eval *eval, bd_proposal *proposal, bd_error *err) {
  bd_swap *swap;
  BD_TRY(bd_swap_new(t->network.engine, &swap, err));
  bd_status status = set_swap(t, proposal, swap, err);
  if (status == BD_OK) status = run_samples(t, eval, swap, proposal, err);
  bd_swap_free(swap);
  return status;
}

// What a proposal lost on the data: by top-1 where that is the objective, by KL, else by SQNR.
static double loss_of(const bd_tuning *t, const bd_proposal *proposal) {
  const bd_evaluation *e = &proposal->figures;
  if (t->objective == BD_TOP1 && e->real.top1.count > 0)
    return bd_mean_value(&e->real.top1) - bd_mean_value(&e->quantized.top1);
  if (e->kl.count > 0) return bd_mean_value(&e->kl);
  return e->noise;
}

// --- a budget in bytes: the objective's own answer, and others' ----------------------------------

static bd_status propose_others(bd_tuning *t, bd_error *err) {
  BD_TRY(propose(t, t->objective, t->budget, err));
  bd_error none; // an objective that the sweep has no figures for makes no proposal
  for (bd_objective other = BD_RELATIVE; other <= BD_KL && t->network.data; other++)
    if (other != t->objective && (other == BD_RELATIVE || t->swept))
      (void)(propose(t, other, t->budget, &none) == BD_OK);
  return BD_OK;
}

static bd_status measure_all(bd_tuning *t, bd_eval *eval, bd_error *err) {
  for (int i = 0; i < t->proposal_count; i++) {
    BD_TRY(measure(t, eval, &t->proposals[i], err));
    if (loss_of(t, &t->proposals[i]) < loss_of(t, &t->proposals[t->best])) t->best = i;
  }
  return BD_OK;
}

// --- a budget in loss: the least size that keeps it on the data ----------------------------------

// Proposes within a budget and measures; true in *good where the loss is kept. The smallest such
// proposal is the best.
static bd_status try_budget(bd_tuning *t, bd_eval *eval, bd_budget budget, bool *good,
                            bd_error *err) {
  BD_TRY(propose(t, t->objective, budget, err));
  bd_proposal *last = &t->proposals[t->proposal_count - 1];
  BD_TRY(measure(t, eval, last, err));
  *good = loss_of(t, last) <= t->budget.limit;
  if (*good && (t->best < 0 || last->totals.bytes < t->proposals[t->best].totals.bytes))
    t->best = t->proposal_count - 1;
  return BD_OK;
}

static void size_range(const bd_tuning *t, double *least, double *most) {
  *least = *most = 0;
  for (int i = 0; i < t->points.count;) {
    int layer = t->points.list[i].layer;
    double low = INFINITY, high = 0;
    for (; i < t->points.count && t->points.list[i].layer == layer; i++) {
      low = fmin(low, t->points.list[i].result->bytes);
      high = fmax(high, t->points.list[i].result->bytes);
    }
    *least += low;
    *most += high;
  }
}

// Losses of single layers do not quite add up: their sum gives the first size to try, the data say
// on which side of it to go on.
static bd_status search_loss(bd_tuning *t, bd_eval *eval, bd_error *err) {
  double low, high;
  bool good;
  size_range(t, &low, &high);
  const double least = low, most = high;
  t->best = -1;
  bd_status status = try_budget(t, eval, t->budget, &good, err);
  if (status == BD_OK) *(good ? &high : &low) = t->proposals[0].totals.bytes;
  if (status == BD_INVALID) status = BD_OK; // no sum of losses is so small: look for it by size
  while (status == BD_OK && t->proposal_count < BD_PROPOSALS_MAX - 1 && high - low > 0.005 * high) {
    bd_budget middle = {BD_BUDGET_BYTES, fmax((low + high) / 2, least)};
    status = try_budget(t, eval, middle, &good, err);
    if (status == BD_OK && good) high = t->proposals[t->proposal_count - 1].totals.bytes;
    if (status == BD_OK && !good) low = middle.limit;
  }
  if (status == BD_OK && t->best < 0)
    status = try_budget(t, eval, (bd_budget){BD_BUDGET_BYTES, most}, &good, err);
  if (status != BD_OK || t->best >= 0) return status;
  return bd_fail(err, BD_INVALID,
                 "no allocation loses at most %g on the data: allow more, or give wider --widths",
                 t->budget.limit);
}

bd_status bd_tuning_propose(bd_tuning *t, bd_error *err) {
  bool loss = t->budget.kind == BD_BUDGET_COST;
  if (!loss) BD_TRY(propose_others(t, err));
  if (!t->network.data) return loss ? propose(t, t->objective, t->budget, err) : BD_OK;
  static const size_t keep = (size_t)256 << 20; // of float outputs: each sample runs once for each
  bd_eval *eval;
  BD_TRY(bd_eval_new(t->network.engine, t->network.data, t->network.labels, keep, &eval, err));
  bd_status status = loss ? search_loss(t, eval, err) : measure_all(t, eval, err);
  bd_eval_free(eval);
  return status;
}
