// The heat map: every layer at every bit width, what it costs.
#ifndef BD_VIEWERS_SENSITIVITY_H
#define BD_VIEWERS_SENSITIVITY_H

#include "viewers/view.h"

// How hot a cell is: 0 no loss to speak of (40 dB and more), 6 nothing is left.
int bd_heat_of_sqnr(double db);

extern const bd_view_class bd_sensitivity_view;

#endif
