// What the panels about the layer in hand share.
#ifndef BD_VIEWERS_SHARED_H
#define BD_VIEWERS_SHARED_H

#include "viewers/view.h"

// The layer in hand, or NULL.
const bd_layer_state *bd_desk_state(const bd_desk *desk);

// Says why a panel has nothing to draw yet: no layer, a refused one, or one that is being indexed
// or quantized.
void bd_draw_nothing(const bd_desk *desk, bd_area area);

// How many levels a result has, as text: "7 + zero", "float".
void bd_show_levels(char *out, size_t size, const bd_result *result);

#endif
