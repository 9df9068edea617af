#include "tui/commands/network.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/study/local.h"
#include "tui/commands/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// What an evaluation knows of each layer alone: its local error.
typedef struct layer_errors {
  const bd_model *model;
  bd_local *sums;  // by layer
  int64_t samples; // that they are of; 0: not known
} layer_errors;

static void add_layers(cJSON *root, const layer_errors *errors) {
  cJSON *layers = cJSON_AddArrayToObject(root, "layers");
  bd_json_number(root, "local_samples", (double)errors->samples);
  for (int i = 0; i < bd_model_layer_count(errors->model); i++) {
    const bd_local *sum = &errors->sums[i];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "tensor", bd_model_layer(errors->model, i)->tensor);
    bd_json_number(object, "local_sqnr_db", bd_decibel(sum->signal, sum->noise));
    cJSON_AddItemToArray(layers, object);
  }
}

static bd_status print_json(const bd_evaluation *e, const layer_errors *errors,
                            bd_recovery recovery, double seconds, bd_error *err) {
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
  add_layers(root, errors);
  bd_status status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

// --- as text -------------------------------------------------------------------------------------

static void print_percent(const char *name, const bd_mean *real, const bd_mean *quantized) {
  char one[32], two[32];
  if (real->count == 0) return;
  printf("%-10s %6.2f %s %%   %6.2f %s %%\n", name, 100 * bd_mean_value(real),
         bd_text_spread(one, sizeof one, 2, 100 * bd_mean_error(real)),
         100 * bd_mean_value(quantized),
         bd_text_spread(two, sizeof two, 2, 100 * bd_mean_error(quantized)));
}

static void print_loss(const bd_mean *real, const bd_mean *quantized) {
  char one[32], two[32];
  if (real->count == 0) return;
  printf("%-10s %8.4f %s   %8.4f %s\n", "loss", bd_mean_value(real),
         bd_text_spread(one, sizeof one, 4, bd_mean_error(real)), bd_mean_value(quantized),
         bd_text_spread(two, sizeof two, 4, bd_mean_error(quantized)));
}

static void print_agreement(const bd_evaluation *e) {
  char one[32], two[32];
  if (e->kl.count == 0) return;
  printf("%-10s %33.2f %s %%\n%-10s %33.5f %s\n", "agreement", 100 * bd_mean_value(&e->agreement),
         bd_text_spread(one, sizeof one, 2, 100 * bd_mean_error(&e->agreement)), "KL",
         bd_mean_value(&e->kl), bd_text_spread(two, sizeof two, 5, bd_mean_error(&e->kl)));
}

static bd_status print_text(const bd_evaluation *e, double seconds, bd_error *err) {
  double sqnr = bd_decibel(e->signal, e->noise);
  printf("%lld samples in %.2f s\n\n%-10s %15s   %15s\n", (long long)e->samples, seconds, "",
         "float", "quantized");
  print_percent("top-1", &e->real.top1, &e->quantized.top1);
  print_percent("top-5", &e->real.top5, &e->quantized.top5);
  print_loss(&e->real.loss, &e->quantized.loss);
  print_agreement(e);
  if (isfinite(sqnr))
    printf("%-10s %33.2f dB\n", "SQNR", sqnr);
  else
    printf("%-10s %33s\n", "SQNR", "exact");
  return bd_flush_output(err);
}

// --- each layer alone ----------------------------------------------------------------------------

static bd_status add_layer(const bd_options *options, const bd_work *work, const bd_engine *apart,
                           bd_locals *locals, int layer, bd_local *sum, bd_error *err) {
  bd_swap *swap;
  BD_TRY(bd_swap_new(apart, &swap, err));
  bd_status status =
      bd_repair_set(swap, work->model, layer, &work->studies[layer], work->repair, err);
  if (status == BD_OK)
    status = bd_locals_add(locals, swap, layer, options->threads, bd_interrupt(), sum, err);
  bd_swap_free(swap);
  return status;
}

static bd_status add_all(const bd_options *options, const bd_work *work, const bd_engine *apart,
                         bd_locals *locals, layer_errors *errors, bd_error *err) {
  for (int64_t first = 0, held; first < bd_locals_runs(locals); first += held) {
    BD_TRY(bd_locals_load(locals, first, options->threads, bd_interrupt(), &held, err));
    for (int i = 0; i < bd_model_layer_count(work->model); i++)
      if (work->studies[i].index)
        BD_TRY(add_layer(options, work, apart, locals, i, &errors->sums[i], err));
  }
  return BD_OK;
}

static bd_status measure_layers(const bd_options *options, const bd_network *network,
                                const bd_work *work, layer_errors *errors, bd_error *err) {
  enum { ACTIVATIONS = 256 << 20 }; // bytes
  bd_engine_options wanted = {.memory = options->memory, .apart = true, .cancel = bd_interrupt()};
  bd_engine *apart;
  bd_locals *locals;
  BD_TRY(bd_engine_compile(work->model, bd_data_inputs(network->data), &wanted, &apart, err));
  bd_status status =
      bd_locals_new(apart, network->data, BD_LOCAL_SAMPLES, ACTIVATIONS, &locals, err);
  if (status == BD_OK) status = add_all(options, work, apart, locals, errors, err);
  if (status == BD_OK) errors->samples = bd_locals_samples(locals);
  bd_locals_free(locals);
  bd_engine_free(apart);
  return status;
}

// The figures of the whole network stand without them.
static bd_status print_with_layers(const bd_options *options, const bd_network *network,
                                   const bd_work *work, const bd_evaluation *result, double seconds,
                                   bd_error *err) {
  layer_errors errors = {.model = work->model};
  bd_error why;
  size_t count = (size_t)bd_model_layer_count(work->model);
  errors.sums = calloc(count + 1, sizeof *errors.sums);
  if (!errors.sums) return bd_fail_memory(err, "the layers' errors");
  bd_status status = measure_layers(options, network, work, &errors, &why);
  if (status != BD_OK && status != BD_CANCELLED) {
    fprintf(stderr, "bitdial: the errors of single layers are left out: %s\n", why.text);
    memset(errors.sums, 0, count * sizeof *errors.sums);
    status = BD_OK;
  }
  if (status == BD_OK) status = print_json(result, &errors, work->given.plan.how, seconds, err);
  free(errors.sums);
  return status;
}

// --- the work ------------------------------------------------------------------------------------

static bd_status evaluate(const bd_options *options, const bd_network *network, const bd_work *work,
                          const bd_swap *swap, const int64_t *labels, bd_error *err) {
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
  return options->json ? print_with_layers(options, network, work, &result, seconds, err)
                       : print_text(&result, seconds, err);
}

// What can be wrong with the data is found before the time is spent on quantizing.
static bd_status eval_model(const bd_options *options, bd_work *work, bd_error *err) {
  bd_network network;
  bd_swap *swap = NULL;
  int64_t *labels = NULL;
  BD_TRY(bd_network_open(options, work->model, &work->given.plan, bd_interrupt(), &network, err));
  bd_status status = bd_data_labels(network.data, options->labels, &labels, err);
  if (status == BD_OK) status = bd_work_study(options, true, work, err);
  if (status == BD_OK) status = bd_network_recover(options, &network, work, err);
  if (status == BD_OK) status = bd_network_swap(&network, work, &swap, err);
  if (status == BD_OK) status = evaluate(options, &network, work, swap, labels, err);
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
