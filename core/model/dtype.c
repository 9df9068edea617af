#include "core/model/dtype.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ONNX stores raw data little-endian");

static const char *const elements[] = {NULL,
                                       "float32",
                                       "uint8",
                                       "int8",
                                       "uint16",
                                       "int16",
                                       "int32",
                                       "int64",
                                       "string",
                                       "bool",
                                       "float16",
                                       "float64",
                                       "uint32",
                                       "uint64",
                                       "complex64",
                                       "complex128",
                                       "bfloat16",
                                       "float8e4m3fn",
                                       "float8e4m3fnuz",
                                       "float8e5m2",
                                       "float8e5m2fnuz",
                                       "uint4",
                                       "int4",
                                       "float4e2m1",
                                       "float8e8m0",
                                       "uint2",
                                       "int2"};

enum { ELEMENT_COUNT = sizeof elements / sizeof *elements };

// A floating type narrower than double: digits of its significand, the exponent of its smallest
// step, its largest value.
typedef struct format {
  int32_t element; // TensorProto.DataType
  size_t size;
  int digits, least;
  double largest;
} format;

static const format formats[] = {
    [BD_FLOAT32] = {1, 4, 24, -149, 0x1.fffffep127},
    [BD_FLOAT16] = {10, 2, 11, -24, 65504},
    [BD_BFLOAT16] = {16, 2, 8, -133, 0x1.fep127},
    [BD_FLOAT64] = {11, 8, 53, -1074, 0x1.fffffffffffffp1023},
};

const char *bd_element_name(int32_t element) {
  return element > 0 && element < ELEMENT_COUNT ? elements[element] : NULL;
}

bool bd_element_dtype(int32_t element, bd_dtype *out) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    if (formats[i].element != element) continue;
    *out = (bd_dtype)i;
    return true;
  }
  return false;
}

const char *bd_dtype_name(bd_dtype type) {
  return elements[formats[type].element];
}

size_t bd_dtype_size(bd_dtype type) {
  return formats[type].size;
}

double bd_dtype_round(bd_dtype type, double value) {
  if (type == BD_FLOAT32 || type == BD_FLOAT64 || value == 0 || !isfinite(value)) return value;
  const format *to = &formats[type];
  int exponent;
  frexp(value, &exponent);
  int step = exponent - to->digits > to->least ? exponent - to->digits : to->least;
  double rounded = ldexp(rint(ldexp(value, -step)), step);
  return fabs(rounded) > to->largest ? copysign(INFINITY, value) : rounded;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The exponent's bias differs by 112: one exact multiplication mends normal and subnormal values.
static float from_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
  if (rest >= 0x7c00u << 13) return float_of(sign | 0x7f800000 | rest);
  return float_of(sign | bits_of(float_of(rest) * 0x1p112f));
}

static uint16_t to_half(float value) {
  float rounded = (float)bd_dtype_round(BD_FLOAT16, (double)value);
  uint16_t sign = (uint16_t)(bits_of(rounded) >> 16 & 0x8000);
  if (isnan(rounded)) return (uint16_t)(sign | 0x7e00);
  if (isinf(rounded)) return (uint16_t)(sign | 0x7c00);
  return (uint16_t)(sign | bits_of(fabsf(rounded) * 0x1p-112f) >> 13);
}

static uint16_t to_bfloat(float value) {
  if (isnan(value)) return (uint16_t)(bits_of(value) >> 16 | 0x40);
  return (uint16_t)(bits_of((float)bd_dtype_round(BD_BFLOAT16, (double)value)) >> 16);
}

void bd_dtype_to_float(bd_dtype type, const void *from, size_t count, float *to) {
  const uint16_t *words = from;
  const double *doubles = from;
  switch (type) {
  case BD_FLOAT32:
    memcpy(to, from, count * sizeof *to);
    break;
  case BD_FLOAT16:
    for (size_t i = 0; i < count; i++)
      to[i] = from_half(words[i]);
    break;
  case BD_BFLOAT16:
    for (size_t i = 0; i < count; i++)
      to[i] = float_of((uint32_t)words[i] << 16);
    break;
  case BD_FLOAT64:
    for (size_t i = 0; i < count; i++)
      to[i] = (float)doubles[i];
    break;
  }
}

void bd_dtype_from_float(bd_dtype type, const float *from, size_t count, void *to) {
  uint16_t *words = to;
  double *doubles = to;
  switch (type) {
  case BD_FLOAT32:
    memcpy(to, from, count * sizeof *from);
    break;
  case BD_FLOAT16:
    for (size_t i = 0; i < count; i++)
      words[i] = to_half(from[i]);
    break;
  case BD_BFLOAT16:
    for (size_t i = 0; i < count; i++)
      words[i] = to_bfloat(from[i]);
    break;
  case BD_FLOAT64:
    for (size_t i = 0; i < count; i++)
      doubles[i] = (double)from[i];
    break;
  }
}
