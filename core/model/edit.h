// A model with other tensors in it, without touching the original: others read it meanwhile.
// Graphs, nodes, attributes and tensors are copied shallowly; names, types and values are shared.
#ifndef BD_MODEL_EDIT_H
#define BD_MODEL_EDIT_H

#include "core/model/arena.h"

#include <onnx/onnx.pb-c.h>
#include <stdbool.h>

// What to change: each function gets a message and its copy, to change as it likes, and returns
// false without memory.
typedef struct bd_edit {
  bd_arena *arena; // for the copies
  const void *arg;
  // Every initializer and every tensor of an attribute.
  bool (*tensor)(const struct bd_edit *edit, const Onnx__TensorProto *original,
                 Onnx__TensorProto *copy);
  // Every attribute, for its own numbers. May be NULL.
  bool (*attribute)(const struct bd_edit *edit, const Onnx__AttributeProto *original,
                    Onnx__AttributeProto *copy);
  // Every graph, once everything in its copy is a copy. May be NULL.
  bool (*graph)(const struct bd_edit *edit, const Onnx__GraphProto *original,
                Onnx__GraphProto *copy);
} bd_edit;

// The edited copy: it lives as long as the arena and the original. NULL without memory.
const Onnx__ModelProto *bd_edit_model(const bd_edit *edit, const Onnx__ModelProto *model);

#endif
