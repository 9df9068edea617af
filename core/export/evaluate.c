#include "core/export/evaluate.h"

#include "core/model/decode.h"
#include "core/model/external.h"
#include "core/model/scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bd_constant_free(bd_constant *constant) {
  free(constant->values);
  *constant = (bd_constant){0};
}

static bd_status take(bd_constant *out, const bd_shape *shape, bd_error *err) {
  out->shape = *shape;
  out->values = malloc(((size_t)shape->count + 1) * sizeof *out->values);
  return out->values ? BD_OK : bd_fail_memory(err, "an export that is read back");
}

// --- stored --------------------------------------------------------------------------------------

// Whole numbers of an ONNX type that is no wider than 32 bits, packed from the lowest bit on.
typedef struct integer_type {
  int32_t type;
  unsigned bits;
  bool is_signed;
} integer_type;

static const integer_type integer_types[] = {{2, 8, false},  {3, 8, true},   {4, 16, false},
                                             {6, 32, true},  {21, 4, false}, {22, 4, true},
                                             {25, 2, false}, {26, 2, true}};

static const integer_type *integer_type_of(int32_t type) {
  for (size_t i = 0; i < sizeof integer_types / sizeof *integer_types; i++)
    if (integer_types[i].type == type) return &integer_types[i];
  return NULL;
}

static double unpack(const uint8_t *data, const integer_type *type, size_t place) {
  int64_t value = 0;
  for (unsigned bit = 0; bit < type->bits; bit++) {
    size_t at = place * type->bits + bit;
    value |= (int64_t)(data[at / 8] >> at % 8 & 1) << bit;
  }
  if (type->is_signed && value >> (type->bits - 1)) value -= (int64_t)1 << type->bits;
  return (double)value;
}

static bd_status load_integers(const Onnx__TensorProto *tensor, const integer_type *type,
                               bd_constant *out, bd_error *err) {
  char why[BD_WHY];
  bd_shape shape;
  if (!bd_shape_set(&shape, tensor->dims, tensor->n_dims, why))
    return bd_fail(err, BD_FAILED, "%s: %s", bd_said(tensor->name), why);
  if (!tensor->has_raw_data || tensor->raw_data.len != ((size_t)shape.count * type->bits + 7) / 8)
    return bd_fail(err, BD_FAILED, "%s: holds %zu bytes, its shape asks for others",
                   bd_said(tensor->name), tensor->raw_data.len);
  BD_TRY(take(out, &shape, err));
  for (size_t i = 0; i < (size_t)shape.count; i++)
    out->values[i] = unpack(tensor->raw_data.data, type, i);
  return BD_OK;
}

static bd_status load_floats(const Onnx__TensorProto *tensor, bd_constant *out, bd_error *err) {
  char why[BD_WHY];
  bd_shape shape;
  bd_values values;
  if (!bd_stored_look(&(bd_stored){.tensor = tensor}, &shape, &values, why))
    return bd_fail(err, BD_FAILED, "%s: %s", bd_said(tensor->name), why);
  BD_TRY(take(out, &shape, err));
  float *floats = malloc(((size_t)shape.count + 1) * sizeof *floats);
  // The file is mapped, aligned for nothing.
  void *aligned = malloc(values.count * (values.wide ? sizeof(int32_t) : 8) + 1);
  if (floats && aligned) {
    memcpy(aligned, values.data,
           values.count * (values.wide ? sizeof(int32_t) : bd_dtype_size(values.type)));
    values.data = aligned;
    bd_values_floats(&values, floats);
    for (size_t i = 0; i < values.count; i++)
      out->values[i] = (double)floats[i];
  }
  bool done = floats && aligned;
  free(floats);
  free(aligned);
  return done ? BD_OK : bd_fail_memory(err, "an export that is read back");
}

static bd_status load_longs(const Onnx__TensorProto *tensor, bd_constant *out, bd_error *err) {
  int64_t numbers[BD_RANK_MAX];
  bd_shape shape = {.rank = 1};
  int count = bd_stored_integers(&(bd_stored){.tensor = tensor}, numbers, BD_RANK_MAX);
  if (count < 0) return bd_fail(err, BD_FAILED, "%s: is no shape", bd_said(tensor->name));
  shape.dims[0] = shape.count = count;
  BD_TRY(take(out, &shape, err));
  for (int i = 0; i < count; i++)
    out->values[i] = (double)numbers[i];
  return BD_OK;
}

