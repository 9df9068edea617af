#include "core/model/graph.h"

#include "core/model/decode.h"
#include "core/model/dtype.h"
#include "core/model/names.h"
#include "core/model/ports.h"
#include "core/model/proto.h"
#include "core/model/state.h"

#include <stdlib.h>
#include <string.h>

// A graph while it is walked; names of the graphs around are visible.
typedef struct place {
  const struct place *parent;
  const char *branch;
  bd_names names; // name → value + 1
} place;

// A node and a layer that it uses.
typedef struct link {
  const void *message;
  int layer;
} link;

typedef struct links {
  link *items;
  int count;
} links;

typedef struct walker {
  bd_arena *arena;
  bd_graph_node *nodes;
  bd_graph_value *values;
  int node_count, node_room, value_count, value_room;
  const bd_model *model;
  links users; // sorted by message
} walker;

// --- which layers --------------------------------------------------------------------------------

static int by_message(const void *a, const void *b) {
  const link *x = a, *y = b;
  if (x->message != y->message) return x->message > y->message ? 1 : -1;
  return x->layer - y->layer;
}

static bool find_links(walker *walk, const bd_model *model) {
  int layers = bd_model_layer_count(model), users = 0;
  for (int i = 0; i < layers; i++)
    users += bd_model_layer(model, i)->user_count;
  walk->users.items = bd_arena_take(walk->arena, (size_t)users, sizeof(link));
  if (!walk->users.items) return false;
  for (int i = 0; i < layers; i++) {
    const bd_found *found = &model->layers.items[i];
    for (int k = 0; k < found->shown.user_count; k++)
      walk->users.items[walk->users.count++] = (link){found->nodes[k], i};
  }
  qsort(walk->users.items, (size_t)walk->users.count, sizeof(link), by_message);
  return true;
}

// The first link of that message, or where it would stand.
static int first_link(const links *in, const void *message) {
  int low = 0, high = in->count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (in->items[middle].message < message)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool list_layers(const walker *walk, bd_graph_node *node) {
  int at = first_link(&walk->users, node->key), end = at;
  while (end < walk->users.count && walk->users.items[end].message == node->key)
    end++;
  int *layers = bd_arena_take(walk->arena, (size_t)(end - at), sizeof *layers);
  if (!layers) return false;
  for (; at < end; at++)
    layers[node->layer_count++] = walk->users.items[at].layer;
  node->layers = layers;
  return true;
}

// --- values --------------------------------------------------------------------------------------

// A new value; NULL without memory. The pointer holds until the next one.
static bd_graph_value *new_value(walker *walk, place *where, const char *name, bd_value_kind kind,
                                 int *index) {
  if (walk->value_count == walk->value_room) {
    int room = walk->value_room ? 2 * walk->value_room : 256;
    bd_graph_value *grown = reallocarray(walk->values, (size_t)room, sizeof *grown);
    if (!grown) return NULL;
    walk->values = grown;
    walk->value_room = room;
  }
  void **slot = bd_names_place(&where->names, name);
  if (!slot) return NULL;
  *index = walk->value_count++;
  if (!*slot) *slot = (void *)(intptr_t)(*index + 1); // in a valid graph a name is made once
  bd_graph_value *fresh = &walk->values[*index];
  *fresh = (bd_graph_value){.kind = kind, .maker = -1, .layer = -1};
  fresh->said = (bd_port){.name = name, .rank = -1, .type = "unknown"};
  return fresh;
}

static int find(const place *where, const char *name) {
  for (; where; where = where->parent) {
    int index = (int)(intptr_t)bd_names_get(&where->names, name) - 1;
    if (index >= 0) return index;
  }
  return -1;
}

// The shape of a stored tensor, as it is written.
static bool take_shape(const walker *walk, const Onnx__TensorProto *tensor, bd_graph_value *value) {
  const char *type = bd_element_name(tensor->data_type);
  const char **fixed = bd_arena_take(walk->arena, tensor->n_dims, sizeof *fixed);
  if (!fixed) return false;
  value->said.type = type ? type : "unknown";
  value->said.rank = tensor->n_dims > BD_RANK_MAX ? -1 : (int)tensor->n_dims;
  value->said.dims = tensor->dims;
  value->said.names = fixed;
  value->layer = bd_model_layer_of(walk->model, tensor);
  return true;
}

static bool add_stored(walker *walk, place *where, const char *name,
                       const Onnx__TensorProto *tensor) {
  int index;
  bd_graph_value *value = new_value(walk, where, name, BD_VALUE_STORED, &index);
  return value && (!tensor || take_shape(walk, tensor, value));
}

// What a graph says of a value that it has.
static bool hear(const walker *walk, const place *where, const Onnx__ValueInfoProto *said) {
  int index = (int)(intptr_t)bd_names_get(&where->names, bd_said(said->name)) - 1;
  if (index < 0 || walk->values[index].said.rank >= 0) return true;
  const char *name = walk->values[index].said.name;
  if (!bd_port_read(said, walk->arena, &walk->values[index].said)) return false;
  walk->values[index].said.name = name;
  return true;
}

static bool hear_all(const walker *walk, const place *where, Onnx__ValueInfoProto *const *said,
                     size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!hear(walk, where, said[i])) return false;
  return true;
}

