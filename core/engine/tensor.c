#include "core/engine/tensor.h"

#include "core/model/dtype.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char bd_nothing[16] = {0};

enum { SOME = 512 }; // elements converted at once

typedef union wide_some {
  float floats[SOME];
  double doubles[SOME];
  int64_t integers[SOME];
  uint64_t naturals[SOME];
} wide_some;

const char *bd_type_name(bd_type type) {
  const char *name = bd_element_name((int32_t)type);
  return name ? name : "unknown type";
}

size_t bd_type_size(bd_type type) {
  switch (type) {
  case BD_TYPE_UINT8:
  case BD_TYPE_INT8:
  case BD_TYPE_BOOL:
    return 1;
  case BD_TYPE_UINT16:
  case BD_TYPE_INT16:
  case BD_TYPE_FLOAT16:
  case BD_TYPE_BFLOAT16:
    return 2;
  case BD_TYPE_FLOAT:
  case BD_TYPE_INT32:
  case BD_TYPE_UINT32:
    return 4;
  case BD_TYPE_DOUBLE:
  case BD_TYPE_INT64:
  case BD_TYPE_UINT64:
    return 8;
  case BD_TYPE_NONE:
    break;
  }
  return 0;
}

bool bd_type_is_real(bd_type type) {
  return type == BD_TYPE_FLOAT || type == BD_TYPE_DOUBLE || type == BD_TYPE_FLOAT16 ||
         type == BD_TYPE_BFLOAT16;
}

bool bd_tensor_shape(bd_tensor *tensor, bd_type type, int rank, const int64_t *dims) {
  *tensor = (bd_tensor){.type = type, .rank = rank, .count = 1};
  if (rank < 0 || rank > BD_DIMS_MAX) return false;
  int64_t largest = 1; // the product without the zeros: what strides are made of
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0) return false;
    tensor->dims[i] = dims[i];
    if (dims[i] && __builtin_mul_overflow(largest, dims[i], &largest)) return false;
    if (largest > INT64_MAX / 16) return false;
  }
  for (int i = 0; i < rank; i++)
    tensor->count *= dims[i]; // at most `largest`: none overflows
  return true;
}

size_t bd_tensor_bytes(const bd_tensor *tensor) {
  return (size_t)tensor->count * bd_type_size(tensor->type);
}