static bd_status load(const Onnx__TensorProto *tensor, bd_constant *out, bd_error *err) {
  const integer_type *type = integer_type_of(tensor->data_type);
  if (type) return load_integers(tensor, type, out, err);
  if (tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
    return load_longs(tensor, out, err);
  return load_floats(tensor, out, err);
}

// --- nodes ---------------------------------------------------------------------------------------

// A node's constant inputs, at most four.
enum { INPUTS_MAX = 4 };
typedef struct arguments {
  const Onnx__NodeProto *node;
  bd_constant in[INPUTS_MAX];
  size_t count;
} arguments;

static int64_t number_of(const Onnx__NodeProto *node, const char *attribute, int64_t otherwise) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), attribute) == 0) return node->attribute[i]->i;
  return otherwise;
}

// Where the element of `small`, spread over the shape from its last axis on, stands that goes with
// a place; `block` of `axis` divides that axis' places.
static size_t spread(const bd_shape *shape, const bd_shape *small, size_t place, int axis,
                     int64_t block) {
  size_t at = 0, stride = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    int k = i - (shape->rank - small->rank);
    size_t index = place % (size_t)shape->dims[i];
    place /= (size_t)shape->dims[i];
    if (k < 0) break;
    if (i == axis) index /= (size_t)block;
    if (small->dims[k] > 1) at += index * stride;
    stride *= (size_t)small->dims[k];
  }
  return at;
}

// Per tensor (a scalar), per axis (a list), or per block (as many axes as the weights).
static size_t scale_place(const arguments *a, size_t place) {
  const bd_shape *shape = &a->in[0].shape, *scale = &a->in[1].shape;
  int axis = (int)number_of(a->node, "axis", 1);
  int64_t block = number_of(a->node, "block_size", 0);
  if (scale->count == 1) return 0;
  if (block) return spread(shape, scale, place, axis, block);
  for (int i = shape->rank - 1; i > axis; i--)
    place /= (size_t)shape->dims[i];
  return place % (size_t)shape->dims[axis];
}

static bd_status dequantize(const arguments *a, bd_constant *out, bd_error *err) {
  BD_TRY(take(out, &a->in[0].shape, err));
  for (size_t i = 0; i < (size_t)out->shape.count; i++) {
    size_t at = scale_place(a, i);
    double zero = a->count > 2 ? a->in[2].values[at] : 0;
    out->values[i] = (double)(float)((a->in[0].values[i] - zero) * a->in[1].values[at]);
  }
  return BD_OK;
}

// qonnx docs/qonnx-custom-ops/intquant_v1.md
static bd_status quant(const arguments *a, bd_constant *out, bd_error *err) {
  const bd_shape *shape = &a->in[0].shape;
  bool is_signed = number_of(a->node, "signed", 1), narrow = number_of(a->node, "narrow", 0);
  double width = a->count > 3 ? a->in[3].values[0] : 0;
  double high = exp2(width - is_signed) - 1 - (narrow && !is_signed);
  double low = is_signed ? -exp2(width - 1) + narrow : 0;
  BD_TRY(take(out, shape, err));
  for (size_t i = 0; i < (size_t)shape->count; i++) {
    float scale = (float)a->in[1].values[spread(shape, &a->in[1].shape, i, -1, 1)];
    float zero = (float)a->in[2].values[spread(shape, &a->in[2].shape, i, -1, 1)];
    double q = (double)((float)a->in[0].values[i] / scale + zero);
    q = rint(q < low ? low : q > high ? high : q);
    out->values[i] = (double)(((float)q - zero) * scale);
  }
  return BD_OK;
}

static bd_status bipolar(const arguments *a, bd_constant *out, bd_error *err) {
  const bd_shape *shape = &a->in[0].shape;
  BD_TRY(take(out, shape, err));
  for (size_t i = 0; i < (size_t)shape->count; i++) {
    double scale = a->in[1].values[spread(shape, &a->in[1].shape, i, -1, 1)];
    out->values[i] = a->in[0].values[i] >= 0 ? scale : -scale;
  }
  return BD_OK;
}

static bd_status gather(const arguments *a, bd_constant *out, bd_error *err) {
  BD_TRY(take(out, &a->in[1].shape, err));
  for (size_t i = 0; i < (size_t)out->shape.count; i++) {
    double at = a->in[1].values[i];
    if (!(at >= 0 && at < (double)a->in[0].shape.count))
      return bd_fail(err, BD_FAILED, "%s: index %.0f is past the codebook", bd_said(a->node->name),
                     at);
    out->values[i] = a->in[0].values[(size_t)at];
  }
  return BD_OK;
}

