// Data for a network: samples one after the other, made ready for its inputs.
//
// .npy (float32, float64, uint8, int64, …) and .npz (arrays by the inputs' names); a folder of
// JPEG and PNG files, with labels.csv (file,class) or in order of their names; one of ONNX's
// test_data_set folders (input_0.pb, …: one run, tensors as they are).
#ifndef BD_ENGINE_DATA_H
#define BD_ENGINE_DATA_H

#include "core/engine/tensor.h"
#include "core/model/model.h"

// x·scale, then (x − mean) / deviation, for each channel (axis 1, or the last where that holds
// them), or one for all.
enum { BD_CHANNELS_MAX = 64 };
typedef struct bd_transform {
  double scale;
  double mean[BD_CHANNELS_MAX], deviation[BD_CHANNELS_MAX];
  int mean_count, deviation_count;
} bd_transform;
bd_transform bd_transform_none(void);
// "none", "unit" (0..255 → 0..1), "imagenet" (unit, then ImageNet's mean and deviation).
bd_status bd_transform_named(const char *name, bd_transform *out, bd_error *err);
// "0.485,0.456,0.406"
bd_status bd_transform_list(const char *text, double *out, int *count, bd_error *err);

typedef struct bd_data bd_data; // immutable; any thread may read samples

// A file of data for one input. name NULL: the first input, or (an archive, a folder) all.
typedef struct bd_source {
  const char *name, *path;
} bd_source;

// One path of samples: axis 0 of an array whose rank is the input's; a model with a fixed batch
// takes as many at once. limit 0: all. BD_INVALID says both where types or shapes do not fit.
bd_status bd_data_open(const bd_model *model, const char *path, const bd_transform *transform,
                       int64_t limit, bd_data **out, bd_error *err);
// --input NAME=FILE: one run, each tensor as it is (floats by the transform).
bd_status bd_data_single(const bd_model *model, const bd_source *sources, int count,
                         const bd_transform *transform, bd_data **out, bd_error *err);
// Samples [first, first + count) of a data set, which must outlive them; first is a multiple of its
// batch. BD_FAILED: memory.
bd_status bd_data_part(const bd_data *whole, int64_t first, int64_t count, bd_data **out,
                       bd_error *err);
void bd_data_free(bd_data *data);

int64_t bd_data_samples(const bd_data *data); // in all
int64_t bd_data_runs(const bd_data *data);    // runs of the network that they take
int64_t bd_data_batch(const bd_data *data);   // samples of a run (the last may have fewer)
// Type and shape of the network's inputs in every run; one a model input.
const bd_tensor *bd_data_inputs(const bd_data *data);
int bd_data_input_count(const bd_data *data);
// Fills inputs[i].data (memory for bd_data_inputs' bytes each). A batch that the samples do not
// fill repeats the last one. BD_INVALID names the file of a picture that cannot be read.
bd_status bd_data_read(const bd_data *data, int64_t run, bd_tensor *inputs, bd_error *err);

// The class of every sample: from `path` (.npy of integers, or text with one class a line or
// file,class), or, where NULL, from the folder's own labels.csv; *out NULL where there are none.
// Caller frees. BD_INVALID: too few, negative.
bd_status bd_data_labels(const bd_data *data, const char *path, int64_t **out, bd_error *err);

#endif
