// What each setting of each layer alone does to the network: measured by a sweep (study/sweep.h),
// kept in a file, used for allocation and shown as a map.
//
// {"format":"bitdial-sensitivity","version":1,"model":{"file","sha256"},"importance":{"sha256"},
// "recover":{"how","calibration":{"sha256"}} (each point: that layer quantized and repaired),
// "data":{"samples","sha256"},"samples","float":{…},"layers":[{"tensor",SETTING,"points":[{"bits",
// "prune","relative_sse","local_sqnr_db","output_sqnr_db","kl","kl_error","top1","top1_error"}]}]}.
// A shard says which; an unfinished one holds its sums, exactly, so that going on changes nothing.
#ifndef BD_STUDY_SENSITIVITY_H
#define BD_STUDY_SENSITIVITY_H

#include "core/engine/data.h"
#include "core/engine/metrics.h"
#include "core/study/points.h"

enum { BD_SHARDS_MAX = 10000 };

// What is summed over samples.
typedef struct bd_effect_sums {
  bd_mean kl, top1;
  double signal, noise;             // over all outputs of the network
  double local_signal, local_noise; // over the layer's own output
} bd_effect_sums;

// One layer at one setting, all others float. NaN: not defined (no classes, no labels), and what is
// exact has an SQNR of +Inf (NaN again once it was in a file).
typedef struct bd_effect {
  int bits;
  double prune, relative_sse, local_sqnr_db, output_sqnr_db, kl, kl_error, top1, top1_error;
  bd_effect_sums sums; // of an unfinished sweep
} bd_effect;

typedef struct bd_layer_effects {
  char *tensor;
  bd_setting setting; // of all its effects, but for bits and prune
  bd_effect *effects; // by prune ratio, then bits
  int count;
} bd_layer_effects;

typedef struct bd_sensitivity {
  char *file;              // of the model
  char model_sha256[65];   //
  char importance[65];     // sha256 of what weights count (study/importance.h); "": all the same
  char recover[16];        // how its points were repaired, "": not at all
  char calibration[65];    // on these samples (data_hash.h)
  char data_sha256[65];    // of all inputs as the network gets them, and the labels
  int64_t samples, wanted; // done; in all
  bd_mean top1;            // of the float network: sums while unfinished
  double float_top1, float_top1_error;
  int shard, shards; // from 1; 0 of 0: the whole
  bd_layer_effects *layers;
  int count;
} bd_sensitivity;

// A sweep that is to be done: one row a layer with an index, one effect a point (relative_sse set;
// the points are quantized). Reads all data once for their hash. Release with bd_sensitivity_free.
typedef struct bd_sweep_parts bd_sweep_parts;
bd_status bd_sensitivity_new(const bd_sweep_parts *parts, const bd_setting *settings, int threads,
                             const bd_cancel *cancel, bd_sensitivity *out, bd_error *err);
void bd_sensitivity_free(bd_sensitivity *s);

// Figures from sums.
void bd_sensitivity_close(bd_sensitivity *s);

// BD_INVALID: no such file, of another format or version, with a wrong value: with the path.
bd_status bd_sensitivity_read(const char *path, bd_sensitivity *out, bd_error *err);
// Whole or not at all; a file that was read is written to the same bytes.
bd_status bd_sensitivity_write(const char *path, const bd_sensitivity *s, bd_error *err);

// Is what the file at `path` holds of this model? BD_INVALID says what differs. The settings: one a
// layer; those of the file must be the same but for bits and prune ratio.
bd_status bd_sensitivity_fits(const bd_sensitivity *s, const char *path, const bd_model *model,
                              const bd_setting *settings, bd_error *err);
// Takes the samples that an earlier sweep has done over into a fresh one of the same model, data,
// settings and points; BD_INVALID names the first difference.
bd_status bd_sensitivity_resume(bd_sensitivity *fresh, const bd_sensitivity *earlier,
                                const char *path, bd_error *err);
// Puts shards together: exactly what the whole sweep would have been. BD_INVALID: of different
// sweeps, unfinished, one missing, a point in two of them.
bd_status bd_sensitivity_merge(const bd_sensitivity *parts, const char *const *paths, int count,
                               bd_sensitivity *out, bd_error *err);

// The effect of that tensor, or NULL.
const bd_effect *bd_sensitivity_find(const bd_sensitivity *s, const char *tensor, int bits,
                                     double prune);

#endif
