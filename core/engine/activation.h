// The activations that end a convolution and that vector instructions for a maximum would take NaN
// away from, as oneDNN's do: here what is not a number stays so.
#ifndef BD_ENGINE_ACTIVATION_H
#define BD_ENGINE_ACTIVATION_H

#include "core/engine/dnnl.h"

// A plain Relu, a LeakyRelu by its alpha, or a Clip; nothing for others. In place.
__attribute__((always_inline)) static inline void
bd_activate(bd_eltwise function, float alpha, float beta, int64_t count, float *values) {
  if (function == BD_ELTWISE_RELU && alpha == 0)
    for (int64_t i = 0; i < count; i++)
      values[i] = values[i] < 0 ? 0 : values[i];
  else if (function == BD_ELTWISE_RELU)
    for (int64_t i = 0; i < count; i++)
      values[i] = values[i] < 0 ? values[i] * alpha : values[i];
  if (function == BD_ELTWISE_CLIP)
    for (int64_t i = 0; i < count; i++)
      values[i] = values[i] < alpha ? alpha : values[i] > beta ? beta : values[i];
}

#endif
