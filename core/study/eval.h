// What the settings do to the network's answers: the float network and the quantized one on the
// same samples. Each finished sample is usable: progress hands out the figures so far.
#ifndef BD_STUDY_EVAL_H
#define BD_STUDY_EVAL_H

#include "core/engine/data.h"
#include "core/engine/engine.h"
#include "core/engine/metrics.h"
#include "core/quant/quantize.h"

// Means over the samples done. Undefined ones have no samples: top1, top5 and loss without labels;
// kl and agreement where the first output is not one row of classes a sample.
typedef struct bd_accuracy {
  bd_mean top1, top5, loss;
} bd_accuracy;

typedef struct bd_evaluation {
  int64_t samples, wanted;     // done; in all
  bd_accuracy real, quantized; // of the float network, of the other
  bd_mean agreement, kl;       // of the other with the float network
  double signal, noise;        // over all float outputs: bd_decibel
} bd_evaluation;

// From any worker, one at a time; what it points to is valid during the call.
typedef void (*bd_eval_progress)(void *arg, const bd_evaluation *so_far);

// An evaluator runs a plan on data, with replaced weights, as often as it is asked; the float
// network's outputs are kept from the first time on (up to `memory` bytes; beyond, they are
// computed again). labels: one a sample, or NULL; not copied. One call at a time.
typedef struct bd_eval bd_eval;
bd_status bd_eval_new(const bd_engine *engine, const bd_data *data, const int64_t *labels,
                      size_t memory, bd_eval **out, bd_error *err);
void bd_eval_free(bd_eval *eval);

// Keeps the activations of as many runs as fit into so many bytes: with the same swap, changed
// since the last evaluation, each of them begins at the first layer that has changed. Returns how
// many runs that are.
int64_t bd_eval_keep(bd_eval *eval, size_t bytes);

// swap NULL: the float network alone; all but samples and `real` stay empty. progress may be NULL.
// BD_INVALID: a label that is no class of the first output; an output that is NaN. The same figures
// whatever the number of threads.
bd_status bd_eval_run(bd_eval *eval, const bd_swap *swap, int threads, const bd_cancel *cancel,
                      bd_eval_progress progress, void *arg, bd_evaluation *out, bd_error *err);

// A layer's quantized weights, in stored order; the caller frees *out.
bd_status bd_eval_values(const bd_model *model, int layer, const bd_index *index,
                         const bd_result *result, float **out, bd_error *err);
// Puts a layer's quantized weights into the swap.
bd_status bd_eval_set(bd_swap *swap, const bd_model *model, int layer, const bd_index *index,
                      const bd_result *result, bd_error *err);

#endif
