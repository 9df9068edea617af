// Recovery: the accuracy that quantizing cost, won back without labels and without training, from
// unlabelled calibration data. Layer by layer in the order in which the network runs, each repaired
// on what the layers before it now give; at the end the divergence from the float network on the
// calibration data decides what is kept.
#ifndef BD_STUDY_RECOVER_H
#define BD_STUDY_RECOVER_H

#include "core/engine/data.h"
#include "core/engine/engine.h"
#include "core/quant/coded.h"
#include "core/study/study.h"

typedef enum bd_recovery {
  BD_RECOVER_NONE,
  BD_RECOVER_MATCH,      // a scale and a shift for each output channel
  BD_RECOVER_RECONSTRUCT // prune, fit and round anew, then match
} bd_recovery;
enum { BD_RECOVERY_COUNT = 3, BD_CALIBRATION = 256, BD_CALIBRATION_MOST = 1024 }; // samples
// Names and help, in their order.
extern const bd_choice bd_recoveries[BD_RECOVERY_COUNT];
// The one of that name, or -1.
int bd_recovery_find(const char *name);

// What became of a layer.
typedef struct bd_recovered {
  bd_coded *coded;  // NULL: quantized as it is, or kept float
  char *why;        // NULL, or why it was not repaired
  int64_t channels; // of coded's shift
  bool cheap;       // pruned by the cheaper mask: its rows are too wide
} bd_recovered;

typedef struct bd_repair {
  bd_recovery how;
  int count; // layers
  bd_recovered *layers;
  int64_t samples; // that it was repaired on: fewer than were given where memory is short
  // Divergence from the float network on them, quantized as it is and repaired: KL in nats where
  // the first output is classes, else noise over signal of all outputs.
  double before, after;
  int left; // layers left alone because repairing them made it worse
} bd_repair;

typedef struct bd_recover_options {
  int threads;   // 0: the processors at hand
  size_t memory; // bytes for activations; 0: a quarter of the machine's
} bd_recover_options;

// studies: of every layer with its setting (study.h). BD_INVALID: the network cannot be run, or the
// calibration data give values that are not finite (the layer is named). The same bytes for any
// number of threads.
bd_status bd_recover(const bd_model *model, const bd_layer_study *studies,
                     const bd_data *calibration, bd_recovery how, const bd_recover_options *options,
                     const bd_cancel *cancel, bd_progress progress, void *arg, bd_repair **out,
                     bd_error *err);
void bd_repair_free(bd_repair *repair);
// One more owner of its codings, from any thread; reasons stay behind. BD_FAILED: memory.
bd_status bd_repair_share(const bd_repair *repair, bd_repair **out, bd_error *err);

// What came of it, on one line: on how many samples, what it did, which layers are as they were and
// why. unscored: these samples are not scored. The caller frees; NULL without memory.
char *bd_repair_text(const bd_repair *repair, const bd_model *model, bool unscored);

// Puts a layer into the swap: repaired, or quantized as it is (repair NULL: so too).
bd_status bd_repair_set(bd_swap *swap, const bd_model *model, int layer,
                        const bd_layer_study *study, const bd_repair *repair, bd_error *err);
// The same by the layer's own coding (NULL: it is not repaired).
bd_status bd_repair_set_coded(bd_swap *swap, const bd_model *model, int layer,
                              const bd_layer_study *study, const bd_coded *coded, bd_error *err);

// Puts the errors and the sizes of the repaired layers in the place of those that their results
// tell, against the original weights: the parts of the error and the optimum are then NaN.
bd_status bd_repair_measure(const bd_repair *repair, const bd_model *model, bd_layer_study *studies,
                            bd_error *err);

// Writes the model with every layer's weights replaced by their quantized (and repaired) values,
// and with the biases that repair asks for; layers that keep float and every weight are not
// touched. repair may be NULL. BD_INVALID where path is the model itself.
bd_status bd_study_save(const bd_model *model, const bd_layer_study *studies,
                        const bd_repair *repair, const char *path, bd_error *err);

#endif
