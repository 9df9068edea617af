// The heat map: every layer at every bit width, what it costs.
#ifndef BD_VIEWERS_SENSITIVITY_H
#define BD_VIEWERS_SENSITIVITY_H

#include "viewers/view.h"

extern const bd_view_class bd_sensitivity_view;

#endif