static bd_status combine(const arguments *a, bd_constant *out, bd_error *err) {
  bool product = bd_node_is(a->node, "Mul");
  BD_TRY(take(out, &a->in[0].shape, err));
  for (size_t i = 0; i < (size_t)out->shape.count; i++) {
    double one = a->in[0].values[i];
    double other = a->in[1].values[spread(&out->shape, &a->in[1].shape, i, -1, 1)];
    out->values[i] = product ? (double)(float)(one * other) : one + other;
  }
  return BD_OK;
}

static bd_status cast(const arguments *a, bd_constant *out, bd_error *err) {
  bd_dtype type;
  bool rounds = bd_element_dtype((int32_t)number_of(a->node, "to", 0), &type);
  BD_TRY(take(out, &a->in[0].shape, err));
  for (size_t i = 0; i < (size_t)out->shape.count; i++)
    out->values[i] = rounds ? bd_dtype_round(type, a->in[0].values[i]) : a->in[0].values[i];
  return BD_OK;
}

static bd_status reshape(const arguments *a, bd_constant *out, bd_error *err) {
  char why[BD_WHY];
  bd_shape shape;
  int64_t dims[BD_RANK_MAX];
  for (int i = 0; i < (int)a->in[1].shape.count && i < BD_RANK_MAX; i++)
    dims[i] = (int64_t)a->in[1].values[i];
  if (!bd_shape_set(&shape, dims, (size_t)a->in[1].shape.count, why) ||
      shape.count != a->in[0].shape.count)
    return bd_fail(err, BD_FAILED, "%s: reshapes to another size", bd_said(a->node->name));
  BD_TRY(take(out, &shape, err));
  memcpy(out->values, a->in[0].values, (size_t)shape.count * sizeof *out->values);
  return BD_OK;
}

typedef struct operation {
  const char *op;
  size_t inputs; // at least
  bd_status (*run)(const arguments *a, bd_constant *out, bd_error *err);
} operation;

static const operation operations[] = {
    {"DequantizeLinear", 2, dequantize},
    {"Quant", 4, quant},
    {"BipolarQuant", 2, bipolar},
    {"Gather", 2, gather},
    {"Add", 2, combine},
    {"Mul", 2, combine},
    {"Cast", 1, cast},
    {"Reshape", 2, reshape},
};

static bd_status evaluate(const Onnx__GraphProto *graph, const char *name, int depth,
                          bd_constant *out, bd_error *err);

static bd_status run_node(const Onnx__GraphProto *graph, const Onnx__NodeProto *node, int depth,
                          bd_constant *out, bd_error *err) {
  const operation *found = NULL;
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (strcmp(bd_said(node->op_type), operations[i].op) == 0) found = &operations[i];
  if (!found || node->n_input < found->inputs || node->n_input > INPUTS_MAX || depth > 8)
    return bd_fail(err, BD_FAILED, "%s: a %s where weights are expected", bd_said(node->name),
                   bd_said(node->op_type));
  arguments a = {.node = node, .count = node->n_input};
  bd_status status = BD_OK;
  for (size_t i = 0; i < a.count && status == BD_OK; i++)
    status = evaluate(graph, node->input[i], depth + 1, &a.in[i], err);
  if (status == BD_OK) status = found->run(&a, out, err);
  for (size_t i = 0; i < a.count; i++)
    bd_constant_free(&a.in[i]);
  return status;
}

// A Constant node's tensor.
static const Onnx__TensorProto *tensor_of(const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (node->attribute[i]->t) return node->attribute[i]->t;
  return NULL;
}

static bd_status evaluate(const Onnx__GraphProto *graph, const char *name, int depth,
                          bd_constant *out, bd_error *err) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (strcmp(bd_said(graph->initializer[i]->name), name) == 0)
      return load(graph->initializer[i], out, err);
  for (size_t i = 0; i < graph->n_node; i++) {
    const Onnx__NodeProto *node = graph->node[i];
    if (node->n_output == 0 || strcmp(node->output[0], name) != 0) continue;
    if (!bd_node_is(node, "Constant")) return run_node(graph, node, depth, out, err);
    const Onnx__TensorProto *tensor = tensor_of(node);
    return tensor ? load(tensor, out, err)
                  : bd_fail(err, BD_FAILED, "%s: a Constant without a tensor", name);
  }
  return bd_fail(err, BD_FAILED, "%s: is not in the export", name);
}

bd_status bd_constant_of(const Onnx__GraphProto *graph, const char *name, bd_constant *out,
                         bd_error *err) {
  *out = (bd_constant){0};
  bd_status status = evaluate(graph, name, 0, out, err);
  if (status != BD_OK) bd_constant_free(out);
  return status;
}
