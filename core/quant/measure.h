// From runs of survivors with a level each to a result's levels, cells, error and size.
#ifndef BD_QUANT_MEASURE_H
#define BD_QUANT_MEASURE_H

#include "core/quant/grid.h"
#include "core/quant/quantize.h"

// Fills what follows from the runs. result->setting, count, hole and sse_cluster are set;
// clustered: the runs are K-means clusters, whose own error is sse_cluster.
bd_status bd_measure(const bd_survivors *survivors, const bd_runs *runs, bool clustered,
                     bd_result *result, bd_error *err);

// The same for weights that stay float.
void bd_measure_float(const bd_survivors *survivors, bd_result *result);

#endif
