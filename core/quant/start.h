// Where K-means may start: `count` ascending centers into centers. Needs at least one survivor.
#ifndef BD_QUANT_START_H
#define BD_QUANT_START_H

#include "core/base/rng.h"
#include "core/quant/clusters.h"

// The middles of equal parts of the range.
void bd_start_linear(const bd_survivors *survivors, int count, double *centers);
// The middle values of equal parts of the weights.
void bd_start_quantile(const bd_survivors *survivors, int count, double *centers);
// As dense as the cube root of the weights' density (Panter and Dite 1951).
void bd_start_companded(const bd_survivors *survivors, int count, double *centers);
// Weights drawn at random.
void bd_start_random(const bd_survivors *survivors, int count, bd_rng *rng, double *centers);
// k-means++: each weight drawn by its squared distance to those before.
void bd_start_plusplus(const bd_survivors *survivors, int count, bd_rng *rng, double *centers);

#endif
