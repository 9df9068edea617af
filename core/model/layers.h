// The layers of a graph: which nodes have a quantizable weight, and where each is stored.
#ifndef BD_MODEL_LAYERS_H
#define BD_MODEL_LAYERS_H

#include "core/model/external.h"
#include "core/model/model.h"
#include "core/model/scope.h"

// A layer as the model shows it, and what core/model knows of it besides.
typedef struct bd_found {
  bd_layer shown;
  const bd_value *value;
  bd_values values;
  const Onnx__NodeProto *const *nodes; // of shown.users
} bd_found;

typedef struct bd_layers {
  bd_found *items;
  int count;
  int nodes;           // of all graphs
  bd_names names;      // tensor → bd_found
  bd_found **by_proto; // those that a tensor of the file stores, by its address
  int stored;
} bd_layers;

// Walks the main graph and its subgraphs, once external data is attached. Everything is taken from
// the arena. BD_INVALID names `path`: subgraphs nested too deeply.
bd_status bd_layers_find(const Onnx__GraphProto *graph, const bd_external *external,
                         bd_arena *arena, const char *path, bd_layers *out, bd_error *err);

// Forgets the names; the rest is the arena's.
void bd_layers_close(bd_layers *layers);

// The layer whose values that tensor of the file holds, or -1.
int bd_layers_of(const bd_layers *layers, const Onnx__TensorProto *tensor);

// Gives every layer a name of its own, kept in layers->names: its tensor's, with `node/branch/` in
// front where it stands in a subgraph and another layer has the same. False without memory.
bool bd_layers_name(bd_layers *layers, bd_arena *arena);

#endif
