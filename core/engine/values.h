// ONNX's stored tensors → tensors. For core/engine alone.
#ifndef BD_ENGINE_VALUES_H
#define BD_ENGINE_VALUES_H

#include "core/engine/tensor.h"

#include <onnx/onnx.pb-c.h>

// The values of a stored tensor: a view of the message where it can be (*owned NULL), else fresh
// memory, which the caller frees. BD_INVALID, with `name` in front: strings, external data, data
// that do not fit the shape.
bd_status bd_values_of_proto(const Onnx__TensorProto *proto, const char *name, bd_tensor *out,
                             void **owned, bd_error *err);

// The value of a Constant node; the rest as above.
bd_status bd_values_of_constant(const Onnx__NodeProto *node, bd_tensor *out,
                                const Onnx__TensorProto **stored, void **owned, bd_error *err);

#endif
