#include "core/quant/survivors.h"

bd_survivors bd_survivors_of(const bd_index *index, bd_hole hole) {
  size_t gap = hole.to - hole.from;
  return (bd_survivors){.index = index,
                        .hole = hole,
                        .gap = gap,
                        .count = index->stats.count - gap,
                        .gap_from = bd_index_prefix(index, hole.from),
                        .gap_to = bd_index_prefix(index, hole.to)};
}

double bd_survivors_value(const bd_survivors *survivors, size_t place) {
  size_t sorted = place < survivors->hole.from ? place : place + survivors->gap;
  return (double)survivors->index->values[sorted];
}

// From a place among all sorted values to one among the survivors.
static size_t outside(const bd_survivors *survivors, size_t sorted) {
  if (sorted <= survivors->hole.from) return sorted;
  return sorted >= survivors->hole.to ? sorted - survivors->gap : survivors->hole.from;
}

size_t bd_survivors_before(const bd_survivors *survivors, double x) {
  return outside(survivors, bd_index_before(survivors->index, x));
}

size_t bd_survivors_next(const bd_survivors *survivors, size_t place) {
  double value = bd_survivors_value(survivors, place);
  if (place + 1 < survivors->count && bd_survivors_value(survivors, place + 1) > value)
    return place + 1;
  return outside(survivors, bd_index_through(survivors->index, value));
}

bd_prefix bd_survivors_prefix(const bd_survivors *survivors, size_t place) {
  if (place <= survivors->hole.from) return bd_index_prefix(survivors->index, place);
  bd_prefix all = bd_index_prefix(survivors->index, place + survivors->gap);
  return bd_prefix_minus(all, &survivors->gap_from, &survivors->gap_to);
}

bool bd_survivors_same(const bd_survivors *survivors, size_t from, size_t to) {
  return to <= from + 1 ||
         bd_survivors_value(survivors, from) == bd_survivors_value(survivors, to - 1);
}
