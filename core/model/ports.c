#include "core/model/ports.h"

#include "core/model/decode.h"
#include "core/model/dtype.h"
#include "core/model/names.h"

static const char *type_name(const Onnx__TypeProto *type) {
  switch (type ? type->value_case : ONNX__TYPE_PROTO__VALUE__NOT_SET) {
  case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE: {
    const char *name = bd_element_name(type->tensor_type->elem_type);
    return name ? name : "unknown";
  }
  case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
    return "sequence";
  case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
    return "map";
  case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
    return "optional";
  case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
    return "sparse tensor";
  default:
    return "unknown";
  }
}

// A dimension below zero is what some exporters write for a dynamic one.
static void read_dimension(const Onnx__TensorShapeProto__Dimension *said, int64_t *dim,
                           const char **name) {
  bool fixed = said->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
               said->dim_value >= 0;
  bool named = said->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
  *dim = fixed ? said->dim_value : -1;
  *name = fixed ? NULL : named ? bd_said(said->dim_param) : "";
}

static bool read_shape(const Onnx__TensorShapeProto *said, bd_arena *arena, bd_port *port) {
  int64_t *dims = bd_arena_take(arena, said->n_dim, sizeof *dims);
  const char **names = bd_arena_take(arena, said->n_dim, sizeof *names);
  if (!dims || !names) return false;
  for (size_t i = 0; i < said->n_dim; i++)
    read_dimension(said->dim[i], &dims[i], &names[i]);
  port->rank = (int)said->n_dim;
  port->dims = dims;
  port->names = names;
  return true;
}

bool bd_port_read(const Onnx__ValueInfoProto *said, bd_arena *arena, bd_port *port) {
  const Onnx__TypeProto *type = said->type;
  port->name = bd_said(said->name);
  port->type = type_name(type);
  port->rank = -1;
  bool tensor = type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  if (!tensor || !type->tensor_type->shape) return true;
  return read_shape(type->tensor_type->shape, arena, port);
}

// All but those that `without` names.
static bool read_ports(Onnx__ValueInfoProto *const *said, size_t count, const bd_names *without,
                       const bd_port **out, int *out_count) {
  bd_port *ports = bd_arena_take(without->arena, count, sizeof *ports);
  if (!ports) return false;
  int kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (bd_names_get(without, bd_said(said[i]->name))) continue;
    if (!bd_port_read(said[i], without->arena, &ports[kept++])) return false;
  }
  *out = ports;
  *out_count = kept;
  return true;
}

static bool note_initializers(const Onnx__GraphProto *graph, bd_names *names) {
  for (size_t i = 0; i < graph->n_initializer; i++) {
    void **place = bd_names_place(names, bd_said(graph->initializer[i]->name));
    if (!place) return false;
    *place = graph->initializer[i];
  }
  return true;
}

bool bd_ports_list(const Onnx__GraphProto *graph, bd_arena *arena, bd_model_info *info) {
  bd_names initializers = {arena, NULL}, none = {arena, NULL};
  bool done =
      note_initializers(graph, &initializers) &&
      read_ports(graph->input, graph->n_input, &initializers, &info->inputs, &info->input_count) &&
      read_ports(graph->output, graph->n_output, &none, &info->outputs, &info->output_count);
  bd_names_clear(&initializers);
  return done;
}
