// ONNX's stored tensors → tensors. For core/engine alone.
#ifndef BD_ENGINE_VALUES_H
#define BD_ENGINE_VALUES_H

#include "core/engine/tensor.h"
#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>

// Type and shape of a stored tensor, no data. BD_INVALID, with `name` in front.
bd_status bd_values_shape(const Onnx__TensorProto *proto, const char *name, bd_tensor *out,
                          bd_error *err);

// The values of a stored tensor: a view of what the message or its model holds in memory where it
// can be (*owned NULL), else fresh memory, which the caller frees. model: whose message it is part
// of; NULL: a message of its own. BD_INVALID, with `name` in front: strings, a data file that
// cannot be read, data that do not fit the shape. BD_FAILED: the model's file has changed.
bd_status bd_values_of_proto(const bd_model *model, const Onnx__TensorProto *proto,
                             const char *name, bd_tensor *out, void **owned, bd_error *err);

// The value of a Constant node; the rest as above.
bd_status bd_values_of_constant(const bd_model *model, const Onnx__NodeProto *node, bd_tensor *out,
                                const Onnx__TensorProto **stored, void **owned, bd_error *err);

#endif
