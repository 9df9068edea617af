#include "tui/commands/commands.h"

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/study/json.h"
#include "tui/commands/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// What `tune` works on and comes to.
typedef struct tuning {
  const bd_options *options;
  bd_work work;
  bd_dial *dials; // the settings that were given; afterwards those that were found
  cJSON *kept;    // of the config that was given
  bd_varied axes;
  bd_points points;
  double *costs; // by point
  int *chosen;   // points, by layer that has some
  int count;     // of chosen
  bd_allocation found;
  bd_totals totals;
} tuning;

static void close_tuning(tuning *t) {
  bd_points_free(&t->points);
  bd_work_close(&t->work);
  cJSON_Delete(t->kept);
  free(t->dials);
  free(t->costs);
  free(t->chosen);
}

// --- what is asked for ---------------------------------------------------------------------------

static bd_status check(const bd_options *options, bd_varied *axes, bd_error *err) {
  int targets = !isnan(options->target_bits) + !isnan(options->target_size);
  if (targets != 1)
    return bd_fail(err, BD_INVALID,
                   "tune: needs one budget: give --target-bits B or --target-size SIZE");
  return bd_options_varied(options, axes, err);
}

// Bits a weight count over all layers that can be quantized.
static bd_budget budget_of(const tuning *t) {
  if (!isnan(t->options->target_size)) return (bd_budget){BD_BUDGET_BYTES, t->options->target_size};
  double weights = 0;
  for (int i = 0; i < bd_model_layer_count(t->work.model); i++)
    if (t->work.studies[i].index)
      weights += (double)bd_index_stats(t->work.studies[i].index)->count;
  return (bd_budget){BD_BUDGET_BYTES, t->options->target_bits * weights / 8};
}

// --- the work ------------------------------------------------------------------------------------

static bd_status make_points(tuning *t, bd_error *err) {
  int layers = bd_model_layer_count(t->work.model);
  bd_setting *settings = calloc((size_t)layers + 1, sizeof *settings);
  bool *held = calloc((size_t)layers + 1, sizeof *held);
  for (int i = 0; settings && held && i < layers; i++) {
    settings[i] = t->dials[i].setting;
    held[i] = t->dials[i].locked;
  }
  bd_status status = settings && held ? bd_points_make(t->work.studies, settings, held, layers,
                                                       &t->axes, &t->points, err)
                                      : bd_fail_memory(err, "the settings");
  free(settings);
  free(held);
  return status;
}

static void weigh(tuning *t) {
  for (int i = 0; i < t->points.count; i++) {
    const bd_point *point = &t->points.list[i];
    t->costs[i] =
        bd_relative_sse(point->result, bd_index_stats(t->work.studies[point->layer].index));
  }
}

static void take(tuning *t) {
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[t->chosen[k]];
    t->dials[point->layer].setting = point->setting;
    bd_totals_add(&t->totals, point->result, bd_index_stats(t->work.studies[point->layer].index));
  }
  bd_totals_close(&t->totals);
}

static bd_status allocate(tuning *t, bd_error *err) {
  BD_TRY(make_points(t, err));
  BD_TRY(bd_work_points(t->options, &t->work, &t->points, err));
  t->costs = calloc((size_t)t->points.count + 1, sizeof *t->costs);
  t->chosen = calloc((size_t)t->points.count + 1, sizeof *t->chosen);
  if (!t->costs || !t->chosen) return bd_fail_memory(err, "the allocation");
  weigh(t);
  BD_TRY(bd_points_allocate(&t->points, t->costs, budget_of(t), bd_interrupt(), t->chosen,
                            &t->count, &t->found, err));
  take(t);
  return BD_OK;
}

// --- what is said --------------------------------------------------------------------------------

static cJSON *layers_json(const tuning *t) {
  cJSON *layers = cJSON_CreateArray();
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[t->chosen[k]];
    cJSON *layer = bd_result_json(bd_model_layer(t->work.model, point->layer), point->result);
    bd_json_number(layer, "relative_sse", t->costs[t->chosen[k]]);
    cJSON_AddBoolToObject(layer, "locked", t->dials[point->layer].locked);
    cJSON_AddItemToArray(layers, layer);
  }
  return layers;
}

static bd_status print_json(const tuning *t, bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  bd_status status = bd_model_json(t->work.model, root, err);
  cJSON_AddStringToObject(root, "objective", "relative");
  bd_json_number(root, "budget_bytes", budget_of(t).limit);
  bd_json_number(root, "cost", t->found.cost);
  bd_json_number(root, "bound", t->found.bound);
  cJSON_AddBoolToObject(root, "optimal", t->found.optimal);
  cJSON_AddItemToObject(root, "layers", layers_json(t));
  cJSON_AddItemToObject(root, "total", bd_totals_json(&t->totals));
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

static void print_text(const tuning *t) {
  char size[32], sqnr[16];
  printf("%-36s %6s %12s %10s\n", "tensor", "bits", "size", "SQNR");
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[t->chosen[k]];
    char name[512], bits[8];
    bd_text_escape(name, sizeof name, bd_model_layer(t->work.model, point->layer)->tensor);
    bd_setting_get(&point->setting, BD_FIELD_BITS, bits, sizeof bits);
    snprintf(sqnr, sizeof sqnr, isfinite(point->result->sqnr_db) ? "%.2f dB" : "exact",
             point->result->sqnr_db);
    printf("%-36s %6s %12s %10s%s\n", name, bits,
           bd_text_bytes(size, sizeof size, point->result->bytes), sqnr,
           t->dials[point->layer].locked ? "  held" : "");
  }
  printf("\n%s, %.3f bits/weight of %.3f allowed; sum of relative errors %.6g, %s\n",
         bd_text_bytes(size, sizeof size, t->totals.bytes), t->totals.bits_per_weight,
         8 * budget_of(t).limit / t->totals.weights, t->found.cost,
         t->found.optimal ? "the least there is" : "near the least");
}

static bd_status put_out(const tuning *t, bd_error *err) {
  if (t->options->output)
    BD_TRY(bd_config_write(t->options->output, t->work.model, t->dials, &t->totals, t->kept, err));
  if (t->options->json) return print_json(t, err);
  print_text(t);
  return bd_flush_output(err);
}

static bd_status tune(tuning *t, bd_error *err) {
  BD_TRY(bd_work_open(t->options, false, &t->work, err));
  BD_TRY(bd_options_dials(t->options, t->work.model, &t->dials, &t->kept, err));
  BD_TRY(allocate(t, err));
  BD_TRY(put_out(t, err));
  bd_warn_refused(&t->work, "left as they are: ", ": `bitdial layers` says why");
  return BD_OK;
}

bd_status bd_command_tune(const bd_options *options, bd_error *err) {
  tuning t = {.options = options};
  BD_TRY(check(options, &t.axes, err));
  bd_status status = tune(&t, err);
  close_tuning(&t);
  return status;
}
