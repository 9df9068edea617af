// What quantizing the layer in hand costs: the error and its parts, its distance from the optimum,
// and what other bit widths would give.
#ifndef BD_VIEWERS_ERROR_H
#define BD_VIEWERS_ERROR_H

#include "viewers/view.h"

extern const bd_view_class bd_error_view;

#endif
