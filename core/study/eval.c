#include "core/study/eval.h"

#include "core/base/clock.h"
#include "core/engine/parallel.h"
#include "core/study/outputs.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bd_eval {
  const bd_engine *engine;
  const bd_data *data;
  const int64_t *labels;
  int outputs;
  size_t memory, kept_bytes;
  float **kept;  // by run: the float network's outputs, one after the other, or NULL
  bd_run **held; // by run: with its activations, or NULL; the first held_count
  int64_t held_count;
};

// One bd_eval_run.
typedef struct job {
  bd_eval *eval;
  const bd_swap *swap;
  const bd_cancel *cancel;
  bd_run **runs; // by thread
  bd_verdict *results;
  pthread_mutex_t lock; // of results, the memory account and progress
  bd_eval_progress progress;
  void *arg;
  double told; // when progress was reported last
} job;

static const double every = 0.02; // s between two reports

bd_status bd_eval_new(const bd_engine *engine, const bd_data *data, const int64_t *labels,
                      size_t memory, bd_eval **out, bd_error *err) {
  bd_eval *eval = *out = calloc(1, sizeof *eval);
  if (!eval) return bd_fail_memory(err, "the evaluation");
  eval->engine = engine;
  eval->data = data;
  eval->labels = labels;
  eval->memory = memory;
  eval->outputs = bd_engine_output_count(engine);
  eval->kept = calloc((size_t)bd_data_runs(data) + 1, sizeof *eval->kept);
  eval->held = calloc((size_t)bd_data_runs(data) + 1, sizeof(bd_run *));
  if (eval->kept && eval->held) return BD_OK;
  bd_eval_free(eval);
  *out = NULL;
  return bd_fail_memory(err, "the evaluation");
}

void bd_eval_free(bd_eval *eval) {
  if (!eval) return;
  for (int64_t i = 0; eval->kept && i < bd_data_runs(eval->data); i++)
    free(eval->kept[i]);
  for (int64_t i = 0; eval->held && i < bd_data_runs(eval->data); i++)
    bd_run_free(eval->held[i]);
  free(eval->kept);
  free(eval->held);
  free(eval);
}

int64_t bd_eval_keep(bd_eval *eval, size_t bytes) {
  enum { BESIDES = 64 << 10 }; // what a run takes beside its activations, at most
  size_t each = bd_engine_memory_of(eval->engine).run_kept + BESIDES;
  int64_t runs = bd_data_runs(eval->data);
  eval->held_count = bytes / each < (size_t)runs ? (int64_t)(bytes / each) : runs;
  return eval->held_count;
}

// --- the sum -------------------------------------------------------------------------------------

static void add_accuracy(bd_accuracy *accuracy, const bd_marks *marks) {
  bd_mean_add(&accuracy->top1, marks->top1);
  bd_mean_add(&accuracy->top5, marks->top5);
  bd_mean_add(&accuracy->loss, marks->loss);
}

// In the order of the samples, so that the figures do not depend on the threads.
static void sum_up(const job *j, bd_evaluation *out) {
  *out = (bd_evaluation){.wanted = bd_data_samples(j->eval->data)};
  for (int64_t i = 0; i < out->wanted; i++) {
    const bd_verdict *result = &j->results[i];
    if (!result->done) continue;
    out->samples++;
    if (result->labelled) add_accuracy(&out->real, &result->real);
    if (!j->swap) continue; // there is nothing to compare with
    if (result->labelled) add_accuracy(&out->quantized, &result->other);
    if (result->classes) {
      bd_mean_add(&out->agreement, result->likeness.agree);
      bd_mean_add(&out->kl, result->likeness.kl);
    }
    out->signal += result->likeness.signal;
    out->noise += result->likeness.noise;
  }
}

// --- one run -------------------------------------------------------------------------------------

// The float network's outputs: kept ones, or computed now (and kept where there is room).
static bd_status real_outputs(job *j, bd_run *run, int64_t index, const bd_tensor *inputs,
                              float **out, bool *owned, bd_error *err) {
  bd_eval *eval = j->eval;
  *owned = false;
  *out = eval->kept[index];
  if (*out) return BD_OK;
  BD_TRY(bd_run_all(run, NULL, inputs, j->cancel, err));
  BD_TRY(bd_run_check(run, NULL, inputs, err));
  int64_t count;
  *out = bd_outputs_copy(run, eval->outputs, &count);
  if (!*out) return bd_fail_memory(err, "the outputs");
  size_t bytes = (size_t)count * sizeof **out;
  pthread_mutex_lock(&j->lock);
  *owned = eval->kept_bytes + bytes > eval->memory;
  if (!*owned) {
    eval->kept[index] = *out;
    eval->kept_bytes += bytes;
  }
  pthread_mutex_unlock(&j->lock);
  return BD_OK;
}