bool bd_tensor_same_shape(const bd_tensor *a, const bd_tensor *b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

char *bd_tensor_text(const bd_tensor *tensor, char *out, size_t size) {
  size_t at = (size_t)snprintf(out, size, "%s[", bd_type_name(tensor->type));
  for (int i = 0; i < tensor->rank && at < size; i++)
    at += (size_t)snprintf(out + at, size - at, "%s%lld", i ? "," : "", (long long)tensor->dims[i]);
  if (at < size) snprintf(out + at, size - at, "]");
  return out;
}

int64_t bd_dims_product(const int64_t *dims, int from, int to) {
  int64_t product = 1;
  for (int i = from; i < to; i++)
    product *= dims[i];
  return product;
}

bd_wide bd_type_wide(bd_type type) {
  switch (type) {
  case BD_TYPE_FLOAT:
  case BD_TYPE_FLOAT16:
  case BD_TYPE_BFLOAT16:
    return BD_WIDE_FLOAT;
  case BD_TYPE_DOUBLE:
    return BD_WIDE_DOUBLE;
  case BD_TYPE_UINT8:
  case BD_TYPE_UINT16:
  case BD_TYPE_UINT32:
  case BD_TYPE_UINT64:
  case BD_TYPE_BOOL:
    return BD_WIDE_UINT;
  default:
    return BD_WIDE_INT;
  }
}

bool bd_type_is_wide(bd_type type) {
  return type == BD_TYPE_FLOAT || type == BD_TYPE_DOUBLE || type == BD_TYPE_INT64 ||
         type == BD_TYPE_UINT64;
}

#define COPY_LOOP(FROM, TO)                                                                        \
  do {                                                                                             \
    const FROM *source = from;                                                                     \
    TO *target = to;                                                                               \
    for (int64_t i = 0; i < count; i++)                                                            \
      target[i] = (TO)source[i];                                                                   \
  } while (0)

void bd_widen(bd_type type, const void *from, int64_t count, void *to) {
  switch (type) {
  case BD_TYPE_FLOAT16:
    bd_dtype_to_float(BD_FLOAT16, from, (size_t)count, to);
    break;
  case BD_TYPE_BFLOAT16:
    bd_dtype_to_float(BD_BFLOAT16, from, (size_t)count, to);
    break;
  case BD_TYPE_INT8:
    COPY_LOOP(int8_t, int64_t);
    break;
  case BD_TYPE_INT16:
    COPY_LOOP(int16_t, int64_t);
    break;
  case BD_TYPE_INT32:
    COPY_LOOP(int32_t, int64_t);
    break;
  case BD_TYPE_UINT8:
  case BD_TYPE_BOOL:
    COPY_LOOP(uint8_t, uint64_t);
    break;
  case BD_TYPE_UINT16:
    COPY_LOOP(uint16_t, uint64_t);
    break;
  case BD_TYPE_UINT32:
    COPY_LOOP(uint32_t, uint64_t);
    break;
  default:
    memcpy(to, from, (size_t)count * bd_type_size(type));
  }
}

void bd_narrow(bd_type type, const void *from, int64_t count, void *to) {
  switch (type) {
  case BD_TYPE_FLOAT16:
    bd_dtype_from_float(BD_FLOAT16, from, (size_t)count, to);
    break;
  case BD_TYPE_BFLOAT16:
    bd_dtype_from_float(BD_BFLOAT16, from, (size_t)count, to);
    break;
  case BD_TYPE_INT8:
    COPY_LOOP(int64_t, int8_t);
    break;
  case BD_TYPE_INT16:
    COPY_LOOP(int64_t, int16_t);
    break;
  case BD_TYPE_INT32:
    COPY_LOOP(int64_t, int32_t);
    break;
  case BD_TYPE_UINT8:
  case BD_TYPE_BOOL:
    COPY_LOOP(uint64_t, uint8_t);
    break;
  case BD_TYPE_UINT16:
    COPY_LOOP(uint64_t, uint16_t);
    break;
  case BD_TYPE_UINT32:
    COPY_LOOP(uint64_t, uint32_t);
    break;
  default:
    memcpy(to, from, (size_t)count * bd_type_size(type));
  }
}

// --- Cast ----------------------------------------------------------------------------------------

// The range of an integer type, as doubles that convert without overflow.
static void limits(bd_type type, double *low, double *high) {
  int bits = (int)bd_type_size(type) * 8;
  bool is_signed = bd_type_wide(type) == BD_WIDE_INT;
  *low = is_signed ? -ldexp(1, bits - 1) : 0;
  *high = ldexp(1, is_signed ? bits - 1 : bits);
  *high = bits == 64 ? nextafter(*high, 0) : *high - 1;
}

static void reals_to_integers(const double *from, bd_type type, int64_t count, void *wide) {
  double low, high;
  limits(type, &low, &high);
  bool is_signed = bd_type_wide(type) == BD_WIDE_INT;
  for (int64_t i = 0; i < count; i++) {
    double value = isnan(from[i]) ? 0 : trunc(from[i]);
    value = value < low ? low : value > high ? high : value;
    if (is_signed)
      ((int64_t *)wide)[i] = (int64_t)value;
    else
      ((uint64_t *)wide)[i] = (uint64_t)value;
  }
}

static void to_doubles(bd_type type, const void *wide, int64_t count, double *to) {
  const void *from = wide;
  switch (bd_type_wide(type)) {
  case BD_WIDE_FLOAT:
    COPY_LOOP(float, double);
    break;
  case BD_WIDE_DOUBLE:
    memcpy(to, wide, (size_t)count * sizeof *to);
    break;
  case BD_WIDE_INT:
    COPY_LOOP(int64_t, double);
    break;
  case BD_WIDE_UINT:
    COPY_LOOP(uint64_t, double);
    break;
  }
}

static void to_bools(const double *values, int64_t count, uint8_t *to) {
  for (int64_t i = 0; i < count; i++)
    to[i] = values[i] != 0;
}

static void to_floats(const double *from, int64_t count, float *to) {
  for (int64_t i = 0; i < count; i++)
    to[i] = (float)from[i];
}

static void convert_some(bd_type from_type, const void *from, bd_type to_type, void *to,
                         int64_t count) {
  wide_some wide;
  double real[SOME];
  bd_widen(from_type, from, count, &wide);
  if (!bd_type_is_real(from_type) && !bd_type_is_real(to_type) && to_type != BD_TYPE_BOOL) {
    bd_narrow(to_type, &wide, count, to); // integers wrap
    return;
  }
  to_doubles(from_type, &wide, count, real);
  if (to_type == BD_TYPE_BOOL)
    to_bools(real, count, to);
  else if (to_type == BD_TYPE_DOUBLE)
    memcpy(to, real, (size_t)count * sizeof *real);
  else if (bd_type_is_real(to_type)) {
    to_floats(real, count, wide.floats);
    bd_narrow(to_type, &wide, count, to);
  } else {
    reals_to_integers(real, to_type, count, &wide);
    bd_narrow(to_type, &wide, count, to);
  }
}

void bd_convert(bd_type from_type, const void *from, bd_type to_type, void *to, int64_t count) {
  size_t from_size = bd_type_size(from_type), to_size = bd_type_size(to_type);
  if (from_type == to_type) {
    if (count) memcpy(to, from, (size_t)count * from_size);
    return;
  }
  for (int64_t at = 0; at < count; at += SOME)
    convert_some(from_type, (const char *)from + (size_t)at * from_size, to_type,
                 (char *)to + (size_t)at * to_size, count - at < SOME ? count - at : SOME);
}

bool bd_tensor_has_nan(const bd_tensor *tensor) {
  if (!bd_type_is_real(tensor->type) || !tensor->data) return false;
  const float *floats = tensor->type == BD_TYPE_FLOAT ? tensor->data : NULL;
  for (int64_t i = 0; i < tensor->count; i++)
    if (floats ? isnan(floats[i]) : isnan(bd_tensor_real(tensor, i))) return true;
  return false;
}

double bd_tensor_real(const bd_tensor *tensor, int64_t index) {
  double value = 0;
  bd_convert(tensor->type, (const char *)tensor->data + (size_t)index * bd_type_size(tensor->type),
             BD_TYPE_DOUBLE, &value, 1);
  return value;
}

int64_t bd_tensor_integer(const bd_tensor *tensor, int64_t index) {
  int64_t value = 0;
  bd_convert(tensor->type, (const char *)tensor->data + (size_t)index * bd_type_size(tensor->type),
             BD_TYPE_INT64, &value, 1);
  return value;
}
