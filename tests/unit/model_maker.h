// Small ONNX models for the tests, built from the schema's own structs in one arena.
#ifndef BD_TESTS_MODEL_MAKER_H
#define BD_TESTS_MODEL_MAKER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/model/arena.h"
#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void *make(bd_arena *arena, size_t count, size_t size) {
  void *fresh = bd_arena_take(arena, count, size);
  assert_non_null(fresh);
  return fresh;
}

// A longer copy of a list of pointers, with one more at its end.
static inline void *make_longer(bd_arena *arena, void *list, size_t *count, void *item) {
  void **longer = make(arena, *count + 1, sizeof item);
  if (list && *count) memcpy(longer, list, *count * sizeof item);
  memcpy(&longer[(*count)++], &item, sizeof item);
  return longer;
}

// Splits "a b  c" into words; "-" stands for an empty name.
static inline char **make_words(bd_arena *arena, const char *text, size_t *count) {
  char **words = NULL;
  char *copy = bd_arena_text(arena, "%s", text), *rest = NULL;
  *count = 0;
  for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    if (strcmp(word, "-") == 0) *word = '\0';
    words = make_longer(arena, words, count, word);
  }
  return words;
}

static inline Onnx__GraphProto *make_graph(bd_arena *arena) {
  Onnx__GraphProto *graph = make(arena, 1, sizeof *graph);
  onnx__graph_proto__init(graph);
  graph->name = bd_arena_text(arena, "g");
  return graph;
}

static inline Onnx__ModelProto *make_model(bd_arena *arena) {
  Onnx__ModelProto *model = make(arena, 1, sizeof *model);
  onnx__model_proto__init(model);
  model->has_ir_version = 1;
  model->ir_version = 8;
  Onnx__OperatorSetIdProto *opset = make(arena, 1, sizeof *opset);
  onnx__operator_set_id_proto__init(opset);
  opset->has_version = 1;
  opset->version = 13;
  model->opset_import = make_longer(arena, NULL, &model->n_opset_import, opset);
  model->graph = make_graph(arena);
  return model;
}

// A node; name NULL: none.
static inline Onnx__NodeProto *make_node(bd_arena *arena, Onnx__GraphProto *graph, const char *op,
                                         const char *name, const char *inputs,
                                         const char *outputs) {
  Onnx__NodeProto *node = make(arena, 1, sizeof *node);
  onnx__node_proto__init(node);
  node->op_type = bd_arena_text(arena, "%s", op);
  if (name) node->name = bd_arena_text(arena, "%s", name);
  node->input = make_words(arena, inputs, &node->n_input);
  node->output = make_words(arena, outputs, &node->n_output);
  graph->node = make_longer(arena, graph->node, &graph->n_node, node);
  return node;
}

static inline Onnx__AttributeProto *make_attribute(bd_arena *arena, Onnx__NodeProto *node,
                                                   const char *name,
                                                   Onnx__AttributeProto__AttributeType type) {
  Onnx__AttributeProto *attribute = make(arena, 1, sizeof *attribute);
  onnx__attribute_proto__init(attribute);
  attribute->name = bd_arena_text(arena, "%s", name);
  attribute->has_type = 1;
  attribute->type = type;
  node->attribute = make_longer(arena, node->attribute, &node->n_attribute, attribute);
  return attribute;
}

// A branch of a node: a fresh graph under an attribute.
static inline Onnx__GraphProto *make_branch(bd_arena *arena, Onnx__NodeProto *node,
                                            const char *name) {
  Onnx__AttributeProto *attribute =
      make_attribute(arena, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
  attribute->g = make_graph(arena);
  return attribute->g;
}

// A tensor without values; dims as "2 3".
static inline Onnx__TensorProto *make_tensor(bd_arena *arena, const char *name, int32_t type,
                                             const char *dims) {
  Onnx__TensorProto *tensor = make(arena, 1, sizeof *tensor);
  onnx__tensor_proto__init(tensor);
  tensor->name = bd_arena_text(arena, "%s", name);
  tensor->has_data_type = 1;
  tensor->data_type = type;
  size_t rank;
  char **words = make_words(arena, dims, &rank);
  tensor->n_dims = rank;
  tensor->dims = make(arena, rank, sizeof *tensor->dims);
  for (size_t i = 0; i < rank; i++)
    tensor->dims[i] = strtoll(words[i], NULL, 10);
  return tensor;
}

static inline void make_raw(Onnx__TensorProto *tensor, const void *data, size_t size) {
  tensor->has_raw_data = 1;
  tensor->raw_data = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
}

static inline Onnx__TensorProto *make_initializer(bd_arena *arena, Onnx__GraphProto *graph,
                                                  Onnx__TensorProto *tensor) {
  graph->initializer = make_longer(arena, graph->initializer, &graph->n_initializer, tensor);
  return tensor;
}

// A float32 initializer with values 0, 1, 2, … as raw data.
static inline Onnx__TensorProto *make_weight(bd_arena *arena, Onnx__GraphProto *graph,
                                             const char *name, const char *dims) {
  Onnx__TensorProto *tensor = make_tensor(arena, name, 1, dims);
  size_t count = 1;
  for (size_t i = 0; i < tensor->n_dims; i++)
    count *= (size_t)tensor->dims[i];
  float *values = make(arena, count, sizeof *values);
  for (size_t i = 0; i < count; i++)
    values[i] = (float)i;
  make_raw(tensor, values, count * sizeof *values);
  return make_initializer(arena, graph, tensor);
}

static inline Onnx__ValueInfoProto *make_port(bd_arena *arena, const char *name) {
  Onnx__ValueInfoProto *port = make(arena, 1, sizeof *port);
  onnx__value_info_proto__init(port);
  port->name = bd_arena_text(arena, "%s", name);
  return port;
}

static inline void make_input(bd_arena *arena, Onnx__GraphProto *graph, const char *name) {
  graph->input = make_longer(arena, graph->input, &graph->n_input, make_port(arena, name));
}

// The model as bytes.
static inline bd_bytes make_bytes(bd_arena *arena, const Onnx__ModelProto *model) {
  size_t size = onnx__model_proto__get_packed_size(model);
  uint8_t *data = make(arena, size, 1);
  assert_int_equal(onnx__model_proto__pack(model, data), size);
  return (bd_bytes){data, size};
}

// A path for a file of this test program; it is overwritten by the next one.
static inline const char *make_path(void) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/bitdial-model-%d.onnx", (int)getpid());
  return path;
}

// Writes bytes and opens them as a model; the file is removed.
static inline bd_status make_open(bd_bytes bytes, bd_model **out, bd_error *err) {
  const char *path = make_path();
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  if (bytes.size) assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
  fclose(file);
  bd_status status = bd_model_open(path, out, err);
  unlink(path);
  return status;
}

static inline bd_model *make_opened(bd_arena *arena, const Onnx__ModelProto *model) {
  bd_model *opened;
  bd_error err = {""};
  bd_status status = make_open(make_bytes(arena, model), &opened, &err);
  if (status != BD_OK) fail_msg("%s", err.text);
  return opened;
}

#endif
