#include "core/model/model.h"

#include "core/base/text.h"
#include "core/model/digest.h"
#include "core/model/pages.h"
#include "core/model/ports.h"
#include "core/model/state.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t opset_of(const Onnx__ModelProto *model) {
  for (size_t i = 0; i < model->n_opset_import; i++) {
    const char *domain = bd_said(model->opset_import[i]->domain);
    if (*domain == '\0' || strcmp(domain, "ai.onnx") == 0) return model->opset_import[i]->version;
  }
  return 0;
}

static int64_t usable_weights(const bd_layers *layers) {
  int64_t sum = 0;
  for (int i = 0; i < layers->count; i++)
    if (!layers->items[i].shown.refused) sum += layers->items[i].shown.weights;
  return sum;
}

static bd_status describe(bd_model *model, const char *path, bd_error *err) {
  const Onnx__ModelProto *said = model->proto;
  BD_TRY(bd_layers_find(said->graph, model->arena, path, &model->layers, err));
  bd_model_info *info = &model->info;
  info->file = bd_arena_text(model->arena, "%s", path);
  if (!info->file || !bd_ports_list(said->graph, model->arena, info))
    return bd_fail_memory(err, path);
  info->ir_version = said->ir_version;
  info->opset = opset_of(said);
  info->weights = usable_weights(&model->layers);
  info->node_count = model->layers.nodes;
  return BD_OK;
}

static bd_status decode_file(bd_model *model, const char *path, bd_error *err) {
  bd_bytes file;
  BD_TRY(bd_file_map(path, &file, err));
  // The file may be replaced or cut short later; this keeps hold of the one that is read now.
  model->file = open(path, O_RDONLY | O_CLOEXEC);
  model->info.file_bytes = (int64_t)file.size;
  model->arena = bd_arena_new(bd_decode_estimate(file));
  bd_status status = model->arena ? bd_decode(file, path, model->arena, &model->proto, err)
                                  : bd_fail_memory(err, path);
  bd_file_unmap(file);
  return status;
}

static bd_status fill(bd_model *model, const char *path, bd_error *err) {
  BD_TRY(decode_file(model, path, err));
  return describe(model, path, err);
}

bd_status bd_model_open(const char *path, bd_model **out, bd_error *err) {
  *out = NULL;
  bd_model *model = calloc(1, sizeof *model);
  if (!model) return bd_fail_memory(err, path);
  model->file = -1;
  bd_status status = fill(model, path, err);
  if (status == BD_OK)
    *out = model;
  else
    bd_model_close(model);
  return status;
}

void bd_model_close(bd_model *model) {
  if (!model) return;
  if (model->file >= 0) close(model->file);
  bd_arena_free(model->arena);
  free(model);
}

const bd_model_info *bd_model_about(const bd_model *model) {
  return &model->info;
}

int bd_model_layer_count(const bd_model *model) {
  return model->layers.count;
}

const bd_layer *bd_model_layer(const bd_model *model, int layer) {
  return &model->layers.items[layer].shown;
}

int bd_model_find(const bd_model *model, const char *tensor) {
  for (int i = 0; i < model->layers.count; i++)
    if (strcmp(model->layers.items[i].shown.tensor, tensor) == 0) return i;
  return -1;
}

int bd_model_nearest(const bd_model *model, const char *tensor) {
  int nearest = -1, least = INT_MAX;
  for (int i = 0; i < model->layers.count; i++) {
    int distance = bd_text_distance(model->layers.items[i].shown.tensor, tensor);
    if (distance >= least) continue;
    least = distance;
    nearest = i;
  }
  return nearest;
}

void bd_model_sha256(const bd_model *model, char out[65]) {
  bd_digest_file(model->file, out);
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

bd_status bd_model_weights(const bd_model *model, int layer, bd_weights *out, bd_error *err) {
  *out = (bd_weights){0};
  const bd_found *found;
  BD_TRY(usable(model, layer, &found, err));
  const bd_values *values = &found->values;
  out->count = values->count;
  out->data = values->data;
  if (values->type == BD_FLOAT32) return BD_OK;
  out->data = out->owned = bd_pages_take(values->count * sizeof *out->owned);
  if (!out->owned) return bd_fail_memory(err, found->shown.tensor);
  bd_values_floats(values, out->owned);
  return BD_OK;
}

void bd_weights_free(bd_weights *weights) {
  bd_pages_free(weights->owned, weights->count * sizeof *weights->owned);
  *weights = (bd_weights){0};
}

bd_status bd_model_layer_sha256(const bd_model *model, int layer, char out[65], bd_error *err) {
  out[0] = '\0';
  const bd_found *found;
  BD_TRY(usable(model, layer, &found, err));
  const bd_values *values = &found->values;
  size_t bytes = values->count * bd_dtype_size(values->type);
  if (!values->wide) {
    bd_sha256(values->data, bytes, out);
    return BD_OK;
  }
  void *packed = malloc(bytes);
  if (!packed) return bd_fail_memory(err, found->shown.tensor);
  bd_values_pack(values, packed);
  bd_sha256(packed, bytes, out);
  free(packed);
  return BD_OK;
}
