// One prune ratio for the whole network, spread over its layers by LAMP (Lee et al. 2021): a
// weight's score is its square over the sum of the squares of its layer's weights that are no
// smaller; one threshold for all layers. Only the ratios come from it: which weights go is the
// method's own choice. No data.
#ifndef BD_STUDY_LAMP_H
#define BD_STUDY_LAMP_H

#include "core/quant/index.h"

#define BD_LAMP_MOST 0.97 // of a layer, so that none is cut off

typedef struct bd_lamp_layer {
  const bd_index *index; // NULL: refused, left out of the count
  bool held;             // keeps its ratio, which counts all the same
  double prune;          // 0..1; of layers that are not held: the answer
} bd_lamp_layer;

// Ratios that prune `overall` (0..1) of all weights together, as near as single weights allow.
// BD_INVALID: the layers that are not held cannot make up for it; the ratios are then unchanged;
// BD_FAILED: memory. About 20 ms for 54 layers of 25 M weights; any thread.
bd_status bd_lamp(bd_lamp_layer *layers, int count, double overall, bd_error *err);

#endif
