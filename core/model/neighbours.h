// The nodes around one in a graph.
#ifndef BD_MODEL_NEIGHBOURS_H
#define BD_MODEL_NEIGHBOURS_H

#include "core/model/graph.h"

// Picks `node` and those nearest to it, by steps from a node to the makers of what it reads and to
// the readers of what it makes: at most `most` in all (at least 1). Of the many readers of one
// value a few are taken, the nearest in order. out: in order of the graph; returns how many.
int bd_neighbours(const bd_graph *graph, int node, int most, int *out);

#endif
