#include "core/model/layers.h"

#include "core/model/decode.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Subgraphs nested in one another. Protobuf's own readers stop at 33.
enum { DEPTH_MAX = 64 };

// Which inputs of an operator are weights. `always`: listed even where the run computes them; a
// MatMul or Gather of two activations has no weight at all.
typedef struct weight_rule {
  const char *op;
  int first, last;
  bool always;
} weight_rule;

static const weight_rule rules[] = {
    {"Conv", 1, 1, true},    {"ConvTranspose", 1, 1, true}, {"LSTM", 1, 2, true},
    {"GRU", 1, 2, true},     {"RNN", 1, 2, true},           {"Gemm", 1, 1, false},
    {"MatMul", 0, 1, false}, {"Gather", 0, 0, false},
};

typedef struct user {
  const Onnx__NodeProto *node;
  const char *name;
  struct user *next;
} user;

// A layer in the making.
typedef struct layer_draft {
  bd_value *value;
  user *users, *last;
  int user_count;
  struct layer_draft *next;
} layer_draft;

typedef struct walker {
  bd_arena *arena;
  const bd_external *external;
  const char *path;
  bd_error *err;
  layer_draft *drafts, *last;
  int count, nodes;
} walker;

static bd_status no_memory(const walker *walk) {
  return bd_fail_memory(walk->err, walk->path);
}

static const char *node_name(bd_arena *arena, const Onnx__NodeProto *node, size_t index) {
  const char *name = bd_said(node->name);
  return *name ? name : bd_arena_text(arena, "%s_%zu", bd_said(node->op_type), index);
}

static bool is_depthwise(const Onnx__NodeProto *node, const bd_shape *shape) {
  int64_t groups = 1;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), "group") == 0) groups = node->attribute[i]->i;
  return bd_node_is(node, "Conv") && groups > 1 && shape->rank > 1 && shape->dims[1] == 1;
}

// The shape that an input of a graph declares, where it is fixed.
static void declared_shape(const Onnx__ValueInfoProto *port, bd_shape *shape) {
  const Onnx__TypeProto *type = port->type;
  if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return;
  const Onnx__TensorShapeProto *said = type->tensor_type->shape;
  if (!said || said->n_dim > BD_RANK_MAX) return;
  int64_t dims[BD_RANK_MAX];
  for (size_t i = 0; i < said->n_dim; i++) {
    if (said->dim[i]->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) return;
    dims[i] = said->dim[i]->dim_value;
  }
  char why[BD_WHY];
  bd_shape_set(shape, dims, said->n_dim, why);
}

// The shape of a value that is not stored, where it is cheaply known.
static void known_shape(const bd_value *value, bd_shape *shape) {
  *shape = (bd_shape){.count = 0};
  if (value->origin == BD_FROM_INPUT) declared_shape(value->port, shape);
  if (value->origin != BD_FROM_CONSTANTS || !bd_node_is(value->node, "ConstantOfShape")) return;
  if (!value->argument || value->argument->origin != BD_FROM_FILE) return;
  int64_t dims[BD_RANK_MAX];
  char why[BD_WHY];
  int rank = bd_stored_integers(&value->argument->stored, dims, BD_RANK_MAX);
  if (rank >= 0) bd_shape_set(shape, dims, (size_t)rank, why);
}

static int rank_of(const bd_value *value) {
  bd_shape shape;
  bd_values values;
  char why[BD_WHY];
  if (value->origin == BD_FROM_FILE)
    bd_stored_look(&value->stored, &shape, &values, why);
  else
    known_shape(value, &shape);
  return shape.rank;
}

// Is what stands at a weight's place one that is listed?
static bool is_weight(const weight_rule *rule, const bd_value *value) {
  if (value->origin < BD_FROM_CONSTANTS) return rule->always;
  return strcmp(rule->op, "Gather") != 0 || rank_of(value) >= 2;
}

// The draft of the layer that a value is, made where it is none yet. NULL without memory.
static layer_draft *draft_of(walker *walk, bd_value *value) {
  if (value->draft) return value->draft;
  layer_draft *fresh = bd_arena_take(walk->arena, 1, sizeof *fresh);
  if (!fresh) return NULL;
  fresh->value = value;
  value->draft = fresh;
  *(walk->last ? &walk->last->next : &walk->drafts) = fresh;
  walk->last = fresh;
  walk->count++;
  return fresh;
}

static bd_status add_user(walker *walk, bd_value *value, const Onnx__NodeProto *node,
                          size_t index) {
  layer_draft *layer = draft_of(walk, value);
  if (!layer) return no_memory(walk);
  if (layer->last && layer->last->node == node) return BD_OK; // twice in one node
  user *fresh = bd_arena_take(walk->arena, 1, sizeof *fresh);
  const char *name = node_name(walk->arena, node, index);
  if (!fresh || !name) return no_memory(walk);
  *fresh = (user){node, name, NULL};
  *(layer->last ? &layer->last->next : &layer->users) = fresh;
  layer->last = fresh;
  layer->user_count++;
  return BD_OK;
}

