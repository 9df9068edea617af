// What goes into a node of the graph and what comes out: a line for each tensor, with its name,
// shape, where it comes from or who reads it.
#ifndef BD_VIEWERS_WIRES_H
#define BD_VIEWERS_WIRES_H

#include "core/study/survey.h"
#include "viewers/canvas.h"

// Rows that it could use.
int bd_wires_rows(const bd_survey *survey, int node);
// Outputs first; what there are no rows for is counted in the last.
void bd_wires_draw(const bd_survey *survey, int node, bd_area area);

#endif
