// How the clustering of the layer in hand came to its result, and how much that hangs on the start:
// the paper's argument for the swarm, on this layer.
#ifndef BD_VIEWERS_CONVERGENCE_H
#define BD_VIEWERS_CONVERGENCE_H

#include "viewers/view.h"

extern const bd_view_class bd_convergence_view;

#endif
