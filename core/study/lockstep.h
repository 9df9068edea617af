// The float network and the repaired one side by side on calibration data, from layer to layer:
// what a layer will read there, and what it ought to give. Each sample waits between two layers
// with nothing but its live activations.
#ifndef BD_STUDY_LOCKSTEP_H
#define BD_STUDY_LOCKSTEP_H

#include "core/engine/data.h"
#include "core/engine/linear.h"
#include "core/study/moments.h"

typedef struct bd_lockstep bd_lockstep;

// Takes every run of the data that `memory` bytes (0: a quarter of the machine's) have room for.
// The engine is compiled `apart`; swap holds the repaired network, its owner changes it between two
// calls. Both, and the data, must outlive it. layers: how many the model has. BD_FAILED: there is
// not room for one.
bd_status bd_lockstep_new(const bd_engine *engine, const bd_swap *swap, const bd_data *data,
                          int layers, int threads, size_t memory, bd_lockstep **out, bd_error *err);
void bd_lockstep_free(bd_lockstep *lockstep);

// From the first step on, again and again.
bd_status bd_lockstep_begin(bd_lockstep *lockstep, const bd_cancel *cancel, bd_error *err);

// How many runs take part.
int64_t bd_lockstep_runs(const bd_lockstep *lockstep);

// Goes on to the layer (in the order of bd_linear.step): x from the repaired network, y from the
// float one, at the same random positions, the same number of every run, `wanted` or a few more in
// all; the same ones each time. Not centred; rows are shaped. The repaired network has then not run
// the layer yet. What the float network has there is kept, as far as memory goes, so that it does
// not run again.
bd_status bd_lockstep_rows(bd_lockstep *lockstep, int layer, const bd_linear *linear,
                           int64_t wanted, const bd_cancel *cancel, bd_rows *rows, bd_error *err);

#endif
