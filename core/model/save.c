#include "core/model/datafile.h"
#include "core/model/edit.h"
#include "core/model/state.h"

#include <stdlib.h>

// New values for what one message holds: a tensor, or a Constant's attribute.
typedef struct patch {
  uintptr_t at;
  const bd_found *found;
  const float *values;
} patch;

typedef struct patches {
  patch *items; // by address
  size_t count;
} patches;

static int compare(const void *a, const void *b) {
  uintptr_t left = ((const patch *)a)->at, right = ((const patch *)b)->at;
  return (left > right) - (left < right);
}

// What an edit needs to know.
typedef struct saving {
  const bd_model *model;
  patches patches;
  bd_datafile *data;
} saving;

static const patch *patch_of(const patches *all, const void *message) {
  patch wanted = {.at = (uintptr_t)message};
  return bsearch(&wanted, all->items, all->count, sizeof wanted, compare);
}

// A tensor of a data file goes to the new one, with its new values where it has some.
static bool move_tensor(const saving *job, const Onnx__TensorProto *original,
                        Onnx__TensorProto *copy, const void *fresh) {
  const ProtobufCBinaryData *old = &original->raw_data;
  const bd_source *source = bd_external_source(&job->model->external, old->data);
  if (original->has_raw_data && (source || old->len == 0))
    return bd_datafile_put(job->data, copy, fresh ? fresh : old->data, old->len,
                           fresh ? NULL : source);
  if (job->data->status == BD_OK)
    job->data->status = bd_fail(job->data->err, BD_INVALID, "%s: tensor %s cannot be written: %s",
                                job->model->info.file, bd_said(original->name),
                                bd_external_why(&job->model->external, original));
  return false;
}

static bool patch_tensor(const bd_edit *edit, const Onnx__TensorProto *original,
                         Onnx__TensorProto *copy) {
  const saving *job = edit->arg;
  const patch *found = patch_of(&job->patches, original);
  bool external = bd_is_external(original);
  if (!found) return !external || move_tensor(job, original, copy, NULL);
  const bd_values *old = &found->found->values;
  void *data = (void *)(uintptr_t)bd_values_encode(old, found->values, edit->arena);
  if (external && data) return move_tensor(job, original, copy, data);
  if (copy->has_raw_data)
    copy->raw_data.data = data;
  else if (old->wide)
    copy->int32_data = data;
  else if (old->type == BD_FLOAT64)
    copy->double_data = data;
  else
    copy->float_data = data;
  return data != NULL;
}

static bool patch_attribute(const bd_edit *edit, const Onnx__AttributeProto *original,
                            Onnx__AttributeProto *copy) {
  const saving *job = edit->arg;
  const patch *found = patch_of(&job->patches, original);
  if (!found) return true;
  if (found->found->values.data == &original->f)
    copy->f = found->values[0];
  else
    copy->floats = (float *)(uintptr_t)found->values;
  return true;
}

// One patch a replacement, sorted by where its values stand.
static bd_status list_patches(const bd_model *model, const bd_replacement *replacements, int count,
                              patches *all, bd_error *err) {
  for (int i = 0; i < count; i++) {
    int layer = replacements[i].layer;
    if (layer < 0 || layer >= model->layers.count || model->layers.items[layer].shown.refused)
      return bd_fail(err, BD_INVALID, "%s: layer %d takes no other weights", model->info.file,
                     layer);
    const bd_found *found = &model->layers.items[layer];
    const bd_stored *stored = &found->value->stored;
    uintptr_t at = stored->tensor ? (uintptr_t)stored->tensor : (uintptr_t)stored->number;
    all->items[all->count++] = (patch){at, found, replacements[i].values};
  }
  qsort(all->items, all->count, sizeof *all->items, compare);
  for (size_t i = 1; i < all->count; i++)
    if (all->items[i].at == all->items[i - 1].at)
      return bd_fail(err, BD_INVALID, "%s: the weights of %s were given twice", model->info.file,
                     all->items[i].found->shown.tensor);
  return BD_OK;
}

// What protobuf-c packs goes straight to the file; raw data, which was never decoded, from file to
// file.
typedef struct sink {
  ProtobufCBuffer base;
  const bd_source *source;
  bd_writer *writer;
  bd_status status; // of reading
  bd_error *err;
} sink;

static void copy_on(sink *out, const uint8_t *place, size_t size) {
  uint8_t some[1 << 16];
  for (size_t at = 0; at < size && out->status == BD_OK; at += sizeof some) {
    size_t count = size - at < sizeof some ? size - at : sizeof some;
    out->status = bd_source_read(out->source, place + at, count, some, out->err);
    bd_writer_put(out->writer, some, count);
  }
}

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data) {
  sink *out = (sink *)buffer;
  if (bd_source_holds(out->source, data))
    copy_on(out, data, size);
  else
    bd_writer_put(out->writer, data, size);
}

static bd_status write_model(const bd_model *model, const Onnx__ModelProto *proto, const char *path,
                             bd_error *err) {
  sink out = {{append}, &model->source, NULL, BD_OK, err};
  BD_TRY(bd_writer_open(path, &out.writer, err));
  onnx__model_proto__pack_to_buffer(proto, &out.base);
  if (out.status == BD_OK) return bd_writer_commit(out.writer, err);
  bd_writer_abort(out.writer);
  return out.status;
}

// The data file first: a model never names one that is not there.
static bd_status write_both(const saving *job, const char *path, bd_arena *arena, bd_error *err) {
  bd_edit edit = {arena, job, patch_tensor, patch_attribute};
  const Onnx__ModelProto *patched = bd_edit_model(&edit, job->model->proto);
  BD_TRY(job->data->status);
  if (!patched) return bd_fail_memory(err, path);
  BD_TRY(bd_datafile_commit(job->data));
  bd_status status = write_model(job->model, patched, path, err);
  if (status != BD_OK) bd_datafile_undo(job->data);
  return status;
}

static bd_status save(const bd_model *model, const bd_replacement *replacements, int count,
                      const char *path, bd_arena *arena, bd_error *err) {
  if (bd_external_is_at(&model->external, path))
    return bd_fail(err, BD_INVALID, "%s: is a data file of the model: choose another name", path);
  bd_datafile data = bd_datafile_start(path, arena, err);
  saving job = {.model = model, .data = &data};
  job.patches.items = bd_arena_take(arena, (size_t)count, sizeof *job.patches.items);
  if (!job.patches.items) return bd_fail_memory(err, path);
  BD_TRY(list_patches(model, replacements, count, &job.patches, err));
  bd_status status = write_both(&job, path, arena, err);
  bd_datafile_close(&data);
  return status;
}

bd_status bd_model_save(const bd_model *model, const bd_replacement *replacements, int count,
                        const char *path, bd_error *err) {
  bd_arena *arena = bd_arena_new();
  if (!arena) return bd_fail_memory(err, path);
  bd_status status = save(model, replacements, count, path, arena, err);
  bd_arena_free(arena);
  return status;
}
