// The distribution of the layer in hand, before and after.
#ifndef BD_VIEWERS_HISTOGRAM_H
#define BD_VIEWERS_HISTOGRAM_H

#include "viewers/view.h"

extern const bd_view_class bd_histogram_view;

#endif
