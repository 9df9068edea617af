#include "core/study/local.h"

#include "core/engine/parallel.h"

#include <stdlib.h>

// --- one layer on one run ------------------------------------------------------------------------

bd_status bd_local_real(const bd_run *run, int layer, bd_tensor *out, bd_error *err) {
  bd_status status = bd_run_layer_output(run, layer, out, err);
  if (status == BD_OK && out->type == BD_TYPE_FLOAT) return BD_OK;
  if (status == BD_OK) free(out->data);
  out->data = NULL;
  return status == BD_INVALID ? BD_OK : status;
}

bd_status bd_local_add(bd_run *run, const bd_swap *swap, int layer, const bd_tensor *real,
                       bd_local *sum, bd_error *err) {
  bd_tensor other;
  if (!real->data) return BD_OK;
  BD_TRY(bd_run_layer(run, swap, layer, err));
  BD_TRY(bd_run_layer_output(run, layer, &other, err));
  const float *y = real->data, *z = other.data;
  for (int64_t i = 0; i < real->count && i < other.count; i++) {
    double d = (double)y[i] - (double)z[i];
    sum->signal += (double)y[i] * (double)y[i];
    sum->noise += d * d;
  }
  free(other.data);
  return BD_OK;
}

// --- on the first samples ------------------------------------------------------------------------

struct bd_locals {
  const bd_engine *engine;
  const bd_data *data;
  const bd_cancel *cancel; // of the load under way
  int64_t total, room;     // runs of the samples; that fit at a time
  int64_t held;
  bd_run **runs;  // `room` of them, made when first used
  bd_local *sums; // by run held, of the layer at hand
};

bd_status bd_locals_new(const bd_engine *apart, const bd_data *data, int64_t samples, size_t memory,
                        bd_locals **out, bd_error *err) {
  enum { BESIDES = 64 << 10 }; // what a run takes beside its activations, at most
  size_t each = bd_engine_memory_of(apart).run_kept + BESIDES;
  int64_t batch = bd_data_batch(data), total = (samples + batch - 1) / batch;
  bd_locals *locals = *out = calloc(1, sizeof *locals);
  if (!locals) return bd_fail_memory(err, "the local errors");
  locals->engine = apart;
  locals->data = data;
  locals->total = total < bd_data_runs(data) ? total : bd_data_runs(data);
  locals->room = memory / each < (size_t)locals->total ? (int64_t)(memory / each) : locals->total;
  if (locals->room < 1) locals->room = 1;
  locals->runs = calloc((size_t)locals->room, sizeof(bd_run *));
  locals->sums = calloc((size_t)locals->room, sizeof *locals->sums);
  if (locals->runs && locals->sums) return BD_OK;
  bd_locals_free(locals);
  *out = NULL;
  return bd_fail_memory(err, "the local errors");
}

void bd_locals_free(bd_locals *locals) {
  if (!locals) return;
  for (int64_t i = 0; locals->runs && i < locals->room; i++)
    bd_run_free(locals->runs[i]);
  free(locals->runs);
  free(locals->sums);
  free(locals);
}

int64_t bd_locals_runs(const bd_locals *locals) {
  return locals->total;
}

static int64_t samples_of(const bd_locals *locals, int64_t first, int64_t runs) {
  int64_t batch = bd_data_batch(locals->data);
  int64_t left = bd_data_samples(locals->data) - first * batch;
  return left < runs * batch ? left : runs * batch;
}

int64_t bd_locals_samples(const bd_locals *locals) {
  return samples_of(locals, 0, locals->total);
}

static bd_status load_run(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                          bd_error *err) {
  (void)thread;
  bd_locals *locals = arg;
  bd_run **run = &locals->runs[index];
  if (!*run) BD_TRY(bd_run_new(locals->engine, true, run, err));
  return bd_run_all(*run, NULL, inputs, locals->cancel, err);
}

bd_status bd_locals_load(bd_locals *locals, int64_t first, int threads, const bd_cancel *cancel,
                         int64_t *held, bd_error *err) {
  int64_t batch = bd_data_batch(locals->data), left = locals->total - first;
  locals->held = *held = left < locals->room ? left : locals->room;
  locals->cancel = cancel;
  bd_data *part;
  BD_TRY(bd_data_part(locals->data, first * batch, samples_of(locals, first, *held), &part, err));
  bd_status status = bd_for_runs(part, *held, bd_threads(threads), cancel, load_run, locals, err);
  bd_data_free(part);
  return status;
}

typedef struct measuring {
  bd_locals *locals;
  const bd_swap *swap;
  int layer;
} measuring;

// The model's own weights once more, and the float activations are as they were.
static bd_status measure(void *arg, int thread, int64_t number, bd_error *err) {
  (void)thread;
  const measuring *m = arg;
  bd_run *run = m->locals->runs[number];
  bd_local *sum = &m->locals->sums[number];
  bd_tensor real;
  *sum = (bd_local){0};
  BD_TRY(bd_local_real(run, m->layer, &real, err));
  bd_status status = bd_local_add(run, m->swap, m->layer, &real, sum, err);
  free(real.data);
  return status == BD_OK ? bd_run_layer(run, NULL, m->layer, err) : status;
}

bd_status bd_locals_add(bd_locals *locals, const bd_swap *swap, int layer, int threads,
                        const bd_cancel *cancel, bd_local *sum, bd_error *err) {
  measuring m = {locals, swap, layer};
  BD_TRY(bd_for_each(locals->held, bd_threads(threads), cancel, measure, &m, err));
  for (int64_t i = 0; i < locals->held; i++) {
    sum->signal += locals->sums[i].signal;
    sum->noise += locals->sums[i].noise;
  }
  return BD_OK;
}
