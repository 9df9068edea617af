// Element types: names, and values to floats and back. Little-endian hosts only, as ONNX's raw
// data.
#ifndef BD_MODEL_DTYPE_H
#define BD_MODEL_DTYPE_H

#include "core/model/model.h"

// "float32", "int64", …: the name of an ONNX element type (TensorProto.DataType), newer ones than
// the schema's included; NULL for a number that means nothing.
const char *bd_element_name(int32_t element);

// The weight type of an ONNX element type; false where weights cannot have it.
bool bd_element_dtype(int32_t element, bd_dtype *out);

// Bytes of one value.
size_t bd_dtype_size(bd_dtype type);

// count values of a type → floats. `from` is aligned for the type.
void bd_dtype_to_float(bd_dtype type, const void *from, size_t count, float *to);
// Rounds each value to the type.
void bd_dtype_from_float(bd_dtype type, const float *from, size_t count, void *to);

#endif
