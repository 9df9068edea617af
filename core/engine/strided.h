// Copying elements from anywhere. For core/engine alone.
#ifndef BD_ENGINE_STRIDED_H
#define BD_ENGINE_STRIDED_H

#include "core/engine/tensor.h"

// Copies one element of 1, 2, 4 or 8 bytes.
void bd_copy_one(char *to, const char *from, size_t size);

// out[index] = in[start + Σ index·stride]: what Transpose, Slice and Expand come down to. strides
// has one entry for each axis of out, in elements.
void bd_gather_strided(const bd_tensor *in, int64_t start, const int64_t *strides, bd_tensor *out);

#endif
