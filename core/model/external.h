// External data: the files beside a model in which its large tensors are stored.
#ifndef BD_MODEL_EXTERNAL_H
#define BD_MODEL_EXTERNAL_H

#include "core/model/names.h"
#include "core/model/source.h"

#include <onnx/onnx.pb-c.h>
#include <stdbool.h>

typedef struct bd_external {
  bd_arena *arena;
  int folder;     // the model's, its descriptor
  bd_names files; // location → its file or why it cannot be read
  bd_source **sources;
  int count;
  void *refused; // a tree of the tensors that cannot be read
} bd_external;

// Gives every tensor of the model (graph, subgraphs, Constants) that is stored outside of it the
// bytes of its file as raw data, mapped, aligned for nothing. A tensor that cannot have them keeps
// none: bd_external_why. A data file must be a regular file in the folder of `path` or below it: no
// location is followed that is absolute, climbs with .. or leads over a link. Everything is taken
// from the arena; false without memory. Closed with bd_external_close in every case.
bool bd_external_attach(bd_external *external, const char *path, Onnx__ModelProto *model,
                        bd_arena *arena);
void bd_external_close(bd_external *external);

// Is the tensor stored outside of the model?
static inline bool bd_is_external(const Onnx__TensorProto *tensor) {
  return tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

// Why an external tensor has no raw data, in one line.
const char *bd_external_why(const bd_external *external, const Onnx__TensorProto *tensor);

// Does a path lead to one of the data files?
bool bd_external_is_at(const bd_external *external, const char *path);

// The data file whose bytes a pointer points to, or NULL.
const bd_source *bd_external_source(const bd_external *external, const void *pointer);

#endif