static bd_status visit_weights(walker *walk, bd_scope *scope, const Onnx__NodeProto *node,
                               size_t index) {
  const weight_rule *rule = rules, *end = rules + sizeof rules / sizeof *rules;
  while (rule < end && !bd_node_is(node, rule->op))
    rule++;
  if (rule == end) return BD_OK;
  for (size_t i = (size_t)rule->first; i <= (size_t)rule->last && i < node->n_input; i++) {
    const char *name = node->input[i];
    if (!*name) continue; // left out
    bd_value *value = bd_scope_find(scope, name);
    if (!value) value = bd_scope_make(scope, name, BD_FROM_NOWHERE);
    if (!value) return no_memory(walk);
    if (is_weight(rule, value)) BD_TRY(add_user(walk, value, node, index));
  }
  return BD_OK;
}

static bd_status visit_graph(walker *walk, const Onnx__GraphProto *graph, bd_scope *scope);

static bd_status visit_branch(walker *walk, const Onnx__GraphProto *graph, const bd_scope *parent,
                              const char *node, const char *branch) {
  bd_scope *scope = bd_arena_take(walk->arena, 1, sizeof *scope);
  if (!scope || !node || !branch) return no_memory(walk);
  *scope = (bd_scope){parent, node, branch, parent->depth + 1, {walk->arena, NULL}};
  return visit_graph(walk, graph, scope);
}

static bd_status visit_branches(walker *walk, const bd_scope *scope, const Onnx__NodeProto *node,
                                size_t index) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->attribute[i];
    const char *branch = bd_said(attribute->name);
    if (!attribute->g && !attribute->n_graphs) continue;
    const char *name = node_name(walk->arena, node, index);
    if (attribute->g) BD_TRY(visit_branch(walk, attribute->g, scope, name, branch));
    for (size_t k = 0; k < attribute->n_graphs; k++)
      BD_TRY(visit_branch(walk, attribute->graphs[k], scope, name,
                          bd_arena_text(walk->arena, "%s_%zu", branch, k)));
  }
  return BD_OK;
}

static bd_status visit_nodes(walker *walk, const Onnx__GraphProto *graph, bd_scope *scope) {
  for (size_t i = 0; i < graph->n_node; i++) {
    BD_TRY(visit_weights(walk, scope, graph->node[i], i));
    BD_TRY(visit_branches(walk, scope, graph->node[i], i));
    if (!bd_scope_run(scope, graph->node[i])) return no_memory(walk);
    walk->nodes++;
  }
  return BD_OK;
}

static bd_status visit_graph(walker *walk, const Onnx__GraphProto *graph, bd_scope *scope) {
  if (scope->depth > DEPTH_MAX)
    return bd_fail(walk->err, BD_INVALID, "%s: subgraphs nested deeper than %d: no honest model is",
                   walk->path, DEPTH_MAX);
  bd_status status =
      bd_scope_enter(scope, graph) ? visit_nodes(walk, graph, scope) : no_memory(walk);
  bd_names_clear(&scope->names);
  return status;
}

// Why a value that is not stored cannot be quantized; NULL without memory.
static const char *why_not_stored(bd_arena *arena, const bd_value *value) {
  switch (value->origin) {
  case BD_FROM_INPUT:
    return "an input of its graph, not stored in the file";
  case BD_FROM_RUN:
    return "computed while the network runs, not stored in the file";
  case BD_FROM_CONSTANTS:
    return bd_arena_text(arena, "computed from constants by %s, not stored in the file",
                         bd_said(value->node->op_type));
  case BD_FROM_NOWHERE:
  case BD_FROM_FILE:
    break;
  }
  return "not defined before it is used";
}

static bool list_users(bd_found *found, const layer_draft *draft, bd_arena *arena) {
  bd_layer *layer = &found->shown;
  const char **names = bd_arena_take(arena, (size_t)draft->user_count, sizeof *names);
  const Onnx__NodeProto **nodes = bd_arena_take(arena, (size_t)draft->user_count, sizeof *nodes);
  if (!names || !nodes) return false;
  for (const user *each = draft->users; each; each = each->next) {
    nodes[layer->user_count] = each->node;
    names[layer->user_count++] = each->name;
  }
  found->nodes = nodes;
  layer->users = names;
  layer->node = names[0];
  layer->op = bd_said(draft->users->node->op_type);
  return true;
}

