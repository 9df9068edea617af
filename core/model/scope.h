// Where a name in a graph comes from. Subgraphs see the names of the graphs around them.
#ifndef BD_MODEL_SCOPE_H
#define BD_MODEL_SCOPE_H

#include "core/model/names.h"
#include "core/model/tensor.h"

typedef enum bd_origin {
  BD_FROM_NOWHERE,   // no graph around defines it
  BD_FROM_INPUT,     // an input of its graph
  BD_FROM_RUN,       // depends on what the network is run on
  BD_FROM_CONSTANTS, // a node computes it, always the same
  BD_FROM_FILE,      // stored: an initializer or a Constant
} bd_origin;

typedef struct bd_scope bd_scope;

// What a name stands for. Nodes that only reshape a constant give it a second name.
typedef struct bd_value {
  const char *name; // where it was made
  const bd_scope *scope;
  bd_origin origin;
  bd_stored stored;                 // FROM_FILE
  const Onnx__ValueInfoProto *port; // FROM_INPUT
  const Onnx__NodeProto *node;      // FROM_CONSTANTS, FROM_RUN
  const struct bd_value *argument;  // the node's first input, or NULL
  void *draft;                      // the layer that it is, for layers.c; NULL: none
} bd_value;

// A graph and what its names stand for so far.
struct bd_scope {
  const bd_scope *parent; // NULL: the main graph
  const char *node;       // the node that it is a branch of
  const char *branch;     // the attribute: "then_branch", "body", …
  int depth;
  bd_names names; // bd_value
};

// Binds the initializers and inputs of the graph; false without memory. names must be empty and
// know its arena; the caller clears it in every case.
bool bd_scope_enter(bd_scope *scope, const Onnx__GraphProto *graph);

// The value of a name here or in a graph around, or NULL. The empty name stands for nothing.
bd_value *bd_scope_find(const bd_scope *scope, const char *name);

// Makes a value that stands for nothing yet and binds it to the name, unless that has one already.
// NULL without memory.
bd_value *bd_scope_make(bd_scope *scope, const char *name, bd_origin origin);

// Binds what a node puts out. Nodes come in topological order: a name that is not bound when a node
// asks for it is unknown. False without memory.
bool bd_scope_run(bd_scope *scope, const Onnx__NodeProto *node);

// Is the node an operator of ONNX's own (default) domain of this type?
bool bd_node_is(const Onnx__NodeProto *node, const char *op);

#endif
