// The layer table: what the program asks of it besides the callbacks of its class.
#ifndef BD_VIEWERS_LAYERS_H
#define BD_VIEWERS_LAYERS_H

#include "viewers/view.h"

extern const bd_view_class bd_layers_view;

// Puts the next layer that matches `text` (viewers/match.h) in hand: in the order of the table,
// among the layers it shows, starting after the one in hand and going around. direction: 1 on, -1
// back. False where none matches; a layer in hand that is the only match stays.
bool bd_table_find(bd_view *view, bd_desk *desk, const char *text, int direction);

// The layers that the table shows, in its order. Returns how many; *layers belongs to the view and
// holds until its next call.
int bd_table_shown(bd_view *view, const bd_desk *desk, const int **layers);

#endif
