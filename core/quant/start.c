#include "core/quant/start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DENSITY_BINS = 1024 };

static double lowest(const bd_survivors *survivors) {
  return bd_survivors_value(survivors, 0);
}

static double highest(const bd_survivors *survivors) {
  return bd_survivors_value(survivors, survivors->count - 1);
}

// The middles of `count` equal parts of the range.
void bd_start_linear(const bd_survivors *survivors, int count, double *centers) {
  double low = lowest(survivors), high = highest(survivors);
  for (int i = 0; i < count; i++)
    centers[i] = low + (high - low) * (i + 0.5) / count;
}

static double quantile(const bd_survivors *survivors, double share) {
  size_t place = (size_t)(share * (double)survivors->count);
  return bd_survivors_value(survivors, place < survivors->count ? place : survivors->count - 1);
}

void bd_start_quantile(const bd_survivors *survivors, int count, double *centers) {
  for (int i = 0; i < count; i++)
    centers[i] = quantile(survivors, (i + 0.5) / count);
}

// Best centroids of many lie as dense as the cube root of the density (Panter and Dite 1951).
void bd_start_companded(const bd_survivors *survivors, int count, double *centers) {
  double low = lowest(survivors), width = (highest(survivors) - low) / DENSITY_BINS;
  double total[DENSITY_BINS + 1] = {0};
  size_t before = 0;
  for (int bin = 0; bin < DENSITY_BINS; bin++) {
    size_t after = bin + 1 < DENSITY_BINS ? bd_survivors_before(survivors, low + width * (bin + 1))
                                          : survivors->count;
    total[bin + 1] = total[bin] + cbrt((double)(after - before));
    before = after;
  }
  for (int i = 0, bin = 0; i < count; i++) {
    double wanted = total[DENSITY_BINS] * (i + 0.5) / count;
    while (bin + 1 < DENSITY_BINS && total[bin + 1] < wanted)
      bin++;
    double share = (wanted - total[bin]) / (total[bin + 1] - total[bin]);
    centers[i] = low + width * (bin + fmin(share, 1));
  }
}

static int ascending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

// Weights drawn at random.
void bd_start_random(const bd_survivors *survivors, int count, bd_rng *rng, double *centers) {
  for (int i = 0; i < count; i++)
    centers[i] = quantile(survivors, bd_rng_unit(rng));
  qsort(centers, (size_t)count, sizeof *centers, ascending);
}

// --- k-means++ (Arthur and Vassilvitskii 2007) --------------------------------------------------

// The place where the squared error of [from, place] around the center passes `wanted`.
static size_t place_by_error(const bd_survivors *survivors, size_t from, size_t to, double center,
                             double wanted) {
  size_t low = from, high = to - 1;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (bd_run_error(survivors, from, middle + 1, center) > wanted)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

// A weight drawn with a chance in proportion to its squared distance from the nearest center.
static double draw_far(const bd_survivors *survivors, const bd_clusters *clusters, bd_rng *rng) {
  double total = 0, errors[BD_CLUSTERS_MAX];
  const size_t *borders = clusters->borders;
  for (int i = 0; i < clusters->count; i++)
    total += errors[i] = bd_run_error(survivors, borders[i], borders[i + 1], clusters->centers[i]);
  double wanted = total * bd_rng_unit(rng);
  int at = 0;
  while (at + 1 < clusters->count && wanted >= errors[at])
    wanted -= errors[at++];
  if (borders[at] == borders[at + 1]) return clusters->centers[at];
  size_t place =
      place_by_error(survivors, borders[at], borders[at + 1], clusters->centers[at], wanted);
  return bd_survivors_value(survivors, place);
}

static void insert_center(bd_clusters *clusters, double center) {
  int i = clusters->count++;
  for (; i > 0 && clusters->centers[i - 1] > center; i--)
    clusters->centers[i] = clusters->centers[i - 1];
  clusters->centers[i] = center;
}

void bd_start_plusplus(const bd_survivors *survivors, int count, bd_rng *rng, double *centers) {
  bd_clusters clusters = {.count = 1, .centers = {quantile(survivors, bd_rng_unit(rng))}};
  while (clusters.count < count) {
    bd_clusters_assign(survivors, &clusters);
    insert_center(&clusters, draw_far(survivors, &clusters, rng));
  }
  memcpy(centers, clusters.centers, (size_t)count * sizeof *centers);
}
