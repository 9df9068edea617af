// Size against error or accuracy: every configuration that the session has seen, the Pareto line,
// pins, and the same bits everywhere for comparison. Enter takes the point in hand.
#ifndef BD_VIEWERS_FRONTIER_H
#define BD_VIEWERS_FRONTIER_H

#include "viewers/view.h"

extern const bd_view_class bd_frontier_view;

#endif
