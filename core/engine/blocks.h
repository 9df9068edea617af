// Arrays whose innermost part stands in blocks, as oneDNN keeps weights.
#ifndef BD_ENGINE_BLOCKS_H
#define BD_ENGINE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

enum { BD_BLOCKS_RANK = 12 };

// Block k holds sizes[k] indices of axis axes[k]; the last one stands innermost. What is left of an
// axis' index then counts strides[axis] elements. No blocks: plain strides.
typedef struct bd_blocks {
  int count;
  const int64_t *strides, *sizes, *axes;
} bd_blocks;

// Copies an array of these dims (at most BD_BLOCKS_RANK) from one layout to another; what fills up
// blocks is left as it was. False without memory.
bool bd_blocks_copy(int rank, const int64_t *dims, const bd_blocks *source, const float *from,
                    const bd_blocks *target, float *to);

#endif
