#include "core/model/tensor.h"

#include "core/model/external.h"

#include <stdio.h>
#include <string.h>

bool bd_shape_set(bd_shape *shape, const int64_t *dims, size_t rank, char why[BD_WHY]) {
  *shape = (bd_shape){.count = 0};
  if (rank > BD_RANK_MAX) {
    snprintf(why, BD_WHY, "has %zu dimensions: at most %d are handled", rank, BD_RANK_MAX);
    return false;
  }
  bool empty = false;
  int64_t count = 1;
  for (size_t i = 0; i < rank; i++) {
    bool over = dims[i] != 0 && __builtin_mul_overflow(count, dims[i], &count);
    if (dims[i] < 0 || over) {
      snprintf(why, BD_WHY, "dimension %zu is %lld, which cannot be", i, (long long)dims[i]);
      return false;
    }
    empty = empty || dims[i] == 0;
  }
  if (rank) memcpy(shape->dims, dims, rank * sizeof *dims);
  shape->rank = (int)rank;
  shape->count = empty ? 0 : count;
  return true;
}

static bool not_quantized(char why[BD_WHY], const char *type) {
  snprintf(why, BD_WHY, "holds %s values: only floating-point weights are quantized", type);
  return false;
}

// The type of a tensor's values as weights.
static bool look_type(const Onnx__TensorProto *tensor, bd_dtype *type, char why[BD_WHY]) {
  if (bd_element_dtype(tensor->data_type, type)) return true;
  const char *name = bd_element_name(tensor->data_type);
  if (name) return not_quantized(why, name);
  snprintf(why, BD_WHY, "its element type %d is unknown", tensor->data_type);
  return false;
}

// Finds the field that holds the values; returns how many there are in it, in bytes of the type.
static size_t find_data(const Onnx__TensorProto *tensor, bd_values *values) {
  size_t size = bd_dtype_size(values->type);
  values->wide = false;
  if (tensor->has_raw_data) {
    values->data = tensor->raw_data.data;
    return tensor->raw_data.len;
  }
  if (values->type == BD_FLOAT32) {
    values->data = tensor->float_data;
    return size * tensor->n_float_data;
  }
  if (values->type == BD_FLOAT64) {
    values->data = tensor->double_data;
    return size * tensor->n_double_data;
  }
  values->data = tensor->int32_data;
  values->wide = true;
  return size * tensor->n_int32_data;
}

// Stored outside of the model, where it cannot be read.
static bool is_missing(const Onnx__TensorProto *tensor) {
  return bd_is_external(tensor) && !tensor->has_raw_data;
}

static bool look_tensor(const Onnx__TensorProto *tensor, bd_shape *shape, bd_values *values,
                        char why[BD_WHY]) {
  if (!bd_shape_set(shape, tensor->dims, tensor->n_dims, why)) return false;
  if (!look_type(tensor, &values->type, why)) return false;
  if (is_missing(tensor)) {
    snprintf(why, BD_WHY, "its data file cannot be read");
    return false;
  }
  if (tensor->segment) {
    snprintf(why, BD_WHY, "stored in segments, which are not read");
    return false;
  }
  if (shape->count == 0) {
    snprintf(why, BD_WHY, "has no weights: a dimension is 0");
    return false;
  }
  size_t size = bd_dtype_size(values->type), bytes = find_data(tensor, values);
  values->count = (size_t)shape->count;
  if (bytes % size == 0 && bytes / size == values->count) return true;
  snprintf(why, BD_WHY, "holds %zu bytes, its shape asks for %lld values of %zu", bytes,
           (long long)shape->count, size);
  return false;
}

// A Constant node's value_float, value_floats, value_int, …
static bool look_number(const Onnx__AttributeProto *number, bd_shape *shape, bd_values *values,
                        char why[BD_WHY]) {
  bool list = number->name[strlen(number->name) - 1] == 's';
  bool floats = strstr(number->name, "float") != NULL;
  // Only the field that the name stands for counts: a hostile file fills others too.
  int64_t dims[] = {(int64_t)(floats ? number->n_floats : number->n_ints + number->n_strings)};
  if (!bd_shape_set(shape, dims, list ? 1 : 0, why)) return false;
  if (!floats) return not_quantized(why, strstr(number->name, "int") ? "int64" : "string");
  values->type = BD_FLOAT32;
  values->wide = false;
  values->data = list ? number->floats : &number->f;
  values->count = (size_t)shape->count;
  if (shape->count > 0) return true;
  snprintf(why, BD_WHY, "has no weights");
  return false;
}

bool bd_stored_look(const bd_stored *stored, bd_shape *shape, bd_values *values, char why[BD_WHY]) {
  *shape = (bd_shape){.count = 0};
  *values = (bd_values){.count = 0};
  if (stored->tensor) return look_tensor(stored->tensor, shape, values, why);
  if (stored->number) return look_number(stored->number, shape, values, why);
  if (bd_shape_set(shape, stored->sparse->dims, stored->sparse->n_dims, why))
    snprintf(why, BD_WHY, "stored as a sparse tensor, which is not read");
  return false;
}

int bd_stored_integers(const bd_stored *stored, int64_t *out, int max) {
  const Onnx__TensorProto *tensor = stored->tensor;
  const void *data = NULL;
  size_t count = 0;
  if (tensor && tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 && !is_missing(tensor)) {
    data = tensor->has_raw_data ? (const void *)tensor->raw_data.data : tensor->int64_data;
    count = tensor->has_raw_data ? tensor->raw_data.len / sizeof *out : tensor->n_int64_data;
  } else if (stored->number) {
    data = stored->number->ints;
    count = stored->number->n_ints;
  } else {
    return -1;
  }
  if (count > (size_t)max) return -1;
  if (count) memcpy(out, data, count * sizeof *out);
  return (int)count;
}

enum { SOME = 512 }; // values converted at once where each is widened or narrowed besides

static void narrow(const int32_t *from, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i++)
    to[i] = (uint16_t)from[i];
}

void bd_values_floats(const bd_values *values, float *out) {
  if (!values->wide) {
    bd_dtype_to_float(values->type, values->data, values->count, out);
    return;
  }
  const int32_t *from = values->data;
  uint16_t some[SOME];
  for (size_t at = 0; at < values->count; at += SOME) {
    size_t count = values->count - at < SOME ? values->count - at : SOME;
    narrow(from + at, count, some);
    bd_dtype_to_float(values->type, some, count, out + at);
  }
}

void bd_values_pack(const bd_values *values, void *out) {
  if (values->wide)
    narrow(values->data, values->count, out);
  else
    memcpy(out, values->data, values->count * bd_dtype_size(values->type));
}

static void widen(const uint16_t *from, size_t count, int32_t *to) {
  for (size_t i = 0; i < count; i++)
    to[i] = from[i];
}

const void *bd_values_encode(const bd_values *like, const float *from, bd_arena *arena) {
  if (like->type == BD_FLOAT32) return from;
  size_t size = like->wide ? sizeof(int32_t) : bd_dtype_size(like->type);
  void *out = bd_arena_take(arena, like->count, size);
  if (!out || !like->wide) {
    if (out) bd_dtype_from_float(like->type, from, like->count, out);
    return out;
  }
  uint16_t some[SOME];
  for (size_t at = 0; at < like->count; at += SOME) {
    size_t count = like->count - at < SOME ? like->count - at : SOME;
    bd_dtype_from_float(like->type, from + at, count, some);
    widen(some, count, (int32_t *)out + at);
  }
  return out;
}
