#include "tui/commands/tune.h"

#include "tui/commands/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const bd_objective_names[BD_OBJECTIVE_COUNT] = {"relative", "local", "kl", "top1"};

static void close_tuning(bd_tuning *t) {
  for (int i = 0; i < t->proposal_count; i++)
    free(t->proposals[i].chosen);
  bd_sensitivity_free(&t->effects);
  bd_network_close(&t->network);
  bd_points_free(&t->points);
  bd_work_close(&t->work);
  free(t->settings);
  free(t->costs);
}

// --- what is asked for ---------------------------------------------------------------------------

static bd_status read_objective(const bd_options *options, bd_objective *out, bd_error *err) {
  const char *name = options->objective;
  bool loss = !isnan(options->max_loss);
  *out = loss ? (options->labels ? BD_TOP1 : BD_KL) : BD_RELATIVE;
  if (!name) return BD_OK;
  for (*out = 0; *out < BD_OBJECTIVE_COUNT; ++*out)
    if (strcmp(name, bd_objective_names[*out]) == 0) break;
  if (*out == BD_OBJECTIVE_COUNT)
    return bd_fail(err, BD_INVALID, "--objective %s: takes relative, local, kl or top1", name);
  if (loss && *out != BD_KL && *out != BD_TOP1)
    return bd_fail(err, BD_INVALID,
                   "--max-loss is in KL or top-1: give --objective kl or top1, or none");
  return BD_OK;
}

static bd_status check(bd_tuning *t, bd_error *err) {
  const bd_options *options = t->options;
  int targets =
      !isnan(options->target_bits) + !isnan(options->target_size) + !isnan(options->max_loss);
  if (targets != 1)
    return bd_fail(
        err, BD_INVALID,
        "tune: needs one budget: give --target-bits B, --target-size SIZE or --max-loss L");
  BD_TRY(read_objective(options, &t->objective, err));
  if (t->objective != BD_RELATIVE && !options->sensitivity && !options->data)
    return bd_fail(err, BD_INVALID,
                   "--objective %s needs a sweep: give --sensitivity S.json or --data PATH",
                   bd_objective_names[t->objective]);
  return bd_options_varied(options, &t->varied, err);
}

// Bits a weight count over all layers that can be quantized.
static bd_budget budget_of(const bd_tuning *t) {
  if (!isnan(t->options->max_loss)) return (bd_budget){BD_BUDGET_COST, t->options->max_loss};
  if (!isnan(t->options->target_size)) return (bd_budget){BD_BUDGET_BYTES, t->options->target_size};
  double weights = 0;
  for (int i = 0; i < bd_model_layer_count(t->work.model); i++)
    if (t->work.studies[i].index)
      weights += (double)bd_index_stats(t->work.studies[i].index)->count;
  return (bd_budget){BD_BUDGET_BYTES, t->options->target_bits * weights / 8};
}

// --- the work ------------------------------------------------------------------------------------

static bd_status make_points(bd_tuning *t, bd_error *err) {
  int layers = bd_model_layer_count(t->work.model);
  t->settings = bd_work_settings(&t->work);
  bool *held = calloc((size_t)layers + 1, sizeof *held);
  for (int i = 0; held && i < layers; i++)
    held[i] = t->work.given.dials[i].locked;
  bd_status status = t->settings && held ? bd_points_make(t->work.studies, t->settings, held,
                                                          layers, &t->varied, &t->points, err)
                                         : bd_fail_memory(err, "the settings");
  free(held);
  BD_TRY(status);
  t->costs = calloc((size_t)t->points.count + 1, sizeof *t->costs);
  if (!t->costs) return bd_fail_memory(err, "the allocation");
  return bd_work_points(t->options, &t->work, &t->points, err);
}

static void take_best(bd_tuning *t) {
  const bd_proposal *best = &t->proposals[t->best];
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[best->chosen[k]];
    t->work.given.dials[point->layer].setting = point->setting;
  }
}

static bd_status put_out(const bd_tuning *t, bd_error *err) {
  if (t->options->output)
    BD_TRY(bd_config_write(t->options->output, t->work.model, t->work.given.dials,
                           &t->work.given.plan, &t->proposals[t->best].totals, t->work.given.kept,
                           err));
  return bd_tuning_print(t, err);
}

// Without --data, what is needed to say which samples a repair is made from.
static bd_status open_network(bd_tuning *t, bd_error *err) {
  bd_repair_plan *plan = &t->work.given.plan;
  if (t->options->data)
    BD_TRY(bd_network_open_sweep(t->options, t->work.model, plan, &t->network, err));
  else if (plan->how != BD_RECOVER_NONE)
    BD_TRY(bd_network_data(t->options, t->work.model, plan, bd_interrupt(), &t->network, err));
  return bd_network_describe(t->options, &t->network, bd_interrupt(), plan, err);
}

// The network and its data first: what cannot be run is refused before anything is computed.
static bd_status tune(bd_tuning *t, bd_error *err) {
  BD_TRY(bd_work_model(t->options, &t->work, err));
  BD_TRY(open_network(t, err));
  BD_TRY(bd_work_study(t->options, false, &t->work, err));
  BD_TRY(make_points(t, err));
  t->budget = budget_of(t);
  BD_TRY(bd_tuning_sweep(t, err));
  BD_TRY(bd_tuning_propose(t, err));
  take_best(t);
  BD_TRY(put_out(t, err));
  bd_warn_refused(&t->work, "left as they are: ", ": `bitdial layers` says why");
  return BD_OK;
}

bd_status bd_command_tune(const bd_options *options, bd_error *err) {
  bd_tuning t = {.options = options};
  BD_TRY(check(&t, err));
  bd_status status = tune(&t, err);
  close_tuning(&t);
  return status;
}