// --- nodes ---------------------------------------------------------------------------------------

static bool visit_graph(walker *walk, const Onnx__GraphProto *graph, place *where);

typedef struct list {
  int *items;
  int count, room;
} list;

static bool append(list *to, int item) {
  if (to->count == to->room) {
    int room = to->room ? 2 * to->room : 8;
    int *grown = reallocarray(to->items, (size_t)room, sizeof *grown);
    if (!grown) return false;
    to->items = grown;
    to->room = room;
  }
  to->items[to->count++] = item;
  return true;
}

// Walks a subgraph; `out` gets the values that it hands back.
static bool visit_branch(walker *walk, const Onnx__GraphProto *graph, const place *parent,
                         const char *branch, list *out) {
  place inside = {parent, branch, {walk->arena, NULL}};
  bool done = branch && visit_graph(walk, graph, &inside);
  for (size_t i = 0; done && i < graph->n_output; i++) {
    int value = find(&inside, bd_said(graph->output[i]->name));
    if (value >= 0) done = append(out, value);
  }
  bd_names_clear(&inside.names);
  return done;
}

static bool visit_branches(walker *walk, const place *where, const Onnx__NodeProto *node,
                           const char *name, list *out) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *said = node->attribute[i];
    const char *attribute = bd_said(said->name);
    if (said->g && !visit_branch(walk, said->g, where,
                                 bd_arena_text(walk->arena, "%s/%s", name, attribute), out))
      return false;
    for (size_t k = 0; k < said->n_graphs; k++)
      if (!visit_branch(walk, said->graphs[k], where,
                        bd_arena_text(walk->arena, "%s/%s_%zu", name, attribute, k), out))
        return false;
  }
  return true;
}

static bool copy_list(const walker *walk, const list *from, const int **to, int *count) {
  int *copy = bd_arena_take(walk->arena, (size_t)from->count, sizeof *copy);
  if (!copy) return false;
  if (from->count) memcpy(copy, from->items, (size_t)from->count * sizeof *copy);
  *to = copy;
  *count = from->count;
  return true;
}

static bool read_inputs(walker *walk, place *where, const Onnx__NodeProto *said,
                        bd_graph_node *node) {
  int *inputs = bd_arena_take(walk->arena, said->n_input, sizeof *inputs);
  if (!inputs) return false;
  for (size_t i = 0; i < said->n_input; i++) {
    const char *name = bd_said(said->input[i]);
    inputs[i] = *name ? find(where, name) : -1;
    if (*name && inputs[i] < 0 && !new_value(walk, where, name, BD_VALUE_LOST, &inputs[i]))
      return false;
  }
  node->inputs = inputs;
  node->input_count = (int)said->n_input;
  return true;
}

static bool make_outputs(walker *walk, place *where, const Onnx__NodeProto *said,
                         bd_graph_node *node) {
  int *outputs = bd_arena_take(walk->arena, said->n_output, sizeof *outputs);
  if (!outputs) return false;
  for (size_t i = 0; i < said->n_output; i++) {
    const char *name = bd_said(said->output[i]);
    outputs[i] = -1;
    if (!*name) continue;
    bd_graph_value *value = new_value(walk, where, name, BD_VALUE_MADE, &outputs[i]);
    if (!value) return false;
    value->maker = walk->node_count;
    value->place = (int)i;
  }
  node->outputs = outputs;
  node->output_count = (int)said->n_output;
  return true;
}

static bool add_node(walker *walk, const bd_graph_node *node) {
  if (walk->node_count == walk->node_room) {
    int room = walk->node_room ? 2 * walk->node_room : 256;
    bd_graph_node *grown = reallocarray(walk->nodes, (size_t)room, sizeof *grown);
    if (!grown) return false;
    walk->nodes = grown;
    walk->node_room = room;
  }
  walk->nodes[walk->node_count++] = *node;
  return true;
}

static bool visit_node(walker *walk, place *where, const Onnx__NodeProto *said, size_t index) {
  const char *op = bd_said(said->op_type), *name = bd_said(said->name);
  if (!*name) name = bd_arena_text(walk->arena, "%s_%zu", op, index);
  bd_graph_node node = {.name = name, .op = op, .branch = where->branch, .key = said};
  list inner = {0};
  bool done = name && read_inputs(walk, where, said, &node) &&
              visit_branches(walk, where, said, name, &inner) &&
              copy_list(walk, &inner, &node.inner, &node.inner_count) &&
              make_outputs(walk, where, said, &node) && list_layers(walk, &node) &&
              add_node(walk, &node);
  free(inner.items);
  return done;
}

static const Onnx__TensorProto *constant_of(const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (node->attribute[i]->t) return node->attribute[i]->t;
  return NULL;
}

