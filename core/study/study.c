#include "core/study/study.h"

#include "core/base/file.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_MS = 100 };

// What the workers of one bd_study_each share.
typedef struct crew {
  bd_each each;
  void *arg;
  const bd_cancel *cancel; // the caller's; NULL never
  int count, done;
  atomic_int next;
  pthread_mutex_t lock; // of done, status and error
  bd_status status;     // the first failure
  bd_error error;
} crew;

static void report(crew *c, bd_status status, const bd_error *err) {
  pthread_mutex_lock(&c->lock);
  c->done++;
  if (status != BD_OK && c->status == BD_OK) {
    c->status = status;
    c->error = *err;
  }
  pthread_mutex_unlock(&c->lock);
}

static void work(void *arg, const bd_cancel *own) {
  crew *c = arg;
  for (;;) {
    int at = atomic_fetch_add(&c->next, 1);
    if (at >= c->count) return;
    bd_error err = {{0}};
    bool stopped = bd_cancelled(own) || bd_cancelled(c->cancel);
    bd_status status = stopped ? BD_CANCELLED : c->each(c->arg, at, c->cancel, &err);
    report(c, status, &err);
  }
}

static void skip(void *arg) {
  (void)arg;
}

bd_status bd_study_each(int count, bd_each each, void *arg, bd_pool *pool, const bd_cancel *cancel,
                        bd_progress progress, void *progress_arg, bd_error *err) {
  crew c = {.each = each, .arg = arg, .cancel = cancel, .count = count};
  pthread_mutex_init(&c.lock, NULL);
  for (int i = 0; i < bd_pool_threads(pool); i++)
    bd_pool_submit(pool, (bd_task){work, skip, &c, 0});
  while (!bd_pool_wait_some(pool, PROGRESS_MS)) {
    pthread_mutex_lock(&c.lock);
    int done = c.done;
    pthread_mutex_unlock(&c.lock);
    if (progress) progress(progress_arg, done, count);
  }
  pthread_mutex_destroy(&c.lock);
  if (bd_cancelled(cancel)) return BD_CANCELLED;
  if (c.status != BD_OK && err) *err = c.error;
  return c.status;
}

// --- all layers ----------------------------------------------------------------------------------

typedef struct survey {
  const bd_model *model;
  const bd_setting *settings;
  bd_effort effort;
  bd_layer_study *studies;
  const int *order; // largest layer first, so that no thread is left alone with it
} survey;

static bd_status study_layer(void *arg, int at, const bd_cancel *cancel, bd_error *err) {
  const survey *s = arg;
  int layer = s->order[at];
  bd_layer_study *study = &s->studies[layer];
  bd_status status = bd_study_index(s->model, layer, cancel, &study->index, err);
  if (status == BD_INVALID) {
    study->refused = strdup(err->text);
    return study->refused ? BD_OK : bd_fail_memory(err, "a message");
  }
  if (status != BD_OK || !s->settings) return status;
  return bd_quantize(study->index, &s->settings[layer], s->effort, cancel, &study->result, err);
}

typedef struct sized {
  int64_t weights;
  int layer;
} sized;

static int by_size(const void *a, const void *b) {
  const sized *x = a, *y = b;
  if (x->weights != y->weights) return x->weights < y->weights ? 1 : -1;
  return x->layer - y->layer;
}

static int *largest_first(const bd_model *model, int count) {
  sized *sizes = calloc((size_t)count + 1, sizeof *sizes);
  int *order = calloc((size_t)count + 1, sizeof *order);
  if (sizes && order) {
    for (int i = 0; i < count; i++)
      sizes[i] = (sized){bd_model_layer(model, i)->weights, i};
    qsort(sizes, (size_t)count, sizeof *sizes, by_size);
    for (int i = 0; i < count; i++)
      order[i] = sizes[i].layer;
  } else {
    free(order);
    order = NULL;
  }
  free(sizes);
  return order;
}

bd_status bd_study_all(const bd_model *model, const bd_setting *settings, bd_effort effort,
                       bd_pool *pool, const bd_cancel *cancel, bd_progress progress, void *arg,
                       bd_layer_study **out, bd_error *err) {
  *out = NULL;
  int count = bd_model_layer_count(model);
  int *order = largest_first(model, count);
  bd_layer_study *studies = calloc((size_t)count + 1, sizeof *studies);
  bd_status status = order && studies ? BD_OK : bd_fail_memory(err, "the results");
  if (status == BD_OK) {
    survey s = {model, settings, effort, studies, order};
    status = bd_study_each(count, study_layer, &s, pool, cancel, progress, arg, err);
  }
  free(order);
  if (status == BD_OK)
    *out = studies;
  else
    bd_study_free(studies, count);
  return status;
}

void bd_study_free(bd_layer_study *studies, int count) {
  if (!studies) return;
  for (int i = 0; i < count; i++) {
    bd_result_free(studies[i].result);
    bd_index_free(studies[i].index);
    free(studies[i].refused);
  }
  free(studies);
}

void bd_totals_add(bd_totals *totals, const bd_result *result, const bd_stats *stats) {
  double n = (double)result->count;
  totals->weights += n;
  totals->bytes_float += 4 * n;
  totals->bytes += result->bytes;
  totals->bits_per_weight += result->bits_per_weight * n;
  totals->entropy_bits += result->entropy_bits * n;
  totals->sse += result->sse;
  totals->energy += stats->energy;
  totals->layers++;
}

void bd_totals_close(bd_totals *totals) {
  if (totals->weights > 0) {
    totals->bits_per_weight /= totals->weights;
    totals->entropy_bits /= totals->weights;
  }
  totals->ratio = totals->bytes > 0 ? totals->bytes_float / totals->bytes : 1;
  totals->sqnr_db = bd_sqnr_db(totals->energy, totals->sse);
}
