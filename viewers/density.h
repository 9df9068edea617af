// How many weights stand in each column of a plot, before and after quantization.
//
// After: every level's weights are spread evenly over the interval of values that the level stands
// for (its cell), the pruned ones over the pruned interval. Both shapes then hold the same number
// of weights on one scale: a staircase that follows the bell as well as the levels do.
#ifndef BD_VIEWERS_DENSITY_H
#define BD_VIEWERS_DENSITY_H

#include "core/quant/quantize.h"

enum { BD_DENSITY_MOST = 512 };

typedef struct bd_density {
  int columns;
  double low, high; // values at the outer edges; low < high
  double before[BD_DENSITY_MOST], after[BD_DENSITY_MOST];
  double pruned[BD_DENSITY_MOST]; // the part of after that is pruned
  double hole_low, hole_high;     // the pruned interval; low > high: none
} bd_density;

// columns: 1..BD_DENSITY_MOST; low < high. result NULL: before only.
void bd_density_fill(bd_density *density, const bd_index *index, const bd_result *result,
                     double low, double high, int columns);

// The values that a plot shows: so far to each side of the mean where weights are, moved to lie
// within the range of all. Each step of zoom halves it; pan: its centre, in deviations.
typedef struct bd_window {
  double low, high;
} bd_window;
bd_window bd_density_window(const bd_stats *stats, int zoom, double pan);

// Weights in a column that fills the height: those of the fullest, unless a spike (exact zeros,
// say) would flatten all the rest: then *clipped, some columns hold more.
double bd_density_scale(const bd_density *density, bool *clipped);

// The column of a value; may lie outside [0, columns).
double bd_density_column(const bd_density *density, double value);

#endif
