// The decoded ONNX messages behind a model, for rooms that read the graph itself (engine, export).
#ifndef BD_MODEL_PROTO_H
#define BD_MODEL_PROTO_H

#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>

// The model's message, with a graph. It belongs to the model and lives as long.
const Onnx__ModelProto *bd_model_proto(const bd_model *model);

// The layer whose values that tensor of the message holds, or -1.
int bd_model_layer_of(const bd_model *model, const Onnx__TensorProto *tensor);

// The raw data of a tensor of that message, in memory: its pointer in the message leads to where a
// file is mapped, which may change or end at any time. *owned: fresh memory that the caller frees,
// or NULL: the model's own. BD_INVALID: an external tensor whose data file cannot be read;
// BD_FAILED: the file has changed. Any thread.
bd_status bd_model_raw(const bd_model *model, const Onnx__TensorProto *tensor, const void **data,
                       void **owned, bd_error *err);

// Where a layer's weights are stored, in that message; NULL for a refused layer and for one that is
// stored as a Constant node's bare numbers.
const Onnx__TensorProto *bd_model_layer_proto(const bd_model *model, int layer);

#endif
