// What the panels about the layer in hand share.
#ifndef BD_VIEWERS_SHARED_H
#define BD_VIEWERS_SHARED_H

#include "viewers/view.h"

// The layer in hand, or NULL.
const bd_layer_state *bd_desk_state(const bd_desk *desk);

// Says why a panel has nothing to draw yet: no layer, a refused one, or one that is being indexed
// or quantized.
void bd_draw_nothing(const bd_desk *desk, bd_area area);

// Text to the area's right edge; where it is longer it ends in ….
void bd_print_start(bd_area area, int column, int row, bd_role role, const char *text);
// Text and a gap behind it, if all of the text fits: then the column after, else the same column.
int bd_print_whole(bd_area area, int column, int row, bd_role role, const char *text);

// Text over as many rows as it takes, broken at blanks where it has some. Returns how many; an area
// without rows (and without a canvas) only measures.
int bd_print_wrapped(bd_area area, bd_role role, const char *text);

// What stands before a number of a result whose setting has changed since: "~" or "".
const char *bd_stale_mark(const bd_layer_state *state);

// "two-stage": the name of a field's choice.
const char *bd_choice_name(int field, int choice);

// In one row: how far the clustering is from the optimum, and whether that is proved.
void bd_draw_optimum(const bd_layer_state *state, bd_area row);

// How many levels a result has, as text: "7 + zero", "kept as float"; of parts "≤16 × 512": the
// most that one of them takes, and how many they are.
void bd_show_levels(char *out, size_t size, const bd_result *result);

#endif
