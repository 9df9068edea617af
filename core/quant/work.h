// One call of bd_quantize under way, and its parts.
#ifndef BD_QUANT_WORK_H
#define BD_QUANT_WORK_H

#include "core/quant/grid.h"
#include "core/quant/measure.h"
#include "core/quant/quantize.h"

typedef struct bd_work {
  bd_survivors survivors;
  const bd_setting *setting;
  bd_effort effort;
  const bd_watch *watch; // NULL: nobody
  const bd_cancel *cancel;
  bd_result *result; // gets the trace and what is known of the optimum
} bd_work;

// In `code` mode the pruned take a level of their own.
bool bd_work_zero_level(const bd_work *work);

// K-means by the setting's init; fills the result's sse_cluster, bound, ratio and trace.
bd_status bd_work_cluster(const bd_work *work, bd_clusters *clusters, bd_error *err);

// The setting on one part: all weights of the index, and the hole that is pruned. watch may be
// NULL.
bd_status bd_work_run(const bd_index *index, const bd_hole *hole, const bd_setting *setting,
                      bd_effort effort, const bd_watch *watch, const bd_cancel *cancel,
                      bd_result **out, bd_error *err);

// A method: gives each run of survivors its level.
typedef struct bd_method_row {
  bd_status (*run)(const bd_work *work, bd_runs *runs, bd_error *err);
  bd_split split;
} bd_method_row;

const bd_method_row *bd_method_of(bd_method method);

#endif
