#include "core/quant/quantize.h"

#include "core/quant/measure.h"
#include "core/quant/optimum.h"
#include "core/quant/pso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LLOYD_MAX = 10000 };

static const double SAME = 1e-9; // a ratio this close to 1 is 1

// One call of bd_quantize under way.
typedef struct bd_work {
  bd_survivors survivors;
  const bd_setting *setting;
  bd_effort effort;
  const bd_cancel *cancel;
  bd_result *result;
} bd_work;

static double lowest(const bd_work *work) {
  return work->survivors.count ? bd_survivors_value(&work->survivors, 0) : 0;
}

static double highest(const bd_work *work) {
  size_t count = work->survivors.count;
  return count ? bd_survivors_value(&work->survivors, count - 1) : 0;
}

// In `code` mode the pruned take a level of their own.
static bool zero_takes_level(const bd_work *work) {
  return work->setting->zero == BD_CODE && work->survivors.gap > 0;
}

// --- clustering ---------------------------------------------------------------------------------

static bd_status keep_trace(bd_result *result, const bd_swarm *swarm, const double *lloyd,
                            int steps, bd_error *err) {
  bd_trace *trace = &result->trace;
  trace->swarm = malloc((size_t)swarm->steps * sizeof *trace->swarm);
  trace->lloyd = malloc((size_t)steps * sizeof *trace->lloyd);
  if (!trace->swarm || !trace->lloyd) return bd_fail_memory(err, "the trace of the clustering");
  memcpy(trace->swarm, swarm->history, (size_t)swarm->steps * sizeof *trace->swarm);
  memcpy(trace->lloyd, lloyd, (size_t)steps * sizeof *trace->lloyd);
  trace->swarm_count = swarm->steps;
  trace->lloyd_count = steps;
  return BD_OK;
}

static bd_status cluster_by_swarm(const bd_work *work, const bd_optimum *optimum,
                                  bd_clusters *clusters, bd_error *err) {
  bd_swarm swarm;
  BD_TRY(bd_swarm_run(&work->survivors, optimum->k, optimum->guess, work->setting->seed,
                      work->cancel, &swarm, err));
  double *history = malloc(LLOYD_MAX * sizeof *history);
  if (!history) return bd_fail_memory(err, "the trace of the clustering");
  clusters->count = swarm.count;
  memcpy(clusters->centers, swarm.centers, sizeof swarm.centers);
  int steps = bd_lloyd(&work->survivors, clusters, LLOYD_MAX, history);
  bd_clusters_compact(clusters);
  bd_status status = keep_trace(work->result, &swarm, history, steps, err);
  free(history);
  return status;
}

// SSE of the clustering over the best bound of the optimum; 0/0 is 1, without a bound NaN.
static double optimum_ratio(double sse, double bound) {
  if (sse <= bound * (1 + SAME)) return 1;
  return bound > 0 ? sse / bound : (double)NAN;
}

static void note_optimum(const bd_optimum *optimum, const bd_clusters *clusters,
                         bd_result *result) {
  result->sse_cluster = clusters->sse;
  result->cluster_bound = optimum->bound;
  result->proved = optimum->proved;
  result->optimum_ratio = optimum_ratio(clusters->sse, optimum->bound);
}

static bd_status cluster(const bd_work *work, bd_clusters *clusters, bd_error *err) {
  clusters->count = 0;
  clusters->sse = 0;
  bd_optimum optimum = {.proved = true};
  if (work->survivors.count > 0) {
    int k = (1 << work->setting->bits) - zero_takes_level(work);
    BD_TRY(bd_optimum_approach(&work->survivors, k, work->cancel, &optimum, err));
    BD_TRY((work->effort == BD_PROVED ? bd_optimum_prove : bd_optimum_bound)(
        &work->survivors, work->cancel, &optimum, err));
    *clusters = optimum.clusters;
    bool exact = optimum.clusters.count < k || optimum.clusters.sse == 0; // one value each
    if (work->setting->init == BD_PSO && !exact)
      BD_TRY(cluster_by_swarm(work, &optimum, clusters, err));
  }
  note_optimum(&optimum, clusters, work->result);
  return BD_OK;
}

