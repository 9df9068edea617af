// What a run of the network says, sample by sample, against what the float network says.
#ifndef BD_STUDY_OUTPUTS_H
#define BD_STUDY_OUTPUTS_H

#include "core/engine/engine.h"
#include "core/engine/metrics.h"

// One sample: the float network's marks and the other's, where there are labels (labelled); how
// alike their classes are (classes); signal and noise over all outputs.
typedef struct bd_verdict {
  bool done, labelled, classes;
  bd_marks real, other;
  bd_likeness likeness;
} bd_verdict;

// All outputs of a finished run as floats, one after the other (*count of them; may be NULL). The
// caller frees; NULL without memory.
float *bd_outputs_copy(const bd_run *run, int outputs, int64_t *count);

// Judges the sample at `place` of a batch. real, other: as bd_outputs_copy; run: any run of the
// plan that is done, for the outputs' shapes. label NULL: there are none. BD_INVALID: a label that
// is no class of the first output; `sample` is its number in messages.
bd_status bd_outputs_judge(const bd_run *run, int outputs, const float *real, const float *other,
                           int64_t batch, int64_t place, int64_t sample, const int64_t *label,
                           bd_verdict *out, bd_error *err);

#endif
