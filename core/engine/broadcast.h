// NumPy's broadcasting: shapes, and walking several tensors in step.
#ifndef BD_ENGINE_BROADCAST_H
#define BD_ENGINE_BROADCAST_H

#include "core/engine/call.h"

enum { BD_TOGETHER_MAX = 3 };

// Tensors that are walked together over the output's elements: adjacent axes that behave alike are
// merged; strides count elements, 0 where a tensor repeats. At least one axis.
typedef struct bd_walk {
  int rank, tensors;
  int64_t dims[BD_DIMS_MAX];
  int64_t strides[BD_TOGETHER_MAX][BD_DIMS_MAX];
} bd_walk;

// The shape that the inputs [first, first + count) have together, into dims and *rank; those that
// are left out are passed over.
bd_status bd_broadcast_shape(const bd_call *call, int first, int count, int64_t *dims, int *rank);

// Walks tensors (at most BD_TOGETHER_MAX) over the shape dims[rank], to which each broadcasts.
void bd_walk_start(bd_walk *walk, const bd_tensor *const *tensors, int count, const int64_t *dims,
                   int rank);
// Calls visit for every row of the last axis: at[] are element offsets of the row's start in the
// tensors, `done` counts the elements before it.
typedef void (*bd_visit)(void *arg, const bd_walk *walk, const int64_t *at, int64_t done);
void bd_walk_rows(const bd_walk *walk, bd_visit visit, void *arg);

// Element offsets of a row-major tensor: strides of its dims.
void bd_strides(const bd_tensor *tensor, int64_t *strides);

#endif
