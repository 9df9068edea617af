// How far a clustering's SSE is above the optimum: the excess, SSE / optimum − 1, and a logarithmic
// axis for it. An excess of 0 has no place on that axis: it is exact, and is drawn as such.
#ifndef BD_VIEWERS_EXCESS_H
#define BD_VIEWERS_EXCESS_H

#include "viewers/show.h"

#include <stdbool.h>

// 0 within what a proof distinguishes (1e-9); +Inf above an optimum of 0; NaN where either is not
// known.
double bd_excess(double sse, double optimum);

// "exact", "<.0001%", "+.02%", "×20", "···" for NaN: at most 7 columns.
char *bd_excess_show(char out[BD_SHOW_SIZE], double excess);

// Whole decades, low < high: −2 is an excess of 0.01.
typedef struct bd_excess_axis {
  int low, high;
  bool used; // something stands on it
} bd_excess_axis;

// Holds every excess of the values that is above 0 and finite, within bounds that keep it legible.
bd_excess_axis bd_excess_axis_of(const double *excesses, int count);
// Both, or the one that is used.
bd_excess_axis bd_excess_axis_join(bd_excess_axis a, bd_excess_axis b);
// Where an excess above 0 stands, 0..1; what is outside stands at the end.
double bd_excess_place(bd_excess_axis axis, double excess);
// "+.01%", "+10%", "×11".
char *bd_excess_label(char out[BD_SHOW_SIZE], int decade);

#endif
