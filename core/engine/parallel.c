#include "core/engine/parallel.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct shared {
  int64_t count;
  atomic_llong next;
  atomic_bool stop;
  const bd_cancel *cancel;
  bd_each_number each;
  void *arg;
  pthread_mutex_t lock; // of the failure
  bd_status status;
  bd_error error;
} shared;

typedef struct worker {
  shared *all;
  int number;
  pthread_t thread;
  bool started;
} worker;

int bd_threads(int asked) {
  long here = sysconf(_SC_NPROCESSORS_ONLN);
  return asked > 0 ? asked : here > 0 ? (int)here : 1;
}

static void fail(shared *all, bd_status status, const bd_error *error) {
  pthread_mutex_lock(&all->lock);
  if (all->status == BD_OK) {
    all->status = status;
    all->error = *error;
  }
  pthread_mutex_unlock(&all->lock);
  atomic_store(&all->stop, true);
}

static void *run_worker(void *arg) {
  worker *me = arg;
  shared *all = me->all;
  bd_error error = {{0}};
  while (!atomic_load(&all->stop)) {
    int64_t number = atomic_fetch_add(&all->next, 1);
    if (number >= all->count) break;
    bd_status status = bd_cancelled(all->cancel) ? BD_CANCELLED : BD_OK;
    if (status == BD_OK) status = all->each(all->arg, me->number, number, &error);
    if (status != BD_OK) fail(all, status, &error);
  }
  return NULL;
}

static void run_all(worker *workers, int threads) {
  for (int i = 0; i < threads; i++)
    workers[i].started = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0;
  if (!workers[0].started) run_worker(&workers[0]); // no threads to be had
  for (int i = 0; i < threads; i++)
    if (workers[i].started) pthread_join(workers[i].thread, NULL);
}

bd_status bd_for_each(int64_t count, int threads, const bd_cancel *cancel, bd_each_number each,
                      void *arg, bd_error *err) {
  shared all = {.count = count, .cancel = cancel, .each = each, .arg = arg};
  if (threads > count) threads = count > 1 ? (int)count : 1;
  worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!workers) return bd_fail_memory(err, "workers");
  pthread_mutex_init(&all.lock, NULL);
  for (int i = 0; i < threads; i++)
    workers[i] = (worker){.all = &all, .number = i};
  if (threads == 1)
    run_worker(&workers[0]);
  else
    run_all(workers, threads);
  pthread_mutex_destroy(&all.lock);
  free(workers);
  if (all.status != BD_OK && err) *err = all.error;
  return all.status;
}

// --- runs of a data set --------------------------------------------------------------------------

typedef struct reader {
  const bd_data *data;
  bd_each_run each;
  void *arg;
  bd_tensor **inputs; // by thread, made when it begins
  int count;
} reader;

static bd_status make_inputs(const reader *all, bd_tensor **out, bd_error *err) {
  const bd_tensor *like = bd_data_inputs(all->data);
  bd_tensor *inputs = *out = calloc((size_t)all->count + 1, sizeof *inputs);
  if (!inputs) return bd_fail_memory(err, "the data");
  for (int i = 0; i < all->count; i++) {
    inputs[i] = like[i];
    inputs[i].data = malloc(bd_tensor_bytes(&like[i]) + 1);
    if (!inputs[i].data) return bd_fail_memory(err, "the data");
  }
  return BD_OK;
}

static bd_status read_run(void *arg, int thread, int64_t index, bd_error *err) {
  const reader *all = arg;
  if (!all->inputs[thread]) BD_TRY(make_inputs(all, &all->inputs[thread], err));
  BD_TRY(bd_data_read(all->data, index, all->inputs[thread], err));
  return all->each(all->arg, thread, index, all->inputs[thread], err);
}

bd_status bd_for_runs(const bd_data *data, int64_t count, int threads, const bd_cancel *cancel,
                      bd_each_run each, void *arg, bd_error *err) {
  reader all = {.data = data, .each = each, .arg = arg, .count = bd_data_input_count(data)};
  all.inputs = calloc((size_t)threads, sizeof(bd_tensor *));
  if (!all.inputs) return bd_fail_memory(err, "workers");
  bd_status status = bd_for_each(count, threads, cancel, read_run, &all, err);
  for (int t = 0; t < threads; t++) {
    for (int i = 0; all.inputs[t] && i < all.count; i++)
      free(all.inputs[t][i].data);
    free(all.inputs[t]);
  }
  free(all.inputs);
  return status;
}
