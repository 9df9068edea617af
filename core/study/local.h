// The local error of a layer: its own output with this layer alone quantized, on what the float
// network gives it, against its float output. A layer's output is that of its first user, before
// anything joins that step: the engine is compiled `apart`.
#ifndef BD_STUDY_LOCAL_H
#define BD_STUDY_LOCAL_H

#include "core/engine/data.h"
#include "core/engine/engine.h"

// Σ y² and Σ (y − ŷ)² over the output; bd_decibel of them is the local SQNR.
typedef struct bd_local {
  double signal, noise;
} bd_local;

// A layer's float output, its elements in the order of the run. All zero at first; serves one layer
// after the other; release with bd_local_free.
typedef struct bd_local_output {
  float *values;
  int64_t count, room; // count 0: the layer has no float output there (in a branch, say)
  double signal;       // Σ y²
} bd_local_output;
// Of a run that went through with the model's own weights.
bd_status bd_local_real(const bd_run *run, int layer, bd_local_output *out, bd_error *err);
void bd_local_free(bd_local_output *output);
// Runs the layer with the swap's weights on the float activations before it, and adds what its
// output differs from `real` by. The layer's activations are then those of the swap.
bd_status bd_local_add(bd_run *run, const bd_swap *swap, int layer, const bd_local_output *real,
                       bd_local *sum, bd_error *err);

// Local errors on the first samples of data: the float activations of some runs, which each layer
// is then measured on. Data and engine must live as long.
enum { BD_LOCAL_SAMPLES = 32 }; // enough for a layer, whose output is many values a sample
typedef struct bd_locals bd_locals;
// At most so many samples; activations of as many runs at a time as fit into `memory` bytes, one
// at least.
bd_status bd_locals_new(const bd_engine *apart, const bd_data *data, int64_t samples, size_t memory,
                        bd_locals **out, bd_error *err);
void bd_locals_free(bd_locals *locals);             // NULL is allowed
int64_t bd_locals_runs(const bd_locals *locals);    // that the samples take
int64_t bd_locals_samples(const bd_locals *locals); // in all of them

// Holds the float activations of runs from `first` on. Returns in *held how many: all that are
// left, or what memory allows.
bd_status bd_locals_load(bd_locals *locals, int64_t first, int threads, const bd_cancel *cancel,
                         int64_t *held, bd_error *err);
// Adds up the layer's local error on the runs held, in their order: the same whatever the threads.
// The float activations stay.
bd_status bd_locals_add(bd_locals *locals, const bd_swap *swap, int layer, int threads,
                        const bd_cancel *cancel, bd_local *sum, bd_error *err);

#endif
