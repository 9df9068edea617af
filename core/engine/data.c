#include "core/engine/data.h"

#include "core/base/file.h"
#include "core/engine/folder.h"
#include "core/engine/image.h"
#include "core/engine/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Where one input's values come from.
typedef struct feed {
  const bd_tensor *array; // samples on axis 0, or (single) the value itself; NULL: pictures
  bool single;
} feed;

struct bd_data {
  const bd_model *model;
  bd_arrays *files; // one a file read
  int file_count;
  bd_folder folder; // pictures
  feed *feeds;      // one an input
  bd_tensor *inputs;
  int input_count;
  int64_t samples, batch;
  int64_t given; // samples that the path has; samples: as far as the limit
  int64_t first; // sample that this begins with
  bool borrowed; // all but the numbers is another's
  bd_transform transform;
  int side; // of pictures
};

// --- fitting an array to an input ----------------------------------------------------------------

static void port_text(const bd_port *port, char *out, size_t size) {
  size_t at = (size_t)snprintf(out, size, "%s[", port->type);
  for (int i = 0; i < port->rank && at < size; i++)
    at += port->dims[i] < 0 ? (size_t)snprintf(out + at, size - at, "%s%s", i ? "," : "",
                                               *port->names[i] ? port->names[i] : "?")
                            : (size_t)snprintf(out + at, size - at, "%s%lld", i ? "," : "",
                                               (long long)port->dims[i]);
  if (at < size) snprintf(out + at, size - at, "]");
}

static bd_status misfit(const bd_port *port, const bd_tensor *given, const char *what,
                        bd_error *err) {
  char takes[160], has[160];
  port_text(port, takes, sizeof takes);
  return bd_fail(err, BD_INVALID, "input %s takes %s, the data are %s: %s", port->name, takes,
                 bd_tensor_text(given, has, sizeof has), what);
}

static bd_type type_of_port(const bd_port *port) {
  for (int type = 1; type <= BD_TYPE_BFLOAT16; type++)
    if (bd_type_size((bd_type)type) && strcmp(bd_type_name((bd_type)type), port->type) == 0)
      return (bd_type)type;
  return BD_TYPE_NONE;
}

// The shape of one run's input: `batch` samples of the array, or the whole of it.
static bd_status fit(const bd_port *port, const bd_tensor *array, bool single, int64_t batch,
                     bd_tensor *out, bd_error *err) {
  int64_t dims[BD_DIMS_MAX];
  bd_type type = type_of_port(port);
  if (!type)
    return bd_fail(err, BD_INVALID, "input %s: is a %s, which cannot be given", port->name,
                   port->type);
  if (port->rank >= 0 && port->rank != array->rank)
    return misfit(port, array, "give as many axes, the samples on the first", err);
  if (!bd_type_is_real(type) && type != array->type)
    return misfit(port, array, "save them in the input's type", err);
  memcpy(dims, array->dims, sizeof dims);
  if (!single && array->rank > 0) dims[0] = batch;
  for (int i = 0; i < port->rank; i++)
    if (port->dims[i] >= 0 && port->dims[i] != dims[i])
      return misfit(port, array, "resize or transpose them to fit", err);
  if (!bd_tensor_shape(out, type, array->rank, dims))
    return misfit(port, array, "they are too large", err);
  return BD_OK;
}

static int64_t batch_of(const bd_model_info *info) {
  const bd_port *first = info->inputs;
  return info->input_count && first->rank > 0 && first->dims[0] > 0 ? first->dims[0] : 1;
}

// --- the transform -------------------------------------------------------------------------------

static bool applies(const bd_transform *t) {
  return t->scale != 1 || t->mean_count || t->deviation_count;
}

// The axis that holds the channels, by the lists' length.
static int channel_axis(const bd_transform *t, const bd_tensor *input) {
  int count = t->mean_count > t->deviation_count ? t->mean_count : t->deviation_count;
  if (count <= 1) return -1;
  if (input->rank > 1 && input->dims[1] == count) return 1;
  return input->rank > 0 && input->dims[input->rank - 1] == count ? input->rank - 1 : -2;
}

