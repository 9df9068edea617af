// Convolutions: their geometry, what may join their step, the primitive that computes them.
#ifndef BD_ENGINE_CONV_H
#define BD_ENGINE_CONV_H

#include "core/engine/call.h"
#include "core/engine/dnnl.h"

// A scale and shift of each output channel that follows the convolution: its constants stand among
// the step's inputs, from `first`.
typedef struct bd_affine {
  enum { BD_AFFINE_NORM, BD_AFFINE_SCALE, BD_AFFINE_SHIFT } kind; // 4, 1, 1 inputs
  int first;
  float epsilon; // BD_AFFINE_NORM: scale, shift, mean and variance, as BatchNormalization
} bd_affine;

enum { BD_AFFINE_MAX = 4 };
typedef struct bd_fusion {
  bd_affine affine[BD_AFFINE_MAX];
  int affine_count;
  int sum; // which input is added to the result; 0: none
  bd_eltwise eltwise;
  float alpha, beta;
} bd_fusion;

// The geometry of a Conv or ConvTranspose (shapes of its inputs known); row-major.
bd_status bd_conv_shape_of(const bd_call *call, bd_conv_shape *shape);

typedef struct bd_conv bd_conv;
// NULL where oneDNN has none. fast may be NULL.
bd_conv *bd_conv_make(const bd_conv_shape *shape, bool *fast);
void bd_conv_free(bd_conv *conv);

// Weights and bias (inputs 1, 2 and what joined) made ready for call->state: bytes that it takes,
// and filling them (memory aligned to 64).
size_t bd_conv_packed(const bd_conv *conv);
bd_status bd_conv_pack(const bd_call *call, const bd_conv *conv, void *packed);

// A window that slides over the spatial axes of input 0, by the attributes kernel_shape (or
// `kernel` where not NULL), strides, dilations, pads, auto_pad, ceil_mode.
typedef struct bd_window {
  int spatial;
  int64_t in[BD_DIMS_MAX], out[BD_DIMS_MAX], kernel[BD_DIMS_MAX], stride[BD_DIMS_MAX];
  int64_t dilation[BD_DIMS_MAX], low[BD_DIMS_MAX], high[BD_DIMS_MAX];
} bd_window;
bd_status bd_window_of(const bd_call *call, const int64_t *kernel, bd_window *window);

#endif
