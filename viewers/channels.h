// The output channels of the layer in hand: a row for each, with its range, its outliers, and what
// levels of its own would gain.
#ifndef BD_VIEWERS_CHANNELS_H
#define BD_VIEWERS_CHANNELS_H

#include "viewers/view.h"

extern const bd_view_class bd_channels_view;

#endif
