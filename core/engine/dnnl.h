// oneDNN, versions 2 and 3, behind plain C. It is loaded when it is first asked for, so that it
// costs nothing at program start. Everything here computes on the calling thread alone.
#ifndef BD_ENGINE_DNNL_H
#define BD_ENGINE_DNNL_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Loads the library and keeps oneDNN on the calling thread. Every thread that uses what follows
// calls it first. BD_FAILED: the library is missing.
bd_status bd_dnnl_start(bd_error *err);

// C = alpha·op(A)·op(B) + beta·C, row-major floats; leading dimensions in elements.
void bd_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc);

// What is done to a result before it is stored.
typedef enum bd_eltwise {
  BD_ELTWISE_NONE,
  BD_ELTWISE_RELU, // alpha: the slope below 0
  BD_ELTWISE_CLIP, // to [alpha, beta]
  BD_ELTWISE_SWISH,
  BD_ELTWISE_SIGMOID,
  BD_ELTWISE_TANH,
  BD_ELTWISE_EXP,
  BD_ELTWISE_ERF_GELU,
} bd_eltwise;

// A convolution of floats over 2 or 3 spatial axes.
typedef struct bd_conv_shape {
  int spatial;
  int64_t batch, in_channels, out_channels, groups;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], low[3], high[3]; // low, high: padding
  bool transposed;        // weights are then in × out/groups × kernel
  bool in_last, out_last; // channels stand last
  bool bias;
  bool sum; // add to what the output holds
  bd_eltwise eltwise;
  float alpha, beta;
} bd_conv_shape;

typedef struct bd_dnnl_conv bd_dnnl_conv; // immutable; any thread may run it

// NULL where oneDNN has no implementation. *fast: it has better than its reference one.
bd_dnnl_conv *bd_dnnl_conv_new(const bd_conv_shape *shape, bool *fast);
void bd_dnnl_conv_free(bd_dnnl_conv *conv);
// The weights in the layout that the convolution wants, aligned to 64.
size_t bd_dnnl_conv_packed(const bd_dnnl_conv *conv);
bool bd_dnnl_conv_pack(const bd_dnnl_conv *conv, const float *weights, void *packed);
size_t bd_dnnl_conv_scratch(const bd_dnnl_conv *conv);
bool bd_dnnl_conv_run(const bd_dnnl_conv *conv, const float *in, const void *packed,
                      const float *bias, float *out, void *scratch);

// Applies the function to count values; false where oneDNN cannot.
bool bd_dnnl_eltwise(bd_eltwise function, const float *in, float *out, int64_t count);

#endif
