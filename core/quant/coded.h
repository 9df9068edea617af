// A quantized tensor as it is stored: a code for each weight, and the values that codes stand for.
// Quantizing and repairing both end here; the engine and the exports begin here.
#ifndef BD_QUANT_CODED_H
#define BD_QUANT_CODED_H

#include "core/quant/parts.h"
#include "core/quant/quantize.h"

#include <stdatomic.h>

// The levels of one part.
typedef struct bd_book {
  const double
      *levels; // ascending, rounded to the tensor's type; zero among them where weights are
  int count;
  double step, zero_point; // of an even grid: level = step·(q − zero_point); else step = 0
} bd_book;

// Where scale is set, a level counts times scale[channel]; where shift is, it is added to each
// output of that channel, beside the node's own bias. Both come from repair.
typedef struct bd_coded {
  bd_setting setting; // bits 1..8
  size_t count;
  uint16_t *codes; // in stored order: the place in the levels of the weight's part (`mask` at 8
                   // bits has 257 of them)
  bd_parts parts;
  bd_book *books;    // one a part
  double *levels;    // of all books
  double *scale;     // NULL, or one a channel
  double *shift;     // NULL, or one a channel
  atomic_int shares; // owners beside the first
} bd_coded;

// Codes of the weights that the index was made of. BD_FAILED: memory. The result has levels
// (bits < 32).
bd_status bd_coded_of(const bd_result *result, const bd_index *index, const float *weights,
                      bd_axes axes, bd_coded **out, bd_error *err);
void bd_coded_free(bd_coded *coded);
// One more owner, who frees it too; nobody changes it any more. From any thread. Returns coded,
// which may be NULL.
bd_coded *bd_coded_share(bd_coded *coded);

// How many levels all books have together.
size_t bd_coded_levels(const bd_coded *coded);
// The value that the weight at a place takes, scale included.
double bd_coded_value(const bd_coded *coded, size_t place);
// All of them as floats.
void bd_coded_values(const bd_coded *coded, float *out);

#endif
