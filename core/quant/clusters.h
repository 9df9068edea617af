// A clustering of the survivors: borders between runs, a centroid for each run, Lloyd's iteration.
#ifndef BD_QUANT_CLUSTERS_H
#define BD_QUANT_CLUSTERS_H

#include "core/quant/survivors.h"

enum { BD_CLUSTERS_MAX = 256 };

typedef struct bd_clusters {
  int count;
  double centers[BD_CLUSTERS_MAX];     // ascending
  size_t borders[BD_CLUSTERS_MAX + 1]; // places; cluster i is [borders[i], borders[i + 1])
  double sse;
} bd_clusters;

// Borders half way between the centers. A value on the very middle goes up.
void bd_clusters_assign(const bd_survivors *survivors, bd_clusters *clusters);

// Centers to the means of their runs, and the SSE; an empty run keeps its center.
void bd_clusters_refit(const bd_survivors *survivors, bd_clusters *clusters);

// Sum of squares of a run around its own mean; exactly 0 for one value. *mass: of its weights,
// their number where they have no importance. An empty run leaves *mean.
double bd_run_cost(const bd_survivors *survivors, size_t from, size_t to, double *mean,
                   double *mass);

// Squared error of a run around any center.
double bd_run_error(const bd_survivors *survivors, size_t from, size_t to, double center);

// SSE of nearest assignment to these ascending centers, as they are; gives up on the way, with some
// number from `most` on, where it is no less than that.
double bd_centers_sse(const bd_survivors *survivors, const double *centers, int count, double most);

// Lloyd's iteration from the centers, until the borders stand still or `steps` are done. history
// (may be NULL) gets the SSE after each step; returns the number of steps. Stops where cancelled.
int bd_lloyd(const bd_survivors *survivors, bd_clusters *clusters, int steps,
             const bd_cancel *cancel, double *history);

// Removes empty clusters.
void bd_clusters_compact(bd_clusters *clusters);

#endif
