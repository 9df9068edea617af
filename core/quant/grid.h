// Runs of survivors with a level each, and the even grids that levels lie on.
#ifndef BD_QUANT_GRID_H
#define BD_QUANT_GRID_H

#include "core/quant/clusters.h"
#include "core/quant/setting.h"

// What kind of even grid is asked for.
typedef struct bd_grid_shape {
  bd_grid kind;
  int bits;
  bool pow2; // the step is a power of two
  int lone;  // of a signed grid of 1 bit: which of ±step it keeps beside 0; 0: both, and no 0
} bd_grid_shape;

// An even grid: levels ascending, rounded to the tensor's type. At most 2^bits, `signed` one less.
typedef struct bd_even_grid {
  int count;
  double levels[BD_CLUSTERS_MAX];
  double step, zero_point;
} bd_even_grid;

// The grid with this step and zero point (0 for signed).
bd_even_grid bd_grid_of(const bd_index *index, const bd_grid_shape *shape, double step,
                        double zero_point);
// The grid over [low, high], widened to hold 0; a power-of-two step is rounded up.
bd_even_grid bd_grid_over(const bd_index *index, const bd_grid_shape *shape, double low,
                          double high);

// The nearest level; of two equally near ones the upper.
double bd_grid_nearest(const bd_even_grid *grid, double value);

// What every method ends with: cluster i of the survivors takes levels[i].
typedef struct bd_runs {
  int count;
  size_t borders[BD_CLUSTERS_MAX + 1];
  double levels[BD_CLUSTERS_MAX]; // rounded to the tensor's type, not falling
  double step, zero_point;        // of an even grid
} bd_runs;

// Each survivor to its nearest level; levels that nothing takes are left out.
void bd_runs_by_value(const bd_survivors *survivors, const bd_even_grid *grid, bd_runs *runs);
// Each cluster to the level that is nearest to its center.
void bd_runs_by_center(const bd_clusters *clusters, const bd_even_grid *grid, bd_runs *runs);
// Each cluster to its own center.
void bd_runs_of_centers(const bd_index *index, const bd_clusters *clusters, bd_runs *runs);

// Squared error of the survivors.
double bd_runs_sse(const bd_survivors *survivors, const bd_runs *runs);

#endif
