// The decoded ONNX messages behind a model, for rooms that read the graph itself (engine, export).
#ifndef BD_MODEL_PROTO_H
#define BD_MODEL_PROTO_H

#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>

// The model's message, with a graph. It belongs to the model and lives as long.
const Onnx__ModelProto *bd_model_proto(const bd_model *model);

// Where a layer's weights are stored, in that message; NULL for a refused layer and for one that is
// stored as a Constant node's bare numbers.
const Onnx__TensorProto *bd_model_layer_proto(const bd_model *model, int layer);

#endif
