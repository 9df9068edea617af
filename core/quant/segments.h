// From a weight to its level: runs of values that share one, and which ties at the prune threshold
// are pruned.
#ifndef BD_QUANT_SEGMENTS_H
#define BD_QUANT_SEGMENTS_H

#include "core/quant/quantize.h"

enum { BD_SEGMENTS_MAX = BD_LEVELS_MAX + 3 };

// The segments of a result in one part, ascending: the cells, and the hole between them. index: of
// that part's weights. Returns how many.
int bd_segments_of(const bd_result *result, const bd_index *index,
                   bd_segment segments[BD_SEGMENTS_MAX]);

// The level of a weight that is no pruned tie.
float bd_segments_level(const bd_segment *segments, int count, float weight);

// The levels of segments, ascending, each once. Returns how many.
int bd_segments_levels(const bd_segment *segments, int count, double levels[BD_SEGMENTS_MAX]);

// A weight of value ±threshold is pruned where it stands before these places of the tensor.
typedef struct bd_ties {
  float threshold;
  size_t positive_end, negative_end;
} bd_ties;

// The place after tie number `wanted` of this value; count where there are fewer.
size_t bd_tie_place(const float *weights, size_t count, float value, size_t *wanted);
bd_ties bd_ties_of(const bd_hole *hole, const float *weights, size_t count);

static inline bool bd_tie_pruned(const bd_ties *ties, float weight, size_t place) {
  return (weight == ties->threshold && place < ties->positive_end) ||
         (weight == -ties->threshold && place < ties->negative_end);
}

#endif
