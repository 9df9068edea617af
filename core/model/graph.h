// The graph behind a model as it can be walked: nodes, the values between them, who makes a value
// and who reads it; subgraphs among them. Immutable; any thread may read it.
#ifndef BD_MODEL_GRAPH_H
#define BD_MODEL_GRAPH_H

#include "core/model/model.h"

typedef enum bd_value_kind {
  BD_VALUE_MADE,   // by a node
  BD_VALUE_STORED, // an initializer, or what a Constant node holds (which is no node here)
  BD_VALUE_GIVEN,  // an input of its graph
  BD_VALUE_LOST,   // read, but nothing before makes it: a damaged model
} bd_value_kind;

typedef struct bd_graph_value {
  bd_value_kind kind;
  bd_port said;       // its name; type and shape as far as the file says them (rank -1: not)
  int maker, place;   // BD_VALUE_MADE: node, and which of its outputs
  int layer;          // whose weights it stores, or -1
  const int *readers; // nodes, rising, each once
  int reader_count;
  bool output; // of the model
} bd_graph_value;

typedef struct bd_graph_node {
  const char *name; // as bd_layer.node names it
  const char *op;
  const char *branch;            // "" in the main graph, else "If_3/then_branch"
  const int *inputs, *outputs;   // values; -1 where left out
  const int *inner;              // values that its subgraphs hand back to it
  const int *layers;             // whose weights it reads
  int input_count, output_count; //
  int inner_count, layer_count;  //
  const void *key;               // tells it from every other node (its message)
} bd_graph_node;

// Nodes come in the order of the file; those of a subgraph before the node that holds it. So every
// value is made before it is read.
typedef struct bd_graph {
  const bd_graph_node *nodes;
  const bd_graph_value *values;
  int node_count, value_count;
  const int *layer_nodes; // one a layer: its first user, or -1
  void *memory;
} bd_graph;

// The model must outlive it. A few ms for 10,000 nodes.
bd_status bd_graph_new(const bd_model *model, bd_graph **out, bd_error *err);
void bd_graph_free(bd_graph *graph); // NULL is allowed

#endif
