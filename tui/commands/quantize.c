#include "tui/commands/commands.h"

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/study/json.h"
#include "tui/commands/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bd_totals totals_of(const bd_work *work) {
  bd_totals totals = {0};
  for (int i = 0; i < bd_model_layer_count(work->model); i++)
    if (work->studies[i].result)
      bd_totals_add(&totals, work->studies[i].result, bd_index_stats(work->studies[i].index));
  bd_totals_close(&totals);
  return totals;
}

static cJSON *refused_json(const bd_work *work) {
  cJSON *list = cJSON_CreateArray();
  for (int i = 0; i < bd_model_layer_count(work->model); i++) {
    if (!work->studies[i].refused) continue;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "tensor", bd_model_layer(work->model, i)->tensor);
    cJSON_AddStringToObject(object, "why", work->studies[i].refused);
    cJSON_AddItemToArray(list, object);
  }
  return list;
}

static bd_status print_json(const bd_work *work, const bd_totals *totals, bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  bd_status status = bd_model_json(work->model, root, err);
  cJSON *layers = cJSON_AddArrayToObject(root, "layers");
  for (int i = 0; i < bd_model_layer_count(work->model); i++)
    if (work->studies[i].result)
      cJSON_AddItemToArray(layers,
                           bd_result_json(bd_model_layer(work->model, i), work->studies[i].result));
  cJSON_AddItemToObject(root, "refused", refused_json(work));
  cJSON_AddItemToObject(root, "total", bd_totals_json(totals));
  bd_recovery how = work->repair ? work->repair->how : BD_RECOVER_NONE;
  cJSON_AddStringToObject(root, "recover", bd_recoveries[how].name);
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

static void print_row(const char *name, const bd_result *result) {
  char bits[8], sqnr[16] = "exact", optimum[16] = "-", size[32];
  bd_setting_get(&result->setting, BD_FIELD_BITS, bits, sizeof bits);
  if (isfinite(result->sqnr_db)) snprintf(sqnr, sizeof sqnr, "%.2f dB", result->sqnr_db);
  if (isfinite(result->optimum_ratio))
    snprintf(optimum, sizeof optimum, "%s%.6f", result->proved ? "" : "<= ", result->optimum_ratio);
  printf("%-36s %5s %6.1f%% %6d %10s %12s %8.3f %12s\n", name, bits, result->setting.prune * 100,
         result->most_levels, sqnr, optimum, result->bits_per_weight,
         bd_text_bytes(size, sizeof size, result->bytes));
}

static void print_table(const bd_work *work, const bd_totals *totals) {
  printf("%-36s %5s %7s %6s %10s %12s %8s %12s\n", "tensor", "bits", "prune", "levels", "SQNR",
         "x optimum", "bits/w", "size");
  for (int i = 0; i < bd_model_layer_count(work->model); i++) {
    char name[512];
    bd_text_escape(name, sizeof name, bd_model_layer(work->model, i)->tensor);
    if (work->studies[i].result) print_row(name, work->studies[i].result);
  }
  char before[32], after[32], weights[32], sqnr[32] = "exact";
  if (isfinite(totals->sqnr_db)) snprintf(sqnr, sizeof sqnr, "%.2f dB", totals->sqnr_db);
  printf("\n%s weights, %s -> %s, %.1fx, %.3f bits/weight (entropy %.3f), SQNR %s\n",
         bd_text_count(weights, sizeof weights, (int64_t)totals->weights),
         bd_text_bytes(before, sizeof before, totals->bytes_float),
         bd_text_bytes(after, sizeof after, totals->bytes), totals->ratio, totals->bits_per_weight,
         totals->entropy_bits, sqnr);
}

// The model first: where it cannot be written, nothing is printed as if it had been.
static bd_status put_out(const bd_options *options, const bd_work *work, bd_error *err) {
  if (options->output)
    BD_TRY(bd_study_save(work->model, work->studies, work->repair, options->output, err));
  bd_totals totals = totals_of(work);
  if (options->json)
    BD_TRY(print_json(work, &totals, err));
  else if (!options->output || strcmp(options->output, "-") != 0)
    print_table(work, &totals);
  return bd_flush_output(err);
}

bd_status bd_command_quantize(const bd_options *options, bd_error *err) {
  bool piped = options->output && strcmp(options->output, "-") == 0;
  if (piped && options->json)
    return bd_fail(err, BD_INVALID,
                   "-o - and --json both want standard output: name a file for -o");
  bd_work work;
  BD_TRY(bd_work_model(options, &work, err));
  bd_status status = bd_work_check_data(options, &work, err);
  if (status == BD_OK) status = bd_work_study(options, true, &work, err);
  if (status == BD_OK) status = bd_work_repair(options, &work, err);
  if (status == BD_OK && work.repair)
    status = bd_repair_measure(work.repair, work.model, work.studies, err);
  if (status == BD_OK) status = put_out(options, &work, err);
  if (status == BD_OK) bd_warn_refused(&work, "left as they are: ", ": `bitdial layers` says why");
  bd_work_close(&work);
  return status;
}
