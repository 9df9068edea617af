// The inputs and outputs of the main graph, as the model shows them.
#ifndef BD_MODEL_PORTS_H
#define BD_MODEL_PORTS_H

#include "core/model/arena.h"
#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>

// Fills inputs, outputs and their counts. False without memory.
bool bd_ports_list(const Onnx__GraphProto *graph, bd_arena *arena, bd_model_info *info);

// What a graph declares of a value; its name is the message's. False without memory.
bool bd_port_read(const Onnx__ValueInfoProto *said, bd_arena *arena, bd_port *out);

#endif
