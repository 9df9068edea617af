#include "core/export/rewrite.h"

#include <string.h>

void *bd_rewrite_short(bd_rewrite *r) {
  r->short_of_memory = true;
  return NULL;
}

void bd_list_push(bd_rewrite *r, bd_list *to, void *item) {
  if (to->count == to->room) {
    size_t room = to->room ? 2 * to->room : 64;
    void **grown = bd_arena_take(r->job->arena, room, sizeof *grown);
    if (!grown) {
      bd_rewrite_short(r);
      return;
    }
    if (to->count) memcpy(grown, to->items, to->count * sizeof *grown);
    to->items = grown;
    to->room = room;
  }
  to->items[to->count++] = item;
}

bool bd_rewrite_reserve(bd_rewrite *r, const char *name) {
  void **place = bd_names_place(&r->names, name);
  if (!place) return bd_rewrite_short(r) != NULL;
  *place = r;
  return true;
}

const char *bd_site_name(bd_site *site, const char *suffix) {
  bd_rewrite *r = site->rewrite;
  const char *name = bd_arena_text(r->job->arena, "%s%s", site->output, suffix);
  for (int i = 2; name && bd_names_get(&r->names, name); i++)
    name = bd_arena_text(r->job->arena, "%s%s_%d", site->output, suffix, i);
  if (!name) return bd_rewrite_short(r);
  return bd_rewrite_reserve(r, name) ? name : NULL;
}

const char *bd_site_tensor(bd_site *site, const char *suffix, int32_t type, const int64_t *dims,
                           int rank, const void *bytes, size_t size) {
  bd_rewrite *r = site->rewrite;
  const char *name = bd_site_name(site, suffix);
  Onnx__TensorProto *tensor = bd_arena_take(r->job->arena, 1, sizeof *tensor);
  int64_t *copy = bd_arena_take(r->job->arena, (size_t)rank, sizeof *copy);
  if (!name || !tensor || !copy || !bytes) return bd_rewrite_short(r);
  onnx__tensor_proto__init(tensor);
  if (rank) memcpy(copy, dims, (size_t)rank * sizeof *copy);
  tensor->name = bd_loose(name);
  tensor->has_data_type = true;
  tensor->data_type = type;
  tensor->dims = copy;
  tensor->n_dims = (size_t)rank;
  tensor->has_raw_data = true;
  tensor->raw_data = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)bytes};
  if (site->external) {
    tensor->has_data_location = true;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  }
  bd_list_push(r, &r->tensors, tensor);
  return name;
}

const char *bd_site_floats(bd_site *site, const char *suffix, const int64_t *dims, int rank,
                           const double *values) {
  size_t count = 1;
  for (int i = 0; i < rank; i++)
    count *= (size_t)dims[i];
  float *floats = bd_arena_take(site->job->arena, count, sizeof *floats);
  for (size_t i = 0; floats && i < count; i++)
    floats[i] = (float)values[i];
  return bd_site_tensor(site, suffix, BD_ONNX_FLOAT, dims, rank, floats, count * sizeof *floats);
}

const char *bd_site_integers(bd_site *site, const char *suffix, const int64_t *values, int count) {
  int64_t *copy = bd_arena_take(site->job->arena, (size_t)count, sizeof *copy);
  if (copy) memcpy(copy, values, (size_t)count * sizeof *copy);
  return bd_site_tensor(site, suffix, BD_ONNX_INT64, (int64_t[]){count}, 1, copy,
                        (size_t)count * sizeof *copy);
}

void bd_channel_dims(const bd_layer *layer, int64_t dims[8]) {
  for (int i = 0; i < layer->rank; i++)
    dims[i] = i == layer->channel_axis ? layer->shape[i] : 1;
}

Onnx__NodeProto *bd_site_node(bd_site *site, const char *domain, const char *op,
                              const char *const *inputs, const char *output) {
  bd_rewrite *r = site->rewrite;
  Onnx__NodeProto *node = bd_arena_take(r->job->arena, 1, sizeof *node);
  size_t count = 0;
  while (inputs[count])
    count++;
  char **names = bd_arena_take(r->job->arena, count + 1, sizeof *names);
  const char *name = bd_site_name(site, bd_arena_text(r->job->arena, "_%s", op));
  if (!node || !names || !name || !output) return bd_rewrite_short(r);
  onnx__node_proto__init(node);
  for (size_t i = 0; i < count; i++)
    names[i] = bd_loose(inputs[i]);
  names[count] = bd_loose(output);
  node->name = bd_loose(name);
  node->op_type = bd_loose(op);
  node->domain = bd_loose(domain);
  node->input = names;
  node->n_input = count;
  node->output = names + count;
  node->n_output = 1;
  bd_list_push(r, &r->nodes, node);
  return node;
}

static Onnx__AttributeProto *add_attribute(bd_site *site, Onnx__NodeProto *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
  bd_arena *arena = site->job->arena;
  Onnx__AttributeProto *attribute = node ? bd_arena_take(arena, 1, sizeof *attribute) : NULL;
  Onnx__AttributeProto **longer =
      node ? bd_arena_take(arena, node->n_attribute + 1, sizeof *longer) : NULL;
  if (!attribute || !longer) return bd_rewrite_short(site->rewrite);
  onnx__attribute_proto__init(attribute);
  attribute->name = bd_loose(name);
  attribute->has_type = true;
  attribute->type = type;
  if (node->n_attribute) memcpy(longer, node->attribute, node->n_attribute * sizeof *longer);
  longer[node->n_attribute++] = attribute;
  node->attribute = longer;
  return attribute;
}

void bd_node_int(bd_site *site, Onnx__NodeProto *node, const char *name, int64_t value) {
  Onnx__AttributeProto *attribute =
      add_attribute(site, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  if (!attribute) return;
  attribute->has_i = true;
  attribute->i = value;
}

void bd_node_text(bd_site *site, Onnx__NodeProto *node, const char *name, const char *value) {
  Onnx__AttributeProto *attribute =
      add_attribute(site, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
  if (!attribute) return;
  attribute->has_s = true;
  attribute->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)(uintptr_t)value};
}

static const bd_layer *layer_of(const bd_site *site) {
  return bd_model_layer(site->job->plan->tuned->model, site->layer);
}

const char *bd_site_floats_name(bd_site *site) {
  return layer_of(site)->type == BD_FLOAT32 ? site->output : bd_site_name(site, "_float");
}

bd_status bd_site_finish(bd_site *site, const char *name, bd_error *err) {
  static const int64_t types[] = {
      [BD_FLOAT32] = 1, [BD_FLOAT16] = 10, [BD_BFLOAT16] = 16, [BD_FLOAT64] = 11};
  if (layer_of(site)->type != BD_FLOAT32)
    bd_node_int(site, bd_site_node(site, NULL, "Cast", (const char *[]){name, NULL}, site->output),
                "to", types[layer_of(site)->type]);
  return site->rewrite->short_of_memory ? bd_fail_memory(err, layer_of(site)->tensor) : BD_OK;
}
