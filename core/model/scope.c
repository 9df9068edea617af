#include "core/model/scope.h"

#include "core/model/decode.h"

#include <string.h>

bd_value *bd_scope_find(const bd_scope *scope, const char *name) {
  for (; *name && scope; scope = scope->parent) {
    bd_value *value = bd_names_get(&scope->names, name);
    if (value) return value;
  }
  return NULL;
}

static bool bind(bd_scope *scope, const char *name, bd_value *value) {
  void **place = bd_names_place(&scope->names, name);
  if (place && !*place) *place = value; // in a valid graph a name is bound once
  return place != NULL;
}

bd_value *bd_scope_make(bd_scope *scope, const char *name, bd_origin origin) {
  bd_value *value = bd_arena_take(scope->names.arena, 1, sizeof *value);
  if (!value || !bind(scope, name, value)) return NULL;
  value->name = name;
  value->scope = scope;
  value->origin = origin;
  return value;
}

static bool bind_stored(bd_scope *scope, const char *name, bd_stored stored) {
  bd_value *value = bd_scope_make(scope, name, BD_FROM_FILE);
  if (value) value->stored = stored;
  return value != NULL;
}

bool bd_scope_enter(bd_scope *scope, const Onnx__GraphProto *graph) {
  // Initializers first: up to IR version 3 each is an input too.
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (!bind_stored(scope, bd_said(graph->initializer[i]->name),
                     (bd_stored){.tensor = graph->initializer[i]}))
      return false;
  for (size_t i = 0; i < graph->n_sparse_initializer; i++) {
    const Onnx__SparseTensorProto *sparse = graph->sparse_initializer[i];
    const char *name = sparse->values ? bd_said(sparse->values->name) : "";
    if (!bind_stored(scope, name, (bd_stored){.sparse = sparse})) return false;
  }
  for (size_t i = 0; i < graph->n_input; i++) {
    bd_value *value = bd_scope_make(scope, bd_said(graph->input[i]->name), BD_FROM_INPUT);
    if (!value) return false;
    value->port = graph->input[i];
  }
  return true;
}

bool bd_node_is(const Onnx__NodeProto *node, const char *op) {
  const char *domain = bd_said(node->domain);
  return strcmp(bd_said(node->op_type), op) == 0 &&
         (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0);
}

static bool is_one_of(const Onnx__NodeProto *node, const char *const *ops) {
  while (*ops && !bd_node_is(node, *ops))
    ops++;
  return *ops != NULL;
}

// The values are the same, in another shape or type.
static bool reshapes(const Onnx__NodeProto *node) {
  static const char *const ops[] = {"Identity", "Cast",      "Squeeze", "Unsqueeze",
                                    "Reshape",  "Transpose", NULL};
  return is_one_of(node, ops);
}

// What a Constant node stores; false where its attributes say nothing that is known.
static bool constant_stored(const Onnx__NodeProto *node, bd_stored *stored) {
  static const char *const numbers[] = {"value_float", "value_floats", "value_int",
                                        "value_ints",  "value_string", "value_strings"};
  *stored = (bd_stored){0};
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->attribute[i];
    const char *name = bd_said(attribute->name);
    if (strcmp(name, "value") == 0) stored->tensor = attribute->t;
    if (strcmp(name, "sparse_value") == 0) stored->sparse = attribute->sparse_tensor;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
      if (strcmp(name, numbers[k]) == 0) stored->number = attribute;
    if (stored->tensor || stored->sparse || stored->number) return true;
  }
  return false;
}

// Nothing but constants goes in, and the operator neither draws random numbers nor holds a graph
// (whose own names may depend on the run).
static bool computes_constants(const bd_scope *scope, const Onnx__NodeProto *node) {
  static const char *const random[] = {"RandomNormalLike", "RandomUniformLike", "Multinomial",
                                       "Bernoulli", NULL};
  if (is_one_of(node, random)) return false;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (node->attribute[i]->g || node->attribute[i]->n_graphs) return false;
  bool any = false;
  for (size_t i = 0; i < node->n_input; i++) {
    if (!*node->input[i]) continue;
    const bd_value *value = bd_scope_find(scope, node->input[i]);
    if (!value || value->origin < BD_FROM_CONSTANTS) return false;
    any = true;
  }
  return any;
}

static bool bind_outputs(bd_scope *scope, const Onnx__NodeProto *node, bd_origin origin,
                         const bd_stored *stored) {
  const bd_value *argument = node->n_input ? bd_scope_find(scope, node->input[0]) : NULL;
  for (size_t i = 0; i < node->n_output; i++) {
    bd_value *value = bd_scope_make(scope, node->output[i], origin);
    if (!value) return false;
    value->node = node;
    value->argument = argument;
    value->stored = *stored;
  }
  return true;
}

bool bd_scope_run(bd_scope *scope, const Onnx__NodeProto *node) {
  bd_stored stored = {0};
  if (bd_node_is(node, "Constant") && constant_stored(node, &stored))
    return bind_outputs(scope, node, BD_FROM_FILE, &stored);
  bd_value *first = node->n_input ? bd_scope_find(scope, node->input[0]) : NULL;
  if (first && first->origin >= BD_FROM_CONSTANTS && node->n_output && reshapes(node))
    return bind(scope, node->output[0], first);
  bool constant = computes_constants(scope, node);
  return bind_outputs(scope, node, constant ? BD_FROM_CONSTANTS : BD_FROM_RUN, &stored);
}
