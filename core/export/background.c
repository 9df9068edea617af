#include "core/export/background.h"

#include "core/study/recover.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bd_exporter {
  const bd_model *model;
  bd_setting *settings;
  bd_repair *repair; // NULL: none
  int threads;
  void (*wake)(void *arg);
  void *arg;
  pthread_t thread;
  bd_cancel cancel;
  pthread_mutex_t lock; // of everything below
  pthread_cond_t asked;
  bd_order order;
  bool waiting, stop;
  bd_news news;
  bool fresh;
  // The thread's own.
  bd_news making;
  bd_tuned tuned;
  bool ready;
};

static bd_effort effort_for(const bd_exporter *exporter) {
  for (int i = 0; i < bd_model_layer_count(exporter->model); i++)
    if (bd_effort_for(&exporter->settings[i]) == BD_PROVED) return BD_PROVED;
  return BD_QUICK;
}

static bd_status quantize(bd_exporter *exporter, bd_error *err) {
  if (exporter->ready) return BD_OK;
  bd_pool *pool;
  bd_layer_study *studies;
  BD_TRY(bd_pool_new(exporter->threads, &pool, err));
  bd_status status = bd_study_all(exporter->model, exporter->settings, effort_for(exporter), pool,
                                  &exporter->cancel, NULL, NULL, &studies, err);
  bd_pool_free(pool);
  BD_TRY(status);
  status = bd_tuned_of(exporter->model, studies, exporter->repair, &exporter->tuned, err);
  bd_study_free(studies, bd_model_layer_count(exporter->model));
  exporter->ready = status == BD_OK;
  return status;
}

static bd_status carry_out(bd_exporter *exporter, bd_news *news) {
  bd_export_plan plan;
  BD_TRY(quantize(exporter, &news->error));
  BD_TRY(bd_export_plan_of(&exporter->tuned, news->order.format, news->order.version, &plan,
                           &news->error));
  news->bytes = plan.bytes;
  news->loss_count = plan.loss_count;
  int kept = plan.loss_count < BD_NEWS_LOSSES ? plan.loss_count : BD_NEWS_LOSSES;
  memcpy(news->losses, plan.losses, (size_t)kept * sizeof *news->losses);
  bd_status status = BD_OK;
  if (*news->order.path)
    status = bd_export_write(&plan, news->order.path, &news->report, &news->error);
  news->written = *news->order.path && status == BD_OK;
  bd_export_plan_free(&plan);
  return status;
}

static void deliver(bd_exporter *exporter, const bd_news *news) {
  pthread_mutex_lock(&exporter->lock);
  if (!exporter->waiting) {
    exporter->news = *news;
    exporter->news.busy = false;
    exporter->fresh = true;
  }
  pthread_mutex_unlock(&exporter->lock);
  exporter->wake(exporter->arg);
}

// The next order; false: no more.
static bool next_order(bd_exporter *exporter, bd_order *out) {
  pthread_mutex_lock(&exporter->lock);
  while (!exporter->waiting && !exporter->stop)
    pthread_cond_wait(&exporter->asked, &exporter->lock);
  bool more = !exporter->stop;
  *out = exporter->order;
  exporter->waiting = false;
  pthread_mutex_unlock(&exporter->lock);
  return more;
}

static void *work(void *arg) {
  bd_exporter *exporter = arg;
  bd_news *news = &exporter->making;
  bd_order order;
  while (next_order(exporter, &order)) {
    *news = (bd_news){.order = order};
    news->status = carry_out(exporter, news);
    deliver(exporter, news);
  }
  return NULL;
}

bd_status bd_exporter_new(const bd_model *model, const bd_setting *settings,
                          const bd_repair *repair, int threads, void (*wake)(void *arg), void *arg,
                          bd_exporter **out, bd_error *err) {
  size_t count = (size_t)bd_model_layer_count(model);
  bd_exporter *exporter = calloc(1, sizeof *exporter);
  *out = NULL;
  if (exporter) exporter->settings = malloc((count + 1) * sizeof *settings);
  bool shared = exporter && (!repair || bd_repair_share(repair, &exporter->repair, err) == BD_OK);
  if (!exporter || !exporter->settings || !shared) {
    if (exporter) free(exporter->settings);
    free(exporter);
    return bd_fail_memory(err, "an export");
  }
  if (count) memcpy(exporter->settings, settings, count * sizeof *settings);
  exporter->model = model;
  exporter->threads = threads;
  exporter->wake = wake;
  exporter->arg = arg;
  pthread_mutex_init(&exporter->lock, NULL);
  pthread_cond_init(&exporter->asked, NULL);
  if (pthread_create(&exporter->thread, NULL, work, exporter) == 0) {
    *out = exporter;
    return BD_OK;
  }
  pthread_cond_destroy(&exporter->asked);
  pthread_mutex_destroy(&exporter->lock);
  bd_repair_free(exporter->repair);
  free(exporter->settings);
  free(exporter);
  return bd_fail(err, BD_FAILED, "no thread for an export: try again when less is running");
}

void bd_exporter_free(bd_exporter *exporter) {
  if (!exporter) return;
  atomic_store(&exporter->cancel, true);
  pthread_mutex_lock(&exporter->lock);
  exporter->stop = true;
  pthread_cond_signal(&exporter->asked);
  pthread_mutex_unlock(&exporter->lock);
  pthread_join(exporter->thread, NULL);
  pthread_cond_destroy(&exporter->asked);
  pthread_mutex_destroy(&exporter->lock);
  bd_tuned_free(&exporter->tuned);
  bd_repair_free(exporter->repair);
  free(exporter->settings);
  free(exporter);
}

void bd_exporter_ask(bd_exporter *exporter, const bd_order *order) {
  pthread_mutex_lock(&exporter->lock);
  exporter->order = *order;
  exporter->waiting = true;
  exporter->news = (bd_news){.order = *order, .busy = true};
  exporter->fresh = true;
  pthread_cond_signal(&exporter->asked);
  pthread_mutex_unlock(&exporter->lock);
}

bool bd_exporter_poll(bd_exporter *exporter, bd_news *out) {
  pthread_mutex_lock(&exporter->lock);
  bool fresh = exporter->fresh;
  exporter->fresh = false;
  *out = exporter->news;
  pthread_mutex_unlock(&exporter->lock);
  return fresh;
}
