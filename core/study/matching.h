// A scale and a shift for each output channel of a quantized layer, so that its outputs have the
// mean and the deviation that the float network's have (data-free quantization's bias correction,
// Nagel et al. 2019, with the scale besides). No labels, no training.
#ifndef BD_STUDY_MATCHING_H
#define BD_STUDY_MATCHING_H

#include "core/study/moments.h"

#include <stdbool.h>

// The factor that makes a channel's deviation the wanted one, within 0.5 .. 4; 1 where the channel
// is (nearly) constant. pow2: the nearest power of two.
double bd_match_scale(double wanted, double deviation, bool pow2);

// The deviations of one block over centred rows: of what is wanted, and of what these weights
// (out × in) give. BD_FAILED: memory.
bd_status bd_match_deviations(const bd_rows *rows, int64_t group, const double *weights,
                              double *wanted, double *given, bd_error *err);

// What to add to the outputs of the weights times scale, beside a bias, so that their mean is the
// wanted one.
double bd_match_shift(const bd_rows *rows, int64_t group, int64_t output, const double *weights,
                      double scale, double bias);

#endif
