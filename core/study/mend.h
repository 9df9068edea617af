// One layer repaired: from its calibration rows and its setting to codes, levels, scale and shift.
#ifndef BD_STUDY_MEND_H
#define BD_STUDY_MEND_H

#include "core/engine/linear.h"
#include "core/quant/coded.h"
#include "core/study/moments.h"

typedef struct bd_mending {
  const bd_engine *engine;
  const bd_linear *linear;
  const float *weights; // as they are stored
  size_t count;
  bd_rounding round; // of the tensor's type
  const bd_setting *setting;
  const bd_rows *rows; // centred
  int threads;
  const bd_cancel *cancel;
} bd_mending;

// The layer's channels, as codes count them.
bd_axes bd_mending_axes(const bd_mending *layer);

// Gives a quantized layer the scale and the shift that restore its outputs' mean and deviation.
bd_status bd_mend_match(const bd_mending *layer, bd_coded *coded, bd_error *err);

// Prunes, fits and rounds the layer anew, so that on the repaired network's inputs it gives what
// the float network gives; matched at the end. *cheap: rows were too wide for OBC's choice of what
// to prune. BD_FAILED: memory, or least squares without a solution.
bd_status bd_mend_reconstruct(const bd_mending *layer, bd_coded **out, bool *cheap, bd_error *err);

#endif
