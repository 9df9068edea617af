#include "core/model/weights.h"

#include "core/model/pages.h"
#include "core/model/proto.h"
#include "core/model/state.h"

#include <stdlib.h>

enum { SOME = 4096 };          // values converted at once
enum { POLL_BYTES = 4 << 20 }; // read between two looks at the flag

static size_t bytes_of(const bd_values *values) {
  return values->count * bd_dtype_size(values->type);
}

// The layer, or BD_INVALID where there is no such one or it is refused.
static bd_status usable(const bd_model *model, int layer, const bd_found **out, bd_error *err) {
  *out = NULL;
  if (layer < 0 || layer >= model->layers.count)
    return bd_fail(err, BD_INVALID, "%s: has no layer %d, only %d layers", model->info.file, layer,
                   model->layers.count);
  *out = &model->layers.items[layer];
  const bd_layer *shown = &(*out)->shown;
  return shown->refused ? bd_fail(err, BD_INVALID, "%s: %s", shown->tensor, shown->refused) : BD_OK;
}

static bd_status fail_cancelled(const char *tensor, bd_error *err) {
  return bd_fail(err, BD_CANCELLED, "%s: reading was cancelled", tensor);
}

static bd_status read_all(const bd_source *file, const bd_values *values, const char *tensor,
                          void *out, const bd_cancel *cancel, bd_error *err) {
  size_t bytes = bytes_of(values);
  for (size_t at = 0; at < bytes; at += POLL_BYTES) {
    size_t piece = bytes - at < POLL_BYTES ? bytes - at : POLL_BYTES;
    if (bd_cancelled(cancel)) return fail_cancelled(tensor, err);
    BD_TRY(bd_source_read(file, (const char *)values->data + at, piece, (char *)out + at, err));
  }
  return BD_OK;
}

// Reads raw data, aligned, and keeps it: from then on the file may change. Where two threads read
// the same, the first one's stays.
static bd_status load(const bd_model *model, int layer, bd_values *values, const bd_cancel *cancel,
                      bd_error *err) {
  size_t bytes = bytes_of(values);
  const char *tensor = model->layers.items[layer].shown.tensor;
  void *kept = NULL, *fresh = bd_pages_take(bytes);
  if (!fresh) return bd_fail_memory(err, tensor);
  bd_status status = read_all(&model->source, values, tensor, fresh, cancel, err);
  bool first =
      status == BD_OK && atomic_compare_exchange_strong(&model->loaded[layer], &kept, fresh);
  if (!first) bd_pages_free(fresh, bytes);
  values->data = first ? fresh : kept;
  return status;
}

// Reads a data file's values, aligned. They are not kept: data files are what is too large for the
// model itself.
static bd_status fetch(const bd_source *file, const char *tensor, bd_values *values, void **owned,
                       const bd_cancel *cancel, bd_error *err) {
  size_t bytes = bytes_of(values);
  *owned = bd_pages_take(bytes);
  if (!*owned) return bd_fail_memory(err, tensor);
  bd_status status = read_all(file, values, tensor, *owned, cancel, err);
  values->data = *owned;
  if (status == BD_OK) return BD_OK;
  bd_pages_free(*owned, bytes);
  *owned = NULL;
  return status;
}

// A layer's stored values, in memory and aligned for their type; *owned: where they were fetched
// for the caller alone, who frees these pages.
static bd_status values_of(const bd_model *model, int layer, bd_values *values, void **owned,
                           const bd_cancel *cancel, bd_error *err) {
  const bd_found *found;
  *values = (bd_values){0};
  *owned = NULL;
  BD_TRY(usable(model, layer, &found, err));
  *values = found->values;
  const bd_source *file = bd_external_source(&model->external, values->data);
  if (file) return fetch(file, found->shown.tensor, values, owned, cancel, err);
  if (!bd_source_holds(&model->source, values->data)) return BD_OK; // decoded from a typed field
  void *kept = atomic_load(&model->loaded[layer]);
  if (!kept) return load(model, layer, values, cancel, err);
  values->data = kept;
  return BD_OK;
}

// A copy of what a file holds at a place.
static bd_status copy_out(const bd_source *file, const ProtobufCBinaryData *place, void **owned,
                          bd_error *err) {
  *owned = malloc(place->len + 1);
  if (!*owned) return bd_fail_memory(err, file->path);
  bd_status status = bd_source_read(file, place->data, place->len, *owned, err);
  if (status == BD_OK) return BD_OK;
  free(*owned);
  *owned = NULL;
  return status;
}

bd_status bd_model_raw(const bd_model *model, const Onnx__TensorProto *tensor, const void **data,
                       void **owned, bd_error *err) {
  const ProtobufCBinaryData *place = &tensor->raw_data;
  int layer = bd_model_layer_of(model, tensor);
  bool inside = bd_source_holds(&model->source, place->data);
  *owned = NULL;
  *data = place->data;
  if (bd_is_external(tensor) && !tensor->has_raw_data)
    return bd_fail(err, BD_INVALID, "tensor %s: %s", bd_said(tensor->name),
                   bd_external_why(&model->external, tensor));
  if (inside && layer >= 0) {
    bd_values values;
    BD_TRY(values_of(model, layer, &values, owned, NULL, err));
    *data = values.data;
    return BD_OK;
  }
  const bd_source *file =
      inside ? &model->source : bd_external_source(&model->external, place->data);
  if (!file) return BD_OK; // decoded
  BD_TRY(copy_out(file, place, owned, err));
  *data = *owned;
  return BD_OK;
}