// Summing up takes time that grows with the samples: not after each of many.
static bool is_due(job *j) {
  double now = bd_seconds();
  if (now - j->told < every) return false;
  j->told = now;
  return true;
}

static void report(job *j, int64_t index, const bd_verdict *results, int64_t count) {
  pthread_mutex_lock(&j->lock);
  memcpy(j->results + index * bd_data_batch(j->eval->data), results,
         (size_t)count * sizeof *results);
  if (j->progress && is_due(j)) {
    bd_evaluation so_far;
    sum_up(j, &so_far);
    j->progress(j->arg, &so_far);
  }
  pthread_mutex_unlock(&j->lock);
}

static bd_status judge_all(job *j, const bd_run *run, int64_t index, const float *real,
                           const float *other, bd_error *err) {
  const bd_eval *eval = j->eval;
  int64_t batch = bd_data_batch(eval->data), first = index * batch;
  int64_t left = bd_data_samples(eval->data) - first, count = left < batch ? left : batch;
  bd_verdict *results = calloc((size_t)count, sizeof *results);
  if (!results) return bd_fail_memory(err, "the evaluation");
  bd_status status = BD_OK;
  for (int64_t i = 0; i < count && status == BD_OK; i++)
    status = bd_outputs_judge(run, eval->outputs, real, other, batch, i, first + i,
                              eval->labels ? &eval->labels[first + i] : NULL, &results[i], err);
  if (status == BD_OK) report(j, index, results, count);
  free(results);
  return status;
}

// The sample's own run where activations are kept, else the thread's.
static bd_status run_of(const job *j, int thread, int64_t index, bd_run **out, bd_error *err) {
  const bd_eval *eval = j->eval;
  bool own = index < eval->held_count;
  bd_run **place = own ? &eval->held[index] : &j->runs[thread];
  if (!*place) BD_TRY(bd_run_new(eval->engine, own, place, err));
  *out = *place;
  return BD_OK;
}

static bd_status eval_run(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                          bd_error *err) {
  job *j = arg;
  bd_run *run;
  float *real, *other = NULL;
  bool owned;
  BD_TRY(run_of(j, thread, index, &run, err));
  BD_TRY(real_outputs(j, run, index, inputs, &real, &owned, err));
  // The figures need the outputs' shapes, which a run leaves behind: the float network is run
  // alone where nothing is replaced.
  bd_status status =
      j->swap || !bd_run_done(run) ? bd_run_again(run, j->swap, inputs, j->cancel, err) : BD_OK;
  if (status == BD_OK) status = bd_run_check(run, j->swap, inputs, err);
  if (status == BD_OK && j->swap) {
    other = bd_outputs_copy(run, j->eval->outputs, NULL);
    if (!other) status = bd_fail_memory(err, "the outputs");
  }
  if (status == BD_OK) status = judge_all(j, run, index, real, other ? other : real, err);
  free(other);
  if (owned) free(real);
  return status;
}

bd_status bd_eval_run(bd_eval *eval, const bd_swap *swap, int threads, const bd_cancel *cancel,
                      bd_eval_progress progress, void *arg, bd_evaluation *out, bd_error *err) {
  job j = {.eval = eval, .swap = swap, .cancel = cancel, .progress = progress, .arg = arg};
  threads = bd_threads(threads);
  j.runs = calloc((size_t)threads, sizeof *j.runs);
  j.results = calloc((size_t)bd_data_samples(eval->data) + 1, sizeof *j.results);
  pthread_mutex_init(&j.lock, NULL);
  bd_status status = j.runs && j.results ? bd_for_runs(eval->data, bd_data_runs(eval->data),
                                                       threads, cancel, eval_run, &j, err)
                                         : bd_fail_memory(err, "the evaluation");
  if (j.results) sum_up(&j, out);
  for (int i = 0; j.runs && i < threads; i++)
    bd_run_free(j.runs[i]);
  pthread_mutex_destroy(&j.lock);
  free(j.runs);
  free(j.results);
  return status;
}

bd_status bd_eval_values(const bd_model *model, int layer, const bd_index *index,
                         const bd_result *result, float **out, bd_error *err) {
  bd_weights weights;
  *out = NULL;
  BD_TRY(bd_model_weights(model, layer, &weights, err));
  *out = malloc(weights.count * sizeof **out);
  if (*out) bd_result_apply(result, index, weights.data, *out);
  bd_weights_free(&weights);
  return *out ? BD_OK : bd_fail_memory(err, "quantized weights");
}

bd_status bd_eval_set(bd_swap *swap, const bd_model *model, int layer, const bd_index *index,
                      const bd_result *result, bd_error *err) {
  float *values;
  BD_TRY(bd_eval_values(model, layer, index, result, &values, err));
  bd_status status = bd_swap_set(swap, layer, values, err);
  free(values);
  return status;
}