static bd_status check_transform(const bd_transform *t, const bd_tensor *input, const bd_port *port,
                                 bd_error *err) {
  for (int i = 0; i < t->deviation_count; i++)
    if (t->deviation[i] == 0) return bd_fail(err, BD_INVALID, "--std: 0 cannot divide");
  bool uneven = t->mean_count > 1 && t->deviation_count > 1 && t->mean_count != t->deviation_count;
  char text[160];
  if (uneven || (bd_type_is_real(input->type) && channel_axis(t, input) == -2))
    return bd_fail(err, BD_INVALID, "input %s: %s has no axis of %d channels for --mean and --std",
                   port->name, bd_tensor_text(input, text, sizeof text),
                   t->mean_count > t->deviation_count ? t->mean_count : t->deviation_count);
  return BD_OK;
}

// Values in place, as float (in the width of T): at element `from` of the input.
static void transform(const bd_transform *t, const bd_tensor *input, float *values, int64_t from,
                      int64_t count) {
  int axis = channel_axis(t, input);
  int64_t inner = axis < 0 ? 1 : bd_dims_product(input->dims, axis + 1, input->rank);
  int64_t channels = axis < 0 ? 1 : input->dims[axis];
  for (int64_t i = 0; i < count; i++) {
    int64_t c = (from + i) / inner % channels;
    double mean = t->mean_count ? t->mean[t->mean_count > 1 ? c : 0] : 0;
    double deviation = t->deviation_count ? t->deviation[t->deviation_count > 1 ? c : 0] : 1;
    values[i] = (float)(((double)values[i] * t->scale - mean) / deviation);
  }
}

enum { SOME = 4096 };

// `count` elements of the array from `first` on → the input from `to` on.
static void copy_values(const bd_data *data, const bd_tensor *array, int64_t first, int64_t count,
                        bd_tensor *input, int64_t to) {
  size_t from_size = bd_type_size(array->type), to_size = bd_type_size(input->type);
  const char *source = (const char *)array->data + (size_t)first * from_size;
  char *target = (char *)input->data + (size_t)to * to_size;
  bool changes = bd_type_is_real(input->type) && applies(&data->transform);
  if (!changes) {
    bd_convert(array->type, source, input->type, target, count);
    return;
  }
  float some[SOME];
  for (int64_t at = 0; at < count; at += SOME) {
    int64_t now = count - at < SOME ? count - at : SOME;
    bd_convert(array->type, source + (size_t)at * from_size, BD_TYPE_FLOAT, some, now);
    transform(&data->transform, input, some, to + at, now);
    bd_convert(BD_TYPE_FLOAT, some, input->type, target + (size_t)at * to_size, now);
  }
}

// --- opening -------------------------------------------------------------------------------------

static bd_status start(const bd_model *model, const bd_transform *transform, bd_data **out,
                       bd_error *err) {
  bd_data *data = calloc(1, sizeof *data);
  *out = data;
  if (!data) return bd_fail_memory(err, "the data");
  const bd_model_info *info = bd_model_about(model);
  data->model = model;
  data->input_count = info->input_count;
  data->transform = transform ? *transform : bd_transform_none();
  data->feeds = calloc((size_t)info->input_count + 1, sizeof *data->feeds);
  data->inputs = calloc((size_t)info->input_count + 1, sizeof *data->inputs);
  data->files = calloc((size_t)info->input_count + 1, sizeof *data->files);
  data->batch = batch_of(info);
  return data->feeds && data->inputs && data->files ? BD_OK : bd_fail_memory(err, "the data");
}

static int find_input(const bd_model_info *info, const char *name) {
  for (int i = 0; i < info->input_count; i++)
    if (strcmp(info->inputs[i].name, name) == 0) return i;
  return -1;
}

static bd_status feed_input(bd_data *data, int input, bd_tensor *array, bool single,
                            bd_error *err) {
  const bd_port *port = &bd_model_about(data->model)->inputs[input];
  // NumPy has no bfloat16: its patterns come as uint16.
  if (array->type == BD_TYPE_UINT16 && type_of_port(port) == BD_TYPE_BFLOAT16)
    array->type = BD_TYPE_BFLOAT16;
  BD_TRY(fit(port, array, single, data->batch, &data->inputs[input], err));
  data->feeds[input] = (feed){array, single};
  return check_transform(&data->transform, &data->inputs[input], port, err);
}

