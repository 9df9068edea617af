// K-means of the survivors by the setting's init, and how far it is from the optimum.
#include "core/base/pair.h"
#include "core/quant/optimum.h"
#include "core/quant/pso.h"
#include "core/quant/start.h"
#include "core/quant/work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LLOYD_MAX = 10000 };

static const double SAME = 1e-9; // a ratio this close to 1 is 1

// --- where Lloyd starts -------------------------------------------------------------------------

static bd_status keep(const double *from, int count, double **to, int *kept, bd_error *err) {
  *to = malloc((size_t)count * sizeof **to);
  if (!*to) return bd_fail_memory(err, "the trace of the clustering");
  memcpy(*to, from, (size_t)count * sizeof **to);
  *kept = count;
  return BD_OK;
}

static bd_status swarm_from(const bd_work *work, int count, const double *guess, double *centers,
                            bd_error *err) {
  bd_swarm swarm;
  bd_trace *trace = &work->result->trace;
  BD_TRY(
      bd_swarm_run(&work->survivors, count, guess, work->setting->seed, work->cancel, &swarm, err));
  memcpy(centers, swarm.centers, (size_t)count * sizeof *centers);
  return keep(swarm.history, swarm.steps, &trace->swarm, &trace->swarm_count, err);
}

static bd_status start(const bd_work *work, const bd_optimum *optimum, double *centers,
                       bd_error *err) {
  const bd_survivors *survivors = &work->survivors;
  int count = optimum->k;
  bd_rng rng = bd_rng_seed(work->setting->seed, (uint64_t)count);
  switch (work->setting->init) {
  case BD_PSO_RANDOM:
    return swarm_from(work, count, NULL, centers, err);
  case BD_KMEANS_PP:
    bd_start_plusplus(survivors, count, &rng, centers);
    return BD_OK;
  case BD_INIT_LINEAR:
    bd_start_linear(survivors, count, centers);
    return BD_OK;
  case BD_INIT_RANDOM:
    bd_start_random(survivors, count, &rng, centers);
    return BD_OK;
  default:
    return swarm_from(work, count, optimum->guess, centers, err);
  }
}

static bd_status cluster_from_start(const bd_work *work, const bd_optimum *optimum,
                                    bd_clusters *clusters, bd_error *err) {
  *clusters = (bd_clusters){.count = optimum->k};
  BD_TRY(start(work, optimum, clusters->centers, err));
  double *history = malloc(LLOYD_MAX * sizeof *history);
  if (!history) return bd_fail_memory(err, "the trace of the clustering");
  int steps = bd_lloyd(&work->survivors, clusters, LLOYD_MAX, work->cancel, history);
  bd_clusters_compact(clusters);
  bd_trace *trace = &work->result->trace;
  bd_status status = keep(history, steps, &trace->lloyd, &trace->lloyd_count, err);
  free(history);
  if (bd_cancelled(work->cancel)) return bd_fail(err, BD_CANCELLED, "clustering was cancelled");
  return status;
}

// --- how far from the optimum -------------------------------------------------------------------

double bd_optimum_ratio(double sse, double bound) {
  if (sse <= bound * (1 + SAME)) return 1;
  return bound > 0 ? sse / bound : (double)NAN;
}

// Each survivor counted once, around the centers that importance has chosen.
static double plain_sse(const bd_survivors *fitted, const bd_clusters *clusters) {
  bd_survivors survivors = bd_survivors_of(fitted->index, fitted->hole, false);
  double sse = 0;
  for (int i = 0; i < clusters->count; i++)
    sse += bd_run_error(&survivors, clusters->borders[i], clusters->borders[i + 1],
                        clusters->centers[i]);
  return sse;
}

static void note_optimum(const bd_survivors *survivors, const bd_optimum *optimum,
                         const bd_clusters *clusters, bd_result *result) {
  result->sse_cluster = survivors->weighted ? plain_sse(survivors, clusters) : clusters->sse;
  result->cluster_fit = clusters->sse;
  result->cluster_bound = optimum->bound;
  result->proved = optimum->proved;
  result->optimum_ratio = bd_optimum_ratio(clusters->sse, optimum->bound);
}

// Where the levels stand already, a proof has nothing to do over again.
static void keep_approach(const bd_work *work, const bd_optimum *optimum) {
  if (work->effort != BD_QUICK || optimum->proved || work->setting->init == BD_OPTIMAL) return;
  work->result->approach = bd_approach_copy(optimum);
}

// The optimum, and K-means from its start: what both need of the approach stands by then.
typedef struct bd_search {
  const bd_work *work;
  bd_optimum optimum;      // its bound is raised, or it is proved
  const bd_optimum *guess; // as approached
  bd_clusters *clusters;
  bd_status status[2];
  bd_error error[2];
} bd_search;

static void look_for_optimum(void *arg) {
  bd_search *all = arg;
  const bd_work *work = all->work;
  if (work->effort == BD_LEVELS) return;
  all->status[0] = (work->effort == BD_PROVED ? bd_optimum_prove : bd_optimum_bound)(
      &work->survivors, work->cancel, &all->optimum, &all->error[0]);
}

static void cluster_aside(void *arg) {
  bd_search *all = arg;
  all->status[1] = cluster_from_start(all->work, all->guess, all->clusters, &all->error[1]);
}

static bd_status search(const bd_work *work, const bd_optimum *guess, bool from_start,
                        bd_optimum *optimum, bd_clusters *clusters, bd_error *err) {
  bd_search all = {.work = work, .optimum = *guess, .guess = guess, .clusters = clusters};
  all.optimum.watch = work->watch;
  if (from_start)
    bd_pair_run(work->watch && work->watch->pair && !guess->proved, look_for_optimum, cluster_aside,
                &all);
  else
    look_for_optimum(&all);
  for (int i = 0; i < 2; i++)
    if (all.status[i] != BD_OK) return *err = all.error[i], all.status[i];
  *optimum = all.optimum;
  if (!from_start) *clusters = all.optimum.clusters;
  return BD_OK;
}

bd_status bd_work_cluster(const bd_work *work, bd_clusters *clusters, bd_error *err) {
  clusters->count = 0;
  clusters->sse = 0;
  bd_optimum optimum = {.proved = true};
  if (work->survivors.count > 0) {
    bd_optimum guess;
    int k = (1 << work->setting->bits) - bd_work_zero_level(work);
    BD_TRY(bd_optimum_approach(&work->survivors, k, work->cancel, &guess, err));
    bool exact = guess.clusters.count < k || guess.clusters.sse == 0; // one value each
    bool from_start = work->setting->init != BD_OPTIMAL && !exact;
    BD_TRY(search(work, &guess, from_start, &optimum, clusters, err));
  }
  note_optimum(&work->survivors, &optimum, clusters, work->result);
  keep_approach(work, &optimum);
  return BD_OK;
}
