// Tensors as the engine sees them: ONNX element types, at most 8 dimensions, row-major unless
// their channels stand last.
#ifndef BD_ENGINE_TENSOR_H
#define BD_ENGINE_TENSOR_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BD_DIMS_MAX = 8 };

// Numbers are ONNX's own (TensorProto.DataType); others are refused.
typedef enum bd_type {
  BD_TYPE_NONE = 0,
  BD_TYPE_FLOAT = 1,
  BD_TYPE_UINT8 = 2,
  BD_TYPE_INT8 = 3,
  BD_TYPE_UINT16 = 4,
  BD_TYPE_INT16 = 5,
  BD_TYPE_INT32 = 6,
  BD_TYPE_INT64 = 7,
  BD_TYPE_BOOL = 9,
  BD_TYPE_FLOAT16 = 10,
  BD_TYPE_DOUBLE = 11,
  BD_TYPE_UINT32 = 12,
  BD_TYPE_UINT64 = 13,
  BD_TYPE_BFLOAT16 = 16,
} bd_type;

typedef struct bd_tensor {
  bd_type type;
  int rank;
  int64_t dims[BD_DIMS_MAX];
  int64_t count; // product of dims; 1 for a scalar
  bool last;     // channels (axis 1) vary fastest; otherwise row-major
  void *data;    // NULL: the values are not known; never NULL for a known tensor without elements
} bd_tensor;

// What data points to where a known tensor has no elements.
extern const char bd_nothing[16];

const char *bd_type_name(bd_type type); // "float32"
size_t bd_type_size(bd_type type);      // bytes; 0 for a type that the engine does not have
bool bd_type_is_real(bd_type type);     // float, double, float16, bfloat16

// Sets type, rank, dims and count; data NULL, row-major. False where a dimension is negative, the
// rank is over 8 or the bytes pass 2^62.
bool bd_tensor_shape(bd_tensor *tensor, bd_type type, int rank, const int64_t *dims);
size_t bd_tensor_bytes(const bd_tensor *tensor);
bool bd_tensor_same_shape(const bd_tensor *a, const bd_tensor *b);
// "float32[1,3,224,224]". Returns out.
char *bd_tensor_text(const bd_tensor *tensor, char *out, size_t size);
// Product of dims[from..to).
int64_t bd_dims_product(const int64_t *dims, int from, int to);

// The four types that arithmetic is written for; every other type is widened to one of them.
typedef enum bd_wide { BD_WIDE_FLOAT, BD_WIDE_DOUBLE, BD_WIDE_INT, BD_WIDE_UINT } bd_wide;
bd_wide bd_type_wide(bd_type type);
bool bd_type_is_wide(bd_type type); // float, double, int64, uint64: widening is the identity
// count elements of a type ↔ float, double, int64_t or uint64_t. Narrowing wraps integers and
// rounds reals.
void bd_widen(bd_type type, const void *from, int64_t count, void *to);
void bd_narrow(bd_type type, const void *from, int64_t count, void *to);

// Converts between any two types as ONNX's Cast does: towards zero for real → integer, saturating
// where C leaves it open, NaN → 0.
void bd_convert(bd_type from_type, const void *from, bd_type to_type, void *to, int64_t count);

// Is there NaN among its values?
bool bd_tensor_has_nan(const bd_tensor *tensor);

// One element as a number.
double bd_tensor_real(const bd_tensor *tensor, int64_t index);
int64_t bd_tensor_integer(const bd_tensor *tensor, int64_t index);

#endif