static bd_status check_all_fed(const bd_data *data, bd_error *err) {
  const bd_model_info *info = bd_model_about(data->model);
  for (int i = 0; i < data->input_count; i++)
    if (!data->feeds[i].array)
      return bd_fail(err, BD_INVALID,
                     "input %s: no data: give --input %s=FILE, or an archive (.npz) that has it",
                     info->inputs[i].name, info->inputs[i].name);
  return BD_OK;
}

// An array whose rank is the input's has samples on axis 0; another one is the same in every run.
static bd_status feed_array(bd_data *data, int input, bd_tensor *array, bd_error *err) {
  const bd_port *port = &bd_model_about(data->model)->inputs[input];
  bool alone = data->input_count == 1;
  bool single =
      !alone && (array->rank == 0 || (port->rank > 0 && port->dims[0] != 1 && port->dims[0] > 0 &&
                                      array->dims[0] == port->dims[0]));
  BD_TRY(feed_input(data, input, array, single, err));
  if (single) return BD_OK;
  int64_t samples = array->rank ? array->dims[0] : 1;
  if (samples < 1) return misfit(port, array, "there are no samples", err);
  if (data->samples && data->samples != samples)
    return bd_fail(err, BD_INVALID, "input %s: has %lld samples, another input %lld", port->name,
                   (long long)samples, (long long)data->samples);
  data->samples = samples;
  return BD_OK;
}

static bd_status open_arrays(bd_data *data, const char *path, bd_error *err) {
  const bd_model_info *info = bd_model_about(data->model);
  BD_TRY(bd_arrays_read(path, &data->files[data->file_count++], err));
  bd_arrays *arrays = &data->files[0];
  bool lone = arrays->count == 1 && find_input(info, arrays->items[0].name) < 0;
  for (int i = 0; i < arrays->count; i++) {
    int input = lone ? 0 : find_input(info, arrays->items[i].name);
    if (input < 0)
      return bd_fail(err, BD_INVALID,
                     "%s: holds %s, which is no input of the network; the first is %s", path,
                     arrays->items[i].name, info->inputs[0].name);
    BD_TRY(feed_array(data, input, &arrays->items[i].tensor, err));
  }
  BD_TRY(check_all_fed(data, err));
  if (!data->samples) data->samples = 1;
  return BD_OK;
}

// ONNX's test data: input_0.pb, input_1.pb, … in the order of the inputs.
static bd_status open_protos(bd_data *data, const char *path, bd_error *err) {
  bd_arrays *arrays = &data->files[data->file_count++];
  arrays->items = calloc((size_t)data->input_count + 1, sizeof *arrays->items);
  if (!arrays->items) return bd_fail_memory(err, path);
  for (int i = 0; i < data->input_count; i++) {
    arrays->count = i + 1;
    BD_TRY(bd_folder_proto(path, i, &arrays->items[i], err));
    BD_TRY(feed_input(data, i, &arrays->items[i].tensor, true, err));
  }
  data->samples = data->batch = 1;
  return BD_OK;
}

// The input's picture size; 224 where the model leaves it open.
static bd_status open_pictures(bd_data *data, const char *path, bd_error *err) {
  const bd_port *port = bd_model_about(data->model)->inputs;
  int64_t dims[4] = {data->batch, 3, 224, 224};
  bd_tensor *input = data->inputs;
  if (data->input_count != 1 || port->rank != 4)
    return bd_fail(err, BD_INVALID, "%s: pictures go into a network with one input of rank 4",
                   path);
  bool last = port->dims[1] != 3 && port->dims[1] != 1 && port->dims[3] > 0 && port->dims[3] <= 3;
  for (int i = 1; i < 4; i++)
    dims[i] = port->dims[i] > 0 ? port->dims[i] : last && i == 1 ? 224 : dims[i];
  int64_t height = dims[last ? 1 : 2], width = dims[last ? 2 : 3], channels = dims[last ? 3 : 1];
  bd_type type = type_of_port(port);
  if ((channels != 1 && channels != 3) || height > 8192 || width > 8192 ||
      (!bd_type_is_real(type) && type != BD_TYPE_UINT8) || !bd_tensor_shape(input, type, 4, dims)) {
    bd_tensor_shape(input, type, 4, dims);
    return misfit(port, input, "pictures have 1 or 3 channels", err);
  }
  BD_TRY(check_transform(&data->transform, input, port, err));
  int64_t shorter = height < width ? height : width;
  data->side = shorter > 160 && shorter <= 256 ? 256 : (int)(height > width ? height : width);
  data->samples = data->folder.count;
  return BD_OK;
}

