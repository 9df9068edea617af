// 3×3 convolutions with fewer multiplications: Winograd's minimal filtering F(4×4, 3×3), as in
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. Channels last, stride
// 1, one group. It rounds more than a plain sum does: measured 1e-6 of the outputs' standard
// deviation (at worst 3e-5, in a tile's last corner).
#ifndef BD_ENGINE_WINOGRAD_H
#define BD_ENGINE_WINOGRAD_H

#include "core/engine/dnnl.h"

// Can the convolution be computed so, and is it then faster?
bool bd_winograd_pays(const bd_conv_shape *shape);

// The weights made ready (aligned to 64): bytes, and filling them. weights: out × in × 3 × 3.
size_t bd_winograd_packed(const bd_conv_shape *shape);
void bd_winograd_pack(const bd_conv_shape *shape, const float *weights, float *packed);

// Floats of scratch memory that a run takes.
size_t bd_winograd_scratch(const bd_conv_shape *shape);
void bd_winograd_run(const bd_conv_shape *shape, const float *in, const float *packed,
                     const float *bias, float *out, float *scratch);

#endif
