#include "core/model/shift.h"

#include "core/model/proto.h"

#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1 };

// --- the graph -----------------------------------------------------------------------------------

static bool is_taken(const Onnx__GraphProto *graph, const char *name) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (strcmp(graph->initializer[i]->name, name) == 0) return true;
  for (size_t i = 0; i < graph->n_input; i++)
    if (strcmp(graph->input[i]->name, name) == 0) return true;
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_output; k++)
      if (strcmp(graph->node[i]->output[k], name) == 0) return true;
  return false;
}

static char *fresh_name(const bd_shifting *job, const Onnx__GraphProto *graph, const char *stem,
                        const char *what) {
  char *name = bd_arena_text(job->arena, "%s_%s", stem, what);
  for (int number = 2; name && is_taken(graph, name); number++)
    name = bd_arena_text(job->arena, "%s_%s_%d", stem, what, number);
  return name;
}

// A longer list of nodes with one more at a place.
static bool insert(const bd_shifting *job, Onnx__GraphProto *graph, size_t at,
                   Onnx__NodeProto *node) {
  size_t count = graph->n_node;
  Onnx__NodeProto **longer = bd_arena_take(job->arena, count + 1, sizeof *longer);
  if (!longer || !node) return false;
  memcpy(longer, graph->node, at * sizeof *longer);
  longer[at] = node;
  memcpy(longer + at + 1, graph->node + at, (count - at) * sizeof *longer);
  graph->node = longer;
  graph->n_node = count + 1;
  return true;
}

static Onnx__NodeProto *new_node(const bd_shifting *job, const char *op, size_t inputs,
                                 char *output) {
  Onnx__NodeProto *node = bd_arena_take(job->arena, 1, sizeof *node);
  char **names = bd_arena_take(job->arena, inputs + 1, sizeof *names);
  if (!node || !names || !output) return NULL;
  onnx__node_proto__init(node);
  node->op_type = bd_arena_text(job->arena, "%s", op);
  node->name = output;
  node->input = names;
  node->n_input = inputs;
  node->output = names + inputs;
  node->n_output = 1;
  node->output[0] = output;
  return node->op_type ? node : NULL;
}

static void *raw_floats(const bd_shifting *job, const double *values, int64_t count) {
  float *out = bd_arena_take(job->arena, (size_t)count, sizeof *out);
  for (int64_t i = 0; out && i < count; i++)
    out[i] = (float)values[i];
  return out;
}

// A Constant in front of everything: `count` values, and `ones` dimensions of 1 behind.
static char *add_constant(const bd_shifting *job, Onnx__GraphProto *graph, const char *stem,
                          const double *values, int64_t count, int ones) {
  char *name = fresh_name(job, graph, stem, "shift");
  Onnx__NodeProto *node = new_node(job, "Constant", 0, name);
  Onnx__AttributeProto *attribute = bd_arena_take(job->arena, 1, sizeof *attribute);
  Onnx__AttributeProto **list = bd_arena_take(job->arena, 1, sizeof *list);
  Onnx__TensorProto *tensor = bd_arena_take(job->arena, 1, sizeof *tensor);
  int64_t *dims = bd_arena_take(job->arena, (size_t)ones + 1, sizeof *dims);
  void *raw = raw_floats(job, values, count);
  if (!node || !attribute || !list || !tensor || !dims || !raw) return NULL;
  onnx__tensor_proto__init(tensor);
  onnx__attribute_proto__init(attribute);
  dims[0] = count;
  for (int i = 1; i <= ones; i++)
    dims[i] = 1;
  tensor->dims = dims;
  tensor->n_dims = (size_t)ones + 1;
  tensor->has_data_type = 1;
  tensor->data_type = FLOAT;
  tensor->has_raw_data = 1;
  tensor->raw_data = (ProtobufCBinaryData){(size_t)count * sizeof(float), raw};
  attribute->name = bd_arena_text(job->arena, "value");
  attribute->has_type = 1;
  attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
  attribute->t = tensor;
  list[0] = attribute;
  node->attribute = list;
  node->n_attribute = 1;
  return attribute->name && insert(job, graph, 0, node) ? name : NULL;
}

// --- biases that are there -----------------------------------------------------------------------

static int readers_in(const Onnx__GraphProto *graph, const char *name);

static int readers_of(const Onnx__NodeProto *node, const char *name) {
  int count = 0;
  for (size_t k = 0; k < node->n_input; k++)
    count += strcmp(node->input[k], name) == 0;
  for (size_t k = 0; k < node->n_attribute; k++) {
    if (node->attribute[k]->g) count += readers_in(node->attribute[k]->g, name);
    for (size_t g = 0; g < node->attribute[k]->n_graphs; g++)
      count += readers_in(node->attribute[k]->graphs[g], name);
  }
  return count;
}

// Those in its subgraphs, and outputs, count as well.
static int readers_in(const Onnx__GraphProto *graph, const char *name) {
  int count = 0;
  for (size_t i = 0; i < graph->n_node; i++)
    count += readers_of(graph->node[i], name);
  for (size_t i = 0; i < graph->n_output; i++)
    count += strcmp(graph->output[i]->name, name) == 0;
  return count;
}

