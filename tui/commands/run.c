#include "tui/commands/network.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/engine/npy.h"
#include "core/engine/parallel.h"
#include "tui/commands/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The outputs of every run, gathered by the workers.
typedef struct gathering {
  const bd_network *network;
  const bd_swap *swap;
  bd_run **runs;      // by thread
  bd_tensor *outputs; // [run][output], data owned
  int count;          // outputs
  pthread_mutex_t lock;
  bd_bar bar;
  int64_t done;
  bd_error warning; // of outputs that are NaN
} gathering;

static bd_status keep(gathering *g, const bd_run *run, int64_t index, bd_error *err) {
  for (int i = 0; i < g->count; i++) {
    const bd_tensor *from = bd_run_output(run, i);
    bd_tensor *to = &g->outputs[index * g->count + i];
    *to = *from;
    to->data = malloc(bd_tensor_bytes(from) + 1);
    if (!to->data) return bd_fail_memory(err, "the outputs");
    memcpy(to->data, from->data, bd_tensor_bytes(from));
  }
  return BD_OK;
}

static bd_status run_one(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                         bd_error *err) {
  gathering *g = arg;
  if (!g->runs[thread]) BD_TRY(bd_run_new(g->network->engine, false, &g->runs[thread], err));
  BD_TRY(bd_run_all(g->runs[thread], g->swap, inputs, bd_interrupt(), err));
  BD_TRY(keep(g, g->runs[thread], index, err));
  bd_error warning;
  bool nan = bd_run_check(g->runs[thread], g->swap, inputs, &warning) != BD_OK;
  pthread_mutex_lock(&g->lock);
  if (nan && !*g->warning.text) g->warning = warning;
  g->done++;
  bd_bar_show(&g->bar, (int)g->done, (int)bd_data_runs(g->network->data));
  pthread_mutex_unlock(&g->lock);
  return BD_OK;
}

// One output of all runs, one after the other on axis 0; what the last batch repeated is left out.
static bd_status stack(const gathering *g, int output, const char *name, bd_tensor *out,
                       bd_error *err) {
  int64_t runs = bd_data_runs(g->network->data), batch = bd_data_batch(g->network->data);
  int64_t samples = bd_data_samples(g->network->data);
  const bd_tensor *first = &g->outputs[output];
  bool by_sample = first->rank > 0 && first->dims[0] == batch;
  int64_t dims[BD_DIMS_MAX], rows = 0;
  if (runs == 1 && samples == batch) {
    *out = *first;
    out->data = malloc(bd_tensor_bytes(first) + 1);
    if (out->data) memcpy(out->data, first->data, bd_tensor_bytes(first));
    return out->data ? BD_OK : bd_fail_memory(err, name);
  }
  for (int64_t r = 0; r < runs; r++) {
    const bd_tensor *each = &g->outputs[r * g->count + output];
    for (int i = 0; i < each->rank; i++)
      if (each->rank != first->rank || (i && each->dims[i] != first->dims[i]))
        return bd_fail(err, BD_INVALID,
                       "output %s: its shape changes from sample to sample: give "
                       "one sample with --limit 1",
                       name);
    rows += each->rank ? each->dims[0] : 1;
  }
  memcpy(dims, first->dims, sizeof dims);
  dims[0] = by_sample ? samples : rows;
  bd_tensor_shape(out, first->type, first->rank ? first->rank : 1, dims);
  out->data =
      malloc((size_t)(rows + 1) * (first->rank ? bd_tensor_bytes(first) /
                                                     (size_t)(first->dims[0] ? first->dims[0] : 1)
                                               : bd_tensor_bytes(first)) +
             1);
  if (!out->data) return bd_fail_memory(err, name);
  char *to = out->data;
  for (int64_t r = 0; r < runs; r++) {
    const bd_tensor *each = &g->outputs[r * g->count + output];
    memcpy(to, each->data, bd_tensor_bytes(each));
    to += bd_tensor_bytes(each);
  }
  return BD_OK;
}

