// Sorting of floats: LSD radix, 4 × 8 bits.
#ifndef BD_QUANT_RADIX_H
#define BD_QUANT_RADIX_H

#include "core/base/pool.h"

#include <stdbool.h>
#include <stddef.h>

// Writes the values into sorted (count of them), ascending, -0 as 0; spare is as large. Values must
// be finite. False where it was cancelled: sorted is then undefined.
bool bd_radix_sort(const float *values, size_t count, float *sorted, float *spare,
                   const bd_cancel *cancel);

#endif
