// From runs of survivors with a level each to a result's levels, cells, error and size.
#ifndef BD_QUANT_MEASURE_H
#define BD_QUANT_MEASURE_H

#include "core/quant/grid.h"
#include "core/quant/quantize.h"

// How much of the error is K-means's own.
typedef enum bd_split {
  BD_NO_CLUSTERS, // none: all of it is the grid's
  BD_KEPT,        // weights keep their cluster: the grid's part is what its mean moved by
  BD_REASSIGNED   // weights left their clusters: the rest, which may be below 0
} bd_split;

// Fills what follows from the runs. result->setting, count, hole and, where there are clusters,
// sse_cluster are set.
bd_status bd_measure(const bd_survivors *fitted, const bd_runs *runs, bd_split split,
                     bd_result *result, bd_error *err);

// The same for weights that stay float.
void bd_measure_float(const bd_survivors *fitted, bd_result *result);

// Where error, bits to store and codes of all parts have been added up: codes[i] weights take the
// level at place i of their part, `masked` are marked by a bitmap.
void bd_measure_sums(const bd_index *index, double bits, const size_t *codes, int code_count,
                     size_t masked, bd_result *result);

#endif
