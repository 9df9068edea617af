#include "core/engine/strided.h"

#include <string.h>

void bd_copy_one(char *to, const char *from, size_t size) {
  switch (size) {
  case 1:
    *to = *from;
    break;
  case 2:
    memcpy(to, from, 2);
    break;
  case 4:
    memcpy(to, from, 4);
    break;
  default:
    memcpy(to, from, 8);
  }
}

// A row of elements with a stride, in bytes.
static void copy_row(char *to, const char *from, int64_t stride, int64_t count, size_t size) {
  if (stride == 1) {
    memcpy(to, from, (size_t)count * size);
  } else if (size == 4) {
    for (int64_t i = 0; i < count; i++)
      memcpy(to + i * 4, from + i * stride * 4, 4);
  } else {
    for (int64_t i = 0; i < count; i++)
      bd_copy_one(to + (size_t)i * size, from + i * stride * (int64_t)size, size);
  }
}

void bd_gather_strided(const bd_tensor *in, int64_t start, const int64_t *strides, bd_tensor *out) {
  size_t size = bd_type_size(in->type);
  int64_t index[BD_DIMS_MAX] = {0}, at = start;
  int last = out->rank - 1;
  char *to = out->data;
  if (out->count == 0) return;
  if (last < 0) {
    bd_copy_one(to, (const char *)in->data + (size_t)at * size, size);
    return;
  }
  for (;;) {
    copy_row(to, (const char *)in->data + (size_t)at * size, strides[last], out->dims[last], size);
    to += (size_t)out->dims[last] * size;
    int axis = last - 1;
    for (; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < out->dims[axis]) break;
      at -= strides[axis] * out->dims[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}
