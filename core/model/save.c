// Writing back. The decoded messages are never touched, for others read them meanwhile: those on
// the way to a replaced weight are copied, shallowly, and point at the new values; the rest is
// shared.
#include "core/model/state.h"

#include <stdlib.h>
#include <string.h>

typedef struct patch {
  uintptr_t at; // the message that holds the values: a tensor, or a Constant's attribute
  const bd_found *found;
  const float *values;
} patch;

typedef struct patches {
  bd_arena *arena;
  patch *items; // by address
  size_t count;
} patches;

static int compare(const void *a, const void *b) {
  uintptr_t left = ((const patch *)a)->at, right = ((const patch *)b)->at;
  return (left > right) - (left < right);
}

static const patch *patch_at(const patches *all, const void *message) {
  patch wanted = {.at = (uintptr_t)message};
  return bsearch(&wanted, all->items, all->count, sizeof wanted, compare);
}

// Everything below returns NULL or false without memory.
static void *copy_of(const patches *all, const void *original, size_t count, size_t size) {
  void *copy = bd_arena_take(all->arena, count, size);
  if (copy && count) memcpy(copy, original, count * size);
  return copy;
}

static Onnx__TensorProto *patched_tensor(const patches *all, Onnx__TensorProto *tensor) {
  const patch *found = patch_at(all, tensor);
  if (!found) return tensor;
  const bd_values *old = &found->found->values;
  Onnx__TensorProto *copy = copy_of(all, tensor, 1, sizeof *tensor);
  void *data = (void *)(uintptr_t)bd_values_encode(old, found->values, all->arena);
  if (!copy || !data) return NULL;
  if (copy->has_raw_data)
    copy->raw_data.data = data;
  else if (old->wide)
    copy->int32_data = data;
  else if (old->type == BD_FLOAT64)
    copy->double_data = data;
  else
    copy->float_data = data;
  return copy;
}

static Onnx__GraphProto *patched_graph(const patches *all, const Onnx__GraphProto *graph);

static bool patch_graphs(const patches *all, Onnx__AttributeProto *attribute) {
  if (attribute->g && !(attribute->g = patched_graph(all, attribute->g))) return false;
  if (attribute->n_graphs == 0) return true;
  attribute->graphs =
      copy_of(all, attribute->graphs, attribute->n_graphs, sizeof *attribute->graphs);
  if (!attribute->graphs) return false;
  for (size_t i = 0; i < attribute->n_graphs; i++)
    if (!(attribute->graphs[i] = patched_graph(all, attribute->graphs[i]))) return false;
  return true;
}

static Onnx__AttributeProto *patched_attribute(const patches *all, Onnx__AttributeProto *original) {
  Onnx__AttributeProto *copy = copy_of(all, original, 1, sizeof *original);
  if (!copy || !patch_graphs(all, copy)) return NULL;
  if (copy->t && !(copy->t = patched_tensor(all, copy->t))) return NULL;
  const patch *found = patch_at(all, original);
  if (!found) return copy;
  if (copy->n_floats)
    copy->floats = (float *)(uintptr_t)found->values;
  else
    copy->f = found->values[0];
  return copy;
}

// Most nodes hold neither a weight nor a graph, and are shared.
static bool concerns(const patches *all, const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->attribute[i];
    if (attribute->g || attribute->n_graphs) return true;
    if (patch_at(all, attribute) || patch_at(all, attribute->t)) return true;
  }
  return false;
}

static Onnx__NodeProto *patched_node(const patches *all, Onnx__NodeProto *node) {
  if (!concerns(all, node)) return node;
  Onnx__NodeProto *copy = copy_of(all, node, 1, sizeof *node);
  if (!copy) return NULL;
  copy->attribute = copy_of(all, copy->attribute, copy->n_attribute, sizeof *copy->attribute);
  if (!copy->attribute) return NULL;
  for (size_t i = 0; i < copy->n_attribute; i++)
    if (!(copy->attribute[i] = patched_attribute(all, copy->attribute[i]))) return NULL;
  return copy;
}

static Onnx__GraphProto *patched_graph(const patches *all, const Onnx__GraphProto *graph) {
  Onnx__GraphProto *copy = copy_of(all, graph, 1, sizeof *graph);
  if (!copy) return NULL;
  copy->node = copy_of(all, graph->node, graph->n_node, sizeof *graph->node);
  copy->initializer =
      copy_of(all, graph->initializer, graph->n_initializer, sizeof *graph->initializer);
  if (!copy->node || !copy->initializer) return NULL;
  for (size_t i = 0; i < graph->n_node; i++)
    if (!(copy->node[i] = patched_node(all, copy->node[i]))) return NULL;
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (!(copy->initializer[i] = patched_tensor(all, copy->initializer[i]))) return NULL;
  return copy;
}

typedef struct sink {
  ProtobufCBuffer base;
  bd_writer *writer;
} sink;

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data) {
  bd_writer_put(((sink *)buffer)->writer, data, size);
}

static bd_status write_model(const Onnx__ModelProto *model, const char *path, bd_error *err) {
  sink out = {.base = {append}};
  BD_TRY(bd_writer_open(path, &out.writer, err));
  onnx__model_proto__pack_to_buffer(model, &out.base);
  return bd_writer_commit(out.writer, err);
}

// One patch a replacement, sorted by where its values stand.
static bd_status list_patches(const bd_model *model, const bd_replacement *replacements, int count,
                              patches *all, bd_error *err) {
  all->items = bd_arena_take(all->arena, (size_t)count, sizeof *all->items);
  if (!all->items) return bd_fail_memory(err, model->info.file);
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

static bd_status save(const bd_model *model, const bd_replacement *replacements, int count,
                      const char *path, patches *all, bd_error *err) {
  BD_TRY(list_patches(model, replacements, count, all, err));
  Onnx__ModelProto patched = *model->decoded.model;
  patched.graph = patched_graph(all, patched.graph);
  if (!patched.graph) return bd_fail_memory(err, path);
  return write_model(&patched, path, err);
}

bd_status bd_model_save(const bd_model *model, const bd_replacement *replacements, int count,
                        const char *path, bd_error *err) {
  patches all = {.arena = bd_arena_new()};
  if (!all.arena) return bd_fail_memory(err, path);
  bd_status status = save(model, replacements, count, path, &all, err);
  bd_arena_free(all.arena);
  return status;
}
