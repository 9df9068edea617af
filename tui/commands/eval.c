#include "tui/commands/network.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "tui/commands/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void show(void *arg, const bd_evaluation *so_far) {
  bd_bar_show(arg, (int)so_far->samples, (int)so_far->wanted);
}

// --- as JSON -------------------------------------------------------------------------------------

static void add_mean(cJSON *object, const char *key, const bd_mean *mean) {
  char error_key[64];
  if (mean->count == 0) return;
  snprintf(error_key, sizeof error_key, "%s_error", key);
  bd_json_number(object, key, bd_mean_value(mean));
  bd_json_number(object, error_key, bd_mean_error(mean));
}

static void add_accuracy(cJSON *root, const char *key, const bd_accuracy *accuracy) {
  cJSON *object = cJSON_AddObjectToObject(root, key);
  add_mean(object, "top1", &accuracy->top1);
  add_mean(object, "top5", &accuracy->top5);
  add_mean(object, "loss", &accuracy->loss);
}

static bd_status print_json(const bd_evaluation *e, bd_recovery recovery, double seconds,
                            bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  bd_json_number(root, "samples", (double)e->samples);
  add_accuracy(root, "float", &e->real);
  add_accuracy(root, "quantized", &e->quantized);
  bd_json_number(root, "agreement", bd_mean_value(&e->agreement));
  bd_json_number(root, "agreement_error", bd_mean_error(&e->agreement));
  bd_json_number(root, "kl", bd_mean_value(&e->kl));
  bd_json_number(root, "kl_error", bd_mean_error(&e->kl));
  bd_json_number(root, "output_sqnr_db", bd_decibel(e->signal, e->noise));
  cJSON_AddStringToObject(root, "recover", bd_recoveries[recovery].name);
  bd_json_number(root, "seconds", seconds);
  bd_status status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

// --- as text -------------------------------------------------------------------------------------

static void print_percent(const char *name, const bd_mean *real, const bd_mean *quantized) {
  if (real->count == 0) return;
  printf("%-10s %6.2f ± %.2f %%   %6.2f ± %.2f %%\n", name, 100 * bd_mean_value(real),
         100 * bd_mean_error(real), 100 * bd_mean_value(quantized), 100 * bd_mean_error(quantized));
}

static bd_status print_text(const bd_evaluation *e, double seconds, bd_error *err) {
  double sqnr = bd_decibel(e->signal, e->noise);
  printf("%lld samples in %.2f s\n\n%-10s %15s   %15s\n", (long long)e->samples, seconds, "",
         "float", "quantized");
  print_percent("top-1", &e->real.top1, &e->quantized.top1);
  print_percent("top-5", &e->real.top5, &e->quantized.top5);
  if (e->real.loss.count > 0)
    printf("%-10s %8.4f ± %.4f   %8.4f ± %.4f\n", "loss", bd_mean_value(&e->real.loss),
           bd_mean_error(&e->real.loss), bd_mean_value(&e->quantized.loss),
           bd_mean_error(&e->quantized.loss));
  if (e->kl.count > 0)
    printf("%-10s %33.2f ± %.2f %%\n%-10s %33.5f ± %.5f\n", "agreement",
           100 * bd_mean_value(&e->agreement), 100 * bd_mean_error(&e->agreement), "KL",
           bd_mean_value(&e->kl), bd_mean_error(&e->kl));
  if (isfinite(sqnr))
    printf("%-10s %33.2f dB\n", "SQNR", sqnr);
  else
    printf("%-10s %33s\n", "SQNR", "exact");
  return bd_flush_output(err);
}

// --- the work ------------------------------------------------------------------------------------

static bd_status evaluate(const bd_options *options, const bd_network *network, const bd_swap *swap,
                          const int64_t *labels, bd_error *err) {
  static const size_t no_memory = 0; // each sample is seen once: nothing to keep
  bd_evaluation result;
  bd_eval *eval;
  BD_TRY(bd_eval_new(network->engine, network->data, labels, no_memory, &eval, err));
  bd_bar bar = bd_bar_start("samples");
  double start = bd_seconds();
  bd_status status =
      bd_eval_run(eval, swap, options->threads, bd_interrupt(), show, &bar, &result, err);
  double seconds = bd_seconds() - start;
  bd_bar_end(&bar);
  bd_eval_free(eval);
  BD_TRY(status);
  return options->json ? print_json(&result, options->recover, seconds, err)
                       : print_text(&result, seconds, err);
}

// What can be wrong with the data is found before the time is spent on quantizing.
static bd_status eval_model(const bd_options *options, bd_work *work, bd_error *err) {
  bd_network network;
  bd_swap *swap = NULL;
  int64_t *labels = NULL;
  BD_TRY(bd_network_open(options, work->model, NULL, &network, err));
  bd_status status = bd_data_labels(network.data, options->labels, &labels, err);
  if (status == BD_OK) status = bd_work_study(options, true, work, err);
  if (status == BD_OK) status = bd_network_recover(options, &network, work, err);
  if (status == BD_OK) status = bd_network_swap(&network, work, &swap, err);
  if (status == BD_OK) status = evaluate(options, &network, swap, labels, err);
  free(labels);
  bd_swap_free(swap);
  bd_network_close(&network);
  return status;
}

bd_status bd_command_eval(const bd_options *options, bd_error *err) {
  bd_work work;
  BD_TRY(bd_work_model(options, &work, err));
  bd_status status = eval_model(options, &work, err);
  if (status == BD_OK) bd_warn_refused(&work, "left as they are: ", ": `bitdial layers` says why");
  bd_work_close(&work);
  return status;
}