static bd_status write_outputs(const bd_options *options, const bd_model *model, const gathering *g,
                               bd_error *err) {
  const bd_model_info *info = bd_model_about(model);
  bd_tensor *stacked = calloc((size_t)g->count + 1, sizeof *stacked);
  const char **names = calloc((size_t)g->count + 1, sizeof *names);
  bd_status status = stacked && names ? BD_OK : bd_fail_memory(err, "the outputs");
  for (int i = 0; i < g->count && status == BD_OK; i++) {
    names[i] = info->outputs[i].name;
    status = stack(g, i, names[i], &stacked[i], err);
  }
  if (status == BD_OK) status = bd_npz_write(options->output, names, stacked, g->count, err);
  for (int i = 0; stacked && i < g->count; i++)
    free(stacked[i].data);
  free(stacked);
  free(names);
  return status;
}

static bd_status print_result(const bd_options *options, const bd_network *network, double seconds,
                              bd_error *err) {
  int64_t samples = bd_data_samples(network->data);
  bd_engine_memory memory = bd_engine_memory_of(network->engine);
  if (!options->json) {
    if (strcmp(options->output, "-") == 0) return BD_OK;
    printf("%lld samples in %.3f s (compiled in %.3f s): %s\n", (long long)samples, seconds,
           network->compile_seconds, options->output);
    return bd_flush_output(err);
  }
  cJSON *root = cJSON_CreateObject();
  bd_json_number(root, "samples", (double)samples);
  bd_json_number(root, "seconds", seconds);
  bd_json_number(root, "compile_seconds", network->compile_seconds);
  bd_json_number(root, "plan_bytes", (double)memory.plan);
  bd_json_number(root, "run_bytes", (double)memory.run);
  bd_status status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

static bd_status run_all(const bd_options *options, const bd_model *model,
                         const bd_network *network, const bd_swap *swap, bd_error *err) {
  int threads = bd_threads(options->threads);
  int64_t runs = bd_data_runs(network->data);
  gathering g = {.network = network, .swap = swap, .bar = bd_bar_start("runs")};
  g.count = bd_engine_output_count(network->engine);
  g.runs = calloc((size_t)threads, sizeof *g.runs);
  g.outputs = calloc((size_t)(runs * g.count) + 1, sizeof *g.outputs);
  pthread_mutex_init(&g.lock, NULL);
  double start = bd_seconds();
  bd_status status = g.runs && g.outputs ? bd_for_runs(network->data, runs, threads, bd_interrupt(),
                                                       run_one, &g, err)
                                         : bd_fail_memory(err, "the outputs");
  double seconds = bd_seconds() - start;
  bd_bar_end(&g.bar);
  if (*g.warning.text) fprintf(stderr, "bitdial: warning: %s\n", g.warning.text);
  if (status == BD_OK) status = write_outputs(options, model, &g, err);
  if (status == BD_OK) status = print_result(options, network, seconds, err);
  for (int i = 0; g.runs && i < threads; i++)
    bd_run_free(g.runs[i]);
  for (int64_t i = 0; g.outputs && i < runs * g.count; i++)
    free(g.outputs[i].data);
  pthread_mutex_destroy(&g.lock);
  free(g.runs);
  free(g.outputs);
  return status;
}

static bd_status run_model(const bd_options *options, bd_work *work, bd_error *err) {
  bd_network network;
  bd_swap *swap = NULL;
  BD_TRY(bd_network_open(options, work->model, &work->given.plan, bd_interrupt(), &network, err));
  bool quantize = bd_options_quantize(options);
  bd_status status = quantize ? bd_work_study(options, true, work, err) : BD_OK;
  if (status == BD_OK && quantize) status = bd_network_recover(options, &network, work, err);
  if (status == BD_OK && quantize) status = bd_network_swap(&network, work, &swap, err);
  if (status == BD_OK) status = run_all(options, work->model, &network, swap, err);
  bd_swap_free(swap);
  bd_network_close(&network);
  return status;
}

bd_status bd_command_run(const bd_options *options, bd_error *err) {
  bd_work work;
  if (!options->output)
    return bd_fail(err, BD_INVALID, "run: needs a place for the outputs: give -o OUT.npz");
  BD_TRY(bd_work_model(options, &work, err));
  bd_status status = run_model(options, &work, err);
  bd_work_close(&work);
  return status;
}
