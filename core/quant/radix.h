// Sorting of floats: LSD radix, 4 × 8 bits.
#ifndef BD_QUANT_RADIX_H
#define BD_QUANT_RADIX_H

#include "core/base/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes the values into sorted (count of them), ascending, -0 as 0; spare is as large. Values must
// be finite. False where it was cancelled: sorted is then undefined.
bool bd_radix_sort(const float *values, size_t count, float *sorted, float *spare,
                   const bd_cancel *cancel);

// The same with an importance for each value, which stays with it. Equal values go by index, as
// they are pruned: the pruned ones of a positive value come first, those of a negative one last.
// pairs and spare: count of each.
typedef struct bd_pair {
  uint32_t key;
  float importance;
} bd_pair;
bool bd_radix_sort_pairs(const float *values, const float *importance, size_t count, bd_pair *pairs,
                         bd_pair *spare, float *sorted, float *sorted_importance,
                         const bd_cancel *cancel);

#endif
