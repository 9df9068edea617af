#include "core/base/json.h"
#include "core/base/text.h"
#include "core/study/json.h"
#include "tui/commands/tune.h"

#include <math.h>
#include <stdio.h>

// Sizes and errors are those of the allocation; a repair changes them.
static bool is_unrepaired(const bd_tuning *t) {
  return t->work.given.plan.how != BD_RECOVER_NONE;
}

// --- as JSON -------------------------------------------------------------------------------------

static cJSON *layers_json(const bd_tuning *t, const bd_proposal *best) {
  cJSON *layers = cJSON_CreateArray();
  for (int k = 0; k < t->count; k++) {
    const bd_point *point = &t->points.list[best->chosen[k]];
    const bd_stats *stats = bd_index_stats(t->work.studies[point->layer].index);
    cJSON *layer = bd_result_json(bd_model_layer(t->work.model, point->layer), point->result);
    bd_json_number(layer, "relative_sse", bd_relative_sse(point->result, stats));
    cJSON_AddBoolToObject(layer, "locked", t->work.given.dials[point->layer].locked);
    cJSON_AddItemToArray(layers, layer);
  }
  return layers;
}

static cJSON *measured_json(const bd_proposal *proposal, bool best) {
  const bd_evaluation *e = &proposal->figures;
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "objective", bd_objective_names[proposal->objective]);
  bd_json_number(object, "bytes", proposal->totals.bytes);
  bd_json_number(object, "bits_per_weight", proposal->totals.bits_per_weight);
  bd_json_number(object, "kl", bd_mean_value(&e->kl));
  bd_json_number(object, "kl_error", bd_mean_error(&e->kl));
  bd_json_number(object, "top1", bd_mean_value(&e->quantized.top1));
  bd_json_number(object, "float_top1", bd_mean_value(&e->real.top1));
  bd_json_number(object, "output_sqnr_db", bd_decibel(e->signal, e->noise));
  cJSON_AddBoolToObject(object, "chosen", best);
  return object;
}

static bd_status print_json(const bd_tuning *t, const bd_proposal *best, bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  bd_status status = bd_model_json(t->work.model, root, err);
  cJSON_AddStringToObject(root, "objective", bd_objective_names[best->objective]);
  bool bytes = t->budget.kind == BD_BUDGET_BYTES;
  bd_json_number(root, bytes ? "budget_bytes" : "budget_loss", t->budget.limit);
  bd_json_number(root, "cost", best->found.cost);
  bd_json_number(root, "bound", best->found.bound);
  cJSON_AddBoolToObject(root, "optimal", best->found.optimal);
  cJSON_AddItemToObject(root, "layers", layers_json(t, best));
  cJSON_AddItemToObject(root, "total", bd_totals_json(&best->totals));
  if (is_unrepaired(t)) cJSON_AddTrueToObject(root, "unrepaired");
  cJSON *measured = cJSON_AddArrayToObject(root, "measured");
  for (int i = 0; i < t->proposal_count; i++)
    if (t->proposals[i].measured)
      cJSON_AddItemToArray(measured, measured_json(&t->proposals[i], i == t->best));
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

// --- as text -------------------------------------------------------------------------------------

static void print_layer(const bd_tuning *t, const bd_point *point) {
  char name[512], bits[8], size[32], sqnr[32] = "exact";
  bd_text_escape(name, sizeof name, bd_model_layer(t->work.model, point->layer)->tensor);
  bd_setting_get(&point->setting, BD_FIELD_BITS, bits, sizeof bits);
  if (isfinite(point->result->sqnr_db))
    snprintf(sqnr, sizeof sqnr, "%.2f dB", point->result->sqnr_db);
  printf("%-36s %6s %12s %10s%s\n", name, bits,
         bd_text_bytes(size, sizeof size, point->result->bytes), sqnr,
         t->work.given.dials[point->layer].locked ? "  held" : "");
}

static void print_measured(const bd_proposal *proposal, bool best) {
  const bd_evaluation *e = &proposal->figures;
  char size[32], spread[32];
  printf("%s by %-8s %10s  KL %.5f %s", best ? "*" : " ", bd_objective_names[proposal->objective],
         bd_text_bytes(size, sizeof size, proposal->totals.bytes), bd_mean_value(&e->kl),
         bd_text_spread(spread, sizeof spread, 5, bd_mean_error(&e->kl)));
  if (e->real.top1.count > 0)
    printf("  top-1 %.2f → %.2f %%", 100 * bd_mean_value(&e->real.top1),
           100 * bd_mean_value(&e->quantized.top1));
  putchar('\n');
}

static bd_status print_text(const bd_tuning *t, const bd_proposal *best, bd_error *err) {
  char size[32];
  printf("%-36s %6s %12s %10s\n", "tensor", "bits", "size", "SQNR");
  for (int k = 0; k < t->count; k++)
    print_layer(t, &t->points.list[best->chosen[k]]);
  printf("\n%s, %.3f bits/weight; %s in all %.6g, %s\n",
         bd_text_bytes(size, sizeof size, best->totals.bytes), best->totals.bits_per_weight,
         bd_objective_names[best->objective], best->found.cost,
         best->found.optimal ? "the best there is" : "near the best");
  for (int i = 0; i < t->proposal_count; i++)
    if (t->proposals[i].measured) print_measured(&t->proposals[i], i == t->best);
  if (is_unrepaired(t))
    puts(
        "sizes and SQNR are those before the repair: `bitdial quantize --config` tells the others");
  return bd_flush_output(err);
}

bd_status bd_tuning_print(const bd_tuning *t, bd_error *err) {
  const bd_proposal *best = &t->proposals[t->best];
  return t->options->json ? print_json(t, best, err) : print_text(t, best, err);
}
