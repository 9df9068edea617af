#include "core/quant/survivors.h"

static bd_prefix prefix_at(const bd_survivors *survivors, size_t sorted) {
  return (survivors->weighted ? bd_index_weighted_prefix : bd_index_prefix)(survivors->index,
                                                                            sorted);
}

bd_survivors bd_survivors_of(const bd_index *index, bd_hole hole, bool weighted) {
  size_t gap = hole.to - hole.from;
  bd_survivors survivors = {.index = index,
                            .hole = hole,
                            .gap = gap,
                            .count = index->stats.count - gap,
                            .weighted = weighted && index->importance};
  survivors.gap_from = prefix_at(&survivors, hole.from);
  survivors.gap_to = prefix_at(&survivors, hole.to);
  return survivors;
}

double bd_survivors_value(const bd_survivors *survivors, size_t place) {
  size_t sorted = place < survivors->hole.from ? place : place + survivors->gap;
  return (double)bd_index_value(survivors->index, sorted);
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
  if (place <= survivors->hole.from) return prefix_at(survivors, place);
  bd_prefix all = prefix_at(survivors, place + survivors->gap);
  return bd_prefix_minus(all, &survivors->gap_from, &survivors->gap_to);
}

bool bd_survivors_same(const bd_survivors *survivors, size_t from, size_t to) {
  return to <= from + 1 ||
         bd_survivors_value(survivors, from) == bd_survivors_value(survivors, to - 1);
}
