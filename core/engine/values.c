#include "core/engine/values.h"

#include "core/model/decode.h"
#include "core/model/proto.h"

#include <stdlib.h>
#include <string.h>

// Where the values of a type stand when they are not raw.
static const void *typed_data(const Onnx__TensorProto *proto, bd_type type, size_t *count,
                              bd_type *stored_as) {
  switch (type) {
  case BD_TYPE_FLOAT:
    *count = proto->n_float_data;
    *stored_as = BD_TYPE_FLOAT;
    return proto->float_data;
  case BD_TYPE_DOUBLE:
    *count = proto->n_double_data;
    *stored_as = BD_TYPE_DOUBLE;
    return proto->double_data;
  case BD_TYPE_INT64:
    *count = proto->n_int64_data;
    *stored_as = BD_TYPE_INT64;
    return proto->int64_data;
  case BD_TYPE_UINT32:
  case BD_TYPE_UINT64:
    *count = proto->n_uint64_data;
    *stored_as = BD_TYPE_UINT64;
    return proto->uint64_data;
  default:
    *count = proto->n_int32_data;
    *stored_as = BD_TYPE_INT32;
    return proto->int32_data;
  }
}

static bd_status misfit(const char *name, const bd_tensor *tensor, size_t found, bd_error *err) {
  char text[128];
  return bd_fail(err, BD_INVALID, "tensor %s: is %s but stores %zu bytes: the model is damaged",
                 name, bd_tensor_text(tensor, text, sizeof text), found);
}

// 16-bit reals are stored as patterns, one in each int32.
static void copy_typed(const bd_tensor *tensor, bd_type stored_as, const void *from, void *to) {
  bool pattern = tensor->type == BD_TYPE_FLOAT16 || tensor->type == BD_TYPE_BFLOAT16;
  bd_convert(stored_as, from, pattern ? BD_TYPE_UINT16 : tensor->type, to, tensor->count);
}

static bd_status take_typed(const Onnx__TensorProto *proto, const char *name, bd_tensor *out,
                            void **owned, bd_error *err) {
  size_t count;
  bd_type stored_as;
  const void *from = typed_data(proto, out->type, &count, &stored_as);
  if (count != (size_t)out->count) return misfit(name, out, count * bd_type_size(stored_as), err);
  if (stored_as == out->type) {
    out->data = (void *)(uintptr_t)from;
    return BD_OK;
  }
  *owned = out->data = malloc(bd_tensor_bytes(out));
  if (!out->data) return bd_fail_memory(err, name);
  copy_typed(out, stored_as, from, out->data);
  return BD_OK;
}

static bool all_bools(const uint8_t *data, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (data[i] > 1) return false;
  return true;
}

// Memory of their own for values that have none.
static bd_status own(bd_tensor *tensor, const char *name, void **owned, bd_error *err) {
  if (*owned) return BD_OK;
  *owned = malloc(bd_tensor_bytes(tensor));
  if (!*owned) return bd_fail_memory(err, name);
  memcpy(*owned, tensor->data, bd_tensor_bytes(tensor));
  tensor->data = *owned;
  return BD_OK;
}

static bd_status take_raw(const bd_model *model, const Onnx__TensorProto *proto, const char *name,
                          bd_tensor *out, void **owned, bd_error *err) {
  size_t bytes = bd_tensor_bytes(out);
  if (proto->raw_data.len != bytes) return misfit(name, out, proto->raw_data.len, err);
  const void *data = proto->raw_data.data;
  if (model) BD_TRY(bd_model_raw(model, proto, &data, owned, err));
  out->data = (void *)(uintptr_t)data;
  bool aligned = (uintptr_t)data % bd_type_size(out->type) == 0;
  bool sound = out->type != BD_TYPE_BOOL || all_bools(data, bytes);
  if (aligned && sound) return BD_OK;
  BD_TRY(own(out, name, owned, err));
  for (size_t i = 0; !sound && i < bytes; i++)
    ((uint8_t *)*owned)[i] = ((uint8_t *)*owned)[i] != 0;
  return BD_OK;
}

// External tensors without raw data: their model knows why.
static bd_status missing(const bd_model *model, const Onnx__TensorProto *proto, const char *name,
                         bd_error *err) {
  const void *data;
  void *owned;
  if (model) return bd_model_raw(model, proto, &data, &owned, err);
  return bd_fail(err, BD_INVALID, "tensor %s: stored in another file, which is not read", name);
}

bd_status bd_values_shape(const Onnx__TensorProto *proto, const char *name, bd_tensor *out,
                          bd_error *err) {
  *out = (bd_tensor){0};
  int32_t number = proto->data_type;
  bd_type type = number > 0 && number <= BD_TYPE_BFLOAT16 ? (bd_type)number : BD_TYPE_NONE;
  if (!bd_type_size(type))
    return bd_fail(err, BD_INVALID, "tensor %s: of type %s, which cannot be run", name,
                   bd_type_name((bd_type)number));
  if (proto->n_dims <= BD_DIMS_MAX && bd_tensor_shape(out, type, (int)proto->n_dims, proto->dims))
    return BD_OK;
  return bd_fail(err, BD_INVALID, "tensor %s: has an impossible shape: the model is damaged", name);
}

bd_status bd_values_of_proto(const bd_model *model, const Onnx__TensorProto *proto,
                             const char *name, bd_tensor *out, void **owned, bd_error *err) {
  *owned = NULL;
  BD_TRY(bd_values_shape(proto, name, out, err));
  bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  if (external && (!proto->has_raw_data || !model)) return missing(model, proto, name, err);
  if (out->count == 0) {
    out->data = (void *)(uintptr_t)bd_nothing;
    return BD_OK;
  }
  return proto->has_raw_data ? take_raw(model, proto, name, out, owned, err)
                             : take_typed(proto, name, out, owned, err);
}

static const Onnx__AttributeProto *find(const Onnx__NodeProto *node, const char *name) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), name) == 0) return node->attribute[i];
  return NULL;
}

static bd_status take_list(bd_type type, const void *data, size_t count, int rank, bd_tensor *out) {
  int64_t dims[] = {(int64_t)count};
  bd_tensor_shape(out, type, rank, dims);
  out->data = (void *)(uintptr_t)(count ? data : bd_nothing);
  return BD_OK;
}

bd_status bd_values_of_constant(const bd_model *model, const Onnx__NodeProto *node, bd_tensor *out,
                                const Onnx__TensorProto **stored, void **owned, bd_error *err) {
  const char *name = node->n_output ? bd_said(node->output[0]) : "";
  const Onnx__AttributeProto *said;
  *owned = NULL;
  *stored = NULL;
  if ((said = find(node, "value")) && said->t) {
    *stored = said->t;
    return bd_values_of_proto(model, said->t, name, out, owned, err);
  }
  if ((said = find(node, "value_float"))) return take_list(BD_TYPE_FLOAT, &said->f, 1, 0, out);
  if ((said = find(node, "value_int"))) return take_list(BD_TYPE_INT64, &said->i, 1, 0, out);
  if ((said = find(node, "value_floats")))
    return take_list(BD_TYPE_FLOAT, said->floats, said->n_floats, 1, out);
  if ((said = find(node, "value_ints")))
    return take_list(BD_TYPE_INT64, said->ints, said->n_ints, 1, out);
  return bd_fail(err, BD_INVALID,
                 "Constant %s: holds strings, a sparse tensor or nothing: cannot be run", name);
}
