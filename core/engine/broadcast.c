#include "core/engine/broadcast.h"

#include <string.h>

static bd_status join(const bd_call *call, const bd_tensor *tensor, int64_t *dims, int *rank) {
  char text[128];
  if (tensor->rank > *rank) { // new axes in front
    int more = tensor->rank - *rank;
    memmove(dims + more, dims, (size_t)*rank * sizeof *dims);
    for (int i = 0; i < more; i++)
      dims[i] = 1;
    *rank = tensor->rank;
  }
  int skip = *rank - tensor->rank;
  for (int i = 0; i < tensor->rank; i++) {
    int64_t *have = &dims[i + skip], dim = tensor->dims[i];
    if (*have == 1)
      *have = dim;
    else if (dim != 1 && dim != *have)
      return bd_bad(call, "its inputs' shapes do not go together: %s where %lld is needed",
                    bd_tensor_text(tensor, text, sizeof text), (long long)*have);
  }
  return BD_OK;
}

bd_status bd_broadcast_shape(const bd_call *call, int first, int count, int64_t *dims, int *rank) {
  *rank = 0;
  for (int i = first; i < first + count; i++)
    if (bd_in(call, i)) BD_TRY(join(call, bd_in(call, i), dims, rank));
  return BD_OK;
}

void bd_strides(const bd_tensor *tensor, int64_t *strides) {
  int64_t step = 1;
  for (int i = tensor->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= tensor->dims[i];
  }
}

// Axis i goes on from axis i-1 in every tensor: one axis will do.
static bool mergeable(const bd_walk *walk, const int64_t strides[][BD_DIMS_MAX], int axis,
                      int64_t dim) {
  for (int t = 0; t < walk->tensors; t++)
    if (walk->strides[t][walk->rank - 1] != strides[t][axis] * dim) return false;
  return true;
}

void bd_walk_start(bd_walk *walk, const bd_tensor *const *tensors, int count, const int64_t *dims,
                   int rank) {
  int64_t strides[BD_TOGETHER_MAX][BD_DIMS_MAX];
  memset(strides, 0, sizeof strides);
  *walk = (bd_walk){.tensors = count};
  for (int t = 0; t < count; t++) {
    int64_t own[BD_DIMS_MAX];
    int skip = rank - tensors[t]->rank;
    bd_strides(tensors[t], own);
    for (int i = skip; i < rank; i++)
      strides[t][i] = tensors[t]->dims[i - skip] == 1 ? 0 : own[i - skip];
  }
  for (int i = 0; i < rank; i++) {
    if (dims[i] == 1) continue;
    if (walk->rank && mergeable(walk, strides, i, dims[i])) {
      walk->dims[walk->rank - 1] *= dims[i];
    } else {
      walk->dims[walk->rank++] = dims[i];
    }
    for (int t = 0; t < count; t++)
      walk->strides[t][walk->rank - 1] = strides[t][i];
  }
  if (walk->rank == 0) walk->dims[walk->rank++] = 1;
}

void bd_walk_rows(const bd_walk *walk, bd_visit visit, void *arg) {
  int64_t index[BD_DIMS_MAX] = {0}, at[BD_TOGETHER_MAX] = {0}, done = 0;
  for (int i = 0; i < walk->rank; i++)
    if (walk->dims[i] == 0) return;
  for (;;) {
    visit(arg, walk, at, done);
    done += walk->dims[walk->rank - 1];
    int axis = walk->rank - 2;
    for (; axis >= 0; axis--) {
      for (int t = 0; t < walk->tensors; t++)
        at[t] += walk->strides[t][axis];
      if (++index[axis] < walk->dims[axis]) break;
      for (int t = 0; t < walk->tensors; t++)
        at[t] -= walk->strides[t][axis] * walk->dims[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}
