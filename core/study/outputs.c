#include "core/study/outputs.h"

#include <stdlib.h>

float *bd_outputs_copy(const bd_run *run, int outputs, int64_t *count) {
  int64_t values = 0;
  for (int i = 0; i < outputs; i++)
    values += bd_run_output(run, i)->count;
  if (count) *count = values;
  float *out = malloc((size_t)values * sizeof *out + 1), *at = out;
  for (int i = 0; out && i < outputs; i++) {
    const bd_tensor *output = bd_run_output(run, i);
    bd_convert(output->type, output->data, BD_TYPE_FLOAT, at, output->count);
    at += output->count;
  }
  return out;
}

// Is the output one row of at least two classes for each of the batch's samples?
static int64_t classes_of(const bd_tensor *output, int64_t batch) {
  if (output->rank < 1 || !bd_type_is_real(output->type) || output->count % batch) return 0;
  int64_t classes = output->count / batch;
  bool rows = output->rank >= 2 && output->dims[0] == batch && output->dims[1] == classes;
  return classes >= 2 && (rows || (output->rank == 1 && batch == 1)) ? classes : 0;
}

static bd_status check_label(int64_t label, int64_t sample, int64_t classes, bd_error *err) {
  if (!classes)
    return bd_fail(err, BD_INVALID, "labels need a first output of one row of classes a sample");
  if (label < classes) return BD_OK;
  return bd_fail(err, BD_INVALID, "label %lld of sample %lld: the network has %lld classes, from 0",
                 (long long)label, (long long)sample, (long long)classes);
}

// Σ over all outputs of a sample: outputs that have the batch on axis 0 are split, others are
// counted with the batch's first sample.
static void add_energy(const bd_run *run, int outputs, const float *real, const float *other,
                       int64_t batch, int64_t place, bd_likeness *out) {
  for (int i = 0; i < outputs; i++) {
    const bd_tensor *output = bd_run_output(run, i);
    bool split = output->rank > 0 && output->dims[0] == batch;
    int64_t each = split ? output->count / batch : output->count, from = split ? place * each : 0;
    for (int64_t k = from; (split || place == 0) && k < from + each; k++) {
      double p = (double)real[k], d = p - (double)other[k];
      out->signal += p * p;
      out->noise += d * d;
    }
    real += output->count;
    other += output->count;
  }
}

bd_status bd_outputs_judge(const bd_run *run, int outputs, const float *real, const float *other,
                           int64_t batch, int64_t place, int64_t sample, const int64_t *label,
                           bd_verdict *out, bd_error *err) {
  int64_t classes = outputs ? classes_of(bd_run_output(run, 0), batch) : 0;
  const float *row = real + place * classes, *other_row = other + place * classes;
  bool distribution = classes && bd_is_distribution(row, classes);
  *out = (bd_verdict){.done = true, .classes = classes > 0};
  if (label) {
    BD_TRY(check_label(*label, sample, classes, err));
    out->labelled = true;
    out->real = bd_mark(row, classes, *label, distribution);
    out->other = bd_mark(other_row, classes, *label, distribution);
  }
  if (classes) out->likeness = bd_compare(row, other_row, classes, distribution);
  out->likeness.signal = out->likeness.noise = 0;
  add_energy(run, outputs, real, other, batch, place, &out->likeness);
  return BD_OK;
}
