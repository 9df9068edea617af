// A tensor seen from its output channels, and which of its weights share a set of levels.
#ifndef BD_QUANT_PARTS_H
#define BD_QUANT_PARTS_H

#include <stddef.h>

// A row-major tensor seen from its output channels: weight (o, c, i) stands at
// (o·channels + c)·inner + i. A tensor without channels is {1, 1, count}.
typedef struct bd_axes {
  size_t outer, channels, inner;
} bd_axes;

// Which weights share levels. A channel's weights in order of (o, i) are cut into groups of `group`
// (the last one may be shorter). Part number: channel·(groups of a channel) + group.
typedef struct bd_parts {
  bd_axes axes;
  size_t group; // 0: the whole tensor is one part
  size_t count;
} bd_parts;

bd_parts bd_parts_of(bd_axes axes, size_t group);
// The part of the weight at a place, and its channel (0 of a tensor without channels).
size_t bd_parts_find(const bd_parts *parts, size_t place);
size_t bd_axes_channel(const bd_axes *axes, size_t place);

// How many weights a part has.
size_t bd_parts_size(const bd_parts *parts, size_t part);

// Weights of one part that stand side by side.
typedef struct bd_stretch {
  size_t place, count;
} bd_stretch;
// Those from the part's weight number `from` on (below its size).
bd_stretch bd_parts_stretch(const bd_parts *parts, size_t part, size_t from);

#endif
