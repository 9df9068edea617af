#include "core/study/local.h"

#include "core/engine/parallel.h"

#include <stdlib.h>
#include <string.h>

// --- one layer on one run ------------------------------------------------------------------------

// Σ (y − z)², z NULL: Σ y²; in lanes, so that it takes several elements at a time.
static double squares(const float *y, const float *z, int64_t count) {
  enum { LANES = 16 };
  double lanes[LANES] = {0}, sum = 0;
  int64_t whole = count / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) {
      double d = (double)y[i + k] - (z ? (double)z[i + k] : 0);
      lanes[k] += d * d;
    }
  for (int64_t i = whole; i < count; i++) {
    double d = (double)y[i] - (z ? (double)z[i] : 0);
    lanes[0] += d * d;
  }
  for (int k = 0; k < LANES; k++)
    sum += lanes[k];
  return sum;
}

bd_status bd_local_real(const bd_run *run, int layer, bd_local_output *out, bd_error *err) {
  const bd_tensor *view = bd_run_layer_view(run, layer);
  out->count = view && view->type == BD_TYPE_FLOAT ? view->count : 0;
  if (out->count > out->room) {
    free(out->values);
    out->values = malloc((size_t)out->count * sizeof *out->values);
    out->room = out->values ? out->count : 0;
    if (!out->values) return bd_fail_memory(err, "a layer's output");
  }
  if (out->count) memcpy(out->values, view->data, bd_tensor_bytes(view));
  out->signal = squares(out->values, NULL, out->count);
  return BD_OK;
}

void bd_local_free(bd_local_output *output) {
  free(output->values);
  *output = (bd_local_output){0};
}

bd_status bd_local_add(bd_run *run, const bd_swap *swap, int layer, const bd_local_output *real,
                       bd_local *sum, bd_error *err) {
  if (!real->count) return BD_OK;
  BD_TRY(bd_run_layer(run, swap, layer, err));
  const bd_tensor *other = bd_run_layer_view(run, layer);
  if (!other || other->count != real->count) return BD_OK; // its shape depends on the weights
  sum->signal += real->signal;
  sum->noise += squares(real->values, other->data, real->count);
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
  bd_local_output real = {0};
  *sum = (bd_local){0};
  BD_TRY(bd_local_real(run, m->layer, &real, err));
  bd_status status = bd_local_add(run, m->swap, m->layer, &real, sum, err);
  bd_local_free(&real);
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
