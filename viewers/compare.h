// Two configurations side by side, layer by layer: the session's own, and one that was pinned or
// taken in from a file.
#ifndef BD_VIEWERS_COMPARE_H
#define BD_VIEWERS_COMPARE_H

#include "viewers/view.h"

extern const bd_view_class bd_compare_view;

#endif