// --- methods ------------------------------------------------------------------------------------

// Which of ±step a signed 1-bit grid keeps beside 0; 0: both, no level is set apart.
static bool lone_level(const bd_work *work) {
  return work->setting->grid == BD_SIGNED && work->setting->bits == 1 && zero_takes_level(work);
}

static bd_even_grid grid_over(const bd_work *work, double low, double high, int lone) {
  return bd_grid_over(work->survivors.index, work->setting->grid, work->setting->bits, low, high,
                      lone);
}

static bd_status run_linear(const bd_work *work, bd_runs *runs, bd_error *err) {
  (void)err;
  const bd_survivors *survivors = &work->survivors;
  bool lone = lone_level(work);
  bd_even_grid grid = grid_over(work, lowest(work), highest(work), lone ? -1 : 0);
  bd_runs_by_value(survivors, &grid, runs);
  if (lone) {
    bd_runs other;
    grid = grid_over(work, lowest(work), highest(work), 1);
    bd_runs_by_value(survivors, &grid, &other);
    if (bd_runs_sse(survivors, &other) <= bd_runs_sse(survivors, runs)) *runs = other;
  }
  work->result->optimum_ratio = NAN;
  return BD_OK;
}

static bd_status run_kmeans(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_clusters clusters;
  BD_TRY(cluster(work, &clusters, err));
  bd_runs_of_centers(work->survivors.index, &clusters, runs);
  return BD_OK;
}

static bd_status run_two_stage(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_clusters clusters;
  BD_TRY(cluster(work, &clusters, err));
  double low = clusters.count ? clusters.centers[0] : 0;
  double high = clusters.count ? clusters.centers[clusters.count - 1] : 0;
  int lone = !lone_level(work) ? 0 : low < 0 ? -1 : 1;
  bd_even_grid grid = grid_over(work, low, high, lone);
  bd_runs_by_center(&clusters, &grid, runs);
  return BD_OK;
}

typedef struct bd_method_row {
  bd_status (*run)(const bd_work *work, bd_runs *runs, bd_error *err);
  bool clusters; // by K-means
} bd_method_row;

static const bd_method_row methods[] = {
    [BD_LINEAR] = {run_linear, false},
    [BD_KMEANS] = {run_kmeans, true},
    [BD_TWO_STAGE] = {run_two_stage, true},
};

static bd_status run(const bd_work *work, bd_error *err) {
  const bd_method_row *method = &methods[work->setting->method];
  if (work->setting->bits == BD_BITS_FLOAT) {
    work->result->optimum_ratio = NAN;
    bd_measure_float(&work->survivors, work->result);
    return BD_OK;
  }
  bd_runs runs;
  BD_TRY(method->run(work, &runs, err));
  return bd_measure(&work->survivors, &runs, method->clusters, work->result, err);
}

bd_status bd_quantize(const bd_index *index, const bd_setting *setting, bd_effort effort,
                      const bd_cancel *cancel, bd_result **out, bd_error *err) {
  *out = NULL;
  bd_result *result = calloc(1, sizeof *result);
  if (!result) return bd_fail_memory(err, "a result");
  result->setting = *setting;
  result->count = index->stats.count;
  result->hole = bd_index_hole(index, setting->prune);
  bd_work work = {.survivors = bd_survivors_of(index, result->hole),
                  .setting = setting,
                  .effort = effort,
                  .cancel = cancel,
                  .result = result};
  bd_status status = bd_cancelled(cancel) ? bd_fail(err, BD_CANCELLED, "quantizing was cancelled")
                                          : run(&work, err);
  if (status == BD_OK)
    *out = result;
  else
    bd_result_free(result);
  return status;
}