// The bias as an initializer of this graph that nobody else reads; -1: there is no such.
static int own_bias(const Onnx__GraphProto *graph, const char *name, int64_t count) {
  for (size_t i = 0; i < graph->n_initializer; i++) {
    const Onnx__TensorProto *tensor = graph->initializer[i];
    if (strcmp(tensor->name, name) != 0) continue;
    bool fits = tensor->data_type == FLOAT && tensor->n_dims == 1 && tensor->dims[0] == count;
    return fits && readers_in(graph, name) == 1 ? (int)i : -1;
  }
  return -1;
}

static bd_status change_bias(const bd_shifting *job, const Onnx__TensorProto *original,
                             Onnx__TensorProto *copy, const double *values, int64_t count) {
  const void *raw = NULL;
  void *owned = NULL;
  size_t bytes = (size_t)count * sizeof(float);
  if (original->has_raw_data)
    BD_TRY(bd_model_raw(job->model, original, &raw, &owned, job->err));
  else if (original->n_float_data == (size_t)count)
    raw = original->float_data;
  float *sums = bd_arena_take(job->arena, (size_t)count, sizeof *sums);
  bool fits = raw && (!original->has_raw_data || original->raw_data.len == bytes);
  if (sums && fits) memcpy(sums, raw, bytes);
  free(owned);
  if (!sums) return bd_fail_memory(job->err, original->name);
  if (!fits)
    return bd_fail(job->err, BD_INVALID, "tensor %s: its data do not fit its shape",
                   bd_said(original->name));
  for (int64_t i = 0; i < count; i++)
    sums[i] = (float)((double)sums[i] + values[i]);
  copy->n_float_data = 0;
  copy->float_data = NULL;
  copy->n_external_data = 0;
  copy->has_data_location = 0;
  copy->has_raw_data = 1;
  copy->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)sums};
  return BD_OK;
}

// --- what is added -------------------------------------------------------------------------------

static double beta_of(const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(node->attribute[i]->name, "beta") == 0) return (double)node->attribute[i]->f;
  return 1;
}

static bool add_input(const bd_shifting *job, Onnx__NodeProto *node, char *bias) {
  char **inputs = bd_arena_take(job->arena, 3, sizeof *inputs);
  if (!inputs || !bias) return false;
  memcpy(inputs, node->input, 2 * sizeof *inputs);
  inputs[2] = bias;
  node->input = inputs;
  node->n_input = 3;
  return true;
}

// The node's result gets another name, and an Add makes the old one of it.
static bool add_after(const bd_shifting *job, const Onnx__GraphProto *original,
                      Onnx__GraphProto *copy, const Onnx__NodeProto *asked, const double *values,
                      int64_t count, int ones) {
  size_t at = 0;
  char *result = asked->output[0];
  char *shift = add_constant(job, copy, result, values, count, ones);
  char *before = fresh_name(job, original, result, "unshifted");
  Onnx__NodeProto *add = new_node(job, "Add", 2, result);
  char **outputs = bd_arena_take(job->arena, asked->n_output, sizeof *outputs);
  if (!shift || !before || !add || !outputs) return false;
  add->input[0] = before;
  add->input[1] = shift;
  add->name = fresh_name(job, original, result, "add");
  while (copy->node[at] != asked)
    at++;
  memcpy(outputs, asked->output, asked->n_output * sizeof *outputs);
  outputs[0] = before;
  copy->node[at]->output = outputs;
  return add->name && insert(job, copy, at + 1, add);
}

bd_status bd_shift_node(const bd_shifting *job, const bd_found *layer, const double *values,
                        int64_t count, const Onnx__GraphProto *original, Onnx__GraphProto *copy,
                        size_t node) {
  Onnx__NodeProto *asked = copy->node[node];
  bool product = strcmp(asked->op_type, "MatMul") == 0;
  bool biased = asked->n_input > 2 && *asked->input[2];
  if (biased && beta_of(asked) == 1) {
    int bias = own_bias(original, asked->input[2], count);
    if (bias >= 0)
      return change_bias(job, original->initializer[bias], copy->initializer[bias], values, count);
  }
  bool fine;
  if (!product && !biased && beta_of(asked) == 1) {
    fine = add_input(job, asked, add_constant(job, copy, asked->output[0], values, count, 0));
  } else {
    bool first = product && strcmp(asked->input[0], layer->value->name) == 0;
    bool conv = strncmp(asked->op_type, "Conv", 4) == 0;
    int ones = conv ? layer->shown.rank - 2 : first;
    if (conv && layer->shown.channel_axis < 0)
      return bd_fail(job->err, BD_INVALID, "node %s: cannot be given a bias", bd_said(asked->name));
    fine = add_after(job, original, copy, asked, values, count, ones);
  }
  return fine ? BD_OK : bd_fail_memory(job->err, layer->shown.tensor);
}