void bd_weights_unload(bd_model *model) {
  for (int i = 0; model->loaded && i < model->layers.count; i++)
    bd_pages_free(model->loaded[i], bytes_of(&model->layers.items[i].values));
  for (int i = 0; model->importance && i < model->layers.count; i++)
    free(model->importance[i]);
}

// To floats, piece by piece. False where it was cancelled.
static bool convert(const bd_values *values, float *out, const bd_cancel *cancel) {
  size_t size = values->wide ? sizeof(int32_t) : bd_dtype_size(values->type);
  size_t most = POLL_BYTES / sizeof *out;
  for (size_t at = 0; at < values->count; at += most) {
    bd_values piece = *values;
    piece.data = (const char *)values->data + at * size;
    piece.count = values->count - at < most ? values->count - at : most;
    if (bd_cancelled(cancel)) return false;
    bd_values_floats(&piece, out + at);
  }
  return true;
}

bd_status bd_model_weights(const bd_model *model, int layer, bd_weights *out, bd_error *err) {
  return bd_model_weights_polled(model, layer, NULL, out, err);
}

bd_status bd_model_weights_polled(const bd_model *model, int layer, const bd_cancel *cancel,
                                  bd_weights *out, bd_error *err) {
  *out = (bd_weights){0};
  bd_values values;
  void *owned;
  BD_TRY(values_of(model, layer, &values, &owned, cancel, err));
  out->count = values.count;
  if (values.type == BD_FLOAT32) {
    out->data = values.data;
    out->owned = owned;
    return BD_OK;
  }
  out->data = out->owned = bd_pages_take(values.count * sizeof *out->owned);
  const char *tensor = bd_model_layer(model, layer)->tensor;
  bd_status status = out->owned ? BD_OK : bd_fail_memory(err, tensor);
  if (status == BD_OK && !convert(&values, out->owned, cancel))
    status = fail_cancelled(tensor, err);
  bd_pages_free(owned, bytes_of(&values));
  if (status != BD_OK) bd_weights_free(out);
  return status;
}

// A view of a layer's values [first, first + count): in memory, or, where *file is set, in it.
static bd_status some_of(const bd_model *model, int layer, size_t first, size_t count,
                         bd_values *values, const bd_source **file, bd_error *err) {
  const bd_found *found;
  void *none;
  BD_TRY(usable(model, layer, &found, err));
  *values = found->values;
  if (first > values->count || count > values->count - first)
    return bd_fail(err, BD_INVALID, "%s: has only %zu weights", found->shown.tensor, values->count);
  *file = bd_external_source(&model->external, values->data);
  if (!*file) BD_TRY(values_of(model, layer, values, &none, NULL, err));
  size_t size = values->wide ? sizeof(int32_t) : bd_dtype_size(values->type);
  values->data = (const char *)values->data + first * size;
  values->count = count;
  return BD_OK;
}

bd_status bd_model_weights_some(const bd_model *model, int layer, size_t first, size_t count,
                                float *out, bd_error *err) {
  bd_values values;
  const bd_source *file = NULL;
  BD_TRY(some_of(model, layer, first, count, &values, &file, err));
  if (!file) bd_values_floats(&values, out);
  if (!file) return BD_OK;
  size_t size = bd_dtype_size(values.type);
  if (values.type == BD_FLOAT32) return bd_source_read(file, values.data, count * size, out, err);
  double some[SOME];
  for (size_t at = 0; at < count; at += SOME) {
    size_t piece = count - at < SOME ? count - at : SOME;
    const char *place = (const char *)values.data + at * size;
    BD_TRY(bd_source_read(file, place, piece * size, some, err));
    bd_dtype_to_float(values.type, some, piece, out + at);
  }
  return BD_OK;
}

bd_status bd_model_words(const bd_model *model, int layer, size_t first, size_t count,
                         uint16_t *out, bd_error *err) {
  bd_values values;
  const bd_source *file = NULL;
  BD_TRY(some_of(model, layer, first, count, &values, &file, err));
  if (file) return bd_source_read(file, values.data, count * sizeof *out, out, err);
  bd_values_pack(&values, out);
  return BD_OK;
}

void bd_model_set_importance(bd_model *model, int layer, float *importance) {
  free(model->importance[layer]);
  model->importance[layer] = importance;
}

const float *bd_model_importance(const bd_model *model, int layer) {
  return model->importance[layer];
}

void bd_weights_free(bd_weights *weights) {
  bd_pages_free(weights->owned, weights->count * sizeof *weights->owned);
  *weights = (bd_weights){0};
}

bd_status bd_model_layer_sha256(const bd_model *model, int layer, char out[65], bd_error *err) {
  out[0] = '\0';
  bd_values values;
  void *owned;
  BD_TRY(values_of(model, layer, &values, &owned, NULL, err));
  size_t bytes = bytes_of(&values);
  void *packed = values.wide ? bd_pages_take(bytes) : owned;
  if (values.wide && !packed) return bd_fail_memory(err, bd_model_layer(model, layer)->tensor);
  if (values.wide) bd_values_pack(&values, packed);
  bd_sha256(packed ? packed : values.data, bytes, out);
  bd_pages_free(packed, bytes);
  return *out ? BD_OK : bd_fail_memory(err, "a hash");
}