static bd_status open_path(bd_data *data, const char *path, bd_error *err) {
  struct stat about;
  if (data->input_count < 1)
    return bd_fail(err, BD_INVALID, "%s: the network has no input to give it to", path);
  if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) return open_arrays(data, path, err);
  if (bd_folder_has_proto(path)) return open_protos(data, path, err);
  BD_TRY(bd_folder_read(path, &data->folder, err));
  return open_pictures(data, path, err);
}

bd_status bd_data_open(const bd_model *model, const char *path, const bd_transform *transform,
                       int64_t limit, bd_data **out, bd_error *err) {
  bd_status status = start(model, transform, out, err);
  if (status == BD_OK) status = open_path(*out, path, err);
  if (status == BD_OK) {
    (*out)->given = (*out)->samples;
    if (limit > 0 && limit < (*out)->samples) (*out)->samples = limit;
    return BD_OK;
  }
  bd_data_free(*out);
  *out = NULL;
  return status;
}

static bd_status open_single(bd_data *data, const bd_source *sources, int count, bd_error *err) {
  const bd_model_info *info = bd_model_about(data->model);
  data->samples = data->batch = 1;
  for (int i = 0; i < count; i++) {
    int input = find_input(info, sources[i].name);
    if (input < 0)
      return bd_fail(err, BD_INVALID, "--input %s: the network has no such input; the first is %s",
                     sources[i].name, info->input_count ? info->inputs[0].name : "none");
    if (data->feeds[input].array)
      return bd_fail(err, BD_INVALID, "--input %s: given twice", sources[i].name);
    BD_TRY(bd_folder_array(sources[i].path, &data->files[data->file_count++], err));
    bd_arrays *arrays = &data->files[data->file_count - 1];
    if (arrays->count != 1)
      return bd_fail(err, BD_INVALID, "%s: holds %d arrays, an input takes one", sources[i].path,
                     arrays->count);
    BD_TRY(feed_input(data, input, &arrays->items[0].tensor, true, err));
  }
  return check_all_fed(data, err);
}

bd_status bd_data_single(const bd_model *model, const bd_source *sources, int count,
                         const bd_transform *transform, bd_data **out, bd_error *err) {
  bd_status status = start(model, transform, out, err);
  if (status == BD_OK) status = open_single(*out, sources, count, err);
  if (status == BD_OK) return BD_OK;
  bd_data_free(*out);
  *out = NULL;
  return status;
}

bd_status bd_data_part(const bd_data *whole, int64_t first, int64_t count, bd_data **out,
                       bd_error *err) {
  bd_data *part = *out = malloc(sizeof *part);
  if (!part) return bd_fail_memory(err, "the data");
  *part = *whole;
  part->borrowed = true;
  part->first += first;
  part->samples = count;
  return BD_OK;
}

static void release(bd_data *data) {
  for (int i = 0; i < data->file_count; i++)
    bd_arrays_free(&data->files[i]);
  free(data->files);
  bd_folder_free(&data->folder);
  free(data->feeds);
  free(data->inputs);
}

void bd_data_free(bd_data *data) {
  if (!data) return;
  if (!data->borrowed) release(data);
  free(data);
}

// --- reading -------------------------------------------------------------------------------------

int64_t bd_data_samples(const bd_data *data) {
  return data->samples;
}

int64_t bd_data_runs(const bd_data *data) {
  return (data->samples + data->batch - 1) / data->batch;
}

int64_t bd_data_batch(const bd_data *data) {
  return data->batch;
}

const bd_tensor *bd_data_inputs(const bd_data *data) {
  return data->inputs;
}

int bd_data_input_count(const bd_data *data) {
  return data->input_count;
}

