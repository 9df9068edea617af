#include "core/quant/grid.h"

#include <math.h>

// A zero point rounds the range outwards by up to half a step: past the type's greatest value there
// is no level.
static void even_levels(const bd_index *index, bd_even_grid *grid, int first, int last,
                        int stride) {
  for (int q = first; q <= last; q += stride) {
    double level = bd_index_round(index, grid->step * (q - grid->zero_point));
    if (isfinite(level)) grid->levels[grid->count++] = level;
  }
}

bd_even_grid bd_grid_of(const bd_index *index, const bd_grid_shape *shape, double step,
                        double zero_point) {
  bd_even_grid grid = {.step = step, .zero_point = zero_point};
  int most = (1 << (shape->bits - 1)) - 1, lone = shape->lone;
  if (shape->kind == BD_AFFINE)
    even_levels(index, &grid, 0, (1 << shape->bits) - 1, 1);
  else if (shape->bits > 1)
    even_levels(index, &grid, -most, most, 1);
  else if (lone == 0)
    even_levels(index, &grid, -1, 1, 2);
  else
    even_levels(index, &grid, lone < 0 ? -1 : 0, lone < 0 ? 0 : 1, 1);
  return grid;
}

// The least power of two that is not below a positive step; less where the greatest level would be
// past what the type holds.
static double power_above(const bd_index *index, double step, int most) {
  int exponent;
  double mantissa = frexp(step, &exponent);
  double power = ldexp(1, mantissa == 0.5 ? exponent - 1 : exponent);
  while (!isfinite(bd_index_round(index, power * most)))
    power /= 2;
  return power;
}

bd_even_grid bd_grid_over(const bd_index *index, const bd_grid_shape *shape, double low,
                          double high) {
  low = fmin(low, 0);
  high = fmax(high, 0);
  if (low == high) return (bd_even_grid){.count = 1};
  if (shape->kind == BD_AFFINE) {
    double step = (high - low) / ((1 << shape->bits) - 1);
    return bd_grid_of(index, shape, step, round(-low / step));
  }
  int most = shape->bits == 1 ? 1 : (1 << (shape->bits - 1)) - 1;
  double step = fmax(-low, high) / most;
  return bd_grid_of(index, shape, shape->pow2 ? power_above(index, step, most) : step, 0);
}

static double middle(const bd_even_grid *grid, int level) {
  return (grid->levels[level] + grid->levels[level + 1]) / 2;
}

double bd_grid_nearest(const bd_even_grid *grid, double value) {
  int low = 0, high = grid->count - 1;
  while (low < high) {
    int level = low + (high - low) / 2;
    if (value < middle(grid, level))
      high = level;
    else
      low = level + 1;
  }
  return grid->levels[low];
}

void bd_runs_by_value(const bd_survivors *survivors, const bd_even_grid *grid, bd_runs *runs) {
  *runs = (bd_runs){.step = grid->step, .zero_point = grid->zero_point};
  for (int level = 0; level < grid->count; level++) {
    size_t end = level + 1 < grid->count ? bd_survivors_before(survivors, middle(grid, level))
                                         : survivors->count;
    if (end == runs->borders[runs->count]) continue;
    runs->levels[runs->count] = grid->levels[level];
    runs->borders[++runs->count] = end;
  }
}

static void take_borders(const bd_clusters *clusters, bd_runs *runs) {
  runs->count = clusters->count;
  for (int i = 0; i <= clusters->count; i++)
    runs->borders[i] = clusters->borders[i];
}

void bd_runs_by_center(const bd_clusters *clusters, const bd_even_grid *grid, bd_runs *runs) {
  *runs = (bd_runs){.step = grid->step, .zero_point = grid->zero_point};
  take_borders(clusters, runs);
  for (int i = 0; i < clusters->count; i++)
    runs->levels[i] = bd_grid_nearest(grid, clusters->centers[i]);
}

void bd_runs_of_centers(const bd_index *index, const bd_clusters *clusters, bd_runs *runs) {
  *runs = (bd_runs){0};
  take_borders(clusters, runs);
  for (int i = 0; i < clusters->count; i++)
    runs->levels[i] = bd_index_round(index, clusters->centers[i]);
}

double bd_runs_sse(const bd_survivors *survivors, const bd_runs *runs) {
  double sse = 0;
  for (int i = 0; i < runs->count; i++)
    sse += bd_run_error(survivors, runs->borders[i], runs->borders[i + 1], runs->levels[i]);
  return sse;
}
