#include "viewers/density.h"

#include <math.h>
#include <string.h>

double bd_density_column(const bd_density *density, double value) {
  return (value - density->low) / (density->high - density->low) * density->columns;
}

static void fill_before(bd_density *density, const bd_index *index) {
  size_t counts[BD_DENSITY_MOST];
  bd_index_histogram(index, density->low, density->high, density->columns, counts);
  for (int i = 0; i < density->columns; i++)
    density->before[i] = (double)counts[i];
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
  const float *values = bd_index_values(index);
  size_t count = bd_index_stats(index)->count;
  if (at == 0) return values[0];
  if (at >= count) return values[count - 1];
  return ((double)values[at - 1] + values[at]) / 2;
}

static void spread_range(const bd_density *density, double *columns, const bd_index *index,
                         size_t from, size_t to) {
  if (from < to)
    spread(density, columns, border(index, from), border(index, to), (double)(to - from));
}

static double within(size_t value, size_t least, size_t most) {
  return (double)(value < least ? least : value > most ? most : value);
}

// Weights that stay as they are (kept in float): what was there before, but for the pruned ones.
static void keep(bd_density *density, const bd_index *index, const bd_hole *hole) {
  double width = (density->high - density->low) / density->columns;
  for (int i = 0; i < density->columns; i++) {
    double left = density->low + i * width;
    double pruned = within(bd_index_before(index, left + width), hole->from, hole->to) -
                    within(bd_index_before(index, left), hole->from, hole->to);
    density->after[i] += fmax(0, density->before[i] - pruned);
  }
}

void bd_density_fill(bd_density *density, const bd_index *index, const bd_result *result,
                     double low, double high, int columns) {
  memset(density, 0, sizeof *density);
  density->columns = columns;
  density->low = low;
  density->high = high;
  density->hole_low = 1;
  fill_before(density, index);
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
