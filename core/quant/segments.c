#include "core/quant/segments.h"

#include "core/quant/index_private.h"

#include <math.h>
#include <stdlib.h>

// Surviving ties at +threshold stand after the hole, so the hole ends before them; ties at
// -threshold stand before it already.
static float hole_end(const bd_result *result, const bd_index *index) {
  size_t to = result->hole.to;
  float end = bd_index_value(index, to - 1);
  bool tie = to < result->count && bd_index_value(index, to) == end;
  return tie ? nextafterf(end, -INFINITY) : end;
}

int bd_segments_of(const bd_result *result, const bd_index *index,
                   bd_segment segments[BD_SEGMENTS_MAX]) {
  const bd_hole *hole = &result->hole;
  bool hole_left = hole->from < hole->to;
  int count = 0;
  for (int i = 0; i < result->cell_count; i++) {
    const bd_cell *cell = &result->cells[i];
    if (hole_left && cell->from >= hole->to) {
      segments[count++] = (bd_segment){.end = hole_end(result, index), .level = 0};
      hole_left = false;
    }
    segments[count++] = (bd_segment){.end = bd_index_value(index, cell->to - 1),
                                     .level = (float)result->levels[cell->level]};
  }
  if (hole_left) segments[count++] = (bd_segment){.end = hole_end(result, index), .level = 0};
  return count;
}

float bd_segments_level(const bd_segment *segments, int count, float weight) {
  int low = 0, high = count - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (weight > segments[middle].end)
      low = middle + 1;
    else
      high = middle;
  }
  return segments[low].level;
}

static int ascending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

int bd_segments_levels(const bd_segment *segments, int count, double levels[BD_SEGMENTS_MAX]) {
  int kept = 0;
  for (int i = 0; i < count; i++)
    levels[i] = (double)segments[i].level;
  qsort(levels, (size_t)count, sizeof *levels, ascending);
  for (int i = 0; i < count; i++)
    if (kept == 0 || levels[i] != levels[kept - 1]) levels[kept++] = levels[i];
  return kept;
}

size_t bd_tie_place(const float *weights, size_t count, float value, size_t *wanted) {
  size_t place = 0;
  for (; *wanted > 0 && place < count; place++)
    *wanted -= weights[place] == value;
  return place;
}

bd_ties bd_ties_of(const bd_hole *hole, const float *weights, size_t count) {
  float threshold = (float)hole->threshold;
  size_t positive = hole->positive_ties, negative = hole->negative_ties;
  return (bd_ties){.threshold = threshold,
                   .positive_end = bd_tie_place(weights, count, threshold, &positive),
                   .negative_end = bd_tie_place(weights, count, -threshold, &negative)};
}
