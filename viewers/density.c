#include "viewers/density.h"

#include <math.h>
#include <string.h>

enum { DEVIATIONS = 8 };

bd_window bd_density_window(const bd_stats *stats, int zoom, double pan) {
  double half = DEVIATIONS * stats->deviation * ldexp(1, -zoom);
  double centre = stats->mean + pan * stats->deviation;
  double room = stats->min == 0 ? 1 : fabs(stats->min) / 2; // where all are of one value
  if (!(stats->min < stats->max)) return (bd_window){stats->min - room, stats->min + room};
  if (half * 2 >= stats->max - stats->min) return (bd_window){stats->min, stats->max};
  centre = fmax(stats->min + half, fmin(centre, stats->max - half));
  return (bd_window){centre - half, centre + half};
}

double bd_density_scale(const bd_density *density, bool *clipped) {
  double top[4] = {0};
  for (int i = 0; i < density->columns; i++) {
    double value = fmax(density->before[i], density->after[i]);
    for (int j = 0; j < 4; j++)
      if (value > top[j]) {
        double next = top[j];
        top[j] = value;
        value = next;
      }
  }
  *clipped = top[3] > 0 && top[0] > 4 * top[3];
  return fmax(1, *clipped ? top[3] * 1.5 : top[0]);
}

double bd_density_column(const bd_density *density, double value) {
  return (value - density->low) / (density->high - density->low) * density->columns;
}

// Sorted place where a column begins: a value on an edge counts to the right, the last one to the
// left.
static size_t column_start(const bd_density *density, const bd_index *index, int column) {
  if (column == density->columns) return bd_index_through(index, density->high);
  double share = (double)column / density->columns;
  return bd_index_before(index, density->low + share * (density->high - density->low));
}

// How many of the sorted places [from, to) stand in each column.
static void count_range(const bd_density *density, const bd_index *index, size_t from, size_t to,
                        double *counts) {
  size_t last = 0;
  for (int i = 0; i <= density->columns; i++) {
    size_t start = column_start(density, index, i);
    size_t place = start < from ? from : start > to ? to : start;
    if (i > 0) counts[i - 1] = place > last ? (double)(place - last) : 0;
    last = place;
  }
}

// Adds `count` weights, evenly spread over the values [low, high], to the columns.
static void spread(const bd_density *density, double *columns, double low, double high,
                   double count) {
  double from = bd_density_column(density, low), to = bd_density_column(density, high);
  int first = (int)fmax(0, fmin(floor(from), density->columns));
  if (to - from < 1e-9) { // one value: a spike. The last edge belongs to the last column.
    if (from == density->columns) first--;
    if (from >= 0 && first < density->columns) columns[first] += count;
    return;
  }
  for (int i = first; i < density->columns && i < to; i++) {
    double share = (fmin(to, i + 1) - fmax(from, i)) / (to - from);
    if (share > 0) columns[i] += count * share;
  }
}

// Where the values left of sorted place `at` end and those right of it begin.
static double border(const bd_index *index, size_t at) {
  size_t count = bd_index_stats(index)->count;
  if (at == 0) return bd_index_value(index, 0);
  if (at >= count) return bd_index_value(index, count - 1);
  return ((double)bd_index_value(index, at - 1) + bd_index_value(index, at)) / 2;
}

static void spread_range(const bd_density *density, double *columns, const bd_index *index,
                         size_t from, size_t to) {
  if (from < to)
    spread(density, columns, border(index, from), border(index, to), (double)(to - from));
}

// Weights that stay as they are (kept in float): what was there before, but for the pruned ones.
static void keep(bd_density *density, const bd_index *index, const bd_hole *hole) {
  double pruned[BD_DENSITY_MOST];
  count_range(density, index, hole->from, hole->to, pruned);
  for (int i = 0; i < density->columns; i++)
    density->after[i] += density->before[i] - pruned[i];
}

void bd_density_fill(bd_density *density, const bd_index *index, const bd_result *result,
                     double low, double high, int columns) {
  memset(density, 0, sizeof *density);
  density->columns = columns;
  density->low = low;
  density->high = high;
  density->hole_low = 1;
  count_range(density, index, 0, bd_index_stats(index)->count, density->before);
  if (!result) return;
  const bd_hole *hole = &result->hole;
  if (hole->from < hole->to) {
    density->hole_low = border(index, hole->from);
    density->hole_high = border(index, hole->to);
    spread_range(density, density->pruned, index, hole->from, hole->to);
  }
  for (int i = 0; i < columns; i++)
    density->after[i] = density->pruned[i];
  for (int i = 0; i < result->cell_count; i++)
    spread_range(density, density->after, index, result->cells[i].from, result->cells[i].to);
  if (result->cell_count == 0) keep(density, index, hole);
}
