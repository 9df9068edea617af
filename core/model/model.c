#include "core/model/model.h"

#include "core/base/text.h"
#include "core/model/ports.h"
#include "core/model/proto.h"
#include "core/model/state.h"
#include "core/model/weights.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

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
  if (!bd_external_attach(&model->external, path, model->proto, model->arena))
    return bd_fail_memory(err, path);
  BD_TRY(bd_layers_find(said->graph, &model->external, model->arena, path, &model->layers, err));
  bd_model_info *info = &model->info;
  info->file = bd_arena_text(model->arena, "%s", path);
  model->loaded = bd_arena_take(model->arena, (size_t)model->layers.count, sizeof *model->loaded);
  model->importance =
      bd_arena_take(model->arena, (size_t)model->layers.count, sizeof *model->importance);
  if (!info->file || !model->loaded || !model->importance ||
      !bd_ports_list(said->graph, model->arena, info))
    return bd_fail_memory(err, path);
  model->source.path = info->file;
  info->file_bytes = (int64_t)model->source.map.size;
  info->data_files = model->external.count;
  info->ir_version = said->ir_version;
  info->opset = opset_of(said);
  info->weights = usable_weights(&model->layers);
  info->node_count = model->layers.nodes;
  return BD_OK;
}

static bd_status fill(bd_model *model, const char *path, bd_error *err) {
  model->arena = bd_arena_new();
  if (!model->arena) return bd_fail_memory(err, path);
  BD_TRY(bd_source_open(path, &model->source, err));
  BD_TRY(bd_decode(model->source.map, path, model->arena, &model->proto, err));
  return describe(model, path, err);
}

bd_status bd_model_open(const char *path, bd_model **out, bd_error *err) {
  *out = NULL;
  bd_model *model = calloc(1, sizeof *model);
  if (!model) return bd_fail_memory(err, path);
  model->source.fd = -1;
  bd_status status = fill(model, path, err);
  if (status == BD_OK)
    *out = model;
  else
    bd_model_close(model);
  return status;
}

void bd_model_close(bd_model *model) {
  if (!model) return;
  bd_weights_unload(model);
  bd_layers_close(&model->layers);
  bd_external_close(&model->external);
  bd_source_close(&model->source);
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

const Onnx__ModelProto *bd_model_proto(const bd_model *model) {
  return model->proto;
}

const Onnx__TensorProto *bd_model_layer_proto(const bd_model *model, int layer) {
  const bd_found *found = &model->layers.items[layer];
  bool stored = found->value->origin == BD_FROM_FILE && !found->shown.refused;
  return stored ? found->value->stored.tensor : NULL;
}

int bd_model_layer_of(const bd_model *model, const Onnx__TensorProto *tensor) {
  return bd_layers_of(&model->layers, tensor);
}

int bd_model_find(const bd_model *model, const char *tensor) {
  const bd_found *found = bd_names_get(&model->layers.names, tensor);
  return found ? (int)(found - model->layers.items) : -1;
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

bd_status bd_model_sha256(const bd_model *model, char out[65], bd_error *err) {
  bd_source_sha256(&model->source, out);
  if (*out) return BD_OK;
  return bd_fail(err, BD_FAILED, "%s: has changed since it was opened: open it again",
                 model->info.file);
}
