#include "core/engine/blocks.h"

#include <stdlib.h>

typedef struct packing {
  int rank;
  const int64_t *dims;
  int64_t *from[BD_BLOCKS_RANK], *to[BD_BLOCKS_RANK]; // by axis: what each index adds to the place
} packing;

// What each index of an axis adds; NULL without memory.
static int64_t *places(const bd_blocks *b, int axis, int64_t count) {
  int64_t *at = calloc((size_t)count + 1, sizeof *at);
  for (int64_t i = 0; at && i < count; i++) {
    int64_t left = i, step = 1;
    for (int k = b->count - 1; k >= 0; k--) {
      if (b->axes[k] == axis) {
        at[i] += left % b->sizes[k] * step;
        left /= b->sizes[k];
      }
      step *= b->sizes[k];
    }
    at[i] += left * b->strides[axis];
  }
  return at;
}

static void copy_axis(const packing *p, int axis, const float *from, float *to) {
  bool inner = axis == p->rank - 1;
  for (int64_t i = 0; i < p->dims[axis]; i++) {
    const float *source = from + p->from[axis][i];
    float *target = to + p->to[axis][i];
    if (inner)
      *target = *source;
    else
      copy_axis(p, axis + 1, source, target);
  }
}

bool bd_blocks_copy(int rank, const int64_t *dims, const bd_blocks *source, const float *from,
                    const bd_blocks *target, float *to) {
  packing p = {.rank = rank, .dims = dims};
  bool fine = true;
  for (int axis = 0; axis < rank && fine; axis++) {
    p.from[axis] = places(source, axis, dims[axis]);
    p.to[axis] = places(target, axis, dims[axis]);
    fine = p.from[axis] && p.to[axis];
  }
  if (fine) copy_axis(&p, 0, from, to);
  for (int axis = 0; axis < rank; axis++) {
    free(p.from[axis]);
    free(p.to[axis]);
  }
  return fine;
}
