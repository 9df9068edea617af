// Biases for a model in the making: values added to what the nodes that use a layer put out.
#ifndef BD_MODEL_SHIFT_H
#define BD_MODEL_SHIFT_H

#include "core/model/arena.h"
#include "core/model/state.h"

#include <stdbool.h>

typedef struct bd_shifting {
  const bd_model *model;
  bd_arena *arena;
  bd_error *err;
} bd_shifting;

// Node number `node` of the copied graph is a user of the layer; count values, one an output
// channel. A bias of its own is changed (the copied initializer gets new values) where no other
// node reads it; where there is none, one is added; else an Add follows the node. What is added
// stands in Constant nodes, which every version of ONNX takes.
bd_status bd_shift_node(const bd_shifting *job, const bd_found *layer, const double *values,
                        int64_t count, const Onnx__GraphProto *original, Onnx__GraphProto *copy,
                        size_t node);

#endif
