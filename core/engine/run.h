// A run, as run.c and control.c share it. For core/engine alone.
#ifndef BD_ENGINE_RUN_H
#define BD_ENGINE_RUN_H

#include "core/engine/plan.h"

struct bd_run {
  const bd_engine *engine;
  const bd_swap *swap;
  const bd_cancel *cancel;
  bool kept, done;
  bool watched;        // a step that leaves NaN fails
  const bd_swap *seen; // the weights of its activations,
  uint64_t seen_at;    // as they were at this time of the plan's clock
  int sound;           // how many of the main graph's first steps left what they should
  int at;              // step by step: the next of the main graph
  bd_tensor *tensors;  // by slot
  void *arena;         // the planned activations
  void **grown;        // by slot: memory of a tensor whose size the run finds, owned
  size_t *grown_bytes; // its size
  size_t grown_total;
  bd_tensor **pointers; // for the call at hand
  int pointer_room;
  bd_scratch scratch;
};

// Memory for the slot's tensor, whose shape is set: planned, or grown now. The data stays what it
// was where the size allows.
bd_status bd_run_hold(bd_run *run, int slot, const Onnx__NodeProto *node, bd_error *err);
// Copies a tensor's shape and data into a slot.
bd_status bd_run_copy(bd_run *run, const bd_tensor *from, int slot, const Onnx__NodeProto *node,
                      bd_error *err);
bd_status bd_run_block(bd_run *run, const bd_block *block, bd_error *err);
bd_status bd_control_run(bd_run *run, const bd_step *step, bd_error *err);

#endif
