// The sensitivity sweep: every point alone, all other layers float, on all samples.
//
// A thread takes a few samples at a time, runs the float network once on each and keeps its
// activations; then, layer by layer from the last to the first, each point's weights are put in
// once and each sample runs on from that layer. What stands before a layer is never computed again.
#ifndef BD_STUDY_SWEEP_H
#define BD_STUDY_SWEEP_H

#include "core/engine/engine.h"
#include "core/study/sensitivity.h"

// What a sweep works on; nothing is taken over.
struct bd_sweep_parts {
  const bd_model *model;
  const bd_data *data;
  const int64_t *labels;   // one a sample, or NULL
  const bd_engine *engine; // compiled for the data
  const bd_engine *apart;  // the same compiled `apart`, for the layers' own outputs; NULL: without
  const bd_layer_study *studies;
  const bd_points *points; // quantized
};

// After every few samples, one call at a time, from any worker; so_far is closed, and valid during
// the call. A failure ends the sweep.
typedef bd_status (*bd_sweep_progress)(void *arg, const bd_sensitivity *so_far, bd_error *err);

// Goes on from the samples that `state` has done. Whatever the threads, and however often it was
// broken off and resumed, the figures are the same to the last digit: samples are added in order.
// BD_CANCELLED and failures leave in state what was done, closed.
bd_status bd_sweep_run(const bd_sweep_parts *parts, bd_sensitivity *state, size_t memory,
                       bd_pool *pool, const bd_cancel *cancel, bd_sweep_progress progress,
                       void *arg, bd_error *err);

#endif