static bool visit_nodes(walker *walk, const Onnx__GraphProto *graph, place *where) {
  for (size_t i = 0; i < graph->n_node; i++) {
    const Onnx__NodeProto *node = graph->node[i];
    bool constant = bd_node_is(node, "Constant") && node->n_output == 1;
    bool done = constant ? add_stored(walk, where, bd_said(node->output[0]), constant_of(node))
                         : visit_node(walk, where, node, i);
    if (!done) return false;
  }
  return true;
}

static bool visit_graph(walker *walk, const Onnx__GraphProto *graph, place *where) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (!add_stored(walk, where, bd_said(graph->initializer[i]->name), graph->initializer[i]))
      return false;
  for (size_t i = 0; i < graph->n_input; i++) {
    const char *name = bd_said(graph->input[i]->name);
    int index;
    if (bd_names_get(&where->names, name)) continue; // an initializer, up to IR version 3
    if (!new_value(walk, where, name, BD_VALUE_GIVEN, &index)) return false;
  }
  return visit_nodes(walk, graph, where) && hear_all(walk, where, graph->input, graph->n_input) &&
         hear_all(walk, where, graph->value_info, graph->n_value_info) &&
         hear_all(walk, where, graph->output, graph->n_output);
}

// --- who reads -----------------------------------------------------------------------------------

static const int *operands(const bd_graph_node *node, int index) {
  return index < node->input_count ? &node->inputs[index] : &node->inner[index - node->input_count];
}

// Calls for each value that a node reads: the first time only counting, then noting the node.
static void read_by(const walker *walk, int **readers) {
  for (int n = 0; n < walk->node_count; n++) {
    const bd_graph_node *node = &walk->nodes[n];
    for (int i = 0; i < node->input_count + node->inner_count; i++) {
      int value = *operands(node, i);
      if (value < 0) continue;
      int *count = &walk->values[value].reader_count;
      if (readers && *count && readers[value][*count - 1] == n) continue; // twice in one node
      if (readers) readers[value][*count] = n;
      ++*count;
    }
  }
}

static bool note_readers(walker *walk) {
  int **readers = calloc((size_t)walk->value_count + 1, sizeof(int *));
  if (!readers) return false;
  read_by(walk, NULL);
  bool done = true;
  for (int i = 0; i < walk->value_count && done; i++) {
    bd_graph_value *value = &walk->values[i];
    readers[i] = bd_arena_take(walk->arena, (size_t)value->reader_count, sizeof(int));
    value->readers = readers[i];
    value->reader_count = 0;
    done = readers[i] != NULL;
  }
  if (done) read_by(walk, readers);
  free(readers);
  return done;
}

// --- the whole -----------------------------------------------------------------------------------

static bool note_layers(const walker *walk, const bd_model *model, bd_graph *graph) {
  int layers = bd_model_layer_count(model);
  int *nodes = bd_arena_take(walk->arena, (size_t)layers, sizeof *nodes);
  for (int i = 0; nodes && i < layers; i++)
    nodes[i] = -1;
  for (int n = 0; nodes && n < walk->node_count; n++)
    for (int i = 0; i < walk->nodes[n].layer_count; i++) {
      int layer = walk->nodes[n].layers[i];
      if (nodes[layer] < 0) nodes[layer] = n;
    }
  graph->layer_nodes = nodes;
  return nodes != NULL;
}

static bool walk_all(walker *walk, const bd_model *model, bd_graph *graph) {
  const Onnx__GraphProto *said = bd_model_proto(model)->graph;
  place top = {NULL, "", {walk->arena, NULL}};
  bool done = find_links(walk, model) && visit_graph(walk, said, &top);
  for (size_t i = 0; done && i < said->n_output; i++) {
    int value = find(&top, bd_said(said->output[i]->name));
    if (value >= 0) walk->values[value].output = true;
  }
  bd_names_clear(&top.names);
  return done && note_readers(walk) && note_layers(walk, model, graph);
}

bd_status bd_graph_new(const bd_model *model, bd_graph **out, bd_error *err) {
  bd_graph *graph = calloc(1, sizeof *graph);
  walker walk = {.arena = bd_arena_new(), .model = model};
  bool done = graph && walk.arena && walk_all(&walk, model, graph);
  *out = graph;
  if (graph) {
    graph->nodes = walk.nodes;
    graph->values = walk.values;
    graph->node_count = walk.node_count;
    graph->value_count = walk.value_count;
    graph->memory = walk.arena;
  }
  if (done) return BD_OK;
  if (!graph) bd_arena_free(walk.arena);
  bd_graph_free(graph);
  *out = NULL;
  return bd_fail_memory(err, "the graph");
}

void bd_graph_free(bd_graph *graph) {
  if (!graph) return;
  free((void *)(uintptr_t)graph->nodes);
  free((void *)(uintptr_t)graph->values);
  bd_arena_free(graph->memory);
  free(graph);
}
