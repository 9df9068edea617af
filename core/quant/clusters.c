#include "core/quant/clusters.h"

#include <math.h>
#include <string.h>

void bd_clusters_assign(const bd_survivors *survivors, bd_clusters *clusters) {
  clusters->borders[0] = 0;
  for (int i = 1; i < clusters->count; i++) {
    double middle = (clusters->centers[i - 1] + clusters->centers[i]) / 2;
    clusters->borders[i] = bd_survivors_before(survivors, middle);
  }
  clusters->borders[clusters->count] = survivors->count;
}

// Of [from, to) with these sums before its ends.
static double run_cost(const bd_survivors *survivors, size_t from, size_t to, const bd_prefix *left,
                       const bd_prefix *right, double *mean) {
  if (bd_survivors_same(survivors, from, to)) {
    *mean = bd_survivors_value(survivors, from);
    return 0;
  }
  double mass = bd_prefix_mass(left, right);
  double middle = survivors->index->stats.median;
  *mean = mass > 0 ? middle + bd_prefix_sum(left, right) / mass
                   : bd_survivors_value(survivors, from + (to - from) / 2);
  return bd_prefix_spread(left, right);
}

double bd_run_cost(const bd_survivors *survivors, size_t from, size_t to, double *mean,
                   double *mass) {
  *mass = 0;
  if (from == to) return 0;
  bd_prefix left = bd_survivors_prefix(survivors, from);
  bd_prefix right = bd_survivors_prefix(survivors, to);
  *mass = bd_prefix_mass(&left, &right);
  return run_cost(survivors, from, to, &left, &right, mean);
}

double bd_run_error(const bd_survivors *survivors, size_t from, size_t to, double center) {
  double mean = center, mass, cost = bd_run_cost(survivors, from, to, &mean, &mass);
  return cost + mass * (mean - center) * (mean - center);
}

void bd_clusters_refit(const bd_survivors *survivors, bd_clusters *clusters) {
  bd_prefix left = bd_survivors_prefix(survivors, 0);
  clusters->sse = 0;
  for (int i = 0; i < clusters->count; i++) {
    size_t from = clusters->borders[i], to = clusters->borders[i + 1];
    if (from == to) continue;
    bd_prefix right = bd_survivors_prefix(survivors, to);
    clusters->sse += run_cost(survivors, from, to, &left, &right, &clusters->centers[i]);
    left = right;
  }
}

// Where the values of a tensor do not fit a cache, borders are fetched some clusters ahead: the
// time goes into waiting for memory.
enum { AHEAD = 8, UNCACHED = 1 << 17 };

static void fetch_border(const bd_survivors *survivors, const double *centers, int count,
                         int border) {
  if (border + 1 >= count) return;
  bd_index_fetch(survivors->index, (centers[border] + centers[border + 1]) / 2);
}

double bd_centers_sse(const bd_survivors *survivors, const double *centers, int count,
                      double most) {
  bool ahead = survivors->count > UNCACHED;
  for (int i = 0; ahead && i < AHEAD; i++)
    fetch_border(survivors, centers, count, i);
  bd_prefix left = bd_survivors_prefix(survivors, 0);
  size_t from = 0;
  double sse = 0;
  for (int i = 0; i < count && sse < most; i++) {
    if (ahead) fetch_border(survivors, centers, count, i + AHEAD);
    size_t to = i + 1 < count ? bd_survivors_before(survivors, (centers[i] + centers[i + 1]) / 2)
                              : survivors->count;
    if (to <= from) continue;
    bd_prefix right = bd_survivors_prefix(survivors, to);
    double mean, cost = run_cost(survivors, from, to, &left, &right, &mean);
    double mass = bd_prefix_mass(&left, &right);
    sse += cost + mass * (mean - centers[i]) * (mean - centers[i]);
    left = right;
    from = to;
  }
  return sse;
}

int bd_lloyd(const bd_survivors *survivors, bd_clusters *clusters, int steps,
             const bd_cancel *cancel, double *history) {
  bd_clusters_assign(survivors, clusters);
  size_t before[BD_CLUSTERS_MAX + 1], size = sizeof before;
  for (int step = 0; step < steps;) {
    memcpy(before, clusters->borders, size);
    bd_clusters_refit(survivors, clusters);
    if (history) history[step] = clusters->sse;
    step++;
    bd_clusters_assign(survivors, clusters);
    size_t used = ((size_t)clusters->count + 1) * sizeof *before;
    if (memcmp(before, clusters->borders, used) == 0 || bd_cancelled(cancel)) return step;
  }
  bd_clusters_refit(survivors, clusters);
  return steps;
}

void bd_clusters_compact(bd_clusters *clusters) {
  int kept = 0;
  for (int i = 0; i < clusters->count; i++) {
    if (clusters->borders[i] == clusters->borders[i + 1]) continue;
    clusters->centers[kept] = clusters->centers[i];
    clusters->borders[++kept] = clusters->borders[i + 1];
  }
  clusters->count = kept;
}
