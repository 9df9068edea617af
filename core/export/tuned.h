// A tuned network: what every export reads.
#ifndef BD_EXPORT_TUNED_H
#define BD_EXPORT_TUNED_H

#include "core/quant/coded.h"
#include "core/study/study.h"

typedef struct bd_repair bd_repair; // study/recover.h

typedef struct bd_tuned_layer {
  bd_coded *coded;  // NULL: keeps float
  float *pruned;    // the values of a float layer some of whose weights are pruned; else NULL
  int64_t channels; // of coded's shift, where it has one
  bool refused;     // stays as it is stored
  double bytes;     // packed, as bd_result counts them
  double energy;    // Σw² of the original weights
  double sse;       // of the tuned ones
} bd_tuned_layer;

typedef struct bd_tuned {
  const bd_model *model;
  int count;
  bd_tuned_layer *layers;
} bd_tuned;

// Codes of every layer that has a result: repaired, where the repair (NULL: none) has them. The
// model must live as long; studies and repair need not.
bd_status bd_tuned_of(const bd_model *model, const bd_layer_study *studies, const bd_repair *repair,
                      bd_tuned *out, bd_error *err);
void bd_tuned_free(bd_tuned *tuned);

// A layer's values as the tuned network has them: fresh memory, or NULL where it stays as stored.
bd_status bd_tuned_values(const bd_tuned *tuned, int layer, float **out, bd_error *err);

#endif
