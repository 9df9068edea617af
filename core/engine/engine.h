// Runs a model's graph. The graph is compiled once for the shapes of its inputs into an immutable
// plan that threads share; each thread has a run of its own, with its own activations. A set of
// replaced weights (bd_swap) stands beside the plan: changing a layer repacks that layer alone.
//
// What the shapes do not depend on data is decided while compiling: constants are folded,
// normalizations, sums and activations join their convolution, buffers are laid out so that they
// share memory. What depends on data (If, Loop, NonZero, …) is decided while it runs.
#ifndef BD_ENGINE_ENGINE_H
#define BD_ENGINE_ENGINE_H

#include "core/base/pool.h"
#include "core/engine/tensor.h"
#include "core/model/graph.h"
#include "core/model/model.h"

typedef struct bd_engine bd_engine; // a plan; any thread may read it

// BD_INVALID where the graph has operators that are not written: names each with its first node and
// how many nodes have it. Nothing is run. Compiling begins with it.
bd_status bd_engine_supports(const bd_model *model, bd_error *err);

typedef struct bd_engine_options {
  size_t memory; // a ceiling in bytes for the plan and, apart, for each run; 0: half the machine's
  bool apart;    // every layer's own output can be read: nothing that follows joins its step
  bool shapes;   // for its shapes alone: quick, holds no weights, and cannot be run
  const bd_cancel *cancel; // polled between nodes, and between weights that are packed
} bd_engine_options;

// inputs: type and shape of each of bd_model_about's inputs, in their order; where data is set, the
// value is taken as constant (it must stay). options NULL: defaults. BD_INVALID names the node and
// the tensor. The model must outlive the engine.
bd_status bd_engine_compile(const bd_model *model, const bd_tensor *inputs,
                            const bd_engine_options *options, bd_engine **out, bd_error *err);
void bd_engine_free(bd_engine *engine);

// Bytes: constants and packed weights that the plan holds beside the model; the activations of a
// run, buffers shared, and kept apart.
typedef struct bd_engine_memory {
  size_t plan, run, run_kept;
} bd_engine_memory;
bd_engine_memory bd_engine_memory_of(const bd_engine *engine);

// Does the network depend on the layer at all (and does the plan see it)?
bool bd_engine_uses(const bd_engine *engine, int layer);

// Output channels of the layer's users: of Conv, ConvTranspose (axis 1), Gemm (axis 1), MatMul (the
// last axis; that before it where the weights stand first). 0 where one is another operator, where
// they differ, or where nothing depends on the layer.
int64_t bd_engine_channels(const bd_engine *engine, int layer);
// Multiply–accumulates that one run spends on each layer (one entry a layer; a layer with several
// users: on all of them): of the compiled shapes. 0 where it is only looked up (Gather); NaN where
// the run finds the shapes, or a loop how often. False without memory.
bool bd_engine_macs(const bd_engine *engine, double *macs);
// Type and shape of each value of the graph (one entry a value, no data); BD_TYPE_NONE where the
// run finds them, and for what is stored: the graph says those. False without memory.
bool bd_engine_shapes(const bd_engine *engine, const bd_graph *graph, bd_tensor *out);

int bd_engine_output_count(const bd_engine *engine);

// Replaced weights. One thread changes it, while no run uses it.
typedef struct bd_swap bd_swap;
bd_status bd_swap_new(const bd_engine *engine, bd_swap **out, bd_error *err);
void bd_swap_free(bd_swap *swap);
// New values for a layer (as many as it has, in stored order; copied). NULL: the model's own again.
bd_status bd_swap_set(bd_swap *swap, int layer, const float *values, bd_error *err);
// Added to what every user of the layer computes, as a bias is: a value for each output channel
// (bd_engine_channels of them; copied). NULL: nothing again. BD_INVALID where it has no channels.
bd_status bd_swap_shift(bd_swap *swap, int layer, const double *shift, bd_error *err);

// A run: one thread's activations. Kept: no two tensors share memory, so that a later run can start
// in the middle; takes bd_engine_memory.run_kept.
typedef struct bd_run bd_run;
bd_status bd_run_new(const bd_engine *engine, bool kept, bd_run **out, bd_error *err);
void bd_run_free(bd_run *run);

// Runs the network on the inputs (data set, types and shapes as compiled), with the swap's weights
// (NULL: the model's own). cancel is polled between steps. Errors name node and tensor.
bd_status bd_run_all(bd_run *run, const bd_swap *swap, const bd_tensor *inputs,
                     const bd_cancel *cancel, bd_error *err);
// The same on the inputs of the last time, which it may not look at: a kept run that went through
// with this very swap begins at the first step that uses a layer changed since then (also where it
// was cancelled on the way).
bd_status bd_run_again(bd_run *run, const bd_swap *swap, const bd_tensor *inputs,
                       const bd_cancel *cancel, bd_error *err);
// BD_INVALID where an output of that run holds NaN: names the node and the tensor in which it first
// stood (found by running once more), or the input that brought it.
bd_status bd_run_check(bd_run *run, const bd_swap *swap, const bd_tensor *inputs, bd_error *err);
// The same step by step, for work between two layers: takes the inputs; goes on to the step of that
// number (engine/linear.h), which is not run; past the last one the run is done. No two of these
// calls need the same swap.
bd_status bd_run_begin(bd_run *run, const bd_tensor *inputs, bd_error *err);
bd_status bd_run_until(bd_run *run, const bd_swap *swap, int step, const bd_cancel *cancel,
                       bd_error *err);
// Runs again from the first step that uses the layer, on the activations that are there: those of
// the steps before it are unchanged, those after it are written over. So layer by layer from the
// last to the first, one kept run gives the effect of each layer alone. Kept runs only.
bd_status bd_run_from(bd_run *run, const bd_swap *swap, int layer, const bd_cancel *cancel,
                      bd_error *err);
// Runs only the steps that use the layer. Kept runs only.
bd_status bd_run_layer(bd_run *run, const bd_swap *swap, int layer, bd_error *err);

// Has the run been through once, so that its outputs' shapes stand?
bool bd_run_done(const bd_run *run);
// An output of the model after a run, in the order of bd_model_about. Valid until the next run.
const bd_tensor *bd_run_output(const bd_run *run, int output);
// What the layer's first user left: its output with the bias, and with what joined the step unless
// compiled `apart`. Row-major; the caller frees out->data. BD_INVALID where there is none.
bd_status bd_run_layer_output(const bd_run *run, int layer, bd_tensor *out, bd_error *err);
// The same as it stands in the run until the next one, its elements in whatever order, the same for
// every run of an engine. NULL where there is none.
const bd_tensor *bd_run_layer_view(const bd_run *run, int layer);
// What that user read besides the weights, as float32, row-major; the caller frees out->data.
// Kept runs only. BD_INVALID where the layer has no channels, or its user has not run.
bd_status bd_run_layer_input(const bd_run *run, int layer, bd_tensor *out, bd_error *err);

#endif
