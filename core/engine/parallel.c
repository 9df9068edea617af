#include "core/engine/parallel.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct shared {
  const bd_data *data;
  int64_t count;
  atomic_llong next;
  atomic_bool stop;
  const bd_cancel *cancel;
  bd_each_run each;
  void *arg;
  int inputs;
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

static void work_on(worker *me, bd_tensor *inputs) {
  shared *all = me->all;
  bd_error error = {{0}};
  while (!atomic_load(&all->stop)) {
    int64_t index = atomic_fetch_add(&all->next, 1);
    if (index >= all->count) return;
    bd_status status = bd_cancelled(all->cancel) ? BD_CANCELLED : BD_OK;
    if (status == BD_OK) status = bd_data_read(all->data, index, inputs, &error);
    if (status == BD_OK) status = all->each(all->arg, me->number, index, inputs, &error);
    if (status != BD_OK) fail(all, status, &error);
  }
}

static void *run_worker(void *arg) {
  worker *me = arg;
  shared *all = me->all;
  const bd_tensor *like = bd_data_inputs(all->data);
  bd_tensor *inputs = calloc((size_t)all->inputs + 1, sizeof *inputs);
  bool fine = inputs != NULL;
  for (int i = 0; fine && i < all->inputs; i++) {
    inputs[i] = like[i];
    inputs[i].data = malloc(bd_tensor_bytes(&like[i]) + 1);
    fine = inputs[i].data != NULL;
  }
  bd_error error;
  if (fine)
    work_on(me, inputs);
  else
    fail(all, bd_fail_memory(&error, "the data"), &error);
  for (int i = 0; inputs && i < all->inputs; i++)
    free(inputs[i].data);
  free(inputs);
  return NULL;
}

bd_status bd_for_runs(const bd_data *data, int64_t count, int threads, const bd_cancel *cancel,
                      bd_each_run each, void *arg, bd_error *err) {
  shared all = {.data = data, .count = count, .cancel = cancel, .each = each, .arg = arg};
  all.inputs = bd_data_input_count(data);
  if (threads > count) threads = count > 1 ? (int)count : 1;
  worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!workers) return bd_fail_memory(err, "workers");
  pthread_mutex_init(&all.lock, NULL);
  for (int i = 0; i < threads; i++) {
    workers[i] = (worker){.all = &all, .number = i};
    workers[i].started = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0;
  }
  if (!workers[0].started) run_worker(&workers[0]); // no threads to be had
  for (int i = 0; i < threads; i++)
    if (workers[i].started) pthread_join(workers[i].thread, NULL);
  pthread_mutex_destroy(&all.lock);
  free(workers);
  if (all.status != BD_OK && err) *err = all.error;
  return all.status;
}
