// The node of the layer in hand in its neighbourhood: the nodes before and after it, what runs
// between them, and who reads what.
#ifndef BD_VIEWERS_GRAPH_H
#define BD_VIEWERS_GRAPH_H

#include "viewers/view.h"

extern const bd_view_class bd_graph_view;

#endif
