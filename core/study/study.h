// The whole network: settings of all layers → results of all layers. The explorer's jobs and the
// commands go through the same two functions.
#ifndef BD_STUDY_STUDY_H
#define BD_STUDY_STUDY_H

#include "core/model/model.h"
#include "core/quant/quantize.h"

// A layer's weights seen from its channel axis; without one, as one channel.
bd_axes bd_study_axes(const bd_layer *layer);

// How a tensor of this type rounds a level, for bd_index_new.
bd_rounding bd_study_rounding(bd_dtype type);

// Reads and indexes one layer; the index can read it again while the model is open. BD_INVALID:
// refused by the model, or NaN, Inf, no weights.
bd_status bd_study_index(const bd_model *model, int layer, const bd_cancel *cancel, bd_index **out,
                         bd_error *err);

// BD_FAILED where indexes of all layers, and results by these settings (NULL: of one part a layer),
// would take more memory than is allowed (base/memory.h): said before anything is allocated.
bd_status bd_study_fits(const bd_model *model, const bd_setting *settings, bd_error *err);

// One layer after bd_study_all: refused layers have no index and no result, and say why.
typedef struct bd_layer_study {
  bd_index *index;
  bd_result *result;
  char *refused;
} bd_layer_study;

typedef void (*bd_progress)(void *arg, int done, int total); // now and then, on the caller's thread

// The same work for each of [0, count), on the pool's threads, begun in rising order. The first
// failure is the answer; BD_CANCELLED where `cancel` was set on the way.
typedef bd_status (*bd_each)(void *arg, int index, const bd_cancel *cancel, bd_error *err);
bd_status bd_study_each(int count, bd_each each, void *arg, bd_pool *pool, const bd_cancel *cancel,
                        bd_progress progress, void *progress_arg, bd_error *err);

// Every layer with its own setting, on the pool's threads; settings NULL: indexes only. out holds
// one entry a layer; release with bd_study_free. BD_CANCELLED where `cancel` was set on the way.
bd_status bd_study_all(const bd_model *model, const bd_setting *settings, bd_effort effort,
                       bd_pool *pool, const bd_cancel *cancel, bd_progress progress, void *arg,
                       bd_layer_study **out, bd_error *err);
void bd_study_free(bd_layer_study *studies, int count);

// Sums over the layers that have a result.
typedef struct bd_totals {
  double weights, bytes_float, bytes;
  double bits_per_weight, entropy_bits; // means over weights
  double ratio;                         // bytes_float / bytes
  double sse, energy, sqnr_db;
  int layers, missing; // with a result; without one yet (and not refused)
  int stale;           // of those with a result: it belongs to an earlier setting
} bd_totals;
void bd_totals_add(bd_totals *totals, const bd_result *result, const bd_stats *stats);
void bd_totals_close(bd_totals *totals);

#endif