// A picture's bytes, rows first, → an array in the order of the input.
static void order_channels(const uint8_t *pixels, const bd_tensor *input, bool last, uint8_t *out) {
  int64_t channels = last ? input->dims[3] : input->dims[1];
  int64_t size = bd_dims_product(input->dims, 1, 4) / channels;
  for (int64_t i = 0; i < size; i++)
    for (int64_t c = 0; c < channels; c++)
      out[last ? i * channels + c : c * size + i] = pixels[i * channels + c];
}

static bd_status read_picture(const bd_data *data, int64_t sample, bd_tensor *input, int64_t place,
                              bd_error *err) {
  bool last = input->dims[1] != 3 && input->dims[1] != 1;
  int64_t size = bd_dims_product(input->dims, 1, 4), dims[] = {1, size};
  uint8_t *pixels = malloc((size_t)size), *ordered = malloc((size_t)size);
  bd_tensor array;
  bd_status status = pixels && ordered ? BD_OK : bd_fail_memory(err, "a picture");
  if (status == BD_OK)
    status =
        bd_image_read(data->folder.paths[sample], data->side, (int)input->dims[last ? 1 : 2],
                      (int)input->dims[last ? 2 : 3], (int)input->dims[last ? 3 : 1], pixels, err);
  if (status == BD_OK) {
    order_channels(pixels, input, last, ordered);
    bd_tensor_shape(&array, BD_TYPE_UINT8, 2, dims);
    array.data = ordered;
    copy_values(data, &array, 0, size, input, place * size);
  }
  free(pixels);
  free(ordered);
  return status;
}

bd_status bd_data_read(const bd_data *data, int64_t run, bd_tensor *inputs, bd_error *err) {
  for (int i = 0; i < data->input_count; i++) {
    bd_tensor *input = &inputs[i];
    const feed *from = &data->feeds[i];
    void *memory = input->data;
    *input = data->inputs[i];
    input->data = memory;
    if (from->single) {
      copy_values(data, from->array, 0, input->count, input, 0);
      continue;
    }
    int64_t each = input->count / data->batch;
    for (int64_t place = 0; place < data->batch; place++) {
      int64_t sample = run * data->batch + place;
      if (sample >= data->samples) sample = data->samples - 1;
      sample += data->first;
      if (from->array)
        copy_values(data, from->array, sample * each, each, input, place * each);
      else
        BD_TRY(read_picture(data, sample, input, place, err));
    }
  }
  return BD_OK;
}

// --- labels --------------------------------------------------------------------------------------

static bd_status labels_of_array(const bd_data *data, const char *path, int64_t *out,
                                 bd_error *err) {
  bd_arrays arrays;
  BD_TRY(bd_arrays_read(path, &arrays, err));
  const bd_tensor *labels = &arrays.items[0].tensor;
  bd_status status = BD_OK;
  if (arrays.count != 1 || bd_type_is_real(labels->type))
    status = bd_fail(err, BD_INVALID, "%s: labels are one array of integers", path);
  else if (labels->count != data->samples && labels->count != data->given)
    status = bd_fail(err, BD_INVALID, "%s: has %lld labels for %lld samples", path,
                     (long long)labels->count, (long long)data->given);
  else
    bd_convert(labels->type, labels->data, BD_TYPE_INT64, out, data->samples);
  bd_arrays_free(&arrays);
  return status;
}

static bool is_array(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (strcmp(dot, ".npy") == 0 || strcmp(dot, ".npz") == 0);
}

bd_status bd_data_labels(const bd_data *data, const char *path, int64_t **out, bd_error *err) {
  *out = NULL;
  if (!path && !data->folder.labels) return BD_OK;
  int64_t *labels = malloc(((size_t)data->samples + 1) * sizeof *labels);
  if (!labels) return bd_fail_memory(err, "labels");
  bd_status status = BD_OK;
  if (!path)
    memcpy(labels, data->folder.labels, (size_t)data->samples * sizeof *labels);
  else if (is_array(path))
    status = labels_of_array(data, path, labels, err);
  else
    status = bd_folder_labels(path, &data->folder, data->samples, labels, err);
  for (int64_t i = 0; i < data->samples && status == BD_OK; i++)
    if (labels[i] < 0)
      status = bd_fail(err, BD_INVALID, "label %lld of sample %lld: classes count from 0",
                       (long long)labels[i], (long long)i);
  if (status == BD_OK)
    *out = labels;
  else
    free(labels);
  return status;
}
