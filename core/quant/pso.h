// K-means by particle swarm: each particle is a set of centroids.
#ifndef BD_QUANT_PSO_H
#define BD_QUANT_PSO_H

#include "core/quant/clusters.h"

enum { BD_SWARM_STEPS = 100 };

// Where a swarm came to: the best centers, and the best SSE after each iteration.
typedef struct bd_swarm {
  int count; // centers
  double centers[BD_CLUSTERS_MAX];
  int steps;
  double history[BD_SWARM_STEPS + 1]; // the first: before any move
} bd_swarm;

// Fills swarm->centers with `count` of them. guess: centers that are known to be good (count of
// them): one particle starts there, others at linear, quantile and companded centers; NULL: a plain
// swarm, all at random. Needs at least one survivor.
bd_status bd_swarm_run(const bd_survivors *survivors, int count, const double *guess, uint64_t seed,
                       const bd_cancel *cancel, bd_swarm *swarm, bd_error *err);

#endif