// Why a tensor of the file cannot be used: for one that is external, its data file knows best.
static const char *why_not_usable(const walker *walk, const bd_stored *stored, const char *why) {
  const Onnx__TensorProto *tensor = stored->tensor;
  if (tensor && bd_is_external(tensor) && !tensor->has_raw_data)
    return bd_external_why(walk->external, tensor);
  return bd_arena_text(walk->arena, "%s", why);
}

static bool is_set(const Onnx__NodeProto *node, const char *attribute) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), attribute) == 0)
      return node->attribute[i]->i != 0;
  return false;
}

static bool reads(const Onnx__NodeProto *node, const char *name) {
  for (size_t i = 0; i < node->n_input; i++)
    if (strcmp(node->input[i], name) == 0) return true;
  return false;
}

// The axis of the output channels, of a stored tensor that its first user reads as it is.
static int channel_axis(const Onnx__NodeProto *node, const bd_value *value, int rank) {
  const char *name = value->origin == BD_FROM_FILE ? value->name : NULL;
  if (!name || rank < 1 || !reads(node, name)) return -1;
  int axis = bd_node_is(node, "ConvTranspose") ? 1 : 0;
  if (bd_node_is(node, "Gemm")) axis = is_set(node, "transB") ? 0 : 1;
  if (bd_node_is(node, "LSTM") || bd_node_is(node, "GRU") || bd_node_is(node, "RNN")) axis = 1;
  if (bd_node_is(node, "MatMul")) axis = rank - 1;
  return axis < rank ? axis : -1;
}

static bool finish(bd_found *found, const layer_draft *draft, const walker *walk) {
  char why[BD_WHY] = "";
  bd_shape shape;
  bd_layer *layer = &found->shown;
  const bd_value *value = found->value = draft->value;
  bool usable = false;
  if (value->origin == BD_FROM_FILE)
    usable = bd_stored_look(&value->stored, &shape, &found->values, why);
  else
    known_shape(value, &shape);
  if (!usable) {
    layer->refused =
        *why ? why_not_usable(walk, &value->stored, why) : why_not_stored(walk->arena, value);
    if (!layer->refused) return false;
  }
  layer->tensor = value->name;
  layer->rank = shape.rank;
  layer->weights = shape.count;
  memcpy(layer->shape, shape.dims, sizeof layer->shape);
  layer->type = found->values.type;
  layer->channel_axis = channel_axis(draft->users->node, value, shape.rank);
  layer->depthwise = is_depthwise(draft->users->node, &shape);
  return list_users(found, draft, walk->arena);
}

static uintptr_t address_of(const bd_found *found) {
  return (uintptr_t)found->value->stored.tensor;
}

static int by_address(const void *a, const void *b) {
  uintptr_t left = address_of(*(bd_found *const *)a), right = address_of(*(bd_found *const *)b);
  return (left > right) - (left < right);
}

static bool list_stored(bd_layers *layers, bd_arena *arena) {
  layers->by_proto = bd_arena_take(arena, (size_t)layers->count, sizeof(bd_found *));
  if (!layers->by_proto) return false;
  for (int i = 0; i < layers->count; i++) {
    bd_found *found = &layers->items[i];
    if (!found->shown.refused && found->value->stored.tensor)
      layers->by_proto[layers->stored++] = found;
  }
  qsort(layers->by_proto, (size_t)layers->stored, sizeof(bd_found *), by_address);
  return true;
}

int bd_layers_of(const bd_layers *layers, const Onnx__TensorProto *tensor) {
  bd_value value = {.stored = {.tensor = tensor}};
  bd_found wanted = {.value = &value}, *key = &wanted;
  bd_found **at = bsearch(&key, layers->by_proto, (size_t)layers->stored, sizeof key, by_address);
  return at ? (int)(*at - layers->items) : -1;
}

void bd_layers_close(bd_layers *layers) {
  bd_names_clear(&layers->names);
}

static bool finish_all(const walker *walk, bd_layers *out) {
  out->nodes = walk->nodes;
  out->items = bd_arena_take(walk->arena, (size_t)walk->count, sizeof *out->items);
  if (!out->items) return false;
  for (const layer_draft *each = walk->drafts; each; each = each->next)
    if (!finish(&out->items[out->count++], each, walk)) return false;
  return bd_layers_name(out, walk->arena) && list_stored(out, walk->arena);
}

bd_status bd_layers_find(const Onnx__GraphProto *graph, const bd_external *external,
                         bd_arena *arena, const char *path, bd_layers *out, bd_error *err) {
  *out = (bd_layers){0};
  walker walk = {.arena = arena, .external = external, .path = path, .err = err};
  bd_scope *main_graph = bd_arena_take(arena, 1, sizeof *main_graph);
  if (!main_graph) return no_memory(&walk);
  main_graph->names.arena = arena;
  BD_TRY(visit_graph(&walk, graph, main_graph));
  return finish_all(&walk, out) ? BD_OK : no_memory(&walk);
}
