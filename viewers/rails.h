// A piece of a graph in rows, one node in each: which column a node stands in, and the lines that
// run beside it from what makes a value down to what reads it. A pure function.
#ifndef BD_VIEWERS_RAILS_H
#define BD_VIEWERS_RAILS_H

#include "core/model/graph.h"

#include <stdint.h>

enum { BD_RAILS_MOST = 12, BD_RAIL_ROWS_MOST = 96 };

typedef struct bd_rail_row {
  int node;
  int column;                   // of the node
  uint8_t sides[BD_RAILS_MOST]; // BD_EDGE_UP, … or-ed: where lines leave this cell
} bd_rail_row;

typedef struct bd_rails {
  bd_rail_row rows[BD_RAIL_ROWS_MOST];
  int count, columns; // columns in use
} bd_rails;

// nodes: at most BD_RAIL_ROWS_MOST, in the order of the graph. Values between them get a line each,
// from maker to last reader; those that find no free column get none.
void bd_rails_make(const bd_graph *graph, const int *nodes, int count, bd_rails *out);

#endif
